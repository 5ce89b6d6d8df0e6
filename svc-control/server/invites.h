/* invites.h - codes, as far as the server sees them: a sealed box under a lookup id.
 *
 * Only the host puts and revokes. Whoever knows a code finds the box by the lookup id made from it;
 * guesses that find nothing are limited per source address and altogether.
 */
#ifndef LANRAGE_SERVER_INVITES_H
#define LANRAGE_SERVER_INVITES_H

#include "svc-control/server/session.h"

void invites_put(struct session *session, const struct rendezvous_client_frame *frame);
void invites_get(struct session *session, const struct rendezvous_client_frame *frame);
void invites_revoke(struct session *session, const struct rendezvous_client_frame *frame);

#endif
