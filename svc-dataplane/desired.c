/* Desired state: what control and nat hand over is compared with what there is, and only what
 * differs is touched. Sessions, paths and counters of what stays are kept. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-dataplane/engine_private.h"

/* --- party --- */

static bool is_own_key(const struct engine *engine, const uint8_t *key)
{
	return memcmp(engine->context.identity.public_key, key, DATAPLANE_KEY_SIZE) == 0;
}

static int check_party(const struct dataplane_party *party)
{
	for (size_t i = 0; i < party->n_members; i++)
		for (size_t j = 0; j < i; j++) {
			const struct dataplane_member *a = &party->members[i];
			const struct dataplane_member *b = &party->members[j];

			if (memcmp(a->public_key, b->public_key, DATAPLANE_KEY_SIZE) == 0 ||
			    a->number == b->number || addr_equal_ip(&a->address, &b->address))
				return -EEXIST;
		}
	return 0;
}

static unsigned host_bits(const struct addr *address)
{
	return (unsigned)addr_ip_length(address) * 8;
}

static void leave(struct engine *engine, struct peer *peer)
{
	if (peer->member)
		allowedips_remove(&engine->context.allowed, peer->address.family, peer->address.ip,
				  host_bits(&peer->address), peer);
	peer->member = false;
	peer->number = 0;
	memset(&peer->address, 0, sizeof(peer->address));
}

static int set_address(struct engine *engine, struct peer *peer, const struct addr *address)
{
	if (peer->member && addr_equal_ip(&peer->address, address))
		return 0;
	leave(engine, peer);
	peer->address = *address;
	peer->member = true;
	return allowedips_insert(&engine->context.allowed, address->family, address->ip,
				 host_bits(address), peer);
}

static const struct dataplane_peer_plan *find_plan(const struct engine *engine, const uint8_t *key)
{
	for (size_t i = 0; i < engine->plan.n_peers; i++)
		if (memcmp(engine->plan.peers[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return &engine->plan.peers[i];
	return NULL;
}

static int add_peer(struct engine *engine, uint64_t now_us, const uint8_t *key, struct peer **peer)
{
	int result = peer_new(peer, &engine->context, key, NULL, now_us);

	if (result < 0)
		return result;
	result = peertable_add(&engine->peers, *peer);
	if (result < 0)
		peer_free(*peer);
	return result;
}

static int set_member(struct engine *engine, uint64_t now_us, const struct dataplane_member *member)
{
	struct peer *peer = peertable_find(&engine->peers, member->public_key);
	bool new = !peer;
	int result = new ? add_peer(engine, now_us, member->public_key, &peer) : 0;

	if (result < 0)
		return result;
	result = set_address(engine, peer, &member->address);
	if (result < 0)
		return result;
	peer_set_member(peer, now_us, member);
	if (!new)
		return 0;
	peer->plan = find_plan(engine, member->public_key);
	result = reach_set_plan(peer, now_us, peer->plan);
	if (result == 0 && (peer_is_engine(peer) || peer->n_paths > 0))
		peer_connect(peer, now_us);
	return result;
}

static bool is_named(const struct dataplane_party *party, const struct peer *peer)
{
	for (size_t i = 0; party->up && i < party->n_members; i++)
		if (memcmp(party->members[i].public_key, tunnel_key(&peer->tunnel),
			   DATAPLANE_KEY_SIZE) == 0)
			return true;
	return false;
}

/* First, so that an address or number given to another member is free for it. */
static void drop_members(struct engine *engine, const struct dataplane_party *party)
{
	for (size_t i = engine->peers.count; i-- > 0;) {
		struct peer *peer = engine->peers.list[i];

		if (!peer->member || is_named(party, peer))
			continue;
		leave(engine, peer);
		if (!peer->uapi) {
			log_info("peer %s: left", peer_label(peer));
			peertable_remove(&engine->peers, i);
		}
	}
}

int engine_set_party(struct engine *engine, uint64_t now_us, const struct dataplane_party *party)
{
	int result = 0;

	now_us = engine_clock(engine, now_us);
	if (dataplane_revision_compare(&party->revision, &engine->party) < 0)
		return -ESTALE;
	result = check_party(party);
	if (result < 0)
		return result;
	engine->party = party->revision;
	engine->context.doubling = party->doubling;
	drop_members(engine, party);
	for (size_t i = 0; party->up && i < party->n_members && result == 0; i++)
		if (!is_own_key(engine, party->members[i].public_key))
			result = set_member(engine, now_us, &party->members[i]);
	return result;
}

/* --- plan --- */

static void plan_clear(struct dataplane_plan *plan)
{
	free(plan->relays);
	free(plan->peers);
	*plan = (struct dataplane_plan){0};
}

static int plan_copy(struct dataplane_plan *copy, const struct dataplane_plan *plan)
{
	*copy = *plan;
	copy->relays = calloc(plan->n_relays + 1, sizeof(*copy->relays));
	copy->peers = calloc(plan->n_peers + 1, sizeof(*copy->peers));
	if (!copy->relays || !copy->peers) {
		plan_clear(copy);
		return -ENOMEM;
	}
	if (plan->n_relays)
		memcpy(copy->relays, plan->relays, plan->n_relays * sizeof(*copy->relays));
	if (plan->n_peers)
		memcpy(copy->peers, plan->peers, plan->n_peers * sizeof(*copy->peers));
	return 0;
}

void desired_deinit(struct engine *engine)
{
	struct context *context = &engine->context;

	while (context->n_relays > 0)
		relaylink_free(context->relays[--context->n_relays]);
	plan_clear(&engine->plan);
}

static bool is_needed(const struct engine *engine, const struct relaylink *relay)
{
	for (size_t i = 0; i < engine->peers.count; i++)
		if (reach_uses_relay(engine->peers.list[i], relay))
			return true;
	return false;
}

void desired_sweep_relays(struct engine *engine, bool force)
{
	struct context *context = &engine->context;

	for (size_t i = context->n_relays; i-- > 0;) {
		struct relaylink *relay = context->relays[i];

		if (relay->planned || (!force && is_needed(engine, relay)))
			continue;
		for (size_t p = 0; p < engine->peers.count; p++)
			reach_drop_relay(engine->peers.list[p], relay);
		context->relays[i] = context->relays[--context->n_relays];
		relaylink_free(relay);
	}
}

static int set_relay(struct engine *engine, uint64_t now_us, const struct dataplane_relay *relay)
{
	struct context *context = &engine->context;
	struct relaylink *link = relaylink_find(context, relay->public_key);
	int result;

	if (link) {
		relaylink_update(link, now_us, relay);
		return 0;
	}
	if (context->n_relays == CONTEXT_RELAYS_MAX)
		desired_sweep_relays(engine, true);
	if (context->n_relays == CONTEXT_RELAYS_MAX)
		return -ENOSPC;
	result = relaylink_new(&link, context, relay);
	if (result < 0)
		return result;
	context->relays[context->n_relays++] = link;
	relaylink_update(link, now_us, relay);
	relaylink_start(link, now_us);
	engine_relay_news(engine, now_us, link);
	return 0;
}

static int set_relays(struct engine *engine, uint64_t now_us)
{
	const struct dataplane_plan *plan = &engine->plan;
	struct context *context = &engine->context;
	int result = 0;

	for (size_t i = 0; i < context->n_relays; i++)
		context->relays[i]->planned = relaylink_is_planned(context->relays[i], plan);
	for (size_t i = 0; i < plan->n_relays && result == 0; i++)
		result = set_relay(engine, now_us, &plan->relays[i]);
	return result;
}

static int set_peer_plans(struct engine *engine, uint64_t now_us)
{
	int result = 0;

	for (size_t i = 0; i < engine->peers.count; i++)
		engine->peers.list[i]->plan = NULL;
	for (size_t i = 0; i < engine->plan.n_peers; i++) {
		const struct dataplane_peer_plan *plan = &engine->plan.peers[i];
		struct peer *peer = peertable_find(&engine->peers, plan->public_key);

		if (peer)
			peer->plan = plan;
	}
	for (size_t i = 0; i < engine->peers.count && result == 0; i++) {
		struct peer *peer = engine->peers.list[i];

		result = reach_set_plan(peer, now_us, peer->plan);
		if (peer->member && peer->n_paths > 0 &&
		    !session_can_send(&peer->tunnel.session, now_us))
			peer_connect(peer, now_us);
	}
	return result;
}

int engine_set_plan(struct engine *engine, uint64_t now_us, const struct dataplane_plan *plan)
{
	struct dataplane_plan copy;
	int result;

	now_us = engine_clock(engine, now_us);
	if (dataplane_revision_compare(&plan->revision, &engine->plan.revision) < 0)
		return -ESTALE;
	result = plan_copy(&copy, plan);
	if (result < 0)
		return result;
	plan_clear(&engine->plan);
	engine->plan = copy;
	result = set_relays(engine, now_us);
	if (result == 0)
		result = set_peer_plans(engine, now_us);
	desired_sweep_relays(engine, false);
	return result;
}
