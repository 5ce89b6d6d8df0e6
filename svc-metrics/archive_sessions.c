/* archive_sessions.c - the game sessions in the archive. */
#include <errno.h>
#include <string.h>

#include "common/text.h"
#include "svc-metrics/archive_private.h"

int archive_set_session(struct archive *archive, struct archive_session *from)
{
	struct metrics_session *session = &from->session;
	bool runs = session->ended_s == METRICS_UNKNOWN;
	int r = archive_make_room(archive);

	if (r == 0)
		r = sql_do(archive->sql, ARCHIVE_SET_SESSION,
			   session->id ? sql_number(session->id) : sql_null(),
			   sql_text(session->game.game), sql_text(session->game.server),
			   sql_number(session->started_s),
			   runs ? sql_null() : sql_number(session->ended_s),
			   sql_blob(from->peers, from->peers_length));
	if (r < 0 || session->id)
		return r;
	session->id = sql_last_row(archive->sql);
	return sql_run(
		sql_bind(archive->sql, ARCHIVE_DROP_SESSIONS, sql_number(METRICS_SESSIONS_MAX)));
}

/* False: nothing of ours. */
static bool read_session(struct sql_statement *s, struct archive_session *out)
{
	struct metrics_session *session = &out->session;

	memset(out, 0, sizeof(*out));
	session->id = sql_get_number(s, 0);
	session->started_s = sql_get_number(s, 3);
	session->ended_s = sql_is_null(s, 4) ? METRICS_UNKNOWN : sql_get_number(s, 4);
	out->peers = sql_get_bytes(s, 5, &out->peers_length);
	return session->id && sql_get_text(s, 1, session->game.game, sizeof(session->game.game)) &&
	       sql_get_text(s, 2, session->game.server, sizeof(session->game.server)) &&
	       text_is_name(session->game.game, sizeof(session->game.game)) &&
	       text_is_clean(session->game.server);
}

static int each_row(struct sql_statement *statement,
		    void (*each)(void *data, const struct archive_session *session), void *data)
{
	struct archive_session session;
	int r, n = 0;

	while ((r = sql_step(statement)) == 1)
		if (read_session(statement, &session)) {
			each(data, &session);
			n++;
		}
	return r < 0 ? r : n;
}

int archive_get_session(struct archive *archive, uint64_t id,
			void (*each)(void *data, const struct archive_session *session), void *data)
{
	int n = each_row(sql_bind(archive->sql, ARCHIVE_GET_SESSION, sql_number(id)), each, data);

	return n == 0 ? -ENOENT : n < 0 ? archive_settle(archive, n) : 0;
}

int archive_each_session(struct archive *archive, uint32_t limit, uint32_t offset, uint32_t *total,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	uint64_t n;
	int r = sql_find_number(sql_use(archive->sql, ARCHIVE_COUNT_SESSIONS), 0, &n);

	*total = (uint32_t)n;
	if (r < 0)
		return archive_settle(archive, r);
	r = each_row(
		sql_bind(archive->sql, ARCHIVE_EACH_SESSION, sql_number(limit), sql_number(offset)),
		each, data);
	return r < 0 ? archive_settle(archive, r) : 0;
}

int archive_each_running(struct archive *archive,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data)
{
	int r = each_row(sql_bind(archive->sql, ARCHIVE_EACH_RUNNING,
				  sql_number(METRICS_SESSIONS_RUNNING_MAX)),
			 each, data);

	return r < 0 ? archive_settle(archive, r) : 0;
}
