/* view_peers.c - the other members: what control knows of them, how the dataplane reaches them, and
 * nat's reason where that is not direct. */
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "svc-api/explain.h"
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
	return path ? view_relay(snapshot, path->kind, path->relay) : json_null();
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

static json_t *reason_of(const struct snapshot *snapshot, const struct control_member *member)
{
	const char *sentence = nat_cause_sentence(explain_peer(snapshot, member));

	return view_text(sentence && snapshot->nat ? sentence : "");
}

static json_t *view_peer(const struct snapshot *snapshot, const struct control_member *member)
{
	const struct dataplane_peer *peer = snapshot_peer(snapshot, member->wireguard_key);
	const struct dataplane_path *path = snapshot_active_path(peer);
	char id[TEXT_ID_SIZE];
	json_t *json = json_pack("{s:o, s:s, s:o, s:b, s:o, s:o, s:b}", "name",
				 view_text(member->name), "id", text_id(member->identity, id),
				 "virtual_ip", view_ip(&member->address), "online",
				 (int)member->online, "path", path_kind(snapshot, path), "state",
				 state_of(snapshot, peer), "host", (int)member->host);

	json_object_set_new(
		json, "endpoint",
		path ? view_path_endpoint(snapshot, path->kind, path->relay, &path->endpoint)
		     : json_null());
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
	json_object_set_new(json, "reason", reason_of(snapshot, member));
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

json_t *view_cause(enum nat_cause cause)
{
	return json_pack("{s:s, s:s, s:s}", "cause", nat_cause_name(cause), "text",
			 nat_cause_text(cause), "remedy", nat_cause_remedy(cause));
}

json_t *view_why(const struct snapshot *snapshot, const struct control_member *member)
{
	const struct dataplane_path *path =
		snapshot_active_path(snapshot_peer(snapshot, member->wireguard_key));
	enum nat_cause cause = explain_peer(snapshot, member);
	char id[TEXT_ID_SIZE];
	json_t *json =
		json_pack("{s:o, s:o}", "peer",
			  view_text(*member->name ? member->name : text_id(member->identity, id)),
			  "path", path_kind(snapshot, path));
	json_t *why = cause == NAT_CAUSE_NONE ? json_pack("{s:n, s:s, s:n}", "cause", "text",
							  "the way is direct, and well", "remedy")
					      : view_cause(cause);

	json_object_update(json, why);
	json_decref(why);
	return json;
}

json_t *view_why_absent(const char *name, enum nat_cause cause)
{
	json_t *json = json_pack("{s:o, s:n}", "peer", view_text(name), "path");
	json_t *why = view_cause(cause);

	json_object_update(json, why);
	json_decref(why);
	return json;
}

json_t *view_probe(const struct dataplane_probe_result *result, const struct snapshot *snapshot)
{
	return json_pack(
		"{s:o, s:s, s:o, s:o}", "rtt_ms", view_ms(result->rtt_us), "path",
		result->kind == DATAPLANE_PATH_RELAY ? "relay" : "direct", "endpoint",
		view_path_endpoint(snapshot, result->kind, result->relay, &result->endpoint),
		"relay", view_relay(snapshot, result->kind, result->relay));
}
