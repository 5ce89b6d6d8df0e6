/* lanservice.h - LAN discovery on the service thread: its descriptors, multicast memberships, what
 * the kernel is asked for the packet thread (discovery.h), and the check (lancheck.h).
 */
#ifndef LANRAGE_DATAPLANE_LANSERVICE_H
#define LANRAGE_DATAPLANE_LANSERVICE_H

#include <stdint.h>

#include "common/bus.h"
#include "common/loop.h"
#include "svc-dataplane/groups.h"
#include "svc-dataplane/lancheck.h"

struct dataplane;

struct lanservice {
	int capture_fd, card_fd; /* -1: not open */
	uint32_t network, mask;	 /* as the capture was opened */
	struct groups groups;	 /* joined on the interface */
	struct loop_timer groups_timer;
	struct lancheck check;
	struct bus_call *call; /* waits for the check, or NULL */
};

void lanservice_init(struct lanservice *service);
/* Makes it what party and settings say now; also when this machine's addresses changed. */
void lanservice_reconcile(struct dataplane *dataplane);
/* What the packet thread asks. */
void lanservice_answer(struct dataplane *dataplane);
/* Answers the call, now or within a second. */
void lanservice_check(struct dataplane *dataplane, struct bus_call *call);
/* Nobody is waited for any more. */
void lanservice_stop(struct dataplane *dataplane);
/* After the packet thread has ended. */
void lanservice_deinit(struct lanservice *service);

#endif
