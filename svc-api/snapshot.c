#include "svc-api/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static void decode_control(struct snapshot *snapshot, const struct gather_ask *ask)
{
	if (control_status_decode(&snapshot->control_status, ask->answer, ask->answer_length) == 0)
		snapshot->control = &snapshot->control_status;
	else
		error_set(&snapshot->control_error, -EPROTO, "the answer is malformed");
}

static void decode_nat(struct snapshot *snapshot, const struct gather_ask *ask)
{
	if (nat_state_decode(&snapshot->nat_state, ask->answer, ask->answer_length) == 0)
		snapshot->nat = &snapshot->nat_state;
}

static void decode_dataplane(struct snapshot *snapshot, const struct gather_ask *ask)
{
	if (dataplane_state_decode(&snapshot->dataplane_state, ask->answer, ask->answer_length) ==
	    0)
		snapshot->dataplane = &snapshot->dataplane_state;
}

static const struct source {
	enum service_id id;
	uint32_t type;
	void (*decode)(struct snapshot *snapshot, const struct gather_ask *ask);
} sources[] = {
	{SERVICE_CONTROL, CONTROL_GET_STATUS, decode_control},
	{SERVICE_NAT, NAT_GET_STATE, decode_nat},
	{SERVICE_DATAPLANE, DATAPLANE_GET_STATE, decode_dataplane},
	{SERVICE_METRICS, BUS_REQUEST_PING, NULL},
	{SERVICE_BROWSER, BUS_REQUEST_PING, NULL},
};
#define SOURCES (sizeof(sources) / sizeof(sources[0]))

static void take_answer(struct snapshot *snapshot, const struct source *source,
			const struct gather_ask *ask)
{
	if (ask->error.code == 0) {
		snapshot->answered |= BUS_FROM(source->id);
		if (source->decode)
			source->decode(snapshot, ask);
	} else if (source->id == SERVICE_CONTROL) {
		snapshot->control_error = ask->error;
	}
}

void snapshot_take(struct snapshot *snapshot, struct gather *gather, const char *run,
		   uint32_t services)
{
	struct gather_ask asks[SOURCES] = {0};
	const struct source *asked[SOURCES];
	size_t n = 0;

	memset(snapshot, 0, sizeof(*snapshot));
	snapshot->asked = services;
	for (size_t i = 0; i < SOURCES; i++) {
		if (!(services & BUS_FROM(sources[i].id)))
			continue;
		asked[n] = &sources[i];
		asks[n++] = (struct gather_ask){.to = sources[i].id,
						.type = sources[i].type,
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
	snapshot->control = NULL;
	snapshot->nat = NULL;
	snapshot->dataplane = NULL;
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
