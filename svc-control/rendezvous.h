/* rendezvous.h - this machine's session with the rendezvous server.
 *
 * Keeps one WebSocket connection (websocket.h reconnects), logs in with the identity, and passes
 * requests and what the server pushes. A request ends exactly once: with the server's answer, its
 * refusal, or -ENOTCONN / -ETIMEDOUT, and never from inside a function called here. Whatever must
 * survive a reconnect (resume, announce, tickets) is asked again by the owner when `ready` comes.
 */
#ifndef LANRAGE_CONTROL_RENDEZVOUS_H
#define LANRAGE_CONTROL_RENDEZVOUS_H

#include "common/error.h"
#include "common/loop.h"
#include "svc-control/codec.h"
#include "svc-control/keyholder.h"
#include "svc-control/rendezvous_codec.h"
#include "svc-control/websocket.h"

#define RENDEZVOUS_REQUESTS_MAX	    32 /* in progress; one more is answered with -EBUSY */
#define RENDEZVOUS_TIMEOUT_MS	    5000
#define RENDEZVOUS_STUN_SERVERS_MAX 4

struct rendezvous;

struct rendezvous_events {
	/* The state changed. reason: words for AWAY, else "". */
	void (*state)(void *data, enum control_server_state state, const char *reason);
	/* Logged in: the moment to resume. Also after every reconnect. */
	void (*ready)(void *data);
	/* A party frame, answered or pushed; in the server's order. */
	void (*party)(void *data, const struct rendezvous_party *party);
	/* Records of generations, pushed; before the party frames they concern. */
	void (*generations)(void *data, const struct rendezvous_generations *generations);
	/* The relays changed: ask for tickets. */
	void (*relays)(void *data);
};

/* keyholder, events and data are borrowed for its life. Not connected yet. -ENOMEM. */
int rendezvous_new(struct rendezvous **rendezvous, struct loop *loop, struct websocket *websocket,
		   const struct keyholder *keyholder, const struct rendezvous_events *events,
		   void *data);
/* For the end: disconnects, and neither event nor answer comes any more. NULL is fine. */
void rendezvous_stop(struct rendezvous *rendezvous);
/* After rendezvous_stop() and once the loop has ended. NULL is fine. */
void rendezvous_free(struct rendezvous *rendezvous);
/* Leaves the server it was at, fails the requests in progress, keeps to this URL from now on. The
 * same URL again changes nothing. -EINVAL with words for a bad one. */
int rendezvous_connect(struct rendezvous *rendezvous, const char *url, struct error *error);
/* No state but NONE, no server. */
void rendezvous_disconnect(struct rendezvous *rendezvous);
/* Own addresses may be others: a connection from one that is gone is given up at once, because
 * nothing would come back on it, and made anew. */
void rendezvous_moved(struct rendezvous *rendezvous);
/* Tries at once instead of at the end of the back-off. */
void rendezvous_hurry(struct rendezvous *rendezvous);

/* "" before the first rendezvous_connect(). */
const char *rendezvous_url(const struct rendezvous *rendezvous);
enum control_server_state rendezvous_state(const struct rendezvous *rendezvous);
const char *rendezvous_reason(const struct rendezvous *rendezvous);
/* Of AWAY. */
enum control_server_trouble rendezvous_trouble(const struct rendezvous *rendezvous);
/* How far this machine's clock is ahead of the server's, by its word at the last login;
 * CONTROL_CLOCK_UNKNOWN before the first. */
int64_t rendezvous_clock_ahead_s(const struct rendezvous *rendezvous);
/* Where the server answers STUN; valid once ready. Returns how many. */
size_t rendezvous_stun_servers(const struct rendezvous *rendezvous,
			       struct addr servers[RENDEZVOUS_STUN_SERVERS_MAX]);

/* frame: NULL when *error says why. A party answer in several frames is reported here once, with
 * its last; all of them went to events.party before. */
typedef void (*rendezvous_answer)(void *data, const struct error *error,
				  const struct rendezvous_server_frame *frame);
/* frame->request_id is filled in. answer may be NULL; it is never called before this returns. */
void rendezvous_request(struct rendezvous *rendezvous, struct rendezvous_client_frame *frame,
			rendezvous_answer answer, void *data);

#endif
