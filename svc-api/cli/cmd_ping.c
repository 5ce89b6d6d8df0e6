/* cmd_ping.c - ping: the way to a member, probe by probe. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/interrupt.h"
#include "svc-api/cli/pings.h"

#define PING_COUNT 4
#define EVERY_MS   1000
#define JSON_MS	   200 /* nobody watches */
#define WAY_MAX	   256

struct pinging {
	struct place place;
	char *path;
	json_t *results;
	bool quiet;
	char way[WAY_MAX]; /* of the last answer; "" before the first */
	struct pings pings;
};

/* `direct 203.0.113.7:5555` or `relay eu1`, cleaned. */
static char *way_of(const json_t *pong, char way[WAY_MAX])
{
	bool relayed = strcmp(text_at(pong, "path"), "relay") == 0;
	const char *which =
		text_at(pong, relayed && *text_at(pong, "relay") ? "relay" : "endpoint");
	char words[WAY_MAX];

	(void)snprintf(words, sizeof(words), "%s%s%s", text_at(pong, "path"), *which ? " " : "",
		       which);
	return clean_text(words, strlen(words), way, WAY_MAX);
}

/* Says when the way is another than that of the answer before, in the JSON too. */
static void note_way(struct pinging *pinging, json_t *pong)
{
	char way[WAY_MAX], change[2 * WAY_MAX + 16];

	(void)way_of(pong, way);
	if (*pinging->way && strcmp(pinging->way, way) != 0) {
		(void)snprintf(change, sizeof(change), "%s -> %s", pinging->way, way);
		json_object_set_new(pong, "change", json_string(change));
		if (!pinging->quiet)
			(void)printf("path %s\n", change);
	} else {
		json_object_set_new(pong, "change", json_null());
	}
	(void)snprintf(pinging->way, sizeof(pinging->way), "%s", way);
}

static void take_pong(struct pinging *pinging, json_t *pong)
{
	char rtt[32];

	note_way(pinging, pong);
	pings_answered(&pinging->pings, json_number_value(json_object_get(pong, "rtt_ms")));
	if (pinging->quiet)
		return;
	(void)printf("%s  %s\n", measure_at(pong, "rtt_ms", "ms", rtt), pinging->way);
	(void)fflush(stdout);
}

/* True to go on: an answer that stayed away may come the next time, a wrong name never helps. */
static bool ping_once(struct pinging *pinging)
{
	struct answer answer;
	struct error error;
	int r = client_ask(&pinging->place, "POST", pinging->path, NULL, &answer, &error);
	bool transient = r == 0 || answer.status == 504 || answer.status == 409;

	if (r == 0)
		take_pong(pinging, answer.json);
	else if (transient)
		pings_missed(&pinging->pings);
	if (answer.json)
		json_array_append(pinging->results, answer.json);
	if (r < 0 && (!pinging->quiet || !transient))
		(void)say_error(&error);
	client_clear(&answer);
	return transient;
}

static void ping_all(struct pinging *pinging, uint32_t count)
{
	char text[PINGS_TEXT_SIZE];

	interrupt_catch();
	for (uint32_t i = 0; i < count && !interrupt_came(); i++) {
		if (i > 0 && !interrupt_sleep(pinging->quiet ? JSON_MS : EVERY_MS))
			break;
		if (!ping_once(pinging))
			break;
	}
	if (pinging->quiet && json_array_size(pinging->results) > 0)
		say_own_json(json_incref(pinging->results));
	else if (!pinging->quiet && pinging->pings.sent > 0)
		(void)puts(pings_summary(&pinging->pings, text));
}

int command_ping(const struct invocation *invocation)
{
	struct pinging pinging = {.results = json_array(), .quiet = wants_json(invocation)};
	uint32_t count = invocation->count ? invocation->count : PING_COUNT;
	char *name = client_escape(invocation->arguments[0]);
	struct error error;
	int r = place_find(&pinging.place, invocation->run, &error);

	if (r == 0)
		r = place_read_token(&pinging.place, &error);
	if (r == 0 && (!name || asprintf(&pinging.path, "peers/%s/ping", name) < 0))
		r = error_set(&error, -1, "out of memory");
	if (r == 0)
		ping_all(&pinging, count);
	else
		(void)say_error(&error);
	json_decref(pinging.results);
	place_clear(&pinging.place);
	free(pinging.path);
	free(name);
	return pinging.pings.received > 0 ? 0 : 1;
}
