/* neighbour.h - the dataplane, as svc-nat knows it: its state, and the plan it should have.
 *
 * The state is fetched when an event says that something changed, and every few seconds anyway. The
 * plan goes over whole under (instance, counter) whenever it becomes another, is sent again when
 * that fails, and again when a fetched state shows another plan in force: then the dataplane was
 * restarted. So whichever of the two goes away, they agree again within seconds.
 *
 * A dataplane that holds a plan of a later instance than ours saw a clock that has been set back
 * since. We are the only svc-nat there is (service.h: the lock), so we number on from that.
 */
#ifndef LANRAGE_NAT_NEIGHBOUR_H
#define LANRAGE_NAT_NEIGHBOUR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/loop.h"
#include "svc-dataplane/codec.h"

struct neighbour {
	struct loop *loop;
	struct bus *bus;
	void (*changed)(void *data); /* state is another, or may be */
	void *data;

	bool has_state;
	struct dataplane_state state;
	bool fetching, fetch_again;
	uint64_t fetched_us;
	struct loop_timer fetch_timer;

	bool has_plan;
	struct dataplane_plan plan; /* what should be in force, under plan.revision */
	bool pushing, push_again;
	struct loop_timer push_timer;
};

/* Zero-initialised by the caller. instance: this process's. Subscribes and asks at once. */
void neighbour_start(struct neighbour *neighbour, struct loop *loop, struct bus *bus,
		     uint64_t instance, void (*changed)(void *data), void *data);
/* After the bus has gone, so that no answer comes any more. */
void neighbour_stop(struct neighbour *neighbour);
/* Takes *plan over and hands it to the dataplane if it differs from the last one. Whether it did.
 */
bool neighbour_set_plan(struct neighbour *neighbour, struct dataplane_plan *plan);
/* Own addresses or routes changed: the dataplane is told at once. It may not hear, and finds out by
 * itself then, a little later. */
void neighbour_moved(struct neighbour *neighbour);
/* Fetches its state as soon as may be; changed follows. */
void neighbour_look(struct neighbour *neighbour);
/* NULL when the dataplane does not know the relay. */
const struct dataplane_relay_status *neighbour_relay(const struct neighbour *neighbour,
						     const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
