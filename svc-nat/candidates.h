/* candidates.h - which addresses this machine can be reached at.
 *
 * Pure: the kernel's addresses, what STUN servers and peers saw, and the tunnel's ports in; a list
 * to announce out. The order is fixed by the contents alone (kind, then rank, then address), so
 * equal circumstances give equal lists and nothing is announced twice.
 */
#ifndef LANRAGE_NAT_CANDIDATES_H
#define LANRAGE_NAT_CANDIDATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-nat/codec.h"

#define CANDIDATES_INTERFACE_MAX 16 /* IFNAMSIZ */
/* Of 32 in all, so that a machine with many bridges still announces what STUN and peers saw. */
#define CANDIDATES_HOST_MAX (DATAPLANE_CANDIDATES_MAX - NAT_PUBLIC_MAX - DATAPLANE_REFLEXIVE_MAX)

/* One address of the machine, as the kernel has it. */
struct host_address {
	struct addr addr; /* port 0 */
	uint8_t prefix_length;
	bool up;	 /* its interface is up and has a carrier */
	bool tentative;	 /* IPv6: not yet known to be unique, or known not to be */
	bool deprecated; /* IPv6: past its preferred lifetime */
	bool temporary;	 /* IPv6: RFC 8981 */
	char interface[CANDIDATES_INTERFACE_MAX];
};

struct candidates_input {
	size_t n_addresses;
	const struct host_address *addresses;
	const char *interface;		   /* the tunnel's own */
	struct addr_prefix virtual_prefix; /* family none: no party */
	uint16_t port_ipv4, port_ipv6;	   /* of the tunnel's sockets; 0: no such socket */
	size_t n_mapped;
	const struct addr *mapped; /* by STUN; at most NAT_PUBLIC_MAX are taken */
	size_t n_reflexive;
	const struct addr *reflexive; /* as peers and relays saw us, the latest first */
	/* Leave out the family's reflexive addresses: behind a NAT that maps each destination
	 * differently, what one peer saw is nobody else's way in. */
	bool dependent_ipv4, dependent_ipv6;
};

/* May the tunnel's packets leave from, and arrive at, this address? Not loopback, link-local, the
 * tunnel itself, nor anything inside the party. */
bool candidates_is_usable(const struct candidates_input *input, const struct host_address *address);

/* Returns how many: host public, host private, STUN, peer; no address twice. */
size_t candidates_gather(const struct candidates_input *input,
			 struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX]);

#endif
