/* cmd_status.c - status, up, down, restart. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

static void print_party(const json_t *status)
{
	const json_t *party = json_object_get(status, "party");
	const json_t *self = json_object_get(status, "self");

	if (json_is_object(party))
		say_field("party", "%s, host %s, members: %lld", text_at(party, "name"),
			  *text_at(party, "host") ? text_at(party, "host") : "-",
			  (long long)json_integer_value(json_object_get(party, "members")));
	else if (json_is_null(json_object_get(self, "id")))
		say_field("party", "unknown: the control service does not answer");
	else
		say_field("party", "none; begin one with `lanrage party create NAME`, or come to "
				   "a friend's with `lanrage join CODE`");
	say_field("you", "%s", text_at(self, "name"));
	say_field("address", "%s", text_at(self, "virtual_ip"));
}

/* What last happened to the party is no part of its status. */
static void print_notice(const struct invocation *invocation)
{
	struct answer answer;

	if (say_ask(invocation, "GET", "network", NULL, &answer) != 0)
		return;
	if (*text_at(answer.json, "notice"))
		say_field("notice", "%s", text_at(answer.json, "notice"));
	client_clear(&answer);
}

static void print_ways(const json_t *status)
{
	const json_t *server = json_object_get(status, "server");
	const json_t *relay = json_object_get(status, "relay");
	const json_t *nat = json_object_get(status, "nat");
	char rtt[32];

	if (*text_at(server, "url"))
		say_field("server", "%s, %s", text_at(server, "url"),
			  strcmp(text_at(server, "state"), "none") == 0 ? "not in use now"
									: text_at(server, "state"));
	else if (strcmp(text_at(server, "state"), "none") == 0)
		say_field("server", "none set: parties are for this network; `lanrage settings "
				    "server_url ws://HOST:PORT` for others");
	else
		say_field("server", "%s", "");
	if (json_is_object(relay))
		say_field("relay", "%s, %s%s, %s", text_at(relay, "name"), text_at(relay, "state"),
			  strcmp(text_at(relay, "transport"), "tcp") == 0 ? " by TCP" : "",
			  measure_at(relay, "rtt_ms", "ms", rtt));
	else
		say_field("relay", "%s", "");
	say_field("router", "%s%s%s", text_at(nat, "mapping"),
		  *text_at(nat, "filtering") ? ", filtering " : "", text_at(nat, "filtering"));
}

static void print_engine(const json_t *engine)
{
	static const char *const names[] = {"tso", "uso", "gso", "gro"};
	const json_t *offloads = json_object_get(engine, "offloads");
	char on[32] = "";

	if (!json_is_object(engine)) {
		say_field("engine", "%s", "");
		return;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t used = strlen(on);

		if (json_is_true(json_object_get(offloads, names[i])))
			(void)snprintf(on + used, sizeof(on) - used, " %s", names[i]);
	}
	say_field("engine", "%s, %lld ns a packet; offloads:%s", text_at(engine, "cipher"),
		  (long long)json_integer_value(json_object_get(engine, "cipher_ns")),
		  *on ? on : " none");
}

static void print_services(const json_t *services)
{
	static const char *const title[] = {"SERVICE", "STATE", "UP FOR", "RESTARTS"};
	struct table table;
	const char *name;
	json_t *service;

	table_init(&table, 4);
	table_add_title(&table, title);
	/* The macro wants a pointer that is not const, and only reads. */
	json_object_foreach((json_t *)(uintptr_t)services, name, service)
	{
		const json_t *uptime = json_object_get(service, "uptime_s");
		char age[DURATION_TEXT_SIZE] = "", restarts[24];

		if (json_is_integer(uptime))
			duration_format((uint64_t)json_integer_value(uptime), age);
		const char *cells[] = {name, text_at(service, "state"), age,
				       integer_at(service, "restarts", restarts)};
		table_add(&table, cells);
		table_paint(&table, 1, terminal_paint_of(cells[1]));
	}
	(void)putchar('\n');
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static int show_status(const struct invocation *invocation, const char *method, const char *path)
{
	struct answer answer;

	if (say_ask(invocation, method, path, NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation)) {
		say_json(&answer);
	} else {
		print_party(answer.json);
		print_notice(invocation);
		print_ways(answer.json);
		print_engine(json_object_get(answer.json, "engine"));
		print_services(json_object_get(answer.json, "services"));
	}
	client_clear(&answer);
	return 0;
}

int command_status(const struct invocation *invocation)
{
	return show_status(invocation, "GET", "status");
}

static int change(const struct invocation *invocation, const char *path, const char *in_party,
		  const char *alone)
{
	struct answer answer;

	if (say_ask(invocation, "POST", path, NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		(void)puts(json_is_object(json_object_get(answer.json, "party")) ? in_party
										 : alone);
	client_clear(&answer);
	return 0;
}

int command_up(const struct invocation *invocation)
{
	return change(invocation, "up", "Connecting; `lanrage peers` shows the others.",
		      "You are in no party yet: `lanrage join CODE` comes to a friend's.");
}

int command_down(const struct invocation *invocation)
{
	return change(invocation, "down", "Disconnected; `lanrage up` connects again.",
		      "Disconnected.");
}

int command_restart(const struct invocation *invocation)
{
	char *name = client_escape(invocation->arguments[0]), *path = NULL;
	struct answer answer;
	int r = 1;

	if (name && asprintf(&path, "services/%s/restart", name) >= 0)
		r = say_ask(invocation, "POST", path, NULL, &answer);
	free(path);
	free(name);
	if (r != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	client_clear(&answer);
	return 0;
}
