/* snapshot.h - everything the services say about now, asked at once and decoded.
 *
 * A plain value that the views turn into JSON: a service that did not answer in time is a NULL
 * pointer, and the others are shown all the same.
 */
#ifndef LANRAGE_API_SNAPSHOT_H
#define LANRAGE_API_SNAPSHOT_H

#include "svc-api/gather.h"
#include "svc-api/supervision.h"
#include "svc-browser/codec.h"
#include "svc-control/codec.h"
#include "svc-dataplane/codec.h"
#include "svc-metrics/codec.h"
#include "svc-nat/codec.h"

/* Local and quick, so one that needs longer is not well; and a page must not hang on it. */
#define SNAPSHOT_TIMEOUT_MS 700

/* What to ask for, SNAPSHOT_OF(...) | ... */
enum snapshot_source {
	SNAPSHOT_CONTROL,
	SNAPSHOT_NAT,
	SNAPSHOT_DATAPLANE,
	SNAPSHOT_PEERS, /* as svc-metrics measured them */
	SNAPSHOT_SYSTEM,
	SNAPSHOT_SERVERS,
	SNAPSHOT_METRICS_ANSWERS, /* only whether svc-metrics answers at all */
	SNAPSHOT_BROWSER_ANSWERS,
	SNAPSHOT_SOURCES,
};
#define SNAPSHOT_OF(source) (1u << (source))
/* The members and the ways to them. */
#define SNAPSHOT_MEMBERS                                             \
	(SNAPSHOT_OF(SNAPSHOT_CONTROL) | SNAPSHOT_OF(SNAPSHOT_NAT) | \
	 SNAPSHOT_OF(SNAPSHOT_DATAPLANE))
/* These, and whether the other services answer. */
#define SNAPSHOT_STATUS                                             \
	(SNAPSHOT_MEMBERS | SNAPSHOT_OF(SNAPSHOT_METRICS_ANSWERS) | \
	 SNAPSHOT_OF(SNAPSHOT_BROWSER_ANSWERS))
/* Everything. */
#define SNAPSHOT_LIVE                                                                    \
	(SNAPSHOT_MEMBERS | SNAPSHOT_OF(SNAPSHOT_PEERS) | SNAPSHOT_OF(SNAPSHOT_SYSTEM) | \
	 SNAPSHOT_OF(SNAPSHOT_SERVERS))

/* All services but this one, as BUS_FROM(...) | ... */
#define SNAPSHOT_SERVICES                                                                  \
	(BUS_FROM(SERVICE_CONTROL) | BUS_FROM(SERVICE_NAT) | BUS_FROM(SERVICE_DATAPLANE) | \
	 BUS_FROM(SERVICE_METRICS) | BUS_FROM(SERVICE_BROWSER))

struct snapshot {
	const struct control_status *control; /* NULL: no answer; or the field below */
	const struct nat_state *nat;
	const struct dataplane_state *dataplane;
	const struct metrics_peers *peers;
	const struct metrics_system *system;
	const struct browser_servers *servers;
	struct supervision supervision;
	uint32_t asked;	   /* BUS_FROM(...) | ... */
	uint32_t answered; /* with anything, so it runs and listens */
	uint64_t now_us;
	struct error errors[SNAPSHOT_SOURCES]; /* of those that were asked; code 0: answered */

	struct control_status control_status;
	struct nat_state nat_state;
	struct dataplane_state dataplane_state;
	struct metrics_peers metrics_peers;
	struct metrics_system metrics_system;
	struct browser_servers browser_servers;
};

/* run: the suite's run directory. Waits, so not on the loop. */
void snapshot_take(struct snapshot *snapshot, struct gather *gather, const char *run,
		   uint32_t sources);
void snapshot_clear(struct snapshot *snapshot);
/* Whose answer that is. */
enum service_id snapshot_service(enum snapshot_source source);

/* By WireGuard key; NULL. */
const struct dataplane_peer *snapshot_peer(const struct snapshot *snapshot,
					   const uint8_t key[DATAPLANE_KEY_SIZE]);
/* The path that carries its data now; NULL for none, or no peer. */
const struct dataplane_path *snapshot_active_path(const struct dataplane_peer *peer);
/* A relay's name; NULL where unknown. */
const char *snapshot_relay_name(const struct snapshot *snapshot,
				const uint8_t key[DATAPLANE_KEY_SIZE]);

#endif
