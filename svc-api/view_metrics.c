/* view_metrics.c - the other members as svc-metrics measured them. */
#include <string.h>

#include "common/text.h"
#include "svc-api/member.h"
#include "svc-api/view.h"

static json_t *state_of(enum metrics_peer_state state)
{
	switch (state) {
	case METRICS_PEER_GONE: return json_string("gone");
	case METRICS_PEER_CONNECTING: return json_string("connecting");
	case METRICS_PEER_CONNECTED: return json_string("connected");
	case METRICS_PEER_FAILED: return json_string("failed");
	case METRICS_PEER_UNKNOWN:
	case METRICS_PEER_STATES: break;
	}
	return json_null();
}

static json_t *path_of(enum metrics_peer_path path)
{
	switch (path) {
	case METRICS_PATH_NONE: return json_string("none");
	case METRICS_PATH_DIRECT: return json_string("direct");
	case METRICS_PATH_RELAY: return json_string("relay");
	case METRICS_PATH_UNKNOWN:
	case METRICS_PATH_KINDS: break;
	}
	return json_null();
}

static const char *path_state(enum dataplane_path_state state)
{
	switch (state) {
	case DATAPLANE_PATH_UNTRIED: return "untried";
	case DATAPLANE_PATH_TRYING: return "trying";
	case DATAPLANE_PATH_WORKING: return "working";
	case DATAPLANE_PATH_DEAD:
	case DATAPLANE_PATH_STATES: break;
	}
	return "dead";
}

static void set_measures(json_t *json, const struct metrics_measures *measures)
{
	json_object_set_new(json, "rtt_ms", view_ms(measures->rtt_us));
	json_object_set_new(json, "jitter_ms", view_ms(measures->jitter_us));
	json_object_set_new(json, "loss_pct", view_percent(measures->loss_permille));
	json_object_set_new(json, "rx_bytes", view_count(measures->rx_bytes));
	json_object_set_new(json, "tx_bytes", view_count(measures->tx_bytes));
	json_object_set_new(json, "rx_bytes_per_s", view_count(measures->rx_bytes_per_s));
	json_object_set_new(json, "tx_bytes_per_s", view_count(measures->tx_bytes_per_s));
}

static void set_sample(json_t *json, const struct metrics_sample *sample, uint64_t wall_us)
{
	view_sampled(json, sample->age_us, wall_us);
	json_object_set_new(json, "state", state_of(sample->state));
	json_object_set_new(json, "path", path_of(sample->path));
	set_measures(json, &sample->measures);
}

/* member NULL: none of the party's now. */
static json_t *view_row(const uint8_t key[DATAPLANE_KEY_SIZE], const struct control_member *member,
			const struct metrics_peer *peer, uint64_t wall_us)
{
	char id[TEXT_ID_SIZE];
	json_t *json = json_object();

	json_object_set_new(json, "name", member ? view_text(member->name) : json_null());
	json_object_set_new(json, "id",
			    member ? json_string(text_id(member->identity, id)) : json_null());
	json_object_set_new(json, "key", json_string(text_id(key, id)));
	set_sample(json, &peer->now, wall_us);
	view_set_quality(json, &peer->quality);
	return json;
}

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

static const struct metrics_peer unknown = {
	.now = {.age_us = METRICS_UNKNOWN,
		.measures = {.rtt_us = DATAPLANE_UNKNOWN,
			     .jitter_us = DATAPLANE_UNKNOWN,
			     .loss_permille = DATAPLANE_UNKNOWN,
			     .rx_bytes = METRICS_UNKNOWN,
			     .tx_bytes = METRICS_UNKNOWN,
			     .rx_bytes_per_s = METRICS_UNKNOWN,
			     .tx_bytes_per_s = METRICS_UNKNOWN}},
	.quality = {.score = METRICS_UNKNOWN_SCORE,
		    .latency = METRICS_UNKNOWN_SCORE,
		    .loss = METRICS_UNKNOWN_SCORE,
		    .jitter = METRICS_UNKNOWN_SCORE},
};

static const struct metrics_peer *peer_of(const struct metrics_peers *peers,
					  const uint8_t key[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < peers->n_peers; i++)
		if (same_key(peers->peers[i].public_key, key))
			return &peers->peers[i];
	return &unknown;
}

json_t *view_metrics_peers(const struct metrics_peers *peers, const struct control_status *control,
			   uint64_t wall_us)
{
	json_t *list = json_array();

	for (size_t i = 0; control && i < control->n_members; i++) {
		const struct control_member *member = &control->members[i];

		if (!member->self)
			json_array_append_new(list, view_row(member->wireguard_key, member,
							     peer_of(peers, member->wireguard_key),
							     wall_us));
	}
	for (size_t i = 0; i < peers->n_peers; i++) {
		const struct metrics_peer *peer = &peers->peers[i];

		if (!member_of_key(control, peer->public_key))
			json_array_append_new(list,
					      view_row(peer->public_key, NULL, peer, wall_us));
	}
	return list;
}

static json_t *view_path(const struct metrics_path *path, const struct snapshot *snapshot)
{
	json_t *json =
		json_pack("{s:b, s:s, s:s, s:o, s:o}", "active", (int)path->active, "path",
			  path->kind == DATAPLANE_PATH_RELAY ? "relay" : "direct", "state",
			  path_state(path->state), "endpoint",
			  view_path_endpoint(snapshot, path->kind, path->relay, &path->endpoint),
			  "relay", view_relay(snapshot, path->kind, path->relay));

	set_measures(json, &path->measures);
	return json;
}

json_t *view_metrics_peer(const struct metrics_peer_detail *detail,
			  const struct control_member *member, const struct snapshot *snapshot,
			  uint64_t wall_us)
{
	json_t *json = view_row(detail->peer.public_key, member, &detail->peer, wall_us);
	json_t *paths = json_array();

	for (size_t i = 0; i < detail->n_paths; i++)
		json_array_append_new(paths, view_path(&detail->paths[i], snapshot));
	json_object_set_new(json, "terms", view_terms(&detail->peer.quality));
	json_object_set_new(json, "paths", paths);
	return json;
}

static json_t *view_bucket(const struct metrics_bucket *bucket)
{
	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at",
		view_count(bucket->at_s), "seconds", view_count(bucket->seconds), "state",
		state_of(bucket->state), "path", path_of(bucket->path), "rtt_ms",
		view_ms(bucket->rtt_us), "rtt_min_ms", view_ms(bucket->rtt_min_us), "rtt_max_ms",
		view_ms(bucket->rtt_max_us), "jitter_ms", view_ms(bucket->jitter_us), "loss_pct",
		view_percent(bucket->loss_permille), "rx_bytes_per_s",
		view_count(bucket->rx_bytes_per_s), "tx_bytes_per_s",
		view_count(bucket->tx_bytes_per_s), "quality", view_score(bucket->quality));
}

json_t *view_peer_history(const struct metrics_peer_history *history)
{
	json_t *list = json_array();

	for (size_t i = 0; i < history->n_buckets; i++)
		json_array_append_new(list, view_bucket(&history->buckets[i]));
	return list;
}
