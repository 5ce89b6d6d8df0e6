/* peers.h - every peer of the data plane, measured: what it is doing now and its last minutes.
 * Pure.
 *
 * What the data plane says at one moment in, samples out. A peer that is no longer there gets one
 * sample that says so, and is kept until that is an hour old. While the data plane does
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
#include "svc-metrics/track.h"

struct peers_entry {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	struct metrics_sample now; /* the last one; its age is not set */
	uint64_t now_us;	   /* when that was taken */
	uint64_t seen_us;	   /* when the data plane last had it */
	struct series recent;	   /* of struct metrics_sample; ages are not set */
	struct track track;	   /* the recorder's */
	size_t n_paths;
	struct metrics_path *paths;
};

struct peers {
	uint64_t instance; /* of the data plane, at the last look */
	size_t n, room;
	struct peers_entry **list; /* by key */
	size_t left_out;	   /* at the last look, and the next */
	size_t present;		   /* that the data plane has */
};

/* The data plane's answer of now_us, which is later than any before. -ENOMEM: some peers have no
 * sample of now. */
int peers_take(struct peers *peers, const struct dataplane_state *state, uint64_t now_us);
/* It did not answer. */
int peers_miss(struct peers *peers, uint64_t now_us);
void peers_deinit(struct peers *peers);

/* All, as they are now; to be cleared. -ENOMEM. */
int peers_list(const struct peers *peers, uint64_t now_us, struct metrics_peers *list);
/* One of them, to be cleared. -ENOENT, -ENOMEM. */
int peers_get(const struct peers *peers, const uint8_t key[DATAPLANE_KEY_SIZE], uint64_t now_us,
	      struct metrics_peer_detail *detail);
/* NULL: not known now. */
const struct peers_entry *peers_find(const struct peers *peers,
				     const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
