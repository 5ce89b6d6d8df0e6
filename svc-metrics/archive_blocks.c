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
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_DROP_BLOCKS);
	uint64_t end = to_s == UINT64_MAX ? number_of(tier + 1, 0, 0) : number_of(tier, to_s, 0);

	archive_bind(statement, 1, number_of(tier, from_s, 0));
	archive_bind(statement, 2, end);
	return archive_write(archive, statement, "drop old samples");
}

static int first_start(struct archive *archive, enum tier tier, uint64_t from_s, uint64_t *start_s)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_FIRST_BLOCK);
	uint64_t number;
	int r;

	archive_bind(statement, 1, number_of(tier, from_s, 0));
	archive_bind(statement, 2, number_of(tier + 1, 0, 0));
	r = archive_read_number(archive, statement, UINT64_MAX, &number);
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
		r = archive_read_number(archive, archive_use(archive, ARCHIVE_PAGES), 0, &pages);
		if (r == 0)
			r = archive_read_number(archive, archive_use(archive, ARCHIVE_FREE_PAGES),
						0, &unused);
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
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_GET_BLOCK);
	int r;

	archive_bind(statement, 1, number_of(tier, start_s, subject));
	r = archive_step(archive, statement, "read samples");
	if (r == 1 && block_unpack(block, tier, start_s, sqlite3_column_blob(statement, 0),
				   (size_t)sqlite3_column_bytes(statement, 0)) < 0)
		r = 0;
	if (r != 1)
		block_init(block, start_s);
	sqlite3_reset(statement);
	return r;
}

static int see_subject(struct archive *archive, uint64_t subject, uint64_t start_s)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_SEE_SUBJECT);

	archive_bind(statement, 1, subject);
	archive_bind(statement, 2, start_s);
	return archive_write(archive, statement, "store a peer");
}

static int merge(struct archive *archive, enum tier tier, uint64_t subject,
		 const struct block *more)
{
	uint8_t bytes[BLOCK_BYTES_MAX];
	sqlite3_stmt *statement;
	struct block block;
	int r = read_block(archive, tier, more->start_s, subject, &block);

	if (r < 0 || !block_merge(&block, more, tier))
		return r < 0 ? r : 0;
	r = archive_make_room(archive);
	if (r < 0)
		return r;
	statement = archive_use(archive, ARCHIVE_SET_BLOCK);
	archive_bind(statement, 1, number_of(tier, block.start_s, subject));
	archive_bind_blob(statement, 2, bytes, block_pack(&block, tier, bytes));
	r = archive_write(archive, statement, "store samples");
	return r < 0 || subject == SUBJECT_MACHINE ? r
						   : see_subject(archive, subject, block.start_s);
}

/* UINT64_MAX: nobody. */
static int find_subject(struct archive *archive, const uint8_t *key, uint64_t *subject)
{
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_GET_SUBJECT);

	if (!key) {
		*subject = SUBJECT_MACHINE;
		return 0;
	}
	archive_bind_blob(statement, 1, key, DATAPLANE_KEY_SIZE);
	return archive_read_number(archive, statement, UINT64_MAX, subject);
}

static int add_subject(struct archive *archive, const uint8_t *key, uint64_t start_s,
		       uint64_t *subject)
{
	static struct log_limit full;
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_ADD_SUBJECT);
	int r;

	archive_bind_blob(statement, 1, key, DATAPLANE_KEY_SIZE);
	archive_bind(statement, 2, start_s);
	archive_bind(statement, 3, ARCHIVE_SUBJECTS_MAX);
	r = archive_write(archive, statement, "store a peer");
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
	int r = archive_step(archive, archive_use(archive, ARCHIVE_BEGIN_READING), "read");

	if (r == 0)
		r = find_subject(archive, key, &subject);
	if (r == 0 && subject != UINT64_MAX)
		r = each_block(archive, subject, tier, from_s, to_s, each, data);
	(void)sqlite3_step(archive_use(archive, ARCHIVE_COMMIT));
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
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_EACH_SUBJECT);
	ssize_t n = 0;
	int r;

	subjects[n++] = SUBJECT_MACHINE;
	archive_bind(statement, 1, since_s);
	archive_bind(statement, 2, ARCHIVE_SUBJECTS_MAX);
	while ((r = archive_step(archive, statement, "read the peers")) == 1)
		subjects[n++] = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
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
	sqlite3_stmt *statement = archive_use(archive, ARCHIVE_DROP_SUBJECTS);
	int r = 0;

	for (enum tier tier = TIER_TEN_SECONDS; r == 0 && tier < TIERS; tier++) {
		uint64_t kept_s = tier_shapes[tier].kept_s + tier_shapes[tier].block_s;

		if (archive->wall_s > kept_s)
			r = drop_blocks(archive, tier, 0, archive->wall_s - kept_s);
	}
	if (r < 0 || archive->wall_s <= METRICS_KEPT_S + DAY_S)
		return r;
	archive_bind(statement, 1, archive->wall_s - METRICS_KEPT_S - DAY_S);
	return archive_write(archive, statement, "drop old peers");
}
