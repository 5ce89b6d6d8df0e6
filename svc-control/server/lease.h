/* lease.h - which address a member of a party gets (IPAM).
 *
 * Pure. A party has a prefix of /8../24. Addresses are leased in one order for ever: the first /24
 * of the prefix from .1 to .254, then the next /24, and so on; the .0 and .255 of each /24 are left
 * out, because games and drivers take them for networks and broadcasts. So the place in the order
 * after the last new lease is all that has to be remembered (struct lease_next, kept in the store),
 * and a lease that somebody had is given to another identity only when the order is at its end;
 * the store then takes the one that was left the longest ago.
 *
 * Each lease has a number that only grows: of two claims to an address the lower one wins. Member
 * numbers (16 bits, used at relays) grow likewise; when they are used up, one is taken over from a
 * member that left so long ago that no ticket of its time is valid any more (LEASE_NUMBER_REST_S).
 */
#ifndef LANRAGE_SERVER_LEASE_H
#define LANRAGE_SERVER_LEASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "svc-nat/relay/ticket.h"

#define LEASE_NUMBER_MAX    65535
#define LEASE_NUMBER_REST_S (TICKET_LIFETIME_S + 300) /* and the bindings made with it */

/* What the next new member gets; zero means used up. */
struct lease_next {
	uint32_t address; /* host order */
	uint32_t number;
	uint32_t lease;
};

/* IPv4, /8../24, host bits zero, private (RFC 1918, RFC 6598) so that nobody's traffic to the
 * Internet is drawn into a party. */
bool lease_prefix_is_valid(const struct addr_prefix *prefix);
/* For a new party. */
struct lease_next lease_first(const struct addr_prefix *prefix);
/* Whether the address may be leased at all. */
bool lease_address_is_valid(const struct addr_prefix *prefix, uint32_t address);
/* Moves on after address and number were given; each alone may be used up. */
void lease_advance_address(const struct addr_prefix *prefix, struct lease_next *next);
void lease_advance_number(struct lease_next *next);

struct lease_entry {
	uint32_t address;
	uint32_t number;
	uint32_t lease;
};
/* A party's books: every address valid and behind `next`, and addresses, numbers and leases unique.
 * Sorts the entries. -EUCLEAN with words. */
int lease_check(const struct addr_prefix *prefix, const struct lease_next *next,
		struct lease_entry *entries, size_t n, struct error *error);

#endif
