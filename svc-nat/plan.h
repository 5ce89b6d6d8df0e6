/* plan.h - what the dataplane should try: relays to bind to, and for each member where it may be.
 *
 * Pure. A plan follows from what control wants (nat_desired) and from what this machine has; equal
 * inputs give equal plans. Everything a member announced is somebody else's word: addresses that
 * are no place to send to, that are ours, or that lie inside the party are left out.
 *
 * Relays. Our own two are always bound. A member is met at the relay between us and its spare
 * (pairs.h), which we bind to besides; one that announced no distances, at its own two. Those
 * bindings are bounded: with PLAN_BINDINGS relays in the plan no more are added for the sake of a
 * shorter way, those that serve most members first. A member that loses the best relay by that is
 * met at one of its own two, for which as few more are added as it takes: it must be met somewhere.
 */
#ifndef LANRAGE_NAT_PLAN_H
#define LANRAGE_NAT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-nat/candidates.h"
#include "svc-nat/codec.h"
#include "svc-nat/pairs.h"

#define PLAN_BINDINGS 8

/* A relay that is reached by TCP: at this address, for the data plane. */
struct plan_detour {
	const uint8_t *relay;
	struct addr endpoint;
};

struct plan_input {
	const struct nat_desired *desired;
	const struct candidates_input *own; /* addresses, interface, ports, mapped */
	size_t n_chosen;
	const uint8_t (*chosen)[DATAPLANE_KEY_SIZE]; /* own relays, best first */
	const struct pairs *pairs;		     /* NULL: none chosen */
	size_t n_answering;
	const struct addr *answering; /* relay endpoints that answered STUN: named first */
	size_t n_detours;
	const struct plan_detour *detours; /* instead of the relay's own endpoints */
};

/* Fills everything but the revision: an empty plan when desired is not active. To be cleared with
 * dataplane_plan_clear(). -ENOMEM. */
int plan_make(struct dataplane_plan *plan, const struct plan_input *input);
/* Apart from the revision. */
bool plan_equal(const struct dataplane_plan *a, const struct dataplane_plan *b);

#endif
