/* view_peers.c - the other members: what control knows of them, how the dataplane reaches them, and
 * nat's reason where that is not direct. */
#include <stdio.h>
#include <string.h>

#include "svc-api/view.h"

static const char *peer_state(enum dataplane_peer_state state)
{
	switch (state) {
	case DATAPLANE_PEER_CONNECTING: return "connecting";
	case DATAPLANE_PEER_CONNECTED: return "connected";
	case DATAPLANE_PEER_FAILED: return "failed";
	case DATAPLANE_PEER_STATES: break;
	}
	return "failed";
}

static const char *backend(enum dataplane_backend kind)
{
	switch (kind) {
	case DATAPLANE_BACKEND_ENGINE: return "engine";
	case DATAPLANE_BACKEND_KERNEL: return "kernel";
	case DATAPLANE_BACKEND_STOCK: return "stock";
	case DATAPLANE_BACKEND_COUNT: break;
	}
	return "stock";
}

/* The path that carries data now; NULL for none. */
static const struct dataplane_path *active_path(const struct dataplane_peer *peer)
{
	if (!peer || peer->state != DATAPLANE_PEER_CONNECTED || peer->active_path < 0)
		return NULL;
	return &peer->paths[peer->active_path];
}

static json_t *path_kind(const struct snapshot *snapshot, const struct dataplane_path *path)
{
	if (!snapshot->dataplane)
		return json_null();
	if (!path)
		return json_string("none");
	return json_string(path->kind == DATAPLANE_PATH_RELAY ? "relay" : "direct");
}

/* One that the dataplane does not have yet is about to be handed over, unless nothing is wanted. */
static json_t *state_of(const struct snapshot *snapshot, const struct dataplane_peer *peer)
{
	if (peer)
		return json_string(peer_state(peer->state));
	return snapshot->dataplane && snapshot->control->up ? json_string("connecting")
							    : json_null();
}

static json_t *relay_name(const struct snapshot *snapshot, const struct dataplane_path *path)
{
	const char *name = path && path->kind == DATAPLANE_PATH_RELAY
				   ? snapshot_relay_name(snapshot, path->relay)
				   : NULL;

	return view_text(name ? name : "");
}

/* `mapping/filtering`, as the member announced. */
static json_t *nat_of(const struct control_member *member)
{
	char text[96];

	if (member->mapping == NAT_UNKNOWN && member->filtering == NAT_UNKNOWN)
		return json_null();
	(void)snprintf(text, sizeof(text), "%s/%s", nat_behaviour_text(member->mapping),
		       nat_behaviour_text(member->filtering));
	return json_string(text);
}

static json_t *reason_of(const struct snapshot *snapshot, const struct control_member *member,
			 const struct dataplane_path *path)
{
	const struct nat_state *nat = snapshot->nat;

	if (path && path->kind == DATAPLANE_PATH_DIRECT)
		return json_null();
	for (size_t i = 0; nat && i < nat->n_reasons; i++)
		if (memcmp(nat->reasons[i].public_key, member->wireguard_key, DATAPLANE_KEY_SIZE) ==
		    0) {
			const char *text = nat_cause_text(nat->reasons[i].cause);

			return view_text(text ? text : "");
		}
	return json_null();
}

static json_t *view_peer(const struct snapshot *snapshot, const struct control_member *member)
{
	const struct dataplane_peer *peer = snapshot_peer(snapshot, member->wireguard_key);
	const struct dataplane_path *path = active_path(peer);
	char id[VIEW_ID_SIZE];
	json_t *json = json_pack("{s:o, s:s, s:o, s:b, s:o, s:o, s:b}", "name",
				 view_text(member->name), "id", view_id(member->identity, id),
				 "virtual_ip", view_ip(&member->address), "online",
				 (int)member->online, "path", path_kind(snapshot, path), "state",
				 state_of(snapshot, peer), "host", (int)member->host);

	json_object_set_new(json, "endpoint", path ? view_endpoint(&path->endpoint) : json_null());
	json_object_set_new(json, "relay", relay_name(snapshot, path));
	json_object_set_new(json, "rtt_ms", path ? view_ms(path->rtt_us) : json_null());
	json_object_set_new(json, "jitter_ms", path ? view_ms(path->jitter_us) : json_null());
	json_object_set_new(json, "loss_pct",
			    path ? view_percent(path->loss_permille) : json_null());
	json_object_set_new(json, "handshake_age_s",
			    peer ? view_seconds(peer->handshake_age_us) : json_null());
	json_object_set_new(json, "rx_bytes", peer ? view_count(peer->rx_bytes) : json_null());
	json_object_set_new(json, "tx_bytes", peer ? view_count(peer->tx_bytes) : json_null());
	json_object_set_new(json, "nat", nat_of(member));
	json_object_set_new(json, "backend",
			    member->announced ? json_string(backend(member->backend))
					      : json_null());
	json_object_set_new(json, "reason", reason_of(snapshot, member, path));
	return json;
}

json_t *view_peers(const struct snapshot *snapshot)
{
	json_t *peers = json_array();

	for (size_t i = 0; snapshot->control && i < snapshot->control->n_members; i++)
		if (!snapshot->control->members[i].self)
			json_array_append_new(peers,
					      view_peer(snapshot, &snapshot->control->members[i]));
	return peers;
}

json_t *view_probe(const struct dataplane_probe_result *result, const struct snapshot *snapshot)
{
	bool relayed = result->kind == DATAPLANE_PATH_RELAY;
	const char *name = relayed ? snapshot_relay_name(snapshot, result->relay) : NULL;

	return json_pack("{s:o, s:s, s:o, s:o}", "rtt_ms", view_ms(result->rtt_us), "path",
			 relayed ? "relay" : "direct", "endpoint", view_endpoint(&result->endpoint),
			 "relay", view_text(name ? name : ""));
}
