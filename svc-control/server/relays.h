/* relays.h - the relays that registered, and tickets for them.
 *
 * A relay registers every 30 s and vanishes 90 s after its last word, or at once when it says that
 * it is draining. In memory only: after a restart of the server they are back within 30 s. When the
 * list changes, subscribers of parties are told (Tickets without tickets) and ask again; changes
 * within a second are told as one. Who may register: identities of the configuration, or anybody;
 * at most RELAYS_PER_SOURCE from one address.
 */
#ifndef LANRAGE_SERVER_RELAYS_H
#define LANRAGE_SERVER_RELAYS_H

#include "common/loop.h"
#include "svc-control/rendezvous_codec.h"

#define RELAYS_MAX	  64 /* known; members get the RENDEZVOUS_RELAYS_MAX least loaded */
#define RELAYS_PER_SOURCE 8
#define RELAYS_LIFE_MS	  90000

struct server;
struct session;
struct relays;

int relays_new(struct relays **relays, struct server *server);
void relays_free(struct relays *relays);
/* RelayRegister: Done or Error. */
void relays_register(struct session *session, const struct rendezvous_client_frame *frame);
/* Tells every relay which tickets are revoked. */
void relays_revoke(struct relays *relays);
/* GetTickets: Tickets or Error. */
void relays_get_tickets(struct session *session, const struct rendezvous_client_frame *frame);

#endif
