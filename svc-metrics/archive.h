/* archive.h - the history on disk, in STATE/metrics/history.db (SQLite, WAL).
 *
 * Rows of blocks (block.h), each under one number made of tier, start and subject, so that the file
 * is in the order of time: a flush writes at the end, the old goes from the beginning, and one
 * subject's row of any time is found at once. What a slot holds stays: a clock that was set back
 * writes into slots that are gaps and nowhere else.
 *
 * It may be lost, so it is synced only when SQLite moves its log into the file (synchronous
 * NORMAL): after a power cut some minutes are missing, and nothing is damaged. A file that is
 * damaged all the same (an empty one is), or of another version, is set aside as history.db.aside,
 * and a new one is begun; where none can be written, the history is kept in memory. The file never
 * grows beyond ARCHIVE_BYTES_MAX: the oldest rows make room, and before them what lies more than a
 * day in the future, which a wrong clock left. Rows that go leave room for others; the file does
 * not shrink.
 *
 * All writing is between archive_begin() and archive_commit(). Functions return 0 or a negative
 * errno (common/sql.h); the words are logged once.
 */
#ifndef LANRAGE_METRICS_ARCHIVE_H
#define LANRAGE_METRICS_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-metrics/block.h"

#define ARCHIVE_BYTES_MAX    (64u << 20)
#define ARCHIVE_SUBJECTS_MAX 4096 /* peers that have a history; more are not kept */

struct archive;

/* Always gives one, of whatever kind, but for -ENOMEM. bytes_max: at most ARCHIVE_BYTES_MAX. */
int archive_open(struct archive **archive, const char *path, size_t bytes_max);
/* NULL is fine. */
void archive_close(struct archive *archive);

/* wall_s: now. */
int archive_begin(struct archive *archive, uint64_t wall_s);
/* Fails, and undoes all, when anything failed since begin; what is found to be damaged is set
 * aside.
 */
int archive_commit(struct archive *archive);

/* Fills the gaps of what is there. key NULL: this machine. */
int archive_merge(struct archive *archive, const uint8_t *key, enum tier tier,
		  const struct block *block);
/* Makes minutes of the ten seconds of each whole hour from from_s up to now. */
int archive_roll_up(struct archive *archive, uint64_t from_s);
/* Drops what is older than its tier is kept. */
int archive_expire(struct archive *archive);

/* Not within begin and commit. Every block of one subject that begins in from_s to to_s (not
 * included), in order. One that is malformed is left out. */
int archive_each(struct archive *archive, const uint8_t *key, enum tier tier, uint64_t from_s,
		 uint64_t to_s, void (*each)(void *data, const struct block *block), void *data);

/* ---- game sessions; peers: standings (standing.h), one after another */

struct archive_session {
	struct metrics_session session; /* peers are not in it */
	const uint8_t *peers;		/* borrowed */
	size_t peers_length;
};

/* Within begin and commit. id 0: a new one, which gets the next id; the oldest that has ended goes
 * where there are more than METRICS_SESSIONS_MAX. */
int archive_set_session(struct archive *archive, struct archive_session *session);
/* -ENOENT. */
int archive_get_session(struct archive *archive, uint64_t id,
			void (*each)(void *data, const struct archive_session *session),
			void *data);
/* Newest first; peers are left out. *total: of all. */
int archive_each_session(struct archive *archive, uint32_t limit, uint32_t offset, uint32_t *total,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data);
/* Those that have not ended, with their peers. */
int archive_each_running(struct archive *archive,
			 void (*each)(void *data, const struct archive_session *session),
			 void *data);

#endif
