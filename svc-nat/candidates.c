#include "svc-nat/candidates.h"

#include <stdlib.h>
#include <string.h>

bool candidates_is_usable(const struct candidates_input *input, const struct host_address *address)
{
	struct addr addr = address->addr;

	addr.port = 1; /* sendable means an address with a port */
	if (!address->up || address->tentative || address->deprecated)
		return false;
	if (!addr_is_sendable(&addr) || addr_is_loopback(&addr) || addr_is_link_local(&addr))
		return false;
	if (strcmp(address->interface, input->interface) == 0)
		return false;
	return !addr_prefix_contains(&input->virtual_prefix, &addr);
}

static uint16_t port_of(const struct candidates_input *input, const struct addr *addr)
{
	return addr->family == ADDR_IPV4 ? input->port_ipv4 : input->port_ipv6;
}

static bool has(const struct nat_candidate *list, size_t n, const struct addr *addr)
{
	for (size_t i = 0; i < n; i++) {
		if (addr_equal(&list[i].address, addr))
			return true;
	}
	return false;
}

/* Public before private, IPv6 before IPv4 (no NAT in the way), temporary before lasting. */
static int host_rank(const struct host_address *host)
{
	return (addr_is_private(&host->addr) ? 4 : 0) + (host->addr.family == ADDR_IPV4 ? 2 : 0) +
	       (host->temporary ? 0 : 1);
}

static int compare_addrs(const void *a, const void *b)
{
	const struct addr *x = a, *y = b;
	int difference = (int)x->family - (int)y->family;

	if (!difference)
		difference = memcmp(x->ip, y->ip, sizeof(x->ip));
	return difference ? difference : (int)x->port - (int)y->port;
}

static int compare_hosts(const void *a, const void *b)
{
	const struct host_address *x = *(const struct host_address *const *)a;
	const struct host_address *y = *(const struct host_address *const *)b;
	int difference = host_rank(x) - host_rank(y);

	return difference ? difference : compare_addrs(&x->addr, &y->addr);
}

static size_t gather_hosts(const struct candidates_input *input, struct nat_candidate *list)
{
	const struct host_address **hosts = calloc(input->n_addresses + 1, sizeof(*hosts));
	size_t n_hosts = 0, n = 0;

	if (!hosts)
		return 0;
	for (size_t i = 0; i < input->n_addresses; i++) {
		if (candidates_is_usable(input, &input->addresses[i]) &&
		    port_of(input, &input->addresses[i].addr))
			hosts[n_hosts++] = &input->addresses[i];
	}
	qsort(hosts, n_hosts, sizeof(struct host_address *), compare_hosts);
	for (size_t i = 0; i < n_hosts && n < CANDIDATES_HOST_MAX; i++) {
		struct addr addr = hosts[i]->addr;

		addr.port = port_of(input, &addr);
		if (!has(list, n, &addr))
			list[n++] = (struct nat_candidate){addr, NAT_CANDIDATE_HOST};
	}
	free(hosts);
	return n;
}

/* What somebody else said our address was; a server may say anything. */
static bool is_credible(const struct candidates_input *input, const struct addr *addr)
{
	return addr_is_sendable(addr) && !addr_is_loopback(addr) && !addr_is_link_local(addr) &&
	       port_of(input, addr) && !addr_prefix_contains(&input->virtual_prefix, addr);
}

static bool is_left_out(const struct candidates_input *input, const struct addr *seen)
{
	return seen->family == ADDR_IPV4 ? input->dependent_ipv4 : input->dependent_ipv6;
}

/* The list is in the order of last sight. What was last seen before the mapping that STUN confirms,
 * behind the same router, is a mapping that has gone. */
static size_t current_reflexive(const struct candidates_input *input,
				struct addr current[DATAPLANE_REFLEXIVE_MAX])
{
	const struct addr *confirmed = NULL;
	size_t n = 0;

	for (size_t i = 0; i < input->n_reflexive && n < DATAPLANE_REFLEXIVE_MAX; i++) {
		const struct addr *seen = &input->reflexive[i];

		if (!is_left_out(input, seen) && !(confirmed && addr_equal_ip(seen, confirmed)))
			current[n++] = *seen;
		for (size_t k = 0; k < input->n_mapped; k++) {
			if (addr_equal(seen, &input->mapped[k]))
				confirmed = &input->mapped[k];
		}
	}
	return n;
}

static size_t add_seen(const struct candidates_input *input, struct nat_candidate *list, size_t n,
		       const struct addr *seen, size_t n_seen, size_t max,
		       enum nat_candidate_kind kind)
{
	struct addr sorted[DATAPLANE_REFLEXIVE_MAX];
	size_t n_sorted = 0;

	for (size_t i = 0; i < n_seen && n_sorted < max; i++) {
		if (is_credible(input, &seen[i]))
			sorted[n_sorted++] = seen[i];
	}
	qsort(sorted, n_sorted, sizeof(sorted[0]), compare_addrs);
	for (size_t i = 0; i < n_sorted; i++) {
		if (!has(list, n, &sorted[i]))
			list[n++] = (struct nat_candidate){sorted[i], kind};
	}
	return n;
}

size_t candidates_gather(const struct candidates_input *input,
			 struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX])
{
	struct addr reflexive[DATAPLANE_REFLEXIVE_MAX];
	size_t n;

	memset(candidates, 0, DATAPLANE_CANDIDATES_MAX * sizeof(candidates[0]));
	n = gather_hosts(input, candidates);
	n = add_seen(input, candidates, n, input->mapped, input->n_mapped, NAT_PUBLIC_MAX,
		     NAT_CANDIDATE_STUN);
	return add_seen(input, candidates, n, reflexive, current_reflexive(input, reflexive),
			DATAPLANE_REFLEXIVE_MAX, NAT_CANDIDATE_PEER);
}
