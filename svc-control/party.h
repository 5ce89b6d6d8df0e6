/* party.h - the party as this member knows it: who is in it, and what each one said.
 *
 * Two sources meet here. The server says who has which lease and who is online (party_apply);
 * members say who they are, in announcements that the server passes on (inside the same frames) or
 * other members do (party_hear). The server's word alone makes nobody a member: only one whose
 * announcement was judged good, and agrees with the lease, is handed on to nat and dataplane
 * (party_fill_*). A member that the server never named, but that proved its invitation, is one all
 * the same; its lease is what it says, as long as no member the server named has it. What was
 * learnt is stored before it is acted on, so a restart without any server begins where it ended. (A
 * full disk is logged and changes nothing else: the party of the moment goes on.)
 *
 * The server's word alone ends no membership either. What a member said of its key and lease holds
 * until it says otherwise itself; one that the server says has left, but that did not say so, is
 * asked through the tunnel, and stays if it answers; only a record that the host signed removes
 * anybody at once.
 *
 * Of two claims to an address or a number the earlier lease wins, and of equal ones the lower
 * identity; a claim that its member does not confirm never wins over a member. A WireGuard key
 * stays with the member that announced it first. An invite of n uses brings in n identities, those
 * heard first. Members of the generation before stay until their own word in the new one comes; who
 * was removed is dropped when the record is heard. Each lie is logged once.
 */
#ifndef LANRAGE_CONTROL_PARTY_H
#define LANRAGE_CONTROL_PARTY_H

#include <stdbool.h>
#include <stdint.h>

#include "svc-control/announcement.h"
#include "svc-control/database.h"
#include "svc-control/invite.h"
#include "svc-control/rendezvous_codec.h"

#define PARTY_PREFIX_DEFAULT "10.66.0.0/16"
#define PARTY_PREFIX_MIN     8 /* bits */
#define PARTY_PREFIX_MAX     24
#define PARTY_MEMBERS_MAX    DATAPLANE_MEMBERS_MAX

struct party_member {
	struct database_member known; /* identity, lease, latest announcement */
	bool online;		      /* as the server last said; false without a server */
	bool unnamed;	  /* not yet named again in the whole picture that is coming in */
	bool doubted;	  /* the server says that it left; it is being asked itself (gossip.h) */
	bool heard;	  /* announcement below was judged good */
	bool announced;	  /* and agrees with the lease: this is a member */
	uint64_t since_s; /* present since; to tell a stranger from one who is just arriving */
	struct announcement announcement;
	/* gossip.h's: the generation it is known to have (0: nothing heard yet), and when it was
	 * last sent a summary */
	uint32_t has_generation;
	uint64_t summary_us;
};

/* What was logged already, so that it is not logged at each repeat. */
#define PARTY_LIES_MAX 64
struct party_lie {
	uint8_t identity[32];
	const char *why; /* static text */
};

struct party {
	struct database *database; /* borrowed */
	uint8_t identity[32];	   /* own */
	bool joined;		   /* entered: record below counts */
	bool settled;		   /* and stored: what changes is stored too */
	bool picture_open;	   /* a whole picture is coming in */
	struct database_party record;
	size_t n_members, capacity;
	struct party_member *members; /* with oneself once the server leased an address; with
				       * those that left, for their sequence */
	/* The generation before, while this process knows its key: what is still sealed under that
	 * is late, not a lie. */
	struct announcement_trust before;
	size_t n_records; /* of generations since this member joined */
	struct rendezvous_generation *records;
	size_t n_lies;
	struct party_lie lies[PARTY_LIES_MAX];
};

/* Loads what is stored. database is borrowed. */
int party_init(struct party *party, struct database *database, const uint8_t identity[32],
	       uint64_t now_s);
void party_deinit(struct party *party);

/* Enters a party: the record is kept in memory and counts for party_apply(), but is stored only by
 * party_settle(), once the server agreed. party_forget() undoes both. */
void party_enter(struct party *party, const struct database_party *record);
int party_settle(struct party *party);
int party_forget(struct party *party);

/* What a frame of the server changed. */
#define PARTY_CHANGED_MEMBERS 1u /* somebody came, left, or announced something new */
#define PARTY_CHANGED_ONLINE  2u
#define PARTY_CHANGED_LEASE   4u /* the own lease: got, changed or lost */
#define PARTY_CHANGED_DOUBTS                                                \
	8u /* somebody is doubted: party_still_here() or party_end_doubts() \
	    */
#define PARTY_CHANGED_DISORDER \
	16u /* the frame was older than the one before and ignored: a whole picture is needed */
/* Returns a set of the above; 0 also for a frame of another party. Lies are logged. */
unsigned party_apply(struct party *party, const struct rendezvous_party *frame, uint64_t now_s);
/* A doubted member spoke up: the server lied. It stays, as one that the server does not list. */
void party_still_here(struct party *party, struct party_member *member);
/* Time is up: those still doubted have left. Returns as party_apply(). */
unsigned party_end_doubts(struct party *party);
/* What a member said, as another one passed it on. Returns as party_apply(). */
unsigned party_hear(struct party *party, const uint8_t *said, size_t length, uint64_t now_s);
/* What this member says of itself; it has a lease. */
void party_say(struct party *party, const struct announcement *announcement, const uint8_t *said,
	       size_t length);
/* Looks for announcements that have expired, and for those who never proved an invitation. */
unsigned party_sweep(struct party *party, uint64_t now_s);
/* The server is away: nobody is known to be online, and no picture goes on. */
void party_set_offline(struct party *party);

/* Takes over the next generation: drops who is removed, and waits for the key. PARTY_REMOVED (and
 * nothing is changed) when that is oneself. -EALREADY: known; -ENOENT: one in between is missing;
 * -EKEYREJECTED: not signed by the host, logged as a lie. */
#define PARTY_REMOVED 1
int party_renew(struct party *party, const struct rendezvous_generation *record);
/* The generation's key, and a voucher for oneself (NULL: none). True if either was new and right.
 */
bool party_take_key(struct party *party, const uint8_t key[32], const uint8_t *voucher);
/* The records after a generation, without a gap; n 0: none, or not known here. Borrowed. */
const struct rendezvous_generation *party_records(const struct party *party, uint32_t after,
						  size_t *n);
/* Has the key, and something to prove that it belongs here. */
bool party_can_announce(const struct party *party);
/* One that nat and dataplane may hear of: present, believed, and somebody else. */
bool party_member_counts(const struct party *party, const struct party_member *member);
/* Among the others that are members, the one of longest standing. NULL: there is none. */
const struct party_member *party_successor(const struct party *party);

/* The member with this identity, or this WireGuard key; NULL. Borrowed. */
struct party_member *party_member(const struct party *party, const uint8_t identity[32]);
struct party_member *party_member_by_key(const struct party *party, const uint8_t key[32]);
/* NULL: no lease yet. Borrowed. */
const struct party_member *party_self(const struct party *party);
bool party_is_host(const struct party *party);

/* Fills everything of the own announcement but sequence, and what nat knows. */
void party_fill_announcement(const struct party *party, struct announcement *announcement,
			     const uint8_t wireguard_key[32], uint64_t now_s);
/* Arrays are malloc'd: the matching _clear() frees them. revision is left alone. -ENOMEM. */
int party_fill_dataplane(const struct party *party, struct dataplane_party *desired);
int party_fill_nat(const struct party *party, struct nat_desired *desired);
/* Of the other members, those who share something; as many as an answer may hold. */
int party_fill_shared(const struct party *party, struct control_shared_list *list);
int party_fill_status(const struct party *party, uint64_t now_s, struct control_status *status);

#endif
