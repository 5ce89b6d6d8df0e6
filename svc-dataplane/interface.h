/* interface.h - address, routes, MTU and up-state of the tunnel's interface, through rtnetlink.
 *
 * The device itself belongs to the launcher's descriptor and outlives us; what is set here does
 * too, so a restart changes nothing: applying the same wish twice is no change on the wire or in
 * the kernel. Only interface_clear() takes address and routes away.
 *
 * The interface always carries the party's whole prefix, so masks and broadcasts are everybody's.
 * Where another route of the machine overlaps that prefix, the route to the whole prefix is left
 * out and each member gets one of its own. Where the machine has no default route, and LAN
 * discovery is on, 255.255.255.255 and multicast go to this interface; the kernel would refuse
 * them.
 *
 * Synchronous, on the service thread; each call opens its own netlink socket. Functions return 0 or
 * a negative errno with words.
 */
#ifndef LANRAGE_DATAPLANE_INTERFACE_H
#define LANRAGE_DATAPLANE_INTERFACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-dataplane/codec.h"

/* Makes the interface named `name` what the party (up) wants. *collides in: whether it did last
 * time; out: whether another route overlaps; becoming so is logged. */
int interface_apply(const char *name, const struct dataplane_party *party, bool *collides,
		    struct error *error);
/* Takes all addresses and our routes away and sets it down. */
int interface_clear(const char *name, struct error *error);
/* 10.66.0.255 for 10.66.0.0/24; network order. */
uint32_t interface_broadcast(const struct addr *address, uint8_t prefix_length);

#endif
