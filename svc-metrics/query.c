#include "svc-metrics/query.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "svc-metrics/quality.h"

/* The buckets being filled: of `seconds` each, the first at first_s. */
struct grid {
	uint64_t from_s, to_s;
	uint64_t first_s, seconds;
	size_t n;
	struct tally *tallies;
	enum tier tier;	    /* of the blocks that come */
	uint64_t reached_s; /* the end of the last block */
};

static void add(struct grid *grid, uint64_t at_s, const struct span *span)
{
	if (at_s >= grid->from_s && at_s < grid->to_s)
		tally_add(&grid->tallies[(at_s - grid->first_s) / grid->seconds], span);
}

static void add_block(void *data, const struct block *block)
{
	struct grid *grid = data;
	const struct tier_shape *shape = &tier_shapes[grid->tier];

	for (size_t i = 0; i < shape->n_slots; i++)
		add(grid, block->start_s + i * shape->slot_s, &block->slots[i]);
	grid->reached_s = block->start_s + shape->block_s;
}

static int add_archived(struct grid *grid, const struct query_source *source, enum tier tier,
			uint64_t from_s)
{
	grid->tier = tier;
	grid->reached_s = from_s;
	return archive_each(source->archive, source->key, tier, block_start(tier, from_s),
			    grid->to_s, add_block, grid);
}

static void add_recent(struct grid *grid, const struct query_source *source, uint64_t now_us,
		       uint64_t wall_us)
{
	for (size_t i = 0; i < source->recent->n; i++) {
		uint64_t age_us = now_us - series_time_us(source->recent, i);
		struct span span = source->span_of(series_sample(source->recent, i));

		if (age_us < wall_us)
			add(grid, (wall_us - age_us) / CLOCK_SECOND, &span);
	}
}

/* Hours that have become minutes, then tens of seconds, then what is not on disk. */
static int add_stored(struct grid *grid, const struct query_source *source, uint32_t slot_s)
{
	int r = 0;

	grid->reached_s = grid->from_s;
	if (slot_s == tier_shapes[TIER_MINUTE].slot_s)
		r = add_archived(grid, source, TIER_MINUTE, grid->from_s);
	if (r == 0)
		r = add_archived(grid, source, TIER_TEN_SECONDS, grid->reached_s);
	if (r == 0 && source->track) {
		struct block block = track_block(source->track);

		grid->tier = TIER_TEN_SECONDS;
		add_block(grid, &block);
	}
	return r;
}

/* Was anything measured in this block before memory begins? */
struct earlier {
	uint64_t from_s, since_s;
	bool some;
};

static void look_for_earlier(void *data, const struct block *block)
{
	const struct tier_shape *shape = &tier_shapes[TIER_TEN_SECONDS];
	struct earlier *earlier = data;

	for (size_t i = 0; i < shape->n_slots; i++) {
		uint64_t end_s = block->start_s + (i + 1) * shape->slot_s;

		if (block->slots[i].looks && end_s > earlier->from_s && end_s <= earlier->since_s)
			earlier->some = true;
	}
}

/* Memory begins with the process: a range that reaches further back may want what the last one
 * left. */
static bool memory_has_all(const struct query_source *source, uint64_t from_s)
{
	struct earlier earlier = {.from_s = from_s, .since_s = source->since_s};

	if (from_s < source->since_s)
		(void)archive_each(source->archive, source->key, TIER_TEN_SECONDS,
				   block_start(TIER_TEN_SECONDS, from_s), source->since_s,
				   look_for_earlier, &earlier);
	return !earlier.some;
}

/* How long the samples are that reach back to from_s. */
static uint32_t finest(const struct query_source *source, uint64_t from_s, uint64_t wall_s)
{
	if (source->recent && from_s + METRICS_RECENT_S >= wall_s && memory_has_all(source, from_s))
		return 1;
	if (from_s + tier_shapes[TIER_TEN_SECONDS].kept_s >= wall_s)
		return tier_shapes[TIER_TEN_SECONDS].slot_s;
	return tier_shapes[TIER_MINUTE].slot_s;
}

/* The shortest buckets that are few enough, at whole multiples of their length. */
static void lay_out(struct grid *grid, uint32_t slot_s, uint32_t points)
{
	uint64_t range_s = grid->to_s - grid->from_s;
	uint64_t slots = (range_s + (uint64_t)points * slot_s - 1) / ((uint64_t)points * slot_s);

	do {
		grid->seconds = slots++ * slot_s;
		grid->first_s = grid->from_s - grid->from_s % grid->seconds;
		grid->n = (grid->to_s - 1 - grid->first_s) / grid->seconds + 1;
	} while (grid->n > points);
}

static ssize_t take_out(const struct grid *grid, struct query_bucket **buckets)
{
	ssize_t n = 0;

	*buckets = calloc(grid->n, sizeof(**buckets));
	if (!*buckets)
		return -ENOMEM;
	for (size_t i = 0; i < grid->n; i++)
		if (grid->tallies[i].looks)
			(*buckets)[n++] = (struct query_bucket){
				.at_s = grid->first_s + i * grid->seconds,
				.seconds = (uint32_t)grid->seconds,
				.span = tally_span(&grid->tallies[i]),
			};
	return n;
}

ssize_t query_run(const struct query_source *source, const struct metrics_wish *wish,
		  uint64_t now_us, uint64_t wall_us, struct query_bucket **buckets)
{
	uint64_t wall_s = wall_us / CLOCK_SECOND;
	uint64_t oldest_s = wall_s > METRICS_KEPT_S ? wall_s - METRICS_KEPT_S : 0;
	struct grid grid = {.from_s = wish->from_s > oldest_s ? wish->from_s : oldest_s,
			    .to_s = wish->to_s < wall_s ? wish->to_s : wall_s};
	uint32_t slot_s;
	ssize_t n = 0;

	*buckets = NULL;
	if (grid.from_s >= grid.to_s)
		return 0;
	slot_s = finest(source, grid.from_s, wall_s);
	if (slot_s > 1) /* the slot in which the range begins belongs to it */
		grid.from_s -= grid.from_s % slot_s;
	lay_out(&grid, slot_s, wish->points);
	grid.tallies = calloc(grid.n, sizeof(*grid.tallies));
	if (!grid.tallies)
		return -ENOMEM;
	if (slot_s == 1)
		add_recent(&grid, source, now_us, wall_us);
	else
		n = add_stored(&grid, source, slot_s);
	if (n == 0)
		n = take_out(&grid, buckets);
	free(grid.tallies);
	return n;
}

/* ---- answers */

static uint32_t wide_permille(uint16_t permille)
{
	return permille == SPAN_UNKNOWN_PERMILLE ? METRICS_UNKNOWN_PERMILLE : permille;
}

static uint64_t wide(uint32_t value, uint64_t times)
{
	return value == SPAN_UNKNOWN ? METRICS_UNKNOWN : value * times;
}

struct metrics_bucket query_bucket_of_peer(const struct query_bucket *from)
{
	const struct span *span = &from->span;
	struct metrics_bucket bucket = {
		.at_s = from->at_s,
		.seconds = from->seconds,
		.state = (enum metrics_peer_state)span->state,
		.path = (enum metrics_peer_path)span->path,
		.rtt_us = span->value,
		.rtt_min_us = span->low,
		.rtt_max_us = span->high,
		.jitter_us = span->second,
		.loss_permille = wide_permille(span->permille),
		.rx_bytes_per_s = wide(span->rx, 1),
		.tx_bytes_per_s = wide(span->tx, 1),
	};

	bucket.quality = quality_of(bucket.rtt_us, bucket.loss_permille, bucket.jitter_us).score;
	return bucket;
}

struct metrics_system_bucket query_bucket_of_system(const struct query_bucket *from)
{
	const struct span *span = &from->span;

	return (struct metrics_system_bucket){
		.at_s = from->at_s,
		.seconds = from->seconds,
		.cpu_permille = wide_permille(span->permille),
		.memory_total = wide(span->second, 1024),
		.memory_available = wide(span->value, 1024),
		.rx_bytes_per_s = wide(span->rx, 1),
		.tx_bytes_per_s = wide(span->tx, 1),
	};
}
