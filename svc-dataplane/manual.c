/* Peers set by hand, through `wg set`: beside the party's, with plain WireGuard behaviour. */
#include <errno.h>
#include <string.h>

#include "svc-dataplane/engine_private.h"

static void list_prefix(void *data, const struct allowedips_entry *entry)
{
	struct engine_peer_info *info = data;
	size_t room = sizeof(info->allowed_ips) / sizeof(info->allowed_ips[0]);

	if (info->n_allowed_ips < room) {
		struct addr_prefix *prefix = &info->allowed_ips[info->n_allowed_ips];

		addr_from_bytes(&prefix->addr, entry->ip, entry->family == ADDR_IPV4 ? 4 : 16, 0);
		prefix->length = entry->bits;
	}
	info->n_allowed_ips++;
}

static void fill_info(const struct engine *engine, struct peer *peer, struct engine_peer_info *info)
{
	const struct session *session = &peer->tunnel.session;
	const struct path *path = reach_active(peer);

	memset(info, 0, sizeof(*info));
	memcpy(info->public_key, tunnel_key(&peer->tunnel), DATAPLANE_KEY_SIZE);
	memcpy(info->preshared_key, session->remote.preshared_key, DATAPLANE_KEY_SIZE);
	if (path)
		info->endpoint = path->relay ? path->relay->endpoint : path->endpoint;
	info->last_handshake_wall_us = peer->tunnel.handshake_wall_us;
	info->rx_bytes = peer->rx_bytes;
	info->tx_bytes = peer->tx_bytes;
	info->persistent_keepalive_s =
		(uint16_t)(session->timers.persistent_interval_us / CLOCK_SECOND);
	allowedips_each(&engine->context.allowed, peer, list_prefix, info);
}

void engine_each_peer(const struct engine *engine, uint64_t now_us,
		      void (*each)(void *data, const struct engine_peer_info *info), void *data)
{
	struct engine_peer_info info;

	(void)now_us;
	for (size_t i = 0; i < engine->peers.count; i++) {
		fill_info(engine, engine->peers.list[i], &info);
		each(data, &info);
	}
	noise_wipe(&info, sizeof(info));
}

static void remove_peer(struct engine *engine, struct peer *peer)
{
	allowedips_remove_owner(&engine->context.allowed, peer);
	for (size_t i = 0; i < engine->peers.count; i++)
		if (engine->peers.list[i] == peer) {
			peertable_remove(&engine->peers, i);
			return;
		}
}

/* A member's own address stays with it: that is control's to say. */
static int restore_address(struct engine *engine, struct peer *peer)
{
	if (!peer->member)
		return 0;
	return allowedips_insert(&engine->context.allowed, peer->address.family, peer->address.ip,
				 (unsigned)addr_ip_length(&peer->address) * 8, peer);
}

static int set_allowed_ips(struct engine *engine, struct peer *peer,
			   const struct engine_peer_change *change)
{
	int result = 0;

	if (change->replace_allowed_ips) {
		allowedips_remove_owner(&engine->context.allowed, peer);
		result = restore_address(engine, peer);
	}
	for (size_t i = 0; i < change->n_allowed_ips && result == 0; i++) {
		const struct addr_prefix *prefix = &change->allowed_ips[i];

		result = allowedips_insert(&engine->context.allowed, prefix->addr.family,
					   prefix->addr.ip, prefix->length, peer);
	}
	return result;
}

static int apply(struct engine *engine, uint64_t now_us, struct peer *peer,
		 const struct engine_peer_change *change)
{
	static const uint8_t none[DATAPLANE_KEY_SIZE];
	struct session *session = &peer->tunnel.session;
	const uint8_t *psk = change->preshared_key;
	struct session_events events;
	int result = set_allowed_ips(engine, peer, change);

	if (result == 0 && change->endpoint)
		result = reach_set_endpoint(peer, now_us, change->endpoint);
	if (result < 0)
		return result;
	if (psk) {
		session_set_preshared_key(session, now_us,
					  memcmp(psk, none, sizeof(none)) ? psk : NULL, &events);
		peer_handle(peer, now_us, &events);
	}
	if (change->persistent_keepalive_s)
		session_set_persistent_keepalive(session, now_us,
						 *change->persistent_keepalive_s * CLOCK_SECOND);
	tunnel_due(&peer->tunnel, now_us);
	return 0;
}

static int add_peer(struct engine *engine, uint64_t now_us, const uint8_t *key, struct peer **peer)
{
	int result = peer_new(peer, &engine->context, key, NULL, now_us);

	if (result < 0)
		return result;
	(*peer)->backend = DATAPLANE_BACKEND_STOCK;
	(*peer)->uapi = true;
	result = peertable_add(&engine->peers, *peer);
	if (result < 0)
		peer_free(*peer);
	return result;
}

int engine_change_peer(struct engine *engine, uint64_t now_us,
		       const struct engine_peer_change *change)
{
	struct peer *peer = peertable_find(&engine->peers, change->public_key);
	int result;

	now_us = engine_clock(engine, now_us);
	/* One's own key and, for removal, an unknown one are passed over, as the kernel does. */
	if (memcmp(change->public_key, engine->context.identity.public_key, DATAPLANE_KEY_SIZE) ==
	    0)
		return 0;
	if (change->remove) {
		if (peer)
			remove_peer(engine, peer);
		return 0;
	}
	if (!peer && change->update_only)
		return 0;
	if (!peer) {
		result = add_peer(engine, now_us, change->public_key, &peer);
		if (result < 0)
			return result;
	}
	return apply(engine, now_us, peer, change);
}

void engine_replace_peers(struct engine *engine)
{
	for (size_t i = engine->peers.count; i-- > 0;) {
		struct peer *peer = engine->peers.list[i];

		if (peer->uapi && peer->member) {
			peer->uapi = false;
			allowedips_remove_owner(&engine->context.allowed, peer);
			restore_address(engine, peer);
		} else if (peer->uapi) {
			remove_peer(engine, peer);
		}
	}
}
