/* relaylink.h - our binding at one relay: an ordinary session with the relay itself, and a ticket
 * presented inside it.
 *
 *   CONNECTING --handshake--> (ticket presented) --accepted--> BOUND
 *       ^                            |                           | nothing back for 5 s
 *       |                            +--refused--> REFUSED       v
 *       +------------- anything authentic comes back --------- SILENT
 *
 * The ticket is presented after every handshake, because a relay that was restarted may have lost
 * it, and again whenever its bytes change. A refused one is presented anew after a minute. A relay
 * given without a ticket is BOUND after the handshake (to be measured), but forwards nothing.
 * Probes measure the way to the relay and keep the NAT's mapping for it open.
 *
 * What peers need to know is left in `news` for the engine, which hands it on.
 */
#ifndef LANRAGE_DATAPLANE_RELAYLINK_H
#define LANRAGE_DATAPLANE_RELAYLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/cookie.h"
#include "svc-dataplane/probe.h"
#include "svc-dataplane/tunnel.h"

struct relaylink_news {
	bool binding;	  /* began or ceased to forward */
	uint16_t unbound; /* this member number is not bound there; 0: none */
};

struct relaylink {
	struct tunnel tunnel; /* first */
	char name[DATAPLANE_NAME_MAX];
	size_t n_endpoints;
	struct addr endpoints[2];
	struct cookie_jar jars[2];
	struct addr endpoint; /* where it answers, else the first of the plan */
	bool planned;	      /* the plan in force names it */
	size_t ticket_length;
	uint8_t ticket[DATAPLANE_TICKET_MAX];

	enum dataplane_relay_state state;
	char reason[DATAPLANE_REASON_MAX];
	bool full;     /* the last ticket was refused for want of a place */
	bool accepted; /* slot is valid */
	uint8_t slot;
	uint64_t ticket_due_us; /* when to present it (again); CLOCK_NEVER: it is answered */
	uint64_t ticket_wait_us;
	uint64_t waiting_us; /* since when an answer is awaited; 0: none is */
	uint64_t again_us;   /* when to start over after giving up; CLOCK_NEVER: not given up */
	uint64_t probe_us;   /* last sent */
	struct probe_window probes;
	struct relaylink_news news;
};

int relaylink_new(struct relaylink **link, struct context *context,
		  const struct dataplane_relay *relay);
void relaylink_free(struct relaylink *link);
/* Starts binding; also after a change of our own key. */
void relaylink_start(struct relaylink *link, uint64_t now_us);
/* Takes over what the plan says of it. */
void relaylink_update(struct relaylink *link, uint64_t now_us, const struct dataplane_relay *relay);

bool relaylink_is_planned(const struct relaylink *link, const struct dataplane_plan *plan);

/* The relay with this key, or the one that answers at this address; NULL: none. */
struct relaylink *relaylink_find(const struct context *context, const uint8_t *key);
struct relaylink *relaylink_at(const struct context *context, const struct addr *address);
/* Whether tagged packets may be sent to it. */
bool relaylink_forwards(const struct relaylink *link);

/* Packets whose receiver index is this tunnel's. */
void relaylink_response(struct relaylink *link, uint64_t now_us, const struct addr *from,
			const struct message_response *message);
void relaylink_cookie(struct relaylink *link, uint64_t now_us, const struct addr *from,
		      const struct message_cookie *message);
void relaylink_data(struct relaylink *link, uint64_t now_us, const struct addr *from,
		    uint8_t *message, size_t length);
void relaylink_poll(struct relaylink *link, uint64_t now_us);
/* A packet through the relay was lost: ask it at once, which also renews a NAT's mapping. */
void relaylink_nudge(struct relaylink *link, uint64_t now_us);
/* This process did not run for a while: what was not answered meanwhile is not held against it. */
void relaylink_excuse(struct relaylink *link, uint64_t now_us);
void relaylink_status(const struct relaylink *link, uint64_t now_us,
		      struct dataplane_relay_status *status);

#endif
