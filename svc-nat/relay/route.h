/* route.h - which member a tag means: parties, who of the bindings is in them, and slots.
 *
 * A ticket makes a binding a member of a party (known here by its scope only) under a number, and
 * gives it a slot for that party. Slots are the binding's own: 1 may mean one party for one binding
 * and another for the next. What goes from a binding goes to members of the same party only; there
 * is no way to name anybody else.
 *
 * Everything lies in tables fixed at start: ROUTE_SLOTS parties for a binding, ROUTE_PARTY_MEMBERS
 * members in a party, and as many parties as bindings. Knows bindings by their numbers only.
 */
#ifndef LANRAGE_NAT_RELAY_ROUTE_H
#define LANRAGE_NAT_RELAY_ROUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/frame.h"
#include "svc-nat/relay/ticket.h"

#define ROUTE_SLOTS	    16u /* numbered from 1; the wire has room for 255 */
#define ROUTE_PARTY_MEMBERS 1024u

struct route_slot {
	uint8_t slot; /* 0: none */
	uint16_t number;
	uint32_t generation;
	uint64_t expires_s; /* since 1970 */
	uint8_t scope[TICKET_SCOPE_SIZE];
};

struct routes;
/* bindings: their highest number. */
int routes_new(struct routes **routes, uint32_t bindings);
void routes_free(struct routes *routes);

/* Lets a binding into the ticket's party, or prolongs its stay, and says under which slot. slot 0
 * in *slot asks for any, else for that one (a restart). A number that somebody else holds goes to
 * the ticket that lasts longer, since it was issued later; *displaced is who lost it (0: nobody).
 * FRAME_TICKET_ACCEPTED, _EXPIRED (superseded), _FULL. */
enum frame_ticket_status routes_admit(struct routes *routes, uint32_t binding,
				      const struct ticket *ticket, uint8_t *slot,
				      uint32_t *displaced);
/* The member with this number in the party that the sender knows under this slot; 0: nobody. */
uint32_t route_find(const struct routes *routes, uint32_t sender, uint8_t slot, uint16_t number);
bool routes_in_scope(const struct routes *routes, uint32_t binding,
		     const uint8_t scope[TICKET_SCOPE_SIZE]);
/* Whether the two have a party in common. */
bool routes_together(const struct routes *routes, uint32_t a, uint32_t b);
unsigned routes_count(const struct routes *routes, uint32_t binding);
/* False when there is none under this slot. */
bool routes_slot(const struct routes *routes, uint32_t binding, uint8_t slot,
		 struct route_slot *out);
/* The first other member of any of the sender's parties for which fits() is true; 0: nobody. */
uint32_t routes_search(const struct routes *routes, uint32_t sender,
		       bool (*fits)(void *data, uint32_t binding), void *data);

/* Ends what this binding has in all parties. */
void routes_remove(struct routes *routes, uint32_t binding);
/* Ends what it has in one party by a ticket of a generation below. True if there was any. */
bool routes_revoke(struct routes *routes, uint32_t binding, const uint8_t scope[TICKET_SCOPE_SIZE],
		   uint32_t generation);
/* Ends what has expired; changed is called once for each binding that lost something. */
void routes_expire(struct routes *routes, uint64_t wall_s,
		   void (*changed)(void *data, uint32_t binding), void *data);

#endif
