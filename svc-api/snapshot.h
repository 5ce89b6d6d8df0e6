/* snapshot.h - everything the services say about now, asked at once and decoded.
 *
 * A plain value that the views turn into JSON: a service that did not answer in time is a NULL
 * pointer, and the others are shown all the same.
 */
#ifndef LANRAGE_API_SNAPSHOT_H
#define LANRAGE_API_SNAPSHOT_H

#include "svc-api/gather.h"
#include "svc-api/supervision.h"
#include "svc-control/codec.h"
#include "svc-dataplane/codec.h"
#include "svc-nat/codec.h"

/* Local and quick, so one that needs longer is not well; and a page must not hang on it. */
#define SNAPSHOT_TIMEOUT_MS 700

/* Which services to ask. Metrics and browser are only asked whether they answer. */
#define SNAPSHOT_ALL                                                                       \
	(BUS_FROM(SERVICE_CONTROL) | BUS_FROM(SERVICE_NAT) | BUS_FROM(SERVICE_DATAPLANE) | \
	 BUS_FROM(SERVICE_METRICS) | BUS_FROM(SERVICE_BROWSER))
#define SNAPSHOT_PEERS \
	(BUS_FROM(SERVICE_CONTROL) | BUS_FROM(SERVICE_NAT) | BUS_FROM(SERVICE_DATAPLANE))

struct snapshot {
	const struct control_status *control; /* NULL: no answer; or the field below */
	const struct nat_state *nat;
	const struct dataplane_state *dataplane;
	struct supervision supervision;
	uint32_t asked;	   /* BUS_FROM(...) | ... */
	uint32_t answered; /* with anything, so it runs and listens */
	uint64_t now_us;
	struct error control_error; /* where control is NULL */

	struct control_status control_status;
	struct nat_state nat_state;
	struct dataplane_state dataplane_state;
};

/* services: BUS_FROM(...) | ...; run: the suite's run directory. Waits, so not on the loop. */
void snapshot_take(struct snapshot *snapshot, struct gather *gather, const char *run,
		   uint32_t services);
void snapshot_clear(struct snapshot *snapshot);

/* By WireGuard key; NULL. */
const struct dataplane_peer *snapshot_peer(const struct snapshot *snapshot,
					   const uint8_t key[DATAPLANE_KEY_SIZE]);
/* The path that carries its data now; NULL for none, or no peer. */
const struct dataplane_path *snapshot_active_path(const struct dataplane_peer *peer);
/* A relay's name; NULL where unknown. */
const char *snapshot_relay_name(const struct snapshot *snapshot,
				const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
