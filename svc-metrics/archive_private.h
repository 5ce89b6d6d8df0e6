/* archive_private.h - what the files of the archive share: its statements, by their places. */
#ifndef LANRAGE_METRICS_ARCHIVE_PRIVATE_H
#define LANRAGE_METRICS_ARCHIVE_PRIVATE_H

#include <limits.h>

#include "common/sql.h"
#include "svc-metrics/archive.h"

enum archive_statement {
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
	struct sql *sql;
	bool in_memory;	 /* as long as the file cannot be written */
	uint64_t wall_s; /* of the transaction */
	uint64_t pages_max;
};

/* How reading went, for others: what was found to be damaged is set aside, and becomes -EIO. */
int archive_settle(struct archive *archive, int r);
/* For one more statement. Where nothing is left to drop, SQLite's own bound stays. */
int archive_make_room(struct archive *archive);

#endif
