#include "svc-dataplane/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/engine_private.h"
#include "svc-dataplane/fragment.h"

#define SWEEP_US (2 * CLOCK_SECOND)

int engine_new(struct engine **engine, const struct engine_ops *ops,
	       const uint8_t private_key[DATAPLANE_KEY_SIZE], uint64_t reserved_s)
{
	struct engine *new = calloc(1, sizeof(*new));
	int result;

	if (!new)
		return -ENOMEM;
	result = context_init(&new->context, ops, private_key, reserved_s);
	if (result < 0) {
		context_deinit(&new->context);
		free(new);
		return result;
	}
	*engine = new;
	return 0;
}

void engine_free(struct engine *engine)
{
	if (!engine)
		return;
	peertable_deinit(&engine->peers);
	desired_deinit(engine);
	context_deinit(&engine->context);
	free(engine);
}

void engine_public_key(const struct engine *engine, uint8_t key[DATAPLANE_KEY_SIZE])
{
	memcpy(key, engine->context.identity.public_key, DATAPLANE_KEY_SIZE);
}

void engine_relay_news(struct engine *engine, uint64_t now_us, struct relaylink *relay)
{
	struct relaylink_news news = relay->news;
	struct peer *peer = peertable_find_number(&engine->peers, news.unbound);

	relay->news = (struct relaylink_news){0};
	if (peer)
		reach_unbound(peer, now_us, relay);
	for (size_t i = 0; news.binding && i < engine->peers.count; i++)
		reach_relay_changed(engine->peers.list[i], now_us, relay);
}

/* --- time --- */

#define PAUSE_US (200 * CLOCK_MS) /* this late for a timer: nobody ran */

static void excuse(struct engine *engine, uint64_t now_us)
{
	for (size_t i = 0; i < engine->peers.count; i++)
		reach_excuse(engine->peers.list[i], now_us);
	for (size_t i = 0; i < engine->context.n_relays; i++)
		relaylink_excuse(engine->context.relays[i], now_us);
}

uint64_t engine_clock(struct engine *engine, uint64_t now_us)
{
	const struct tunnel *first = schedule_first(&engine->context.schedule);

	if (now_us <= engine->now_us)
		return engine->now_us;
	if (first && now_us > first->due_us + PAUSE_US && now_us > engine->now_us + PAUSE_US)
		excuse(engine, now_us);
	engine->now_us = now_us;
	return now_us;
}

void engine_moved(struct engine *engine, uint64_t now_us)
{
	now_us = engine_clock(engine, now_us);
	/* the relays first: what follows through them comes from the new address */
	for (size_t i = 0; i < engine->context.n_relays; i++)
		relaylink_nudge(engine->context.relays[i], now_us);
	for (size_t i = 0; i < engine->peers.count; i++)
		reach_moved(engine->peers.list[i], now_us);
}

static void poll_tunnel(struct engine *engine, uint64_t now_us, struct tunnel *tunnel)
{
	if (tunnel->kind == TUNNEL_PEER) {
		peer_poll((struct peer *)tunnel, now_us);
		return;
	}
	relaylink_poll((struct relaylink *)tunnel, now_us);
	engine_relay_news(engine, now_us, (struct relaylink *)tunnel);
}

/* Every poll sets a due time after now, so this ends. */
static void run_due(struct engine *engine, uint64_t now_us)
{
	struct tunnel *tunnel;

	while ((tunnel = schedule_first(&engine->context.schedule)) && tunnel->due_us <= now_us)
		poll_tunnel(engine, now_us, tunnel);
}

uint64_t engine_poll(struct engine *engine, uint64_t now_us)
{
	const struct tunnel *first;

	now_us = engine_clock(engine, now_us);
	run_due(engine, now_us);
	if (now_us >= engine->sweep_us) {
		engine->sweep_us = now_us + SWEEP_US;
		desired_sweep_relays(engine, false);
	}
	first = schedule_first(&engine->context.schedule);
	return first ? first->due_us : CLOCK_NEVER;
}

/* --- packets --- */

static void receive_data(struct engine *engine, uint64_t now_us, const struct addr *from,
			 uint8_t ecn, uint8_t *bytes, size_t length)
{
	struct tunnel *tunnel = index_find(&engine->context.indices, message_le32(bytes + 4));

	if (tunnel && tunnel->kind == TUNNEL_PEER)
		peer_data((struct peer *)tunnel, now_us, from, ecn, bytes, length);
	else if (tunnel)
		relaylink_data((struct relaylink *)tunnel, now_us, from, bytes, length);
	/* A relay that was heard is due at once: its poll hands on what it learned. */
}

void engine_receive(struct engine *engine, uint64_t now_us, const struct addr *from, uint8_t ecn,
		    uint8_t *bytes, size_t length)
{
	enum message_type type = message_type(bytes, length);

	now_us = engine_clock(engine, now_us);
	/* A tag is for relays alone, and they take it off. */
	if (type == MESSAGE_NONE || message_le32(bytes) >> 8 != 0)
		return;
	if (type == MESSAGE_DATA)
		receive_data(engine, now_us, from, ecn, bytes, length);
	else
		handshake_receive(engine, now_us, from, bytes, type);
	run_due(engine, now_us);
}

void engine_transmit(struct engine *engine, uint64_t now_us, uint8_t *packet, size_t length,
		     const struct split_offload *offload)
{
	struct peer *peer = allowedips_lookup_destination(&engine->context.allowed, packet, length);
	struct split split;

	if (peer && split_begin(&split, offload, packet, length) == 0)
		peer_transmit(peer, engine_clock(engine, now_us), &split);
	/* else: it is for nobody in the party */
}

static void transmit_to_members(struct engine *engine, uint64_t now_us, uint8_t *packet,
				size_t length)
{
	static const struct split_offload whole = {.kind = SPLIT_NONE};
	struct split split;

	for (size_t i = 0; i < engine->peers.count; i++) {
		struct peer *peer = engine->peers.list[i];

		if (peer->member && peer->state == DATAPLANE_PEER_CONNECTED &&
		    split_begin(&split, &whole, packet, length) == 0)
			peer_transmit(peer, now_us, &split);
	}
}

void engine_transmit_all(struct engine *engine, uint64_t now_us, const uint8_t *packet,
			 size_t length)
{
	uint8_t part[ENGINE_MTU + ENGINE_TAILROOM];
	struct fragment fragment;

	now_us = engine_clock(engine, now_us);
	if (length <= ENGINE_MTU) {
		memcpy(part, packet, length);
		transmit_to_members(engine, now_us, part, length);
	} else if (fragment_begin(&fragment, packet, length) == 0) {
		while ((length = fragment_next(&fragment, ENGINE_MTU, part)) > 0)
			transmit_to_members(engine, now_us, part, length);
	}
}

int engine_probe(struct engine *engine, uint64_t now_us, const uint8_t key[DATAPLANE_KEY_SIZE],
		 uint64_t cookie)
{
	struct peer *peer = peertable_find(&engine->peers, key);

	return peer ? peer_ping(peer, engine_clock(engine, now_us), cookie) : -ENOENT;
}

int engine_send_note(struct engine *engine, uint64_t now_us, const uint8_t key[DATAPLANE_KEY_SIZE],
		     const uint8_t *bytes, size_t length)
{
	struct peer *peer = peertable_find(&engine->peers, key);

	if (!peer || !peer->member)
		return -ENOENT;
	return peer_send_note(peer, engine_clock(engine, now_us), bytes, length);
}

int engine_set_private_key(struct engine *engine, const uint8_t private_key[DATAPLANE_KEY_SIZE])
{
	struct context *context = &engine->context;
	int result = context_set_private_key(context, private_key);

	if (result < 0)
		return result;
	for (size_t i = 0; i < engine->peers.count; i++)
		peer_restart(engine->peers.list[i], engine->now_us);
	for (size_t i = 0; i < context->n_relays; i++)
		if (tunnel_restart(&context->relays[i]->tunnel) == 0)
			relaylink_start(context->relays[i], engine->now_us);
	return 0;
}
