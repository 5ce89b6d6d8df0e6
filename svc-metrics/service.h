/* service.h - svc-metrics put together: samples on a timer, answers on the bus. */
#ifndef LANRAGE_METRICS_SERVICE_H
#define LANRAGE_METRICS_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-metrics/archive.h"
#include "svc-metrics/games.h"
#include "svc-metrics/neighbour.h"
#include "svc-metrics/peers.h"
#include "svc-metrics/recorder.h"
#include "svc-metrics/sampler.h"
#include "svc-metrics/series.h"

struct metrics {
	struct loop loop;
	struct bus *bus;
	struct loop_timer timer;
	uint64_t interval_ms; /* until the next look, while there are no peers */
	bool quick;	      /* there are some: a look every second */
	char own[16];	      /* the party's interface */
	struct sampler sampler;
	struct series system; /* of struct span */
	struct neighbour neighbour;
	struct peers peers;
	struct archive *archive;
	struct games games;
	struct recorder recorder;
};

/* Runs until SIGTERM. Returns the exit status. */
int metrics_run(const struct service *service);

extern const struct bus_method metrics_methods[];

#endif
