/* party.h - the party as this member knows it: who is in it, and what each one said.
 *
 * Two sources meet here. The server says who has which lease and who is online (party_apply);
 * members say who they are (their announcements, inside the same frames). The server's word alone
 * makes nobody a member: only one whose announcement passed announcement_open(), and agrees with
 * the lease, is handed on to nat and dataplane (party_fill_*). What was learnt is stored before it
 * is acted on, so a restart without any server begins where it ended. (A full disk is logged and
 * changes nothing else: the party of the moment goes on.)
 *
 * Of two claims to an address or a number the earlier lease wins. A WireGuard key stays with the
 * member that announced it first. An invite of n uses brings in n identities, those heard first.
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
#define PARTY_MEMBERS_MAX    DATAPLANE_MEMBERS_MAX

struct party_member {
	struct database_member known; /* identity, lease, latest sealed announcement */
	bool online;		      /* as the server last said; false without a server */
	bool unnamed;	/* not yet named again in the whole picture that is coming in */
	bool heard;	/* announcement below passed announcement_open() */
	bool announced; /* and agrees with the lease: this is a member */
	struct announcement announcement;
	const char *refused; /* the latest reason: a lie is logged once, not at each repeat */
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
/* Returns a set of the above; 0 also for a frame of another party. Lies are logged. */
unsigned party_apply(struct party *party, const struct rendezvous_party *frame, uint64_t now_s);
/* The server is away: nobody is known to be online, and no picture goes on. */
void party_set_offline(struct party *party);

/* NULL: no lease yet. Borrowed. */
const struct party_member *party_self(const struct party *party);
bool party_is_host(const struct party *party);

/* Fills everything of the own announcement but sequence, candidates, relays and behaviour. */
void party_fill_announcement(const struct party *party, struct announcement *announcement,
			     const uint8_t wireguard_key[32], uint64_t now_s);
/* Arrays are malloc'd: the matching _clear() frees them. revision is left alone. -ENOMEM. */
int party_fill_dataplane(const struct party *party, struct dataplane_party *desired);
int party_fill_nat(const struct party *party, struct nat_desired *desired);
int party_fill_status(const struct party *party, struct control_status *status);

#endif
