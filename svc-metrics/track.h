/* track.h - one subject's looks on their way to the disk: the ten seconds that are under way, and
 * the five minutes they belong to. Pure.
 *
 * Times are of the wall clock. The owner empties a track when its five minutes are over or the
 * clock has left them (recorder.h); a look outside of them is not taken.
 */
#ifndef LANRAGE_METRICS_TRACK_H
#define LANRAGE_METRICS_TRACK_H

#include "svc-metrics/block.h"

struct track {
	struct block block;
	struct tally tally; /* of the slot under way */
	size_t slot;
};

void track_init(struct track *track, uint64_t start_s);
/* One that was never initialised counts as being of another time. */
void track_add(struct track *track, const struct span *look, uint64_t wall_s);
/* A copy of the block with the slot under way in it. */
struct block track_block(const struct track *track);

#endif
