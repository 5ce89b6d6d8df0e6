/* bucket.h - a token bucket: so many at once, and one more every interval.
 *
 * Pure: the caller gives the time, of a clock that never jumps. Zero-initialised it is full. A
 * limit with interval 0 is none.
 */
#ifndef LANRAGE_COMMON_BUCKET_H
#define LANRAGE_COMMON_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t full_us; /* when it is full again: all of its state */
};

struct bucket_limit {
	uint32_t burst;
	uint64_t interval_us;
};

#define BUCKET_PER_SECOND(rate, most) \
	((struct bucket_limit){.burst = (most), .interval_us = 1000000 / (rate)})

/* Takes so many tokens: 0. Or takes none: the microseconds until they are there; more than the
 * burst never are. */
uint64_t bucket_ask(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us,
		    uint32_t tokens);
/* Takes one; false when there is none. */
bool bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us);
/* Takes none: the microseconds until there is one. */
uint64_t bucket_wait_us(const struct bucket *bucket, struct bucket_limit limit, uint64_t now_us);
/* Undoes the taking of one. */
void bucket_give_back(struct bucket *bucket, struct bucket_limit limit);

#endif
