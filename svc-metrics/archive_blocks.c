/* archive_blocks.c - the rows of samples in the archive: found, merged, rolled up, dropped. */
#include <errno.h>

#include "common/log.h"
#include "svc-metrics/archive_private.h"

#define ROOM_PAGES	64 /* more than any one statement takes */
#define SUBJECT_BITS	20
#define START_BITS	40
#define SUBJECT_MACHINE 0
#define DAY_S		86400

/* ---- rows, by tier, start and subject */

static uint64_t number_of(enum tier tier, uint64_t start_s, uint64_t subject)
{
	const uint64_t start_max = (1ull << START_BITS) - 1;

	return (uint64_t)tier << (START_BITS + SUBJECT_BITS) |
	       (start_s < start_max ? start_s : start_max) << SUBJECT_BITS |
	       (subject & ((1ull << SUBJECT_BITS) - 1));
}

static uint64_t start_of(uint64_t number)
{
	return number >> SUBJECT_BITS & ((1ull << START_BITS) - 1);
}

/* All that starts in from_s to to_s (not included); UINT64_MAX: all from from_s on. */
static int drop_blocks(struct archive *archive, enum tier tier, uint64_t from_s, uint64_t to_s)
{
	uint64_t end = to_s == UINT64_MAX ? number_of(tier + 1, 0, 0) : number_of(tier, to_s, 0);

	return sql_do(archive->sql, ARCHIVE_DROP_BLOCKS, sql_number(number_of(tier, from_s, 0)),
		      sql_number(end));
}

static int first_start(struct archive *archive, enum tier tier, uint64_t from_s, uint64_t *start_s)
{
	uint64_t number;
	int r = sql_find_number(sql_bind(archive->sql, ARCHIVE_FIRST_BLOCK,
					 sql_number(number_of(tier, from_s, 0)),
					 sql_number(number_of(tier + 1, 0, 0))),
				UINT64_MAX, &number);

	*start_s = number == UINT64_MAX ? UINT64_MAX : start_of(number);
	return r;
}

/* Of the future where there is any, else of the oldest start. */
static int drop_oldest(struct archive *archive, bool *dropped)
{
	uint64_t starts[2], future_s = archive->wall_s + DAY_S;
	enum tier tier;
	int r = 0;

	for (tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++) {
		r = first_start(archive, tier, future_s, &starts[tier - 1]);
		if (r == 0 && starts[tier - 1] != UINT64_MAX) {
			*dropped = true;
			return drop_blocks(archive, tier, future_s, UINT64_MAX);
		}
	}
	for (tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++)
		r = first_start(archive, tier, 0, &starts[tier - 1]);
	if (r < 0)
		return r;
	tier = starts[0] < starts[1] ? TIER_TEN_SECONDS : TIER_MINUTE;
	*dropped = starts[tier - 1] != UINT64_MAX;
	return *dropped ? drop_blocks(archive, tier, starts[tier - 1], starts[tier - 1] + 1) : 0;
}

int archive_make_room(struct archive *archive)
{
	bool dropped = true;
	uint64_t pages = 0, unused = 0;
	int r = 0;

	while (r == 0 && dropped) {
		r = sql_find_number(sql_use(archive->sql, ARCHIVE_PAGES), 0, &pages);
		if (r == 0)
			r = sql_find_number(sql_use(archive->sql, ARCHIVE_FREE_PAGES), 0, &unused);
		if (r < 0 || pages - unused + ROOM_PAGES <= archive->pages_max)
			return r;
		r = drop_oldest(archive, &dropped);
	}
	return r;
}

/* 1: there was one; 0: block is all gaps. */
static int read_block(struct archive *archive, enum tier tier, uint64_t start_s, uint64_t subject,
		      struct block *block)
{
	struct sql_statement *statement = sql_bind(archive->sql, ARCHIVE_GET_BLOCK,
						   sql_number(number_of(tier, start_s, subject)));
	const void *bytes;
	size_t length;
	int r = sql_step(statement);

	if (r == 1) {
		bytes = sql_get_bytes(statement, 0, &length);
		r = block_unpack(block, tier, start_s, bytes, length) == 0;
	}
	if (r != 1)
		block_init(block, start_s);
	sql_reset(statement);
	return r;
}

static int see_subject(struct archive *archive, uint64_t subject, uint64_t start_s)
{
	return sql_do(archive->sql, ARCHIVE_SEE_SUBJECT, sql_number(subject), sql_number(start_s));
}

static int merge(struct archive *archive, enum tier tier, uint64_t subject,
		 const struct block *more)
{
	uint8_t bytes[BLOCK_BYTES_MAX];
	struct block block;
	int r = read_block(archive, tier, more->start_s, subject, &block);

	if (r < 0 || !block_merge(&block, more, tier))
		return r < 0 ? r : 0;
	r = archive_make_room(archive);
	if (r < 0)
		return r;
	r = sql_do(archive->sql, ARCHIVE_SET_BLOCK,
		   sql_number(number_of(tier, block.start_s, subject)),
		   sql_blob(bytes, block_pack(&block, tier, bytes)));
	return r < 0 || subject == SUBJECT_MACHINE ? r
						   : see_subject(archive, subject, block.start_s);
}

/* UINT64_MAX: nobody. */
static int find_subject(struct archive *archive, const uint8_t *key, uint64_t *subject)
{
	if (!key) {
		*subject = SUBJECT_MACHINE;
		return 0;
	}
	return sql_find_number(
		sql_bind(archive->sql, ARCHIVE_GET_SUBJECT, sql_blob(key, DATAPLANE_KEY_SIZE)),
		UINT64_MAX, subject);
}

static int add_subject(struct archive *archive, const uint8_t *key, uint64_t start_s,
		       uint64_t *subject)
{
	static struct log_limit full;
	int r = sql_do(archive->sql, ARCHIVE_ADD_SUBJECT, sql_blob(key, DATAPLANE_KEY_SIZE),
		       sql_number(start_s), sql_number(ARCHIVE_SUBJECTS_MAX));

	if (r == 0)
		r = find_subject(archive, key, subject);
	if (r == 0 && *subject == UINT64_MAX &&
	    log_limit_pass(&full, archive->wall_s * 1000000, 3600ull * 1000000))
		log_warning("history: of more than %d peers; the latest have none",
			    ARCHIVE_SUBJECTS_MAX);
	return r;
}

int archive_merge(struct archive *archive, const uint8_t *key, enum tier tier,
		  const struct block *block)
{
	uint64_t subject;
	int r = find_subject(archive, key, &subject);

	if (r == 0 && subject == UINT64_MAX)
		r = add_subject(archive, key, block->start_s, &subject);
	return r < 0 || subject == UINT64_MAX ? r : merge(archive, tier, subject, block);
}

static int each_block(struct archive *archive, uint64_t subject, enum tier tier, uint64_t from_s,
		      uint64_t to_s, void (*each)(void *data, const struct block *block),
		      void *data)
{
	const uint32_t block_s = tier_shapes[tier].block_s;
	struct block block;
	int r = 0;

	for (uint64_t start_s = block_start(tier, from_s + block_s - 1); r >= 0 && start_s < to_s;
	     start_s += block_s) {
		r = read_block(archive, tier, start_s, subject, &block);
		if (r == 1)
			each(data, &block);
	}
	return r < 0 ? r : 0;
}

/* In one transaction: SQLite's locks cost more than its look-ups. */
int archive_each(struct archive *archive, const uint8_t *key, enum tier tier, uint64_t from_s,
		 uint64_t to_s, void (*each)(void *data, const struct block *block), void *data)
{
	uint64_t subject;
	int r = sql_begin_reading(archive->sql);

	if (r < 0)
		return archive_settle(archive, r);
	r = find_subject(archive, key, &subject);
	if (r == 0 && subject != UINT64_MAX)
		r = each_block(archive, subject, tier, from_s, to_s, each, data);
	sql_rollback(archive->sql);
	return archive_settle(archive, r);
}

/* ---- from tens of seconds to minutes, and away */

static int roll_up_hour(struct archive *archive, uint64_t subject, uint64_t hour_s)
{
	const uint32_t step_s = tier_shapes[TIER_TEN_SECONDS].block_s;
	struct block hour, block;

	block_init(&hour, hour_s);
	for (uint64_t at_s = hour_s; at_s < hour_s + tier_shapes[TIER_MINUTE].block_s;
	     at_s += step_s) {
		int r = read_block(archive, TIER_TEN_SECONDS, at_s, subject, &block);

		if (r < 0)
			return r;
		if (r == 1)
			block_roll_up(&hour, &block);
	}
	return merge(archive, TIER_MINUTE, subject, &hour);
}

/* Whoever has a block at or after since_s, and this machine. */
static ssize_t list_subjects(struct archive *archive, uint64_t since_s,
			     uint64_t subjects[ARCHIVE_SUBJECTS_MAX + 1])
{
	struct sql_statement *statement =
		sql_bind(archive->sql, ARCHIVE_EACH_SUBJECT, sql_number(since_s),
			 sql_number(ARCHIVE_SUBJECTS_MAX));
	ssize_t n = 0;
	int r;

	subjects[n++] = SUBJECT_MACHINE;
	while ((r = sql_step(statement)) == 1)
		subjects[n++] = sql_get_number(statement, 0);
	return r < 0 ? r : n;
}

static int roll_up_subjects(struct archive *archive, uint64_t hour_s)
{
	static uint64_t subjects[ARCHIVE_SUBJECTS_MAX + 1];
	ssize_t n = list_subjects(archive, hour_s, subjects);
	int r = n < 0 ? (int)n : 0;

	for (ssize_t i = 0; r == 0 && i < n; i++)
		r = roll_up_hour(archive, subjects[i], hour_s);
	return r;
}

/* From one hour that has rows to the next: after a leap of the clock the empty ones between are
 * many.
 */
int archive_roll_up(struct archive *archive, uint64_t from_s)
{
	uint64_t end_s = block_start(TIER_MINUTE, archive->wall_s);
	uint64_t hour_s = block_start(TIER_MINUTE, from_s);
	int r = 0;

	while (r == 0 && hour_s < end_s) {
		uint64_t start_s;

		r = first_start(archive, TIER_TEN_SECONDS, hour_s, &start_s);
		if (r < 0 || start_s >= end_s)
			break;
		hour_s = block_start(TIER_MINUTE, start_s);
		r = roll_up_subjects(archive, hour_s);
		hour_s += tier_shapes[TIER_MINUTE].block_s;
	}
	return r;
}

/* A subject goes after all its rows, so that no other takes them over with its number. */
int archive_expire(struct archive *archive)
{
	int r = 0;

	for (enum tier tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++) {
		uint64_t kept_s = tier_shapes[tier].kept_s + tier_shapes[tier].block_s;

		if (archive->wall_s > kept_s)
			r = drop_blocks(archive, tier, 0, archive->wall_s - kept_s);
	}
	if (r < 0 || archive->wall_s <= METRICS_KEPT_S + DAY_S)
		return r;
	return sql_do(archive->sql, ARCHIVE_DROP_SUBJECTS,
		      sql_number(archive->wall_s - METRICS_KEPT_S - DAY_S));
}
