#include "svc-control/database.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/sql.h"
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
	REMOVE_PARTY,
	REMOVE_MEMBERS,
	REMOVE_RECORDS,
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

static const struct sql_command statements[STATEMENTS] = {
	[GET_SETTING] = {"read a setting", "SELECT value FROM setting WHERE key = ?1"},
	[SET_SETTING] = {"store a setting", "INSERT OR REPLACE INTO setting VALUES (?1, ?2)"},
	[REMOVE_SETTING] = {"store a setting", "DELETE FROM setting WHERE key = ?1"},
	[GET_COUNTER] = {"read the sequence", "SELECT value FROM counter WHERE name = ?1"},
	[SET_COUNTER] = {"store the sequence", "INSERT OR REPLACE INTO counter VALUES (?1, ?2)"},
	[GET_PARTY] = {"read the party",
		       "SELECT id, key, generation, host, name, own_name, server_url, prefix,"
		       " prefix_length, proof, change, has_key, key_id, signer,"
		       " voucher, local, beacon_key FROM party"},
	[SET_PARTY] = {"store the party",
		       "INSERT OR REPLACE INTO party VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		       " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"},
	[REMOVE_PARTY] = {"remove the party", "DELETE FROM party"},
	[REMOVE_MEMBERS] = {"remove the party", "DELETE FROM member"},
	[REMOVE_RECORDS] = {"remove the party", "DELETE FROM generation"},
	[SET_MEMBER] = {"store a member",
			"INSERT OR REPLACE INTO member VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
			" ?9)"},
	[REMOVE_MEMBER] = {"remove a member", "DELETE FROM member WHERE identity = ?1"},
	[EACH_MEMBER] = {"read the members",
			 "SELECT identity, wireguard_key, number, lease, address, present,"
			 " listed, sequence, said FROM member"},
	[ADD_RECORD] = {"store a generation", "INSERT OR REPLACE INTO generation VALUES (?1, ?2)"},
	[EACH_RECORD] = {"read the generations", "SELECT record FROM generation ORDER BY number"},
	[GET_CACHE] = {"read the cache", "SELECT value FROM cache WHERE name = ?1"},
	[SET_CACHE] = {"store the cache", "INSERT OR REPLACE INTO cache VALUES (?1, ?2)"},
	[REMOVE_CACHE] = {"store the cache", "DELETE FROM cache WHERE name = ?1"},
	[SET_CONFIGURATION] = {"store a configuration",
			       "INSERT OR REPLACE INTO configuration VALUES (?1, ?2)"},
	[REMOVE_CONFIGURATION] = {"remove a configuration",
				  "DELETE FROM configuration WHERE name = ?1"},
	[EACH_CONFIGURATION] = {"read the configurations",
				"SELECT name, saved FROM configuration ORDER BY name"},
	[ADD_CONFIGURED] = {"store a configuration's setting",
			    "INSERT OR REPLACE INTO configured VALUES (?1, ?2, ?3)"},
	[REMOVE_CONFIGURED] = {"empty a configuration", "DELETE FROM configured WHERE name = ?1"},
	[EACH_CONFIGURED] = {"read a configuration",
			     "SELECT key, value FROM configured WHERE name = ?1 ORDER BY key"},
};

static const struct sql_kind kind = {"database", schema, statements, STATEMENTS, 0};

struct database {
	struct sql *sql;
};

/* ---- opening */

/* Reads only: a file that is not ours to use stays as it is. */
static int database_inspect(struct sql *sql, const char *path, uint64_t *version,
			    struct error *error)
{
	int r = sql_ask(sql, "PRAGMA user_version", version, error);

	if (r < 0)
		return r;
	if (*version == 0)
		return error_set(error, -EBADMSG, "%s is damaged: nothing of ours is in it", path);
	if (*version > SCHEMA_VERSION)
		return error_set(
			error, -EPROTONOSUPPORT,
			"%.160s was made by a later version of LANrage; install that version",
			path);
	if (*version < SCHEMA_OLDEST)
		return error_set(error, -EPROTONOSUPPORT,
				 "%.160s was made by an earlier version of LANrage, which this one "
				 "does not read; move it away to start without party and settings",
				 path);
	return sql_check(sql, error);
}

static int database_set_up(struct sql **sql, const char *path, struct error *error)
{
	uint64_t version = 0;
	int r = sql_open(sql, &kind, path, error);

	if (r == 0)
		r = database_inspect(*sql, path, &version, error);
	if (r == 0)
		r = sql_execute(*sql, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
				error);
	/* a kill leaves the old version or the new one */
	if (r == 0 && version < SCHEMA_VERSION)
		r = sql_execute(*sql, "BEGIN IMMEDIATE; " SAVED_TABLES " COMMIT", error);
	return r < 0 ? r : sql_prepare(*sql, error);
}

int database_open(struct database **out, const char *path, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));
	struct error why;
	int r;

	*out = NULL;
	if (!database)
		return error_set(error, -ENOMEM, "out of memory");
	r = database_set_up(&database->sql, path, &why);
	if (r == -EPROTONOSUPPORT)
		error_set(error, r, "%s", why.text); /* which says what to do */
	else if (r < 0)
		error_set(error, r,
			  "%.160s; free disk space, mend its permissions, or move the file away to "
			  "start without party and settings",
			  why.text);
	if (r < 0) {
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
	sql_close(database->sql);
	free(database);
}

int database_begin(struct database *database)
{
	return sql_begin(database->sql);
}

int database_commit(struct database *database)
{
	return sql_commit(database->sql);
}

void database_rollback(struct database *database)
{
	sql_rollback(database->sql);
}

static bool column_proof(struct sql_statement *statement, int at, struct invite_proof *proof)
{
	size_t length;
	const uint8_t *bytes = sql_get_bytes(statement, at, &length);

	return bytes && sealed_proof_unpack(proof, bytes, length) == 0;
}

/* ---- settings */

int database_get_setting(struct database *database, const char *key,
			 char value[CONTROL_SETTING_MAX])
{
	struct sql_statement *statement = sql_bind(database->sql, GET_SETTING, sql_text(key));
	int r = sql_find(statement);

	if (r == 0 && !sql_get_text(statement, 0, value, CONTROL_SETTING_MAX))
		r = -EBADMSG;
	sql_reset(statement);
	return r;
}

int database_set_setting(struct database *database, const char *key, const char *value)
{
	return sql_run(value ? sql_bind(database->sql, SET_SETTING, sql_text(key), sql_text(value))
			     : sql_bind(database->sql, REMOVE_SETTING, sql_text(key)));
}

int database_set_configuration(struct database *database, const char *name, uint64_t saved_s)
{
	int r = database_begin(database);

	if (r < 0)
		return r;
	(void)sql_do(database->sql, REMOVE_CONFIGURED, sql_text(name));
	(void)sql_run(
		sql_bind(database->sql, SET_CONFIGURATION, sql_text(name), sql_number(saved_s)));
	return database_commit(database);
}

int database_add_configured(struct database *database, const char *name, const char *key,
			    const char *value)
{
	return sql_do(database->sql, ADD_CONFIGURED, sql_text(name), sql_text(key),
		      sql_text(value));
}

int database_remove_configuration(struct database *database, const char *name)
{
	unsigned int gone;
	int r = database_begin(database);

	if (r < 0)
		return r;
	(void)sql_do(database->sql, REMOVE_CONFIGURED, sql_text(name));
	(void)sql_do(database->sql, REMOVE_CONFIGURATION, sql_text(name));
	gone = sql_changes(database->sql);
	r = database_commit(database);
	return r == 0 && gone == 0 ? -ENOENT : r;
}

int database_each_configuration(struct database *database,
				void (*each)(void *data, const char *name, uint64_t saved_s),
				void *data)
{
	struct sql_statement *statement = sql_use(database->sql, EACH_CONFIGURATION);
	int r;

	while ((r = sql_step(statement)) == 1)
		each(data, sql_borrow_text(statement, 0), sql_get_number(statement, 1));
	return r;
}

int database_each_configured(struct database *database, const char *name,
			     void (*each)(void *data, const char *key, const char *value),
			     void *data)
{
	struct sql_statement *statement = sql_bind(database->sql, EACH_CONFIGURED, sql_text(name));
	int r;

	while ((r = sql_step(statement)) == 1)
		each(data, sql_borrow_text(statement, 0), sql_borrow_text(statement, 1));
	return r;
}

int database_next_sequence(struct database *database, uint64_t floor, uint64_t *sequence)
{
	const struct sql_value name = sql_text("announcement");
	uint64_t last;
	int r = sql_find_number(sql_bind(database->sql, GET_COUNTER, name), 0, &last);

	if (r < 0)
		return r;
	*sequence = last >= floor ? last + 1 : floor;
	return sql_do(database->sql, SET_COUNTER, name, sql_number(*sequence));
}

/* ---- the party */

static bool database_read_party(struct sql_statement *s, struct database_party *party)
{
	party->trust.generation = (uint32_t)sql_get_number(s, 2);
	party->prefix.addr = addr_ipv4((uint32_t)sql_get_number(s, 7), 0);
	party->prefix.length = (uint8_t)sql_get_number(s, 8);
	party->has_proof = !sql_is_null(s, 9);
	party->change = sql_get_number(s, 10);
	party->trust.has_key = sql_get_number(s, 11) != 0;
	party->has_voucher = !sql_is_null(s, 14);
	party->local = sql_get_number(s, 15) != 0;
	return sql_get_blob(s, 0, party->trust.party_id, sizeof(party->trust.party_id)) &&
	       sql_get_blob(s, 1, party->trust.party_key, 32) &&
	       sql_get_blob(s, 3, party->trust.host, 32) &&
	       sql_get_text(s, 4, party->name, sizeof(party->name)) &&
	       sql_get_text(s, 5, party->own_name, sizeof(party->own_name)) &&
	       sql_get_text(s, 6, party->server_url, sizeof(party->server_url)) &&
	       (!party->has_proof || column_proof(s, 9, &party->proof)) &&
	       sql_get_blob(s, 12, party->trust.key_id, 32) &&
	       sql_get_blob(s, 13, party->trust.signer, 32) &&
	       sql_get_blob(s, 16, party->beacon_key, sizeof(party->beacon_key)) &&
	       (!party->has_voucher || sql_get_blob(s, 14, party->voucher, sizeof(party->voucher)));
}

int database_get_party(struct database *database, struct database_party *party)
{
	struct sql_statement *statement = sql_use(database->sql, GET_PARTY);
	int r;

	memset(party, 0, sizeof(*party));
	r = sql_find(statement);
	if (r == 0 && !database_read_party(statement, party)) {
		log_err("database: the party's row is damaged");
		r = -EBADMSG;
	}
	sql_reset(statement);
	return r;
}

int database_set_party(struct database *database, const struct database_party *party)
{
	const struct announcement_trust *trust = &party->trust;
	uint8_t proof[SEALED_PROOF_MAX];
	ssize_t length = 0;

	if (party->has_proof)
		length = sealed_proof_pack(&party->proof, proof, sizeof(proof));
	if (length < 0)
		return (int)length;
	return sql_do(
		database->sql, SET_PARTY, sql_blob(trust->party_id, sizeof(trust->party_id)),
		sql_blob(trust->party_key, 32), sql_number(trust->generation),
		sql_blob(trust->host, 32), sql_text(party->name), sql_text(party->own_name),
		sql_text(party->server_url), sql_number(addr_ipv4_value(&party->prefix.addr)),
		sql_number(party->prefix.length),
		party->has_proof ? sql_blob(proof, (size_t)length) : sql_null(),
		sql_number(party->change), sql_number(trust->has_key), sql_blob(trust->key_id, 32),
		sql_blob(trust->signer, 32),
		party->has_voucher ? sql_blob(party->voucher, sizeof(party->voucher)) : sql_null(),
		sql_number(party->local), sql_blob(party->beacon_key, sizeof(party->beacon_key)));
}

int database_remove_party(struct database *database)
{
	int r = database_begin(database);

	if (r < 0)
		return r;
	for (enum statement i = REMOVE_PARTY; i <= REMOVE_RECORDS; i++)
		(void)sql_run(sql_use(database->sql, i));
	return database_commit(database);
}

/* ---- members and generations */

int database_set_member(struct database *database, const struct database_member *member)
{
	return sql_do(database->sql, SET_MEMBER, sql_blob(member->identity, 32),
		      sql_blob(member->wireguard_key, 32), sql_number(member->number),
		      sql_number(member->lease), sql_number(addr_ipv4_value(&member->address)),
		      sql_number(member->present), sql_number(member->listed),
		      sql_number(member->sequence), sql_blob(member->said, member->said_length));
}

int database_remove_member(struct database *database, const uint8_t identity[32])
{
	return sql_do(database->sql, REMOVE_MEMBER, sql_blob(identity, 32));
}

static bool database_read_member(struct sql_statement *s, struct database_member *member)
{
	memset(member, 0, sizeof(*member));
	member->number = (uint16_t)sql_get_number(s, 2);
	member->lease = (uint32_t)sql_get_number(s, 3);
	member->address = addr_ipv4((uint32_t)sql_get_number(s, 4), 0);
	member->present = sql_get_number(s, 5) != 0;
	member->listed = sql_get_number(s, 6) != 0;
	member->sequence = sql_get_number(s, 7);
	(void)sql_get_bytes(s, 8, &member->said_length);
	if (member->said_length > sizeof(member->said))
		return false;
	return sql_get_blob(s, 0, member->identity, 32) &&
	       sql_get_blob(s, 1, member->wireguard_key, 32) &&
	       sql_get_blob(s, 8, member->said, member->said_length);
}

int database_each_member(struct database *database,
			 void (*each)(void *data, const struct database_member *member), void *data)
{
	struct sql_statement *statement = sql_use(database->sql, EACH_MEMBER);
	struct database_member member;
	int r;

	while ((r = sql_step(statement)) == 1) {
		if (database_read_member(statement, &member))
			each(data, &member);
		else
			log_warning("database: a member's row is damaged; waiting for the server "
				    "to tell of it again");
	}
	return r;
}

int database_add_record(struct database *database, const struct rendezvous_generation *record)
{
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];

	rendezvous_generation_pack(record, bytes);
	return sql_do(database->sql, ADD_RECORD, sql_number(record->number),
		      sql_blob(bytes, sizeof(bytes)));
}

int database_each_record(struct database *database,
			 void (*each)(void *data, const struct rendezvous_generation *record),
			 void *data)
{
	struct sql_statement *statement = sql_use(database->sql, EACH_RECORD);
	struct rendezvous_generation record;
	int r;

	while ((r = sql_step(statement)) == 1) {
		size_t length;
		const uint8_t *bytes = sql_get_bytes(statement, 0, &length);

		if (rendezvous_generation_unpack(&record, bytes, length) == 0)
			each(data, &record);
	}
	return r;
}

/* ---- the cache */

int database_get_cache(struct database *database, const char *name, uint8_t *bytes, size_t *length)
{
	struct sql_statement *statement = sql_bind(database->sql, GET_CACHE, sql_text(name));
	size_t n;
	int r = sql_find(statement);

	if (r == 0) {
		(void)sql_get_bytes(statement, 0, &n);
		r = n <= *length && sql_get_blob(statement, 0, bytes, n) ? 0 : -EMSGSIZE;
		*length = n;
	}
	sql_reset(statement);
	return r;
}

int database_set_cache(struct database *database, const char *name, const uint8_t *bytes,
		       size_t length)
{
	return sql_run(
		length ? sql_bind(database->sql, SET_CACHE, sql_text(name), sql_blob(bytes, length))
		       : sql_bind(database->sql, REMOVE_CACHE, sql_text(name)));
}
