#include "svc-nat/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

/* What of our own decides about others' addresses. */
struct here {
	const struct plan_input *input;
	size_t n_hosts;
	const struct host_address *hosts[DATAPLANE_CANDIDATES_MAX];
	bool ipv4, ipv6; /* a socket and an address of the family */
};

static void look_around(struct here *here, const struct plan_input *input)
{
	const struct candidates_input *own = input->own;

	memset(here, 0, sizeof(*here));
	here->input = input;
	for (size_t i = 0; i < own->n_addresses; i++) {
		const struct host_address *host = &own->addresses[i];

		if (!candidates_is_usable(own, host))
			continue;
		if (host->addr.family == ADDR_IPV4)
			here->ipv4 |= own->port_ipv4 != 0;
		else
			here->ipv6 |= own->port_ipv6 != 0;
		if (here->n_hosts < DATAPLANE_CANDIDATES_MAX)
			here->hosts[here->n_hosts++] = host;
	}
}

static bool has_family(const struct here *here, const struct addr *addr)
{
	return addr->family == ADDR_IPV4 ? here->ipv4 : here->ipv6;
}

/* ---- candidates of a member ---- */

/* Whatever its port: packets to an own address go no further than this machine. */
static bool is_own(const struct here *here, const struct addr *addr)
{
	const struct candidates_input *own = here->input->own;

	for (size_t i = 0; i < own->n_addresses; i++) {
		if (addr_equal_ip(&own->addresses[i].addr, addr))
			return true;
	}
	for (size_t i = 0; i < own->n_mapped; i++) {
		if (addr_equal(&own->mapped[i], addr))
			return true;
	}
	return false;
}

static bool is_worth_trying(const struct here *here, const struct addr *addr)
{
	return addr_is_sendable(addr) && !addr_is_loopback(addr) && !addr_is_link_local(addr) &&
	       has_family(here, addr) && !is_own(here, addr) &&
	       !addr_prefix_contains(&here->input->desired->virtual_prefix, addr);
}

static bool is_in_own_lan(const struct here *here, const struct addr *addr)
{
	for (size_t i = 0; i < here->n_hosts; i++) {
		struct addr_prefix lan = {.addr = here->hosts[i]->addr,
					  .length = here->hosts[i]->prefix_length};

		if (addr_prefix_contains(&lan, addr))
			return true;
	}
	return false;
}

/* The member and we come out of the same router. */
static bool shares_router(const struct here *here, const struct nat_member *member)
{
	const struct candidates_input *own = here->input->own;

	for (size_t i = 0; i < member->n_candidates; i++) {
		if (member->candidates[i].kind != NAT_CANDIDATE_STUN)
			continue;
		for (size_t k = 0; k < own->n_mapped; k++) {
			if (addr_equal_ip(&own->mapped[k], &member->candidates[i].address))
				return true;
		}
	}
	return false;
}

/* Likely ones first. A private address elsewhere is last, but is tried: companies and VPNs route
 * them. */
enum likelihood {
	SAME_LAN,
	SAME_ROUTER,
	PUBLIC_IPV6,
	PUBLIC_IPV4,
	PORT_MAPPED,
	STUN_MAPPED,
	PEER_SEEN,
	ELSEWHERE,
};

static enum likelihood likelihood_of(const struct here *here, const struct nat_candidate *candidate,
				     bool same_router)
{
	switch (candidate->kind) {
	case NAT_CANDIDATE_STUN: return STUN_MAPPED;
	case NAT_CANDIDATE_PEER: return PEER_SEEN;
	case NAT_CANDIDATE_MAPPED: return PORT_MAPPED;
	case NAT_CANDIDATE_HOST:
	case NAT_CANDIDATE_KINDS: break;
	}
	if (is_in_own_lan(here, &candidate->address))
		return SAME_LAN;
	if (addr_is_private(&candidate->address))
		return same_router ? SAME_ROUTER : ELSEWHERE;
	return candidate->address.family == ADDR_IPV6 ? PUBLIC_IPV6 : PUBLIC_IPV4;
}

static bool has_candidate(const struct dataplane_peer_plan *peer, const struct addr *addr)
{
	for (size_t i = 0; i < peer->n_candidates; i++) {
		if (addr_equal(&peer->candidates[i], addr))
			return true;
	}
	return false;
}

/* In the member's own order within one likelihood. */
static void plan_candidates(const struct here *here, const struct nat_member *member,
			    struct dataplane_peer_plan *peer)
{
	bool same_router = shares_router(here, member);

	for (enum likelihood level = SAME_LAN; level <= ELSEWHERE; level++) {
		for (size_t i = 0; i < member->n_candidates; i++) {
			const struct nat_candidate *candidate = &member->candidates[i];

			if (likelihood_of(here, candidate, same_router) != level ||
			    !is_worth_trying(here, &candidate->address) ||
			    has_candidate(peer, &candidate->address))
				continue;
			peer->candidates[peer->n_candidates++] = candidate->address;
		}
	}
}

/* ---- relays ---- */

static bool is_answering(const struct here *here, const struct addr *endpoint)
{
	for (size_t i = 0; i < here->input->n_answering; i++) {
		if (addr_equal(&here->input->answering[i], endpoint))
			return true;
	}
	return false;
}

static void plan_endpoints(const struct here *here, const struct nat_relay *relay,
			   struct dataplane_relay *planned)
{
	const struct plan_input *input = here->input;

	for (size_t i = 0; i < input->n_detours; i++) {
		if (!same_key(input->detours[i].relay, relay->public_key))
			continue;
		planned->endpoints[planned->n_endpoints++] = input->detours[i].endpoint;
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < relay->n_endpoints; i++) {
			const struct addr *endpoint = &relay->endpoints[i];

			if (addr_is_sendable(endpoint) && has_family(here, endpoint) &&
			    is_answering(here, endpoint) == (pass == 0))
				planned->endpoints[planned->n_endpoints++] = *endpoint;
		}
	}
}

static bool has_relay(const struct dataplane_plan *plan, const uint8_t *key)
{
	for (size_t i = 0; i < plan->n_relays; i++) {
		if (same_key(plan->relays[i].public_key, key))
			return true;
	}
	return false;
}

/* Whether the plan now names the relay: it must be one control told us of, and within reach. */
static bool plan_relay(const struct here *here, struct dataplane_plan *plan, const uint8_t *key)
{
	const struct nat_desired *desired = here->input->desired;
	struct dataplane_relay *planned = &plan->relays[plan->n_relays];

	if (has_relay(plan, key))
		return true;
	for (size_t i = 0; i < desired->n_relays; i++) {
		const struct nat_relay *relay = &desired->relays[i];

		if (!same_key(relay->public_key, key))
			continue;
		memset(planned, 0, sizeof(*planned));
		plan_endpoints(here, relay, planned);
		if (planned->n_endpoints == 0 || plan->n_relays == DATAPLANE_RELAYS_MAX)
			return false;
		memcpy(planned->public_key, key, DATAPLANE_KEY_SIZE);
		memcpy(planned->name, relay->name, sizeof(planned->name));
		planned->ticket_length = relay->ticket_length;
		memcpy(planned->ticket, relay->ticket, relay->ticket_length);
		plan->n_relays++;
		return true;
	}
	return false;
}

/* ---- where to meet each member ---- */

static const struct pair *pair_with(const struct here *here, const struct nat_member *member)
{
	return here->input->pairs ? pairs_find(here->input->pairs, member->public_key) : NULL;
}

/* A relay that some members would best be met at. */
struct demand {
	const uint8_t *key;
	size_t members;
};

static int compare_demands(const void *a, const void *b)
{
	const struct demand *x = a, *y = b;

	if (x->members != y->members)
		return x->members > y->members ? -1 : 1;
	return memcmp(x->key, y->key, DATAPLANE_KEY_SIZE);
}

/* Binds at the relays (place 0) or the spares (1) between us and the members, most wanted first. */
static void plan_pairs(const struct here *here, struct dataplane_plan *plan, size_t place)
{
	const struct nat_desired *desired = here->input->desired;
	struct demand demands[NAT_RELAYS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < desired->n_relays; i++) {
		struct demand *demand = &demands[n++];

		*demand = (struct demand){.key = desired->relays[i].public_key};
		for (size_t k = 0; k < desired->n_members; k++) {
			const struct pair *pair = pair_with(here, &desired->members[k]);

			demand->members += pair && place < pair->n_relays &&
					   same_key(pair->relays[place], demand->key);
		}
	}
	qsort(demands, n, sizeof(*demands), compare_demands);
	for (size_t i = 0; i < n && demands[i].members && plan->n_relays < PLAN_BINDINGS; i++)
		(void)plan_relay(here, plan, demands[i].key);
}

/* The bound took the best relay from it, and the other end, which cannot know, may count on that:
 * it must be met where it surely is. */
static bool is_left_out(const struct here *here, const struct dataplane_plan *plan,
			const struct nat_member *member)
{
	const struct pair *pair = pair_with(here, member);

	if (!pair || has_relay(plan, pair->relays[0]))
		return false;
	for (size_t i = 0; i < member->n_relays; i++) {
		if (has_relay(plan, member->relays[i]))
			return false;
	}
	return true;
}

static bool is_bound_at(const struct nat_member *member, const uint8_t *key)
{
	for (size_t i = 0; i < member->n_relays; i++) {
		if (same_key(member->relays[i], key))
			return true;
	}
	return false;
}

/* Of those not tried, where most of the members left out are bound; n_relays: nowhere. */
static size_t most_wanted(const struct here *here, const struct dataplane_plan *plan,
			  const bool tried[NAT_RELAYS_MAX])
{
	const struct nat_desired *desired = here->input->desired;
	size_t counts[NAT_RELAYS_MAX] = {0}, best = desired->n_relays;

	for (size_t k = 0; k < desired->n_members; k++) {
		const struct nat_member *member = &desired->members[k];

		if (!is_left_out(here, plan, member))
			continue;
		for (size_t i = 0; i < desired->n_relays; i++)
			counts[i] += is_bound_at(member, desired->relays[i].public_key);
	}
	for (size_t i = 0; i < desired->n_relays; i++) {
		if (counts[i] && !tried[i] &&
		    (best == desired->n_relays || counts[i] > counts[best]))
			best = i;
	}
	return best;
}

/* Binds where those that were left out are, at as few relays as that takes. */
static void plan_left_out(const struct here *here, struct dataplane_plan *plan)
{
	const struct nat_desired *desired = here->input->desired;
	bool tried[NAT_RELAYS_MAX] = {false};
	size_t at;

	while ((at = most_wanted(here, plan, tried)) < desired->n_relays) {
		tried[at] = true;
		(void)plan_relay(here, plan, desired->relays[at].public_key);
	}
}

static void add_peer_relay(struct dataplane_peer_plan *peer, const uint8_t *key)
{
	for (size_t i = 0; i < peer->n_relays; i++) {
		if (same_key(peer->relays[i], key))
			return;
	}
	if (peer->n_relays < DATAPLANE_PEER_RELAYS_MAX)
		memcpy(peer->relays[peer->n_relays++], key, DATAPLANE_KEY_SIZE);
}

static void meet_at(const struct here *here, struct dataplane_plan *plan,
		    struct dataplane_peer_plan *peer, const uint8_t *key)
{
	if (plan_relay(here, plan, key))
		add_peer_relay(peer, key);
}

/* Where IT is bound, in its order. One that announced none (an old party's announcement, a guest)
 * may yet be bound where we are: the server gives the same relays to all. */
static void meet_at_its_own(const struct here *here, struct dataplane_plan *plan,
			    const struct nat_member *member, struct dataplane_peer_plan *peer)
{
	for (size_t i = 0; i < member->n_relays; i++)
		meet_at(here, plan, peer, member->relays[i]);
	if (peer->n_relays)
		return;
	for (size_t i = 0; i < here->input->n_chosen; i++)
		meet_at(here, plan, peer, here->input->chosen[i]);
}

/* Between us, as far as that was planned for. It may not have been at the other end, so its own go
 * along where we are bound to them. */
static void meet_between(const struct dataplane_plan *plan, const struct nat_member *member,
			 const struct pair *pair, struct dataplane_peer_plan *peer)
{
	for (size_t i = 0; i < pair->n_relays; i++) {
		if (has_relay(plan, pair->relays[i]))
			add_peer_relay(peer, pair->relays[i]);
	}
	for (size_t i = 0; i < member->n_relays; i++) {
		if (has_relay(plan, member->relays[i]))
			add_peer_relay(peer, member->relays[i]);
	}
}

static void plan_peer_relays(const struct here *here, struct dataplane_plan *plan,
			     const struct nat_member *member, struct dataplane_peer_plan *peer)
{
	const struct pair *pair = pair_with(here, member);

	if (pair)
		meet_between(plan, member, pair, peer);
	else
		meet_at_its_own(here, plan, member, peer);
}

int plan_make(struct dataplane_plan *plan, const struct plan_input *input)
{
	const struct nat_desired *desired = input->desired;
	struct here here;

	memset(plan, 0, sizeof(*plan));
	if (!desired->active)
		return 0;
	/* One place more than may be used: a relay is tried out in it. */
	plan->relays = calloc(DATAPLANE_RELAYS_MAX + 1, sizeof(*plan->relays));
	plan->peers = calloc(desired->n_members + 1, sizeof(*plan->peers));
	if (!plan->relays || !plan->peers) {
		dataplane_plan_clear(plan);
		return -ENOMEM;
	}
	look_around(&here, input);
	for (size_t i = 0; i < input->n_chosen; i++)
		(void)plan_relay(&here, plan, input->chosen[i]);
	for (size_t place = 0; place < PAIRS_RELAYS; place++)
		plan_pairs(&here, plan, place);
	plan_left_out(&here, plan);
	for (size_t i = 0; i < desired->n_members; i++) {
		const struct nat_member *member = &desired->members[i];
		struct dataplane_peer_plan *peer = &plan->peers[plan->n_peers++];

		memcpy(peer->public_key, member->public_key, DATAPLANE_KEY_SIZE);
		plan_candidates(&here, member, peer);
		plan_peer_relays(&here, plan, member, peer);
	}
	return 0;
}

/* Both come zeroed from plan_make(), so bytes behind the counts are alike too. */
bool plan_equal(const struct dataplane_plan *a, const struct dataplane_plan *b)
{
	return a->n_relays == b->n_relays && a->n_peers == b->n_peers &&
	       (a->n_relays == 0 ||
		memcmp(a->relays, b->relays, a->n_relays * sizeof(*a->relays)) == 0) &&
	       (a->n_peers == 0 || memcmp(a->peers, b->peers, a->n_peers * sizeof(*a->peers)) == 0);
}
