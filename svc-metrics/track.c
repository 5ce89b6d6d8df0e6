#include "svc-metrics/track.h"

#include <string.h>

void track_init(struct track *track, uint64_t start_s)
{
	memset(track, 0, sizeof(*track));
	block_init(&track->block, start_s);
}

/* A slot that comes again, because the clock was set back, stays as it was. */
static void close_slot(struct track *track)
{
	struct span *slot = &track->block.slots[track->slot];

	if (slot->looks == 0)
		*slot = tally_span(&track->tally);
	memset(&track->tally, 0, sizeof(track->tally));
}

void track_add(struct track *track, const struct span *look, uint64_t wall_s)
{
	const struct tier_shape *shape = &tier_shapes[TIER_TEN_SECONDS];
	size_t slot;

	if (block_start(TIER_TEN_SECONDS, wall_s) != track->block.start_s)
		return;
	slot = (wall_s - track->block.start_s) / shape->slot_s;
	if (slot != track->slot)
		close_slot(track);
	track->slot = slot;
	tally_add(&track->tally, look);
}

struct block track_block(const struct track *track)
{
	struct track copy = *track;

	close_slot(&copy);
	return copy.block;
}
