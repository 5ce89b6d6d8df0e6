/* addresses.h - the machine's addresses and routes, read from the kernel and kept current.
 *
 * Reads all of them at the start, then listens (RTNLGRP_LINK and those of addresses and routes). A
 * notification only means "read again": messages may be lost (ENOBUFS) and a dump may change under
 * the reader, so the list is always that of one whole, undisturbed dump. Needs no privilege.
 */
#ifndef LANRAGE_NAT_ADDRESSES_H
#define LANRAGE_NAT_ADDRESSES_H

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "svc-nat/candidates.h"
#include "svc-nat/dump.h"

#define ADDRESSES_MAX	      DUMP_ADDRESSES_MAX
#define ADDRESSES_INTERVAL_MS 20 /* an interface that flaps does not keep us busy */

struct mnl_socket;

struct addresses {
	struct loop *loop;
	struct mnl_socket *monitor;
	struct mnl_socket *reader;
	uint32_t sequence;
	struct loop_poll poll;
	struct loop_timer timer;
	uint64_t read_us;
	bool waiting; /* a reading is due when the timer ends */
	void (*changed)(void *data);
	void *data;
	uint64_t routes; /* digest: another one when they changed */
	size_t n;
	struct host_address list[ADDRESSES_MAX];
};

/* Zero-initialised by the caller. changed is called on the loop after list or routes became others.
 */
int addresses_start(struct addresses *addresses, struct loop *loop, void (*changed)(void *data),
		    void *data, struct error *error);
void addresses_stop(struct addresses *addresses);

#endif
