#include "svc-api/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* ---- one answer each; false: malformed */

static bool take_control(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (control_status_decode(&snapshot->control_status, bytes, length) < 0)
		return false;
	snapshot->control = &snapshot->control_status;
	return true;
}

static bool take_nat(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (nat_state_decode(&snapshot->nat_state, bytes, length) < 0)
		return false;
	snapshot->nat = &snapshot->nat_state;
	return true;
}

static bool take_dataplane(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (dataplane_state_decode(&snapshot->dataplane_state, bytes, length) < 0)
		return false;
	snapshot->dataplane = &snapshot->dataplane_state;
	return true;
}

static bool take_peers(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (metrics_peers_decode(&snapshot->metrics_peers, bytes, length) < 0)
		return false;
	snapshot->peers = &snapshot->metrics_peers;
	return true;
}

static bool take_system(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (metrics_system_decode(&snapshot->metrics_system, bytes, length) < 0)
		return false;
	snapshot->system = &snapshot->metrics_system;
	return true;
}

static bool take_servers(struct snapshot *snapshot, const uint8_t *bytes, size_t length)
{
	if (browser_servers_decode(&snapshot->browser_servers, bytes, length) < 0)
		return false;
	snapshot->servers = &snapshot->browser_servers;
	return true;
}

static const struct source {
	enum service_id id;
	uint32_t type;
	bool (*take)(struct snapshot *snapshot, const uint8_t *bytes, size_t length);
} known[SNAPSHOT_SOURCES] = {
	[SNAPSHOT_CONTROL] = {SERVICE_CONTROL, CONTROL_GET_STATUS, take_control},
	[SNAPSHOT_NAT] = {SERVICE_NAT, NAT_GET_STATE, take_nat},
	[SNAPSHOT_DATAPLANE] = {SERVICE_DATAPLANE, DATAPLANE_GET_STATE, take_dataplane},
	[SNAPSHOT_PEERS] = {SERVICE_METRICS, METRICS_GET_PEERS, take_peers},
	[SNAPSHOT_SYSTEM] = {SERVICE_METRICS, METRICS_GET_SYSTEM, take_system},
	[SNAPSHOT_SERVERS] = {SERVICE_BROWSER, BROWSER_LIST, take_servers},
	[SNAPSHOT_METRICS_ANSWERS] = {SERVICE_METRICS, BUS_REQUEST_PING, NULL},
	[SNAPSHOT_BROWSER_ANSWERS] = {SERVICE_BROWSER, BUS_REQUEST_PING, NULL},
};

enum service_id snapshot_service(enum snapshot_source source)
{
	return known[source].id;
}

/* ---- all of them */

static void take_answer(struct snapshot *snapshot, size_t i, const struct gather_ask *ask)
{
	const struct source *source = &known[i];

	snapshot->errors[i] = ask->error;
	if (ask->error.code != 0)
		return;
	snapshot->answered |= BUS_FROM(source->id);
	if (source->take && !source->take(snapshot, ask->answer, ask->answer_length))
		error_set(&snapshot->errors[i], -EPROTO, "the answer is malformed");
}

void snapshot_take(struct snapshot *snapshot, struct gather *gather, const char *run,
		   uint32_t sources)
{
	struct gather_ask asks[SNAPSHOT_SOURCES] = {0};
	size_t asked[SNAPSHOT_SOURCES], n = 0;

	_Static_assert(SNAPSHOT_SOURCES <= GATHER_ASKS_MAX, "asked at once");
	memset(snapshot, 0, sizeof(*snapshot));
	for (size_t i = 0; i < SNAPSHOT_SOURCES; i++) {
		if (!(sources & SNAPSHOT_OF(i)))
			continue;
		snapshot->asked |= BUS_FROM(known[i].id);
		asked[n] = i;
		asks[n++] = (struct gather_ask){.to = known[i].id,
						.type = known[i].type,
						.timeout_ms = SNAPSHOT_TIMEOUT_MS,
						.repeatable = true};
	}
	gather_run(gather, asks, n);
	for (size_t i = 0; i < n; i++) {
		take_answer(snapshot, asked[i], &asks[i]);
		free(asks[i].answer);
	}
	supervision_read(&snapshot->supervision, run);
	snapshot->now_us = clock_now_us();
}

void snapshot_clear(struct snapshot *snapshot)
{
	if (snapshot->control)
		control_status_clear(&snapshot->control_status);
	if (snapshot->nat)
		nat_state_clear(&snapshot->nat_state);
	if (snapshot->dataplane)
		dataplane_state_clear(&snapshot->dataplane_state);
	if (snapshot->peers)
		metrics_peers_clear(&snapshot->metrics_peers);
	if (snapshot->servers)
		browser_servers_clear(&snapshot->browser_servers);
	snapshot->control = NULL;
	snapshot->nat = NULL;
	snapshot->dataplane = NULL;
	snapshot->peers = NULL;
	snapshot->servers = NULL;
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

const struct dataplane_peer *snapshot_peer(const struct snapshot *snapshot,
					   const uint8_t key[DATAPLANE_KEY_SIZE])
{
	const struct dataplane_state *state = snapshot->dataplane;

	for (size_t i = 0; state && i < state->n_peers; i++)
		if (same_key(state->peers[i].public_key, key))
			return &state->peers[i];
	return NULL;
}

const struct dataplane_path *snapshot_active_path(const struct dataplane_peer *peer)
{
	if (!peer || peer->state != DATAPLANE_PEER_CONNECTED || peer->active_path < 0)
		return NULL;
	return &peer->paths[peer->active_path];
}

const char *snapshot_relay_name(const struct snapshot *snapshot,
				const uint8_t key[DATAPLANE_KEY_SIZE])
{
	const char *name = NULL;

	for (size_t i = 0; snapshot->dataplane && i < snapshot->dataplane->n_relays; i++)
		if (same_key(snapshot->dataplane->relays[i].public_key, key))
			name = snapshot->dataplane->relays[i].name;
	for (size_t i = 0; snapshot->nat && i < snapshot->nat->n_relays; i++)
		if ((!name || !*name) && same_key(snapshot->nat->relays[i].public_key, key))
			name = snapshot->nat->relays[i].name;
	return name && *name ? name : NULL;
}
