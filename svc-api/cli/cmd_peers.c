/* cmd_peers.c - peers, once or again and again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/interrupt.h"
#include "svc-api/cli/table.h"

#define WATCH_MS 1000

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
	table_paint(table, 2, terminal_paint_of(cells[2]));
	if (strncmp(path, "relay ", 6) == 0)
		table_paint(table, 3, PAINT_FAIR);
	else
		table_paint(table, 3, terminal_paint_of(path));
}

static void print_peers(const json_t *peers)
{
	static const char *const title[] = {"NAME", "ADDRESS", "STATE", "PATH",
					    "PING", "JITTER",  "LOSS"};
	static const size_t least[] = {8, 0, 0, 8, 0, 0, 0};
	char name[256], text[512];
	struct table table;
	size_t i;
	json_t *peer;

	table_init(&table, 7);
	table.least = least;
	table_add_title(&table, title);
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

/* A list of peers as the API gives it. */
static void show_peers(const json_t *peers)
{
	if (json_array_size(peers) == 0)
		(void)puts("Nobody else is here; `lanrage invite` prints a code for a friend.");
	else
		print_peers(peers);
}

/* ---- --watch */

/* What is measured changes all the time; this is what is news. */
static json_t *news_of(const json_t *peers)
{
	static const char *const keys[] = {"id",    "name", "virtual_ip", "online",   "path",
					   "state", "host", "relay",	  "endpoint", "reason"};
	json_t *news = json_array(), *peer;
	size_t i;

	json_array_foreach(peers, i, peer)
	{
		json_t *of_one = json_object();

		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
			json_object_set(of_one, keys[k], json_object_get(peer, keys[k]));
		json_array_append_new(news, of_one);
	}
	return news;
}

static void show_again(const struct invocation *invocation, const struct answer *answer,
		       bool changed, bool terminal)
{
	if (wants_json(invocation)) {
		say_json(answer);
	} else if (terminal) {
		(void)fputs("\033[H\033[J", stdout); /* home, and clear all below */
		show_peers(answer->json);
	} else if (changed) {
		show_peers(answer->json);
		(void)putchar('\n');
	}
	(void)fflush(stdout);
}

/* Ends by Ctrl-C, when nobody reads any more, or when the API refuses at the very start. */
static int watch_peers(const struct invocation *invocation)
{
	bool terminal = terminal_moves(STDOUT_FILENO);
	json_t *before = NULL;
	int result = 1;

	interrupt_catch();
	do {
		struct answer answer;
		json_t *news;

		if (say_ask(invocation, "GET", "peers", NULL, &answer) != 0) {
			if (!before)
				break;
			continue; /* it may be back the next time */
		}
		result = 0;
		news = news_of(answer.json);
		show_again(invocation, &answer, !before || !json_equal(before, news), terminal);
		json_decref(before);
		before = news;
		client_clear(&answer);
	} while (interrupt_sleep(WATCH_MS) && !ferror(stdout));
	json_decref(before);
	return result;
}

int command_peers(const struct invocation *invocation)
{
	struct answer answer;

	if (invocation->given & OPTION_WATCH)
		return watch_peers(invocation);
	if (say_ask(invocation, "GET", "peers", NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		show_peers(answer.json);
	client_clear(&answer);
	return 0;
}
