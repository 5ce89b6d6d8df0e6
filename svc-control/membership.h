/* membership.h - how this machine becomes, and ceases to be, a member of a party.
 *
 * The steps of create, join and leave (operation.h). What fails after the server may have heard of
 * it is taken back there as well (farewell.h).
 */
#ifndef LANRAGE_CONTROL_MEMBERSHIP_H
#define LANRAGE_CONTROL_MEMBERSHIP_H

#include "common/bus.h"
#include "svc-control/codec.h"

struct control;

/* CONTROL_CREATE_PARTY, CONTROL_JOIN_PARTY, CONTROL_LEAVE_PARTY. Each answers `call` itself. */
void membership_create(struct control *control, struct bus_call *call,
		       const struct control_create *wish);
void membership_join(struct control *control, struct bus_call *call,
		     const struct control_join *wish);
void membership_leave(struct control *control, struct bus_call *call);
/* The host removed this machine. */
void membership_removed(struct control *control);

#endif
