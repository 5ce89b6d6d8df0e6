#include "svc-dataplane/bucket.h"

#define TOKEN 1000000ULL /* one token in millionths, and the microseconds of a second */

void bucket_fill(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	bucket->millionths = limit.burst * TOKEN;
	bucket->updated_us = now_us;
}

static void refill(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	uint64_t full = limit.burst * TOKEN;
	uint64_t elapsed = now_us > bucket->updated_us ? now_us - bucket->updated_us : 0;

	/* Longer than it takes to fill: also keeps the product below from overflowing. */
	if (elapsed >= full / limit.per_second)
		bucket->millionths = full;
	else
		bucket->millionths += elapsed * limit.per_second;
	if (bucket->millionths > full)
		bucket->millionths = full;
	bucket->updated_us = now_us;
}

bool bucket_take_several(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us,
			 uint32_t tokens)
{
	refill(bucket, limit, now_us);
	if (bucket->millionths < tokens * TOKEN)
		return false;
	bucket->millionths -= tokens * TOKEN;
	return true;
}

bool bucket_take(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	return bucket_take_several(bucket, limit, now_us, 1);
}

uint64_t bucket_wait_us(struct bucket *bucket, struct bucket_limit limit, uint64_t now_us)
{
	refill(bucket, limit, now_us);
	if (bucket->millionths >= TOKEN)
		return 0;
	return (TOKEN - bucket->millionths + limit.per_second - 1) / limit.per_second;
}
