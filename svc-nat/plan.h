/* plan.h - what the dataplane should try: relays to bind to, and for each member where it may be.
 *
 * Pure. A plan follows from what control wants (nat_desired) and from what this machine has; equal
 * inputs give equal plans. Everything a member announced is somebody else's word: addresses that
 * are no place to send to, that are ours, or that lie inside the party are left out.
 */
#ifndef LANRAGE_NAT_PLAN_H
#define LANRAGE_NAT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-nat/candidates.h"
#include "svc-nat/codec.h"

struct plan_input {
	const struct nat_desired *desired;
	const struct candidates_input *own; /* addresses, interface, ports, mapped */
	size_t n_chosen;
	const uint8_t (*chosen)[DATAPLANE_KEY_SIZE]; /* own relays, best first */
	size_t n_answering;
	const struct addr *answering; /* relay endpoints that answered STUN: named first */
};

/* Fills everything but the revision: an empty plan when desired is not active. To be cleared with
 * dataplane_plan_clear(). -ENOMEM. */
int plan_make(struct dataplane_plan *plan, const struct plan_input *input);
/* Apart from the revision. */
bool plan_equal(const struct dataplane_plan *a, const struct dataplane_plan *b);

#endif
