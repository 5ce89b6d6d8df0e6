/* local.h - a party without a server: its host's machine is the server, found on the LAN.
 *
 * Nothing else is different. The host runs the same rendezvous engine as lanrage-server
 * (server/service.h) inside this process, its own session goes there through loopback, and the
 * members' sessions through the LAN. Only the address is not known beforehand: hosts are found by
 * beacon.h. A role follows from what is so (local_update() makes it so):
 *
 *   host     the party is local and this machine's, or is just being made: engine and answers
 *   seeker   the party is local and its host is not connected, or a code is looked for: queries
 *
 * A host that starts again, or that was handed the party, gives the engine what it knows of leases
 * and generations. Ports are TCP 8667, or the next free one, and UDP 8668.
 */
#ifndef LANRAGE_CONTROL_LOCAL_H
#define LANRAGE_CONTROL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/loop.h"
#include "svc-control/beacon.h"
#include "svc-control/codec.h"
#include "svc-control/server/limits.h"

#define LOCAL_FOUND_MAX 16 /* hosts that a joiner asks */

struct control;
struct server;

enum local_role {
	LOCAL_NONE = 0,
	LOCAL_HOST,
	LOCAL_SEEKER,
};

struct local {
	enum local_role role;
	struct server *engine; /* NULL: does not run */
	uint16_t port;	       /* of the engine */
	bool failed;	       /* to start it: that was logged */
	int fd;		       /* -1: none */
	struct loop_poll poll;
	struct loop_timer timer; /* the next query, membership or attempt to start */
	struct loop_timer stop;	 /* of the engine, not from inside of it */
	unsigned queries;	 /* since seeking began */
	uint8_t nonce[BEACON_NONCE_SIZE];
	struct bucket answers;
	/* of a joiner, in the order found */
	size_t n_found, n_tried;
	struct addr found[LOCAL_FOUND_MAX];
	uint64_t tried_us; /* when the last of n_tried was begun with */
};

void local_init(struct control *control);
/* Before websocket_free(). */
void local_deinit(struct control *control);
/* Whatever the roles depend on may have changed. */
void local_update(struct control *control);

/* For a host that makes a party: the engine runs, and this is its URL. */
int local_start(struct control *control, char url[CONTROL_URL_MAX], struct error *error);
/* For a joiner whose operation has `searching` set: begins to look. Each host that is found is
 * connected to in turn, until the operation is no longer searching. */
void local_search(struct control *control);
/* The host that is being asked does not know the code. */
void local_next(struct control *control);

#endif
