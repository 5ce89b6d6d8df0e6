/* handle_prometheus.c - everything there is to tell Prometheus, asked now. */
#include <stdlib.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/snapshot.h"
#include "svc-api/view_prometheus.h"

#define ASKS 2

static char *text_of(const struct snapshot *snapshot, const struct gather_ask *peers_ask,
		     const struct gather_ask *system_ask)
{
	struct metrics_peers peers = {0};
	struct metrics_system system;
	bool has_peers =
		peers_ask->error.code == 0 &&
		metrics_peers_decode(&peers, peers_ask->answer, peers_ask->answer_length) == 0;
	bool has_system =
		system_ask->error.code == 0 &&
		metrics_system_decode(&system, system_ask->answer, system_ask->answer_length) == 0;
	char *text =
		view_prometheus(snapshot, has_peers ? &peers : NULL, has_system ? &system : NULL);

	metrics_peers_clear(&peers);
	return text;
}

/* Whatever answers is told. */
void handle_prometheus(const struct request *request, struct reply *reply)
{
	struct api *api = request->api;
	struct gather_ask asks[ASKS] = {
		{.to = SERVICE_METRICS, .type = METRICS_GET_PEERS},
		{.to = SERVICE_METRICS, .type = METRICS_GET_SYSTEM},
	};
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return;
	}
	for (size_t i = 0; i < ASKS; i++) {
		asks[i].timeout_ms = SNAPSHOT_TIMEOUT_MS;
		asks[i].repeatable = true;
	}
	gather_run(api->gather, asks, ASKS);
	snapshot_take(snapshot, api->gather, api->service->run, SNAPSHOT_ALL);
	reply_text(reply, PROMETHEUS_CONTENT_TYPE, text_of(snapshot, &asks[0], &asks[1]));
	for (size_t i = 0; i < ASKS; i++)
		free(asks[i].answer);
	snapshot_clear(snapshot);
	free(snapshot);
}
