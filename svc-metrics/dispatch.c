/* dispatch.c - what may be asked of svc-metrics, by whom, and which function answers. */
#include <errno.h>
#include <stdlib.h>

#include "svc-metrics/service.h"

static void on_get_system(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	uint8_t *bytes;
	ssize_t n;

	(void)body;
	(void)length;
	if (metrics->sampler.sampled_us == 0) {
		bus_reply_error(call, -EAGAIN, "nothing measured yet; ask again in a second");
		return;
	}
	n = metrics_system_encode(&metrics->sampler.current, &bytes);
	if (n < 0) {
		bus_reply_error(call, (int)n, "out of memory");
		return;
	}
	bus_reply(call, bytes, (size_t)n);
	free(bytes);
}

const struct bus_method metrics_methods[] = {
	{METRICS_GET_SYSTEM, BUS_FROM(SERVICE_API), on_get_system},
	{0, 0, NULL},
};
