/* service.h - svc-browser put together: the registry, its sweep, answers on the bus. */
#ifndef LANRAGE_BROWSER_SERVICE_H
#define LANRAGE_BROWSER_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-browser/registry.h"

struct browser {
	struct loop loop;
	struct bus *bus;
	struct loop_timer sweep;
	struct registry registry;
};

/* Runs until SIGTERM. Returns the exit status. */
int browser_run(const struct service *service);

extern const struct bus_method browser_methods[];

#endif
