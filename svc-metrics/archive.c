#include "svc-metrics/archive.h"

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
#include "common/text.h"

#define SCHEMA_VERSION	1
#define PAGE_SIZE	4096
#define MEMORY		":memory:"
#define MEMORY_MAX	(8u << 20)
#define ROOM_PAGES	64 /* more than any one statement takes */
#define LOG_BYTES_MAX	"4194304"
#define SUBJECT_BITS	20
#define START_BITS	40
#define DAY_S		86400
#define SUBJECT_MACHINE 0

static const char schema[] =
	"CREATE TABLE block (id INTEGER PRIMARY KEY, spans BLOB NOT NULL);"
	"CREATE TABLE subject (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE,"
	" seen INTEGER NOT NULL);" /* the start of its last block */
	"CREATE TABLE session (id INTEGER PRIMARY KEY AUTOINCREMENT, game TEXT NOT NULL,"
	" server TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, peers BLOB NOT NULL);"
	"CREATE INDEX running ON session (ended) WHERE ended IS NULL;"
	"PRAGMA user_version = 1;";

enum statement {
	BEGIN,
	BEGIN_READING,
	COMMIT,
	PAGES,
	FREE_PAGES,
	GET_BLOCK,
	SET_BLOCK,
	FIRST_BLOCK,
	DROP_BLOCKS,
	GET_SUBJECT,
	ADD_SUBJECT,
	SEE_SUBJECT,
	EACH_SUBJECT,
	DROP_SUBJECTS,
	SET_SESSION,
	DROP_SESSIONS,
	GET_SESSION,
	EACH_SESSION,
	COUNT_SESSIONS,
	EACH_RUNNING,
	STATEMENTS,
};

static const char *const statements[STATEMENTS] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[BEGIN_READING] = "BEGIN",
	[COMMIT] = "COMMIT",
	[PAGES] = "PRAGMA page_count",
	[FREE_PAGES] = "PRAGMA freelist_count",
	[GET_BLOCK] = "SELECT spans FROM block WHERE id = ?1",
	[SET_BLOCK] = "INSERT OR REPLACE INTO block VALUES (?1, ?2)",
	[FIRST_BLOCK] = "SELECT id FROM block WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1",
	[DROP_BLOCKS] = "DELETE FROM block WHERE id >= ?1 AND id < ?2",
	[GET_SUBJECT] = "SELECT id FROM subject WHERE key = ?1",
	[ADD_SUBJECT] = "INSERT INTO subject (key, seen) SELECT ?1, ?2"
			" WHERE (SELECT count(*) FROM subject) < ?3",
	[SEE_SUBJECT] = "UPDATE subject SET seen = ?2 WHERE id = ?1 AND seen < ?2",
	[EACH_SUBJECT] = "SELECT id FROM subject WHERE seen >= ?1 LIMIT ?2",
	[DROP_SUBJECTS] = "DELETE FROM subject WHERE seen < ?1",
	[SET_SESSION] = "INSERT OR REPLACE INTO session VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[DROP_SESSIONS] = "DELETE FROM session WHERE ended IS NOT NULL AND id <="
			  " (SELECT id FROM session ORDER BY id DESC LIMIT 1 OFFSET ?1)",
	[GET_SESSION] = "SELECT id, game, server, started, ended, peers FROM session"
			" WHERE id = ?1",
	[EACH_SESSION] = "SELECT id, game, server, started, ended FROM session"
			 " ORDER BY id DESC LIMIT ?1 OFFSET ?2",
	[COUNT_SESSIONS] = "SELECT count(*) FROM session",
	[EACH_RUNNING] = "SELECT id, game, server, started, ended, peers FROM session"
			 " WHERE ended IS NULL ORDER BY id LIMIT ?1",
};

struct archive {
	char path[PATH_MAX];
	size_t bytes_max;
	sqlite3 *sqlite;
	sqlite3_stmt *prepared[STATEMENTS];
	bool in_memory;	 /* as long as the file cannot be written */
	uint64_t wall_s; /* of the transaction */
	uint64_t pages_max;
	int failure; /* the first since begin */
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
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(archive->prepared[i]);
		archive->prepared[i] = NULL;
	}
	sqlite3_close(archive->sqlite);
	archive->sqlite = NULL;
}

static bool pragma_says(struct archive *archive, const char *sql, const char *wanted)
{
	sqlite3_stmt *statement;
	const char *text;
	bool good = false;

	if (sqlite3_prepare_v2(archive->sqlite, sql, -1, &statement, NULL) != SQLITE_OK)
		return false;
	if (sqlite3_step(statement) == SQLITE_ROW) {
		text = (const char *)sqlite3_column_text(statement, 0);
		good = text && strcmp(text, wanted) == 0;
	}
	sqlite3_finalize(statement);
	return good;
}

static int run(struct archive *archive, const char *sql)
{
	if (sqlite3_exec(archive->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return archive_errno(sqlite3_errcode(archive->sqlite));
}

static int prepare(struct archive *archive)
{
	for (size_t i = 0; i < STATEMENTS; i++)
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
	if (r == 0 && pragma_says(archive, "SELECT count(*) FROM sqlite_schema", "0"))
		r = run(archive, schema);
	if (r == 0 && !pragma_says(archive, "PRAGMA user_version", "1"))
		return -EBADMSG;
	if (r == 0 && !pragma_says(archive, "PRAGMA quick_check(1)", "ok"))
		return -EBADMSG;
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

static sqlite3_stmt *use(struct archive *archive, enum statement which)
{
	sqlite3_stmt *statement = archive->prepared[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

static void bind_number(sqlite3_stmt *statement, int at, uint64_t value)
{
	sqlite3_bind_int64(statement, at, (sqlite3_int64)value);
}

static void bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t length)
{
	sqlite3_bind_blob64(statement, at, length ? bytes : "", length, SQLITE_STATIC);
}

/* 1: a row is there; 0: none. */
static int step(struct archive *archive, sqlite3_stmt *statement, const char *what)
{
	int r = sqlite3_step(statement);

	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : failed(archive, what);
}

static int write_row(struct archive *archive, sqlite3_stmt *statement, const char *what)
{
	int r = archive->failure ? archive->failure : step(archive, statement, what);

	sqlite3_reset(statement);
	return r < 0 ? r : 0;
}

/* The first column of the first row; fallback where there is none. */
static int read_number(struct archive *archive, sqlite3_stmt *statement, uint64_t fallback,
		       uint64_t *number)
{
	int r = step(archive, statement, "read");

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
	return write_row(archive, use(archive, BEGIN), "begin");
}

/* What SQLite finds damaged while it works is set aside, as at opening. */
static void replace_damaged(struct archive *archive)
{
	close_file(archive);
	set_aside(archive);
	if (open_some(archive) < 0)
		abort(); /* without memory even for an empty one */
}

/* How reading went, for others. */
static int settle(struct archive *archive, int r)
{
	if (r == -EBADMSG)
		replace_damaged(archive);
	return r == -EBADMSG ? -EIO : r;
}

int archive_commit(struct archive *archive)
{
	int r = write_row(archive, use(archive, COMMIT), "commit");

	if (r == 0)
		return 0;
	sqlite3_exec(archive->sqlite, "ROLLBACK", NULL, NULL, NULL);
	if (r == -EBADMSG)
		replace_damaged(archive);
	return r;
}

/* ---- rows of blocks */

static uint64_t number_of(enum tier tier, uint64_t start_s, uint64_t subject)
{
	const uint64_t start_max = (1ull << START_BITS) - 1;

	return (uint64_t)tier << (START_BITS + SUBJECT_BITS) |
	       (start_s < start_max ? start_s : start_max) << SUBJECT_BITS |
	       (subject & ((1ull << SUBJECT_BITS) - 1));
}

static uint64_t start_of(uint64_t number)
{
	return number >> SUBJECT_BITS & ((1ull << START_BITS) - 1);
}

/* All that starts in from_s to to_s (not included). */
static int drop_blocks(struct archive *archive, enum tier tier, uint64_t from_s, uint64_t to_s)
{
	sqlite3_stmt *statement = use(archive, DROP_BLOCKS);

	bind_number(statement, 1, number_of(tier, from_s, 0));
	bind_number(statement, 2, number_of(tier, to_s, 0));
	return write_row(archive, statement, "drop old samples");
}

static int first_start(struct archive *archive, enum tier tier, uint64_t from_s, uint64_t *start_s)
{
	sqlite3_stmt *statement = use(archive, FIRST_BLOCK);
	uint64_t number;
	int r;

	bind_number(statement, 1, number_of(tier, from_s, 0));
	bind_number(statement, 2, number_of(tier + 1, 0, 0));
	r = read_number(archive, statement, UINT64_MAX, &number);
	*start_s = number == UINT64_MAX ? UINT64_MAX : start_of(number);
	return r;
}

/* Of the future where there is any, else of the oldest start. */
static int drop_oldest(struct archive *archive, bool *dropped)
{
	uint64_t starts[2], future_s = archive->wall_s + DAY_S;
	enum tier tier;
	int r = 0;

	for (tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++) {
		r = first_start(archive, tier, future_s, &starts[tier - 1]);
		if (r == 0 && starts[tier - 1] != UINT64_MAX) {
			*dropped = true;
			return drop_blocks(archive, tier, future_s, UINT64_MAX);
		}
	}
	for (tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++)
		r = first_start(archive, tier, 0, &starts[tier - 1]);
	if (r < 0)
		return r;
	tier = starts[0] < starts[1] ? TIER_TEN_SECONDS : TIER_MINUTE;
	*dropped = starts[tier - 1] != UINT64_MAX;
	return *dropped ? drop_blocks(archive, tier, starts[tier - 1], starts[tier - 1] + 1) : 0;
}

/* For one more statement. Where nothing is left to drop, SQLite's own bound stays. */
static int make_room(struct archive *archive)
{
	bool dropped = true;
	uint64_t pages = 0, unused = 0;
	int r = 0;

	while (r == 0 && dropped) {
		r = read_number(archive, use(archive, PAGES), 0, &pages);
		if (r == 0)
			r = read_number(archive, use(archive, FREE_PAGES), 0, &unused);
		if (r < 0 || pages - unused + ROOM_PAGES <= archive->pages_max)
			return r;
		r = drop_oldest(archive, &dropped);
	}
	return r;
}

/* 1: there was one; 0: block is all gaps. */
static int read_block(struct archive *archive, enum tier tier, uint64_t start_s, uint64_t subject,
		      struct block *block)
{
	sqlite3_stmt *statement = use(archive, GET_BLOCK);
	int r;

	bind_number(statement, 1, number_of(tier, start_s, subject));
	r = step(archive, statement, "read samples");
	if (r == 1 && block_unpack(block, tier, start_s, sqlite3_column_blob(statement, 0),
				   (size_t)sqlite3_column_bytes(statement, 0)) < 0)
		r = 0;
	if (r != 1)
		block_init(block, start_s);
	sqlite3_reset(statement);
	return r;
}

static int see_subject(struct archive *archive, uint64_t subject, uint64_t start_s)
{
	sqlite3_stmt *statement = use(archive, SEE_SUBJECT);

	bind_number(statement, 1, subject);
	bind_number(statement, 2, start_s);
	return write_row(archive, statement, "store a peer");
}

static int merge(struct archive *archive, enum tier tier, uint64_t subject,
		 const struct block *more)
{
	uint8_t bytes[BLOCK_BYTES_MAX];
	sqlite3_stmt *statement;
	struct block block;
	int r = read_block(archive, tier, more->start_s, subject, &block);

	if (r < 0 || !block_merge(&block, more, tier))
		return r < 0 ? r : 0;
	r = make_room(archive);
	if (r < 0)
		return r;
	statement = use(archive, SET_BLOCK);
	bind_number(statement, 1, number_of(tier, block.start_s, subject));
	bind_blob(statement, 2, bytes, block_pack(&block, tier, bytes));
	r = write_row(archive, statement, "store samples");
	return r < 0 || subject == SUBJECT_MACHINE ? r
						   : see_subject(archive, subject, block.start_s);
}

/* UINT64_MAX: nobody. */
static int find_subject(struct archive *archive, const uint8_t *key, uint64_t *subject)
{
	sqlite3_stmt *statement = use(archive, GET_SUBJECT);

	if (!key) {
		*subject = SUBJECT_MACHINE;
		return 0;
	}
	bind_blob(statement, 1, key, DATAPLANE_KEY_SIZE);
	return read_number(archive, statement, UINT64_MAX, subject);
}

static int add_subject(struct archive *archive, const uint8_t *key, uint64_t start_s,
		       uint64_t *subject)
{
	static struct log_limit full;
	sqlite3_stmt *statement = use(archive, ADD_SUBJECT);
	int r;

	bind_blob(statement, 1, key, DATAPLANE_KEY_SIZE);
	bind_number(statement, 2, start_s);
	bind_number(statement, 3, ARCHIVE_SUBJECTS_MAX);
	r = write_row(archive, statement, "store a peer");
	if (r == 0)
		r = find_subject(archive, key, subject);
	if (r == 0 && *subject == UINT64_MAX &&
	    log_limit_pass(&full, archive->wall_s * 1000000, 3600ull * 1000000))
		log_warning("history: of more than %d peers; the latest have none",
			    ARCHIVE_SUBJECTS_MAX);
	return r;
}

int archive_merge(struct archive *archive, const uint8_t *key, enum tier tier,
		  const struct block *block)
{
	uint64_t subject;
	int r = find_subject(archive, key, &subject);

	if (r == 0 && subject == UINT64_MAX)
		r = add_subject(archive, key, block->start_s, &subject);
	return r < 0 || subject == UINT64_MAX ? r : merge(archive, tier, subject, block);
}

static int each_block(struct archive *archive, uint64_t subject, enum tier tier, uint64_t from_s,
		      uint64_t to_s, void (*each)(void *data, const struct block *block),
		      void *data)
{
	const uint32_t block_s = tier_shapes[tier].block_s;
	struct block block;
	int r = 0;

	for (uint64_t start_s = block_start(tier, from_s + block_s - 1); r >= 0 && start_s < to_s;
	     start_s += block_s) {
		r = read_block(archive, tier, start_s, subject, &block);
		if (r == 1)
			each(data, &block);
	}
	return r < 0 ? r : 0;
}

/* In one transaction: SQLite's locks cost more than its look-ups. */
int archive_each(struct archive *archive, const uint8_t *key, enum tier tier, uint64_t from_s,
		 uint64_t to_s, void (*each)(void *data, const struct block *block), void *data)
{
	uint64_t subject;
	int r = step(archive, use(archive, BEGIN_READING), "read");

	if (r == 0)
		r = find_subject(archive, key, &subject);
	if (r == 0 && subject != UINT64_MAX)
		r = each_block(archive, subject, tier, from_s, to_s, each, data);
	(void)sqlite3_step(use(archive, COMMIT));
	return settle(archive, r);
}

/* ---- from tens of seconds to minutes, and away */

static int roll_up_hour(struct archive *archive, uint64_t subject, uint64_t hour_s)
{
	const uint32_t step_s = tier_shapes[TIER_TEN_SECONDS].block_s;
	struct block hour, block;

	block_init(&hour, hour_s);
	for (uint64_t at_s = hour_s; at_s < hour_s + tier_shapes[TIER_MINUTE].block_s;
	     at_s += step_s) {
		int r = read_block(archive, TIER_TEN_SECONDS, at_s, subject, &block);

		if (r < 0)
			return r;
		if (r == 1)
			block_roll_up(&hour, &block);
	}
	return merge(archive, TIER_MINUTE, subject, &hour);
}

/* Whoever has a block at or after since_s, and this machine. */
static ssize_t list_subjects(struct archive *archive, uint64_t since_s,
			     uint64_t subjects[ARCHIVE_SUBJECTS_MAX + 1])
{
	sqlite3_stmt *statement = use(archive, EACH_SUBJECT);
	ssize_t n = 0;
	int r;

	subjects[n++] = SUBJECT_MACHINE;
	bind_number(statement, 1, since_s);
	bind_number(statement, 2, ARCHIVE_SUBJECTS_MAX);
	while ((r = step(archive, statement, "read the peers")) == 1)
		subjects[n++] = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return r < 0 ? r : n;
}

int archive_roll_up(struct archive *archive, uint64_t from_s)
{
	static uint64_t subjects[ARCHIVE_SUBJECTS_MAX + 1];
	uint64_t end_s = block_start(TIER_MINUTE, archive->wall_s);
	int r = 0;

	for (uint64_t hour_s = block_start(TIER_MINUTE, from_s); r == 0 && hour_s < end_s;
	     hour_s += tier_shapes[TIER_MINUTE].block_s) {
		ssize_t n = list_subjects(archive, hour_s, subjects);

		r = n < 0 ? (int)n : 0;
		for (ssize_t i = 0; r == 0 && i < n; i++)
			r = roll_up_hour(archive, subjects[i], hour_s);
	}
	return r;
}

/* A subject goes after all its rows, so that no other takes them over with its number. */
int archive_expire(struct archive *archive)
{
	sqlite3_stmt *statement = use(archive, DROP_SUBJECTS);
	int r = 0;

	for (enum tier tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++) {
		uint64_t kept_s = tier_shapes[tier].kept_s + tier_shapes[tier].block_s;

		if (archive->wall_s > kept_s)
			r = drop_blocks(archive, tier, 0, archive->wall_s - kept_s);
	}
	if (r < 0 || archive->wall_s <= METRICS_KEPT_S + DAY_S)
		return r;
	bind_number(statement, 1, archive->wall_s - METRICS_KEPT_S - DAY_S);
	return write_row(archive, statement, "drop old peers");
}

/* ---- game sessions */

static int drop_sessions(struct archive *archive)
{
	sqlite3_stmt *statement = use(archive, DROP_SESSIONS);

	bind_number(statement, 1, METRICS_SESSIONS_MAX);
	return write_row(archive, statement, "drop old sessions");
}

int archive_set_session(struct archive *archive, struct archive_session *from)
{
	struct metrics_session *session = &from->session;
	sqlite3_stmt *s = use(archive, SET_SESSION);
	int r = make_room(archive);

	if (r < 0)
		return r;
	if (session->id)
		bind_number(s, 1, session->id);
	sqlite3_bind_text(s, 2, session->game.game, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(s, 3, session->game.server, -1, SQLITE_TRANSIENT);
	bind_number(s, 4, session->started_s);
	if (session->ended_s != METRICS_UNKNOWN)
		bind_number(s, 5, session->ended_s);
	bind_blob(s, 6, from->peers, from->peers_length);
	r = write_row(archive, s, "store a session");
	if (r < 0 || session->id)
		return r;
	session->id = (uint64_t)sqlite3_last_insert_rowid(archive->sqlite);
	return drop_sessions(archive);
}

static bool column_text(sqlite3_stmt *statement, int at, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(statement, at);

	return text && snprintf(out, size, "%s", text) < (int)size;
}

/* The columns of a session; peers where there is a sixth. False: nothing of ours. */
static bool read_session(sqlite3_stmt *s, struct archive_session *out)
{
	struct metrics_session *session = &out->session;

	memset(out, 0, sizeof(*out));
	session->id = (uint64_t)sqlite3_column_int64(s, 0);
	session->started_s = (uint64_t)sqlite3_column_int64(s, 3);
	session->ended_s = sqlite3_column_type(s, 4) == SQLITE_NULL
				   ? METRICS_UNKNOWN
				   : (uint64_t)sqlite3_column_int64(s, 4);
	if (sqlite3_column_count(s) > 5) {
		out->peers = sqlite3_column_blob(s, 5);
		out->peers_length = (size_t)sqlite3_column_bytes(s, 5);
	}
	return session->id && column_text(s, 1, session->game.game, sizeof(session->game.game)) &&
	       column_text(s, 2, session->game.server, sizeof(session->game.server)) &&
	       text_is_name(session->game.game, sizeof(session->game.game)) &&
	       text_is_clean(session->game.server);
}

static int each_row(struct archive *archive, sqlite3_stmt *statement,
		    void (*each)(void *data, const struct archive_session *session), void *data)
{
	struct archive_session session;
	int r, n = 0;

	while ((r = step(archive, statement, "read sessions")) == 1)
		if (read_session(statement, &session)) {
			each(data, &session);
			n++;
		}
	sqlite3_reset(statement);
	return r < 0 ? r : n;
}

int archive_get_session(struct archive *archive, uint64_t id,
			void (*each)(void *data, const struct archive_session *session), void *data)
{
	sqlite3_stmt *statement = use(archive, GET_SESSION);
	int n;

	bind_number(statement, 1, id);
	n = each_row(archive, statement, each, data);
	return n == 0 ? -ENOENT : n < 0 ? settle(archive, n) : 0;
}

int archive_each_session(struct archive *archive, uint32_t limit, uint32_t offset, uint32_t *total,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	sqlite3_stmt *statement = use(archive, EACH_SESSION);
	uint64_t n;
	int r = read_number(archive, use(archive, COUNT_SESSIONS), 0, &n);

	*total = (uint32_t)n;
	if (r < 0)
		return settle(archive, r);
	bind_number(statement, 1, limit);
	bind_number(statement, 2, offset);
	r = each_row(archive, statement, each, data);
	return r < 0 ? settle(archive, r) : 0;
}

int archive_each_running(struct archive *archive,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	sqlite3_stmt *statement = use(archive, EACH_RUNNING);
	int r;

	bind_number(statement, 1, METRICS_SESSIONS_RUNNING_MAX);
	r = each_row(archive, statement, each, data);
	return r < 0 ? settle(archive, r) : 0;
}
