/* pairs.h - at which relays this machine and each other member meet.
 *
 * Pure. Of the relays that both announced a distance to (distances.h), the one with the smallest
 * sum, and the next as a spare; equal sums go by key. Both ends reckon with the announced numbers,
 * their own too, and so come to the same choice without a word. Another relay replaces one in use
 * only when its sum is smaller by 5 ms and by a fifth, or when the one in use is no longer named by
 * both. While numbers are still coming in (PAIRS_FRESH_US after a relay was first named by both)
 * the smallest sum is simply taken.
 *
 * A member that announces no distances has no entry: plan.h meets it where it is bound.
 */
#ifndef LANRAGE_NAT_PAIRS_H
#define LANRAGE_NAT_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-nat/codec.h"

#define PAIRS_RELAYS   2 /* the relay and its spare */
#define PAIRS_FRESH_US (20 * CLOCK_SECOND)

struct pair {
	uint8_t member[DATAPLANE_KEY_SIZE];
	size_t n_relays;
	uint8_t relays[PAIRS_RELAYS][DATAPLANE_KEY_SIZE]; /* best first */
	uint16_t sum_ms;				  /* of the first */
	size_t n_known;
	uint8_t known[NAT_RELAYS_MAX][NAT_RELAY_ID_SIZE]; /* named by both */
	uint64_t fresh_until_us;
};

struct pairs {
	size_t n;
	struct pair *list; /* by member */
};

/* Zero-initialise *pairs. own: what this machine announces. Only relays that control named count.
 * -ENOMEM changes nothing. */
int pairs_choose(struct pairs *pairs, uint64_t now_us, const struct nat_desired *desired,
		 const struct nat_distance *own, size_t n_own);
void pairs_clear(struct pairs *pairs);
/* NULL: this member announced nothing to choose by. */
const struct pair *pairs_find(const struct pairs *pairs, const uint8_t member[DATAPLANE_KEY_SIZE]);

#endif
