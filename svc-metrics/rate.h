/* rate.h - what a counter that only grows has done between two looks at it. Pure. */
#ifndef LANRAGE_METRICS_RATE_H
#define LANRAGE_METRICS_RATE_H

#include <stdint.h>

/* Looks further apart than this say nothing about now: this machine slept, or nobody looked. */
#define RATE_APART_MAX_US 30000000ull

/* Per second. METRICS_UNKNOWN where one of the counts is, where the counter went back, or where the
 * two looks are no time or too long apart. */
uint64_t rate_per_s(uint64_t before, uint64_t after, uint64_t elapsed_us);

#endif
