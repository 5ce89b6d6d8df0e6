#include "svc-control/server/store_sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "svc-control/server/store_sqlite_private.h"

#define APPLICATION_ID 0x4c4e5241 /* "LNRA" in the file's header */
#define SCHEMA_VERSION 2

_Static_assert(APPLICATION_ID == 1280201281 && SCHEMA_VERSION == 2, "as the schema ends");

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
	") WITHOUT ROWID;"
	"PRAGMA application_id = 1280201281; PRAGMA user_version = 2;";

#define MEMBER_COLUMNS                                                                    \
	"identity, number, lease, address, wireguard_key, online, left, sealed, change, " \
	"invite_key"

static const struct sql_command statements[STATEMENTS] = {
	[GET_PARTY] = {"read a party",
		       "SELECT host, prefix_ip, prefix_length, generation, change, next_address,"
		       " next_number, next_lease FROM parties WHERE id = ?1"},
	[ADD_PARTY] = {"add a party",
		       "INSERT INTO parties VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8)"},
	[SET_NEXT] = {"count leases",
		      "UPDATE parties SET next_address = ?2, next_number = ?3, next_lease = ?4"
		      " WHERE id = ?1"},
	[BUMP] = {"count a change",
		  "UPDATE parties SET change = change + 1 WHERE id = ?1 RETURNING change"},
	[GET_MEMBER] = {"read a member", "SELECT " MEMBER_COLUMNS
					 " FROM members WHERE party = ?1 AND identity = ?2"},
	[GET_MEMBERS] = {"read the members",
			 "SELECT " MEMBER_COLUMNS " FROM members WHERE party = ?1 AND change > ?2"
			 " AND (NOT left OR change > ?3) ORDER BY change LIMIT ?4"},
	[GET_MEMBERSHIPS] = {"read memberships",
			     "SELECT party FROM members WHERE identity = ?1 AND NOT left"
			     " ORDER BY party LIMIT ?2"},
	[ADD_MEMBER] = {"add a member", "INSERT INTO members VALUES"
					" (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, 0, NULL, ?7, ?8)"},
	[SET_MEMBER] = {"change a member",
			"UPDATE members SET wireguard_key = ?3, online = 1, left = 0, change = ?4,"
			" invite_key = ?5 WHERE party = ?1 AND identity = ?2"},
	[SET_LEFT] = {"let a member leave",
		      "UPDATE members SET online = 0, left = 1, left_s = ?3, sealed = NULL,"
		      " change = ?4 WHERE party = ?1 AND identity = ?2"},
	[SET_SEALED] = {"store an announcement", "UPDATE members SET sealed = ?3, change = ?4"
						 " WHERE party = ?1 AND identity = ?2"},
	[SET_ONLINE] = {"store who is online", "UPDATE members SET online = ?3, change = ?4"
					       " WHERE party = ?1 AND identity = ?2"},
	/* the one that left the longest ago; a member number only after its rest */
	[FIND_RETURNED] = {"find a free lease", "SELECT identity, number, address FROM members"
						" WHERE party = ?1 AND left AND left_s <= ?2"
						" ORDER BY left_s, lease LIMIT 1"},
	[DROP_MEMBER] = {"free a lease", "DELETE FROM members WHERE party = ?1 AND identity = ?2"},
	[FIND_ONLINE] = {"read who is online",
			 "SELECT party, identity FROM members WHERE online LIMIT 1"},
	[ALL_PARTIES] = {"read the parties", "SELECT id FROM parties"},
	[GET_LEASES] = {"read the leases",
			"SELECT address, number, lease FROM members WHERE party = ?1"},
	[PUT_INVITE] = {"store an invite",
			"INSERT INTO invites VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)"
			" ON CONFLICT (lookup_id) DO UPDATE SET invite_key = excluded.invite_key,"
			" sealed = excluded.sealed, expires_s = excluded.expires_s,"
			" uses = excluded.uses WHERE party = excluded.party"},
	[COUNT_INVITES] = {"count the invites",
			   "SELECT count(*) FROM invites WHERE party = ?1 AND expires_s > ?2"
			   " AND lookup_id <> ?3"},
	[GET_INVITE] = {"read an invite",
			"SELECT party, invite_key, sealed, expires_s, uses FROM invites"
			" WHERE lookup_id = ?1 AND expires_s > ?2 AND (uses = 0 OR used < uses)"},
	[FIND_INVITE] = {"find an invite",
			 "SELECT lookup_id FROM invites WHERE party = ?1 AND invite_key = ?2"
			 " AND expires_s > ?3 AND (uses = 0 OR used < uses) LIMIT 1"},
	[USE_INVITE] = {"count the use of an invite",
			"UPDATE invites SET used = used + 1 WHERE lookup_id = ?1"},
	[REVOKE_INVITE] = {"revoke an invite",
			   "DELETE FROM invites WHERE party = ?1 AND lookup_id = ?2"},
	[SWEEP_INVITES] = {"forget invites", "DELETE FROM invites WHERE expires_s <= ?1"},
	[SWEEP_PARTIES] = {"forget parties",
			   "DELETE FROM parties WHERE NOT EXISTS (SELECT 1 FROM members"
			   " WHERE party = parties.id AND (NOT left OR left_s > ?1))"},
	[SWEEP_MEMBERS] = {"forget members",
			   "DELETE FROM members WHERE party NOT IN (SELECT id FROM parties)"},
	[SWEEP_GENERATIONS] =
		{"forget generations",
		 "DELETE FROM generations WHERE party NOT IN (SELECT id FROM parties)"},
	[SWEEP_SHARES] = {"forget shares",
			  "DELETE FROM shares WHERE party NOT IN (SELECT id FROM parties)"},
	[SWEEP_REVOCATIONS] = {"forget revocations", "DELETE FROM revocations WHERE until_s <= ?1"},
	[PUT_SHARE] = {"store a share", "INSERT OR REPLACE INTO shares VALUES (?1, ?2, ?3, ?4)"},
	[GET_SHARE] =
		{"read a share",
		 "SELECT box FROM shares WHERE party = ?1 AND generation = ?2 AND number = ?3"},
	[DROP_SHARES] = {"drop old shares",
			 "DELETE FROM shares WHERE party = ?1 AND generation < ?2"},
	[SET_GENERATION] = {"begin a generation",
			    "UPDATE parties SET generation = ?2, host = ?3 WHERE id = ?1"},
	[ADD_RECORD] = {"store a generation", "INSERT INTO generations VALUES (?1, ?2, ?3)"},
	[GET_RECORDS] = {"read the generations",
			 "SELECT record FROM generations WHERE party = ?1 AND number > ?2"
			 " ORDER BY number LIMIT ?3"},
	[DROP_INVITES] = {"drop the invites", "DELETE FROM invites WHERE party = ?1"},
	[REVOKE_TICKETS] = {"revoke tickets",
			    "INSERT OR REPLACE INTO revocations VALUES (?1, ?2, ?3, ?4)"},
	[GET_REVOCATIONS] = {"read the revocations",
			     "SELECT party, member_key, generation, until_s FROM revocations"
			     " WHERE until_s > ?1 LIMIT ?2 OFFSET ?3"},
	[MOVE_LEASE] = {"move a lease", "UPDATE members SET address = ?3, change = ?4, lease = ?5"
					" WHERE party = ?1 AND identity = ?2"},
	[ADOPT_MEMBER] = {"adopt a member", "INSERT INTO members VALUES"
					    " (?1, ?2, ?3, ?4, ?5, ?6, 0, 0, 0, NULL, ?7, NULL)"},
};

static const struct sql_kind kind = {"store", schema, statements, STATEMENTS, -EIO};

struct sqlite_store {
	struct store store; /* first */
	struct sql *sql;
	bool sync_full;
};

/* ---- running statements */

static struct sqlite_store *self(struct store *store)
{
	return (struct sqlite_store *)store;
}

struct sql *store_sql(struct store *store)
{
	return self(store)->sql;
}

int store_column_key(struct sql_statement *statement, int column, uint8_t *out, size_t length)
{
	if (sql_get_blob(statement, column, out, length))
		return 0;
	log_err("store: a key has a wrong length; the file was changed from outside");
	return -EIO;
}

int store_column_bytes(struct sql_statement *statement, int column, struct rendezvous_bytes *out)
{
	size_t length;
	const void *bytes = sql_get_bytes(statement, column, &length);

	return rendezvous_bytes_set(out, bytes, length);
}

/* ---- transactions */

void store_set_sync(struct store *store, bool full)
{
	struct sqlite_store *own = self(store);

	if (own->sync_full == full)
		return;
	(void)sql_execute(own->sql,
			  full ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL);
	own->sync_full = full;
}

int store_begin(struct store *store, bool durable)
{
	store_set_sync(store, durable);
	return sql_begin(store_sql(store));
}

int store_finish(struct store *store, int result)
{
	if (result == 0)
		return sql_commit(store_sql(store));
	sql_rollback(store_sql(store));
	return result;
}

/* ---- opening */

static void close_store(struct store *store)
{
	sql_close(self(store)->sql);
	free(store);
}

#define STORE_OPERATION(name) .name = store_##name,
static const struct store_operations operations = {.close = close_store,
						   STORE_OPERATIONS(STORE_OPERATION)};

/* Whose file it is, of which version, and whether it is whole. Reads only. */
static int check_schema(struct sql *sql, const char *path, struct error *error)
{
	uint64_t application, version, objects;
	int result = sql_ask(sql, "PRAGMA application_id", &application, error);

	if (result == 0)
		result = sql_ask(sql, "PRAGMA user_version", &version, error);
	if (result == 0)
		result = sql_ask(sql, "SELECT count(*) FROM sqlite_schema", &objects, error);
	if (result < 0)
		return result;
	if (application == 0 && objects == 0)
		return error_set(error, -EBADMSG, "%.120s is damaged: it is empty", path);
	if (application != APPLICATION_ID)
		return error_set(error, -EUCLEAN, "%.150s belongs to another program; move it away",
				 path);
	if (version != SCHEMA_VERSION)
		return error_set(error, -EUCLEAN,
				 "%.120s was written by another version of lanrage-server (schema "
				 "%d, this one knows %d); use that version",
				 path, (int)version, SCHEMA_VERSION);
	return sql_check(sql, error);
}

/* Nothing is written before it is known to be ours. Exclusive before WAL: then the index is in
 * memory and no other process can come in. */
static int open_file(struct sqlite_store *store, const char *path, struct error *error)
{
	int result = sql_open(&store->sql, &kind, path, error);

	if (result == 0)
		result = sql_execute(store->sql, "PRAGMA locking_mode = EXCLUSIVE", error);
	if (result == 0)
		result = check_schema(store->sql, path, error);
	if (result == 0)
		result = sql_execute(store->sql,
				     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL", error);
	store->sync_full = true;
	return result < 0 ? result : sql_prepare(store->sql, error);
}

/* Nobody is logged in at a server that has just started; each is one change of its party. */
static int all_offline(struct store *store)
{
	uint8_t party[RENDEZVOUS_PARTY_ID_SIZE], identity[RENDEZVOUS_KEY_SIZE];
	struct sql_statement *statement = store_use(store, FIND_ONLINE);
	int result;

	while ((result = sql_step(statement)) == 1) {
		result = store_column_key(statement, 0, party, sizeof(party));
		if (result == 0)
			result = store_column_key(statement, 1, identity, sizeof(identity));
		sql_reset(statement);
		if (result == 0)
			result = store_online_inside(store, party, identity, false);
		if (result < 0)
			break;
	}
	return result;
}

/* What is wrong goes into `why`, where it is not what SQLite says. */
static int make_ready(struct store *store, struct error *why)
{
	int result = store_check_leases(store, why);

	if (result == 0)
		result = store_begin(store, true);
	return result < 0 ? result : store_finish(store, all_offline(store));
}

/* In words, with what to do about it. Damage is -EUCLEAN here, of the file as of what is in it. */
static int refuse(const struct error *why, struct error *error)
{
	switch (why->code) {
	case -EBADMSG:
		return error_set(error, -EUCLEAN, "%.210s; restore a backup or move it away",
				 why->text);
	case -ENOSPC: return error_set(error, -ENOSPC, "%.230s; make room there", why->text);
	case -EACCES: return error_set(error, -EACCES, "%.230s; mend its permissions", why->text);
	default: return error_set(error, why->code, "%s", why->text);
	}
}

int store_sqlite_open(struct store **store, const char *path, struct error *error)
{
	struct sqlite_store *new = calloc(1, sizeof(*new));
	struct error why = {0};
	int result;

	*store = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->store.operations = &operations;
	result = open_file(new, path, &why);
	if (result == 0)
		result = make_ready(&new->store, &why);
	if (result == 0) {
		*store = &new->store;
		return 0;
	}
	if (why.code == 0 && !sql_why(new->sql, &why))
		error_set(&why, -EBADMSG, "%.120s was changed from outside", path);
	close_store(&new->store);
	return refuse(&why, error);
}
