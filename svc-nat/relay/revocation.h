/* revocation.h - tickets that are no longer good although they have not expired.
 *
 * A member that was removed from a party holds a ticket for a day. The server says whom it has
 * removed, in which generation; tickets of that member with an earlier one are refused. The server
 * repeats all of it at each registration, so nothing is kept over a restart. Room for
 * REVOCATIONS_MAX; when that is not enough, the one that ends first makes room.
 */
#ifndef LANRAGE_NAT_RELAY_REVOCATION_H
#define LANRAGE_NAT_RELAY_REVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-nat/relay/ticket.h"

#define REVOCATIONS_MAX 1024

struct revocation {
	uint8_t scope[TICKET_SCOPE_SIZE];
	uint8_t member_key[32];
	uint32_t generation; /* tickets below are refused */
	uint64_t until_s;    /* since 1970; 0: free place */
};

struct revocations {
	struct revocation list[REVOCATIONS_MAX];
};

/* Takes the place of an earlier word about the same member of the same party. */
void revocations_add(struct revocations *revocations, const struct revocation *revocation);
bool revocations_cover(const struct revocations *revocations, const struct ticket *ticket,
		       uint64_t wall_s);

#endif
