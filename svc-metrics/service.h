/* service.h - svc-metrics put together: samples on a timer, answers on the bus. */
#ifndef LANRAGE_METRICS_SERVICE_H
#define LANRAGE_METRICS_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-metrics/sampler.h"

struct metrics {
	struct loop loop;
	struct bus *bus;
	struct loop_timer timer;
	struct sampler sampler;
};

/* Runs until SIGTERM. Returns the exit status. */
int metrics_run(const struct service *service);

extern const struct bus_method metrics_methods[];

#endif
