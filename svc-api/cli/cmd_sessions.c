/* cmd_sessions.c - sessions; sessions begin GAME [--server NAME]; sessions end [ID], show ID. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/duration.h"
#include "svc-api/cli/choice.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

#define LENGTH_SIZE (DURATION_TEXT_SIZE + 16)
#define ROW_COLUMNS 5

/* ---- printing */

/* `1 h 12 min`, `running for 12 min`; "" for unknown. */
static const char *length_words(const json_t *session, char text[LENGTH_SIZE])
{
	const json_t *seconds = json_object_get(session, "duration_s");
	char length[DURATION_TEXT_SIZE];

	*text = '\0';
	if (json_is_integer(seconds))
		(void)snprintf(text, LENGTH_SIZE, "%s%s",
			       choice_runs(session) ? "running for " : "",
			       duration_format((uint64_t)json_integer_value(seconds), length));
	return text;
}

static void add_session(struct table *table, const json_t *session)
{
	char id[24], length[LENGTH_SIZE];
	const char *cells[ROW_COLUMNS] = {
		integer_at(session, "id", id), text_at(session, "game"), text_at(session, "server"),
		text_at(session, "started_at"), length_words(session, length)};

	table_add(table, cells);
	if (choice_runs(session))
		table_paint(table, ROW_COLUMNS - 1, PAINT_GOOD);
}

static void print_sessions(const json_t *sessions)
{
	static const char *const title[ROW_COLUMNS] = {"ID", "GAME", "SERVER", "BEGAN", "LENGTH"};
	static const size_t least[ROW_COLUMNS] = {0, 8, 8, 0, 0};
	struct table table;
	size_t i;
	json_t *session;

	if (json_array_size(sessions) == 0) {
		(void)puts("No game sessions yet; `lanrage sessions begin GAME` begins one.");
		return;
	}
	table_init(&table, ROW_COLUMNS);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(sessions, i, session) add_session(&table, session);
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static void print_ways(const json_t *peers)
{
	static const char *const title[] = {"PEER", "PING", "P95", "JITTER", "LOSS", "QUALITY"};
	static const size_t least[] = {12, 0, 0, 0, 0, 0};
	struct table table;
	size_t i;
	json_t *peer;

	table_init(&table, 6);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(peers, i, peer)
	{
		char rtt[32], p95[32], jitter[32], loss[32], quality[24];
		const char *cells[] = {name_of(peer),
				       measure_at(peer, "rtt_ms", "ms", rtt),
				       measure_at(peer, "rtt_p95_ms", "ms", p95),
				       measure_at(peer, "jitter_ms", "ms", jitter),
				       measure_at(peer, "loss_pct", "%", loss),
				       integer_at(peer, "quality", quality)};

		table_add(&table, cells);
	}
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static void print_session(const json_t *session)
{
	const json_t *peers = json_object_get(session, "peers");
	char id[24], length[LENGTH_SIZE];

	say_field("session", "%s", integer_at(session, "id", id));
	say_field("game", "%s", text_at(session, "game"));
	say_field("server", "%s", text_at(session, "server"));
	say_field("began", "%s", text_at(session, "started_at"));
	say_field("length", "%s", length_words(session, length));
	(void)putchar('\n');
	if (json_array_size(peers) > 0)
		print_ways(peers);
	else
		(void)puts("Nobody else was there to be measured.");
}

static void print_begun(const json_t *session)
{
	char id[24];

	(void)printf("Game session %s has begun; `lanrage sessions end %s` ends it.\n",
		     integer_at(session, "id", id), id);
}

/* ---- asking */

int command_sessions(const struct invocation *invocation)
{
	return say_answer(invocation, "GET", "metrics/sessions", NULL, print_sessions);
}

int command_sessions_begin(const struct invocation *invocation)
{
	json_t *body = json_object();

	if (!add_text(body, "game", invocation->arguments[0]) ||
	    !add_text(body, "server", invocation->server))
		return 1;
	return say_answer(invocation, "POST", "metrics/sessions", body, print_begun);
}

int command_sessions_show(const struct invocation *invocation)
{
	return say_answer_of(invocation, "GET", "metrics/sessions/", invocation->arguments[0], "",
			     print_session);
}

static int end(const struct invocation *invocation, const char *id)
{
	return say_answer_of(invocation, "POST", "metrics/sessions/", id, "/end", print_session);
}

/* None or several run. */
static int refuse(const json_t *running)
{
	struct error error;
	struct table table;
	size_t i;
	json_t *session;

	if (json_array_size(running) == 0) {
		error_set(&error, -ENOENT,
			  "no game session is running; `lanrage sessions begin GAME` begins one");
		return say_error(&error);
	}
	error_set(&error, -EINVAL,
		  "several game sessions are running; say which, as in `lanrage sessions end ID`:");
	(void)say_error(&error);
	table_init(&table, 2);
	json_array_foreach(running, i, session)
	{
		char id[24];
		const char *cells[] = {integer_at(session, "id", id), text_at(session, "game")};

		table_add(&table, cells);
	}
	table_print(&table, 2, stderr);
	table_deinit(&table);
	return 1;
}

int command_sessions_end(const struct invocation *invocation)
{
	struct answer answer;
	json_t *running;
	char id[24];
	int status;

	if (invocation->n_arguments > 0)
		return end(invocation, invocation->arguments[0]);
	if (say_ask(invocation, "GET", "metrics/sessions", NULL, &answer) != 0)
		return 1;
	running = choice_running(answer.json);
	status = json_array_size(running) == 1
			 ? end(invocation, integer_at(json_array_get(running, 0), "id", id))
			 : refuse(running);
	json_decref(running);
	client_clear(&answer);
	return status;
}
