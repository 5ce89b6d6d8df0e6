/* archive_private.h - what the files of the archive share: its statements, and how they are run. */
#ifndef LANRAGE_METRICS_ARCHIVE_PRIVATE_H
#define LANRAGE_METRICS_ARCHIVE_PRIVATE_H

#include <limits.h>
#include <sqlite3.h>

#include "svc-metrics/archive.h"

enum archive_statement {
	ARCHIVE_BEGIN,
	ARCHIVE_BEGIN_READING,
	ARCHIVE_COMMIT,
	ARCHIVE_PAGES,
	ARCHIVE_FREE_PAGES,
	ARCHIVE_GET_BLOCK,
	ARCHIVE_SET_BLOCK,
	ARCHIVE_FIRST_BLOCK,
	ARCHIVE_DROP_BLOCKS,
	ARCHIVE_GET_SUBJECT,
	ARCHIVE_ADD_SUBJECT,
	ARCHIVE_SEE_SUBJECT,
	ARCHIVE_EACH_SUBJECT,
	ARCHIVE_DROP_SUBJECTS,
	ARCHIVE_SET_SESSION,
	ARCHIVE_DROP_SESSIONS,
	ARCHIVE_GET_SESSION,
	ARCHIVE_EACH_SESSION,
	ARCHIVE_COUNT_SESSIONS,
	ARCHIVE_EACH_RUNNING,
	ARCHIVE_STATEMENTS,
};

struct archive {
	char path[PATH_MAX];
	size_t bytes_max;
	sqlite3 *sqlite;
	sqlite3_stmt *prepared[ARCHIVE_STATEMENTS];
	bool in_memory;	 /* as long as the file cannot be written */
	uint64_t wall_s; /* of the transaction */
	uint64_t pages_max;
	int failure; /* the first since begin */
};

/* Reset, with nothing bound. */
sqlite3_stmt *archive_use(struct archive *archive, enum archive_statement which);
void archive_bind(sqlite3_stmt *statement, int at, uint64_t value);
/* bytes are borrowed until the statement has run. */
void archive_bind_blob(sqlite3_stmt *statement, int at, const void *bytes, size_t length);
/* 1: a row is there; 0: none. A failure is logged and noted for the commit. */
int archive_step(struct archive *archive, sqlite3_stmt *statement, const char *what);
/* Does nothing, and fails, after anything has failed. */
int archive_write(struct archive *archive, sqlite3_stmt *statement, const char *what);
/* The first column of the first row; fallback where there is none. */
int archive_read_number(struct archive *archive, sqlite3_stmt *statement, uint64_t fallback,
			uint64_t *number);
/* How reading went, for others: what was found to be damaged is set aside, and becomes -EIO. */
int archive_settle(struct archive *archive, int r);
/* For one more statement. Where nothing is left to drop, SQLite's own bound stays. */
int archive_make_room(struct archive *archive);

#endif
