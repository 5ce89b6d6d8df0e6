/* parties.h - the requests about a party and its members, and the news of them.
 *
 * Each change is stored first, then goes to the party's subscribers as a Party frame that holds the
 * one member it touched, and nowhere else. A client asks for what it missed by the number of the
 * last change it knows; the answer (a picture) is read from the store twelve members at a time, in
 * the order of their changes and only as fast as the client takes it, so that a large party costs
 * the server no more memory than a small one, and a picture that is cut off can be resumed from the
 * last frame that arrived. News of a party are held back while its picture is on the way: the
 * picture ends with them.
 */
#ifndef LANRAGE_SERVER_PARTIES_H
#define LANRAGE_SERVER_PARTIES_H

#include "svc-control/server/session.h"

void parties_create(struct session *session, const struct rendezvous_client_frame *frame);
void parties_join(struct session *session, const struct rendezvous_client_frame *frame);
void parties_leave(struct session *session, const struct rendezvous_client_frame *frame);
void parties_announce(struct session *session, const struct rendezvous_client_frame *frame);
void parties_resume(struct session *session, const struct rendezvous_client_frame *frame);

/* Tells the party's subscribers how the member is now. 0 or the store's error. */
int parties_publish(struct server *server, const uint8_t *party_id, const uint8_t *identity);
/* In all parties of the identity. */
void parties_set_online(struct server *server, const uint8_t identity[RENDEZVOUS_KEY_SIZE],
			bool online);
/* Sends more of the session's picture, if there is one; for listener.h's drained. */
void parties_continue(struct session *session);

#endif
