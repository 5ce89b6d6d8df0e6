#include "svc-api/prometheus.h"

#include <stdlib.h>

#include "svc-api/service.h"
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

char *prometheus_text(struct api *api)
{
	struct gather_ask asks[ASKS] = {
		{.to = SERVICE_METRICS, .type = METRICS_GET_PEERS},
		{.to = SERVICE_METRICS, .type = METRICS_GET_SYSTEM},
	};
	struct snapshot *snapshot = malloc(sizeof(*snapshot));
	char *text = NULL;

	if (!snapshot)
		return NULL;
	for (size_t i = 0; i < ASKS; i++) {
		asks[i].timeout_ms = SNAPSHOT_TIMEOUT_MS;
		asks[i].repeatable = true;
	}
	gather_run(api->gather, asks, ASKS);
	snapshot_take(snapshot, api->gather, api->service->run, SNAPSHOT_ALL);
	text = text_of(snapshot, &asks[0], &asks[1]);
	for (size_t i = 0; i < ASKS; i++)
		free(asks[i].answer);
	snapshot_clear(snapshot);
	free(snapshot);
	return text;
}
