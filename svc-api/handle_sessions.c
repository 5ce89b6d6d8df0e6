/* handle_sessions.c - game sessions: begin, end, list, what the ways to the others were like. */
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* One page has as many as its codec lets through. */
#define PAGE_MAX METRICS_SESSIONS_MAX

/* Takes the encoded question over; the answer is a session. */
static void ask_for_session(const struct request *request, struct reply *reply, uint32_t type,
			    uint8_t *bytes, ssize_t length, int status)
{
	struct gather_ask ask = {.to = SERVICE_METRICS,
				 .type = type,
				 .timeout_ms = BUS_TIMEOUT_MS,
				 .repeatable = type != METRICS_START_SESSION};
	struct metrics_session session;
	struct snapshot *snapshot;

	if (!ask_one(request, reply, &ask, bytes, length))
		return;
	if (metrics_session_decode(&session, ask.answer, ask.answer_length) < 0) {
		ask_malformed(&ask, reply);
	} else {
		snapshot = ask_snapshot(request, SNAPSHOT_OF(SNAPSHOT_CONTROL), reply);
		if (snapshot)
			reply_json(reply, status, view_session(&session, snapshot->control));
		ask_done(snapshot);
		metrics_session_clear(&session);
	}
	free(ask.answer);
}

void handle_start_session(const struct request *request, struct reply *reply)
{
	struct metrics_game game;
	uint8_t *bytes = NULL;
	ssize_t length;

	body_copy(request->body, "game", game.game, sizeof(game.game));
	body_copy(request->body, "server", game.server, sizeof(game.server));
	length = metrics_game_encode(&game, &bytes);
	ask_for_session(request, reply, METRICS_START_SESSION, bytes, length, 201);
}

/* False with the reply made: what is no number is nobody's id. */
static bool take_id(const struct request *request, struct metrics_id *id, struct reply *reply)
{
	const char *text = request->parameter;
	char *end;

	id->id = strtoull(text, &end, 10);
	if (*text >= '1' && *text <= '9' && *end == '\0' && id->id <= INT64_MAX)
		return true;
	reply_error(reply, 404, "not_found",
		    "there is no such game session; `lanrage sessions` lists them");
	return false;
}

static void answer_id(const struct request *request, struct reply *reply, uint32_t type)
{
	struct metrics_id id;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, &id, reply))
		return;
	length = metrics_id_encode(&id, &bytes);
	ask_for_session(request, reply, type, bytes, length, 200);
}

void handle_session(const struct request *request, struct reply *reply)
{
	answer_id(request, reply, METRICS_GET_SESSION);
}

void handle_end_session(const struct request *request, struct reply *reply)
{
	answer_id(request, reply, METRICS_END_SESSION);
}

void handle_sessions(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_METRICS,
				 .type = METRICS_GET_SESSIONS,
				 .timeout_ms = SNAPSHOT_TIMEOUT_MS,
				 .repeatable = true};
	struct metrics_sessions sessions;
	struct metrics_page wish;
	struct target_page page;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (target_page(request->target, &page) < 0) {
		reply_error(reply, 400, "bad_value",
			    "limit and offset: must be whole numbers, limit from 1 to %d",
			    TARGET_PAGE_MAX);
		return;
	}
	wish = (struct metrics_page){.limit = page.limit < PAGE_MAX ? (uint32_t)page.limit
								    : PAGE_MAX,
				     .offset = (uint32_t)page.offset};
	length = metrics_page_encode(&wish, &bytes);
	if (!ask_one(request, reply, &ask, bytes, length))
		return;
	if (metrics_sessions_decode(&sessions, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_sessions(&sessions));
		reply->paged = true;
		reply->total = sessions.total;
		metrics_sessions_clear(&sessions);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}
