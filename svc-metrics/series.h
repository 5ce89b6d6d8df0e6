/* series.h - the last five minutes of samples of one thing, oldest first. Pure.
 *
 * Each sample has the monotonic time it was taken at, so that the order holds whatever the wall
 * clock does. There are SERIES_MAX samples at most and none older than SERIES_AGE_US; memory grows
 * with the samples there are. Nothing is filled in: a time without samples is a gap.
 */
#ifndef LANRAGE_METRICS_SERIES_H
#define LANRAGE_METRICS_SERIES_H

#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-metrics/codec.h"

#define SERIES_MAX    METRICS_RECENT_S
#define SERIES_AGE_US (METRICS_RECENT_S * CLOCK_SECOND)

struct series {
	size_t sample_size;
	size_t n;
	size_t first, room; /* of the ring */
	uint64_t *times_us;
	uint8_t *samples;
};

void series_init(struct series *series, size_t sample_size);
void series_deinit(struct series *series);

/* Copies one more sample in; what is too old or too much goes. -ENOMEM; -ESTALE where now_us is not
 * later than the last: then nothing is changed. */
int series_add(struct series *series, const void *sample, uint64_t now_us);
/* Drops what is older than that. */
void series_expire(struct series *series, uint64_t now_us);

/* i < n; 0 is the oldest. The sample is borrowed until the next series_add(). */
const void *series_sample(const struct series *series, size_t i);
uint64_t series_time_us(const struct series *series, size_t i);
/* NULL: none. */
const void *series_last(const struct series *series);
/* The first sample that is at most age_us old at now_us; n where none is. */
size_t series_since(const struct series *series, uint64_t now_us, uint64_t age_us);

#endif
