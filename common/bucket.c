#include "common/bucket.h"

/* Each token taken puts off by an interval the moment when the bucket is full again; that moment is
 * at most a burst away (the generic cell rate algorithm, ITU-T I.371).
 */
uint64_t bucket_ask(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us,
		    uint32_t tokens)
{
	uint64_t latest = now_us + limit.burst * limit.interval_us;
	uint64_t after =
		(bucket->full_us > now_us ? bucket->full_us : now_us) + tokens * limit.interval_us;

	if (after > latest)
		return after - latest;
	bucket->full_us = after;
	return 0;
}

bool bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	return bucket_ask(bucket, limit, now_us, 1) == 0;
}

uint64_t bucket_wait_us(const struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	struct bucket copy = *bucket;

	return bucket_ask(&copy, limit, now_us, 1);
}

void bucket_give_back(struct bucket *bucket, struct bucket_limit limit)
{
	bucket->full_us -=
		bucket->full_us < limit.interval_us ? bucket->full_us : limit.interval_us;
}
