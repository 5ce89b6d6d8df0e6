/* cmd_presence.c - the party in the user's Discord profile, for as long as this runs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "svc-api/cli/activity.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/desktop.h"
#include "svc-api/cli/interrupt.h"

#define TICK_MS	  1000
#define ANSWER_MS 2000

struct presence {
	const struct invocation *invocation;
	struct desktop desktop;
	json_t *activity; /* last known; never NULL */
	char party[32];	  /* its id; "" for none */
	uint64_t since_s;
	json_int_t members;
	char code[64], link[256]; /* of the invite made here; "" for none */
	time_t expires_s;
};

/* ---- asking, without a word where nothing comes of it: it may be another time */

static int ask(const struct presence *presence, const char *method, const char *path, json_t *body,
	       struct answer *answer, struct error *error)
{
	struct place place;
	int r = place_find(&place, presence->invocation->run, error);

	*answer = (struct answer){0};
	if (r == 0)
		r = place_read_token(&place, error);
	if (r == 0 && strcmp(method, "GET") == 0)
		r = client_get_within(&place, path, ANSWER_MS, answer, error);
	else if (r == 0)
		r = client_ask(&place, method, path, json_incref(body), answer, error);
	json_decref(body);
	place_clear(&place);
	return r;
}

/* ---- the invite */

static void forget_invite(struct presence *presence)
{
	*presence->code = *presence->link = '\0';
}

static void revoke_invite(struct presence *presence)
{
	struct answer answer;
	struct error error;

	if (!*presence->code)
		return;
	(void)ask(presence, "POST", "party/revoke", json_pack("{s:s}", "code", presence->code),
		  &answer, &error);
	client_clear(&answer);
	forget_invite(presence);
}

/* Only the host can make one, and only where its user said so. */
static void keep_invite(struct presence *presence, const json_t *status)
{
	const json_t *party = json_object_get(status, "party");
	json_int_t members = json_integer_value(json_object_get(party, "members"));
	const char *host = text_at(party, "host");
	struct tm until = {0};
	struct answer answer;
	struct error error;

	if (*presence->link && time(NULL) >= presence->expires_s)
		forget_invite(presence);
	if (members < presence->members) /* where one was removed, all codes have ended */
		revoke_invite(presence);
	presence->members = members;
	if (!(presence->invocation->given & OPTION_INVITE) || *presence->link || !*host ||
	    strcmp(host, text_at(json_object_get(status, "self"), "name")) != 0)
		return;
	if (ask(presence, "POST", "party/invite", json_object(), &answer, &error) == 0 &&
	    strptime(text_at(answer.json, "expires_at"), "%Y-%m-%dT%H:%M:%SZ", &until)) {
		presence->expires_s = timegm(&until);
		(void)snprintf(presence->code, sizeof(presence->code), "%s",
			       text_at(answer.json, "code"));
		(void)snprintf(presence->link, sizeof(presence->link), "%s",
			       text_at(answer.json, "link"));
	}
	client_clear(&answer);
}

/* ---- what is shown */

static void set_activity(struct presence *presence, json_t *activity)
{
	if (!activity)
		return;
	json_decref(presence->activity);
	presence->activity = activity;
}

static void note_party(struct presence *presence, const json_t *status)
{
	const char *id = text_at(json_object_get(status, "party"), "id");

	if (strcmp(id, presence->party) == 0)
		return;
	(void)snprintf(presence->party, sizeof(presence->party), "%s", id);
	presence->since_s = (uint64_t)time(NULL);
	forget_invite(presence);
}

/* Where the API does not answer for a moment, what is shown stays; where nothing runs, it goes. */
static int look(struct presence *presence, struct error *error)
{
	struct answer setup, status = {0};
	int r = ask(presence, "GET", "discord/status", NULL, &setup, error);
	const char *client_id = text_at(setup.json, "app_id");
	bool on = json_is_true(json_object_get(setup.json, "presence")) && *client_id;

	if (r == 0 && on) {
		desktop_use(&presence->desktop, client_id);
		r = ask(presence, "GET", "status", NULL, &status, error);
	}
	if (r == 0 && on) {
		note_party(presence, status.json);
		keep_invite(presence, status.json);
		set_activity(presence,
			     activity_make(status.json, presence->since_s, presence->link));
	} else if (r == 0 || r == -ESRCH) {
		set_activity(presence, json_null());
	}
	client_clear(&setup);
	client_clear(&status);
	return r;
}

/* At the start only: what has to be done first. */
static int check(const struct presence *presence, struct error *error)
{
	struct answer setup;
	int r = ask(presence, "GET", "discord/status", NULL, &setup, error);

	if (r == 0 && !*text_at(setup.json, "app_id"))
		r = error_set(error, -EINVAL,
			      "there is no Discord application to show the party under; make one "
			      "at https://discord.com/developers/applications and give its number: "
			      "lanrage settings discord.app_id NUMBER");
	else if (r == 0 && !json_is_true(json_object_get(setup.json, "presence")))
		r = error_set(error, -EINVAL,
			      "the party is not to be shown in Discord; switch it on: lanrage "
			      "settings discord.presence on");
	client_clear(&setup);
	return r;
}

static void stay(struct presence *presence)
{
	uint64_t looked_us = 0, now_us;
	uint32_t wait_ms = 0;
	struct error error;

	while (interrupt_wait(presence->desktop.fd, wait_ms)) {
		now_us = clock_now_us();
		if (presence->desktop.fd >= 0)
			desktop_read(&presence->desktop, now_us);
		if (looked_us == 0 || now_us >= looked_us + TICK_MS * CLOCK_MS) {
			(void)look(presence, &error);
			looked_us = now_us;
		}
		desktop_show(&presence->desktop, presence->activity, now_us);
		now_us = clock_now_us();
		wait_ms =
			looked_us + TICK_MS * CLOCK_MS > now_us
				? (uint32_t)((looked_us + TICK_MS * CLOCK_MS - now_us) / CLOCK_MS) +
					  1
				: 0;
	}
}

int command_presence(const struct invocation *invocation)
{
	const char *folder = getenv("XDG_RUNTIME_DIR");
	struct presence *presence = calloc(1, sizeof(*presence));
	struct error error;
	int r;

	if (!presence)
		return 1;
	presence->invocation = invocation;
	presence->activity = json_null();
	desktop_init(&presence->desktop, folder);
	r = check(presence, &error);
	if (r == 0 && (!folder || !*folder))
		r = error_set(&error, -EINVAL,
			      "XDG_RUNTIME_DIR is not set, where Discord listens; run this as the "
			      "user of the desktop, not by sudo");
	if (r == 0) {
		interrupt_catch();
		(void)fprintf(stderr, "Discord shows the party until this ends (Ctrl-C).\n");
		stay(presence);
	}
	desktop_deinit(&presence->desktop);
	revoke_invite(presence);
	json_decref(presence->activity);
	free(presence);
	return r < 0 ? say_error(&error) : 0;
}
