/* tickets.h - the relays the server knows, each with a ticket for this member.
 *
 * Asked for at every new session with the server, when it says that the relays changed, and at half
 * a ticket's life; what came last is kept over a restart and serves until the server is heard.
 */
#ifndef LANRAGE_CONTROL_TICKETS_H
#define LANRAGE_CONTROL_TICKETS_H

#include "common/loop.h"
#include "svc-control/complaint.h"
#include "svc-nat/codec.h"

struct control;

struct tickets {
	struct loop_timer timer;
	struct complaint complaint;
	bool asking, again; /* again: the relays changed meanwhile */
	bool kept;	    /* some are not in the list of a server that has just come back */
	bool listed[NAT_RELAYS_MAX]; /* by relay: the server named it in this session */
	size_t n_relays;
	struct nat_relay relays[NAT_RELAYS_MAX];
};

/* Loads what is kept for the party. */
void tickets_init(struct control *control);
void tickets_deinit(struct control *control);
/* A session with the server begins: it may have forgotten its relays. */
void tickets_new_session(struct control *control);
/* Nothing without lease or server. What comes is handed on by handover_push(). */
void tickets_fetch(struct control *control);
/* The party was left. */
void tickets_forget(struct control *control);

#endif
