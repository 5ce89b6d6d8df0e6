#include "svc-metrics/rate.h"

#include "svc-metrics/codec.h"

uint64_t rate_per_s(uint64_t before, uint64_t after, uint64_t elapsed_us)
{
	if (before == METRICS_UNKNOWN || after == METRICS_UNKNOWN || elapsed_us == 0 ||
	    elapsed_us > RATE_APART_MAX_US)
		return METRICS_UNKNOWN;
	/* more than any interface can do is a counter that was reset */
	if (after < before || after - before > UINT64_MAX / 1000000)
		return METRICS_UNKNOWN;
	return (after - before) * 1000000 / elapsed_us;
}
