/* recorder.h - from looks to rows on disk: every subject's track, and when it is written.
 *
 * All tracks are of the same five minutes of the wall clock. When the clock leaves them, forwards
 * or backwards, one transaction writes a row for each subject that was looked at, what the running
 * game sessions have so far, and, where an hour is over, its minutes, and drops what is too old. So
 * a kill costs five minutes at most; a stop costs nothing, nor does a clock that is wrong for less
 * than an hour.
 */
#ifndef LANRAGE_METRICS_RECORDER_H
#define LANRAGE_METRICS_RECORDER_H

#include "svc-metrics/archive.h"
#include "svc-metrics/games.h"
#include "svc-metrics/peers.h"
#include "svc-metrics/track.h"

struct recorder {
	struct archive *archive; /* borrowed, and the next two */
	struct peers *peers;
	struct games *games;
	struct track system;
	uint64_t start_s;  /* of the five minutes; UINT64_MAX: none yet */
	uint64_t rolled_s; /* up to here hours have become minutes */
	uint64_t since_s;  /* when looking began, by the wall clock of then */
};

/* Rolls up what a killed process left. */
void recorder_init(struct recorder *recorder, struct archive *archive, struct peers *peers,
		   struct games *games, uint64_t wall_s);
/* Before each round of looks. */
void recorder_turn(struct recorder *recorder, uint64_t wall_s);
void recorder_add_system(struct recorder *recorder, const struct span *look, uint64_t wall_s);
/* Every peer that was looked at at now_us. */
void recorder_add_peers(struct recorder *recorder, uint64_t now_us, uint64_t wall_s);
/* Writes all there is, before the end. 0 or a negative errno. */
int recorder_flush(struct recorder *recorder, uint64_t wall_s);

#endif
