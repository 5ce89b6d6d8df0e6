#include "svc-metrics/recorder.h"

#define LEAP_S (25u * 3600) /* a start counts from a day before, and not from a whole hour */

static int write_track(struct archive *archive, const uint8_t *key, const struct track *track)
{
	struct block block = track_block(track);

	return archive_merge(archive, key, TIER_TEN_SECONDS, &block);
}

/* Of another five minutes is a track that has not been used since. */
static int write_tracks(struct recorder *recorder)
{
	int r = write_track(recorder->archive, NULL, &recorder->system);

	for (size_t i = 0; r == 0 && i < recorder->peers->n; i++) {
		const struct peers_entry *entry = recorder->peers->list[i];

		if (entry->track.block.start_s == recorder->start_s)
			r = write_track(recorder->archive, entry->public_key, &entry->track);
	}
	return r;
}

/* What is dropped is gone for good, so a clock that leaps over a day is believed an hour later. */
static bool leaps(const struct recorder *recorder, uint64_t hour_s)
{
	return hour_s > recorder->rolled_s + LEAP_S;
}

static int roll_up(struct recorder *recorder, uint64_t wall_s)
{
	uint64_t hour_s = block_start(TIER_MINUTE, wall_s);
	int r;

	if (hour_s == recorder->rolled_s)
		return 0;
	r = archive_roll_up(recorder->archive,
			    recorder->rolled_s < hour_s ? recorder->rolled_s : hour_s);
	if (r == 0 && !leaps(recorder, hour_s))
		r = archive_expire(recorder->archive);
	return r;
}

int recorder_flush(struct recorder *recorder, uint64_t wall_s)
{
	int r = archive_begin(recorder->archive, wall_s);

	if (r == 0 && recorder->start_s != UINT64_MAX)
		(void)write_tracks(recorder);
	if (r == 0)
		(void)games_store(recorder->games);
	if (r == 0)
		(void)roll_up(recorder, wall_s);
	r = archive_commit(recorder->archive); /* which fails where anything has */
	if (r == 0)
		recorder->rolled_s = block_start(TIER_MINUTE, wall_s);
	return r;
}

void recorder_init(struct recorder *recorder, struct archive *archive, struct peers *peers,
		   struct games *games, uint64_t wall_s)
{
	const uint64_t kept_s = tier_shapes[TIER_TEN_SECONDS].kept_s;

	*recorder = (struct recorder){.archive = archive,
				      .peers = peers,
				      .games = games,
				      .start_s = UINT64_MAX,
				      .rolled_s = wall_s > kept_s ? wall_s - kept_s : 0,
				      .since_s = wall_s};
	(void)recorder_flush(recorder, wall_s);
}

void recorder_turn(struct recorder *recorder, uint64_t wall_s)
{
	uint64_t start_s = block_start(TIER_TEN_SECONDS, wall_s);

	if (wall_s < recorder->since_s)
		recorder->since_s = wall_s;
	if (start_s == recorder->start_s)
		return;
	if (recorder->start_s != UINT64_MAX)
		(void)recorder_flush(recorder, wall_s);
	recorder->start_s = start_s;
	track_init(&recorder->system, start_s);
}

void recorder_add_system(struct recorder *recorder, const struct span *look, uint64_t wall_s)
{
	track_add(&recorder->system, look, wall_s);
}

void recorder_add_peers(struct recorder *recorder, uint64_t now_us, uint64_t wall_s)
{
	for (size_t i = 0; i < recorder->peers->n; i++) {
		struct peers_entry *entry = recorder->peers->list[i];
		struct span look;

		if (entry->now_us != now_us)
			continue;
		if (entry->track.block.start_s != recorder->start_s)
			track_init(&entry->track, recorder->start_s);
		look = span_of_sample(&entry->now);
		track_add(&entry->track, &look, wall_s);
	}
}
