/* service.h - svc-metrics put together: samples on a timer, answers on the bus. */
#ifndef LANRAGE_METRICS_SERVICE_H
#define LANRAGE_METRICS_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-metrics/neighbour.h"
#include "svc-metrics/peers.h"
#include "svc-metrics/sampler.h"
#include "svc-metrics/series.h"

struct metrics {
	struct loop loop;
	struct bus *bus;
	struct loop_timer timer;
	uint64_t interval_ms; /* until the next sample */
	struct sampler sampler;
	struct series system; /* of struct metrics_system */
	struct neighbour neighbour;
	struct peers peers;
};

/* Runs until SIGTERM. Returns the exit status. */
int metrics_run(const struct service *service);

extern const struct bus_method metrics_methods[];

#endif
