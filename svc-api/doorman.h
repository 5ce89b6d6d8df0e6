/* doorman.h - which connections may hold a thread of the web server, and for how long.
 *
 * civetweb gives each connection a thread from its begin to its end. So that nobody takes all of
 * them: a connection whose request is not all here is idle, and where more than DOORMAN_IDLE_MAX
 * are idle, those that have been so for longest are cut. No connection is idle for more than
 * DOORMAN_IDLE_MS, or busy (being answered, or slow to take the answer) for more than
 * DOORMAN_BUSY_MS. Readers of the live events stay as long as they like, DOORMAN_READERS_MAX of
 * them. There are threads for all of these together and some to spare, so the next request never
 * waits for somebody who says nothing.
 *
 * To cut is to shut the socket down: the thread then finds the connection ended. civetweb tells
 * neither the descriptor nor, before there is a request, who is at the other end. So idle ones are
 * found among this process's own descriptors, by the port they came to; that is done only while
 * there are many, and by the sweep. Nobody's descriptor is closed meanwhile, because each
 * connection passes doorman_leave() before its socket is closed.
 *
 * Called from the web server's threads and the loop's.
 */
#ifndef LANRAGE_API_DOORMAN_H
#define LANRAGE_API_DOORMAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define DOORMAN_IDLE_MAX    32
#define DOORMAN_READERS_MAX 50
#define DOORMAN_THREADS	    128 /* of the web server */
#define DOORMAN_IDLE_MS	    3000
#define DOORMAN_BUSY_MS	    60000 /* joining a party may take half of it */

struct doorman;

/* port: where the web server listens. -ENOMEM. */
int doorman_new(struct doorman **doorman, uint16_t port);
/* After every thread that uses it has ended. NULL is allowed. */
void doorman_free(struct doorman *doorman);

/* A connection has a thread now, and is idle. */
void doorman_enter(struct doorman *doorman, uint64_t now_us);
/* `from`, the other end of a connection, has sent its request. */
void doorman_set_busy(struct doorman *doorman, const struct addr *from, uint64_t now_us);
/* It is answered, and may ask again. */
void doorman_set_idle(struct doorman *doorman, const struct addr *from, uint64_t now_us);
/* It will read live events. False: there are enough already. */
bool doorman_set_reader(struct doorman *doorman, const struct addr *from, uint64_t now_us);
/* Ends the connection, whatever its thread is doing. */
void doorman_cut(struct doorman *doorman, const struct addr *from);
/* Before its socket is closed. */
void doorman_leave(struct doorman *doorman, const struct addr *from);

/* Cuts what has been idle or busy for too long; to be called twice a second or so. */
void doorman_sweep(struct doorman *doorman, uint64_t now_us);

#endif
