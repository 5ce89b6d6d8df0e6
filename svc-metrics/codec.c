#include "svc-metrics/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/pb.h"
#include "metrics.pb-c.h"

#define SMALL_BUDGET (64u << 10)
#define LIST_BUDGET  (1u << 20) /* of the longest list of peers, buckets or sessions */

const struct metrics_sample metrics_sample_unknown = {
	.age_us = METRICS_UNKNOWN,
	.measures = {.rtt_us = DATAPLANE_UNKNOWN,
		     .jitter_us = DATAPLANE_UNKNOWN,
		     .loss_permille = DATAPLANE_UNKNOWN,
		     .rx_bytes = METRICS_UNKNOWN,
		     .tx_bytes = METRICS_UNKNOWN,
		     .rx_bytes_per_s = METRICS_UNKNOWN,
		     .tx_bytes_per_s = METRICS_UNKNOWN},
};

const struct metrics_quality metrics_quality_unknown = {
	.score = METRICS_UNKNOWN_SCORE,
	.latency = METRICS_UNKNOWN_SCORE,
	.loss = METRICS_UNKNOWN_SCORE,
	.jitter = METRICS_UNKNOWN_SCORE,
};

static const uint8_t zero_key[DATAPLANE_KEY_SIZE];

/* Empty for the key that is all zero. */
static ProtobufCBinaryData optional_key_view(const uint8_t key[DATAPLANE_KEY_SIZE])
{
	bool some = memcmp(key, zero_key, DATAPLANE_KEY_SIZE) != 0;

	return pb_view(key, some ? DATAPLANE_KEY_SIZE : 0);
}

static bool take_optional_key(const ProtobufCBinaryData *data, uint8_t key[DATAPLANE_KEY_SIZE])
{
	return data->len == 0 || pb_take(data, key, DATAPLANE_KEY_SIZE);
}

static bool permille_is_possible(uint32_t permille)
{
	return permille <= 1000 || permille == METRICS_UNKNOWN_PERMILLE;
}

static bool score_is_possible(uint32_t score)
{
	return score <= 100 || score == METRICS_UNKNOWN_SCORE;
}

/* ---- wishes */

ssize_t metrics_key_encode(const struct metrics_key *key, uint8_t **bytes)
{
	Lanrage__Metrics__Key message = LANRAGE__METRICS__KEY__INIT;

	message.public_key = pb_view(key->public_key, sizeof(key->public_key));
	return pb_pack(&message.base, bytes);
}

int metrics_key_decode(struct metrics_key *key, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Key *message =
		pb_unpack(&memory, SMALL_BUDGET, &lanrage__metrics__key__descriptor, bytes, length);
	bool good;

	memset(key, 0, sizeof(*key));
	good = message && pb_take(&message->public_key, key->public_key, sizeof(key->public_key));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t metrics_wish_encode(const struct metrics_wish *wish, uint8_t **bytes)
{
	Lanrage__Metrics__Wish message = LANRAGE__METRICS__WISH__INIT;

	message.public_key = optional_key_view(wish->public_key);
	message.from_s = wish->from_s;
	message.to_s = wish->to_s;
	message.points = wish->points;
	return pb_pack(&message.base, bytes);
}

int metrics_wish_decode(struct metrics_wish *wish, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Wish *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__metrics__wish__descriptor, bytes, length);
	bool good;

	memset(wish, 0, sizeof(*wish));
	good = message && take_optional_key(&message->public_key, wish->public_key) &&
	       message->from_s <= message->to_s && message->points >= METRICS_POINTS_MIN &&
	       message->points <= METRICS_POINTS_MAX;
	if (good) {
		wish->from_s = message->from_s;
		wish->to_s = message->to_s;
		wish->points = message->points;
	}
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

/* ---- the system */

struct system_message {
	Lanrage__Metrics__System system;
	Lanrage__Metrics__Interface interfaces[METRICS_INTERFACES_MAX];
	Lanrage__Metrics__Interface *list[METRICS_INTERFACES_MAX];
};

static void system_view(const struct metrics_system *system, struct system_message *message)
{
	lanrage__metrics__system__init(&message->system);
	for (size_t i = 0; i < system->n_interfaces; i++) {
		const struct metrics_interface *from = &system->interfaces[i];
		Lanrage__Metrics__Interface *to = &message->interfaces[i];

		lanrage__metrics__interface__init(to);
		to->name = pb_view_text(from->name);
		to->rx_bytes = from->rx_bytes;
		to->tx_bytes = from->tx_bytes;
		to->rx_bytes_per_s = from->rx_bytes_per_s;
		to->tx_bytes_per_s = from->tx_bytes_per_s;
		message->list[i] = to;
	}
	message->system.age_us = system->age_us;
	message->system.cpu_permille = system->cpu_permille;
	message->system.memory_total = system->memory_total;
	message->system.memory_available = system->memory_available;
	message->system.n_interfaces = system->n_interfaces;
	message->system.interfaces = message->list;
}

static bool take_interface(const Lanrage__Metrics__Interface *message,
			   struct metrics_interface *interface)
{
	interface->rx_bytes = message->rx_bytes;
	interface->tx_bytes = message->tx_bytes;
	interface->rx_bytes_per_s = message->rx_bytes_per_s;
	interface->tx_bytes_per_s = message->tx_bytes_per_s;
	return *message->name &&
	       pb_take_text(message->name, interface->name, sizeof(interface->name));
}

static bool take_system(const Lanrage__Metrics__System *message, struct metrics_system *system)
{
	system->age_us = message->age_us;
	system->cpu_permille = message->cpu_permille;
	system->memory_total = message->memory_total;
	system->memory_available = message->memory_available;
	if (message->n_interfaces > METRICS_INTERFACES_MAX ||
	    !permille_is_possible(message->cpu_permille))
		return false;
	for (size_t i = 0; i < message->n_interfaces; i++)
		if (!take_interface(message->interfaces[i],
				    &system->interfaces[system->n_interfaces++]))
			return false;
	return true;
}

ssize_t metrics_system_encode(const struct metrics_system *system, uint8_t **bytes)
{
	struct system_message message;

	system_view(system, &message);
	return pb_pack(&message.system.base, bytes);
}

int metrics_system_decode(struct metrics_system *system, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__System *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__metrics__system__descriptor, bytes, length);
	bool good;

	memset(system, 0, sizeof(*system));
	good = message && take_system(message, system);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

static void system_bucket_view(const struct metrics_system_bucket *bucket,
			       Lanrage__Metrics__SystemBucket *message)
{
	lanrage__metrics__system_bucket__init(message);
	message->at_s = bucket->at_s;
	message->seconds = bucket->seconds;
	message->cpu_permille = bucket->cpu_permille;
	message->memory_total = bucket->memory_total;
	message->memory_available = bucket->memory_available;
	message->rx_bytes_per_s = bucket->rx_bytes_per_s;
	message->tx_bytes_per_s = bucket->tx_bytes_per_s;
}

static bool take_system_bucket(const Lanrage__Metrics__SystemBucket *message,
			       struct metrics_system_bucket *bucket)
{
	bucket->at_s = message->at_s;
	bucket->seconds = message->seconds;
	bucket->cpu_permille = message->cpu_permille;
	bucket->memory_total = message->memory_total;
	bucket->memory_available = message->memory_available;
	bucket->rx_bytes_per_s = message->rx_bytes_per_s;
	bucket->tx_bytes_per_s = message->tx_bytes_per_s;
	return permille_is_possible(message->cpu_permille);
}

ssize_t metrics_system_history_encode(const struct metrics_system_history *system_history,
				      uint8_t **bytes)
{
	Lanrage__Metrics__SystemHistory message = LANRAGE__METRICS__SYSTEM_HISTORY__INIT;
	Lanrage__Metrics__SystemBucket *items =
		calloc(system_history->n_buckets + 1, sizeof(*items));
	Lanrage__Metrics__SystemBucket **list =
		calloc(system_history->n_buckets + 1, sizeof(*list));
	ssize_t n = -ENOMEM;

	if (items && list) {
		for (size_t i = 0; i < system_history->n_buckets; i++) {
			system_bucket_view(&system_history->buckets[i], &items[i]);
			list[i] = &items[i];
		}
		message.n_buckets = system_history->n_buckets;
		message.buckets = list;
		n = pb_pack(&message.base, bytes);
	}
	free(items);
	free(list);
	return n;
}

static bool take_system_history(const Lanrage__Metrics__SystemHistory *message,
				struct metrics_system_history *system_history)
{
	if (message->n_buckets > METRICS_POINTS_MAX)
		return false;
	system_history->buckets = calloc(message->n_buckets + 1, sizeof(*system_history->buckets));
	if (!system_history->buckets)
		return false;
	for (size_t i = 0; i < message->n_buckets; i++)
		if (!take_system_bucket(message->buckets[i],
					&system_history->buckets[system_history->n_buckets++]))
			return false;
	return true;
}

int metrics_system_history_decode(struct metrics_system_history *system_history,
				  const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__SystemHistory *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__metrics__system_history__descriptor, bytes, length);
	bool good;

	memset(system_history, 0, sizeof(*system_history));
	good = message && take_system_history(message, system_history);
	pb_free(&memory);
	if (!good)
		metrics_system_history_clear(system_history);
	return good ? 0 : -EBADMSG;
}

void metrics_system_history_clear(struct metrics_system_history *system_history)
{
	free(system_history->buckets);
	memset(system_history, 0, sizeof(*system_history));
}

/* ---- samples and peers */

static void measures_view(const struct metrics_measures *measures,
			  Lanrage__Metrics__Measures *message)
{
	lanrage__metrics__measures__init(message);
	message->rtt_us = measures->rtt_us;
	message->jitter_us = measures->jitter_us;
	message->loss_permille = measures->loss_permille;
	message->rx_bytes = measures->rx_bytes;
	message->tx_bytes = measures->tx_bytes;
	message->rx_bytes_per_s = measures->rx_bytes_per_s;
	message->tx_bytes_per_s = measures->tx_bytes_per_s;
}

static bool take_measures(const Lanrage__Metrics__Measures *message,
			  struct metrics_measures *measures)
{
	if (!message || !permille_is_possible(message->loss_permille))
		return false;
	measures->rtt_us = message->rtt_us;
	measures->jitter_us = message->jitter_us;
	measures->loss_permille = message->loss_permille;
	measures->rx_bytes = message->rx_bytes;
	measures->tx_bytes = message->tx_bytes;
	measures->rx_bytes_per_s = message->rx_bytes_per_s;
	measures->tx_bytes_per_s = message->tx_bytes_per_s;
	return true;
}

struct sample_message {
	Lanrage__Metrics__Sample sample;
	Lanrage__Metrics__Measures measures;
};

static void sample_view(const struct metrics_sample *sample, struct sample_message *message)
{
	lanrage__metrics__sample__init(&message->sample);
	measures_view(&sample->measures, &message->measures);
	message->sample.age_us = sample->age_us;
	message->sample.state = sample->state;
	message->sample.path = sample->path;
	message->sample.measures = &message->measures;
}

static bool take_sample(const Lanrage__Metrics__Sample *message, struct metrics_sample *sample)
{
	if (!message || message->state >= METRICS_PEER_STATES ||
	    message->path >= METRICS_PATH_KINDS)
		return false;
	sample->age_us = message->age_us;
	sample->state = (enum metrics_peer_state)message->state;
	sample->path = (enum metrics_peer_path)message->path;
	return take_measures(message->measures, &sample->measures);
}

static void quality_view(const struct metrics_quality *quality, Lanrage__Metrics__Quality *message)
{
	lanrage__metrics__quality__init(message);
	message->score = quality->score;
	message->latency = quality->latency;
	message->loss = quality->loss;
	message->jitter = quality->jitter;
	message->trend = quality->trend;
}

static bool take_quality(const Lanrage__Metrics__Quality *message, struct metrics_quality *quality)
{
	if (!message || message->trend >= METRICS_TRENDS)
		return false;
	quality->score = message->score;
	quality->latency = message->latency;
	quality->loss = message->loss;
	quality->jitter = message->jitter;
	quality->trend = (enum metrics_trend)message->trend;
	return score_is_possible(message->score) && score_is_possible(message->latency) &&
	       score_is_possible(message->loss) && score_is_possible(message->jitter);
}

struct peer_message {
	Lanrage__Metrics__Peer peer;
	struct sample_message now;
	Lanrage__Metrics__Quality quality;
};

static void peer_view(const struct metrics_peer *peer, struct peer_message *message)
{
	lanrage__metrics__peer__init(&message->peer);
	sample_view(&peer->now, &message->now);
	message->peer.public_key = pb_view(peer->public_key, sizeof(peer->public_key));
	message->peer.now = &message->now.sample;
	quality_view(&peer->quality, &message->quality);
	message->peer.quality = &message->quality;
}

static bool take_peer(const Lanrage__Metrics__Peer *message, struct metrics_peer *peer)
{
	return message &&
	       pb_take(&message->public_key, peer->public_key, sizeof(peer->public_key)) &&
	       take_sample(message->now, &peer->now) &&
	       take_quality(message->quality, &peer->quality);
}

ssize_t metrics_peers_encode(const struct metrics_peers *peers, uint8_t **bytes)
{
	Lanrage__Metrics__Peers message = LANRAGE__METRICS__PEERS__INIT;
	struct peer_message *items = calloc(peers->n_peers + 1, sizeof(*items));
	Lanrage__Metrics__Peer **list = calloc(peers->n_peers + 1, sizeof(*list));
	ssize_t n = -ENOMEM;

	if (items && list) {
		for (size_t i = 0; i < peers->n_peers; i++) {
			peer_view(&peers->peers[i], &items[i]);
			list[i] = &items[i].peer;
		}
		message.n_peers = peers->n_peers;
		message.peers = list;
		message.sessions_running = peers->sessions_running;
		n = pb_pack(&message.base, bytes);
	}
	free(items);
	free(list);
	return n;
}

static bool take_peers(const Lanrage__Metrics__Peers *message, struct metrics_peers *peers)
{
	if (message->n_peers > METRICS_PEERS_MAX)
		return false;
	peers->sessions_running = message->sessions_running;
	peers->peers = calloc(message->n_peers + 1, sizeof(*peers->peers));
	if (!peers->peers)
		return false;
	for (size_t i = 0; i < message->n_peers; i++)
		if (!take_peer(message->peers[i], &peers->peers[peers->n_peers++]))
			return false;
	return true;
}

int metrics_peers_decode(struct metrics_peers *peers, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__Peers *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__metrics__peers__descriptor, bytes, length);
	bool good;

	memset(peers, 0, sizeof(*peers));
	good = message && take_peers(message, peers);
	pb_free(&memory);
	if (!good)
		metrics_peers_clear(peers);
	return good ? 0 : -EBADMSG;
}

void metrics_peers_clear(struct metrics_peers *peers)
{
	free(peers->peers);
	memset(peers, 0, sizeof(*peers));
}

/* ---- one peer */

struct path_message {
	Lanrage__Metrics__Path path;
	Lanrage__Metrics__Measures measures;
};

static void path_view(const struct metrics_path *path, struct path_message *message)
{
	Lanrage__Metrics__Path *m = &message->path;

	lanrage__metrics__path__init(m);
	measures_view(&path->measures, &message->measures);
	m->active = path->active;
	m->kind = path->kind;
	m->state = path->state;
	m->ip = pb_view(path->endpoint.ip, addr_ip_length(&path->endpoint));
	m->port = path->endpoint.port;
	m->scope = path->endpoint.scope;
	m->relay = optional_key_view(path->relay);
	m->measures = &message->measures;
}

static bool take_endpoint(const Lanrage__Metrics__Path *message, struct addr *endpoint)
{
	if (message->ip.len == 0)
		return message->port == 0 && message->scope == 0;
	if (message->port > UINT16_MAX ||
	    addr_from_bytes(endpoint, message->ip.data, message->ip.len, (uint16_t)message->port) <
		    0)
		return false;
	endpoint->scope = message->scope;
	return message->scope == 0 || addr_is_link_local(endpoint);
}

static bool take_path(const Lanrage__Metrics__Path *message, struct metrics_path *path)
{
	if (message->kind >= DATAPLANE_PATH_KINDS || message->state >= DATAPLANE_PATH_STATES)
		return false;
	path->active = message->active;
	path->kind = (enum dataplane_path_kind)message->kind;
	path->state = (enum dataplane_path_state)message->state;
	return take_endpoint(message, &path->endpoint) &&
	       take_optional_key(&message->relay, path->relay) &&
	       take_measures(message->measures, &path->measures);
}

struct peer_detail_message {
	Lanrage__Metrics__PeerDetail detail;
	struct peer_message peer;
	struct path_message paths[METRICS_PATHS_MAX];
	Lanrage__Metrics__Path *path_list[METRICS_PATHS_MAX];
};

ssize_t metrics_peer_detail_encode(const struct metrics_peer_detail *detail, uint8_t **bytes)
{
	struct peer_detail_message message;

	lanrage__metrics__peer_detail__init(&message.detail);
	peer_view(&detail->peer, &message.peer);
	message.detail.peer = &message.peer.peer;
	for (size_t i = 0; i < detail->n_paths; i++) {
		path_view(&detail->paths[i], &message.paths[i]);
		message.path_list[i] = &message.paths[i].path;
	}
	message.detail.n_paths = detail->n_paths;
	message.detail.paths = message.path_list;
	return pb_pack(&message.detail.base, bytes);
}

static bool take_peer_detail(const Lanrage__Metrics__PeerDetail *message,
			     struct metrics_peer_detail *detail)
{
	if (!take_peer(message->peer, &detail->peer) || message->n_paths > METRICS_PATHS_MAX)
		return false;
	detail->paths = calloc(message->n_paths + 1, sizeof(*detail->paths));
	if (!detail->paths)
		return false;
	for (size_t i = 0; i < message->n_paths; i++)
		if (!take_path(message->paths[i], &detail->paths[detail->n_paths++]))
			return false;
	return true;
}

int metrics_peer_detail_decode(struct metrics_peer_detail *detail, const uint8_t *bytes,
			       size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__PeerDetail *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__metrics__peer_detail__descriptor, bytes, length);
	bool good;

	memset(detail, 0, sizeof(*detail));
	good = message && take_peer_detail(message, detail);
	pb_free(&memory);
	if (!good)
		metrics_peer_detail_clear(detail);
	return good ? 0 : -EBADMSG;
}

void metrics_peer_detail_clear(struct metrics_peer_detail *detail)
{
	free(detail->paths);
	memset(detail, 0, sizeof(*detail));
}

/* ---- a peer's history */

static void bucket_view(const struct metrics_bucket *bucket, Lanrage__Metrics__Bucket *message)
{
	lanrage__metrics__bucket__init(message);
	message->at_s = bucket->at_s;
	message->seconds = bucket->seconds;
	message->state = bucket->state;
	message->path = bucket->path;
	message->rtt_us = bucket->rtt_us;
	message->rtt_min_us = bucket->rtt_min_us;
	message->rtt_max_us = bucket->rtt_max_us;
	message->jitter_us = bucket->jitter_us;
	message->loss_permille = bucket->loss_permille;
	message->rx_bytes_per_s = bucket->rx_bytes_per_s;
	message->tx_bytes_per_s = bucket->tx_bytes_per_s;
	message->quality = bucket->quality;
}

static bool take_bucket(const Lanrage__Metrics__Bucket *message, struct metrics_bucket *bucket)
{
	if (message->state >= METRICS_PEER_STATES || message->path >= METRICS_PATH_KINDS)
		return false;
	bucket->at_s = message->at_s;
	bucket->seconds = message->seconds;
	bucket->state = (enum metrics_peer_state)message->state;
	bucket->path = (enum metrics_peer_path)message->path;
	bucket->rtt_us = message->rtt_us;
	bucket->rtt_min_us = message->rtt_min_us;
	bucket->rtt_max_us = message->rtt_max_us;
	bucket->jitter_us = message->jitter_us;
	bucket->loss_permille = message->loss_permille;
	bucket->rx_bytes_per_s = message->rx_bytes_per_s;
	bucket->tx_bytes_per_s = message->tx_bytes_per_s;
	bucket->quality = message->quality;
	return permille_is_possible(message->loss_permille) && score_is_possible(message->quality);
}

ssize_t metrics_peer_history_encode(const struct metrics_peer_history *peer_history,
				    uint8_t **bytes)
{
	Lanrage__Metrics__PeerHistory message = LANRAGE__METRICS__PEER_HISTORY__INIT;
	Lanrage__Metrics__Bucket *items = calloc(peer_history->n_buckets + 1, sizeof(*items));
	Lanrage__Metrics__Bucket **list = calloc(peer_history->n_buckets + 1, sizeof(*list));
	ssize_t n = -ENOMEM;

	if (items && list) {
		for (size_t i = 0; i < peer_history->n_buckets; i++) {
			bucket_view(&peer_history->buckets[i], &items[i]);
			list[i] = &items[i];
		}
		message.n_buckets = peer_history->n_buckets;
		message.buckets = list;
		n = pb_pack(&message.base, bytes);
	}
	free(items);
	free(list);
	return n;
}

static bool take_peer_history(const Lanrage__Metrics__PeerHistory *message,
			      struct metrics_peer_history *peer_history)
{
	if (message->n_buckets > METRICS_POINTS_MAX)
		return false;
	peer_history->buckets = calloc(message->n_buckets + 1, sizeof(*peer_history->buckets));
	if (!peer_history->buckets)
		return false;
	for (size_t i = 0; i < message->n_buckets; i++)
		if (!take_bucket(message->buckets[i],
				 &peer_history->buckets[peer_history->n_buckets++]))
			return false;
	return true;
}

int metrics_peer_history_decode(struct metrics_peer_history *peer_history, const uint8_t *bytes,
				size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__PeerHistory *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__metrics__peer_history__descriptor, bytes, length);
	bool good;

	memset(peer_history, 0, sizeof(*peer_history));
	good = message && take_peer_history(message, peer_history);
	pb_free(&memory);
	if (!good)
		metrics_peer_history_clear(peer_history);
	return good ? 0 : -EBADMSG;
}

void metrics_peer_history_clear(struct metrics_peer_history *peer_history)
{
	free(peer_history->buckets);
	memset(peer_history, 0, sizeof(*peer_history));
}
