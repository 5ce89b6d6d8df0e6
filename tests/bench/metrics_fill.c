/* metrics_fill DIR - what a day of 64 peers, looked at every second, costs svc-metrics: its real
 * parts but for the sockets, with a clock that runs as fast as it can. Prints one JSON object.
 *
 * First the day alone, into DIR/day.db: what the file, its transactions and the memory come to, and
 * how long ranges take. Then the same day after a month of minutes, into DIR/month.db, which is
 * what the bound is for.
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-metrics/query.h"
#include "svc-metrics/recorder.h"

#define PEERS	64
#define DAY_S	86400ull
#define BEGIN_S 1769860800ull
#define RUNS	64

static struct dataplane_path ways[PEERS];
static struct dataplane_peer dataplane_peers[PEERS];
static struct dataplane_state answer = {.instance = 1, .n_peers = PEERS, .peers = dataplane_peers};
static struct archive *archive;
static struct peers peers;
static struct games games;
static struct recorder recorder;
static uint64_t wall_s, begun_s;

static void make_peers(void)
{
	for (size_t i = 0; i < PEERS; i++) {
		ways[i] = (struct dataplane_path){.state = DATAPLANE_PATH_WORKING};
		dataplane_peers[i] = (struct dataplane_peer){.public_key = {(uint8_t)(i * 37), 1},
							     .state = DATAPLANE_PEER_CONNECTED,
							     .n_paths = 1,
							     .paths = &ways[i]};
	}
}

/* Something else at every look. */
static void change_peers(uint64_t second)
{
	for (size_t i = 0; i < PEERS; i++) {
		ways[i].rtt_us = 20000 + (uint32_t)((second * 7919 + i * 104729) % 5000);
		ways[i].jitter_us = (uint32_t)((second + i) % 900);
		ways[i].loss_permille = (uint32_t)((second / 60 + i) % 20);
		dataplane_peers[i].rx_bytes += 4000 + second % 1000;
		dataplane_peers[i].tx_bytes += 3000 + second % 700;
	}
}

static void look(void)
{
	static const struct span machine = {
		.looks = 1, .permille = 100, .value = 50, .low = 50, .high = 50, .second = 80};
	uint64_t now_us = (wall_s - begun_s + 1) * CLOCK_SECOND;

	recorder_turn(&recorder, wall_s);
	recorder_add_system(&recorder, &machine, wall_s);
	change_peers(wall_s);
	if (peers_take(&peers, &answer, now_us) < 0)
		exit(1);
	recorder_add_peers(&recorder, now_us, wall_s);
	games_add_peers(&games, &peers, now_us, wall_s);
}

static void start(const char *path, uint64_t start_s)
{
	wall_s = begun_s = start_s;
	make_peers();
	if (archive_open(&archive, path, ARCHIVE_BYTES_MAX) < 0)
		exit(1);
	games_init(&games, archive);
	recorder_init(&recorder, archive, &peers, &games, wall_s);
}

static void stop(void)
{
	(void)recorder_flush(&recorder, wall_s);
	games_deinit(&games);
	archive_close(archive);
	peers_deinit(&peers);
}

/* Hours of minutes for everybody, as they were rolled up when they were over. */
static void fill_minutes(uint64_t from_s, uint64_t to_s)
{
	struct block hour;

	for (uint64_t at_s = from_s; at_s < to_s; at_s += 3600) {
		block_init(&hour, at_s);
		for (size_t i = 0; i < 60; i++)
			hour.slots[i] = (struct span){.looks = 60,
						      .state = METRICS_PEER_CONNECTED,
						      .path = METRICS_PATH_DIRECT,
						      .value = 20000,
						      .low = 1,
						      .high = 30000};
		if (archive_begin(archive, at_s + 3600) < 0)
			exit(1);
		(void)archive_merge(archive, NULL, TIER_MINUTE, &hour);
		for (size_t i = 0; i < PEERS; i++)
			(void)archive_merge(archive, dataplane_peers[i].public_key, TIER_MINUTE,
					    &hour);
		(void)archive_expire(archive);
		if (archive_commit(archive) < 0)
			exit(1);
	}
}

/* ---- asking */

static struct span span_of(const void *sample)
{
	return span_of_sample(sample);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Each run asks for another peer. */
static void ask(uint64_t range_s, uint32_t points, const char *end)
{
	uint64_t took_us[RUNS];
	ssize_t n = 0;

	for (size_t i = 0; i < RUNS; i++) {
		const struct peers_entry *entry = peers.list[i % peers.n];
		struct query_source source = {.archive = archive,
					      .key = entry->public_key,
					      .track = &entry->track,
					      .recent = &entry->recent,
					      .span_of = span_of,
					      .since_s = recorder.since_s};
		struct metrics_wish wish = {
			.from_s = wall_s - range_s, .to_s = wall_s, .points = points};
		struct query_bucket *buckets;
		uint64_t begin_us = clock_now_us();

		n = query_run(&source, &wish, (wall_s - begun_s + 1) * CLOCK_SECOND,
			      wall_s * CLOCK_SECOND, &buckets);
		took_us[i] = clock_now_us() - begin_us;
		free(buckets);
	}
	qsort(took_us, RUNS, sizeof(*took_us), by_value);
	printf("{\"range_s\": %" PRIu64 ", \"points\": %u, \"buckets\": %zd, \"ms\": %.3f, "
	       "\"max_ms\": %.3f}%s",
	       range_s, points, n, (double)took_us[RUNS / 2] / 1000,
	       (double)took_us[RUNS - 1] / 1000, end);
}

static void ask_all(void)
{
	printf("[");
	ask(300, 300, ", ");
	ask(3600, 300, ", ");
	ask(DAY_S, 300, ", ");
	ask(DAY_S, 1000, ", ");
	ask(31 * DAY_S, 300, ", ");
	ask(31 * DAY_S, 1000, "]");
}

static uint64_t size_of(const char *path)
{
	struct stat buffer;

	return stat(path, &buffer) == 0 ? (uint64_t)buffer.st_size : 0;
}

/* Bytes that this process has written, as proc(5) counts. */
static uint64_t written(void)
{
	FILE *file = fopen("/proc/self/io", "re");
	uint64_t bytes = 0;

	if (!file || fscanf(file, "rchar: %*u wchar: %" SCNu64, &bytes) != 1)
		bytes = 0;
	if (file)
		(void)fclose(file);
	return bytes;
}

static void measure_day(const char *path)
{
	size_t heap_before = mallinfo2().uordblks, heap;
	uint64_t written_before = written(), begin_us = clock_now_us(), took_us, flushes = 0;

	start(path, BEGIN_S);
	for (; wall_s < BEGIN_S + DAY_S; wall_s++) {
		flushes += wall_s % 300 == 0;
		look();
	}
	took_us = clock_now_us() - begin_us;
	heap = mallinfo2().uordblks - heap_before;
	printf("{\"peers\": %d, \"flushes\": %" PRIu64 ", \"seconds_of_processor\": %.1f, "
	       "\"heap_bytes\": %zu, \"written_bytes\": %" PRIu64 ", \"queries\": ",
	       PEERS, flushes, (double)took_us / 1e6, heap, written() - written_before);
	ask_all();
	stop();
	printf(", \"file_bytes\": %" PRIu64, size_of(path));
}

static void measure_month(const char *path)
{
	start(path, BEGIN_S);
	fill_minutes(BEGIN_S - 30 * DAY_S, BEGIN_S);
	for (; wall_s < BEGIN_S + DAY_S; wall_s++)
		look();
	printf(", \"month\": {\"queries\": ");
	ask_all();
	stop();
	printf(", \"file_bytes\": %" PRIu64 "}}\n", size_of(path));
}

int main(int argc, char **argv)
{
	char path[256];

	if (argc != 2) {
		(void)fputs("usage: metrics-fill DIR\n", stderr);
		return 2;
	}
	log_init("metrics-fill", LOG_LEVEL_WARNING);
	(void)snprintf(path, sizeof(path), "%s/day.db", argv[1]);
	measure_day(path);
	(void)snprintf(path, sizeof(path), "%s/month.db", argv[1]);
	measure_month(path);
	return 0;
}
