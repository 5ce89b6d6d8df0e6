/* cmd_peers.c - peers and ping. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

#define PING_COUNT 4

static char *path_words(const json_t *peer, char text[128])
{
	const char *path = text_at(peer, "path");
	const char *relay = text_at(peer, "relay");

	if (strcmp(path, "relay") == 0)
		(void)snprintf(text, 128, "relay %s", relay);
	else if (strcmp(path, "none") == 0)
		(void)snprintf(text, 128, "%s",
			       json_is_false(json_object_get(peer, "online")) ? "offline" : "none");
	else
		(void)snprintf(text, 128, "%s", path);
	return text;
}

static void add_peer(struct table *table, const json_t *peer)
{
	char name[128], path[128], rtt[32], jitter[32], loss[32];
	const char *cells[] = {name,
			       text_at(peer, "virtual_ip"),
			       text_at(peer, "state"),
			       path_words(peer, path),
			       measure_at(peer, "rtt_ms", "ms", rtt),
			       measure_at(peer, "jitter_ms", "ms", jitter),
			       measure_at(peer, "loss_pct", "%", loss)};

	(void)snprintf(name, sizeof(name), "%s%s",
		       *text_at(peer, "name") ? text_at(peer, "name") : text_at(peer, "id"),
		       json_is_true(json_object_get(peer, "host")) ? " (host)" : "");
	table_add(table, cells);
}

static void print_peers(const json_t *peers)
{
	static const char *const title[] = {"NAME", "ADDRESS", "STATE", "PATH",
					    "PING", "JITTER",  "LOSS"};
	char name[256], text[512];
	struct table table;
	size_t i;
	json_t *peer;

	table_init(&table, 7);
	table_add(&table, title);
	json_array_foreach(peers, i, peer) add_peer(&table, peer);
	table_print(&table, 0, stdout);
	table_deinit(&table);
	json_array_foreach(peers, i, peer)
	{
		const char *whose = text_at(peer, "name"), *reason = text_at(peer, "reason");

		if (*reason)
			(void)printf("%s: %s\n",
				     clean_text(whose, strlen(whose), name, sizeof(name)),
				     clean_text(reason, strlen(reason), text, sizeof(text)));
	}
}

int command_peers(const struct invocation *invocation)
{
	struct answer answer;

	if (say_ask(invocation, "GET", "peers", NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else if (json_array_size(answer.json) == 0)
		(void)puts("Nobody else is here; `lanrage invite` prints a code for a friend.");
	else
		print_peers(answer.json);
	client_clear(&answer);
	return 0;
}

/* ---- ping */

struct pinging {
	struct place place;
	char *path;
	json_t *results;
	bool quiet;
	unsigned int answered;
};

static void print_pong(const json_t *pong)
{
	char path[128], endpoint[128], words[128], rtt[32];
	const char *at = text_at(pong, "endpoint");

	(void)path_words(pong, words);
	(void)printf("%s  %s  %s\n", measure_at(pong, "rtt_ms", "ms", rtt),
		     clean_text(words, strlen(words), path, sizeof(path)),
		     clean_text(at, strlen(at), endpoint, sizeof(endpoint)));
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
		pinging->answered++;
	if (answer.json)
		json_array_append(pinging->results, answer.json);
	if (r == 0 && !pinging->quiet)
		print_pong(answer.json);
	else if (r < 0 && (!pinging->quiet || !transient))
		(void)say_error(&error);
	client_clear(&answer);
	return transient;
}

static void ping_all(struct pinging *pinging, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		if (i > 0)
			(void)usleep(pinging->quiet ? 200000 : 1000000);
		if (!ping_once(pinging))
			break;
	}
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
	if (r == 0 && pinging.quiet && json_array_size(pinging.results) > 0)
		say_own_json(json_incref(pinging.results));
	json_decref(pinging.results);
	place_clear(&pinging.place);
	free(pinging.path);
	free(name);
	return pinging.answered > 0 ? 0 : 1;
}
