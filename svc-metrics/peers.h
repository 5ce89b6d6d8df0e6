/* peers.h - every peer of the data plane, measured: what it is doing now and its last hour. Pure.
 *
 * What the data plane says at one moment in, samples out. A peer that is no longer there gets one
 * sample that says so, and is kept until its last sample is an hour old. While the data plane does
 * not answer, nobody knows: every peer gets one sample that says that. So nothing old is ever
 * current, and nothing is filled in.
 *
 * Rates are of two looks in a row at the same process of the data plane; across anything else they
 * are unknown. There are METRICS_PEERS_MAX peers at most: those that are gone make room for those
 * that are there, and what is there beyond that is left out.
 */
#ifndef LANRAGE_METRICS_PEERS_H
#define LANRAGE_METRICS_PEERS_H

#include "svc-metrics/codec.h"
#include "svc-metrics/series.h"

struct peers_entry {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	struct series history; /* of struct metrics_sample; never empty; ages are not set */
	uint64_t seen_us;      /* when the data plane last had it */
	size_t n_paths;
	struct metrics_path *paths;
};

struct peers {
	uint64_t instance; /* of the data plane, at the last look */
	size_t n, room;
	struct peers_entry **list; /* by key */
	size_t left_out;	   /* at the last look */
};

/* The data plane's answer of now_us, which is later than any before. -ENOMEM: some peers have no
 * sample of now. */
int peers_take(struct peers *peers, const struct dataplane_state *state, uint64_t now_us);
/* It did not answer. */
int peers_miss(struct peers *peers, uint64_t now_us);
void peers_deinit(struct peers *peers);

/* All, as they are now; to be cleared. -ENOMEM. */
int peers_list(const struct peers *peers, uint64_t now_us, struct metrics_peers *list);
/* One and its history as far back as wished; to be cleared. -ENOENT, -ENOMEM. */
int peers_get(const struct peers *peers, const struct metrics_wish *wish, uint64_t now_us,
	      struct metrics_peer_history *history);

#endif
