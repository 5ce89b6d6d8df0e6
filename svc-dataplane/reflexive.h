/* reflexive.h - our own addresses, as peers and relays saw them; latest first.
 *
 * An address nobody has confirmed for a while makes room for a new one; while all are fresh a new
 * one is not taken, so that a NAT that maps every destination differently does not churn the list.
 */
#ifndef LANRAGE_DATAPLANE_REFLEXIVE_H
#define LANRAGE_DATAPLANE_REFLEXIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-dataplane/codec.h"

struct reflexive {
	size_t count;
	struct addr addresses[DATAPLANE_REFLEXIVE_MAX];
	uint64_t seen_us[DATAPLANE_REFLEXIVE_MAX];
};

/* True when the set of addresses changed. */
bool reflexive_note(struct reflexive *reflexive, const struct addr *address, uint64_t now_us);

#endif
