/* histogram.h - how often each round trip was seen, in a fixed little room. Pure.
 *
 * Eight buckets for each doubling, from 64 us to 16.7 s, and eight below: a value read back is the
 * middle of its bucket and so within 1/16 (6.25 %) of the true one, below 64 us within 4 us. What
 * is longer counts as 16.7 s.
 */
#ifndef LANRAGE_METRICS_HISTOGRAM_H
#define LANRAGE_METRICS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BUCKETS 152

struct histogram {
	uint32_t counts[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint32_t us);
/* The least value that at least percent of all are not above; UINT32_MAX: none was added. */
uint32_t histogram_percentile(const struct histogram *histogram, unsigned percent);

#endif
