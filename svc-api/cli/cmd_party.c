/* cmd_party.c - create, list, join, leave, invite, kick. */
#include <stdio.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/progress.h"
#include "svc-api/cli/table.h"

static void print_invite(const json_t *invite)
{
	say_field("code", "%s", text_at(invite, "code"));
	say_field("link", "%s", text_at(invite, "link"));
	say_field("good until", "%s", text_at(invite, "expires_at"));
	(void)printf("\nA friend types: lanrage join %s\n", text_at(invite, "code"));
}

/* body is taken over. */
static int ask_invite(const struct invocation *invocation, const char *path, json_t *body)
{
	return say_answer(invocation, "POST", path, body, print_invite);
}

int command_create(const struct invocation *invocation)
{
	json_t *body = json_object();

	if (!add_text(body, "name", invocation->arguments[0]) ||
	    !add_text(body, "own_name", invocation->name))
		return 1;
	if (invocation->given & OPTION_LOCAL)
		json_object_set_new(body, "local", json_true());
	progress_begin("asking the server, then waiting for an address");
	return ask_invite(invocation, "party", body);
}

/* body is taken over. words: for people. */
static int change(const struct invocation *invocation, const char *path, json_t *body,
		  const char *words)
{
	struct answer answer;

	if (say_ask(invocation, "POST", path, body, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		(void)puts(words);
	client_clear(&answer);
	return 0;
}

static int revoke(const struct invocation *invocation)
{
	json_t *body = json_object();
	struct error error;

	if (invocation->given & (OPTION_ONCE | OPTION_TTL)) {
		json_decref(body);
		error_set(&error, -1, "--revoke ends a code; --once and --ttl are for new ones");
		(void)say_error(&error);
		return 2;
	}
	if (!add_text(body, "code", invocation->revoke))
		return 1;
	return change(invocation, "party/revoke", body, "Nobody can join by this code any more.");
}

int command_kick(const struct invocation *invocation)
{
	json_t *body = json_object();

	if (!add_text(body, "member", invocation->arguments[0]))
		return 1;
	return change(invocation, "party/kick", body,
		      "Removed. Codes made before are worth nothing now.");
}

int command_invite(const struct invocation *invocation)
{
	json_t *body;

	if (invocation->given & OPTION_REVOKE)
		return revoke(invocation);
	body = json_object();
	if (invocation->given & OPTION_ONCE)
		json_object_set_new(body, "once", json_true());
	if (invocation->ttl_s)
		json_object_set_new(body, "ttl_s", json_integer(invocation->ttl_s));
	return ask_invite(invocation, "party/invite", body);
}

int command_join(const struct invocation *invocation)
{
	json_t *body = json_object();
	struct answer answer;

	if (!add_text(body, "code", invocation->arguments[0]) ||
	    !add_text(body, "name", invocation->name))
		return 1;
	progress_begin("looking for the party, then waiting for an address");
	if (say_ask(invocation, "POST", "party/join", body, &answer) != 0)
		return 1;
	if (wants_json(invocation)) {
		say_json(&answer);
	} else {
		const json_t *self = json_object_get(answer.json, "self");

		say_field("party", "%s", text_at(json_object_get(answer.json, "party"), "name"));
		say_field("you", "%s", text_at(self, "name"));
		say_field("address", "%s", text_at(self, "virtual_ip"));
	}
	client_clear(&answer);
	return 0;
}

int command_leave(const struct invocation *invocation)
{
	return change(invocation, "party/leave", NULL, "You have left the party.");
}

static void print_party(const json_t *party)
{
	static const char *const title[] = {"PARTY", "HOST", "MEMBERS"};
	static const size_t least[] = {20, 20, 0};
	char members[24];
	struct table table;

	(void)snprintf(members, sizeof(members), "%lld",
		       (long long)json_integer_value(json_object_get(party, "members")));
	const char *cells[] = {text_at(party, "name"), text_at(party, "host"), members};
	table_init(&table, 3);
	table.least = least;
	table_add_title(&table, title);
	table_add(&table, cells);
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

/* One at a time in this version, and a list all the same. */
int command_party_list(const struct invocation *invocation)
{
	struct answer answer;
	json_t *party;

	if (say_ask(invocation, "GET", "status", NULL, &answer) != 0)
		return 1;
	party = json_object_get(answer.json, "party");
	if (wants_json(invocation))
		say_own_json(json_is_object(party) ? json_pack("[O]", party) : json_array());
	else if (json_is_object(party))
		print_party(party);
	else
		(void)puts("You are in no party.");
	client_clear(&answer);
	return 0;
}
