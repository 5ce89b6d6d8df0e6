/* engine_state(): what there is, copied out for those who ask. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/engine_private.h"

static void fill_path(struct dataplane_path *out, const struct path *path, uint64_t now_us)
{
	memset(out, 0, sizeof(*out));
	out->kind = path->kind;
	out->origin = path->origin;
	out->state = path->state;
	out->endpoint = path->relay ? path->relay->endpoint : path->endpoint;
	if (path->relay)
		memcpy(out->relay, tunnel_key(&path->relay->tunnel), sizeof(out->relay));
	out->rtt_us = path->probes.srtt_us ? path->probes.srtt_us : DATAPLANE_UNKNOWN;
	/* One round trip says nothing about how they vary. */
	out->jitter_us = path->probes.answers > 1 ? path->probes.jitter_us : DATAPLANE_UNKNOWN;
	out->loss_permille = probe_window_loss(&path->probes, false);
	out->last_receive_age_us =
		path->receive_us ? now_us - path->receive_us : DATAPLANE_UNKNOWN_AGE;
	out->rx_bytes = path->rx_bytes;
	out->tx_bytes = path->tx_bytes;
	out->hole = path->hole != 0;
	out->unbound = path->block_us != 0;
}

static int fill_peer(struct dataplane_peer *out, const struct peer *peer, uint64_t now_us)
{
	memcpy(out->public_key, tunnel_key(&peer->tunnel), sizeof(out->public_key));
	out->state = peer->state;
	out->active_path = (ssize_t)peer->active;
	out->handshake_age_us = tunnel_handshake_age_us(&peer->tunnel, now_us);
	out->rx_bytes = peer->rx_bytes;
	out->tx_bytes = peer->tx_bytes;
	out->path_changes = peer->path_changes;
	if (peer->n_paths == 0)
		return 0;
	out->paths = calloc(peer->n_paths, sizeof(*out->paths));
	if (!out->paths)
		return -ENOMEM;
	out->n_paths = peer->n_paths;
	for (size_t i = 0; i < peer->n_paths; i++)
		fill_path(&out->paths[i], &peer->paths[i], now_us);
	return 0;
}

static int fill(const struct engine *engine, uint64_t now_us, struct dataplane_state *state)
{
	const struct context *context = &engine->context;

	state->peers = calloc(engine->peers.count + 1, sizeof(*state->peers));
	state->relays = calloc(context->n_relays + 1, sizeof(*state->relays));
	if (!state->peers || !state->relays)
		return -ENOMEM;
	for (size_t i = 0; i < engine->peers.count; i++)
		if (fill_peer(&state->peers[state->n_peers++], engine->peers.list[i], now_us) < 0)
			return -ENOMEM;
	for (size_t i = 0; i < context->n_relays; i++)
		relaylink_status(context->relays[i], now_us, &state->relays[state->n_relays++]);
	return 0;
}

int engine_state(const struct engine *engine, uint64_t now_us, struct dataplane_state *state)
{
	const struct reflexive *reflexive = &engine->context.reflexive;

	if (now_us < engine->now_us)
		now_us = engine->now_us;
	memset(state, 0, sizeof(*state));
	state->party = engine->party;
	state->plan = engine->plan.revision;
	state->n_reflexive = reflexive->count;
	memcpy(state->reflexive, reflexive->addresses, sizeof(state->reflexive));
	if (fill(engine, now_us, state) < 0) {
		dataplane_state_clear(state);
		return -ENOMEM;
	}
	return 0;
}
