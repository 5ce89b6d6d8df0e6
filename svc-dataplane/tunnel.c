#include "svc-dataplane/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* A session's keypairs, its initiation under way, and one being made. */
#define INDICES_PER_TUNNEL (SESSION_KEYPAIRS + 3)
#define INDEX_TRIES	   16

static int session_start(struct tunnel *tunnel, const uint8_t *public_key,
			 const uint8_t *preshared_key)
{
	uint64_t seed =
		(uint64_t)context_random(tunnel->context) << 32 | context_random(tunnel->context);

	return session_init(&tunnel->session, &tunnel->context->identity, public_key, preshared_key,
			    tunnel->replay, tunnel->replay_words, seed);
}

int tunnel_init(struct tunnel *tunnel, struct context *context, enum tunnel_kind kind,
		const uint8_t *public_key, const uint8_t *preshared_key, size_t replay_window)
{
	size_t count = context->n_tunnels + 1;
	int result;

	tunnel->context = context;
	tunnel->kind = kind;
	tunnel->replay_words = SESSION_REPLAY_WORDS(replay_window);
	if (index_reserve(&context->indices, count * INDICES_PER_TUNNEL) < 0 ||
	    schedule_reserve(&context->schedule, count) < 0)
		return -ENOMEM;
	tunnel->replay = calloc(tunnel->replay_words, sizeof(*tunnel->replay));
	if (!tunnel->replay)
		return -ENOMEM;
	result = session_start(tunnel, public_key, preshared_key);
	if (result < 0) {
		free(tunnel->replay);
		tunnel->replay = NULL;
		return result;
	}
	context->n_tunnels = count;
	schedule_add(&context->schedule, tunnel, CLOCK_NEVER);
	return 0;
}

void tunnel_deinit(struct tunnel *tunnel)
{
	struct session_events events;

	session_deinit(&tunnel->session, &events);
	tunnel_retire(tunnel, &events);
	schedule_remove(&tunnel->context->schedule, tunnel);
	tunnel->context->n_tunnels--;
	free(tunnel->replay);
}

int tunnel_restart(struct tunnel *tunnel)
{
	static const uint8_t none[NOISE_KEY_SIZE];
	uint8_t public_key[NOISE_KEY_SIZE], preshared_key[NOISE_KEY_SIZE];
	uint64_t persistent_us = tunnel->session.timers.persistent_interval_us;
	struct session_events events;
	int result;

	memcpy(public_key, tunnel->session.remote.public_key, sizeof(public_key));
	memcpy(preshared_key, tunnel->session.remote.preshared_key, sizeof(preshared_key));
	session_deinit(&tunnel->session, &events);
	tunnel_retire(tunnel, &events);
	result = session_start(tunnel, public_key,
			       memcmp(preshared_key, none, sizeof(none)) ? preshared_key : NULL);
	noise_wipe(preshared_key, sizeof(preshared_key));
	tunnel->session.timers.persistent_interval_us = persistent_us;
	tunnel->handshake_wall_us = 0;
	return result;
}

const uint8_t *tunnel_key(const struct tunnel *tunnel)
{
	return tunnel->session.remote.public_key;
}

void tunnel_due(struct tunnel *tunnel, uint64_t due_us)
{
	if (due_us < tunnel->due_us)
		schedule_set(&tunnel->context->schedule, tunnel, due_us);
}

void tunnel_retire(struct tunnel *tunnel, const struct session_events *events)
{
	for (unsigned i = 0; i < events->retired_count; i++)
		index_remove(&tunnel->context->indices, events->retired[i]);
}

int tunnel_index_new(struct tunnel *tunnel, uint32_t *index)
{
	for (int i = 0; i < INDEX_TRIES; i++) {
		*index = context_random(tunnel->context);
		if (index_insert(&tunnel->context->indices, *index, tunnel) == 0)
			return 0;
	}
	return -ENOSPC;
}

int tunnel_initiate(struct tunnel *tunnel, uint64_t now_us, struct message_initiation *message)
{
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE];
	struct session_events events = {0};
	uint32_t index;
	int result = tunnel_index_new(tunnel, &index);

	if (result < 0)
		return result;
	context_timestamp(tunnel->context, timestamp);
	result = session_initiate(&tunnel->session, now_us, index, timestamp, message, &events);
	if (result < 0)
		index_remove(&tunnel->context->indices, index);
	tunnel_retire(tunnel, &events);
	return result;
}

uint64_t tunnel_handshake_age_us(const struct tunnel *tunnel, uint64_t now_us)
{
	uint64_t ready_us = tunnel->session.ready_us;

	return ready_us ? now_us - ready_us : DATAPLANE_UNKNOWN_AGE;
}
