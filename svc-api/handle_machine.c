/* handle_machine.c - what svc-metrics measured of this machine, and what the data plane counts. */
#include <stdlib.h>

#include "common/clock.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/range.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

static struct gather_ask question(enum service_id to, uint32_t type)
{
	return (struct gather_ask){
		.to = to, .type = type, .timeout_ms = SNAPSHOT_TIMEOUT_MS, .repeatable = true};
}

void handle_system(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(SERVICE_METRICS, METRICS_GET_SYSTEM);
	struct metrics_system system;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return;
	if (metrics_system_decode(&system, ask.answer, ask.answer_length) == 0)
		reply_json(reply, 200, view_system(&system, clock_wall_us()));
	else
		ask_malformed(&ask, reply);
	free(ask.answer);
}

void handle_system_history(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(SERVICE_METRICS, METRICS_GET_SYSTEM_HISTORY);
	struct metrics_wish wish = {.points = 0};
	struct metrics_system_history history;
	uint8_t *bytes = NULL;
	struct error error;
	ssize_t length;

	if (range_take(request->target, clock_wall_us() / CLOCK_SECOND, &wish, &error) < 0) {
		reply_error(reply, 400, "bad_value", "%s", error.text);
		return;
	}
	length = metrics_wish_encode(&wish, &bytes);
	if (!ask_one(request, reply, &ask, bytes, length))
		return;
	if (metrics_system_history_decode(&history, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_system_history(&history));
		metrics_system_history_clear(&history);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* LAN discovery: the data plane counts, and nobody keeps a history of it. */
void handle_metrics_lan(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(SERVICE_DATAPLANE, DATAPLANE_GET_STATE);
	struct dataplane_state state;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return;
	if (dataplane_state_decode(&state, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_lan(&state));
		dataplane_state_clear(&state);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}
