/* neighbour.h - the data plane as seen from here: it is asked, and what it says or that it does not
 * is handed on.
 *
 * While it does not answer it is asked every second. When it is back, or another process, it is
 * asked at once and once more a second later, so that rates are known soon.
 */
#ifndef LANRAGE_METRICS_NEIGHBOUR_H
#define LANRAGE_METRICS_NEIGHBOUR_H

#include "common/bus.h"
#include "common/loop.h"
#include "svc-dataplane/codec.h"

struct neighbour {
	struct loop *loop;
	struct bus *bus;
	/* state is borrowed; NULL: no answer. */
	void (*answered)(void *data, const struct dataplane_state *state);
	void *data;
	struct loop_timer timer;
	bool asking, away;
	uint64_t answered_us; /* the last good answer; 0: none */
	uint64_t instance;    /* that answered then */
};

/* loop and bus are borrowed. */
void neighbour_start(struct neighbour *neighbour, struct loop *loop, struct bus *bus,
		     void (*answered)(void *data, const struct dataplane_state *state), void *data);
/* After bus_free(). */
void neighbour_stop(struct neighbour *neighbour);
/* Asks, unless it is being asked or has answered less than a second ago. */
void neighbour_ask(struct neighbour *neighbour);

#endif
