/* handle_status.c - how things are. */
#include <stdlib.h>

#include "common/clock.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* Not every service has been heard of since we started, and we started a moment ago. */
static bool is_starting(struct api *api, const struct snapshot *snapshot)
{
	unsigned int seen = atomic_fetch_or(&api->seen, snapshot->answered) | snapshot->answered;

	return (seen & SNAPSHOT_ALL) != SNAPSHOT_ALL &&
	       snapshot->now_us < api->started_us + API_STARTING_MS * CLOCK_MS;
}

void handle_status(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return;
	}
	snapshot_take(snapshot, request->api->gather, request->api->service->run, SNAPSHOT_ALL);
	if (is_starting(request->api, snapshot))
		reply_error(reply, 503, "starting",
			    "LANrage is starting; try again in a few seconds");
	else
		reply_json(reply, 200, view_status(snapshot));
	snapshot_clear(snapshot);
	free(snapshot);
}

void handle_network(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return;
	}
	snapshot_take(snapshot, request->api->gather, request->api->service->run, SNAPSHOT_PEERS);
	reply_json(reply, 200, view_network(snapshot));
	snapshot_clear(snapshot);
	free(snapshot);
}
