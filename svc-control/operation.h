/* operation.h - what a user asks that takes several steps: create, join, invite, leave, kick.
 *
 * One at a time; another is refused while it runs. Each ends with one answer to its call: success,
 * or words that say what to do. One that fails undoes what its steps did: a machine is either in a
 * party that works, or in none. The steps themselves are in membership.h, hosting.h and renewal.h:
 *
 *   create: server? code -> CreateParty -> PutInvite -> store -> interface has its address
 *   join:   server? code -> GetInvite -> open -> JoinParty -> store -> interface; a code that the
 *           server does not know, or that is for no server, is asked for on the LAN
 *   invite: server? code -> PutInvite
 *   revoke: server? code -> RevokeInvite
 *   leave:  hand over, if host -> LeaveParty -> forget
 *   kick:   a new generation (renewal.h); waits for nobody
 *
 * Here is what they have in common: beginning, the code's keys (Argon2id, off the loop), the wait
 * for the server, ending.
 */
#ifndef LANRAGE_CONTROL_OPERATION_H
#define LANRAGE_CONTROL_OPERATION_H

#include "common/bus.h"
#include "common/loop.h"
#include "svc-control/code.h"
#include "svc-control/codec.h"
#include "svc-control/database.h"
#include "svc-control/invite.h"

#define OPERATION_SERVER_MS 5000 /* how long to wait for the server */

struct control;
struct derivation;

enum operation_kind {
	OPERATION_NONE = 0,
	OPERATION_CREATE,
	OPERATION_JOIN,
	OPERATION_INVITE,
	OPERATION_REVOKE,
	OPERATION_LEAVE,
	OPERATION_KICK,
};

typedef void (*operation_step)(struct control *control);

struct operation {
	enum operation_kind kind;
	struct bus_call *call;
	operation_step go_on;	 /* when server and keys are there; NULL: not waiting */
	operation_step next;	 /* when the server has answered a request */
	operation_step undo;	 /* NULL: nothing to undo */
	struct loop_timer timer; /* deadline of the wait */
	struct code code;
	struct derivation *derivation; /* of its keys, under way */
	bool derived;
	struct code_keys keys;
	/* the wish */
	char server_url[CONTROL_URL_MAX]; /* create, join; "" else */
	bool url_is_new;		  /* from a link: kept as the setting on success */
	bool name_is_new;		  /* likewise record.own_name */
	bool once;
	bool searching; /* join: for a party on the LAN that has the code (local.h) */
	uint32_t ttl_s;
	/* what it makes; both hold the party's key */
	struct invite_secret secret;
	struct database_party record;
	bool entered; /* the party holds the record, and the server may, too */
};

void operation_init(struct control *control);
/* Fails the one that runs. */
void operation_deinit(struct control *control);

/* False: the call was answered, because another one runs. */
bool operation_begin(struct control *control, enum operation_kind kind, struct bus_call *call);
/* Calls go_on once the server is ready and the keys of operation.code are there; fails if not. The
 * server to be used is chosen already. */
void operation_wait(struct control *control, operation_step go_on);
/* Likewise, at whichever host on the LAN is ready; its step may call local_next(). */
void operation_search(struct control *control, operation_step go_on, uint64_t ms);
/* The server is ready, or the WireGuard key is there: goes on if that was waited for. */
void operation_server_ready(struct control *control);

/* Asks the server; next when it has answered, operation_fail_error() when it refuses. */
void operation_ask(struct control *control, struct rendezvous_client_frame *frame,
		   operation_step next);

/* The three ends; each answers the call and wipes everything. */
void operation_answer(struct control *control, const uint8_t *bytes, size_t length);
void operation_fail(struct control *control, int code, const char *text);
void operation_fail_error(struct control *control, const struct error *error);

#endif
