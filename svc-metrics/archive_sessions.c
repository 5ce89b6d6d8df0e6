/* archive_sessions.c - the game sessions in the archive. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "svc-metrics/archive_private.h"

static int drop_sessions(struct archive *archive)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_DROP_SESSIONS);

	archive_bind(statement, 1, METRICS_SESSIONS_MAX);
	return archive_write(archive, statement, "drop old sessions");
}

int archive_set_session(struct archive *archive, struct archive_session *from)
{
	struct metrics_session *session = &from->session;
	sqlite3_stmt *s = archive_use(archive, ARCHIVE_SET_SESSION);
	int r = archive_make_room(archive);

	if (r < 0)
		return r;
	if (session->id)
		archive_bind(s, 1, session->id);
	sqlite3_bind_text(s, 2, session->game.game, -1, SQLITE_TRANSIENT);
	sqlite3_bind_text(s, 3, session->game.server, -1, SQLITE_TRANSIENT);
	archive_bind(s, 4, session->started_s);
	if (session->ended_s != METRICS_UNKNOWN)
		archive_bind(s, 5, session->ended_s);
	archive_bind_blob(s, 6, from->peers, from->peers_length);
	r = archive_write(archive, s, "store a session");
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

	while ((r = archive_step(archive, statement, "read sessions")) == 1)
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
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_GET_SESSION);
	int n;

	archive_bind(statement, 1, id);
	n = each_row(archive, statement, each, data);
	return n == 0 ? -ENOENT : n < 0 ? archive_settle(archive, n) : 0;
}

int archive_each_session(struct archive *archive, uint32_t limit, uint32_t offset, uint32_t *total,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_EACH_SESSION);
	uint64_t n;
	int r = archive_read_number(archive, archive_use(archive, ARCHIVE_COUNT_SESSIONS), 0, &n);

	*total = (uint32_t)n;
	if (r < 0)
		return archive_settle(archive, r);
	archive_bind(statement, 1, limit);
	archive_bind(statement, 2, offset);
	r = each_row(archive, statement, each, data);
	return r < 0 ? archive_settle(archive, r) : 0;
}

int archive_each_running(struct archive *archive,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_EACH_RUNNING);
	int r;

	archive_bind(statement, 1, METRICS_SESSIONS_RUNNING_MAX);
	r = each_row(archive, statement, each, data);
	return r < 0 ? archive_settle(archive, r) : 0;
}
