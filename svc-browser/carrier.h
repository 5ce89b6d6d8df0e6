/* carrier.h - svc-control as seen from here: who is in the party, and what their browsers tell.
 *
 * Events only say that something changed; both are fetched together then, and every
 * CARRIER_INTERVAL_MS in any case.
 */
#ifndef LANRAGE_BROWSER_CARRIER_H
#define LANRAGE_BROWSER_CARRIER_H

#include "common/bus.h"
#include "common/loop.h"
#include "svc-control/codec.h"

#define CARRIER_INTERVAL_MS 10000

struct carrier_ops {
	/* Both as of now; borrowed. */
	void (*fetched)(void *data, const struct control_status *status,
			const struct control_shared_list *shared);
	/* It may be another process than before, which knows nothing of what was pushed. */
	void (*restarted)(void *data);
	/* What carrier_push() gave came to this: 0 or a negative errno. */
	void (*pushed)(void *data, int result);
	void *data;
};

struct carrier {
	struct loop *loop;
	struct bus *bus;
	struct carrier_ops ops;
	struct loop_timer timer;
	bool fetching, again, pushing;
	uint64_t fetched_us;
	struct control_status status;
};

/* loop and bus are borrowed. */
void carrier_start(struct carrier *carrier, struct loop *loop, struct bus *bus,
		   const struct carrier_ops *ops);
/* After bus_free(). */
void carrier_stop(struct carrier *carrier);
/* One at a time: not while carrier->pushing. */
void carrier_push(struct carrier *carrier, const struct control_shared *shared);

#endif
