#include "svc-nat/relay/route.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A membership is found as number (binding * ROUTE_SLOTS + slot - 1) + 1, so 0 is none. */
struct membership {
	uint32_t party; /* 0: free */
	uint32_t next_by_number;
	uint32_t party_next, party_previous;
	uint32_t generation;
	uint16_t number;
	uint64_t expires_s;
};

struct party {
	uint8_t scope[TICKET_SCOPE_SIZE];
	uint32_t first; /* membership */
	uint32_t count; /* 0: free */
	uint32_t next;	/* by scope, or the next free one */
};

struct routes {
	uint32_t bindings;
	uint32_t mask; /* of both tables of heads */
	uint32_t free_party;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	uint32_t *by_scope, *by_number;
	uint8_t *counts; /* by binding */
	struct membership *memberships;
	struct party *parties; /* bindings + 1; 0 is none */
};

int routes_new(struct routes **out, uint32_t bindings)
{
	struct routes *routes = calloc(1, sizeof(*routes));
	uint32_t heads = 1;

	if (!routes)
		return -ENOMEM;
	while (heads < 2 * bindings)
		heads *= 2;
	routes->bindings = bindings;
	routes->mask = heads - 1;
	routes->by_scope = calloc(heads, sizeof(*routes->by_scope));
	routes->by_number = calloc(heads, sizeof(*routes->by_number));
	routes->counts = calloc(bindings + 1, sizeof(*routes->counts));
	routes->memberships =
		calloc((size_t)(bindings + 1) * ROUTE_SLOTS + 1, sizeof(*routes->memberships));
	routes->parties = calloc(bindings + 1, sizeof(*routes->parties));
	if (!routes->by_scope || !routes->by_number || !routes->counts || !routes->memberships ||
	    !routes->parties) {
		routes_free(routes);
		return -ENOMEM;
	}
	crypto_shorthash_keygen(routes->hash_key);
	for (uint32_t party = 1; party < bindings; party++)
		routes->parties[party].next = party + 1;
	routes->free_party = 1;
	*out = routes;
	return 0;
}

void routes_free(struct routes *routes)
{
	if (!routes)
		return;
	free(routes->by_scope);
	free(routes->by_number);
	free(routes->counts);
	free(routes->memberships);
	free(routes->parties);
	free(routes);
}

static uint32_t membership_of(uint32_t binding, uint32_t slot)
{
	return binding * ROUTE_SLOTS + slot;
}

static uint32_t binding_of(uint32_t membership)
{
	return (membership - 1) / ROUTE_SLOTS;
}

/* Party and number are the relay's and the server's choice, so no keyed hash is needed where every
 * packet passes. */
static uint32_t *head_by_number(const struct routes *routes, uint32_t party, uint16_t number)
{
	uint64_t mixed = ((uint64_t)party << 16 | number) * 0x9e3779b97f4a7c15ULL;

	return &routes->by_number[(uint32_t)(mixed >> 32) & routes->mask];
}

static uint32_t *head_by_scope(const struct routes *routes, const uint8_t *scope)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t value;

	crypto_shorthash(hash, scope, TICKET_SCOPE_SIZE, routes->hash_key);
	memcpy(&value, hash, sizeof(value));
	return &routes->by_scope[value & routes->mask];
}

/* --- parties --- */

static uint32_t party_find(const struct routes *routes, const uint8_t *scope)
{
	uint32_t party = *head_by_scope(routes, scope);

	while (party && memcmp(routes->parties[party].scope, scope, TICKET_SCOPE_SIZE) != 0)
		party = routes->parties[party].next;
	return party;
}

static uint32_t party_new(struct routes *routes, const uint8_t *scope)
{
	uint32_t party = routes->free_party, *head = head_by_scope(routes, scope);

	if (!party)
		return 0;
	routes->free_party = routes->parties[party].next;
	routes->parties[party] = (struct party){.next = *head};
	memcpy(routes->parties[party].scope, scope, TICKET_SCOPE_SIZE);
	*head = party;
	return party;
}

static void party_free(struct routes *routes, uint32_t party)
{
	uint32_t *link = head_by_scope(routes, routes->parties[party].scope);

	while (*link != party)
		link = &routes->parties[*link].next;
	*link = routes->parties[party].next;
	routes->parties[party].next = routes->free_party;
	routes->free_party = party;
}

/* --- memberships --- */

static uint32_t membership_find(const struct routes *routes, uint32_t party, uint16_t number)
{
	uint32_t at = *head_by_number(routes, party, number);

	while (at &&
	       (routes->memberships[at].party != party || routes->memberships[at].number != number))
		at = routes->memberships[at].next_by_number;
	return at;
}

static void number_unindex(struct routes *routes, uint32_t at)
{
	const struct membership *membership = &routes->memberships[at];
	uint32_t *link = head_by_number(routes, membership->party, membership->number);

	while (*link != at)
		link = &routes->memberships[*link].next_by_number;
	*link = membership->next_by_number;
}

static void number_index(struct routes *routes, uint32_t at, uint16_t number)
{
	struct membership *membership = &routes->memberships[at];
	uint32_t *head = head_by_number(routes, membership->party, number);

	membership->number = number;
	membership->next_by_number = *head;
	*head = at;
}

static void membership_drop(struct routes *routes, uint32_t at)
{
	struct membership *membership = &routes->memberships[at];
	struct party *party = &routes->parties[membership->party];

	number_unindex(routes, at);
	if (membership->party_previous)
		routes->memberships[membership->party_previous].party_next = membership->party_next;
	else
		party->first = membership->party_next;
	if (membership->party_next)
		routes->memberships[membership->party_next].party_previous =
			membership->party_previous;
	routes->counts[binding_of(at)]--;
	if (--party->count == 0)
		party_free(routes, membership->party);
	*membership = (struct membership){0};
}

static void membership_new(struct routes *routes, uint32_t at, uint32_t party, uint16_t number)
{
	struct membership *membership = &routes->memberships[at];
	uint32_t first = routes->parties[party].first;

	*membership = (struct membership){.party = party, .party_next = first};
	if (first)
		routes->memberships[first].party_previous = at;
	routes->parties[party].first = at;
	routes->parties[party].count++;
	routes->counts[binding_of(at)]++;
	number_index(routes, at, number);
}

/* The binding's membership of the party, 0 if none. */
static uint32_t membership_in(const struct routes *routes, uint32_t binding, uint32_t party)
{
	for (uint32_t slot = 1; party && slot <= ROUTE_SLOTS; slot++)
		if (routes->memberships[membership_of(binding, slot)].party == party)
			return membership_of(binding, slot);
	return 0;
}

/* The wanted slot if it is free, else any; 0 when there is none. */
static uint8_t slot_choose(const struct routes *routes, uint32_t binding, uint8_t wanted)
{
	if (wanted >= 1 && wanted <= ROUTE_SLOTS &&
	    !routes->memberships[membership_of(binding, wanted)].party)
		return wanted;
	for (uint8_t slot = 1; slot <= ROUTE_SLOTS; slot++)
		if (!routes->memberships[membership_of(binding, slot)].party)
			return slot;
	return 0;
}

/* --- what tickets do --- */

static enum frame_ticket_status admit_new(struct routes *routes, uint32_t binding, uint32_t party,
					  const struct ticket *ticket, uint8_t wanted, uint32_t *at)
{
	uint8_t slot = slot_choose(routes, binding, wanted);

	if (!slot || (party && routes->parties[party].count >= ROUTE_PARTY_MEMBERS))
		return FRAME_TICKET_FULL;
	if (!party)
		party = party_new(routes, ticket->scope);
	if (!party)
		return FRAME_TICKET_FULL;
	*at = membership_of(binding, slot);
	membership_new(routes, *at, party, ticket->number);
	return FRAME_TICKET_ACCEPTED;
}

enum frame_ticket_status routes_admit(struct routes *routes, uint32_t binding,
				      const struct ticket *ticket, uint8_t *slot,
				      uint32_t *displaced)
{
	uint32_t party = party_find(routes, ticket->scope);
	uint32_t own = membership_in(routes, binding, party);
	uint32_t holder = party ? membership_find(routes, party, ticket->number) : 0;
	enum frame_ticket_status status = FRAME_TICKET_ACCEPTED;

	*displaced = 0;
	if (own && ticket->expires_s < routes->memberships[own].expires_s &&
	    ticket->number != routes->memberships[own].number)
		return FRAME_TICKET_EXPIRED;
	if (holder && holder != own && ticket->expires_s < routes->memberships[holder].expires_s)
		return FRAME_TICKET_EXPIRED;
	if (!own)
		status = admit_new(routes, binding, party, ticket, *slot, &own);
	if (status != FRAME_TICKET_ACCEPTED)
		return status;
	if (holder && holder != own) {
		*displaced = binding_of(holder);
		membership_drop(routes, holder);
	}
	if (routes->memberships[own].number != ticket->number) {
		number_unindex(routes, own);
		number_index(routes, own, ticket->number);
	}
	if (ticket->expires_s > routes->memberships[own].expires_s) {
		routes->memberships[own].expires_s = ticket->expires_s;
		routes->memberships[own].generation = ticket->generation;
	}
	*slot = (uint8_t)(own - membership_of(binding, 0));
	return FRAME_TICKET_ACCEPTED;
}

uint32_t route_find(const struct routes *routes, uint32_t sender, uint8_t slot, uint16_t number)
{
	uint32_t party, found;

	if (slot == 0 || slot > ROUTE_SLOTS)
		return 0;
	party = routes->memberships[membership_of(sender, slot)].party;
	found = party ? membership_find(routes, party, number) : 0;
	return found ? binding_of(found) : 0;
}

bool routes_in_scope(const struct routes *routes, uint32_t binding,
		     const uint8_t scope[TICKET_SCOPE_SIZE])
{
	return membership_in(routes, binding, party_find(routes, scope)) != 0;
}

bool routes_together(const struct routes *routes, uint32_t a, uint32_t b)
{
	for (uint32_t slot = 1; slot <= ROUTE_SLOTS; slot++)
		if (membership_in(routes, b, routes->memberships[membership_of(a, slot)].party))
			return true;
	return false;
}

unsigned routes_count(const struct routes *routes, uint32_t binding)
{
	return routes->counts[binding];
}

bool routes_slot(const struct routes *routes, uint32_t binding, uint8_t slot,
		 struct route_slot *out)
{
	const struct membership *membership;

	if (slot == 0 || slot > ROUTE_SLOTS)
		return false;
	membership = &routes->memberships[membership_of(binding, slot)];
	if (!membership->party)
		return false;
	*out = (struct route_slot){
		.slot = slot,
		.number = membership->number,
		.generation = membership->generation,
		.expires_s = membership->expires_s,
	};
	memcpy(out->scope, routes->parties[membership->party].scope, TICKET_SCOPE_SIZE);
	return true;
}

uint32_t routes_search(const struct routes *routes, uint32_t sender,
		       bool (*fits)(void *data, uint32_t binding), void *data)
{
	for (uint32_t slot = 1; slot <= ROUTE_SLOTS; slot++) {
		uint32_t party = routes->memberships[membership_of(sender, slot)].party;
		uint32_t at = party ? routes->parties[party].first : 0;

		for (; at; at = routes->memberships[at].party_next)
			if (binding_of(at) != sender && fits(data, binding_of(at)))
				return binding_of(at);
	}
	return 0;
}

bool routes_revoke(struct routes *routes, uint32_t binding, const uint8_t scope[TICKET_SCOPE_SIZE],
		   uint32_t generation)
{
	uint32_t at = membership_in(routes, binding, party_find(routes, scope));

	if (!at || routes->memberships[at].generation >= generation)
		return false;
	membership_drop(routes, at);
	return true;
}

void routes_remove(struct routes *routes, uint32_t binding)
{
	for (uint32_t slot = 1; slot <= ROUTE_SLOTS && routes->counts[binding]; slot++)
		if (routes->memberships[membership_of(binding, slot)].party)
			membership_drop(routes, membership_of(binding, slot));
}

void routes_expire(struct routes *routes, uint64_t wall_s,
		   void (*changed)(void *data, uint32_t binding), void *data)
{
	for (uint32_t binding = 1; binding <= routes->bindings; binding++) {
		unsigned before = routes->counts[binding];

		for (uint32_t slot = 1; slot <= ROUTE_SLOTS && before; slot++) {
			uint32_t at = membership_of(binding, slot);

			if (routes->memberships[at].party &&
			    routes->memberships[at].expires_s <= wall_s)
				membership_drop(routes, at);
		}
		if (routes->counts[binding] < before)
			changed(data, binding);
	}
}
