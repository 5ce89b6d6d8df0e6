#include "svc-metrics/archive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "svc-metrics/archive_private.h"

#define SCHEMA_VERSION 1
#define MEMORY_MAX     (8u << 20)
#define LOG_BYTES_MAX  "4194304"

static const char schema[] =
	"CREATE TABLE block (id INTEGER PRIMARY KEY, spans BLOB NOT NULL);"
	"CREATE TABLE subject (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
	" seen INTEGER NOT NULL);" /* the start of its last block */
	"CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, game TEXT NOT NULL,"
	" server TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, peers BLOB NOT NULL);"
	"CREATE INDEX running ON session (ended) WHERE ended IS NULL;"
	"PRAGMA user_version = 1;";

static const struct sql_command statements[ARCHIVE_STATEMENTS] = {
	[ARCHIVE_PAGES] = {"read", "PRAGMA page_count"},
	[ARCHIVE_FREE_PAGES] = {"read", "PRAGMA freelist_count"},
	[ARCHIVE_GET_BLOCK] = {"read samples", "SELECT spans FROM block WHERE id = ?1"},
	[ARCHIVE_SET_BLOCK] = {"store samples", "INSERT OR REPLACE INTO block VALUES (?1, ?2)"},
	[ARCHIVE_FIRST_BLOCK] =
		{"read", "SELECT id FROM block WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1"},
	[ARCHIVE_DROP_BLOCKS] = {"drop old samples",
				 "DELETE FROM block WHERE id >= ?1 AND id < ?2"},
	[ARCHIVE_GET_SUBJECT] = {"read", "SELECT id FROM subject WHERE key = ?1"},
	[ARCHIVE_ADD_SUBJECT] = {"store a peer", "INSERT INTO subject (key, seen) SELECT ?1, ?2"
						 " WHERE (SELECT count(*) FROM subject) < ?3"},
	[ARCHIVE_SEE_SUBJECT] = {"store a peer",
				 "UPDATE subject SET seen = ?2 WHERE id = ?1 AND seen < ?2"},
	[ARCHIVE_EACH_SUBJECT] = {"read the peers",
				  "SELECT id FROM subject WHERE seen >= ?1 LIMIT ?2"},
	[ARCHIVE_DROP_SUBJECTS] = {"drop old peers", "DELETE FROM subject WHERE seen < ?1"},
	[ARCHIVE_SET_SESSION] = {"store a session",
				 "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
	[ARCHIVE_DROP_SESSIONS] = {"drop old sessions",
				   "DELETE FROM session WHERE ended IS NOT NULL AND id <="
				   " (SELECT id FROM session ORDER BY id DESC LIMIT 1 OFFSET ?1)"},
	[ARCHIVE_GET_SESSION] = {"read sessions",
				 "SELECT id, game, server, started, ended, peers FROM session"
				 " WHERE id = ?1"},
	[ARCHIVE_EACH_SESSION] = {"read sessions",
				  "SELECT id, game, server, started, ended, NULL FROM session"
				  " ORDER BY id DESC LIMIT ?1 OFFSET ?2"},
	[ARCHIVE_COUNT_SESSIONS] = {"read", "SELECT count(*) FROM session"},
	[ARCHIVE_EACH_RUNNING] = {"read sessions",
				  "SELECT id, game, server, started, ended, peers FROM session"
				  " WHERE ended IS NULL ORDER BY id LIMIT ?1"},
};

static const struct sql_kind kind = {"history", schema, statements, ARCHIVE_STATEMENTS, 0};

/* ---- opening */

/* Nothing grows beyond its bound. */
static int set_bounds(struct archive *archive, size_t bytes_max)
{
	uint64_t page_size;
	char sql[128];
	int r = sql_ask(archive->sql, "PRAGMA page_size", &page_size, NULL);

	if (r < 0)
		return r;
	archive->pages_max = bytes_max / page_size;
	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
		       "PRAGMA journal_size_limit = " LOG_BYTES_MAX
		       "; PRAGMA max_page_count = %" PRIu64,
		       archive->pages_max);
	return sql_execute(archive->sql, sql, NULL);
}

/* path NULL: in memory. */
static int open_file(struct archive *archive, const char *path, size_t bytes_max)
{
	uint64_t version;
	int r = sql_open(&archive->sql, &kind, path, NULL);

	if (r == 0)
		r = sql_ask(archive->sql, "PRAGMA user_version", &version, NULL);
	if (r == 0 && version != SCHEMA_VERSION)
		r = -EBADMSG;
	if (r == 0)
		r = sql_check(archive->sql, NULL);
	if (r == 0)
		r = set_bounds(archive, bytes_max);
	if (r == 0)
		r = sql_prepare(archive->sql, NULL);
	if (r < 0) {
		sql_close(archive->sql);
		archive->sql = NULL;
	}
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
	r = open_file(archive, NULL, MEMORY_MAX);
	/* ids of sessions that the file does not have, for those that will move there */
	return r < 0 ? r
		     : sql_execute(archive->sql,
				   "INSERT INTO sqlite_sequence VALUES ('session', unixepoch())",
				   NULL);
}

/* What was kept in memory is forgotten then. */
static void leave_memory(struct archive *archive)
{
	struct archive other = *archive;

	if (open_file(&other, other.path, other.bytes_max) < 0)
		return;
	log_notice("history: %s can be written now", archive->path);
	sql_close(archive->sql);
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
	sql_close(archive->sql);
	free(archive);
}

/* ---- transactions */

int archive_begin(struct archive *archive, uint64_t wall_s)
{
	if (archive->in_memory)
		leave_memory(archive);
	archive->wall_s = wall_s;
	return sql_begin(archive->sql);
}

/* What SQLite finds damaged while it works is set aside, as at opening. */
static void replace_damaged(struct archive *archive)
{
	sql_close(archive->sql);
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
	int r = sql_commit(archive->sql);

	if (r == -EBADMSG)
		replace_damaged(archive);
	return r;
}
