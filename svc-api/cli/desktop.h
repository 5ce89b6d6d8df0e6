/* desktop.h - the Discord program of this desktop, by its local socket: found, greeted, kept.
 *
 * It may be away, be started anew, say anything: whatever is wrong ends the connection, and it is
 * tried again DESKTOP_RETRY_US later, twice as long after each failure up to DESKTOP_RETRY_MAX_US.
 * Nothing here waits.
 */
#ifndef LANRAGE_CLI_DESKTOP_H
#define LANRAGE_CLI_DESKTOP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-api/cli/ipc.h"

#define DESKTOP_RETRY_US     (1 * CLOCK_SECOND)
#define DESKTOP_RETRY_MAX_US (30 * CLOCK_SECOND)
#define DESKTOP_GREETING_US  (5 * CLOCK_SECOND) /* its answer to ours */
/* It takes so many updates in such a time. */
#define DESKTOP_UPDATES	   5
#define DESKTOP_UPDATES_US (20 * CLOCK_SECOND)

struct desktop {
	const char *folder;		      /* $XDG_RUNTIME_DIR, borrowed */
	char client_id[24];		      /* of the application */
	int fd;				      /* -1: not connected */
	bool ready;			      /* it has greeted back */
	uint64_t greeted_us;		      /* when we did */
	uint64_t next_us;		      /* no connection before */
	uint64_t wait_us;		      /* until the one after a failure */
	uint64_t n_updates;		      /* of this connection */
	uint64_t updated_us[DESKTOP_UPDATES]; /* in a ring */
	json_t *shown;			      /* what it was last told; NULL: nothing */
	struct ipc_reader reader;
};

void desktop_init(struct desktop *desktop, const char *folder);
/* Another application: begins anew. */
void desktop_use(struct desktop *desktop, const char *client_id);
/* Connects, where it is time to; tells it the activity (borrowed, json null for none) where that
 * changed and is due. */
void desktop_show(struct desktop *desktop, const json_t *activity, uint64_t now_us);
/* There is something to read. */
void desktop_read(struct desktop *desktop, uint64_t now_us);
/* Takes back what is shown, and ends. */
void desktop_deinit(struct desktop *desktop);

#endif
