/* handover.h - hands the party over to dataplane and nat, and keeps it there.
 *
 * Both get their whole desired state under (instance, counter) whenever it changes. A request that
 * fails is sent again; every few seconds the neighbours' state is compared with what they should
 * have, so that one of them that was restarted, or slept, converges without anybody noticing. A
 * clock that was set back may make this instance look older than what a neighbour has from an
 * earlier one; it then takes a later number.
 */
#ifndef LANRAGE_CONTROL_HANDOVER_H
#define LANRAGE_CONTROL_HANDOVER_H

#include "common/bus.h"
#include "common/loop.h"
#include "svc-dataplane/codec.h"
#include "svc-nat/codec.h"

struct control;

/* One request at a time; its answer decides on the next. */
struct handover_neighbour {
	struct control *control;
	enum service_id to;
	bool dirty;    /* what it should have has changed since it was last sent */
	bool ask;      /* its state has changed since it was last asked */
	bool busy;     /* a request is under way */
	bool complete; /* it confirmed `sent`, and nothing has changed since */
	struct dataplane_revision sent;
	struct loop_timer timer; /* to the next request */
};

struct handover {
	struct dataplane_revision revision; /* the last one given to anybody */
	struct handover_neighbour dataplane;
	struct handover_neighbour nat;
	bool has_nat_state;
	struct nat_state nat_state; /* last heard; without reasons */
};

/* Before anything else. */
void handover_init(struct control *control);
/* Subscribes to both and hands over what the party holds. */
void handover_start(struct control *control);
/* After bus_free(), whose last answers would start again what is stopped here. */
void handover_deinit(struct control *control);
/* The party, the relays, the STUN servers or `up` changed. */
void handover_push(struct control *control);
/* The dataplane confirmed the latest revision. */
bool handover_is_complete(const struct control *control);
/* Is this what the dataplane was sent last? */
bool handover_is_latest(const struct control *control, const struct dataplane_revision *has);

#endif
