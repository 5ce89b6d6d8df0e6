#include "svc-metrics/histogram.h"

#include <stddef.h>

#define STEPS	    8  /* of each doubling */
#define FIRST_POWER 6  /* 64 us */
#define LAST_POWER  23 /* up to 2^24 us */

static size_t bucket_of(uint32_t us)
{
	unsigned power = FIRST_POWER;

	if (us < 1u << FIRST_POWER)
		return us / ((1u << FIRST_POWER) / STEPS);
	while (power < LAST_POWER && us >> (power + 1))
		power++;
	if (us >> (LAST_POWER + 1))
		return HISTOGRAM_BUCKETS - 1;
	return STEPS + (power - FIRST_POWER) * STEPS + (us >> (power - 3)) % STEPS;
}

static uint32_t middle_of(size_t bucket)
{
	uint32_t width = (1u << FIRST_POWER) / STEPS;
	unsigned power;

	if (bucket < STEPS)
		return (uint32_t)bucket * width + width / 2;
	power = FIRST_POWER + (unsigned)(bucket - STEPS) / STEPS;
	width = 1u << (power - 3);
	return (1u << power) + (uint32_t)(bucket % STEPS) * width + width / 2;
}

void histogram_add(struct histogram *histogram, uint32_t us)
{
	uint32_t *count = &histogram->counts[bucket_of(us)];

	if (*count < UINT32_MAX)
		++*count;
}

uint32_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
	uint64_t all = 0, seen = 0;
	size_t i = 0;

	for (size_t k = 0; k < HISTOGRAM_BUCKETS; k++)
		all += histogram->counts[k];
	if (all == 0)
		return UINT32_MAX;
	while ((seen += histogram->counts[i]) * 100 < all * percent)
		i++;
	return middle_of(i);
}
