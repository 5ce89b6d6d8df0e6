/* store_sqlite_private.h - what the files of the store in SQLite share: its statements, by their
 * places, and what stands between those and a change of a party. */
#ifndef LANRAGE_SERVER_STORE_SQLITE_PRIVATE_H
#define LANRAGE_SERVER_STORE_SQLITE_PRIVATE_H

#include "common/sql.h"
#include "svc-control/server/lease.h"
#include "svc-control/server/store.h"

enum statement {
	GET_PARTY,
	ADD_PARTY,
	SET_NEXT,
	BUMP,
	GET_MEMBER,
	GET_MEMBERS,
	GET_MEMBERSHIPS,
	ADD_MEMBER,
	SET_MEMBER,
	SET_LEFT,
	SET_SEALED,
	SET_ONLINE,
	FIND_RETURNED,
	DROP_MEMBER,
	FIND_ONLINE,
	ALL_PARTIES,
	GET_LEASES,
	PUT_INVITE,
	COUNT_INVITES,
	GET_INVITE,
	FIND_INVITE,
	USE_INVITE,
	REVOKE_INVITE,
	SWEEP_INVITES,
	SWEEP_PARTIES,
	SWEEP_MEMBERS,
	SWEEP_GENERATIONS,
	SWEEP_SHARES,
	SWEEP_REVOCATIONS,
	PUT_SHARE,
	GET_SHARE,
	DROP_SHARES,
	SET_GENERATION,
	ADD_RECORD,
	GET_RECORDS,
	DROP_INVITES,
	REVOKE_TICKETS,
	GET_REVOCATIONS,
	MOVE_LEASE,
	ADOPT_MEMBER,
	STATEMENTS,
};

/* A party's row. */
struct party_row {
	struct store_party party;
	struct lease_next next;
};

/* ---- statements (store_sqlite.c). What SQLite cannot do is -EIO here: the words are in the log,
 * and -ENOSPC is a party's. */

struct sql *store_sql(struct store *store);
#define store_use(store, which)	      sql_use(store_sql(store), (which))
#define store_bind(store, which, ...) sql_bind(store_sql(store), (which), __VA_ARGS__)
#define store_do(store, which, ...)   sql_do(store_sql(store), (which), __VA_ARGS__)

static inline struct sql_value party_value(const uint8_t *party_id)
{
	return sql_blob(party_id, RENDEZVOUS_PARTY_ID_SIZE);
}

static inline struct sql_value lookup_value(const uint8_t *lookup_id)
{
	return sql_blob(lookup_id, RENDEZVOUS_LOOKUP_SIZE);
}

/* NULL: none. */
static inline struct sql_value key_value(const uint8_t *key)
{
	return key ? sql_blob(key, RENDEZVOUS_KEY_SIZE) : sql_null();
}

/* A blob of exactly this length, or -EIO: then somebody else wrote the file. */
int store_column_key(struct sql_statement *statement, int column, uint8_t *out, size_t length);
int store_column_bytes(struct sql_statement *statement, int column, struct rendezvous_bytes *out);

/* Whether what is changed from now on is kept through a power cut. Not inside a transaction. */
void store_set_sync(struct store *store, bool full);
/* durable: kept through a power cut once store_finish() returned 0. */
int store_begin(struct store *store, bool durable);
/* Commits when result is 0, else rolls back; returns the result of both. Also where store_begin()
 * has failed. */
int store_finish(struct store *store, int result);

/* ---- parts of a change, inside a transaction */

int store_get_row(struct store *store, const uint8_t *party_id, struct party_row *row);
int store_set_next(struct store *store, const uint8_t *party_id, const struct lease_next *next);
/* The party's next change number. */
int store_bump(struct store *store, const uint8_t *party_id, uint64_t *change);
int store_add_member(struct store *store, struct party_row *row, const uint8_t *identity,
		     const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s);
/* A member that is known comes back; nothing is written when nothing is new. */
int store_renew_member(struct store *store, const uint8_t *party_id,
		       const struct rendezvous_member *member, const uint8_t *wireguard_key,
		       const uint8_t *invite_key);
void store_member_clear(struct rendezvous_member *member);
/* The row as it is; -ENOENT also for one that left. *member needs no clearing. */
int store_present_member(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			 struct rendezvous_member *member);
int store_leave_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		       uint64_t now_s);
int store_online_inside(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			bool online);
/* Address, member number and lease number of a new member (lease.h says in which order). */
int store_take_lease(struct store *store, struct party_row *row, uint64_t now_s,
		     struct lease_entry *entry);
/* Every party's. *error is filled where they are wrong, not where SQLite fails. */
int store_check_leases(struct store *store, struct error *error);
/* Spends one use of a good invite of the party. */
int store_spend_invite(struct store *store, const uint8_t *party_id, const uint8_t *invite_key,
		       uint64_t now_s);
int store_add_record(struct store *store, const uint8_t *party_id,
		     const struct rendezvous_generation *record);

/* ---- the operations: store.h says of what types they are and what they do */

/* clang-format off */
#define STORE_OPERATIONS(X) \
	X(get_party) X(create_party) X(adopt) X(sweep) \
	X(get_member) X(get_members) X(get_memberships) \
	X(join) X(leave) X(announce) X(set_online) X(move_lease) \
	X(put_invite) X(get_invite) X(revoke_invite) \
	X(put_shares) X(get_share) X(renew) X(get_records) X(get_revocations)
/* clang-format on */
#define STORE_DECLARE(name) __typeof__(*((struct store_operations *)NULL)->name) store_##name;
STORE_OPERATIONS(STORE_DECLARE)

#endif
