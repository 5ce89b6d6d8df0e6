/* service.h - svc-browser put together: the nouns and the wires between them.
 *
 *   api: requests --> dispatch --> registry, favourites --> kept
 *                                     |        ^
 *                                     v        |
 *                                  sharing --------- carrier <--> control <--> other members
 *                                                       |
 *                                                       v
 *                                     latency <--> pinger <--> dataplane
 */
#ifndef LANRAGE_BROWSER_SERVICE_H
#define LANRAGE_BROWSER_SERVICE_H

#include "common/bus.h"
#include "common/loop.h"
#include "common/service.h"
#include "svc-browser/carrier.h"
#include "svc-browser/favourites.h"
#include "svc-browser/pinger.h"
#include "svc-browser/registry.h"
#include "svc-browser/sharing.h"

struct browser {
	const struct service *service;
	struct loop loop;
	struct bus *bus;
	struct loop_timer sweep, push;
	struct carrier carrier;
	struct registry registry;
	struct favourites favourites;
	struct sharing sharing;
	struct pinger pinger;
	bool unsaved; /* heartbeats since the last saving */
};

/* Runs until SIGTERM. Returns the exit status. */
int browser_run(const struct service *service);

/* Who we are, and at which address. */
void browser_learn_self(struct browser *browser, const struct control_status *status);
/* An own server changed: kept and shared. */
void browser_note_change(struct browser *browser);
void browser_note_heartbeat(struct browser *browser);
/* Writes the file. Failures are logged as well as returned: the running state is right. */
int browser_save(struct browser *browser);

extern const struct bus_method browser_methods[];

#endif
