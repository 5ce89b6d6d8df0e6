#include "svc-control/server/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/service.h"
#include "svc-control/server/lease.h"
#include "svc-control/server/service.h"

#define APPLICATION_ID 0x4c4e5241 /* "LNRA" in the file's header */
#define SCHEMA_VERSION 2

static const char schema[] =
	"CREATE TABLE parties ("
	" id BLOB PRIMARY KEY, host BLOB NOT NULL, prefix_ip INTEGER NOT NULL,"
	" prefix_length INTEGER NOT NULL, generation INTEGER NOT NULL, change INTEGER NOT NULL,"
	" next_address INTEGER NOT NULL, next_number INTEGER NOT NULL, next_lease INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE TABLE members ("
	" party BLOB NOT NULL, identity BLOB NOT NULL, number INTEGER NOT NULL,"
	" lease INTEGER NOT NULL, address INTEGER NOT NULL, wireguard_key BLOB NOT NULL,"
	" online INTEGER NOT NULL, left INTEGER NOT NULL, left_s INTEGER NOT NULL,"
	" sealed BLOB, change INTEGER NOT NULL, invite_key BLOB,"
	" UNIQUE (party, identity), UNIQUE (party, change), UNIQUE (party, number),"
	" UNIQUE (party, lease), UNIQUE (party, address));"
	"CREATE INDEX members_by_identity ON members (identity);"
	"CREATE INDEX members_online ON members (party) WHERE online;"
	"CREATE TABLE invites ("
	" lookup_id BLOB PRIMARY KEY, party BLOB NOT NULL, invite_key BLOB NOT NULL,"
	" sealed BLOB NOT NULL, expires_s INTEGER NOT NULL, uses INTEGER NOT NULL,"
	" used INTEGER NOT NULL"
	") WITHOUT ROWID;"
	"CREATE INDEX invites_by_party ON invites (party, invite_key);"
	"CREATE TABLE generations (party BLOB NOT NULL, number INTEGER NOT NULL,"
	" record BLOB NOT NULL, PRIMARY KEY (party, number)) WITHOUT ROWID;"
	"CREATE TABLE shares (party BLOB NOT NULL, generation INTEGER NOT NULL,"
	" number INTEGER NOT NULL, box BLOB NOT NULL, PRIMARY KEY (party, generation, number)"
	") WITHOUT ROWID;"
	"CREATE TABLE revocations (party BLOB NOT NULL, member_key BLOB NOT NULL,"
	" generation INTEGER NOT NULL, until_s INTEGER NOT NULL, PRIMARY KEY (party, member_key)"
	") WITHOUT ROWID;";

/* Kept for the life of the store. */
enum statement {
	BEGIN,
	COMMIT,
	ROLLBACK,
	SAVEPOINT,
	RELEASE,
	ROLLBACK_TO,
	SYNC_FULL,
	SYNC_NORMAL,
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

#define MEMBER_COLUMNS                                                                    \
	"identity, number, lease, address, wireguard_key, online, left, sealed, change, " \
	"invite_key"

static const char *const sql[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLLBACK] = "ROLLBACK",
	[SAVEPOINT] = "SAVEPOINT nested",
	[RELEASE] = "RELEASE nested",
	[ROLLBACK_TO] = "ROLLBACK TO nested",
	[SYNC_FULL] = "PRAGMA synchronous = FULL",
	[SYNC_NORMAL] = "PRAGMA synchronous = NORMAL",
	[GET_PARTY] = "SELECT host, prefix_ip, prefix_length, generation, change, next_address,"
		      " next_number, next_lease FROM parties WHERE id = ?1",
	[ADD_PARTY] = "INSERT INTO parties VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)",
	[SET_NEXT] = "UPDATE parties SET next_address = ?2, next_number = ?3, next_lease = ?4"
		     " WHERE id = ?1",
	[BUMP] = "UPDATE parties SET change = change + 1 WHERE id = ?1 RETURNING change",
	[GET_MEMBER] = "SELECT " MEMBER_COLUMNS " FROM members WHERE party = ?1 AND identity = ?2",
	[GET_MEMBERS] = "SELECT " MEMBER_COLUMNS " FROM members WHERE party = ?1 AND change > ?2"
			" AND (NOT left OR change > ?3) ORDER BY change LIMIT ?4",
	[GET_MEMBERSHIPS] = "SELECT party FROM members WHERE identity = ?1 AND NOT left"
			    " ORDER BY party LIMIT ?2",
	[ADD_MEMBER] = "INSERT INTO members VALUES"
		       " (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, 0, NULL, ?7, ?8)",
	[SET_MEMBER] = "UPDATE members SET wireguard_key = ?3, online = 1, left = 0, change = ?4,"
		       " invite_key = ?5 WHERE party = ?1 AND identity = ?2",
	[SET_LEFT] = "UPDATE members SET online = 0, left = 1, left_s = ?3, sealed = NULL,"
		     " change = ?4 WHERE party = ?1 AND identity = ?2",
	[SET_SEALED] = "UPDATE members SET sealed = ?3, change = ?4"
		       " WHERE party = ?1 AND identity = ?2",
	[SET_ONLINE] = "UPDATE members SET online = ?3, change = ?4"
		       " WHERE party = ?1 AND identity = ?2",
	/* the one that left the longest ago; a member number only after its rest */
	[FIND_RETURNED] = "SELECT identity, number, address FROM members"
			  " WHERE party = ?1 AND left AND left_s <= ?2"
			  " ORDER BY left_s, lease LIMIT 1",
	[DROP_MEMBER] = "DELETE FROM members WHERE party = ?1 AND identity = ?2",
	[FIND_ONLINE] = "SELECT party, identity FROM members WHERE online LIMIT 1",
	[ALL_PARTIES] = "SELECT id FROM parties",
	[GET_LEASES] = "SELECT address, number, lease FROM members WHERE party = ?1",
	[PUT_INVITE] = "INSERT INTO invites VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)"
		       " ON CONFLICT (lookup_id) DO UPDATE SET invite_key = excluded.invite_key,"
		       " sealed = excluded.sealed, expires_s = excluded.expires_s,"
		       " uses = excluded.uses WHERE party = excluded.party",
	[COUNT_INVITES] = "SELECT count(*) FROM invites WHERE party = ?1 AND expires_s > ?2"
			  " AND lookup_id <> ?3",
	[GET_INVITE] = "SELECT party, invite_key, sealed, expires_s, uses FROM invites"
		       " WHERE lookup_id = ?1 AND expires_s > ?2 AND (uses = 0 OR used < uses)",
	[FIND_INVITE] = "SELECT lookup_id FROM invites WHERE party = ?1 AND invite_key = ?2"
			" AND expires_s > ?3 AND (uses = 0 OR used < uses) LIMIT 1",
	[USE_INVITE] = "UPDATE invites SET used = used + 1 WHERE lookup_id = ?1",
	[REVOKE_INVITE] = "DELETE FROM invites WHERE party = ?1 AND lookup_id = ?2",
	[SWEEP_INVITES] = "DELETE FROM invites WHERE expires_s <= ?1",
	[SWEEP_PARTIES] = "DELETE FROM parties WHERE NOT EXISTS (SELECT 1 FROM members"
			  " WHERE party = parties.id AND (NOT left OR left_s > ?1))",
	[SWEEP_MEMBERS] = "DELETE FROM members WHERE party NOT IN (SELECT id FROM parties)",
	[SWEEP_GENERATIONS] = "DELETE FROM generations WHERE party NOT IN (SELECT id FROM parties)",
	[SWEEP_SHARES] = "DELETE FROM shares WHERE party NOT IN (SELECT id FROM parties)",
	[SWEEP_REVOCATIONS] = "DELETE FROM revocations WHERE until_s <= ?1",
	[PUT_SHARE] = "INSERT OR REPLACE INTO shares VALUES (?1, ?2, ?3, ?4)",
	[GET_SHARE] = "SELECT box FROM shares WHERE party = ?1 AND generation = ?2 AND number = ?3",
	[DROP_SHARES] = "DELETE FROM shares WHERE party = ?1 AND generation < ?2",
	[SET_GENERATION] = "UPDATE parties SET generation = ?2, host = ?3 WHERE id = ?1",
	[ADD_RECORD] = "INSERT INTO generations VALUES (?1, ?2, ?3)",
	[GET_RECORDS] = "SELECT record FROM generations WHERE party = ?1 AND number > ?2"
			" ORDER BY number LIMIT ?3",
	[DROP_INVITES] = "DELETE FROM invites WHERE party = ?1",
	[REVOKE_TICKETS] = "INSERT OR REPLACE INTO revocations VALUES (?1, ?2, ?3, ?4)",
	[GET_REVOCATIONS] = "SELECT party, member_key, generation, until_s FROM revocations"
			    " WHERE until_s > ?1 LIMIT ?2 OFFSET ?3",
	[MOVE_LEASE] = "UPDATE members SET address = ?3, change = ?4, lease = ?5"
		       " WHERE party = ?1 AND identity = ?2",
	[ADOPT_MEMBER] = "INSERT INTO members VALUES"
			 " (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, NULL, ?7, NULL)",
};

struct sqlite_store {
	struct store store; /* first */
	sqlite3 *db;
	sqlite3_stmt *statements[STATEMENTS];
	unsigned int depth; /* of transactions */
	bool sync_full;
};

/* A party's row. */
struct party_row {
	struct store_party party;
	struct lease_next next;
};

/* ---- running statements */

static struct sqlite_store *self(struct store *store)
{
	return (struct sqlite_store *)store;
}

/* The words go to the log: callers only know that the store failed. */
static int failure(struct sqlite_store *store, const char *what)
{
	int code = sqlite3_extended_errcode(store->db);

	if ((code & 0xff) == SQLITE_FULL)
		log_err("store: %s: the disk is full; make room in the state directory", what);
	else
		log_err("store: %s: %s (SQLite error %d)", what, sqlite3_errmsg(store->db), code);
	return -EIO;
}

static sqlite3_stmt *use(struct sqlite_store *store, enum statement statement)
{
	sqlite3_reset(store->statements[statement]);
	sqlite3_clear_bindings(store->statements[statement]);
	return store->statements[statement];
}

static void bind_blob(sqlite3_stmt *statement, int index, const uint8_t *bytes, size_t length)
{
	sqlite3_bind_blob(statement, index, bytes, (int)length, SQLITE_TRANSIENT);
}

static void bind_party(sqlite3_stmt *statement, const uint8_t *party_id)
{
	bind_blob(statement, 1, party_id, RENDEZVOUS_PARTY_ID_SIZE);
}

static void bind_member(sqlite3_stmt *statement, const uint8_t *party_id, const uint8_t *identity)
{
	bind_party(statement, party_id);
	bind_blob(statement, 2, identity, RENDEZVOUS_KEY_SIZE);
}

/* Runs a statement that gives no rows. */
static int run(struct sqlite_store *store, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : failure(store, sqlite3_sql(statement));
}

/* 1: a row; 0: none. The caller resets the statement when it has read the row. */
static int step(struct sqlite_store *store, sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	if (code == SQLITE_ROW)
		return 1;
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : failure(store, sqlite3_sql(statement));
}

/* A blob of exactly this length, or -EIO: then somebody else wrote the file. */
static int column_key(struct sqlite_store *store, sqlite3_stmt *statement, int column, uint8_t *out,
		      size_t length)
{
	if (sqlite3_column_bytes(statement, column) != (int)length) {
		log_err("store: a key has a wrong length; the file was changed from outside");
		(void)store;
		return -EIO;
	}
	memcpy(out, sqlite3_column_blob(statement, column), length);
	return 0;
}

static int column_bytes(sqlite3_stmt *statement, int column, struct rendezvous_bytes *out)
{
	return rendezvous_bytes_set(out, sqlite3_column_blob(statement, column),
				    (size_t)sqlite3_column_bytes(statement, column));
}

static uint32_t column_u32(sqlite3_stmt *statement, int column)
{
	return (uint32_t)sqlite3_column_int64(statement, column);
}

static uint64_t column_u64(sqlite3_stmt *statement, int column)
{
	return (uint64_t)sqlite3_column_int64(statement, column);
}

/* ---- transactions: the outermost is real, the inner ones are savepoints */

static void set_sync(struct sqlite_store *store, bool full)
{
	if (store->depth > 0 || store->sync_full == full)
		return;
	while (step(store, use(store, full ? SYNC_FULL : SYNC_NORMAL)) == 1)
		;
	store->sync_full = full;
}

/* durable: kept through a power cut once finish() returned 0. The outermost decides. */
static int begin(struct sqlite_store *store, bool durable)
{
	int result;

	set_sync(store, durable);
	result = run(store, use(store, store->depth ? SAVEPOINT : BEGIN));
	if (result == 0)
		store->depth++;
	return result;
}

/* Commits when result is 0, else rolls back; returns the result of both. */
static int finish(struct sqlite_store *store, int result)
{
	bool outermost = --store->depth == 0;

	if (result == 0) {
		result = run(store, use(store, outermost ? COMMIT : RELEASE));
		if (result == 0)
			return 0;
	}
	if (!outermost) {
		run(store, use(store, ROLLBACK_TO));
		run(store, use(store, RELEASE));
	} else if (!sqlite3_get_autocommit(store->db)) {
		/* SQLite has rolled back by itself after some errors */
		run(store, use(store, ROLLBACK));
	}
	return result;
}

/* ---- parties */

static int get_row(struct sqlite_store *store, const uint8_t *party_id, struct party_row *row)
{
	sqlite3_stmt *statement = use(store, GET_PARTY);
	int result;

	memset(row, 0, sizeof(*row));
	bind_party(statement, party_id);
	result = step(store, statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	memcpy(row->party.id, party_id, RENDEZVOUS_PARTY_ID_SIZE);
	result = column_key(store, statement, 0, row->party.host, RENDEZVOUS_KEY_SIZE);
	row->party.prefix.addr = addr_ipv4(column_u32(statement, 1), 0);
	row->party.prefix.length = (uint8_t)sqlite3_column_int(statement, 2);
	row->party.generation = column_u32(statement, 3);
	row->party.change = column_u64(statement, 4);
	row->next.address = column_u32(statement, 5);
	row->next.number = column_u32(statement, 6);
	row->next.lease = column_u32(statement, 7);
	sqlite3_reset(statement);
	return result;
}

static int get_party(struct store *store, const uint8_t *party_id, struct store_party *party)
{
	struct party_row row;
	int result = get_row(self(store), party_id, &row);

	*party = row.party;
	return result;
}

static int add_party(struct sqlite_store *store, const struct store_party *party)
{
	struct lease_next next = lease_first(&party->prefix);
	sqlite3_stmt *statement = use(store, ADD_PARTY);

	bind_party(statement, party->id);
	bind_blob(statement, 2, party->host, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int64(statement, 3, addr_ipv4_value(&party->prefix.addr));
	sqlite3_bind_int(statement, 4, party->prefix.length);
	sqlite3_bind_int64(statement, 5, party->generation);
	sqlite3_bind_int64(statement, 6, next.address);
	sqlite3_bind_int64(statement, 7, next.number);
	sqlite3_bind_int64(statement, 8, next.lease);
	return run(store, statement);
}

/* The party's next change number. */
static int bump(struct sqlite_store *store, const uint8_t *party_id, uint64_t *change)
{
	sqlite3_stmt *statement = use(store, BUMP);
	int result;

	bind_party(statement, party_id);
	result = step(store, statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	*change = column_u64(statement, 0);
	/* an UPDATE with RETURNING is done only when it has been stepped to its end */
	result = step(store, statement);
	return result < 0 ? result : 0;
}

static int set_next(struct sqlite_store *store, const uint8_t *party_id,
		    const struct lease_next *next)
{
	sqlite3_stmt *statement = use(store, SET_NEXT);

	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, next->address);
	sqlite3_bind_int64(statement, 3, next->number);
	sqlite3_bind_int64(statement, 4, next->lease);
	return run(store, statement);
}

/* ---- members */

static int read_member(struct sqlite_store *store, sqlite3_stmt *statement,
		       struct rendezvous_member *member)
{
	memset(member, 0, sizeof(*member));
	if (column_key(store, statement, 0, member->identity, RENDEZVOUS_KEY_SIZE) < 0 ||
	    column_key(store, statement, 4, member->wireguard_key, RENDEZVOUS_KEY_SIZE) < 0)
		return -EIO;
	member->number = (uint16_t)sqlite3_column_int(statement, 1);
	member->lease = column_u32(statement, 2);
	member->address = addr_ipv4(column_u32(statement, 3), 0);
	member->online = sqlite3_column_int(statement, 5);
	member->left = sqlite3_column_int(statement, 6);
	member->change = column_u64(statement, 8);
	member->has_invite_key = sqlite3_column_type(statement, 9) != SQLITE_NULL;
	if (member->has_invite_key &&
	    column_key(store, statement, 9, member->invite_key, RENDEZVOUS_KEY_SIZE) < 0)
		return -EIO;
	return column_bytes(statement, 7, &member->sealed);
}

static int get_member(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		      struct rendezvous_member *member)
{
	sqlite3_stmt *statement = use(self(store), GET_MEMBER);
	int result;

	memset(member, 0, sizeof(*member));
	bind_member(statement, party_id, identity);
	result = step(self(store), statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	result = read_member(self(store), statement, member);
	sqlite3_reset(statement);
	return result;
}

static int get_members(struct store *store, const uint8_t *party_id,
		       const struct store_range *range, struct rendezvous_member *members,
		       size_t room, size_t *n)
{
	sqlite3_stmt *statement = use(self(store), GET_MEMBERS);
	int result;

	*n = 0;
	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)range->after);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)range->left_after);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)room);
	while ((result = step(self(store), statement)) == 1) {
		result = read_member(self(store), statement, &members[*n]);
		if (result < 0) {
			sqlite3_reset(statement);
			break;
		}
		++*n;
	}
	return result;
}

static int get_memberships(struct store *store, const uint8_t *identity,
			   uint8_t (*ids)[RENDEZVOUS_PARTY_ID_SIZE], size_t *n)
{
	sqlite3_stmt *statement = use(self(store), GET_MEMBERSHIPS);
	int result;

	*n = 0;
	bind_blob(statement, 1, identity, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int(statement, 2, STORE_MEMBERSHIPS_MAX);
	while ((result = step(self(store), statement)) == 1) {
		result = column_key(self(store), statement, 0, ids[*n], RENDEZVOUS_PARTY_ID_SIZE);
		if (result < 0) {
			sqlite3_reset(statement);
			break;
		}
		++*n;
	}
	return result;
}

/* Takes an address over from the member that left the longest ago, whose row goes; *number is its
 * member number. left_until_s: at least so long ago. */
static int reclaim(struct sqlite_store *store, const uint8_t *party_id, uint64_t left_until_s,
		   uint32_t *address, uint32_t *number)
{
	sqlite3_stmt *statement = use(store, FIND_RETURNED);
	uint8_t identity[RENDEZVOUS_KEY_SIZE];
	int result;

	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)left_until_s);
	result = step(store, statement);
	if (result <= 0)
		return result < 0 ? result : -ENOSPC;
	result = column_key(store, statement, 0, identity, sizeof(identity));
	*number = column_u32(statement, 1);
	*address = column_u32(statement, 2);
	sqlite3_reset(statement);
	if (result < 0)
		return result;
	statement = use(store, DROP_MEMBER);
	bind_member(statement, party_id, identity);
	return run(store, statement);
}

/* Address, member number and lease number of a new member (lease.h says in which order). */
static int take_lease(struct sqlite_store *store, struct party_row *row, uint64_t now_s,
		      struct lease_entry *entry)
{
	uint64_t rested = now_s > LEASE_NUMBER_REST_S ? now_s - LEASE_NUMBER_REST_S : 0;
	struct lease_next *next = &row->next;
	uint32_t number;
	int result = 0;

	*entry = (struct lease_entry){next->address, next->number, next->lease};
	if (entry->number == 0)
		result = reclaim(store, row->party.id, rested, &entry->address, &entry->number);
	else if (entry->address == 0)
		result = reclaim(store, row->party.id, now_s, &entry->address, &number);
	else
		lease_advance_address(&row->party.prefix, next);
	if (result < 0)
		return result;
	lease_advance_number(next);
	next->lease++;
	return set_next(store, row->party.id, next);
}

static int count_memberships(struct sqlite_store *store, const uint8_t *identity)
{
	uint8_t ids[STORE_MEMBERSHIPS_MAX][RENDEZVOUS_PARTY_ID_SIZE];
	size_t n;
	int result = get_memberships(&store->store, identity, ids, &n);

	return result < 0 ? result : (int)n;
}

/* A new member, or one that left: not one party more than an identity may be in. */
static int check_memberships(struct sqlite_store *store, const uint8_t *identity)
{
	int n = count_memberships(store, identity);

	if (n < 0)
		return n;
	return n < STORE_MEMBERSHIPS_MAX ? 0 : -EDQUOT;
}

static int add_member(struct sqlite_store *store, struct party_row *row, const uint8_t *identity,
		      const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	struct lease_entry entry;
	sqlite3_stmt *statement;
	uint64_t change;
	int result = check_memberships(store, identity);

	if (result == 0)
		result = take_lease(store, row, now_s, &entry);
	if (result == 0)
		result = bump(store, row->party.id, &change);
	if (result < 0)
		return result;
	statement = use(store, ADD_MEMBER);
	bind_member(statement, row->party.id, identity);
	sqlite3_bind_int64(statement, 3, entry.number);
	sqlite3_bind_int64(statement, 4, entry.lease);
	sqlite3_bind_int64(statement, 5, entry.address);
	bind_blob(statement, 6, wireguard_key, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int64(statement, 7, (sqlite3_int64)change);
	if (invite_key)
		bind_blob(statement, 8, invite_key, RENDEZVOUS_KEY_SIZE);
	return run(store, statement);
}

/* A member that is known comes back; nothing is written when nothing is new. */
static int renew_member(struct sqlite_store *store, const uint8_t *party_id,
			const struct rendezvous_member *member, const uint8_t *wireguard_key,
			const uint8_t *invite_key)
{
	sqlite3_stmt *statement;
	uint64_t change;
	int result = member->left ? check_memberships(store, member->identity) : 0;

	if (result < 0)
		return result;
	if (!invite_key && member->has_invite_key)
		invite_key = member->invite_key;
	if (member->online && !member->left &&
	    memcmp(member->wireguard_key, wireguard_key, RENDEZVOUS_KEY_SIZE) == 0 &&
	    (!invite_key || (member->has_invite_key &&
			     memcmp(member->invite_key, invite_key, RENDEZVOUS_KEY_SIZE) == 0)))
		return 0;
	result = bump(store, party_id, &change);
	if (result < 0)
		return result;
	statement = use(store, SET_MEMBER);
	bind_member(statement, party_id, member->identity);
	bind_blob(statement, 3, wireguard_key, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)change);
	if (invite_key)
		bind_blob(statement, 5, invite_key, RENDEZVOUS_KEY_SIZE);
	return run(store, statement);
}

static void member_clear(struct rendezvous_member *member)
{
	free(member->sealed.bytes);
	member->sealed.bytes = NULL;
}

static int create_inside(struct sqlite_store *store, const struct store_party *party,
			 const uint8_t *wireguard_key, uint64_t now_s)
{
	struct rendezvous_member member;
	struct party_row row;
	int result = get_row(store, party->id, &row);

	if (result == 0 && (memcmp(row.party.host, party->host, RENDEZVOUS_KEY_SIZE) != 0 ||
			    !addr_equal(&row.party.prefix.addr, &party->prefix.addr) ||
			    row.party.prefix.length != party->prefix.length))
		return -EEXIST;
	if (result == -ENOENT) {
		result = add_party(store, party);
		if (result == 0)
			result = get_row(store, party->id, &row);
	}
	if (result < 0)
		return result;
	result = get_member(&store->store, party->id, party->host, &member);
	if (result == -ENOENT)
		return add_member(store, &row, party->host, wireguard_key, NULL, now_s);
	if (result == 0)
		result = renew_member(store, party->id, &member, wireguard_key, NULL);
	member_clear(&member);
	return result;
}

static int create_party(struct store *store, const struct store_party *party,
			const uint8_t *wireguard_key, uint64_t now_s)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), create_inside(self(store), party, wireguard_key, now_s));
}

/* Spends one use of a good invite of the party. */
static int spend_invite(struct sqlite_store *store, const uint8_t *party_id,
			const uint8_t *invite_key, uint64_t now_s)
{
	sqlite3_stmt *statement = use(store, FIND_INVITE);
	uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
	int result;

	bind_party(statement, party_id);
	bind_blob(statement, 2, invite_key, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)now_s);
	result = step(store, statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	result = column_key(store, statement, 0, lookup_id, sizeof(lookup_id));
	sqlite3_reset(statement);
	if (result < 0)
		return result;
	statement = use(store, USE_INVITE);
	bind_blob(statement, 1, lookup_id, sizeof(lookup_id));
	return run(store, statement);
}

static int join_known(struct sqlite_store *store, const struct party_row *row,
		      const struct rendezvous_member *member, const uint8_t *wireguard_key,
		      const uint8_t *invite_key, uint64_t now_s)
{
	bool same_invite = invite_key && member->has_invite_key &&
			   memcmp(member->invite_key, invite_key, RENDEZVOUS_KEY_SIZE) == 0;
	int result = 0;

	if (member->left && !invite_key)
		return -EACCES;
	/* a repeated request must not spend a second use */
	if (invite_key && (member->left || !same_invite))
		result = spend_invite(store, row->party.id, invite_key, now_s);
	if (result < 0)
		return result;
	return renew_member(store, row->party.id, member, wireguard_key, invite_key);
}

static int join_inside(struct sqlite_store *store, const uint8_t *party_id, const uint8_t *identity,
		       const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	struct rendezvous_member member;
	struct party_row row;
	int result = get_row(store, party_id, &row);

	if (result < 0)
		return result;
	result = get_member(&store->store, party_id, identity, &member);
	if (result == 0)
		result = join_known(store, &row, &member, wireguard_key, invite_key, now_s);
	else if (result == -ENOENT && !invite_key)
		result = -EACCES;
	else if (result == -ENOENT) {
		result = spend_invite(store, party_id, invite_key, now_s);
		if (result == 0)
			result =
				add_member(store, &row, identity, wireguard_key, invite_key, now_s);
	}
	member_clear(&member);
	return result;
}

static int join(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), join_inside(self(store), party_id, identity, wireguard_key,
					       invite_key, now_s));
}

/* ---- one field of a member */

/* The row as it is; -ENOENT also for one that left. *member needs no clearing. */
static int present_member(struct sqlite_store *store, const uint8_t *party_id,
			  const uint8_t *identity, struct rendezvous_member *member)
{
	int result = get_member(&store->store, party_id, identity, member);

	member_clear(member);
	if (result == 0 && member->left)
		return -ENOENT;
	return result;
}

/* Binds party, identity, and the next change number as parameter 4. */
static int prepare_change(struct sqlite_store *store, enum statement statement,
			  const uint8_t *party_id, const uint8_t *identity)
{
	uint64_t change;
	int result = bump(store, party_id, &change);

	if (result < 0)
		return result;
	bind_member(use(store, statement), party_id, identity);
	sqlite3_bind_int64(store->statements[statement], 4, (sqlite3_int64)change);
	return 0;
}

static int leave_inside(struct sqlite_store *store, const uint8_t *party_id,
			const uint8_t *identity, uint64_t now_s)
{
	struct rendezvous_member member;
	int result = present_member(store, party_id, identity, &member);

	if (result == 0)
		result = prepare_change(store, SET_LEFT, party_id, identity);
	if (result < 0)
		return result;
	sqlite3_bind_int64(store->statements[SET_LEFT], 3, (sqlite3_int64)now_s);
	return run(store, store->statements[SET_LEFT]);
}

static int leave(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		 uint64_t now_s)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), leave_inside(self(store), party_id, identity, now_s));
}

static int announce_inside(struct sqlite_store *store, const uint8_t *party_id,
			   const uint8_t *identity, const struct rendezvous_bytes *sealed)
{
	struct rendezvous_member member;
	int result = present_member(store, party_id, identity, &member);

	if (result == 0)
		result = prepare_change(store, SET_SEALED, party_id, identity);
	if (result < 0)
		return result;
	bind_blob(store->statements[SET_SEALED], 3, sealed->bytes, sealed->length);
	return run(store, store->statements[SET_SEALED]);
}

static int announce(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		    const struct rendezvous_bytes *sealed)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), announce_inside(self(store), party_id, identity, sealed));
}

static int online_inside(struct sqlite_store *store, const uint8_t *party_id,
			 const uint8_t *identity, bool online)
{
	int result = prepare_change(store, SET_ONLINE, party_id, identity);

	if (result < 0)
		return result;
	sqlite3_bind_int(store->statements[SET_ONLINE], 3, online);
	return run(store, store->statements[SET_ONLINE]);
}

static int set_online(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		      bool online)
{
	struct rendezvous_member member;
	int result = present_member(self(store), party_id, identity, &member);

	if (result < 0)
		return result;
	if (member.online == online)
		return 0;
	result = begin(self(store), false);
	if (result == 0)
		result =
			finish(self(store), online_inside(self(store), party_id, identity, online));
	return result < 0 ? result : 1;
}

/* ---- invites */

static int put_invite_inside(struct sqlite_store *store, const struct store_invite *invite,
			     uint64_t now_s)
{
	sqlite3_stmt *statement = use(store, COUNT_INVITES);
	int result;

	bind_party(statement, invite->party_id);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_s);
	bind_blob(statement, 3, invite->lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	result = step(store, statement);
	if (result < 0)
		return result;
	result = sqlite3_column_int(statement, 0) < STORE_INVITES_MAX ? 0 : -EDQUOT;
	sqlite3_reset(statement);
	if (result < 0)
		return result;
	statement = use(store, PUT_INVITE);
	bind_blob(statement, 1, invite->lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	bind_blob(statement, 2, invite->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	bind_blob(statement, 3, invite->invite_key, RENDEZVOUS_KEY_SIZE);
	bind_blob(statement, 4, invite->sealed.bytes, invite->sealed.length);
	sqlite3_bind_int64(statement, 5, (sqlite3_int64)invite->expires_s);
	sqlite3_bind_int64(statement, 6, invite->uses);
	result = run(store, statement);
	if (result == 0 && sqlite3_changes(store->db) == 0)
		return -EEXIST;
	return result;
}

static int put_invite(struct store *store, const struct store_invite *invite, uint64_t now_s)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), put_invite_inside(self(store), invite, now_s));
}

static int get_invite(struct store *store, const uint8_t *lookup_id, uint64_t now_s,
		      struct store_invite *invite)
{
	sqlite3_stmt *statement = use(self(store), GET_INVITE);
	int result;

	memset(invite, 0, sizeof(*invite));
	bind_blob(statement, 1, lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)now_s);
	result = step(self(store), statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	memcpy(invite->lookup_id, lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	result = column_key(self(store), statement, 0, invite->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	if (result == 0)
		result = column_key(self(store), statement, 1, invite->invite_key,
				    RENDEZVOUS_KEY_SIZE);
	if (result == 0)
		result = column_bytes(statement, 2, &invite->sealed);
	invite->expires_s = column_u64(statement, 3);
	invite->uses = column_u32(statement, 4);
	sqlite3_reset(statement);
	return result;
}

static int revoke_invite(struct store *store, const uint8_t *party_id, const uint8_t *lookup_id)
{
	sqlite3_stmt *statement;
	int result;

	set_sync(self(store), true);
	statement = use(self(store), REVOKE_INVITE);
	bind_party(statement, party_id);
	bind_blob(statement, 2, lookup_id, RENDEZVOUS_LOOKUP_SIZE);
	result = run(self(store), statement);
	if (result == 0 && sqlite3_changes(self(store)->db) == 0)
		return -ENOENT;
	return result;
}

/* ---- generations */

static int put_shares_inside(struct sqlite_store *store, const uint8_t *party_id,
			     uint32_t generation, const struct rendezvous_share *shares, size_t n)
{
	int result = 0;

	for (size_t i = 0; result == 0 && i < n; i++) {
		sqlite3_stmt *statement = use(store, PUT_SHARE);

		bind_party(statement, party_id);
		sqlite3_bind_int64(statement, 2, generation);
		sqlite3_bind_int64(statement, 3, shares[i].number);
		bind_blob(statement, 4, shares[i].box, sizeof(shares[i].box));
		result = run(store, statement);
	}
	return result;
}

static int put_shares(struct store *store, const uint8_t *party_id, uint32_t generation,
		      const struct rendezvous_share *shares, size_t n)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), put_shares_inside(self(store), party_id, generation, shares, n));
}

static int read_record(struct sqlite_store *store, sqlite3_stmt *statement,
		       struct rendezvous_generation *record)
{
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];
	int result = column_key(store, statement, 0, bytes, sizeof(bytes));

	if (result == 0 && rendezvous_generation_unpack(record, bytes, sizeof(bytes)) < 0)
		result = -EIO;
	return result;
}

static int get_records(struct store *store, const uint8_t *party_id, uint32_t after,
		       struct rendezvous_generation *records, size_t room, size_t *n)
{
	sqlite3_stmt *statement = use(self(store), GET_RECORDS);
	int result;

	*n = 0;
	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, after);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)room);
	while ((result = step(self(store), statement)) == 1) {
		result = read_record(self(store), statement, &records[*n]);
		if (result < 0) {
			sqlite3_reset(statement);
			break;
		}
		++*n;
	}
	return result;
}

/* What a removed member may still hold ends with the relays' next word from us. */
static int revoke_tickets(struct sqlite_store *store, const uint8_t *party_id,
			  const uint8_t *member_key, uint32_t generation, uint64_t now_s)
{
	sqlite3_stmt *statement = use(store, REVOKE_TICKETS);

	bind_member(statement, party_id, member_key);
	sqlite3_bind_int64(statement, 3, generation);
	sqlite3_bind_int64(statement, 4, (sqlite3_int64)(now_s + LEASE_NUMBER_REST_S));
	return run(store, statement);
}

static int remove_member(struct sqlite_store *store, const uint8_t *party_id,
			 const struct rendezvous_generation *record, uint64_t now_s)
{
	struct rendezvous_member member;
	int result = present_member(store, party_id, record->removed, &member);

	if (result == -ENOENT)
		return 0; /* it has left, or there is nobody to remove */
	if (result == 0)
		result = leave_inside(store, party_id, record->removed, now_s);
	if (result == 0)
		result = revoke_tickets(store, party_id, member.wireguard_key, record->number,
					now_s);
	return result;
}

static int add_record(struct sqlite_store *store, const uint8_t *party_id,
		      const struct rendezvous_generation *record)
{
	sqlite3_stmt *statement = use(store, ADD_RECORD);
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];

	rendezvous_generation_pack(record, bytes);
	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, record->number);
	bind_blob(statement, 3, bytes, sizeof(bytes));
	return run(store, statement);
}

static int set_generation(struct sqlite_store *store, const uint8_t *party_id,
			  const struct rendezvous_generation *record)
{
	sqlite3_stmt *statement = use(store, SET_GENERATION);

	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, record->number);
	bind_blob(statement, 3, record->host, RENDEZVOUS_KEY_SIZE);
	return run(store, statement);
}

static int is_known_record(struct sqlite_store *store, const uint8_t *party_id,
			   const struct rendezvous_generation *record)
{
	struct rendezvous_generation known;
	size_t n;
	int result = get_records(&store->store, party_id, record->number - 1, &known, 1, &n);

	if (result < 0)
		return result;
	return n == 1 && memcmp(&known, record, sizeof(known)) == 0 ? 0 : -EEXIST;
}

static int renew_inside(struct sqlite_store *store, const uint8_t *party_id,
			const struct rendezvous_generation *record, uint64_t now_s)
{
	sqlite3_stmt *statement;
	int result = add_record(store, party_id, record);

	if (result == 0)
		result = set_generation(store, party_id, record);
	if (result == 0)
		result = remove_member(store, party_id, record, now_s);
	if (result == 0) {
		bind_party(use(store, DROP_INVITES), party_id);
		result = run(store, store->statements[DROP_INVITES]);
	}
	if (result == 0) {
		statement = use(store, DROP_SHARES);
		bind_party(statement, party_id);
		sqlite3_bind_int64(statement, 2, record->number);
		result = run(store, statement);
	}
	return result;
}

static int renew(struct store *store, const uint8_t *party_id,
		 const struct rendezvous_generation *record, uint64_t now_s)
{
	struct party_row row;
	int result = get_row(self(store), party_id, &row);

	if (result == 0 && record->number <= row.party.generation)
		return is_known_record(self(store), party_id, record);
	if (result == 0 && record->number != row.party.generation + 1)
		result = -EINVAL;
	if (result < 0)
		return result;
	result = begin(self(store), true);
	if (result == 0)
		result = finish(self(store), renew_inside(self(store), party_id, record, now_s));
	return result < 0 ? result : 1;
}

static int get_share(struct store *store, const uint8_t *party_id, uint32_t generation,
		     uint16_t number, uint8_t box[RENDEZVOUS_SHARE_SIZE])
{
	sqlite3_stmt *statement = use(self(store), GET_SHARE);
	int result;

	bind_party(statement, party_id);
	sqlite3_bind_int64(statement, 2, generation);
	sqlite3_bind_int64(statement, 3, number);
	result = step(self(store), statement);
	if (result <= 0)
		return result < 0 ? result : -ENOENT;
	result = column_key(self(store), statement, 0, box, RENDEZVOUS_SHARE_SIZE);
	sqlite3_reset(statement);
	return result;
}

static int read_revocation(struct sqlite_store *store, sqlite3_stmt *statement,
			   struct rendezvous_revocation *revocation)
{
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	int result = column_key(store, statement, 0, party_id, sizeof(party_id));

	if (result == 0)
		result = column_key(store, statement, 1, revocation->member_key,
				    RENDEZVOUS_KEY_SIZE);
	ticket_scope(party_id, sizeof(party_id), revocation->scope);
	revocation->generation = column_u32(statement, 2);
	revocation->until_s = column_u64(statement, 3);
	return result;
}

static int get_revocations(struct store *store, uint64_t now_s, size_t offset,
			   struct rendezvous_revocation *revocations, size_t room, size_t *n)
{
	sqlite3_stmt *statement = use(self(store), GET_REVOCATIONS);
	int result;

	*n = 0;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)now_s);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)room);
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)offset);
	while ((result = step(self(store), statement)) == 1) {
		result = read_revocation(self(store), statement, &revocations[*n]);
		if (result < 0) {
			sqlite3_reset(statement);
			break;
		}
		++*n;
	}
	return result;
}

/* ---- leases that move */

static int move_lease_inside(struct sqlite_store *store, const uint8_t *party_id,
			     const uint8_t *identity, uint64_t now_s)
{
	struct rendezvous_member member;
	struct lease_entry entry;
	struct party_row row;
	uint32_t next_number;
	int result = get_row(store, party_id, &row);

	if (result == 0)
		result = present_member(store, party_id, identity, &member);
	if (result < 0)
		return result;
	next_number = row.next.number;
	result = take_lease(store, &row, now_s, &entry);
	if (result == 0 && row.next.number != next_number) {
		row.next.number = next_number; /* the member keeps its own */
		result = set_next(store, party_id, &row.next);
	}
	if (result == 0)
		result = prepare_change(store, MOVE_LEASE, party_id, identity);
	if (result < 0)
		return result;
	sqlite3_bind_int64(store->statements[MOVE_LEASE], 3, entry.address);
	sqlite3_bind_int64(store->statements[MOVE_LEASE], 5, entry.lease);
	return run(store, store->statements[MOVE_LEASE]);
}

static int move_lease(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		      uint64_t now_s)
{
	int result = begin(self(store), true);

	if (result < 0)
		return result;
	return finish(self(store), move_lease_inside(self(store), party_id, identity, now_s));
}

static int adopt_member(struct sqlite_store *store, struct party_row *row,
			const struct rendezvous_member *member)
{
	uint32_t address = addr_ipv4_value(&member->address);
	sqlite3_stmt *statement;
	uint64_t change;
	int result = bump(store, row->party.id, &change);

	if (result < 0)
		return result;
	statement = use(store, ADOPT_MEMBER);
	bind_member(statement, row->party.id, member->identity);
	sqlite3_bind_int64(statement, 3, member->number);
	sqlite3_bind_int64(statement, 4, member->lease);
	sqlite3_bind_int64(statement, 5, address);
	bind_blob(statement, 6, member->wireguard_key, RENDEZVOUS_KEY_SIZE);
	sqlite3_bind_int64(statement, 7, (sqlite3_int64)change);
	/* whatever comes next must be behind all of them */
	while (row->next.address != 0 && row->next.address <= address)
		lease_advance_address(&row->party.prefix, &row->next);
	while (row->next.number != 0 && row->next.number <= member->number)
		lease_advance_number(&row->next);
	if (row->next.lease <= member->lease)
		row->next.lease = member->lease + 1;
	return run(store, statement);
}

static int adopt_inside(struct sqlite_store *store, const struct server_party *party)
{
	struct store_party head = {.prefix = party->prefix, .generation = party->generation};
	struct party_row row;
	int result;

	memcpy(head.id, party->id, sizeof(head.id));
	memcpy(head.host, party->host, sizeof(head.host));
	result = add_party(store, &head);
	if (result == 0)
		result = get_row(store, party->id, &row);
	for (size_t i = 0; result == 0 && i < party->n_records; i++)
		result = add_record(store, party->id, &party->records[i]);
	for (size_t i = 0; result == 0 && i < party->n_members; i++)
		result = adopt_member(store, &row, &party->members[i]);
	return result == 0 ? set_next(store, party->id, &row.next) : result;
}

/* All in the prefix, and no two alike. */
static bool leases_are_sound(const struct server_party *party)
{
	for (size_t i = 0; i < party->n_members; i++) {
		const struct rendezvous_member *a = &party->members[i];

		if (!lease_address_is_valid(&party->prefix, addr_ipv4_value(&a->address)))
			return false;
		for (size_t j = 0; j < i; j++) {
			const struct rendezvous_member *b = &party->members[j];

			if (addr_equal_ip(&a->address, &b->address) || a->number == b->number ||
			    a->lease == b->lease)
				return false;
		}
	}
	return true;
}

static int adopt(struct store *store, const struct server_party *party)
{
	struct party_row row;
	int result = get_row(self(store), party->id, &row);

	if (result != -ENOENT)
		return result;
	if (!leases_are_sound(party))
		return -EINVAL;
	result = begin(self(store), true);
	if (result < 0)
		return result;
	return finish(self(store), adopt_inside(self(store), party));
}

static int sweep_inside(struct sqlite_store *store, uint64_t now_s)
{
	uint64_t idle = now_s > STORE_PARTY_IDLE_S ? now_s - STORE_PARTY_IDLE_S : 0;
	sqlite3_stmt *statement = use(store, SWEEP_INVITES);
	int result;

	sqlite3_bind_int64(statement, 1, (sqlite3_int64)now_s);
	result = run(store, statement);
	if (result < 0)
		return result;
	statement = use(store, SWEEP_PARTIES);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)idle);
	result = run(store, statement);
	if (result < 0)
		return result;
	statement = use(store, SWEEP_REVOCATIONS);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)now_s);
	result = run(store, statement);
	for (enum statement i = SWEEP_MEMBERS; result == 0 && i <= SWEEP_SHARES; i++)
		result = run(store, use(store, i));
	return result;
}

static int sweep(struct store *store, uint64_t now_s)
{
	int result = begin(self(store), false);

	if (result < 0)
		return result;
	return finish(self(store), sweep_inside(self(store), now_s));
}

/* ---- opening */

static void close_store(struct store *store)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(self(store)->statements[i]);
	sqlite3_close(self(store)->db);
	free(store);
}

static const struct store_operations operations = {
	.close = close_store,
	.get_party = get_party,
	.get_member = get_member,
	.get_members = get_members,
	.get_memberships = get_memberships,
	.create_party = create_party,
	.join = join,
	.leave = leave,
	.announce = announce,
	.set_online = set_online,
	.put_invite = put_invite,
	.get_invite = get_invite,
	.revoke_invite = revoke_invite,
	.put_shares = put_shares,
	.renew = renew,
	.get_records = get_records,
	.get_share = get_share,
	.get_revocations = get_revocations,
	.move_lease = move_lease,
	.adopt = adopt,
	.sweep = sweep,
};

static int refuse(struct sqlite_store *store, const char *path, struct error *error)
{
	int code = sqlite3_errcode(store->db);

	if (code == SQLITE_NOTADB || code == SQLITE_CORRUPT)
		return error_set(error, -EUCLEAN,
				 "%.120s is damaged or no LANrage database; restore a backup or "
				 "move it away",
				 path);
	if (code == SQLITE_FULL)
		return error_set(error, -ENOSPC, "%.120s: the disk is full; make room there", path);
	if (code == SQLITE_BUSY)
		return error_set(error, -EBUSY, "%.120s is in use by another program", path);
	return error_set(error, -EIO, "cannot open %.120s: %.80s", path, sqlite3_errmsg(store->db));
}

static int read_pragma(struct sqlite_store *store, const char *pragma, int *value)
{
	sqlite3_stmt *statement;
	int code = sqlite3_prepare_v2(store->db, pragma, -1, &statement, NULL);

	if (code == SQLITE_OK) {
		code = sqlite3_step(statement);
		*value = sqlite3_column_int(statement, 0);
	}
	sqlite3_finalize(statement);
	return code == SQLITE_ROW ? 0 : -EIO;
}

static bool is_whole(struct sqlite_store *store)
{
	sqlite3_stmt *statement;
	bool whole = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL) ==
			     SQLITE_OK &&
		     sqlite3_step(statement) == SQLITE_ROW &&
		     strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;

	sqlite3_finalize(statement);
	return whole;
}

/* Whose file it is, of which version, and whether it is whole. Reads only. */
static int check_schema(struct sqlite_store *store, const char *path, struct error *error)
{
	int application, version, objects;

	if (read_pragma(store, "PRAGMA application_id", &application) < 0 ||
	    read_pragma(store, "PRAGMA user_version", &version) < 0 ||
	    read_pragma(store, "SELECT count(*) FROM sqlite_schema", &objects) < 0)
		return refuse(store, path, error);
	if (application == 0 && objects == 0)
		return error_set(error, -EUCLEAN,
				 "%.120s is damaged: it is empty; restore a backup or move it away",
				 path);
	if (application != APPLICATION_ID)
		return error_set(error, -EUCLEAN, "%.150s belongs to another program; move it away",
				 path);
	if (version != SCHEMA_VERSION)
		return error_set(error, -EUCLEAN,
				 "%.120s was written by another version of lanrage-server (schema "
				 "%d, this one knows %d); use that version",
				 path, version, SCHEMA_VERSION);
	if (!is_whole(store))
		return error_set(error, -EUCLEAN,
				 "%.120s is damaged; restore a backup or move it away", path);
	return 0;
}

static int prepare_all(struct sqlite_store *store)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(store->db, sql[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &store->statements[i], NULL) != SQLITE_OK)
			return -EIO;
	return 0;
}

static int create_tables(struct sqlite_store *store, const char *path)
{
	char stamp[128];

	snprintf(stamp, sizeof(stamp), "PRAGMA application_id = %d; PRAGMA user_version = %d;",
		 APPLICATION_ID, SCHEMA_VERSION);
	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, stamp, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return -EIO;
	return 0;
}

/* Made aside and moved into place: the name is there only with all tables behind it, and an empty
 * file is damage, not a beginning. */
static int create_file(struct sqlite_store *store, const char *path, struct error *error)
{
	char fresh[PATH_MAX], journal[PATH_MAX + 16];
	int fd, result;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return error_set(error, -ENAMETOOLONG, "the state directory's path is too long");
	snprintf(journal, sizeof(journal), "%s-journal", fresh);
	unlink(fresh); /* left by one who died here */
	unlink(journal);
	/* created here, because SQLite would create it readable for all */
	fd = open(fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set(error, -errno, "cannot create %.150s: %s", path, strerror(errno));
	close(fd);
	result = create_tables(store, fresh);
	if (result < 0)
		refuse(store, path, error);
	sqlite3_close(store->db);
	store->db = NULL;
	if (result == 0 && (rename(fresh, path) < 0 || service_sync_directory(path) < 0))
		result =
			error_set(error, -errno, "cannot create %.150s: %s", path, strerror(errno));
	unlink(fresh);
	unlink(journal);
	return result;
}

/* Nothing is written before it is known to be ours. Exclusive before WAL: then the index is in
 * memory and no other process can come in. */
static int open_file(struct sqlite_store *store, const char *path, struct error *error)
{
	int result = access(path, F_OK) < 0 ? create_file(store, path, error) : 0;

	if (result < 0)
		return result;
	if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA trusted_schema = OFF;",
			 NULL, NULL, NULL) != SQLITE_OK)
		return refuse(store, path, error);
	result = check_schema(store, path, error);
	if (result < 0)
		return result;
	if (sqlite3_exec(store->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;", NULL,
			 NULL, NULL) != SQLITE_OK)
		return refuse(store, path, error);
	store->sync_full = true;
	return 0;
}

/* Nobody is logged in at a server that has just started; each is one change of its party. */
static int all_offline(struct sqlite_store *store)
{
	int result = begin(store, true);

	if (result < 0)
		return result;
	for (;;) {
		sqlite3_stmt *statement = use(store, FIND_ONLINE);
		uint8_t party[RENDEZVOUS_PARTY_ID_SIZE], identity[RENDEZVOUS_KEY_SIZE];

		result = step(store, statement);
		if (result != 1)
			break;
		result = column_key(store, statement, 0, party, sizeof(party));
		if (result == 0)
			result = column_key(store, statement, 1, identity, sizeof(identity));
		sqlite3_reset(statement);
		if (result == 0)
			result = online_inside(store, party, identity, false);
		if (result < 0)
			break;
	}
	return finish(store, result);
}

static int check_leases_of(struct sqlite_store *store, const uint8_t *party_id, struct error *error)
{
	sqlite3_stmt *statement = use(store, GET_LEASES);
	struct lease_entry *entries = malloc(LEASE_NUMBER_MAX * sizeof(*entries));
	struct party_row row;
	size_t n = 0;
	int result;

	if (!entries)
		return error_set(error, -ENOMEM, "out of memory");
	bind_party(statement, party_id);
	while (n < LEASE_NUMBER_MAX && (result = step(store, statement)) == 1)
		entries[n++] =
			(struct lease_entry){column_u32(statement, 0), column_u32(statement, 1),
					     column_u32(statement, 2)};
	sqlite3_reset(statement);
	result = get_row(store, party_id, &row);
	if (result == 0)
		result = lease_check(&row.party.prefix, &row.next, entries, n, error);
	else
		error_set(error, result, "the database cannot be read");
	free(entries);
	return result;
}

static int check_leases(struct sqlite_store *store, struct error *error)
{
	sqlite3_stmt *statement = use(store, ALL_PARTIES);
	int result;

	while ((result = step(store, statement)) == 1) {
		uint8_t id[RENDEZVOUS_PARTY_ID_SIZE];

		result = column_key(store, statement, 0, id, sizeof(id));
		if (result < 0)
			error_set(error, result, "the database was changed from outside");
		else
			result = check_leases_of(store, id, error);
		if (result < 0)
			break;
	}
	sqlite3_reset(statement);
	return result;
}

int store_sqlite_open(struct store **store, const char *path, struct error *error)
{
	struct sqlite_store *new = calloc(1, sizeof(*new));
	int result;

	*store = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->store.operations = &operations;
	result = open_file(new, path, error);
	if (result == 0 && prepare_all(new) < 0)
		result = refuse(new, path, error);
	if (result == 0)
		result = check_leases(new, error);
	if (result == 0 && all_offline(new) < 0)
		result = refuse(new, path, error);
	if (result < 0) {
		close_store(&new->store);
		return result;
	}
	*store = &new->store;
	return 0;
}
