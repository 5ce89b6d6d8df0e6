/* The history on disk: what was written is found again as few buckets, the old goes, the file keeps
 * its bound, and neither clocks nor kills nor garbage make anything of it untrue. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-metrics/quality.h"
#include "svc-metrics/query.h"
#include "svc-metrics/recorder.h"

#define NOON_S 1769860800ull /* a whole hour */
#define DAY_S  86400ull

static char directory[] = "/tmp/lanrage-archive-XXXXXX";
static char path[128];

/* The service as it is, but for its sockets and clocks. */
static struct dataplane_path way;
static struct dataplane_peer peer;
static struct dataplane_state answer;
static struct archive *archive;
static struct peers peers;
static struct games games;
static struct recorder recorder;
static uint64_t now_s, wall_s; /* that never jumps, and that does */

static void start(void)
{
	memset(&peers, 0, sizeof(peers));
	assert_int_equal(archive_open(&archive, path, ARCHIVE_BYTES_MAX), 0);
	games_init(&games, archive);
	recorder_init(&recorder, archive, &peers, &games, wall_s);
}

/* As a kill does. */
static void die(void)
{
	games_deinit(&games);
	archive_close(archive);
	peers_deinit(&peers);
}

static void stop(void)
{
	assert_int_equal(recorder_flush(&recorder, wall_s), 0);
	die();
}

static int set_up(void **state)
{
	static unsigned number;

	(void)state;
	snprintf(path, sizeof(path), "%s/%u.db", directory, number++);
	way = (struct dataplane_path){.kind = DATAPLANE_PATH_DIRECT,
				      .state = DATAPLANE_PATH_WORKING,
				      .rtt_us = 20000,
				      .jitter_us = 300,
				      .loss_permille = 5};
	peer = (struct dataplane_peer){
		.public_key = {5}, .state = DATAPLANE_PEER_CONNECTED, .n_paths = 1, .paths = &way};
	answer = (struct dataplane_state){.instance = 1, .n_peers = 1, .peers = &peer};
	now_s = 1000;
	wall_s = NOON_S;
	start();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	die();
	return 0;
}

static void look(void)
{
	static const struct span machine = {.looks = 1,
					    .permille = 100,
					    .value = 50,
					    .low = 50,
					    .high = 50,
					    .second = 80,
					    .rx = 7,
					    .tx = 8};

	recorder_turn(&recorder, wall_s);
	recorder_add_system(&recorder, &machine, wall_s);
	peer.rx_bytes += 1000;
	assert_int_equal(peers_take(&peers, &answer, now_s * CLOCK_SECOND), 0);
	recorder_add_peers(&recorder, now_s * CLOCK_SECOND, wall_s);
	games_add_peers(&games, &peers, now_s * CLOCK_SECOND, wall_s);
}

/* A look every step_s seconds. */
static void run(uint64_t seconds, uint64_t step_s)
{
	for (uint64_t end_s = now_s + seconds; now_s < end_s; now_s += step_s, wall_s += step_s)
		look();
}

static struct span span_of(const void *sample)
{
	return span_of_sample(sample);
}

static struct query_bucket *ask(const uint8_t *key, uint64_t from_s, uint64_t to_s, uint32_t points,
				size_t *n)
{
	const struct peers_entry *entry = key ? peers_find(&peers, key) : NULL;
	struct query_source source = {.archive = archive,
				      .key = key,
				      .track = key ? NULL : &recorder.system,
				      .recent = entry ? &entry->recent : NULL,
				      .span_of = span_of,
				      .since_s = recorder.since_s};
	struct metrics_wish wish = {.from_s = from_s, .to_s = to_s, .points = points};
	struct query_bucket *buckets;
	ssize_t r;

	if (entry && entry->track.block.start_s == recorder.start_s)
		source.track = &entry->track;
	r = query_run(&source, &wish, now_s * CLOCK_SECOND, wall_s * CLOCK_SECOND, &buckets);
	assert_in_range(r, 0, points);
	*n = (size_t)r;
	for (size_t i = 1; i < *n; i++) /* in order, side by side, never one over the other */
		assert_true(buckets[i].at_s >= buckets[i - 1].at_s + buckets[i - 1].seconds);
	return buckets;
}

static size_t count(const uint8_t *key, uint64_t from_s, uint64_t to_s, uint32_t points)
{
	size_t n;

	free(ask(key, from_s, to_s, points, &n));
	return n;
}

/* The length of the buckets. */
static uint32_t length_of(uint64_t from_s, uint64_t to_s, uint32_t points)
{
	struct query_bucket *buckets;
	uint32_t seconds;
	size_t n;

	buckets = ask(peer.public_key, from_s, to_s, points, &n);
	assert_true(n > 0);
	seconds = buckets[0].seconds;
	free(buckets);
	return seconds;
}

static uint64_t number(const char *sql)
{
	sqlite3 *sqlite;
	sqlite3_stmt *statement;
	uint64_t value;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	value = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(sqlite);
	return value;
}

static uint64_t rows_of(enum tier tier)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT count(*) FROM block WHERE id >> 60 = %d", tier);
	return number(sql);
}

/* ---- what is asked */

static void test_each_tier(void **state)
{
	struct query_bucket *buckets;
	struct metrics_bucket bucket;
	size_t n;

	(void)state;
	run(2 * 3600, 1);
	/* the last minutes by the second */
	assert_int_equal(length_of(wall_s - 100, wall_s, 300), 1);
	assert_int_equal(count(peer.public_key, wall_s - 100, wall_s, 300), 100);
	assert_int_equal(length_of(wall_s - 100, wall_s, 10), 10);
	assert_int_equal(length_of(wall_s - 300, wall_s, 300), 1);
	assert_int_equal(count(peer.public_key, wall_s - 50, wall_s - 40, 300), 10);
	/* hours by ten seconds, with those that are not on disk yet */
	assert_int_equal(length_of(wall_s - 1000, wall_s, 300), 10);
	assert_int_equal(count(peer.public_key, wall_s - 1000, wall_s, 300), 100);
	assert_int_equal(count(NULL, wall_s - 1000, wall_s, 300), 100);
	assert_int_equal(length_of(wall_s - 7200, wall_s, 300), 30);
	/* a month by minutes */
	buckets = ask(peer.public_key, 0, wall_s, 1000, &n);
	assert_int_equal(buckets[0].seconds % 60, 0);
	assert_true(n >= 2 && n <= 4);
	bucket = query_bucket_of_peer(&buckets[1]);
	assert_int_equal(bucket.rtt_us, 20000);
	assert_int_equal(bucket.rtt_min_us, 20000);
	assert_int_equal(bucket.loss_permille, 5);
	assert_int_equal(bucket.rx_bytes_per_s, 1000);
	assert_int_equal(bucket.quality, 89);
	assert_int_equal(bucket.state, METRICS_PEER_CONNECTED);
	free(buckets);
	assert_int_equal(count(peer.public_key, wall_s + 10, wall_s + 20, 300), 0);
	assert_int_equal(count((const uint8_t[32]){9}, 0, wall_s, 300), 0); /* nobody */
}

static void test_gaps_stay(void **state)
{
	struct query_bucket *buckets;
	size_t n, after = 0;

	(void)state;
	run(600, 1);
	for (uint64_t second = 0; second < 600; second++, now_s++, wall_s++) {
		recorder_turn(&recorder, wall_s);
		peers_miss(&peers, now_s * CLOCK_SECOND);
		recorder_add_peers(&recorder, now_s * CLOCK_SECOND, wall_s);
	}
	way.rtt_us = 40000;
	run(600, 1);
	buckets = ask(peer.public_key, NOON_S, wall_s, 300, &n);
	assert_int_equal(n, 120);
	for (size_t i = 0; i < n; i++) {
		assert_false(buckets[i].at_s >= NOON_S + 600 && buckets[i].at_s < NOON_S + 1200);
		assert_int_equal(buckets[i].span.value,
				 buckets[i].at_s < NOON_S + 600 ? 20000 : 40000);
		after += buckets[i].at_s >= NOON_S + 1200;
	}
	assert_int_equal(after, 60);
	free(buckets);
}

/* Idle: a look every ten seconds is enough for every tier. */
static void test_slow_looks(void **state)
{
	(void)state;
	run(3600, 10);
	assert_int_equal(count(NULL, wall_s - 3600, wall_s, 1000), 360);
}

/* ---- restarts and clocks */

static void test_a_stop_loses_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) { /* in the middle of blocks and slots */
		run(137, 1);
		stop();
		start();
	}
	assert_int_equal(count(peer.public_key, NOON_S, wall_s, 1000), 69);
	assert_int_equal(rows_of(TIER_TEN_SECONDS), 2 * 3);
	run(3600, 1);
	assert_int_equal(rows_of(TIER_MINUTE), 2);
}

/* The last five minutes at most, and an hour that was over becomes minutes at the next start. */
static void test_a_kill(void **state)
{
	(void)state;
	run(3590, 1);
	die();
	wall_s += 100;
	now_s += 100;
	start();
	assert_int_equal(count(peer.public_key, NOON_S, NOON_S + 3600, 1000), 330);
	assert_int_equal(rows_of(TIER_MINUTE), 2);
	die();
	start(); /* not twice */
	assert_int_equal(rows_of(TIER_MINUTE), 2);
	assert_int_equal(number("SELECT sum(length(spans)) FROM block WHERE id >> 60 = 2"),
			 2 * 55 * BLOCK_SLOT_SIZE);
}

/* What was written of that time stays, and nothing is there twice; later it goes on. */
static void test_a_clock_set_back(void **state)
{
	struct query_bucket *buckets;
	size_t n;

	(void)state;
	run(1800, 1);
	wall_s -= 1000;
	way.rtt_us = 50000;
	run(1500, 1);
	buckets = ask(peer.public_key, NOON_S, wall_s, 1000, &n);
	assert_int_equal(n, 230);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(buckets[i].span.value,
				 buckets[i].at_s < NOON_S + 1800 ? 20000 : 50000);
	free(buckets);
	assert_int_equal(rows_of(TIER_TEN_SECONDS), 2 * 8 - 2); /* the last is not written yet */
	stop();
	start();
	assert_int_equal(count(peer.public_key, NOON_S, wall_s, 1000), 230);
}

static void test_a_clock_set_far_back(void **state)
{
	(void)state;
	run(1800, 1);
	wall_s = 100; /* as without a battery */
	run(900, 1);
	assert_int_equal(count(peer.public_key, 0, wall_s, 1000), 90);
	wall_s = NOON_S + 5000;
	run(900, 1);
	assert_int_equal(count(peer.public_key, NOON_S, wall_s, 1000), 270);
}

/* The hours between are not gone through one by one: to the year 30000 that would take as long. */
static void test_a_clock_set_far_ahead(void **state)
{
	(void)state;
	run(5400, 10);
	wall_s += 20 * DAY_S;
	run(2 * 3600, 10);
	assert_in_range(rows_of(TIER_TEN_SECONDS), 2 * 23, 2 * 24); /* a day old at most */
	assert_int_equal(rows_of(TIER_MINUTE), 2 * 4);
	alarm(60);
	wall_s = 884541340800;
	run(400, 10);
	alarm(0);
	assert_int_equal(count(peer.public_key, wall_s - 400, wall_s, 1000), 40);
}

static void test_a_clock_that_is_wrong_for_a_while(void **state)
{
	(void)state;
	run(7200, 10);
	wall_s += 400 * DAY_S;
	run(1200, 10);
	wall_s -= 400 * DAY_S;
	run(600, 10);
	assert_int_equal(count(peer.public_key, NOON_S, NOON_S + 7200, 1000), 720);
}

static void test_age(void **state)
{
	(void)state;
	run(600, 1);
	stop();
	wall_s += 40 * DAY_S;
	start();
	assert_int_equal(rows_of(TIER_TEN_SECONDS) + rows_of(TIER_MINUTE), 0);
	assert_int_equal(number("SELECT count(*) FROM subject"), 0);
	run(600, 1); /* the number is free for another */
	assert_int_equal(count(peer.public_key, wall_s - 600, wall_s, 1000), 60);
}

/* ---- size */

static struct block full_block(enum tier tier, uint64_t start_s)
{
	struct block block;

	block_init(&block, start_s);
	for (size_t i = 0; i < tier_shapes[tier].n_slots; i++)
		block.slots[i] = (struct span){.looks = 10,
					       .state = METRICS_PEER_CONNECTED,
					       .path = METRICS_PATH_DIRECT,
					       .permille = (uint16_t)(i % 7),
					       .value = 20000 + (uint32_t)i,
					       .low = 19000,
					       .high = 30000,
					       .second = 500,
					       .rx = 4000,
					       .tx = 5000};
	return block;
}

/* One transaction for each block's time, as the recorder does it. */
static void fill(size_t n_peers, uint64_t from_s, uint64_t to_s)
{
	uint8_t key[DATAPLANE_KEY_SIZE] = {0};

	for (uint64_t at_s = from_s; at_s < to_s; at_s += 300) {
		struct block block = full_block(TIER_TEN_SECONDS, at_s);

		assert_int_equal(archive_begin(archive, at_s + 300), 0);
		for (size_t i = 0; i <= n_peers; i++) {
			key[0] = (uint8_t)i;
			key[1] = (uint8_t)(i >> 8);
			assert_int_equal(
				archive_merge(archive, i ? key : NULL, TIER_TEN_SECONDS, &block),
				0);
		}
		if ((at_s + 300) % 3600 == 0)
			assert_int_equal(archive_roll_up(archive, at_s + 300 - 3600), 0);
		assert_int_equal(archive_expire(archive), 0);
		assert_int_equal(archive_commit(archive), 0);
	}
}

static size_t size_of_file(void)
{
	struct stat stat_buffer;

	assert_int_equal(stat(path, &stat_buffer), 0);
	return (size_t)stat_buffer.st_size;
}

/* 64 peers, measured every second of a day. */
static void test_a_day_of_64_peers(void **state)
{
	static const uint64_t ranges_s[] = {3600, DAY_S, 31 * DAY_S};
	const uint8_t key[DATAPLANE_KEY_SIZE] = {17};
	struct timespec begin, end;

	(void)state;
	fill(64, NOON_S, NOON_S + DAY_S);
	now_s += DAY_S;
	wall_s += DAY_S;
	for (size_t i = 0; i < 3; i++) {
		clock_gettime(CLOCK_MONOTONIC, &begin);
		assert_true(count(key, wall_s - ranges_s[i], wall_s, 300) > 0);
		clock_gettime(CLOCK_MONOTONIC, &end);
		assert_true(end.tv_sec - begin.tv_sec < 2);
	}
	die();
	start(); /* the log is in the file now */
	assert_in_range(size_of_file(), 15 << 20, 50 << 20);
}

/* The oldest make room, and the newest are there. */
static void test_the_bound(void **state)
{
	const size_t bound = 4u << 20;
	const uint8_t key[DATAPLANE_KEY_SIZE] = {17};

	(void)state;
	archive_close(archive);
	assert_int_equal(archive_open(&archive, path, bound), 0);
	games.archive = recorder.archive = archive;
	fill(64, NOON_S, NOON_S + DAY_S / 2);
	wall_s = NOON_S + DAY_S / 2;
	assert_int_equal(count(key, wall_s - 3600, wall_s, 1000), 360);
	assert_int_equal(count(key, NOON_S, NOON_S + 3600, 1000), 0);
	archive_close(archive);
	assert_true(size_of_file() <= bound);
	assert_true(size_of_file() > bound / 2);
	assert_int_equal(archive_open(&archive, path, bound), 0);
	games.archive = recorder.archive = archive;
}

/* What a wrong clock left in the future does not push out what is true. */
static void test_the_bound_and_the_future(void **state)
{
	const size_t bound = 4u << 20;
	const uint8_t key[DATAPLANE_KEY_SIZE] = {17};

	(void)state;
	archive_close(archive);
	assert_int_equal(archive_open(&archive, path, bound), 0);
	games.archive = recorder.archive = archive;
	fill(64, NOON_S + 1000 * DAY_S, NOON_S + 1000 * DAY_S + 3 * 3600);
	fill(64, NOON_S, NOON_S + 3 * 3600);
	wall_s = NOON_S + 3 * 3600;
	assert_int_equal(count(key, NOON_S, wall_s, 1000), 540);
}

/* ---- files that are not ours */

static void write_garbage(long at, size_t length)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	fseek(file, at, SEEK_SET);
	for (size_t i = 0; i < length; i++)
		fputc((int)(i * 7 + 13) & 0xff, file);
	fclose(file);
}

static void execute(const char *sql)
{
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(sqlite);
}

static void assert_begun_anew(void)
{
	char aside[160];

	start();
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(unlink(aside), 0);
	assert_int_equal(count(peer.public_key, NOON_S, wall_s, 1000), 0);
	run(600, 1);
	assert_int_equal(count(peer.public_key, wall_s - 600, wall_s, 1000), 60);
	stop();
}

static void test_damaged_files(void **state)
{
	(void)state;
	fill(20, NOON_S, NOON_S + 3600);
	stop();
	write_garbage(3 * 4096, 4 * 4096); /* in the middle */
	assert_begun_anew();
	write_garbage(0, 4096);
	assert_begun_anew();
	execute("PRAGMA user_version = 2");
	assert_begun_anew();
	assert_int_equal(truncate(path, 5000), 0);
	assert_begun_anew();
	assert_int_equal(truncate(path, 0), 0);
	assert_begun_anew();
	start();
}

/* Damage that only shows while it works. */
static void test_damage_under_way(void **state)
{
	char aside[160];

	(void)state;
	run(900, 1);
	execute("DROP TABLE subject; CREATE TABLE subject (x)");
	run(900, 1);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(access(aside, F_OK), 0);
	run(900, 1);
	assert_int_equal(count(peer.public_key, wall_s - 900, wall_s, 1000), 90);
}

/* The same by somebody who only asks. */
static void test_damage_that_is_read(void **state)
{
	const uint8_t key[DATAPLANE_KEY_SIZE] = {17};
	struct query_source source = {.archive = archive, .key = key};
	struct metrics_wish wish = {.from_s = NOON_S, .to_s = NOON_S + 3 * 3600, .points = 300};
	struct query_bucket *buckets;
	char aside[160];

	(void)state;
	fill(64, NOON_S, NOON_S + 6 * 3600);
	wall_s += 6 * 3600;
	execute("PRAGMA wal_checkpoint(TRUNCATE)");
	write_garbage(10 * 4096, 500 * 4096);
	assert_int_equal(
		query_run(&source, &wish, now_s * CLOCK_SECOND, wall_s * CLOCK_SECOND, &buckets),
		-EIO);
	snprintf(aside, sizeof(aside), "%s.aside", path);
	assert_int_equal(access(aside, F_OK), 0);
	run(900, 1);
	assert_int_equal(count(peer.public_key, wall_s - 900, wall_s, 1000), 90);
}

static void test_hostile_rows(void **state)
{
	(void)state;
	run(1200, 1);
	execute("UPDATE block SET spans = x'ff' WHERE id % 2 = 1");
	execute("UPDATE block SET spans = randomblob(56) WHERE id % 2 = 0");
	execute("INSERT INTO block VALUES (-1, 'x'), (9223372036854775807, 1.5)");
	execute("INSERT INTO subject VALUES (9223372036854775807, x'00', -1)");
	(void)count(peer.public_key, NOON_S, wall_s, 1000);
	(void)count(NULL, 0, wall_s, 1000);
	run(7200, 1);
	assert_int_equal(count(peer.public_key, wall_s - 3600, wall_s, 1000), 360);
}

/* No clock wrote it, and no start comes after it: it goes with the rest of the future. */
static void test_a_row_at_the_end_of_time(void **state)
{
	(void)state;
	archive_close(archive);
	execute("INSERT INTO block VALUES (0x1FFFFFFFFFF00005, zeroblob(28))");
	assert_int_equal(archive_open(&archive, path, 2u << 20), 0);
	games.archive = recorder.archive = archive;
	alarm(60);
	fill(64, NOON_S, NOON_S + 4 * 3600);
	alarm(0);
	assert_int_equal(number("SELECT count(*) FROM block WHERE id = 0x1FFFFFFFFFF00005"), 0);
}

static void test_nowhere_to_write(void **state)
{
	char missing[96];

	(void)state;
	die();
	snprintf(missing, sizeof(missing), "%s/missing", directory);
	snprintf(path, sizeof(path), "%s/history.db", missing);
	start(); /* in memory */
	run(1000, 1);
	assert_int_equal(count(peer.public_key, NOON_S, wall_s, 1000), 100);
	assert_int_equal(mkdir(missing, 0700), 0);
	run(600, 1);
	assert_int_equal(access(path, F_OK), 0);
	stop();
	start();
	assert_in_range(count(peer.public_key, NOON_S, wall_s, 1000), 60, 130);
}

/* On a disk of 512 KiB: what was written before it was full is there, and so is the service. */
static int fill_a_small_disk(void)
{
	size_t kept;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=512k") < 0)
		return 77;
	start();
	answer.peers = calloc(40, sizeof(*answer.peers));
	answer.n_peers = 40;
	for (size_t i = 0; i < 40; i++) {
		answer.peers[i] = peer;
		answer.peers[i].public_key[1] = (uint8_t)i;
	}
	run(2 * 3600, 10);
	if (recorder_flush(&recorder, wall_s) != -ENOSPC)
		return 1;
	kept = count(peer.public_key, NOON_S, NOON_S + 7200, 1000);
	if (kept == 0 || kept == 720)
		return 2;
	die();
	start(); /* from the file where there is room for its log, else in memory */
	run(100, 1);
	return count(peer.public_key, wall_s - 100, wall_s, 1000) == 100 ? 0 : 3;
}

static void test_a_full_disk(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	die();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fill_a_small_disk());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	start();
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

static void test_nobody_else_may_read_it(void **state)
{
	struct stat stat_buffer;

	(void)state;
	assert_int_equal(stat(path, &stat_buffer), 0);
	assert_int_equal(stat_buffer.st_mode & 0777, 0600);
}

/* ---- game sessions */

static struct metrics_session start_game(const char *name)
{
	struct metrics_game game = {.server = "ana's"};
	struct metrics_session session;

	snprintf(game.game, sizeof(game.game), "%s", name);
	assert_int_equal(games_start(&games, &game, wall_s, &session), 0);
	assert_true(session.ended_s == METRICS_UNKNOWN);
	return session;
}

static struct metrics_session get_game(uint64_t id)
{
	struct metrics_session session;

	assert_int_equal(games_get(&games, id, wall_s, &session), 0);
	return session;
}

static void test_a_session(void **state)
{
	struct metrics_session session = start_game("Quake");
	uint64_t id = session.id;

	(void)state;
	metrics_session_clear(&session);
	run(90, 1);
	way.rtt_us = 80000;
	run(10, 1);
	assert_int_equal(games_end(&games, id, wall_s, &session), 0);
	assert_int_equal(session.started_s, NOON_S);
	assert_int_equal(session.ended_s, NOON_S + 100);
	assert_int_equal(session.duration_s, 100);
	assert_int_equal(session.n_peers, 1);
	assert_int_equal(session.peers[0].samples, 100);
	assert_int_equal(session.peers[0].rtt_us, 26000);
	assert_int_equal(session.peers[0].rtt_min_us, 20000);
	assert_int_equal(session.peers[0].rtt_max_us, 80000);
	assert_in_range(session.peers[0].rtt_p95_us, 75000, 80000);
	assert_int_equal(session.peers[0].jitter_us, 300);
	assert_int_equal(session.peers[0].loss_permille, 5);
	assert_int_equal(session.peers[0].quality, quality_of(26000, 5, 300).score);
	metrics_session_clear(&session);
	/* ended is ended */
	run(100, 1);
	assert_int_equal(games_end(&games, id, wall_s, &session), 0);
	assert_int_equal(session.ended_s, NOON_S + 100);
	assert_int_equal(session.peers[0].samples, 100);
	assert_in_range(session.peers[0].rtt_p95_us, 75000, 80000);
	metrics_session_clear(&session);
	assert_int_equal(games_end(&games, id + 1, wall_s, &session), -ENOENT);
}

/* It goes on over stops and kills; what was not written is missing, no more. */
static void test_a_session_over_restarts(void **state)
{
	struct metrics_session session = start_game("Quake");
	uint64_t id = session.id;

	(void)state;
	metrics_session_clear(&session);
	run(100, 1);
	stop();
	start();
	run(250, 1); /* a flush after 200 */
	die();
	start();
	run(100, 1);
	session = get_game(id);
	assert_int_equal(session.peers[0].samples, 400);
	assert_int_equal(session.duration_s, 450);
	assert_string_equal(session.game.game, "Quake");
	assert_string_equal(session.game.server, "ana's");
	metrics_session_clear(&session);
}

static void test_an_end_that_cannot_be_written(void **state)
{
	struct metrics_session session = start_game("Quake");
	uint64_t id = session.id;
	sqlite3 *other;

	(void)state;
	metrics_session_clear(&session);
	run(10, 1);
	assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_true(games_end(&games, id, wall_s, &session) < 0);
	sqlite3_close(other);
	run(10, 1);
	assert_int_equal(games_end(&games, id, wall_s, &session), 0);
	assert_int_equal(session.duration_s, 20);
	assert_int_equal(session.peers[0].samples, 20);
	metrics_session_clear(&session);
}

/* It began in a file that could not be opened when this process began. */
static void test_a_session_that_nobody_has(void **state)
{
	struct metrics_session session = start_game("Quake");
	uint64_t id = session.id;

	(void)state;
	metrics_session_clear(&session);
	games_deinit(&games);
	wall_s += 3 * DAY_S;
	assert_int_equal(games_end(&games, id, wall_s, &session), 0);
	assert_int_equal(session.duration_s, METRICS_SESSION_S_MAX);
	assert_true(session.ended_s != METRICS_UNKNOWN);
	metrics_session_clear(&session);
	assert_int_equal(games.n, 0);
}

static void test_how_many_sessions(void **state)
{
	struct metrics_page page = {.limit = 10, .offset = 0};
	struct metrics_game game = {.game = "one more"};
	struct metrics_sessions list;
	struct metrics_session session;
	uint64_t last = 0;

	(void)state;
	session = start_game("first");
	metrics_session_clear(&session);
	for (int i = 0; i < METRICS_SESSIONS_MAX + 20; i++) {
		session = start_game("short");
		last = session.id;
		metrics_session_clear(&session);
		assert_int_equal(games_end(&games, last, ++wall_s, &session), 0);
		metrics_session_clear(&session);
	}
	assert_int_equal(games_list(&games, &page, wall_s, &list), 0);
	assert_in_range(list.total, METRICS_SESSIONS_MAX, METRICS_SESSIONS_MAX + 1);
	assert_int_equal(list.n_sessions, 10);
	assert_true(list.sessions[0].id == last && list.sessions[9].id == last - 9);
	metrics_sessions_clear(&list);
	page.offset = list.total = 995;
	assert_int_equal(games_list(&games, &page, wall_s, &list), 0);
	assert_in_range(list.n_sessions, 5, 6);
	assert_string_equal(list.sessions[list.n_sessions - 1].game.game, "first"); /* it runs */
	metrics_sessions_clear(&list);
	for (int i = 1; i < METRICS_SESSIONS_RUNNING_MAX; i++) {
		session = start_game("beside");
		metrics_session_clear(&session);
	}
	assert_int_equal(games_start(&games, &game, wall_s, &session), -EBUSY);
	run(METRICS_SESSION_S_MAX + 600, 300); /* all end by themselves */
	assert_int_equal(games.n, 0);
	session = get_game(last + 1);
	assert_int_equal(session.duration_s, METRICS_SESSION_S_MAX);
	metrics_session_clear(&session);
}

/* More peers than a session measures; and bytes that are nothing. */
static void test_odd_sessions(void **state)
{
	static struct dataplane_peer many[METRICS_SESSION_PEERS_MAX + 5];
	struct metrics_session session = start_game("Quake");
	uint64_t id = session.id;

	(void)state;
	metrics_session_clear(&session);
	for (size_t i = 0; i < METRICS_SESSION_PEERS_MAX + 5; i++) {
		many[i] = peer;
		many[i].public_key[1] = (uint8_t)(200 - i);
	}
	answer.peers = many;
	answer.n_peers = METRICS_SESSION_PEERS_MAX + 5;
	run(5, 1);
	session = get_game(id);
	assert_int_equal(session.n_peers, METRICS_SESSION_PEERS_MAX);
	for (size_t i = 1; i < session.n_peers; i++)
		assert_true(memcmp(session.peers[i - 1].public_key, session.peers[i].public_key,
				   DATAPLANE_KEY_SIZE) < 0);
	metrics_session_clear(&session);
	stop();
	execute("UPDATE session SET peers = substr(peers, 1, 100), started = -5");
	start();
	session = get_game(id);
	assert_true(session.n_peers <= 1);
	metrics_session_clear(&session);
	die();
	execute("UPDATE session SET game = x'00', server = zeroblob(500)");
	start();
	assert_int_equal(games_get(&games, id, wall_s, &session), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_each_tier),
		TEST(test_gaps_stay),
		TEST(test_slow_looks),
		TEST(test_a_stop_loses_nothing),
		TEST(test_a_kill),
		TEST(test_a_clock_set_back),
		TEST(test_a_clock_set_far_back),
		TEST(test_a_clock_set_far_ahead),
		TEST(test_a_clock_that_is_wrong_for_a_while),
		TEST(test_age),
		TEST(test_a_day_of_64_peers),
		TEST(test_the_bound),
		TEST(test_the_bound_and_the_future),
		TEST(test_damaged_files),
		TEST(test_damage_under_way),
		TEST(test_damage_that_is_read),
		TEST(test_hostile_rows),
		TEST(test_a_row_at_the_end_of_time),
		TEST(test_nowhere_to_write),
		TEST(test_a_full_disk),
		TEST(test_nobody_else_may_read_it),
		TEST(test_a_session),
		TEST(test_a_session_over_restarts),
		TEST(test_an_end_that_cannot_be_written),
		TEST(test_a_session_that_nobody_has),
		TEST(test_how_many_sessions),
		TEST(test_odd_sessions),
	};
	char command[128];
	int failed;

	log_init("test", LOG_LEVEL_ERR);
	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
