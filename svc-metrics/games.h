/* games.h - game sessions: those that run are summed up here, look by look; all are in the archive.
 *
 * Times are of the wall clock. One that runs is stored when it begins, with every flush, and when
 * it ends, so it goes on in a new process with what it had at the last flush. After
 * METRICS_SESSION_S_MAX it ends by itself. Peers beyond METRICS_SESSION_PEERS_MAX are not measured
 * in it.
 */
#ifndef LANRAGE_METRICS_GAMES_H
#define LANRAGE_METRICS_GAMES_H

#include "svc-metrics/archive.h"
#include "svc-metrics/peers.h"
#include "svc-metrics/standing.h"

struct game {
	struct metrics_session session; /* peers are not in it */
	size_t n_standings;
	struct standing *standings; /* by key */
	uint64_t retry_s;	    /* when it may be tried again to end it by itself */
};

struct games {
	struct archive *archive; /* borrowed */
	size_t n;
	struct game running[METRICS_SESSIONS_RUNNING_MAX];
};

/* Takes up those that were running. */
void games_init(struct games *games, struct archive *archive);
void games_deinit(struct games *games);

/* Every peer that was looked at at now_us, for every session; those that are too old end. */
void games_add_peers(struct games *games, const struct peers *peers, uint64_t now_us,
		     uint64_t wall_s);
/* What is running, as it is now; within archive_begin() and archive_commit(). */
int games_store(struct games *games);

/* These fill in a session that is to be cleared. -EBUSY: as many are running as may;
 * -ENOSPC: the disk is full. */
int games_start(struct games *games, const struct metrics_game *game, uint64_t wall_s,
		struct metrics_session *session);
/* -ENOENT. One that has ended is as it was. One whose end cannot be stored runs on: -ENOSPC. */
int games_end(struct games *games, uint64_t id, uint64_t wall_s, struct metrics_session *session);
/* With its peers. -ENOENT. */
int games_get(struct games *games, uint64_t id, uint64_t wall_s, struct metrics_session *session);
/* Newest first; to be cleared. */
int games_list(struct games *games, const struct metrics_page *page, uint64_t wall_s,
	       struct metrics_sessions *sessions);

#endif
