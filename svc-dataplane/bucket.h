/* bucket.h - a token bucket: so many a second, so many at once.
 *
 * Counts in millionths of a token, so slow rates lose nothing to rounding. Zero-initialised it is
 * empty; bucket_fill() makes it full.
 */
#ifndef LANRAGE_DATAPLANE_BUCKET_H
#define LANRAGE_DATAPLANE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t millionths;
	uint64_t updated_us;
};

struct bucket_limit {
	uint32_t per_second;
	uint32_t burst;
};

void bucket_fill(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us);
/* Takes one token; false when there is none. */
bool bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us);
/* All of them, or none. */
bool bucket_take_several(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us,
			 uint32_t tokens);
/* Microseconds until a token is there; 0: now. */
uint64_t bucket_wait_us(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us);

#endif
