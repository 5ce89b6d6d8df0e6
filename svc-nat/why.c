#include "svc-nat/why.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-nat/behaviour.h"

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

/* Lists of the same members mostly have the same order, so each search starts at the place the
 * member has in the other: without that a party of a thousand takes a million comparisons. */
static const struct dataplane_peer *find_peer(const struct why_input *input, const uint8_t *key,
					      size_t start)
{
	size_t n = input->state ? input->state->n_peers : 0;

	for (size_t i = 0; i < n; i++) {
		const struct dataplane_peer *peer = &input->state->peers[(start + i) % n];

		if (same_key(peer->public_key, key))
			return peer;
	}
	return NULL;
}

static const struct dataplane_peer_plan *find_plan(const struct why_input *input,
						   const uint8_t *key, size_t start)
{
	size_t n = input->plan->n_peers;

	for (size_t i = 0; i < n; i++) {
		const struct dataplane_peer_plan *plan = &input->plan->peers[(start + i) % n];

		if (same_key(plan->public_key, key))
			return plan;
	}
	return NULL;
}

static const struct dataplane_path *active_path(const struct dataplane_peer *peer)
{
	bool connected = peer && peer->state == DATAPLANE_PEER_CONNECTED && peer->active_path >= 0;

	return connected ? &peer->paths[peer->active_path] : NULL;
}

static bool is_connected(const struct dataplane_peer *peer)
{
	return active_path(peer) != NULL;
}

static bool is_direct(const struct dataplane_peer *peer)
{
	return is_connected(peer) && active_path(peer)->kind == DATAPLANE_PATH_DIRECT;
}

/* One that is reached by TCP (overtcp.h) is bound at an address of this machine. */
static bool is_bound_by_udp(const struct why_input *input)
{
	for (size_t i = 0; input->state && i < input->state->n_relays; i++) {
		const struct dataplane_relay_status *relay = &input->state->relays[i];

		if (relay->state == DATAPLANE_RELAY_BOUND && !addr_is_loopback(&relay->endpoint))
			return true;
	}
	return false;
}

/* A direct path that answers; or one with a hole, which is probed with long packets alone and so
 * looks dead. */
static bool has_direct(const struct dataplane_peer *peer, bool hole)
{
	for (size_t i = 0; peer && i < peer->n_paths; i++) {
		const struct dataplane_path *path = &peer->paths[i];

		if (path->kind == DATAPLANE_PATH_DIRECT && path->hole == hole &&
		    (hole || path->state == DATAPLANE_PATH_WORKING))
			return true;
	}
	return false;
}

/* Of a direct path in use. */
static enum nat_cause judge_path(const struct dataplane_path *path)
{
	if (path->hole)
		return NAT_CAUSE_HOLE;
	if (path->loss_permille != DATAPLANE_UNKNOWN && path->loss_permille >= WHY_LOSS_PERMILLE)
		return NAT_CAUSE_LOSSY;
	if ((path->rtt_us != DATAPLANE_UNKNOWN && path->rtt_us >= WHY_RTT_US) ||
	    (path->jitter_us != DATAPLANE_UNKNOWN && path->jitter_us >= WHY_JITTER_US))
		return NAT_CAUSE_SLOW;
	return NAT_CAUSE_NONE;
}

/* ---- relays ---- */

static const struct dataplane_relay_status *find_relay(const struct why_input *input,
						       const uint8_t *key)
{
	for (size_t i = 0; input->state && i < input->state->n_relays; i++) {
		if (same_key(input->state->relays[i].public_key, key))
			return &input->state->relays[i];
	}
	return NULL;
}

/* The relay that we are bound at says that the peer is not. */
static bool is_unbound(const struct dataplane_peer *peer, const uint8_t *key)
{
	for (size_t i = 0; peer && i < peer->n_paths; i++) {
		const struct dataplane_path *path = &peer->paths[i];

		if (path->kind == DATAPLANE_PATH_RELAY && same_key(path->relay, key))
			return path->unbound;
	}
	return false;
}

/* Why none of the peer's relays helps; NONE: one should. */
static enum nat_cause judge_relays(const struct why_input *input, const struct dataplane_peer *peer,
				   const struct dataplane_peer_plan *plan)
{
	enum nat_cause cause = NAT_CAUSE_RELAY_SILENT;

	if (input->desired->n_relays == 0)
		return NAT_CAUSE_NO_RELAY;
	for (size_t i = 0; plan && i < plan->n_relays; i++) {
		const struct dataplane_relay_status *relay = find_relay(input, plan->relays[i]);

		if (!relay)
			continue;
		if (relay->state == DATAPLANE_RELAY_BOUND && !is_unbound(peer, plan->relays[i]))
			return NAT_CAUSE_NONE;
		if (relay->state == DATAPLANE_RELAY_BOUND)
			cause = NAT_CAUSE_NO_RELAY_THERE;
		else if (relay->state == DATAPLANE_RELAY_REFUSED && relay->full)
			cause = NAT_CAUSE_RELAY_FULL;
		else if (relay->state == DATAPLANE_RELAY_REFUSED)
			cause = NAT_CAUSE_RELAY_REFUSED;
	}
	return cause;
}

/* Both sides' NATs, when packets could flow but do not. */
static enum nat_cause between(enum nat_behaviour here, enum nat_behaviour there)
{
	bool here_symmetric = behaviour_is_dependent(here);
	bool there_symmetric = behaviour_is_dependent(there);
	enum nat_behaviour other = here_symmetric ? there : here;

	if (here_symmetric && there_symmetric)
		return NAT_CAUSE_BOTH_SYMMETRIC;
	/* A side without NAT needs no mapping guessed: there it is a firewall. */
	if ((here_symmetric || there_symmetric) && other != NAT_NONE)
		return NAT_CAUSE_SYMMETRIC_AND_FILTERED;
	return NAT_CAUSE_BLOCKED_BETWEEN;
}

enum nat_cause why_here(const struct why_input *input)
{
	bool filtered = input->state && input->state->filtered_age_us < WHY_FILTERED_US;

	/* STUN may be blocked alone: a relay that answers proves that UDP is not. */
	if (input->mapping != NAT_BLOCKED || is_bound_by_udp(input))
		return NAT_CAUSE_NONE;
	return filtered || input->drops ? NAT_CAUSE_FIREWALL_HERE : NAT_CAUSE_UDP_BLOCKED_HERE;
}

/* What is wrong on one of the two sides alone, whoever the other is. */
static enum nat_cause on_one_side(const struct why_input *input, const struct nat_member *member,
				  const struct dataplane_peer_plan *plan)
{
	enum nat_cause here = why_here(input);

	if (here != NAT_CAUSE_NONE)
		return here;
	if (member->mapping == NAT_BLOCKED)
		return NAT_CAUSE_UDP_BLOCKED_THERE;
	if (member->n_candidates == 0)
		return NAT_CAUSE_NO_CANDIDATES;
	if (!plan || plan->n_candidates == 0)
		return NAT_CAUSE_NO_COMMON_FAMILY;
	return NAT_CAUSE_NONE;
}

static enum nat_cause explain(const struct why_input *input, const struct nat_member *member,
			      const struct dataplane_peer *peer,
			      const struct dataplane_peer_plan *plan, bool early)
{
	bool connected = is_connected(peer);
	enum nat_cause cause;

	if (is_direct(peer))
		return judge_path(active_path(peer));
	if (!connected && !member->online)
		return NAT_CAUSE_OFFLINE;
	if (early)
		return NAT_CAUSE_TRYING;
	cause = on_one_side(input, member, plan);
	if (cause != NAT_CAUSE_NONE)
		return cause;
	if (has_direct(peer, true))
		return NAT_CAUSE_HOLE;
	if (connected && has_direct(peer, false))
		return NAT_CAUSE_RELAY_BETTER;
	if (!connected)
		cause = judge_relays(input, peer, plan);
	return cause != NAT_CAUSE_NONE ? cause : between(input->mapping, member->mapping);
}

static const struct why_entry *find_entry(const struct why *why, const uint8_t *key, size_t start)
{
	for (size_t i = 0; i < why->n; i++) {
		const struct why_entry *entry = &why->entries[(start + i) % why->n];

		if (same_key(entry->public_key, key))
			return entry;
	}
	return NULL;
}

/* Trying begins anew when a member comes online and when a direct path is lost. */
static struct why_entry follow(const struct why_entry *before, uint64_t now_us,
			       const struct nat_member *member, bool direct)
{
	struct why_entry entry = {.online = member->online, .direct = direct, .since_us = now_us};

	memcpy(entry.public_key, member->public_key, DATAPLANE_KEY_SIZE);
	if (before && !(entry.online && !before->online) && before->direct == direct)
		entry.since_us = before->since_us;
	return entry;
}

int why_explain(struct why *why, uint64_t now_us, const struct why_input *input,
		struct nat_reason **reasons)
{
	size_t n = input->desired->n_members;
	struct why_entry *entries = calloc(n + 1, sizeof(*entries));

	*reasons = calloc(n + 1, sizeof(**reasons));
	if (!entries || !*reasons) {
		free(entries);
		free(*reasons);
		*reasons = NULL;
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const struct nat_member *member = &input->desired->members[i];
		const struct dataplane_peer *peer = find_peer(input, member->public_key, i);

		entries[i] = follow(find_entry(why, member->public_key, i), now_us, member,
				    is_direct(peer));
		memcpy((*reasons)[i].public_key, member->public_key, DATAPLANE_KEY_SIZE);
		(*reasons)[i].cause =
			explain(input, member, peer, find_plan(input, member->public_key, i),
				now_us - entries[i].since_us < WHY_TRYING_US);
	}
	free(why->entries);
	why->entries = entries;
	why->n = n;
	return 0;
}

uint64_t why_due_us(const struct why *why, uint64_t now_us)
{
	uint64_t due_us = CLOCK_NEVER;

	for (size_t i = 0; i < why->n; i++) {
		uint64_t end_us = why->entries[i].since_us + WHY_TRYING_US;

		if (!why->entries[i].direct && end_us > now_us && end_us < due_us)
			due_us = end_us;
	}
	return due_us;
}

void why_clear(struct why *why)
{
	free(why->entries);
	memset(why, 0, sizeof(*why));
}
