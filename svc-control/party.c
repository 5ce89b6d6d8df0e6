#include "svc-control/party.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-nat/relay/ticket.h"

/* The first bytes of an identity, enough to tell members apart in a log. */
#define SHORT_ID_SIZE 9
static const char *short_id(const uint8_t identity[32], char text[SHORT_ID_SIZE])
{
	snprintf(text, SHORT_ID_SIZE, "%02x%02x%02x%02x", identity[0], identity[1], identity[2],
		 identity[3]);
	return text;
}

static struct party_member *party_find(const struct party *party, const uint8_t identity[32])
{
	for (size_t i = 0; i < party->n_members; i++)
		if (memcmp(party->members[i].known.identity, identity, 32) == 0)
			return &party->members[i];
	return NULL;
}

static void party_store(const struct party *party, const struct party_member *member)
{
	if (party->settled)
		database_set_member(party->database, &member->known);
}

/* A place in a full list: the one of the member that left and has been silent the longest. */
static struct party_member *party_reuse(struct party *party)
{
	struct party_member *oldest = NULL;

	for (size_t i = 0; i < party->n_members; i++) {
		struct party_member *member = &party->members[i];

		if (!member->known.present &&
		    (!oldest || member->known.sequence < oldest->known.sequence))
			oldest = member;
	}
	if (oldest && party->settled)
		database_remove_member(party->database, oldest->known.identity);
	return oldest;
}

static struct party_member *party_grow(struct party *party)
{
	size_t capacity = party->capacity ? 2 * party->capacity : 8;
	struct party_member *members;

	if (party->n_members == party->capacity) {
		members = realloc(party->members, capacity * sizeof(*members));
		if (!members)
			return NULL;
		party->members = members;
		party->capacity = capacity;
	}
	return &party->members[party->n_members++];
}

/* NULL: no room, or no memory. */
static struct party_member *party_add(struct party *party, const uint8_t identity[32])
{
	struct party_member *member =
		party->n_members < PARTY_MEMBERS_MAX ? party_grow(party) : party_reuse(party);

	if (!member)
		return NULL;
	memset(member, 0, sizeof(*member));
	memcpy(member->known.identity, identity, 32);
	return member;
}

/* ---- what members say */

static void party_refuse(const struct party *party, struct party_member *member, const char *why)
{
	char id[SHORT_ID_SIZE];

	if (member->refused == why)
		return;
	member->refused = why;
	log_warning("party %s: announcement of %s refused: %s", party->record.name,
		    short_id(member->known.identity, id), why);
}

static bool party_history(void *data, const uint8_t identity[32], uint64_t *sequence)
{
	const struct party_member *member = party_find(data, identity);

	*sequence = member ? member->known.sequence : 0;
	return *sequence != 0;
}

/* For one's own store: the sequence there is that of the announcement beside it. */
static bool party_stored_history(void *data, const uint8_t identity[32], uint64_t *sequence)
{
	bool known = party_history(data, identity, sequence);

	*sequence -= known;
	return known;
}

/* What a member says must agree with the lease the server gave it. */
static void party_compare(const struct party *party, struct party_member *member)
{
	const struct announcement *said = &member->announcement;
	const struct database_member *known = &member->known;

	member->announced = known->present && member->heard &&
			    memcmp(said->wireguard_key, known->wireguard_key, 32) == 0 &&
			    said->number == known->number &&
			    addr_equal_ip(&said->address, &known->address);
	if (member->announced)
		member->refused = NULL;
	else if (known->present && member->heard)
		party_refuse(party, member, "it does not agree with the lease the server gives");
}

/* Did as many identities as the invite allows come with it before this one? The host's own
 * announcement names no invite. */
static bool party_invite_is_used_up(const struct party *party, const struct announcement *said)
{
	uint32_t used = 0;

	if (!said->has_proof || said->proof.uses == 0)
		return false;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *other = &party->members[i];

		used += other->heard && other->announcement.has_proof &&
			memcmp(other->announcement.proof.invite_key, said->proof.invite_key, 32) ==
				0 &&
			memcmp(other->known.identity, said->identity, 32) != 0;
	}
	return used >= said->proof.uses;
}

/* Opens a new announcement; true if it was taken. It is kept even where it does not agree with the
 * lease: the frame that mends the lease may come later. */
static bool party_hear(struct party *party, struct party_member *member,
		       const struct rendezvous_bytes *sealed, uint64_t now_s)
{
	struct announcement said;
	enum announcement_verdict verdict;
	bool before = member->announced;

	if (sealed->length == 0 || sealed->length > sizeof(member->known.sealed) ||
	    (member->heard && sealed->length == member->known.sealed_length &&
	     memcmp(sealed->bytes, member->known.sealed, sealed->length) == 0))
		return false;
	verdict = announcement_open(&said, &party->record.trust, now_s, sealed->bytes,
				    sealed->length, party_history, party);
	if (verdict != ANNOUNCEMENT_GOOD) {
		party_refuse(party, member, announcement_verdict_text(verdict));
		return false;
	}
	if (memcmp(said.identity, member->known.identity, 32) != 0) {
		party_refuse(party, member, "it is another member's");
		return false;
	}
	if (party_invite_is_used_up(party, &said)) {
		party_refuse(party, member, "its invite was used by somebody else before");
		return false;
	}
	member->announcement = said;
	member->heard = true;
	member->known.sequence = said.sequence;
	member->known.sealed_length = sealed->length;
	memcpy(member->known.sealed, sealed->bytes, sealed->length);
	party_compare(party, member);
	if (member->announced && !before)
		log_info("party %s: %s is here", party->record.name, said.name);
	return true;
}

/* ---- beginning and ending */

static void party_load_member(void *data, const struct database_member *known)
{
	struct party_member *member = party_add(data, known->identity);

	if (member)
		member->known = *known;
}

static void party_reopen(struct party *party, struct party_member *member, uint64_t now_s)
{
	if (member->known.sealed_length == 0)
		return;
	member->heard = announcement_open(&member->announcement, &party->record.trust, now_s,
					  member->known.sealed, member->known.sealed_length,
					  party_stored_history, party) == ANNOUNCEMENT_GOOD;
	party_compare(party, member);
}

int party_init(struct party *party, struct database *database, const uint8_t identity[32],
	       uint64_t now_s)
{
	int r;

	memset(party, 0, sizeof(*party));
	party->database = database;
	memcpy(party->identity, identity, 32);
	r = database_get_party(database, &party->record);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	party->joined = true;
	r = database_each_member(database, party_load_member, party);
	for (size_t i = 0; i < party->n_members; i++)
		party_reopen(party, &party->members[i], now_s);
	party->settled = true;
	log_info("party %s: %zu members known from before", party->record.name, party->n_members);
	return r;
}

void party_deinit(struct party *party)
{
	free(party->members);
	sodium_memzero(party, sizeof(*party));
}

void party_enter(struct party *party, const struct database_party *record)
{
	party->record = *record;
	party->n_members = 0;
	party->joined = true;
	party->settled = false;
	party->picture_open = false;
}

/* Stores the record and every member in one transaction, in the place of whatever was there. */
int party_settle(struct party *party)
{
	int r = database_begin(party->database);

	if (r < 0)
		return r;
	database_remove_party(party->database);
	database_set_party(party->database, &party->record);
	for (size_t i = 0; i < party->n_members; i++)
		database_set_member(party->database, &party->members[i].known);
	r = database_commit(party->database);
	party->settled = r == 0;
	return r;
}

int party_forget(struct party *party)
{
	bool stored = party->settled;

	party->joined = false;
	party->settled = false;
	party->picture_open = false;
	party->n_members = 0;
	sodium_memzero(&party->record, sizeof(party->record));
	return stored ? database_remove_party(party->database) : 0;
}

/* ---- what the server says */

static bool is_self(const struct party *party, const struct party_member *member)
{
	return memcmp(member->known.identity, party->identity, 32) == 0;
}

/* It is no longer in the party; its sequence is kept. */
static unsigned party_drop(struct party *party, struct party_member *member)
{
	if (!member->known.present)
		return 0;
	member->known.present = false;
	member->online = false;
	party_compare(party, member);
	party_store(party, member);
	return PARTY_CHANGED_MEMBERS | (is_self(party, member) ? PARTY_CHANGED_LEASE : 0);
}

static bool same_key(const struct party_member *other, const struct rendezvous_member *claim)
{
	return memcmp(other->known.wireguard_key, claim->wireguard_key, 32) == 0;
}

static bool party_clashes(const struct party_member *other, const struct rendezvous_member *claim)
{
	return other->known.present && memcmp(other->known.identity, claim->identity, 32) != 0 &&
	       (addr_equal_ip(&other->known.address, &claim->address) ||
		other->known.number == claim->number || same_key(other, claim));
}

/* Neither the network nor the broadcast address. */
static bool party_address_is_sound(const struct party *party, const struct addr *address)
{
	uint32_t host =
		addr_ipv4_value(address) & ~(UINT32_MAX << (32 - party->record.prefix.length));

	return addr_prefix_contains(&party->record.prefix, address) && host != 0 &&
	       host != ~(UINT32_MAX << (32 - party->record.prefix.length));
}

/* Why a claim is not to be believed, or NULL. Whoever was not named yet in a whole picture may have
 * left, so its address and number are free; but a key that was announced is not. */
static const char *party_judge_claim(const struct party *party,
				     const struct rendezvous_member *claim)
{
	if (!party_address_is_sound(party, &claim->address))
		return "an address outside the party's prefix";
	if (sodium_is_zero(claim->wireguard_key, 32))
		return "no WireGuard key";
	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *other = &party->members[i];

		if (!party_clashes(other, claim))
			continue;
		if (same_key(other, claim) && other->announced)
			return "the WireGuard key of another member";
		if (!other->unnamed && other->known.lease <= claim->lease)
			return "an address or number that is taken";
	}
	return NULL;
}

/* Those whom a sound claim proves wrong. */
static unsigned party_evict(struct party *party, const struct rendezvous_member *claim)
{
	unsigned changed = 0;

	for (size_t i = 0; i < party->n_members; i++)
		if (party_clashes(&party->members[i], claim))
			changed |= party_drop(party, &party->members[i]);
	return changed;
}

static unsigned party_take_lease(struct party *party, struct party_member *member,
				 const struct rendezvous_member *claim)
{
	struct database_member *known = &member->known;

	if (known->present && known->number == claim->number && known->lease == claim->lease &&
	    addr_equal_ip(&known->address, &claim->address) &&
	    memcmp(known->wireguard_key, claim->wireguard_key, 32) == 0)
		return 0;
	known->present = true;
	known->number = claim->number;
	known->lease = claim->lease;
	known->address = claim->address;
	memcpy(known->wireguard_key, claim->wireguard_key, 32);
	party_compare(party, member);
	return PARTY_CHANGED_MEMBERS | (is_self(party, member) ? PARTY_CHANGED_LEASE : 0);
}

static unsigned party_apply_present(struct party *party, const struct rendezvous_member *claim,
				    uint64_t now_s)
{
	struct party_member *member;
	unsigned changed = party_evict(party, claim);

	member = party_find(party, claim->identity);
	if (!member)
		member = party_add(party, claim->identity);
	if (!member) {
		log_warning("party %s: more than %d members; one is left out", party->record.name,
			    PARTY_MEMBERS_MAX);
		return changed;
	}
	member->unnamed = false;
	changed |= party_take_lease(party, member, claim);
	if (party_hear(party, member, &claim->sealed, now_s))
		changed |= PARTY_CHANGED_MEMBERS;
	if (changed & PARTY_CHANGED_MEMBERS)
		party_store(party, member);
	if (member->online != claim->online)
		changed |= PARTY_CHANGED_ONLINE;
	member->online = claim->online;
	return changed;
}

static unsigned party_apply_member(struct party *party, const struct rendezvous_member *claim,
				   uint64_t now_s)
{
	struct party_member *member = party_find(party, claim->identity);
	const char *lie = claim->left ? NULL : party_judge_claim(party, claim);
	char id[SHORT_ID_SIZE];

	if (member)
		member->unnamed = false;
	if (lie) {
		log_warning("party %s: the server gives %s %s; ignored", party->record.name,
			    short_id(claim->identity, id), lie);
		return 0;
	}
	if (claim->left)
		return member ? party_drop(party, member) : 0;
	return party_apply_present(party, claim, now_s);
}

static void party_open_picture(struct party *party)
{
	for (size_t i = 0; i < party->n_members; i++)
		party->members[i].unnamed = true;
	party->picture_open = true;
}

/* The end of a whole picture: who was not named is no longer in the party. */
static unsigned party_close_picture(struct party *party)
{
	unsigned changed = 0;

	for (size_t i = 0; party->picture_open && i < party->n_members; i++) {
		if (party->members[i].unnamed)
			changed |= party_drop(party, &party->members[i]);
		party->members[i].unnamed = false;
	}
	party->picture_open = false;
	return changed;
}

unsigned party_apply(struct party *party, const struct rendezvous_party *frame, uint64_t now_s)
{
	unsigned changed = 0;
	bool grouped;

	if (!party->joined ||
	    memcmp(frame->party_id, party->record.trust.party_id, sizeof(frame->party_id)) != 0)
		return 0;
	grouped = party->settled && database_begin(party->database) == 0;
	if (frame->whole)
		party_open_picture(party);
	for (size_t i = 0; i < frame->n_members; i++)
		changed |= party_apply_member(party, &frame->members[i], now_s);
	if (!frame->more) {
		changed |= party_close_picture(party);
		if (party->settled && party->record.change != frame->change) {
			party->record.change = frame->change;
			database_set_party(party->database, &party->record);
		}
		party->record.change = frame->change;
	}
	if (grouped)
		database_commit(party->database);
	return changed;
}

void party_set_offline(struct party *party)
{
	for (size_t i = 0; i < party->n_members; i++) {
		party->members[i].online = false;
		party->members[i].unnamed = false;
	}
	party->picture_open = false;
}

const struct party_member *party_self(const struct party *party)
{
	const struct party_member *member = NULL;

	if (party->joined)
		member = party_find(party, party->identity);
	return member && member->known.present ? member : NULL;
}

bool party_is_host(const struct party *party)
{
	return party->joined && memcmp(party->record.trust.host, party->identity, 32) == 0;
}

void party_fill_announcement(const struct party *party, struct announcement *announcement,
			     const uint8_t wireguard_key[32], uint64_t now_s)
{
	const struct party_member *self = party_self(party);

	memset(announcement, 0, sizeof(*announcement));
	memcpy(announcement->party_id, party->record.trust.party_id,
	       sizeof(announcement->party_id));
	announcement->generation = party->record.trust.generation;
	announcement->expires_s = now_s + ANNOUNCEMENT_LIFETIME_S;
	memcpy(announcement->identity, party->identity, 32);
	memcpy(announcement->wireguard_key, wireguard_key, 32);
	memcpy(announcement->name, party->record.own_name, sizeof(announcement->name));
	announcement->backend = DATAPLANE_BACKEND_ENGINE;
	announcement->number = self->known.number;
	announcement->address = self->known.address;
	announcement->lease = self->known.lease;
	announcement->has_proof = party->record.has_proof;
	announcement->proof = party->record.proof;
}

/* A member that nat and dataplane may hear of: present, believed, and somebody else. */
static bool party_member_counts(const struct party *party, const struct party_member *member)
{
	return member->announced && !is_self(party, member);
}

int party_fill_dataplane(const struct party *party, struct dataplane_party *desired)
{
	const struct party_member *self = party_self(party);

	desired->members = calloc(party->n_members + 1, sizeof(*desired->members));
	if (!desired->members)
		return -ENOMEM;
	desired->n_members = 0;
	desired->up = self != NULL;
	if (!self)
		return 0;
	ticket_scope(party->record.trust.party_id, sizeof(party->record.trust.party_id),
		     desired->scope);
	desired->address = self->known.address;
	desired->prefix_length = party->record.prefix.length;
	desired->number = self->known.number;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *member = &party->members[i];
		struct dataplane_member *to = &desired->members[desired->n_members];

		if (!party_member_counts(party, member))
			continue;
		memcpy(to->public_key, member->announcement.wireguard_key, DATAPLANE_KEY_SIZE);
		to->address = member->known.address;
		to->number = member->known.number;
		to->backend = member->announcement.backend;
		memcpy(to->name, member->announcement.name, sizeof(to->name));
		desired->n_members++;
	}
	return 0;
}

int party_fill_nat(const struct party *party, struct nat_desired *desired)
{
	desired->members = calloc(party->n_members + 1, sizeof(*desired->members));
	if (!desired->members)
		return -ENOMEM;
	desired->n_members = 0;
	desired->active = party_self(party) != NULL;
	desired->virtual_prefix = party->record.prefix;
	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *member = &party->members[i];
		const struct announcement *said = &member->announcement;
		struct nat_member *to = &desired->members[desired->n_members];

		if (!party_member_counts(party, member))
			continue;
		memcpy(to->public_key, said->wireguard_key, DATAPLANE_KEY_SIZE);
		to->number = member->known.number;
		to->backend = said->backend;
		memcpy(to->name, said->name, sizeof(to->name));
		to->online = member->online;
		to->n_candidates = said->n_candidates;
		memcpy(to->candidates, said->candidates, sizeof(to->candidates));
		to->n_relays = said->n_relays;
		memcpy(to->relays, said->relays, sizeof(to->relays));
		to->mapping = said->mapping;
		to->filtering = said->filtering;
		desired->n_members++;
	}
	return 0;
}

static void party_fill_member(const struct party *party, const struct party_member *member,
			      struct control_member *to)
{
	bool self = is_self(party, member);

	memcpy(to->identity, member->known.identity, 32);
	memcpy(to->wireguard_key, member->known.wireguard_key, 32);
	to->address = member->known.address;
	to->online = member->online;
	to->host = memcmp(member->known.identity, party->record.trust.host, 32) == 0;
	to->self = self;
	to->announced = member->announced;
	if (self)
		memcpy(to->name, party->record.own_name, sizeof(to->name));
	if (!member->announced)
		return;
	if (!self)
		memcpy(to->name, member->announcement.name, sizeof(to->name));
	to->backend = member->announcement.backend;
	to->mapping = member->announcement.mapping;
	to->filtering = member->announcement.filtering;
}

int party_fill_status(const struct party *party, struct control_status *status)
{
	const struct party_member *self = party_self(party);

	status->in_party = party->settled;
	memcpy(status->party_id, party->record.trust.party_id, sizeof(status->party_id));
	memcpy(status->party_name, party->record.name, sizeof(status->party_name));
	status->prefix_length = party->record.prefix.length;
	if (self)
		status->address = self->known.address;
	status->members = calloc(party->n_members + 1, sizeof(*status->members));
	if (!status->members)
		return -ENOMEM;
	for (size_t i = 0; i < party->n_members; i++)
		if (party->members[i].known.present)
			party_fill_member(party, &party->members[i],
					  &status->members[status->n_members++]);
	return 0;
}
