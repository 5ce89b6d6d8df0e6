/* session.h - one connection to the server, and what the parts of the server share.
 *
 * A session begins with a challenge and must log in within SESSION_LOGIN_MS, once; after that it
 * stands for its identity. The parts that answer requests (admission, parties, invites, relays) get
 * the session and the checked frame, and answer with session_send() and its kin; dispatch.c has the
 * table that says which is which.
 */
#ifndef LANRAGE_SERVER_SESSION_H
#define LANRAGE_SERVER_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/loop.h"
#include "svc-control/rendezvous_codec.h"
#include "svc-control/server/limits.h"
#include "svc-control/server/listener.h"
#include "svc-control/server/presence.h"
#include "svc-control/server/relays.h"
#include "svc-control/server/signing.h"
#include "svc-control/server/store.h"
#include "svc-control/server/stunport.h"

#define SESSION_LOGIN_MS 10000

/* What lives as long as the server. */
struct server {
	struct loop *loop;
	struct store *store;
	struct presence *presence;
	struct limits *limits;
	struct relays *relays;
	struct listener *listener;
	struct stunport *stunport;
	struct signing signing;
	struct loop_timer sweep;
	uint16_t stun_port;
	bool stopping;
	const char *names;	      /* this server's, or NULL: any */
	const char *relay_identities; /* that may register, or NULL: any */
};

/* A picture of a party on its way to a client: sent as fast as the client reads. */
struct picture {
	bool active;
	bool first; /* nothing sent yet */
	bool whole;
	uint64_t request_id;
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	struct store_range range; /* still to be sent */
};

struct session {
	struct presence_entry presence; /* first: presence hands these back */
	struct server *server;
	struct connection *connection;
	uint8_t nonce[RENDEZVOUS_NONCE_SIZE];
	bool logged_in;
	uint8_t identity[RENDEZVOUS_KEY_SIZE];
	struct loop_timer login_deadline;
	struct bucket requests, announces, pictures;
	struct picture picture;
};

/* For listener.h: data is the server. */
void session_opened(void *data, struct connection *connection);
void session_closed(void *data, struct connection *connection);

/* Subject of log lines: "member 0a1b2c3d" (the identity's first 8 hex digits). */
#define SESSION_NAME_SIZE 24
const char *session_name(const struct session *session, char name[SESSION_NAME_SIZE]);

/* Encodes and queues. Failures close the connection. */
void session_send(struct session *session, const struct rendezvous_server_frame *frame);
void session_send_done(struct session *session, uint64_t request_id);
/* text: words for this very case, or NULL for those of the code. */
void session_send_error(struct session *session, uint64_t request_id, enum rendezvous_error code,
			const char *text);
void session_send_wait(struct session *session, uint64_t request_id, uint64_t wait_us);
/* Turns a store's negative errno into an answer. */
void session_send_failure(struct session *session, uint64_t request_id, int result);

/* Both answer the request themselves when they return false. */
bool session_source_is_allowed(struct session *session, enum limits_kind kind, uint64_t request_id);
/* Of the party that the frame names, which is read into *party. */
bool session_is_host(struct session *session, const struct rendezvous_client_frame *frame,
		     struct store_party *party);

#endif
