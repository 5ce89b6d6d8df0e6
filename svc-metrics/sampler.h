/* sampler.h - this machine's processors, memory and interfaces, as /proc tells (proc(5)).
 *
 * Pure: the texts of /proc/stat, /proc/meminfo and /proc/net/dev in, numbers out. Rates need two
 * samples in a row; until then they are unknown, and stay so for an interface whose counters went
 * back and across a time that was slept through.
 */
#ifndef LANRAGE_METRICS_SAMPLER_H
#define LANRAGE_METRICS_SAMPLER_H

#include <stdint.h>

#include "svc-metrics/codec.h"

struct sampler {
	uint64_t busy, total;	       /* clock ticks of all processors at the last sample */
	uint64_t sampled_us;	       /* 0: never */
	struct metrics_system current; /* its age is not set */
};

/* Takes one sample. now_us is monotonic. -EBADMSG when a text is not what proc(5) says; the last
 * sample then stays. */
int sampler_take(struct sampler *sampler, const char *stat, const char *meminfo,
		 const char *net_dev, uint64_t now_us);

#endif
