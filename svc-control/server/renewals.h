/* renewals.h - new generations of a party's key, and addresses that move.
 *
 * A record is believed by its signature, which the party's host of the moment made, whoever brings
 * it. Members get the records they lack before any picture of the party, and each its own share.
 */
#ifndef LANRAGE_SERVER_RENEWALS_H
#define LANRAGE_SERVER_RENEWALS_H

#include "svc-control/server/session.h"

void renewals_put_shares(struct session *session, const struct rendezvous_client_frame *frame);
void renewals_renew(struct session *session, const struct rendezvous_client_frame *frame);
void renewals_move_lease(struct session *session, const struct rendezvous_client_frame *frame);

/* Sends the records after a generation, with the share if something is new or it is wanted. member:
 * the session's own; one that has left gets no share. */
void renewals_send(struct session *session, const struct store_party *party,
		   const struct rendezvous_member *member, uint32_t after, bool want_share);

#endif
