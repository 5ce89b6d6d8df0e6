/* hosting.h - what the host of a party does: invite, and take an invite back.
 *
 * An invite is made for operation.code: signed, sealed under the code's key and kept at the server,
 * which learns neither the code nor what it opens.
 */
#ifndef LANRAGE_CONTROL_HOSTING_H
#define LANRAGE_CONTROL_HOSTING_H

#include "common/bus.h"
#include "svc-control/codec.h"
#include "svc-control/operation.h"

/* CONTROL_MAKE_INVITE. Answers `call` itself. */
void hosting_invite(struct control *control, struct bus_call *call,
		    const struct control_invite_wish *wish);

/* CONTROL_REVOKE_INVITE. Answers `call` itself. Who has fetched the invite already, but not yet
 * joined, is refused by the server. */
void hosting_revoke(struct control *control, struct bus_call *call,
		    const struct control_code *wish);

/* Steps of an operation. The life of a code: what was asked, else the setting; 0: out of range. */
uint32_t hosting_ttl(struct control *control, uint32_t wish_s);
/* Gives the invite of operation.code, once, ttl_s to the server; then next. */
void hosting_put_invite(struct control *control, operation_step next);
/* Ends the operation with that invite. */
void hosting_answer_invite(struct control *control);

#endif
