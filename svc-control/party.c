#include "svc-control/party.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/generation.h"
#include "svc-nat/relay/ticket.h"

/* The first bytes of an identity, enough to tell members apart in a log. */
#define SHORT_ID_SIZE 9
static const char *short_id(const uint8_t identity[32], char text[SHORT_ID_SIZE])
{
	snprintf(text, SHORT_ID_SIZE, "%02x%02x%02x%02x", identity[0], identity[1], identity[2],
		 identity[3]);
	return text;
}

struct party_member *party_member(const struct party *party, const uint8_t identity[32])
{
	for (size_t i = 0; i < party->n_members; i++)
		if (memcmp(party->members[i].known.identity, identity, 32) == 0)
			return &party->members[i];
	return NULL;
}

struct party_member *party_member_by_key(const struct party *party, const uint8_t key[32])
{
	for (size_t i = 0; i < party->n_members; i++)
		if (party->members[i].announced &&
		    memcmp(party->members[i].known.wireguard_key, key, 32) == 0)
			return &party->members[i];
	return NULL;
}

static bool is_self(const struct party *party, const struct party_member *member)
{
	return memcmp(member->known.identity, party->identity, 32) == 0;
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

/* ---- lies: each is named once, and not so many that they fill the log */

static bool party_lie_is_known(const struct party *party, const uint8_t identity[32],
			       const char *why)
{
	for (size_t i = 0; i < party->n_lies; i++)
		if (party->lies[i].why == why && memcmp(party->lies[i].identity, identity, 32) == 0)
			return true;
	return false;
}

static bool party_lies_about(const struct party *party, const uint8_t identity[32])
{
	for (size_t i = 0; i < party->n_lies; i++)
		if (memcmp(party->lies[i].identity, identity, 32) == 0)
			return true;
	return false;
}

/* True the first time: it is to be logged. */
static bool party_note_lie(struct party *party, const uint8_t identity[32], const char *why)
{
	if (party->n_lies == PARTY_LIES_MAX || party_lie_is_known(party, identity, why))
		return false;
	memcpy(party->lies[party->n_lies].identity, identity, 32);
	party->lies[party->n_lies++].why = why;
	if (party->n_lies == PARTY_LIES_MAX)
		log_warning("party %s: refused %d claims so far; further ones are refused without "
			    "a word",
			    party->record.name, PARTY_LIES_MAX);
	return true;
}

static void party_refuse(struct party *party, const uint8_t identity[32], const char *why)
{
	char id[SHORT_ID_SIZE];

	if (party_note_lie(party, identity, why))
		log_warning("party %s: announcement of %s refused: %s", party->record.name,
			    short_id(identity, id), why);
}

/* It was put right: the same lie later is another one. */
static void party_forgive(struct party *party, const uint8_t identity[32])
{
	for (size_t i = 0; i < party->n_lies;) {
		if (memcmp(party->lies[i].identity, identity, 32) == 0)
			party->lies[i] = party->lies[--party->n_lies];
		else
			i++;
	}
}

/* ---- what members say */

static bool party_history(void *data, const uint8_t identity[32], uint64_t *sequence)
{
	const struct party_member *member = party_member(data, identity);

	*sequence = member ? member->known.sequence : 0;
	return *sequence != 0;
}

/* What a member says must agree with the lease the server gave it. */
static void party_compare(struct party *party, struct party_member *member)
{
	const struct announcement *said = &member->announcement;
	const struct database_member *known = &member->known;
	bool before = member->announced;

	member->announced = known->present && member->heard &&
			    memcmp(said->wireguard_key, known->wireguard_key, 32) == 0 &&
			    said->number == known->number &&
			    addr_equal_ip(&said->address, &known->address);
	if (member->announced && !before)
		party_forgive(party, known->identity);
	else if (!member->announced && known->present && member->heard)
		party_refuse(party, known->identity,
			     "it does not agree with the lease the server gives");
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

/* Takes over what was judged good. It is kept even where it does not agree with the lease: the
 * frame that mends the lease may come later. */
static void party_keep(struct party *party, struct party_member *member,
		       const struct announcement *announcement, const uint8_t *said, size_t length)
{
	bool before = member->announced;

	member->announcement = *announcement;
	member->heard = true;
	member->known.sequence = announcement->sequence;
	member->known.said_length = length;
	memcpy(member->known.said, said, length);
	party_compare(party, member);
	if (member->announced && !before)
		log_info("party %s: %s is here", party->record.name, announcement->name);
}

/* Sealed under the key of a generation before: its member was not here since, or this word of it
 * crossed with the news. */
static bool party_is_late(const struct party *party, const struct party_member *member,
			  const struct rendezvous_bytes *sealed)
{
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	size_t length;

	if (party->record.trust.generation == 1)
		return false;
	return !member || !member->heard ||
	       member->announcement.generation < party->record.trust.generation ||
	       announcement_unseal(&party->before, sealed->bytes, sealed->length, said, &length) ==
		       0;
}

/* An announcement that comes with the server's word about a member. */
struct word {
	bool good;	 /* new, and believed */
	const char *why; /* it is refused; NULL: good, or nothing new */
	struct announcement announcement;
	size_t length;
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
};

/* Why a word that is well-formed is refused, or NULL. */
static const char *party_judge_good_word(const struct party *party, const struct word *word)
{
	if (word->announcement.left)
		return "it says that it has left";
	if (party_invite_is_used_up(party, &word->announcement))
		return "its invite was used by somebody else before";
	return NULL;
}

static void party_judge_word(struct party *party, const struct party_member *member,
			     const uint8_t identity[32], uint64_t now_s, struct word *word)
{
	enum announcement_verdict verdict =
		announcement_judge(&word->announcement, &party->record.trust, now_s, word->said,
				   word->length, party_history, party);
	/* it left, and its last word overtook what the server still sends */
	bool gone = member && !member->heard && member->known.said_length == 0;

	if (verdict == ANNOUNCEMENT_MALFORMED || verdict == ANNOUNCEMENT_BAD_SIGNATURE)
		word->why = announcement_verdict_text(verdict);
	else if (memcmp(word->announcement.identity, identity, 32) != 0)
		word->why = "it is another member's";
	else if (verdict == ANNOUNCEMENT_GOOD)
		word->why = party_judge_good_word(party, word);
	else if (verdict != ANNOUNCEMENT_OLD || !gone)
		word->why = announcement_verdict_text(verdict);
	word->good = verdict == ANNOUNCEMENT_GOOD && !word->why;
}

/* member: whom the claim is about; NULL: not known yet. */
static void party_read_word(struct party *party, const struct party_member *member,
			    const struct rendezvous_member *claim, uint64_t now_s,
			    struct word *word)
{
	const struct rendezvous_bytes *sealed = &claim->sealed;

	word->good = false;
	word->why = NULL;
	/* what this machine said itself it need not be told */
	if (sealed->length == 0 || !party->record.trust.has_key ||
	    (member && is_self(party, member)))
		return;
	if (announcement_unseal(&party->record.trust, sealed->bytes, sealed->length, word->said,
				&word->length) < 0) {
		if (!party_is_late(party, member, sealed))
			word->why = announcement_verdict_text(ANNOUNCEMENT_NOT_OURS);
		return;
	}
	if (member && member->heard && word->length == member->known.said_length &&
	    memcmp(word->said, member->known.said, word->length) == 0)
		return;
	party_judge_word(party, member, claim->identity, now_s, word);
}

static bool same_lease(const struct announcement *said, const struct rendezvous_member *claim)
{
	return memcmp(said->wireguard_key, claim->wireguard_key, 32) == 0 &&
	       said->number == claim->number && said->lease == claim->lease &&
	       addr_equal_ip(&said->address, &claim->address);
}

/* Does the member itself say what the claim says of it? This machine's own address is the server's
 * to give; its key is not. */
static bool party_confirms(const struct party *party, const struct party_member *member,
			   const struct word *word, const struct rendezvous_member *claim)
{
	if (member && is_self(party, member))
		return !member->heard ||
		       memcmp(member->announcement.wireguard_key, claim->wireguard_key, 32) == 0;
	return (word->good && same_lease(&word->announcement, claim)) ||
	       (member && member->heard && same_lease(&member->announcement, claim));
}

/* ---- beginning and ending */

static void party_load_member(void *data, const struct database_member *known)
{
	struct party_member *member = party_add(data, known->identity);

	if (member)
		member->known = *known;
}

static void party_load_record(void *data, const struct rendezvous_generation *record)
{
	struct party *party = data;
	struct rendezvous_generation *records =
		realloc(party->records, (party->n_records + 1) * sizeof(*records));

	if (!records)
		return; /* passed on by others */
	party->records = records;
	party->records[party->n_records++] = *record;
}

static void party_reopen(struct party *party, struct party_member *member, uint64_t now_s)
{
	if (member->known.said_length == 0)
		return;
	member->heard = announcement_recall(&member->announcement, &party->record.trust, now_s,
					    member->known.said,
					    member->known.said_length) == ANNOUNCEMENT_GOOD;
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
	if (r == 0)
		r = database_each_record(database, party_load_record, party);
	for (size_t i = 0; i < party->n_members; i++)
		party_reopen(party, &party->members[i], now_s);
	party->settled = true;
	log_info("party %s: %zu members known from before", party->record.name, party->n_members);
	return r;
}

void party_deinit(struct party *party)
{
	free(party->members);
	free(party->records);
	sodium_memzero(party, sizeof(*party));
}

void party_enter(struct party *party, const struct database_party *record)
{
	party->record = *record;
	party->n_members = 0;
	party->n_records = 0;
	party->n_lies = 0;
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
	for (size_t i = 0; i < party->n_records; i++)
		database_add_record(party->database, &party->records[i]);
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
	party->n_records = 0;
	party->n_lies = 0;
	sodium_memzero(&party->record, sizeof(party->record));
	sodium_memzero(&party->before, sizeof(party->before));
	return stored ? database_remove_party(party->database) : 0;
}

/* ---- what the server says */

/* It is no longer in the party; its sequence is kept. */
static unsigned party_drop(struct party *party, struct party_member *member)
{
	if (!member->known.present)
		return 0;
	member->known.present = false;
	member->known.listed = false;
	member->online = false;
	member->doubted = false;
	party_compare(party, member);
	party_store(party, member);
	return PARTY_CHANGED_MEMBERS | (is_self(party, member) ? PARTY_CHANGED_LEASE : 0);
}

/* The server says that it left. That this machine did, it knows better: only a record that the host
 * signed removes it. And a member that did not say so itself is asked first. */
static unsigned party_lose(struct party *party, struct party_member *member)
{
	if (!is_self(party, member)) {
		if (!member->announced)
			return party_drop(party, member);
		if (member->doubted || !member->known.listed)
			return 0;
		member->doubted = true;
		return PARTY_CHANGED_DOUBTS;
	}
	if (party_note_lie(party, party->identity, "left"))
		log_warning("party %s: the server says that this machine has left; it has not",
			    party->record.name);
	return 0;
}

void party_still_here(struct party *party, struct party_member *member)
{
	if (!member->doubted)
		return;
	member->doubted = false;
	member->known.listed = false;
	party_store(party, member);
	if (party_note_lie(party, member->known.identity, "left"))
		log_warning("party %s: the server says that %s has left; it has not",
			    party->record.name, member->announcement.name);
}

unsigned party_end_doubts(struct party *party)
{
	unsigned changed = 0;

	for (size_t i = 0; i < party->n_members; i++) {
		struct party_member *member = &party->members[i];

		if (!member->doubted)
			continue;
		log_info("party %s: %s has left, says the server", party->record.name,
			 member->announcement.name);
		changed |= party_drop(party, member);
	}
	return changed;
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

/* Which of two claims to the same thing came first. */
static bool party_is_earlier(const struct rendezvous_member *claim,
			     const struct party_member *other)
{
	if (claim->lease != other->known.lease)
		return claim->lease < other->known.lease;
	return memcmp(claim->identity, other->known.identity, 32) < 0;
}

/* Of two claims to an address or a number: may this one not have it? Whoever was not named yet in a
 * whole picture, or is said to have left, may be gone, so what it had is free. What only a member
 * says of itself (listed false) does not prevail over what the server says of another; what only
 * the server says, not over a member. */
static bool party_is_taken(const struct party_member *other, const struct rendezvous_member *claim,
			   bool listed, bool confirmed)
{
	if (other->announced && !confirmed)
		return true;
	return !other->unnamed && !other->doubted &&
	       (!party_is_earlier(claim, other) || (other->known.listed && !listed));
}

/* Why a claim is not to be believed, or NULL. A key that was announced is never free. */
static const char *party_judge_claim(const struct party *party,
				     const struct rendezvous_member *claim, bool listed,
				     bool confirmed)
{
	const struct party_member *member = party_member(party, claim->identity);
	const char *lie = NULL;

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
		if (party_is_taken(other, claim, listed, confirmed))
			lie = "an address or number that is taken";
	}
	/* what a member says of itself is not changed by the server's word alone */
	if (!lie && member && member->announced && !confirmed)
		lie = memcmp(member->known.wireguard_key, claim->wireguard_key, 32) != 0
			      ? "another WireGuard key than it says itself"
			      : "another address or number than it says itself";
	return lie;
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

/* A sound claim: makes room for it, and a member of it. *out NULL: there is no room. */
static unsigned party_admit(struct party *party, const struct rendezvous_member *claim, bool listed,
			    uint64_t now_s, struct party_member **out)
{
	struct party_member *member;
	unsigned changed = party_evict(party, claim);

	member = party_member(party, claim->identity);
	if (!member)
		member = party_add(party, claim->identity);
	*out = member;
	if (!member) {
		if (party_note_lie(party, party->identity, "full"))
			log_warning("party %s: more than %d members; the rest is left out",
				    party->record.name, PARTY_MEMBERS_MAX);
		return changed;
	}
	if (!member->known.present)
		member->since_s = now_s;
	if (listed && !member->known.listed)
		changed |= PARTY_CHANGED_MEMBERS;
	member->known.listed = listed;
	return changed | party_take_lease(party, member, claim);
}

static unsigned party_apply_present(struct party *party, const struct rendezvous_member *claim,
				    const struct word *word, uint64_t now_s)
{
	struct party_member *member;
	unsigned changed = party_admit(party, claim, true, now_s, &member);

	if (!member)
		return changed;
	member->unnamed = false;
	member->doubted = false;
	if (word->why)
		party_refuse(party, member->known.identity, word->why);
	if (word->good) {
		party_keep(party, member, &word->announcement, word->said, word->length);
		changed |= PARTY_CHANGED_MEMBERS;
	}
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
	struct party_member *member = party_member(party, claim->identity);
	struct word word;
	const char *lie;
	char id[SHORT_ID_SIZE];

	if (member)
		member->unnamed = false;
	if (claim->left)
		return member ? party_lose(party, member) : 0;
	party_read_word(party, member, claim, now_s, &word);
	lie = party_judge_claim(party, claim, true, party_confirms(party, member, &word, claim));
	if (!lie)
		return party_apply_present(party, claim, &word, now_s);
	if (party_note_lie(party, claim->identity, lie))
		log_warning("party %s: the server gives %s %s; ignored", party->record.name,
			    short_id(claim->identity, id), lie);
	return 0;
}

/* ---- what other members pass on */

static struct rendezvous_member claim_of(const struct announcement *announcement)
{
	struct rendezvous_member claim = {.number = announcement->number,
					  .lease = announcement->lease,
					  .address = announcement->address};

	memcpy(claim.identity, announcement->identity, 32);
	memcpy(claim.wireguard_key, announcement->wireguard_key, 32);
	return claim;
}

/* Of a member the server says nothing of, its own word is the lease. */
static unsigned party_hear_unlisted(struct party *party, const struct announcement *announcement,
				    uint64_t now_s, struct party_member **member)
{
	struct rendezvous_member claim = claim_of(announcement);
	const char *lie = party_judge_claim(party, &claim, false, true);

	*member = NULL;
	if (lie) {
		party_refuse(party, announcement->identity, lie);
		return 0;
	}
	return party_admit(party, &claim, false, now_s, member);
}

static unsigned party_hear_left(struct party *party, struct party_member *member,
				const struct announcement *announcement)
{
	unsigned changed;

	if (!member)
		return 0;
	member->known.sequence = announcement->sequence;
	member->known.said_length = 0; /* what it said before does not count any more */
	member->heard = false;
	changed = party_drop(party, member);
	if (changed)
		log_info("party %s: %s has left", party->record.name, announcement->name);
	return changed;
}

unsigned party_hear(struct party *party, const uint8_t *said, size_t length, uint64_t now_s)
{
	struct announcement announcement;
	enum announcement_verdict verdict;
	struct party_member *member;
	unsigned changed = 0;

	if (!party->settled)
		return 0;
	verdict = announcement_judge(&announcement, &party->record.trust, now_s, said, length,
				     party_history, party);
	if (verdict == ANNOUNCEMENT_NOT_INVITED || verdict == ANNOUNCEMENT_INVITE_EXPIRED)
		party_refuse(party, announcement.identity, announcement_verdict_text(verdict));
	if (verdict != ANNOUNCEMENT_GOOD || memcmp(announcement.identity, party->identity, 32) == 0)
		return 0;
	member = party_member(party, announcement.identity);
	if (announcement.left)
		return party_hear_left(party, member, &announcement);
	if (party_invite_is_used_up(party, &announcement)) {
		party_refuse(party, announcement.identity,
			     "its invite was used by somebody else before");
		return 0;
	}
	if (!member || !member->known.listed)
		changed = party_hear_unlisted(party, &announcement, now_s, &member);
	if (!member)
		return changed;
	party_keep(party, member, &announcement, said, length);
	party_store(party, member);
	return changed | PARTY_CHANGED_MEMBERS;
}

void party_say(struct party *party, const struct announcement *announcement, const uint8_t *said,
	       size_t length)
{
	struct party_member *self = party_member(party, party->identity);

	party_keep(party, self, announcement, said, length);
	party_store(party, self);
}

#define STRANGER_S 30
unsigned party_sweep(struct party *party, uint64_t now_s)
{
	unsigned changed = 0;
	char id[SHORT_ID_SIZE];

	for (size_t i = 0; party->settled && i < party->n_members; i++) {
		struct party_member *member = &party->members[i];

		if (member->heard && member->announcement.expires_s <= now_s &&
		    !is_self(party, member)) {
			member->heard = false;
			party_compare(party, member);
			changed |= PARTY_CHANGED_MEMBERS;
		}
		if (member->known.present && !member->heard && !is_self(party, member) &&
		    party->record.trust.has_key && member->since_s + STRANGER_S <= now_s &&
		    !party_lies_about(party, member->known.identity) &&
		    party_note_lie(party, member->known.identity, "a stranger"))
			log_warning("party %s: the server lists %s, which has not shown that the "
				    "host invited it; not let in",
				    party->record.name, short_id(member->known.identity, id));
	}
	return changed;
}

/* ---- generations */

/* What the record says, in memory; the key comes apart. */
static void party_follow(struct party *party, const struct rendezvous_generation *record)
{
	struct announcement_trust *trust = &party->record.trust;

	party->before = *trust;
	memcpy(trust->signer, trust->host, 32);
	memcpy(trust->host, record->host, 32);
	memcpy(trust->key_id, record->key_id, 32);
	trust->generation = record->number;
	trust->has_key = false;
	sodium_memzero(trust->party_key, sizeof(trust->party_key));
	party->record.has_proof = false;
	party->record.has_voucher = false;
	party_load_record(party, record);
}

int party_renew(struct party *party, const struct rendezvous_generation *record)
{
	struct party_member *removed;
	bool grouped;
	int r = party->joined ? generation_check(record, &party->record.trust) : -EALREADY;

	if (r == -EKEYREJECTED && party_note_lie(party, party->record.trust.host, "a generation"))
		log_warning("party %s: a new generation is not signed by the host; ignored",
			    party->record.name);
	if (r < 0)
		return r;
	if (generation_removes(record, party->identity))
		return PARTY_REMOVED;
	grouped = party->settled && database_begin(party->database) == 0;
	party_follow(party, record);
	removed = party_member(party, record->removed);
	if (removed) {
		removed->heard = false;
		party_drop(party, removed);
	}
	if (grouped) {
		database_set_party(party->database, &party->record);
		database_add_record(party->database, record);
		database_commit(party->database);
	}
	log_notice("party %s: generation %u%s", party->record.name, record->number,
		   removed ? "; a member was removed" : "");
	return 0;
}

static bool party_needs_voucher(const struct party *party)
{
	return party->joined && !party_is_host(party) && !party->record.has_proof &&
	       !party->record.has_voucher;
}

bool party_take_key(struct party *party, const uint8_t key[32], const uint8_t *voucher)
{
	struct announcement_trust *trust = &party->record.trust;
	bool changed = false;

	if (!generation_key_fits(key, trust->key_id))
		return false;
	if (!trust->has_key) {
		memcpy(trust->party_key, key, 32);
		trust->has_key = true;
		changed = true;
	}
	if (voucher && party_needs_voucher(party) &&
	    generation_voucher_holds(voucher, trust, party->identity)) {
		memcpy(party->record.voucher, voucher, sizeof(party->record.voucher));
		party->record.has_voucher = true;
		changed = true;
	}
	if (changed && party->settled)
		database_set_party(party->database, &party->record);
	return changed;
}

const struct rendezvous_generation *party_records(const struct party *party, uint32_t after,
						  size_t *n)
{
	for (size_t i = 0; i < party->n_records; i++) {
		if (party->records[i].number != after + 1)
			continue;
		*n = party->n_records - i;
		return &party->records[i];
	}
	*n = 0;
	return NULL;
}

bool party_can_announce(const struct party *party)
{
	return party->joined && party->record.trust.has_key && !party_needs_voucher(party);
}

bool party_member_counts(const struct party *party, const struct party_member *member)
{
	return member->announced && !is_self(party, member);
}

const struct party_member *party_successor(const struct party *party)
{
	const struct party_member *first = NULL;

	for (size_t i = 0; i < party->n_members; i++) {
		const struct party_member *member = &party->members[i];

		if (party_member_counts(party, member) &&
		    (!first || member->known.lease < first->known.lease))
			first = member;
	}
	return first;
}

/* ---- what the server says, in frames */

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
		if (party->members[i].unnamed && party->members[i].known.listed)
			changed |= party_lose(party, &party->members[i]);
		party->members[i].unnamed = false;
	}
	party->picture_open = false;
	return changed;
}

/* News that is older than what the server said before. A picture begins anew, whatever its number:
 * the server may have been restored from a backup. */
static bool party_is_stale(struct party *party, const struct rendezvous_party *frame)
{
	if (frame->whole || party->picture_open || frame->change >= party->record.change)
		return false;
	if (party_note_lie(party, party->identity, "stale"))
		log_warning("party %s: the server's news go back from %llu to %llu; ignored",
			    party->record.name, (unsigned long long)party->record.change,
			    (unsigned long long)frame->change);
	return true;
}

static bool party_is_ours(struct party *party, const struct rendezvous_party *frame)
{
	if (!party->joined)
		return false;
	if (memcmp(frame->party_id, party->record.trust.party_id, sizeof(frame->party_id)) == 0)
		return true;
	if (party_note_lie(party, party->identity, "another party"))
		log_warning("party %s: the server speaks of a party that this machine is not in; "
			    "ignored",
			    party->record.name);
	return false;
}

static void party_set_change(struct party *party, uint64_t change)
{
	bool differs = party->record.change != change;

	party->record.change = change;
	if (differs && party->settled)
		database_set_party(party->database, &party->record);
}

unsigned party_apply(struct party *party, const struct rendezvous_party *frame, uint64_t now_s)
{
	unsigned changed = 0;
	bool grouped;

	if (!party_is_ours(party, frame))
		return 0;
	if (party_is_stale(party, frame))
		return PARTY_CHANGED_DISORDER;
	grouped = party->settled && database_begin(party->database) == 0;
	if (frame->whole)
		party_open_picture(party);
	for (size_t i = 0; i < frame->n_members; i++)
		changed |= party_apply_member(party, &frame->members[i], now_s);
	if (!frame->more) {
		changed |= party_close_picture(party);
		party_set_change(party, frame->change);
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
		party->members[i].doubted = false;
	}
	party->picture_open = false;
}

const struct party_member *party_self(const struct party *party)
{
	const struct party_member *member = NULL;

	if (party->joined)
		member = party_member(party, party->identity);
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
	announcement->has_voucher = party->record.has_voucher;
	memcpy(announcement->voucher, party->record.voucher, sizeof(announcement->voucher));
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
		to->n_distances = said->n_distances;
		memcpy(to->distances, said->distances, sizeof(to->distances));
		desired->n_members++;
	}
	return 0;
}

static void party_fill_member(const struct party *party, const struct party_member *member,
			      uint64_t now_s, struct control_member *to)
{
	bool self = is_self(party, member);

	memcpy(to->identity, member->known.identity, 32);
	memcpy(to->wireguard_key, member->known.wireguard_key, 32);
	to->address = member->known.address;
	to->online = member->online;
	to->host = memcmp(member->known.identity, party->record.trust.host, 32) == 0;
	to->self = self;
	to->lease = member->known.lease;
	to->announced = member->announced;
	if (self)
		memcpy(to->name, party->record.own_name, sizeof(to->name));
	if (!member->announced)
		return;
	if (!self)
		memcpy(to->name, member->announcement.name, sizeof(to->name));
	to->clock_wrong = member->announcement.expires_s >
			  now_s + ANNOUNCEMENT_LIFETIME_S + CONTROL_CLOCK_HARMFUL_S;
	to->backend = member->announcement.backend;
	to->mapping = member->announcement.mapping;
	to->filtering = member->announcement.filtering;
}

/* Whom the server alone names is nobody's business. */
static bool party_is_shown(const struct party *party, const struct party_member *member)
{
	return member->announced || (member->known.present && is_self(party, member));
}

int party_fill_status(const struct party *party, uint64_t now_s, struct control_status *status)
{
	const struct party_member *self = party_self(party);

	status->in_party = party->settled;
	memcpy(status->party_id, party->record.trust.party_id, sizeof(status->party_id));
	memcpy(status->party_name, party->record.name, sizeof(status->party_name));
	status->prefix_length = party->record.prefix.length;
	status->generation = party->record.trust.generation;
	status->local = party->record.local;
	if (self)
		status->address = self->known.address;
	status->members = calloc(party->n_members + 1, sizeof(*status->members));
	if (!status->members)
		return -ENOMEM;
	for (size_t i = 0; i < party->n_members; i++)
		if (party_is_shown(party, &party->members[i]))
			party_fill_member(party, &party->members[i], now_s,
					  &status->members[status->n_members++]);
	return 0;
}

/* Each costs what it holds, not what it might. */
#define SHARED_MAX (700u << 10)

int party_fill_shared(const struct party *party, struct control_shared_list *list)
{
	size_t total = 0;

	list->n_members = 0;
	list->members = calloc(party->n_members + 1, sizeof(*list->members));
	if (!list->members)
		return -ENOMEM;
	for (size_t i = 0; i < party->n_members && total < SHARED_MAX; i++) {
		const struct party_member *member = &party->members[i];
		struct control_shared *to = &list->members[list->n_members];

		if (!party_member_counts(party, member) || !member->announcement.shared_length)
			continue;
		memcpy(to->identity, member->known.identity, sizeof(to->identity));
		to->length = member->announcement.shared_length;
		memcpy(to->bytes, member->announcement.shared, to->length);
		total += to->length;
		list->n_members++;
	}
	return 0;
}
