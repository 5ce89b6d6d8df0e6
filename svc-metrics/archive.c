#include "svc-metrics/archive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "svc-metrics/archive_private.h"

#define PAGE_SIZE      4096
#define SCHEMA_VERSION "1"
#define MEMORY	       ":memory:"
#define MEMORY_MAX     (8u << 20)
#define LOG_BYTES_MAX  "4194304"

static const char schema[] =
	"BEGIN;"
	"CREATE TABLE block (id INTEGER PRIMARY KEY, spans BLOB NOT NULL);"
	"CREATE TABLE subject (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
	" seen INTEGER NOT NULL);" /* the start of its last block */
	"CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, game TEXT NOT NULL,"
	" server TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, peers BLOB NOT NULL);"
	"CREATE INDEX running ON session (ended) WHERE ended IS NULL;"
	"PRAGMA user_version = " SCHEMA_VERSION ";"
	"COMMIT;";

static const char *const statements[ARCHIVE_STATEMENTS] = {
	[ARCHIVE_BEGIN] = "BEGIN IMMEDIATE",
	[ARCHIVE_BEGIN_READING] = "BEGIN",
	[ARCHIVE_COMMIT] = "COMMIT",
	[ARCHIVE_PAGES] = "PRAGMA page_count",
	[ARCHIVE_FREE_PAGES] = "PRAGMA freelist_count",
	[ARCHIVE_GET_BLOCK] = "SELECT spans FROM block WHERE id = ?1",
	[ARCHIVE_SET_BLOCK] = "INSERT OR REPLACE INTO block VALUES (?1, ?2)",
	[ARCHIVE_FIRST_BLOCK] =
		"SELECT id FROM block WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1",
	[ARCHIVE_DROP_BLOCKS] = "DELETE FROM block WHERE id >= ?1 AND id < ?2",
	[ARCHIVE_GET_SUBJECT] = "SELECT id FROM subject WHERE key = ?1",
	[ARCHIVE_ADD_SUBJECT] = "INSERT INTO subject (key, seen) SELECT ?1, ?2"
				" WHERE (SELECT count(*) FROM subject) < ?3",
	[ARCHIVE_SEE_SUBJECT] = "UPDATE subject SET seen = ?2 WHERE id = ?1 AND seen < ?2",
	[ARCHIVE_EACH_SUBJECT] = "SELECT id FROM subject WHERE seen >= ?1 LIMIT ?2",
	[ARCHIVE_DROP_SUBJECTS] = "DELETE FROM subject WHERE seen < ?1",
	[ARCHIVE_SET_SESSION] = "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[ARCHIVE_DROP_SESSIONS] = "DELETE FROM session WHERE ended IS NOT NULL AND id <="
				  " (SELECT id FROM session ORDER BY id DESC LIMIT 1 OFFSET ?1)",
	[ARCHIVE_GET_SESSION] = "SELECT id, game, server, started, ended, peers FROM session"
				" WHERE id = ?1",
	[ARCHIVE_EACH_SESSION] = "SELECT id, game, server, started, ended FROM session"
				 " ORDER BY id DESC LIMIT ?1 OFFSET ?2",
	[ARCHIVE_COUNT_SESSIONS] = "SELECT count(*) FROM session",
	[ARCHIVE_EACH_RUNNING] = "SELECT id, game, server, started, ended, peers FROM session"
				 " WHERE ended IS NULL ORDER BY id LIMIT ?1",
};

static int archive_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_CANTOPEN: return -EACCES;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_ERROR: /* the statements are right, so the tables are not */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return -EBADMSG;
	default: return -EIO;
	}
}

static int failed(struct archive *archive, const char *what)
{
	int r = archive_errno(sqlite3_errcode(archive->sqlite));

	log_err("history: cannot %s: %s", what, sqlite3_errmsg(archive->sqlite));
	if (archive->failure == 0)
		archive->failure = r;
	return r;
}

/* ---- opening */

static void close_file(struct archive *archive)
{
	for (size_t i = 0; i < ARCHIVE_STATEMENTS; i++) {
		sqlite3_finalize(archive->prepared[i]);
		archive->prepared[i] = NULL;
	}
	sqlite3_close(archive->sqlite);
	archive->sqlite = NULL;
}

/* 0: yes; -EBADMSG: no; else it could not be asked, which says nothing about the file. */
static int expect(struct archive *archive, const char *sql, const char *wanted)
{
	sqlite3_stmt *statement;
	const char *text;
	int r;

	if (sqlite3_prepare_v2(archive->sqlite, sql, -1, &statement, NULL) != SQLITE_OK)
		return archive_errno(sqlite3_errcode(archive->sqlite));
	if (sqlite3_step(statement) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(statement, 0);
		r = text && strcmp(text, wanted) == 0 ? 0 : -EBADMSG;
	} else {
		r = archive_errno(sqlite3_errcode(archive->sqlite));
	}
	sqlite3_finalize(statement);
	return r;
}

static int run(struct archive *archive, const char *sql)
{
	if (sqlite3_exec(archive->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return archive_errno(sqlite3_errcode(archive->sqlite));
}

static int prepare(struct archive *archive)
{
	for (size_t i = 0; i < ARCHIVE_STATEMENTS; i++)
		if (sqlite3_prepare_v3(archive->sqlite, statements[i], -1,
				       SQLITE_PREPARE_PERSISTENT, &archive->prepared[i],
				       NULL) != SQLITE_OK)
			return archive_errno(sqlite3_errcode(archive->sqlite));
	return 0;
}

/* Nothing of another hand is run, and nothing grows beyond its bound. */
static int set_up(struct archive *archive, size_t bytes_max)
{
	char sql[256];
	int r;

	archive->pages_max = bytes_max / PAGE_SIZE;
	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA page_size = %d; PRAGMA journal_mode = WAL;"
		       "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = " LOG_BYTES_MAX ";"
		       "PRAGMA trusted_schema = OFF; PRAGMA max_page_count = %zu;",
		       PAGE_SIZE, bytes_max / PAGE_SIZE);
	r = run(archive, sql);
	if (r == 0 && expect(archive, "SELECT count(*) FROM sqlite_schema", "0") == 0)
		r = run(archive, schema);
	if (r == 0)
		r = expect(archive, "PRAGMA user_version", SCHEMA_VERSION);
	if (r == 0)
		r = expect(archive, "PRAGMA quick_check(1)", "ok");
	return r < 0 ? r : prepare(archive);
}

/* Who plays what with whom is nobody else's affair. */
static int open_file(struct archive *archive, const char *path, size_t bytes_max)
{
	mode_t mask = umask(077);
	int r;

	if (sqlite3_open_v2(path, &archive->sqlite,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		r = archive_errno(sqlite3_errcode(archive->sqlite));
	else
		r = set_up(archive, bytes_max);
	if (r < 0)
		close_file(archive);
	umask(mask);
	return r;
}

/* A log without its file would be taken for the next one's. */
static void set_aside(struct archive *archive)
{
	static const char *const logs[] = {"-wal", "-shm"};
	char other[PATH_MAX + 16];

	log_warning("history: %s is damaged or of another version; it is kept as %s.aside, and a "
		    "new one is begun",
		    archive->path, archive->path);
	(void)snprintf(other, sizeof(other), "%s.aside", archive->path);
	if (rename(archive->path, other) < 0)
		(void)unlink(archive->path);
	for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]); i++) {
		(void)snprintf(other, sizeof(other), "%s%s", archive->path, logs[i]);
		(void)unlink(other);
	}
}

static int open_some(struct archive *archive)
{
	int r = open_file(archive, archive->path, archive->bytes_max);

	if (r == -EBADMSG) {
		set_aside(archive);
		r = open_file(archive, archive->path, archive->bytes_max);
	}
	if (r == 0 || r == -ENOMEM)
		return r;
	log_err("history: cannot write %s: %s; it is kept in memory until that is possible: free "
		"disk space or mend the permissions",
		archive->path, strerror(-r));
	archive->in_memory = true;
	r = open_file(archive, MEMORY, MEMORY_MAX);
	/* ids of sessions that the file does not have, for those that will move there */
	return r < 0 ? r
		     : run(archive, "INSERT INTO sqlite_sequence VALUES ('session', unixepoch())");
}

/* What was kept in memory is forgotten then. */
static void leave_memory(struct archive *archive)
{
	struct archive other = *archive;

	memset(other.prepared, 0, sizeof(other.prepared));
	if (open_file(&other, other.path, other.bytes_max) < 0)
		return;
	log_notice("history: %s can be written now", archive->path);
	close_file(archive);
	*archive = other;
	archive->in_memory = false;
}

int archive_open(struct archive **out, const char *path, size_t bytes_max)
{
	struct archive *archive = calloc(1, sizeof(*archive));
	int r;

	*out = NULL;
	if (!archive)
		return -ENOMEM;
	archive->bytes_max = bytes_max;
	(void)snprintf(archive->path, sizeof(archive->path), "%s", path);
	r = open_some(archive);
	if (r < 0) {
		free(archive);
		return r;
	}
	*out = archive;
	return 0;
}

void archive_close(struct archive *archive)
{
	if (!archive)
		return;
	close_file(archive);
	free(archive);
}

/* ---- statements */

sqlite3_stmt *archive_use(struct archive *archive, enum archive_statement which)
{
	sqlite3_stmt *statement = archive->prepared[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

void archive_bind(sqlite3_stmt *statement, int at, uint64_t value)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

void archive_bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(statement, at, length ? bytes : "", length, SQLITE_STATIC);
}

int archive_step(struct archive *archive, sqlite3_stmt *statement, const char *what)
{
	int r = sqlite3_step(statement);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : failed(archive, what);
}

int archive_write(struct archive *archive, sqlite3_stmt *statement, const char *what)
{
	int r = archive->failure ? archive->failure : archive_step(archive, statement, what);

	sqlite3_reset(statement);
	return r < 0 ? r : 0;
}

int archive_read_number(struct archive *archive, sqlite3_stmt *statement, uint64_t fallback,
			uint64_t *number)
{
	int r = archive_step(archive, statement, "read");

	*number = r == 1 ? (uint64_t)sqlite3_column_int64(statement, 0) : fallback;
	sqlite3_reset(statement);
	return r < 0 ? r : 0;
}

int archive_begin(struct archive *archive, uint64_t wall_s)
{
	if (archive->in_memory)
		leave_memory(archive);
	archive->failure = 0;
	archive->wall_s = wall_s;
	return archive_write(archive, archive_use(archive, ARCHIVE_BEGIN), "begin");
}

/* What SQLite finds damaged while it works is set aside, as at opening. */
static void replace_damaged(struct archive *archive)
{
	close_file(archive);
	set_aside(archive);
	if (open_some(archive) < 0)
		abort(); /* without memory even for an empty one */
}

int archive_settle(struct archive *archive, int r)
{
	if (r == -EBADMSG)
		replace_damaged(archive);
	return r == -EBADMSG ? -EIO : r;
}

int archive_commit(struct archive *archive)
{
	int r = archive_write(archive, archive_use(archive, ARCHIVE_COMMIT), "commit");

	if (r == 0)
		return 0;
	sqlite3_exec(archive->sqlite, "ROLLBACK", NULL, NULL, NULL);
	if (r == -EBADMSG)
		replace_damaged(archive);
	return r;
}
