#include "svc-control/database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/service.h"
#include "svc-control/sealed_codec.h"

#define SCHEMA_VERSION 3
#define SCHEMA_OLDEST  2 /* what can be brought up to it */

#define SAVED_TABLES                                                                 \
	"CREATE TABLE configuration (name TEXT PRIMARY KEY, saved INTEGER NOT NULL)" \
	" WITHOUT ROWID;"                                                            \
	"CREATE TABLE configured (name TEXT NOT NULL, key TEXT NOT NULL,"            \
	" value TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;"              \
	"PRAGMA user_version = 3;"

static const char schema[] = SAVED_TABLES
	"CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE party (only INTEGER PRIMARY KEY CHECK (only = 1), id BLOB NOT NULL,"
	" key BLOB NOT NULL, generation INTEGER NOT NULL, host BLOB NOT NULL, name TEXT NOT NULL,"
	" own_name TEXT NOT NULL, server_url TEXT NOT NULL, prefix INTEGER NOT NULL,"
	" prefix_length INTEGER NOT NULL, proof BLOB,"
	" change INTEGER NOT NULL, has_key INTEGER NOT NULL, key_id BLOB NOT NULL,"
	" signer BLOB NOT NULL, voucher BLOB, local INTEGER NOT NULL, beacon_key BLOB NOT NULL);"
	"CREATE TABLE member (identity BLOB PRIMARY KEY, wireguard_key BLOB NOT NULL,"
	" number INTEGER NOT NULL, lease INTEGER NOT NULL, address INTEGER NOT NULL,"
	" present INTEGER NOT NULL, listed INTEGER NOT NULL, sequence INTEGER NOT NULL,"
	" said BLOB NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE generation (number INTEGER PRIMARY KEY, record BLOB NOT NULL);"
	"CREATE TABLE cache (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;";

enum statement {
	GET_SETTING,
	SET_SETTING,
	REMOVE_SETTING,
	GET_COUNTER,
	SET_COUNTER,
	GET_PARTY,
	SET_PARTY,
	SET_MEMBER,
	REMOVE_MEMBER,
	EACH_MEMBER,
	ADD_RECORD,
	EACH_RECORD,
	GET_CACHE,
	SET_CACHE,
	REMOVE_CACHE,
	SET_CONFIGURATION,
	REMOVE_CONFIGURATION,
	EACH_CONFIGURATION,
	ADD_CONFIGURED,
	REMOVE_CONFIGURED,
	EACH_CONFIGURED,
	STATEMENTS,
};

static const char *const statements[STATEMENTS] = {
	[GET_SETTING] = "SELECT value FROM setting WHERE key = ?1",
	[SET_SETTING] = "INSERT OR REPLACE INTO setting VALUES (?1, ?2)",
	[REMOVE_SETTING] = "DELETE FROM setting WHERE key = ?1",
	[GET_COUNTER] = "SELECT value FROM counter WHERE name = ?1",
	[SET_COUNTER] = "INSERT OR REPLACE INTO counter VALUES (?1, ?2)",
	[GET_PARTY] = "SELECT id, key, generation, host, name, own_name, server_url, prefix,"
		      " prefix_length, proof, change, has_key, key_id, signer,"
		      " voucher, local, beacon_key FROM party",
	[SET_PARTY] = "INSERT OR REPLACE INTO party VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		      " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
	[SET_MEMBER] = "INSERT OR REPLACE INTO member VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
		       " ?9)",
	[REMOVE_MEMBER] = "DELETE FROM member WHERE identity = ?1",
	[EACH_MEMBER] = "SELECT identity, wireguard_key, number, lease, address, present,"
			" listed, sequence, said FROM member",
	[ADD_RECORD] = "INSERT OR REPLACE INTO generation VALUES (?1, ?2)",
	[EACH_RECORD] = "SELECT record FROM generation ORDER BY number",
	[GET_CACHE] = "SELECT value FROM cache WHERE name = ?1",
	[SET_CACHE] = "INSERT OR REPLACE INTO cache VALUES (?1, ?2)",
	[REMOVE_CACHE] = "DELETE FROM cache WHERE name = ?1",
	[SET_CONFIGURATION] = "INSERT OR REPLACE INTO configuration VALUES (?1, ?2)",
	[REMOVE_CONFIGURATION] = "DELETE FROM configuration WHERE name = ?1",
	[EACH_CONFIGURATION] = "SELECT name, saved FROM configuration ORDER BY name",
	[ADD_CONFIGURED] = "INSERT OR REPLACE INTO configured VALUES (?1, ?2, ?3)",
	[REMOVE_CONFIGURED] = "DELETE FROM configured WHERE name = ?1",
	[EACH_CONFIGURED] = "SELECT key, value FROM configured WHERE name = ?1 ORDER BY key",
};

struct database {
	sqlite3 *sqlite;
	sqlite3_stmt *prepared[STATEMENTS];
	int depth;   /* of nested begins */
	int failure; /* the first since the outermost begin: nothing more is done, and commit fails
		      */
};

static int database_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return -EACCES;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	default: return -EIO;
	}
}

/* One errno for an SQLite failure, logged with what was being done. */
static int database_failed(struct database *database, const char *what)
{
	int r = database_errno(sqlite3_errcode(database->sqlite));

	log_err("database: cannot %s: %s", what, sqlite3_errmsg(database->sqlite));
	if (database->failure == 0)
		database->failure = r;
	return r;
}

static int database_execute(struct database *database, const char *sql, const char *what)
{
	if (sqlite3_exec(database->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return database_failed(database, what);
	return 0;
}

/* ---- opening: failures go to the caller in words, nothing is logged here */

/* A pragma's one value, as a text; false when it cannot be read. */
static bool database_pragma(struct database *database, const char *sql, char *value, size_t size)
{
	sqlite3_stmt *statement;
	bool good = false;

	if (sqlite3_prepare_v2(database->sqlite, sql, -1, &statement, NULL) != SQLITE_OK)
		return false;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(statement, 0);

		good = text && strlen(text) < size;
		if (good)
			strcpy(value, text);
	}
	sqlite3_finalize(statement);
	return good;
}

/* Reads only: a file that is not ours to use stays as it is. The version, or a negative errno. */
static int database_inspect(struct database *database, const char *path, struct error *error)
{
	char value[32];
	int version;

	if (!database_pragma(database, "PRAGMA user_version", value, sizeof(value)))
		return error_set(error, database_errno(sqlite3_errcode(database->sqlite)),
				 "cannot read %s: %s", path, sqlite3_errmsg(database->sqlite));
	version = atoi(value);
	if (version == 0)
		return error_set(error, -EBADMSG, "%s is damaged: nothing of ours is in it", path);
	if (version > SCHEMA_VERSION || version < 0)
		return error_set(error, -EPROTONOSUPPORT,
				 "%s was made by a later version of LANrage; install that version",
				 path);
	if (version < SCHEMA_OLDEST)
		return error_set(
			error, -EPROTONOSUPPORT,
			"%s was made by an earlier version of LANrage, which this one does "
			"not read",
			path);
	if (!database_pragma(database, "PRAGMA quick_check(1)", value, sizeof(value)) ||
	    strcmp(value, "ok") != 0)
		return error_set(error, -EBADMSG, "%s is damaged", path);
	if (sqlite3_db_readonly(database->sqlite, "main") != 0)
		return error_set(error, -EACCES, "%s may not be written", path);
	return version;
}

/* From SCHEMA_OLDEST. A kill leaves the old version or the new one. */
static int database_upgrade(struct database *database)
{
	int r = database_execute(database, "BEGIN IMMEDIATE; " SAVED_TABLES " COMMIT",
				 "bring it up to this version");

	if (r < 0)
		sqlite3_exec(database->sqlite, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int database_prepare(struct database *database)
{
	for (size_t i = 0; i < STATEMENTS; i++)
		if (sqlite3_prepare_v3(database->sqlite, statements[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &database->prepared[i],
				       NULL) != SQLITE_OK)
			return database_failed(database, "prepare a statement");
	return 0;
}

static int database_set_up(struct database *database, const char *path, struct error *error)
{
	int version = database_inspect(database, path, error), r;

	if (version < 0)
		return version;
	r = database_execute(database,
			     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			     "PRAGMA trusted_schema = OFF;",
			     "open it");
	if (r == 0 && version < SCHEMA_VERSION)
		r = database_upgrade(database);
	if (r == 0)
		r = database_prepare(database);
	return r < 0 ? error_set(error, r, "cannot write %s: %s", path, strerror(-r)) : 0;
}

/* An empty file for SQLite, which itself would make one that all may read. */
static int database_make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int database_make_tables(const char *path)
{
	sqlite3 *sqlite = NULL;
	int r = 0;

	if (sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		    SQLITE_OK ||
	    sqlite3_exec(sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(sqlite, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(sqlite, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		r = database_errno(sqlite3_errcode(sqlite));
	sqlite3_close(sqlite);
	return r;
}

/* The name is there only with all tables behind it: whoever finds less finds damage. */
static int database_create(const char *path)
{
	char fresh[PATH_MAX], journal[PATH_MAX + 16];
	int r;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
		return -ENAMETOOLONG;
	(void)snprintf(journal, sizeof(journal), "%s-journal", fresh);
	(void)unlink(fresh); /* left by one who died here */
	(void)unlink(journal);
	r = database_make_file(fresh);
	if (r == 0)
		r = database_make_tables(fresh);
	if (r == 0 && rename(fresh, path) < 0)
		r = -errno;
	if (r == 0)
		return service_sync_directory(path);
	(void)unlink(fresh);
	(void)unlink(journal);
	return r;
}

int database_open(struct database **out, const char *path, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));
	struct error why;
	int r;

	*out = NULL;
	if (!database)
		return error_set(error, -ENOMEM, "out of memory");
	r = access(path, F_OK) < 0 ? database_create(path) : 0;
	if (r < 0)
		error_set(&why, r, "cannot write %s: %s", path, strerror(-r));
	else if (sqlite3_open_v2(path, &database->sqlite,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		r = error_set(&why, database_errno(sqlite3_errcode(database->sqlite)),
			      "cannot open %s: %s", path, sqlite3_errmsg(database->sqlite));
	else
		r = database_set_up(database, path, &why);
	if (r < 0) {
		error_set(error, r,
			  "%.160s; free disk space, mend its permissions, or move the file away to "
			  "start without party and settings",
			  why.text);
		database_close(database);
		return r;
	}
	*out = database;
	return 0;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(database->prepared[i]);
	sqlite3_close(database->sqlite);
	free(database);
}

/* ---- transactions */

int database_begin(struct database *database)
{
	int r = 0;

	if (database->depth == 0) {
		database->failure = 0;
		r = database_execute(database, "BEGIN IMMEDIATE", "begin");
	}
	if (r == 0)
		database->depth++;
	return r;
}

/* SQLite may have rolled back by itself; then this does nothing. */
static void database_undo(struct database *database)
{
	sqlite3_exec(database->sqlite, "ROLLBACK", NULL, NULL, NULL);
}

int database_commit(struct database *database)
{
	int r = database->failure;

	if (--database->depth > 0)
		return r;
	if (r == 0)
		r = database_execute(database, "COMMIT", "commit");
	if (r < 0)
		database_undo(database);
	return r;
}

void database_rollback(struct database *database)
{
	if (database->failure == 0)
		database->failure = -ECANCELED;
	if (--database->depth == 0)
		database_undo(database);
}

static sqlite3_stmt *database_use(struct database *database, enum statement which)
{
	sqlite3_stmt *statement = database->prepared[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

static void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
	sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(statement, at, length ? bytes : "", length, SQLITE_TRANSIENT);
}

static void bind_number(sqlite3_stmt *statement, int at, uint64_t value)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

/* After a failure SQLite may have ended the transaction: what came then would count on its own. */
static int database_write(struct database *database, sqlite3_stmt *statement, const char *what)
{
	int r = 0;

	if (database->depth > 0 && database->failure)
		return database->failure;
	if (sqlite3_step(statement) != SQLITE_DONE)
		r = database_failed(database, what);
	sqlite3_reset(statement);
	return r;
}

/* 1: a row is there; 0: none. */
static int database_read(struct database *database, sqlite3_stmt *statement, const char *what)
{
	int r = sqlite3_step(statement);

	if (r == SQLITE_ROW)
		return 1;
	if (r != SQLITE_DONE)
		return database_failed(database, what);
	return 0;
}

static bool column_blob(sqlite3_stmt *statement, int at, void *out, size_t length)
{
	if ((size_t)sqlite3_column_bytes(statement, at) != length)
		return false;
	if (length)
		memcpy(out, sqlite3_column_blob(statement, at), length);
	return true;
}

static bool column_proof(sqlite3_stmt *statement, int at, struct invite_proof *proof)
{
	const uint8_t *bytes = sqlite3_column_blob(statement, at);

	return bytes &&
	       sealed_proof_unpack(proof, bytes, (size_t)sqlite3_column_bytes(statement, at)) == 0;
}

static bool column_text(sqlite3_stmt *statement, int at, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	if (!text || strlen(text) >= size)
		return false;
	strcpy(out, text);
	return true;
}

int database_get_setting(struct database *database, const char *key,
			 char value[CONTROL_SETTING_MAX])
{
	sqlite3_stmt *statement = database_use(database, GET_SETTING);
	int r;

	bind_text(statement, 1, key);
	r = database_read(database, statement, "read a setting");
	if (r == 1)
		r = column_text(statement, 0, value, CONTROL_SETTING_MAX) ? 0 : -EBADMSG;
	else if (r == 0)
		r = -ENOENT;
	sqlite3_reset(statement);
	return r;
}

int database_set_setting(struct database *database, const char *key, const char *value)
{
	sqlite3_stmt *statement = database_use(database, value ? SET_SETTING : REMOVE_SETTING);

	bind_text(statement, 1, key);
	if (value)
		bind_text(statement, 2, value);
	return database_write(database, statement, "store a setting");
}

int database_set_configuration(struct database *database, const char *name, uint64_t saved_s)
{
	sqlite3_stmt *statement = database_use(database, REMOVE_CONFIGURED);
	int r = database_begin(database);

	if (r < 0)
		return r;
	bind_text(statement, 1, name);
	(void)database_write(database, statement, "empty a configuration");
	statement = database_use(database, SET_CONFIGURATION);
	bind_text(statement, 1, name);
	bind_number(statement, 2, saved_s);
	(void)database_write(database, statement, "store a configuration");
	return database_commit(database);
}

int database_add_configured(struct database *database, const char *name, const char *key,
			    const char *value)
{
	sqlite3_stmt *statement = database_use(database, ADD_CONFIGURED);

	bind_text(statement, 1, name);
	bind_text(statement, 2, key);
	bind_text(statement, 3, value);
	return database_write(database, statement, "store a configuration's setting");
}

int database_remove_configuration(struct database *database, const char *name)
{
	sqlite3_stmt *statement = database_use(database, REMOVE_CONFIGURED);
	int r = database_begin(database), gone;

	if (r < 0)
		return r;
	bind_text(statement, 1, name);
	(void)database_write(database, statement, "empty a configuration");
	statement = database_use(database, REMOVE_CONFIGURATION);
	bind_text(statement, 1, name);
	(void)database_write(database, statement, "remove a configuration");
	gone = sqlite3_changes(database->sqlite);
	r = database_commit(database);
	return r == 0 && gone == 0 ? -ENOENT : r;
}

int database_each_configuration(struct database *database,
				void (*each)(void *data, const char *name, uint64_t saved_s),
				void *data)
{
	sqlite3_stmt *statement = database_use(database, EACH_CONFIGURATION);
	int r;

	while ((r = database_read(database, statement, "read the configurations")) == 1)
		each(data, (const char *)sqlite3_column_text(statement, 0),
		     (uint64_t)sqlite3_column_int64(statement, 1));
	sqlite3_reset(statement);
	return r;
}

int database_each_configured(struct database *database, const char *name,
			     void (*each)(void *data, const char *key, const char *value),
			     void *data)
{
	sqlite3_stmt *statement = database_use(database, EACH_CONFIGURED);
	int r;

	bind_text(statement, 1, name);
	while ((r = database_read(database, statement, "read a configuration")) == 1)
		each(data, (const char *)sqlite3_column_text(statement, 0),
		     (const char *)sqlite3_column_text(statement, 1));
	sqlite3_reset(statement);
	return r;
}

int database_next_sequence(struct database *database, uint64_t floor, uint64_t *sequence)
{
	sqlite3_stmt *statement = database_use(database, GET_COUNTER);
	uint64_t value = floor;
	int r;

	bind_text(statement, 1, "announcement");
	r = database_read(database, statement, "read the sequence");
	if (r == 1 && (uint64_t)sqlite3_column_int64(statement, 0) >= floor)
		value = (uint64_t)sqlite3_column_int64(statement, 0) + 1;
	sqlite3_reset(statement);
	if (r < 0)
		return r;
	statement = database_use(database, SET_COUNTER);
	bind_text(statement, 1, "announcement");
	bind_number(statement, 2, value);
	*sequence = value;
	return database_write(database, statement, "store the sequence");
}

static bool database_read_party(sqlite3_stmt *s, struct database_party *party)
{
	party->trust.generation = (uint32_t)sqlite3_column_int64(s, 2);
	party->prefix.addr = addr_ipv4((uint32_t)sqlite3_column_int64(s, 7), 0);
	party->prefix.length = (uint8_t)sqlite3_column_int(s, 8);
	party->has_proof = sqlite3_column_type(s, 9) == SQLITE_BLOB;
	party->change = (uint64_t)sqlite3_column_int64(s, 10);
	party->trust.has_key = sqlite3_column_int(s, 11) != 0;
	party->has_voucher = sqlite3_column_type(s, 14) == SQLITE_BLOB;
	party->local = sqlite3_column_int(s, 15) != 0;
	return column_blob(s, 0, party->trust.party_id, sizeof(party->trust.party_id)) &&
	       column_blob(s, 1, party->trust.party_key, 32) &&
	       column_blob(s, 3, party->trust.host, 32) &&
	       column_text(s, 4, party->name, sizeof(party->name)) &&
	       column_text(s, 5, party->own_name, sizeof(party->own_name)) &&
	       column_text(s, 6, party->server_url, sizeof(party->server_url)) &&
	       (!party->has_proof || column_proof(s, 9, &party->proof)) &&
	       column_blob(s, 12, party->trust.key_id, 32) &&
	       column_blob(s, 13, party->trust.signer, 32) &&
	       column_blob(s, 16, party->beacon_key, sizeof(party->beacon_key)) &&
	       (!party->has_voucher || column_blob(s, 14, party->voucher, sizeof(party->voucher)));
}

int database_get_party(struct database *database, struct database_party *party)
{
	sqlite3_stmt *statement = database_use(database, GET_PARTY);
	int r;

	memset(party, 0, sizeof(*party));
	r = database_read(database, statement, "read the party");
	if (r == 1) {
		r = database_read_party(statement, party) ? 0 : -EBADMSG;
		if (r < 0)
			log_err("database: the party's row is damaged");
	} else if (r == 0) {
		r = -ENOENT;
	}
	sqlite3_reset(statement);
	return r;
}

int database_set_party(struct database *database, const struct database_party *party)
{
	sqlite3_stmt *s = database_use(database, SET_PARTY);
	uint8_t proof[SEALED_PROOF_MAX];
	ssize_t length;

	bind_blob(s, 1, party->trust.party_id, sizeof(party->trust.party_id));
	bind_blob(s, 2, party->trust.party_key, 32);
	bind_number(s, 3, party->trust.generation);
	bind_blob(s, 4, party->trust.host, 32);
	bind_text(s, 5, party->name);
	bind_text(s, 6, party->own_name);
	bind_text(s, 7, party->server_url);
	bind_number(s, 8, addr_ipv4_value(&party->prefix.addr));
	bind_number(s, 9, party->prefix.length);
	if (party->has_proof) {
		length = sealed_proof_pack(&party->proof, proof, sizeof(proof));
		if (length < 0)
			return (int)length;
		bind_blob(s, 10, proof, (size_t)length);
	}
	bind_number(s, 11, party->change);
	bind_number(s, 12, party->trust.has_key);
	bind_blob(s, 13, party->trust.key_id, 32);
	bind_blob(s, 14, party->trust.signer, 32);
	if (party->has_voucher)
		bind_blob(s, 15, party->voucher, sizeof(party->voucher));
	bind_number(s, 16, party->local);
	bind_blob(s, 17, party->beacon_key, sizeof(party->beacon_key));
	return database_write(database, s, "store the party");
}

int database_remove_party(struct database *database)
{
	int r = database_begin(database);

	if (r < 0)
		return r;
	if (database->failure == 0)
		database_execute(database,
				 "DELETE FROM party; DELETE FROM member; DELETE FROM generation",
				 "remove the party");
	return database_commit(database);
}

int database_set_member(struct database *database, const struct database_member *member)
{
	sqlite3_stmt *s = database_use(database, SET_MEMBER);

	bind_blob(s, 1, member->identity, 32);
	bind_blob(s, 2, member->wireguard_key, 32);
	bind_number(s, 3, member->number);
	bind_number(s, 4, member->lease);
	bind_number(s, 5, addr_ipv4_value(&member->address));
	bind_number(s, 6, member->present);
	bind_number(s, 7, member->listed);
	bind_number(s, 8, member->sequence);
	bind_blob(s, 9, member->said, member->said_length);
	return database_write(database, s, "store a member");
}

int database_remove_member(struct database *database, const uint8_t identity[32])
{
	sqlite3_stmt *s = database_use(database, REMOVE_MEMBER);

	bind_blob(s, 1, identity, 32);
	return database_write(database, s, "remove a member");
}

static bool database_read_member(sqlite3_stmt *s, struct database_member *member)
{
	memset(member, 0, sizeof(*member));
	member->number = (uint16_t)sqlite3_column_int(s, 2);
	member->lease = (uint32_t)sqlite3_column_int64(s, 3);
	member->address = addr_ipv4((uint32_t)sqlite3_column_int64(s, 4), 0);
	member->present = sqlite3_column_int(s, 5) != 0;
	member->listed = sqlite3_column_int(s, 6) != 0;
	member->sequence = (uint64_t)sqlite3_column_int64(s, 7);
	member->said_length = (size_t)sqlite3_column_bytes(s, 8);
	if (member->said_length > sizeof(member->said))
		return false;
	return column_blob(s, 0, member->identity, 32) &&
	       column_blob(s, 1, member->wireguard_key, 32) &&
	       column_blob(s, 8, member->said, member->said_length);
}

int database_each_member(struct database *database,
			 void (*each)(void *data, const struct database_member *member), void *data)
{
	sqlite3_stmt *statement = database_use(database, EACH_MEMBER);
	struct database_member member;
	int r;

	while ((r = database_read(database, statement, "read the members")) == 1) {
		if (database_read_member(statement, &member))
			each(data, &member);
		else
			log_warning("database: a member's row is damaged; waiting for the server "
				    "to tell of it again");
	}
	sqlite3_reset(statement);
	return r;
}

int database_add_record(struct database *database, const struct rendezvous_generation *record)
{
	sqlite3_stmt *s = database_use(database, ADD_RECORD);
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];

	rendezvous_generation_pack(record, bytes);
	bind_number(s, 1, record->number);
	bind_blob(s, 2, bytes, sizeof(bytes));
	return database_write(database, s, "store a generation");
}

int database_each_record(struct database *database,
			 void (*each)(void *data, const struct rendezvous_generation *record),
			 void *data)
{
	sqlite3_stmt *statement = database_use(database, EACH_RECORD);
	struct rendezvous_generation record;
	int r;

	while ((r = database_read(database, statement, "read the generations")) == 1)
		if (rendezvous_generation_unpack(&record, sqlite3_column_blob(statement, 0),
						 (size_t)sqlite3_column_bytes(statement, 0)) == 0)
			each(data, &record);
	sqlite3_reset(statement);
	return r;
}

int database_get_cache(struct database *database, const char *name, uint8_t *bytes, size_t *length)
{
	sqlite3_stmt *statement = database_use(database, GET_CACHE);
	size_t n;
	int r;

	bind_text(statement, 1, name);
	r = database_read(database, statement, "read the cache");
	if (r == 1) {
		n = (size_t)sqlite3_column_bytes(statement, 0);
		r = n <= *length && column_blob(statement, 0, bytes, n) ? 0 : -EMSGSIZE;
		*length = n;
	} else if (r == 0) {
		r = -ENOENT;
	}
	sqlite3_reset(statement);
	return r;
}

int database_set_cache(struct database *database, const char *name, const uint8_t *bytes,
		       size_t length)
{
	sqlite3_stmt *statement = database_use(database, length ? SET_CACHE : REMOVE_CACHE);

	bind_text(statement, 1, name);
	if (length)
		bind_blob(statement, 2, bytes, length);
	return database_write(database, statement, "store the cache");
}
