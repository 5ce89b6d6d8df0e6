/* codec.c - protobuf bytes of svc-nat's interface to checked structs and back, and the words for
 * its enums.
 *
 * Candidates of members are any well-formed address: members announce what they like, and one bad
 * address must not make the whole handover fail. plan.c leaves it out.
 */
#include "svc-nat/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pb.h"
#include "nat.pb-c.h"

#define BODY_MAX	    (1u << 20)	/* BUS_BODY_MAX of common/bus.h */
#define BUDGET		    (24u << 20) /* a party of 1024 members with all their candidates */
#define REASONS_MAX	    DATAPLANE_MEMBERS_MAX
#define RELAY_ENDPOINTS_MAX 2

/* ---- messages being built ---- */

struct piece {
	struct piece *next;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct store {
	struct piece *pieces;
	bool failed; /* once true, whatever was built in it is worthless */
};

/* Zeroed memory that lives as long as the store, or NULL. */
static void *store_take(struct store *store, size_t n, size_t size)
{
	struct piece *piece = calloc(1, sizeof(*piece) + n * size);

	if (!piece) {
		store->failed = true;
		return NULL;
	}
	piece->next = store->pieces;
	store->pieces = piece;
	return piece->bytes;
}

/* Packs and clears the store. */
static ssize_t pack(struct store *store, const ProtobufCMessage *message, uint8_t **bytes)
{
	ssize_t result = store->failed ? -ENOMEM : 0;

	*bytes = NULL;
	if (result == 0 && protobuf_c_message_get_packed_size(message) > BODY_MAX)
		result = -EMSGSIZE;
	if (result == 0)
		result = pb_pack(message, bytes);
	while (store->pieces) {
		struct piece *piece = store->pieces;

		store->pieces = piece->next;
		free(piece);
	}
	return result;
}

/* ---- single fields ---- */

static bool key_in(uint8_t key[DATAPLANE_KEY_SIZE], const ProtobufCBinaryData *data)
{
	uint8_t any = 0;

	if (!pb_take(data, key, DATAPLANE_KEY_SIZE))
		return false;
	for (size_t i = 0; i < DATAPLANE_KEY_SIZE; i++)
		any |= key[i];
	return any != 0;
}

/* None is written as an address without bytes, so that it can stand in a list. */
static Lanrage__Ipc__Address *element_out(struct store *store, const struct addr *addr)
{
	Lanrage__Ipc__Address *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__ipc__address__init(out);
	out->ip = pb_view(addr->ip, addr_ip_length(addr));
	out->port = addr->port;
	out->scope = addr->scope;
	return out;
}

static Lanrage__Ipc__Address *address_out(struct store *store, const struct addr *addr)
{
	return addr_is_none(addr) ? NULL : element_out(store, addr);
}

/* A missing address is none. */
static bool address_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	memset(addr, 0, sizeof(*addr));
	if (!in)
		return true;
	if (in->port > UINT16_MAX ||
	    addr_from_bytes(addr, in->ip.data, in->ip.len, (uint16_t)in->port) < 0)
		return false;
	/* A scope means something on one machine only, and only beside a link-local address. */
	if (addr->family == ADDR_IPV6 && addr_is_link_local(addr))
		addr->scope = in->scope;
	return true;
}

static bool endpoint_in(struct addr *addr, const Lanrage__Ipc__Address *in)
{
	return address_in(addr, in) && addr->port != 0 && addr_is_sendable(addr);
}

static Lanrage__Ipc__Address **addresses_out(struct store *store, const struct addr *addrs,
					     size_t n)
{
	Lanrage__Ipc__Address **out = store_take(store, n + 1, sizeof(*out));

	for (size_t i = 0; i < n && out; i++)
		out[i] = element_out(store, &addrs[i]);
	return out;
}

static bool endpoints_in(struct addr *addrs, size_t max, size_t *n,
			 Lanrage__Ipc__Address *const *in, size_t n_in)
{
	if (n_in > max)
		return false;
	for (*n = 0; *n < n_in; (*n)++) {
		if (!endpoint_in(&addrs[*n], in[*n]))
			return false;
	}
	return true;
}

static ProtobufCBinaryData *keys_out(struct store *store, const uint8_t (*keys)[DATAPLANE_KEY_SIZE],
				     size_t n)
{
	ProtobufCBinaryData *out = store_take(store, n + 1, sizeof(*out));

	for (size_t i = 0; i < n && out; i++)
		out[i] = pb_view(keys[i], DATAPLANE_KEY_SIZE);
	return out;
}

static bool keys_in(uint8_t (*keys)[DATAPLANE_KEY_SIZE], size_t max, size_t *n,
		    const ProtobufCBinaryData *in, size_t n_in)
{
	if (n_in > max)
		return false;
	for (*n = 0; *n < n_in; (*n)++) {
		if (!key_in(keys[*n], &in[*n]))
			return false;
	}
	return true;
}

static Lanrage__Ipc__Revision *revision_out(struct store *store,
					    const struct dataplane_revision *revision)
{
	Lanrage__Ipc__Revision *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__ipc__revision__init(out);
	out->instance = revision->instance;
	out->counter = revision->counter;
	return out;
}

static void revision_in(struct dataplane_revision *revision, const Lanrage__Ipc__Revision *in)
{
	revision->instance = in ? in->instance : 0;
	revision->counter = in ? in->counter : 0;
}

static Lanrage__Nat__Candidate **candidates_out(struct store *store,
						const struct nat_candidate *candidates, size_t n)
{
	Lanrage__Nat__Candidate **out = store_take(store, n + 1, sizeof(*out));
	Lanrage__Nat__Candidate *messages = store_take(store, n + 1, sizeof(*messages));

	for (size_t i = 0; i < n && out && messages; i++) {
		lanrage__nat__candidate__init(&messages[i]);
		messages[i].address = address_out(store, &candidates[i].address);
		messages[i].kind = candidates[i].kind;
		out[i] = &messages[i];
	}
	return out;
}

static bool candidates_in(struct nat_candidate *candidates, size_t *n,
			  Lanrage__Nat__Candidate *const *in, size_t n_in)
{
	if (n_in > DATAPLANE_CANDIDATES_MAX)
		return false;
	for (*n = 0; *n < n_in; (*n)++) {
		if (in[*n]->kind >= NAT_CANDIDATE_KINDS ||
		    !address_in(&candidates[*n].address, in[*n]->address))
			return false;
		candidates[*n].kind = (enum nat_candidate_kind)in[*n]->kind;
	}
	return true;
}

static Lanrage__Nat__Distance **distances_out(struct store *store,
					      const struct nat_distance *distances, size_t n)
{
	Lanrage__Nat__Distance **out = store_take(store, n + 1, sizeof(*out));
	Lanrage__Nat__Distance *messages = store_take(store, n + 1, sizeof(*messages));

	for (size_t i = 0; i < n && out && messages; i++) {
		lanrage__nat__distance__init(&messages[i]);
		messages[i].relay = pb_view(distances[i].relay, NAT_RELAY_ID_SIZE);
		messages[i].rtt_ms = distances[i].rtt_ms;
		out[i] = &messages[i];
	}
	return out;
}

static bool distances_in(struct nat_distance *distances, size_t *n,
			 Lanrage__Nat__Distance *const *in, size_t n_in)
{
	if (n_in > NAT_RELAYS_MAX)
		return false;
	for (*n = 0; *n < n_in; (*n)++) {
		if (!pb_take(&in[*n]->relay, distances[*n].relay, NAT_RELAY_ID_SIZE) ||
		    in[*n]->rtt_ms > NAT_DISTANCE_MAX_MS)
			return false;
		distances[*n].rtt_ms = (uint16_t)in[*n]->rtt_ms;
	}
	return true;
}

static bool behaviour_in(enum nat_behaviour *behaviour, uint32_t value)
{
	if (value >= NAT_BEHAVIOURS)
		return false;
	*behaviour = (enum nat_behaviour)value;
	return true;
}

/* ---- what control wants ---- */

static Lanrage__Nat__Relay *relay_out(struct store *store, const struct nat_relay *relay)
{
	Lanrage__Nat__Relay *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__nat__relay__init(out);
	out->public_key = pb_view(relay->public_key, DATAPLANE_KEY_SIZE);
	out->name = pb_view_text(relay->name);
	out->n_endpoints = relay->n_endpoints;
	out->endpoints = addresses_out(store, relay->endpoints, relay->n_endpoints);
	out->ticket = pb_view(relay->ticket, relay->ticket_length);
	return out;
}

static Lanrage__Nat__Member *member_out(struct store *store, const struct nat_member *member)
{
	Lanrage__Nat__Member *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__nat__member__init(out);
	out->public_key = pb_view(member->public_key, DATAPLANE_KEY_SIZE);
	out->number = member->number;
	out->backend = member->backend;
	out->name = pb_view_text(member->name);
	out->n_candidates = member->n_candidates;
	out->candidates = candidates_out(store, member->candidates, member->n_candidates);
	out->n_relays = member->n_relays;
	out->relays = keys_out(store, member->relays, member->n_relays);
	out->online = member->online;
	out->mapping = member->mapping;
	out->filtering = member->filtering;
	out->n_distances = member->n_distances;
	out->distances = distances_out(store, member->distances, member->n_distances);
	return out;
}

ssize_t nat_desired_encode(const struct nat_desired *desired, uint8_t **bytes)
{
	struct store store = {0};
	Lanrage__Nat__Desired message = LANRAGE__NAT__DESIRED__INIT;

	message.revision = revision_out(&store, &desired->revision);
	message.active = desired->active;
	message.n_stun_servers = desired->n_stun_servers;
	message.stun_servers =
		addresses_out(&store, desired->stun_servers, desired->n_stun_servers);
	message.n_relays = desired->n_relays;
	message.relays = store_take(&store, desired->n_relays + 1, sizeof(*message.relays));
	for (size_t i = 0; i < desired->n_relays && !store.failed; i++)
		message.relays[i] = relay_out(&store, &desired->relays[i]);
	message.n_members = desired->n_members;
	message.members = store_take(&store, desired->n_members + 1, sizeof(*message.members));
	for (size_t i = 0; i < desired->n_members && !store.failed; i++)
		message.members[i] = member_out(&store, &desired->members[i]);
	message.virtual_prefix = address_out(&store, &desired->virtual_prefix.addr);
	message.virtual_prefix_length = desired->virtual_prefix.length;
	return pack(&store, &message.base, bytes);
}

static bool relay_in(struct nat_relay *relay, const Lanrage__Nat__Relay *in)
{
	if (!key_in(relay->public_key, &in->public_key) ||
	    !pb_take_text(in->name, relay->name, sizeof(relay->name)) ||
	    !endpoints_in(relay->endpoints, RELAY_ENDPOINTS_MAX, &relay->n_endpoints, in->endpoints,
			  in->n_endpoints) ||
	    in->ticket.len > sizeof(relay->ticket))
		return false;
	relay->ticket_length = in->ticket.len;
	if (in->ticket.len)
		memcpy(relay->ticket, in->ticket.data, in->ticket.len);
	return true;
}

static bool member_in(struct nat_member *member, const Lanrage__Nat__Member *in)
{
	if (!key_in(member->public_key, &in->public_key) || in->number == 0 ||
	    in->number > UINT16_MAX || in->backend >= DATAPLANE_BACKEND_COUNT ||
	    !pb_take_text(in->name, member->name, sizeof(member->name)))
		return false;
	member->number = (uint16_t)in->number;
	member->backend = (enum dataplane_backend)in->backend;
	member->online = in->online;
	return candidates_in(member->candidates, &member->n_candidates, in->candidates,
			     in->n_candidates) &&
	       keys_in(member->relays, NAT_MEMBER_RELAYS_MAX, &member->n_relays, in->relays,
		       in->n_relays) &&
	       behaviour_in(&member->mapping, in->mapping) &&
	       behaviour_in(&member->filtering, in->filtering) &&
	       distances_in(member->distances, &member->n_distances, in->distances,
			    in->n_distances);
}

static bool prefix_in(struct addr_prefix *prefix, const Lanrage__Nat__Desired *in)
{
	if (!address_in(&prefix->addr, in->virtual_prefix) || prefix->addr.port ||
	    in->virtual_prefix_length > 8 * addr_ip_length(&prefix->addr))
		return false;
	prefix->length = (uint8_t)in->virtual_prefix_length;
	return true;
}

static bool desired_in(struct nat_desired *desired, const Lanrage__Nat__Desired *in)
{
	revision_in(&desired->revision, in->revision);
	desired->active = in->active;
	if (!endpoints_in(desired->stun_servers, NAT_STUN_SERVERS_MAX, &desired->n_stun_servers,
			  in->stun_servers, in->n_stun_servers) ||
	    !prefix_in(&desired->virtual_prefix, in) || in->n_relays > NAT_RELAYS_MAX ||
	    in->n_members > DATAPLANE_MEMBERS_MAX)
		return false;
	if (in->n_relays && !(desired->relays = calloc(in->n_relays, sizeof(*desired->relays))))
		return false;
	if (in->n_members && !(desired->members = calloc(in->n_members, sizeof(*desired->members))))
		return false;
	for (; desired->n_relays < in->n_relays; desired->n_relays++) {
		if (!relay_in(&desired->relays[desired->n_relays], in->relays[desired->n_relays]))
			return false;
	}
	for (; desired->n_members < in->n_members; desired->n_members++) {
		if (!member_in(&desired->members[desired->n_members],
			       in->members[desired->n_members]))
			return false;
	}
	return true;
}

int nat_desired_decode(struct nat_desired *desired, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Nat__Desired *message;
	int result = 0;

	memset(desired, 0, sizeof(*desired));
	message = pb_unpack(&memory, BUDGET, &lanrage__nat__desired__descriptor, bytes, length);
	if (!message || !desired_in(desired, message)) {
		result = -EBADMSG;
		nat_desired_clear(desired);
	}
	pb_free(&memory);
	return result;
}

void nat_desired_clear(struct nat_desired *desired)
{
	free(desired->relays);
	free(desired->members);
	memset(desired, 0, sizeof(*desired));
}

/* ---- the state ---- */

static Lanrage__Nat__RelayState *relay_state_out(struct store *store,
						 const struct nat_relay_state *relay)
{
	Lanrage__Nat__RelayState *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__nat__relay_state__init(out);
	out->public_key = pb_view(relay->public_key, DATAPLANE_KEY_SIZE);
	out->name = pb_view_text(relay->name);
	out->state = relay->state;
	out->endpoint = address_out(store, &relay->endpoint);
	out->rtt_us = relay->rtt_us;
	out->reason = pb_view_text(relay->reason);
	out->chosen = relay->chosen;
	out->by_tcp = relay->by_tcp;
	return out;
}

static Lanrage__Nat__Reason *reason_out(struct store *store, const struct nat_reason *reason)
{
	Lanrage__Nat__Reason *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__nat__reason__init(out);
	out->public_key = pb_view(reason->public_key, DATAPLANE_KEY_SIZE);
	out->cause = reason->cause;
	return out;
}

ssize_t nat_state_encode(const struct nat_state *state, uint8_t **bytes)
{
	struct store store = {0};
	Lanrage__Nat__State message = LANRAGE__NAT__STATE__INIT;

	message.desired = revision_out(&store, &state->desired);
	message.n_candidates = state->n_candidates;
	message.candidates = candidates_out(&store, state->candidates, state->n_candidates);
	message.n_chosen_relays = state->n_chosen_relays;
	message.chosen_relays = keys_out(&store, state->chosen_relays, state->n_chosen_relays);
	message.mapping = state->mapping;
	message.filtering = state->filtering;
	message.n_distances = state->n_distances;
	message.distances = distances_out(&store, state->distances, state->n_distances);
	message.n_public_ = state->n_public;
	message.public_ = addresses_out(&store, state->public, state->n_public);
	message.n_relays = state->n_relays;
	message.relays = store_take(&store, state->n_relays + 1, sizeof(*message.relays));
	for (size_t i = 0; i < state->n_relays && !store.failed; i++)
		message.relays[i] = relay_state_out(&store, &state->relays[i]);
	message.n_reasons = state->n_reasons;
	message.reasons = store_take(&store, state->n_reasons + 1, sizeof(*message.reasons));
	for (size_t i = 0; i < state->n_reasons && !store.failed; i++)
		message.reasons[i] = reason_out(&store, &state->reasons[i]);
	message.announce_counter = state->announce_counter;
	message.here = state->here;
	return pack(&store, &message.base, bytes);
}

static bool relay_state_in(struct nat_relay_state *relay, const Lanrage__Nat__RelayState *in)
{
	if (!key_in(relay->public_key, &in->public_key) ||
	    !pb_take_text(in->name, relay->name, sizeof(relay->name)) ||
	    in->state >= DATAPLANE_RELAY_STATES || !address_in(&relay->endpoint, in->endpoint) ||
	    !pb_take_text(in->reason, relay->reason, sizeof(relay->reason)))
		return false;
	relay->state = (enum dataplane_relay_state)in->state;
	relay->rtt_us = in->rtt_us;
	relay->chosen = in->chosen;
	relay->by_tcp = in->by_tcp;
	return true;
}

static bool reasons_in(struct nat_state *state, const Lanrage__Nat__State *in)
{
	if (in->n_reasons > REASONS_MAX)
		return false;
	if (in->n_reasons && !(state->reasons = calloc(in->n_reasons, sizeof(*state->reasons))))
		return false;
	for (; state->n_reasons < in->n_reasons; state->n_reasons++) {
		struct nat_reason *reason = &state->reasons[state->n_reasons];
		const Lanrage__Nat__Reason *message = in->reasons[state->n_reasons];

		if (!key_in(reason->public_key, &message->public_key) ||
		    message->cause >= NAT_CAUSES)
			return false;
		reason->cause = (enum nat_cause)message->cause;
	}
	return true;
}

static bool state_in(struct nat_state *state, const Lanrage__Nat__State *in)
{
	revision_in(&state->desired, in->desired);
	state->announce_counter = in->announce_counter;
	if (in->n_relays > NAT_RELAYS_MAX || in->here >= NAT_CAUSES)
		return false;
	state->here = (enum nat_cause)in->here;
	for (; state->n_relays < in->n_relays; state->n_relays++) {
		if (!relay_state_in(&state->relays[state->n_relays], in->relays[state->n_relays]))
			return false;
	}
	return candidates_in(state->candidates, &state->n_candidates, in->candidates,
			     in->n_candidates) &&
	       keys_in(state->chosen_relays, NAT_MEMBER_RELAYS_MAX, &state->n_chosen_relays,
		       in->chosen_relays, in->n_chosen_relays) &&
	       behaviour_in(&state->mapping, in->mapping) &&
	       behaviour_in(&state->filtering, in->filtering) &&
	       distances_in(state->distances, &state->n_distances, in->distances,
			    in->n_distances) &&
	       endpoints_in(state->public, NAT_PUBLIC_MAX, &state->n_public, in->public_,
			    in->n_public_) &&
	       reasons_in(state, in);
}

int nat_state_decode(struct nat_state *state, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Nat__State *message;
	int result = 0;

	memset(state, 0, sizeof(*state));
	message = pb_unpack(&memory, BUDGET, &lanrage__nat__state__descriptor, bytes, length);
	if (!message || !state_in(state, message)) {
		result = -EBADMSG;
		nat_state_clear(state);
	}
	pb_free(&memory);
	return result;
}

void nat_state_clear(struct nat_state *state)
{
	free(state->reasons);
	memset(state, 0, sizeof(*state));
}

/* ---- a check ---- */

static Lanrage__Nat__NetcheckServer *netcheck_server_out(struct store *store,
							 const struct nat_netcheck_server *server)
{
	Lanrage__Nat__NetcheckServer *out = store_take(store, 1, sizeof(*out));

	if (!out)
		return NULL;
	lanrage__nat__netcheck_server__init(out);
	out->endpoint = address_out(store, &server->endpoint);
	out->relay = pb_view_text(server->relay);
	out->rtt_us = server->rtt_us;
	out->mapped = address_out(store, &server->mapped);
	return out;
}

ssize_t nat_netcheck_encode(const struct nat_netcheck *check, uint8_t **bytes)
{
	struct store store = {0};
	Lanrage__Nat__Netcheck message = LANRAGE__NAT__NETCHECK__INIT;

	message.n_servers = check->n_servers;
	message.servers = store_take(&store, check->n_servers + 1, sizeof(*message.servers));
	for (size_t i = 0; i < check->n_servers && !store.failed; i++)
		message.servers[i] = netcheck_server_out(&store, &check->servers[i]);
	message.answered = check->answered;
	message.mapping = check->mapping;
	message.filtering = check->filtering;
	message.n_public_ = check->n_public;
	message.public_ = addresses_out(&store, check->public, check->n_public);
	message.has_ipv4 = check->has_ipv4;
	message.has_ipv6 = check->has_ipv6;
	message.mtu = check->mtu;
	message.here = check->here;
	return pack(&store, &message.base, bytes);
}

static bool netcheck_server_in(struct nat_netcheck_server *server,
			       const Lanrage__Nat__NetcheckServer *in)
{
	server->rtt_us = in->rtt_us;
	return endpoint_in(&server->endpoint, in->endpoint) &&
	       pb_take_text(in->relay, server->relay, sizeof(server->relay)) &&
	       address_in(&server->mapped, in->mapped);
}

static bool netcheck_in(struct nat_netcheck *check, const Lanrage__Nat__Netcheck *in)
{
	if (in->n_servers > NAT_CHECK_SERVERS_MAX || in->mtu > UINT16_MAX || in->here >= NAT_CAUSES)
		return false;
	check->answered = in->answered;
	check->has_ipv4 = in->has_ipv4;
	check->has_ipv6 = in->has_ipv6;
	check->mtu = (uint16_t)in->mtu;
	check->here = (enum nat_cause)in->here;
	for (; check->n_servers < in->n_servers; check->n_servers++) {
		if (!netcheck_server_in(&check->servers[check->n_servers],
					in->servers[check->n_servers]))
			return false;
	}
	return behaviour_in(&check->mapping, in->mapping) &&
	       behaviour_in(&check->filtering, in->filtering) &&
	       endpoints_in(check->public, NAT_PUBLIC_MAX, &check->n_public, in->public_,
			    in->n_public_);
}

int nat_netcheck_decode(struct nat_netcheck *check, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Nat__Netcheck *message;
	int result = 0;

	memset(check, 0, sizeof(*check));
	message = pb_unpack(&memory, BUDGET, &lanrage__nat__netcheck__descriptor, bytes, length);
	if (!message || !netcheck_in(check, message))
		result = -EBADMSG;
	pb_free(&memory);
	return result;
}

/* ---- words ---- */

const char *nat_behaviour_text(enum nat_behaviour behaviour)
{
	switch (behaviour) {
	case NAT_NONE: return "none";
	case NAT_ENDPOINT_INDEPENDENT: return "endpoint-independent";
	case NAT_ADDRESS_DEPENDENT: return "address-dependent";
	case NAT_ADDRESS_AND_PORT_DEPENDENT: return "address-and-port-dependent";
	case NAT_BLOCKED: return "blocked";
	case NAT_PORT_INDEPENDENT: return "port-independent";
	case NAT_UNKNOWN:
	case NAT_BEHAVIOURS: break;
	}
	return "unknown";
}

struct cause_words {
	const char *name, *text, *remedy, *sentence;
};

#define CAUSE(name, text, remedy)                    \
	{                                            \
		name, text, remedy, text "; " remedy \
	}

static const struct cause_words cause_words[NAT_CAUSES] = {
	[NAT_CAUSE_TRYING] =
		CAUSE("trying", "a direct path is still being looked for", "wait a few seconds"),
	[NAT_CAUSE_OFFLINE] =
		CAUSE("offline", "the member is not online", "ask them to start LANrage"),
	[NAT_CAUSE_NO_CANDIDATES] =
		CAUSE("no-candidates", "the member has said no address at which it can be reached",
		      "ask them to look at `lanrage doctor` on their machine"),
	[NAT_CAUSE_NO_COMMON_FAMILY] =
		CAUSE("no-common-family",
		      "the two machines have no kind of address (IPv4 or IPv6) in common",
		      "turn on IPv6 in both routers, or get IPv4 for the side that lacks it"),
	[NAT_CAUSE_BOTH_SYMMETRIC] =
		CAUSE("both-symmetric",
		      "both routers give every connection another port (symmetric NAT), so neither "
		      "side can be found",
		      "forward the tunnel's UDP port on one of the two routers"),
	[NAT_CAUSE_SYMMETRIC_AND_FILTERED] = CAUSE(
		"symmetric-and-filtered",
		"one router gives every connection another port (symmetric NAT) and the other "
		"lets in only what it was told to expect",
		"forward the tunnel's UDP port on one of the two routers"),
	[NAT_CAUSE_UDP_BLOCKED_HERE] =
		CAUSE("udp-blocked-here", "nothing that is sent by UDP is answered here",
		      "allow UDP in this network's router or firewall, or use another network (a "
		      "phone's hotspot, say)"),
	[NAT_CAUSE_UDP_BLOCKED_THERE] =
		CAUSE("udp-blocked-there", "nothing that the member sends by UDP is answered",
		      "they have to allow UDP in their machine's or network's firewall, or use "
		      "another network"),
	[NAT_CAUSE_FIREWALL_HERE] = CAUSE(
		"firewall-here", "this machine's own firewall throws the tunnel's packets away",
		"allow UDP for LANrage in it, both ways (`sudo nft list ruleset` shows its "
		"rules, `sudo ufw status` too)"),
	[NAT_CAUSE_BLOCKED_BETWEEN] =
		CAUSE("blocked-between", "both networks look fine, yet no packet comes through",
		      "allow the tunnel's UDP port in the firewalls of both machines and routers"),
	[NAT_CAUSE_HOLE] =
		CAUSE("mtu-hole",
		      "the direct way passes short packets and swallows long ones (an MTU hole)",
		      "set the MTU that your line needs in the router (1492 for most DSL), and let "
		      "ICMP through its firewall"),
	[NAT_CAUSE_RELAY_BETTER] =
		CAUSE("relay-better", "the direct way works, but the relay's measures better now",
		      "nothing need be done; a cable instead of Wi-Fi, and no downloads meanwhile, "
		      "help the direct way"),
	[NAT_CAUSE_NO_RELAY] =
		CAUSE("no-relay", "there is no direct path, and no relay to help",
		      "run lanrage-relay on a machine with a public address (`make up-server`), or "
		      "forward the tunnel's UDP port on one of the routers"),
	[NAT_CAUSE_RELAY_SILENT] =
		CAUSE("relay-silent", "there is no direct path, and no relay answers",
		      "ask whoever runs the relay whether it runs and its UDP port is open"),
	[NAT_CAUSE_RELAY_FULL] =
		CAUSE("relay-full", "there is no direct path, and the relay is full",
		      "ask whoever runs it to raise `members=` of [relay], or run one of your own"),
	[NAT_CAUSE_RELAY_REFUSED] = CAUSE(
		"relay-refused", "there is no direct path, and the relay refuses this machine",
		"`lanrage doctor` shows the relay's words; tell whoever runs it"),
	[NAT_CAUSE_NO_RELAY_THERE] =
		CAUSE("no-relay-there",
		      "there is no direct path, and the member is not connected to the relay",
		      "ask them what `lanrage why` with your name says on their machine"),
	[NAT_CAUSE_LOSSY] =
		CAUSE("lossy", "the way is direct, but loses packets",
		      "use a cable instead of Wi-Fi, stop downloads and streams, on both sides"),
	[NAT_CAUSE_SLOW] = CAUSE(
		"slow", "the way is direct, but slow or uneven",
		"use a cable instead of Wi-Fi, stop downloads and VPNs, on both sides; over a "
		"great distance it stays so"),
	[NAT_CAUSE_NO_PARTY] =
		CAUSE("no-party", "you are in no party", "`lanrage join CODE` comes to a friend's"),
	[NAT_CAUSE_KICKED] = CAUSE("kicked", "the party's host removed this machine",
				   "ask the host for a new code, then `lanrage join CODE`"),
	[NAT_CAUSE_DISCONNECTED] = CAUSE(
		"disconnected", "this machine is disconnected from the party", "`lanrage up`"),
	[NAT_CAUSE_NETWORK_HERE] =
		CAUSE("network-here", "nothing answers: neither the server nor a relay",
		      "check this machine's own connection: cable, Wi-Fi, router"),
	[NAT_CAUSE_CLOCK_HERE] = CAUSE(
		"clock-here",
		"this machine's clock is wrong, so codes and members' words look expired",
		"set it: `sudo timedatectl set-ntp true`, or by hand; then `lanrage down` and "
		"`lanrage up`"),
	[NAT_CAUSE_CLOCK_THERE] =
		CAUSE("clock-there", "the member's clock is wrong, so it finds nobody",
		      "ask them to set it (`sudo timedatectl set-ntp true`)"),
	[NAT_CAUSE_SERVER_NAME] =
		CAUSE("server-name", "the server's name cannot be looked up (DNS)",
		      "check this machine's connection and DNS, and the spelling in `lanrage "
		      "settings server_url`"),
	[NAT_CAUSE_SERVER_FOREIGN] =
		CAUSE("server-foreign", "what answers at the server's address is no LANrage server",
		      "log in to this network's own page first (hotel, campus), or correct "
		      "`lanrage settings server_url`"),
	[NAT_CAUSE_SERVER_AWAY] =
		CAUSE("server-away",
		      "the server does not answer, so it is not known where the others are",
		      "ask whoever runs the server; check your connection and `lanrage settings "
		      "server_url`"),
};

const char *nat_cause_name(enum nat_cause cause)
{
	return cause < NAT_CAUSES ? cause_words[cause].name : NULL;
}

const char *nat_cause_text(enum nat_cause cause)
{
	return cause < NAT_CAUSES ? cause_words[cause].text : NULL;
}

const char *nat_cause_remedy(enum nat_cause cause)
{
	return cause < NAT_CAUSES ? cause_words[cause].remedy : NULL;
}

const char *nat_cause_sentence(enum nat_cause cause)
{
	return cause < NAT_CAUSES ? cause_words[cause].sentence : NULL;
}
