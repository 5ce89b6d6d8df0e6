/* report.h - what svc-nat tells others: its state on request, and events when that changed.
 *
 * NAT_EVENT_CANDIDATES goes out at once, when something the other members should hear of changed:
 * candidates, chosen relays, distances, NAT behaviour; the announce counter grows with it.
 * NAT_EVENT_STATE stands for everything else but measured times, ten a second at most.
 */
#ifndef LANRAGE_NAT_REPORT_H
#define LANRAGE_NAT_REPORT_H

#include <stddef.h>
#include <stdint.h>

#include "common/loop.h"
#include "svc-nat/codec.h"

struct nat;

struct report {
	struct nat_state announced; /* the fields announced, all others zero */
	uint64_t announce_counter;
	uint8_t *shown; /* the rest as last published, encoded to compare */
	size_t shown_length;
	uint64_t published_us;
	bool pending;
	struct loop_timer timer;
};

/* The whole state; to be cleared. -ENOMEM. */
int report_state(const struct nat *nat, struct nat_state *state);
/* Publishes what became another since the last time. */
void report_update(struct nat *nat);
void report_stop(struct nat *nat);

#endif
