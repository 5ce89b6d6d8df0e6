#include "svc-metrics/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-metrics/quality.h"
#include "svc-metrics/rate.h"

/* ---- the list */

/* The first that is not before the key. */
static size_t place_of(const struct peers *peers, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	size_t low = 0, high = peers->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(peers->list[middle]->public_key, key, DATAPLANE_KEY_SIZE) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct peers *peers, size_t place, const uint8_t key[DATAPLANE_KEY_SIZE])
{
	return place < peers->n &&
	       memcmp(peers->list[place]->public_key, key, DATAPLANE_KEY_SIZE) == 0;
}

static void free_entry(struct peers_entry *entry)
{
	series_deinit(&entry->recent);
	free(entry->paths);
	free(entry);
}

static void remove_at(struct peers *peers, size_t place)
{
	free_entry(peers->list[place]);
	peers->n--;
	memmove(&peers->list[place], &peers->list[place + 1],
		(peers->n - place) * sizeof(struct peers_entry *));
}

static int add_sample(struct peers_entry *entry, const struct metrics_sample *sample,
		      uint64_t now_us)
{
	int r = series_add(&entry->recent, sample, now_us);

	if (r < 0)
		return r;
	entry->now = *sample;
	entry->now_us = now_us;
	return 0;
}

/* Removes whoever has been gone the longest; false where all are there. */
static bool make_room(struct peers *peers)
{
	size_t oldest = peers->n;

	for (size_t i = 0; i < peers->n; i++) {
		if (peers->list[i]->now.state == METRICS_PEER_GONE &&
		    (oldest == peers->n || peers->list[i]->seen_us < peers->list[oldest]->seen_us))
			oldest = i;
	}
	if (oldest == peers->n)
		return false;
	remove_at(peers, oldest);
	return true;
}

static int grow(struct peers *peers)
{
	size_t room = peers->room ? peers->room * 2 : 8;
	struct peers_entry **list;

	if (peers->n < peers->room)
		return 0;
	list = realloc(peers->list, room * sizeof(struct peers_entry *));
	if (!list)
		return -ENOMEM;
	peers->list = list;
	peers->room = room;
	return 0;
}

/* A new one with its first sample: that is how none is ever without. NULL: no memory. */
static struct peers_entry *insert(struct peers *peers, const struct dataplane_peer *peer,
				  const struct metrics_sample *sample, uint64_t now_us)
{
	struct peers_entry *entry;
	size_t place;

	if (grow(peers) < 0)
		return NULL;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return NULL;
	memcpy(entry->public_key, peer->public_key, sizeof(entry->public_key));
	series_init(&entry->recent, sizeof(struct metrics_sample));
	if (add_sample(entry, sample, now_us) < 0) {
		free_entry(entry);
		return NULL;
	}
	place = place_of(peers, peer->public_key);
	memmove(&peers->list[place + 1], &peers->list[place],
		(peers->n - place) * sizeof(struct peers_entry *));
	peers->list[place] = entry;
	peers->n++;
	return entry;
}

/* ---- samples */

static enum metrics_peer_state state_of(enum dataplane_peer_state state)
{
	switch (state) {
	case DATAPLANE_PEER_CONNECTING: return METRICS_PEER_CONNECTING;
	case DATAPLANE_PEER_CONNECTED: return METRICS_PEER_CONNECTED;
	case DATAPLANE_PEER_FAILED:
	case DATAPLANE_PEER_STATES: break;
	}
	return METRICS_PEER_FAILED;
}

static bool is_active(const struct dataplane_peer *peer, size_t path)
{
	return peer->state == DATAPLANE_PEER_CONNECTED && peer->active_path == (ssize_t)path;
}

static struct metrics_measures measures_of(const struct dataplane_path *path)
{
	struct metrics_measures measures = metrics_sample_unknown.measures;

	measures.rtt_us = path->rtt_us;
	measures.jitter_us = path->jitter_us;
	measures.loss_permille = path->loss_permille;
	measures.rx_bytes = path->rx_bytes;
	measures.tx_bytes = path->tx_bytes;
	return measures;
}

static struct metrics_sample sample_of(const struct dataplane_peer *peer)
{
	struct metrics_sample sample = metrics_sample_unknown;

	sample.state = state_of(peer->state);
	sample.path = METRICS_PATH_NONE;
	for (size_t i = 0; i < peer->n_paths; i++) {
		const struct dataplane_path *path = &peer->paths[i];

		if (!is_active(peer, i))
			continue;
		sample.path = path->kind == DATAPLANE_PATH_RELAY ? METRICS_PATH_RELAY
								 : METRICS_PATH_DIRECT;
		sample.measures = measures_of(path);
	}
	sample.measures.rx_bytes = peer->rx_bytes;
	sample.measures.tx_bytes = peer->tx_bytes;
	return sample;
}

static void set_rates(struct metrics_measures *now, const struct metrics_measures *before,
		      uint64_t elapsed_us)
{
	now->rx_bytes_per_s = rate_per_s(before->rx_bytes, now->rx_bytes, elapsed_us);
	now->tx_bytes_per_s = rate_per_s(before->tx_bytes, now->tx_bytes, elapsed_us);
}

static const struct metrics_path *find_path(const struct peers_entry *entry,
					    const struct dataplane_path *path)
{
	for (size_t i = 0; i < entry->n_paths; i++) {
		const struct metrics_path *known = &entry->paths[i];

		if (known->kind == path->kind && addr_equal(&known->endpoint, &path->endpoint) &&
		    memcmp(known->relay, path->relay, sizeof(path->relay)) == 0)
			return known;
	}
	return NULL;
}

static void fill_path(struct metrics_path *out, const struct dataplane_path *path,
		      const struct metrics_path *before, uint64_t elapsed_us)
{
	*out = (struct metrics_path){.kind = path->kind,
				     .state = path->state,
				     .endpoint = path->endpoint,
				     .measures = measures_of(path)};
	memcpy(out->relay, path->relay, sizeof(out->relay));
	if (before)
		set_rates(&out->measures, &before->measures, elapsed_us);
}

static void drop_paths(struct peers_entry *entry)
{
	free(entry->paths);
	entry->paths = NULL;
	entry->n_paths = 0;
}

/* elapsed_us 0: there is nothing to compare with. */
static int take_paths(struct peers_entry *entry, const struct dataplane_peer *peer,
		      uint64_t elapsed_us)
{
	struct metrics_path *paths = calloc(peer->n_paths + 1, sizeof(*paths));

	for (size_t i = 0; paths && i < peer->n_paths; i++) {
		const struct dataplane_path *path = &peer->paths[i];

		fill_path(&paths[i], path, find_path(entry, path), elapsed_us);
		paths[i].active = is_active(peer, i);
	}
	drop_paths(entry);
	entry->paths = paths;
	entry->n_paths = paths ? peer->n_paths : 0;
	return paths ? 0 : -ENOMEM;
}

static int take_known(struct peers_entry *entry, const struct dataplane_peer *peer,
		      struct metrics_sample *sample, bool same_process, uint64_t now_us)
{
	uint64_t elapsed_us = same_process ? now_us - entry->seen_us : 0;
	int r;

	set_rates(&sample->measures, &entry->now.measures, elapsed_us);
	r = add_sample(entry, sample, now_us);
	return r < 0 ? r : take_paths(entry, peer, elapsed_us);
}

static int take_peer(struct peers *peers, const struct dataplane_peer *peer, bool same_process,
		     uint64_t now_us)
{
	struct metrics_sample sample = sample_of(peer);
	size_t place = place_of(peers, peer->public_key);
	struct peers_entry *entry;
	int r;

	if (is_at(peers, place, peer->public_key)) {
		entry = peers->list[place];
		r = take_known(entry, peer, &sample, same_process, now_us);
	} else if (peers->n == METRICS_PEERS_MAX && !make_room(peers)) {
		peers->left_out++;
		return 0;
	} else {
		entry = insert(peers, peer, &sample, now_us);
		r = entry ? take_paths(entry, peer, 0) : -ENOMEM;
	}
	if (entry)
		entry->seen_us = now_us;
	return r;
}

/* One sample that begins a gap, unless that is what the last one did. */
static int mark(struct peers_entry *entry, enum metrics_peer_state state, uint64_t now_us)
{
	struct metrics_sample sample = metrics_sample_unknown;

	sample.state = state;
	drop_paths(entry);
	return entry->now.state == state ? 0 : add_sample(entry, &sample, now_us);
}

static void forget_old(struct peers *peers, uint64_t now_us)
{
	for (size_t i = peers->n; i-- > 0;) {
		series_expire(&peers->list[i]->recent, now_us);
		if (now_us > peers->list[i]->now_us + METRICS_GONE_S * CLOCK_SECOND)
			remove_at(peers, i);
	}
}

int peers_take(struct peers *peers, const struct dataplane_state *state, uint64_t now_us)
{
	bool same_process = peers->instance == state->instance;
	int result = 0;

	peers->instance = state->instance;
	peers->left_out = 0;
	peers->present = state->n_peers;
	for (size_t i = 0; i < state->n_peers; i++) {
		int r = take_peer(peers, &state->peers[i], same_process, now_us);

		result = r < 0 ? r : result;
	}
	for (size_t i = 0; i < peers->n; i++) {
		int r = peers->list[i]->seen_us == now_us
				? 0
				: mark(peers->list[i], METRICS_PEER_GONE, now_us);

		result = r < 0 ? r : result;
	}
	forget_old(peers, now_us);
	return result;
}

int peers_miss(struct peers *peers, uint64_t now_us)
{
	int result = 0;

	for (size_t i = 0; i < peers->n; i++) {
		int r = mark(peers->list[i], METRICS_PEER_UNKNOWN, now_us);

		result = r < 0 ? r : result;
	}
	forget_old(peers, now_us);
	return result;
}

void peers_deinit(struct peers *peers)
{
	while (peers->n > 0)
		remove_at(peers, peers->n - 1);
	free(peers->list);
	memset(peers, 0, sizeof(*peers));
}

/* ---- answers */

static void fill_peer(struct metrics_peer *out, const struct peers_entry *entry, uint64_t now_us)
{
	const struct metrics_measures *measures = &entry->now.measures;

	memcpy(out->public_key, entry->public_key, sizeof(out->public_key));
	out->now = entry->now;
	out->now.age_us = now_us - entry->now_us;
	out->quality = quality_of(measures->rtt_us, measures->loss_permille, measures->jitter_us);
	if (entry->now.state == METRICS_PEER_CONNECTED)
		out->quality.trend = quality_trend(&entry->recent, now_us);
}

int peers_list(const struct peers *peers, uint64_t now_us, struct metrics_peers *list)
{
	*list = (struct metrics_peers){.peers = calloc(peers->n + 1, sizeof(*list->peers))};
	if (!list->peers)
		return -ENOMEM;
	for (; list->n_peers < peers->n; list->n_peers++)
		fill_peer(&list->peers[list->n_peers], peers->list[list->n_peers], now_us);
	return 0;
}

const struct peers_entry *peers_find(const struct peers *peers,
				     const uint8_t key[DATAPLANE_KEY_SIZE])
{
	size_t place = place_of(peers, key);

	return is_at(peers, place, key) ? peers->list[place] : NULL;
}

int peers_get(const struct peers *peers, const uint8_t key[DATAPLANE_KEY_SIZE], uint64_t now_us,
	      struct metrics_peer_detail *detail)
{
	const struct peers_entry *entry = peers_find(peers, key);

	memset(detail, 0, sizeof(*detail));
	if (!entry)
		return -ENOENT;
	detail->paths = calloc(entry->n_paths + 1, sizeof(*detail->paths));
	if (!detail->paths)
		return -ENOMEM;
	fill_peer(&detail->peer, entry, now_us);
	for (; detail->n_paths < entry->n_paths; detail->n_paths++)
		detail->paths[detail->n_paths] = entry->paths[detail->n_paths];
	return 0;
}
