/* What the data plane says of its peers, as samples: nothing old is current, nothing is invented.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-metrics/peers.h"

#define S CLOCK_SECOND

/* A direct path and one by a relay; the first carries the data. */
static struct dataplane_path paths[2];
static struct dataplane_peer peer;
static struct dataplane_state answer;
static struct peers peers;

static int set_up(void **state)
{
	(void)state;
	memset(&peers, 0, sizeof(peers));
	paths[0] = (struct dataplane_path){.kind = DATAPLANE_PATH_DIRECT,
					   .state = DATAPLANE_PATH_WORKING,
					   .endpoint = addr_ipv4(0xcb007107, 5555),
					   .rtt_us = 20000,
					   .jitter_us = 300,
					   .loss_permille = 5,
					   .rx_bytes = 1000,
					   .tx_bytes = 2000};
	paths[1] = (struct dataplane_path){.kind = DATAPLANE_PATH_RELAY,
					   .state = DATAPLANE_PATH_WORKING,
					   .endpoint = addr_ipv4(0xcb007109, 51820),
					   .relay = {7},
					   .rtt_us = 50000,
					   .jitter_us = DATAPLANE_UNKNOWN,
					   .loss_permille = DATAPLANE_UNKNOWN};
	peer = (struct dataplane_peer){.public_key = {5},
				       .state = DATAPLANE_PEER_CONNECTED,
				       .rx_bytes = 900,
				       .tx_bytes = 1900,
				       .n_paths = 2,
				       .paths = paths};
	answer = (struct dataplane_state){.instance = 1, .n_peers = 1, .peers = &peer};
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	peers_deinit(&peers);
	return 0;
}

/* The only peer's current sample. */
static struct metrics_sample now_of(uint64_t now_us)
{
	struct metrics_peers list;
	struct metrics_sample sample;

	assert_int_equal(peers_list(&peers, now_us, &list), 0);
	assert_int_equal(list.n_peers, 1);
	assert_int_equal(list.peers[0].public_key[0], 5);
	sample = list.peers[0].now;
	metrics_peers_clear(&list);
	return sample;
}

static struct metrics_peer_detail detail_of(uint64_t now_us)
{
	static const uint8_t key[DATAPLANE_KEY_SIZE] = {5};
	struct metrics_peer_detail detail;

	assert_int_equal(peers_get(&peers, key, now_us, &detail), 0);
	return detail;
}

/* How many looks the last minutes hold. */
static size_t looks(void)
{
	return peers.list[0]->recent.n;
}

static void assert_unknown(const struct metrics_sample *sample)
{
	assert_int_equal(sample->path, METRICS_PATH_UNKNOWN);
	assert_true(sample->measures.rtt_us == DATAPLANE_UNKNOWN);
	assert_true(sample->measures.jitter_us == DATAPLANE_UNKNOWN);
	assert_true(sample->measures.loss_permille == DATAPLANE_UNKNOWN);
	assert_true(sample->measures.rx_bytes == METRICS_UNKNOWN);
	assert_true(sample->measures.tx_bytes == METRICS_UNKNOWN);
	assert_true(sample->measures.rx_bytes_per_s == METRICS_UNKNOWN);
	assert_true(sample->measures.tx_bytes_per_s == METRICS_UNKNOWN);
}

static void test_values_and_rates(void **state)
{
	struct metrics_peer_detail detail;
	struct metrics_sample now;

	(void)state;
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	now = now_of(13 * S);
	assert_int_equal(now.age_us, 3 * S);
	assert_int_equal(now.state, METRICS_PEER_CONNECTED);
	assert_int_equal(now.path, METRICS_PATH_DIRECT);
	assert_int_equal(now.measures.rtt_us, 20000);
	assert_int_equal(now.measures.jitter_us, 300);
	assert_int_equal(now.measures.loss_permille, 5);
	assert_int_equal(now.measures.rx_bytes, 900);
	assert_true(now.measures.rx_bytes_per_s == METRICS_UNKNOWN);

	peer.rx_bytes += 5000;
	paths[0].rx_bytes += 6000;
	paths[1].tx_bytes += 100;
	peer.active_path = 1;
	assert_int_equal(peers_take(&peers, &answer, 20 * S), 0);
	now = now_of(20 * S);
	assert_int_equal(now.path, METRICS_PATH_RELAY);
	assert_int_equal(now.measures.rtt_us, 50000);
	assert_true(now.measures.jitter_us == DATAPLANE_UNKNOWN);
	assert_int_equal(now.measures.rx_bytes_per_s, 500);
	assert_int_equal(now.measures.tx_bytes_per_s, 0);

	assert_int_equal(looks(), 2);
	detail = detail_of(21 * S);
	assert_int_equal(detail.peer.now.age_us, 1 * S);
	assert_int_equal(detail.n_paths, 2);
	assert_false(detail.paths[0].active);
	assert_int_equal(detail.paths[0].measures.rx_bytes_per_s, 600);
	assert_true(detail.paths[1].active);
	assert_int_equal(detail.paths[1].measures.tx_bytes_per_s, 10);
	metrics_peer_detail_clear(&detail);
}

static void test_not_connected(void **state)
{
	static const struct {
		enum dataplane_peer_state in;
		enum metrics_peer_state out;
	} rows[] = {{DATAPLANE_PEER_CONNECTING, METRICS_PEER_CONNECTING},
		    {DATAPLANE_PEER_FAILED, METRICS_PEER_FAILED}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct metrics_sample now;

		peer.state = rows[i].in;
		assert_int_equal(peers_take(&peers, &answer, (i + 1) * S), 0);
		now = now_of((i + 1) * S);
		assert_int_equal(now.state, rows[i].out);
		assert_int_equal(now.path, METRICS_PATH_NONE);
		assert_true(now.measures.rtt_us == DATAPLANE_UNKNOWN);
		assert_int_equal(now.measures.rx_bytes, 900); /* that is known */
	}
}

/* Whether the new process has counted less or already more than the last: nobody knows. */
static void test_another_process(void **state)
{
	static const uint64_t counts[] = {10, 100000};

	(void)state;
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	for (size_t i = 0; i < 2; i++) {
		struct metrics_peer_detail detail;

		answer.instance++;
		peer.rx_bytes = paths[0].rx_bytes = counts[i];
		assert_int_equal(peers_take(&peers, &answer, (20 + 20 * i) * S), 0);
		detail = detail_of(50 * S);
		assert_true(now_of(50 * S).measures.rx_bytes_per_s == METRICS_UNKNOWN);
		assert_true(detail.paths[0].measures.rx_bytes_per_s == METRICS_UNKNOWN);
		metrics_peer_detail_clear(&detail);
		peer.rx_bytes += 10;
		assert_int_equal(peers_take(&peers, &answer, (30 + 20 * i) * S), 0);
		assert_int_equal(now_of(50 * S).measures.rx_bytes_per_s, 1);
	}
}

static void test_counters_that_go_back(void **state)
{
	(void)state;
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	peer.rx_bytes = 1; /* it left and came back in between */
	peer.tx_bytes += 20;
	assert_int_equal(peers_take(&peers, &answer, 20 * S), 0);
	assert_true(now_of(20 * S).measures.rx_bytes_per_s == METRICS_UNKNOWN);
	assert_int_equal(now_of(20 * S).measures.tx_bytes_per_s, 2);
}

static void test_no_answer(void **state)
{
	struct metrics_peer_detail detail;

	(void)state;
	assert_int_equal(peers_miss(&peers, 5 * S), 0); /* with nobody there */
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	for (uint64_t second = 20; second < 25; second++) {
		struct metrics_sample now;

		assert_int_equal(peers_miss(&peers, second * S), 0);
		now = now_of(second * S);
		assert_int_equal(now.state, METRICS_PEER_UNKNOWN);
		assert_int_equal(now.age_us, (second - 20) * S);
		assert_unknown(&now);
	}
	detail = detail_of(25 * S);
	assert_int_equal(detail.n_paths, 0);
	assert_int_equal(looks(), 2); /* one for the gap, however long */
	metrics_peer_detail_clear(&detail);

	peer.rx_bytes += 100;
	assert_int_equal(peers_take(&peers, &answer, 26 * S), 0);
	assert_int_equal(now_of(26 * S).state, METRICS_PEER_CONNECTED);
	assert_true(now_of(26 * S).measures.rx_bytes_per_s == METRICS_UNKNOWN);
	peer.rx_bytes += 100;
	assert_int_equal(peers_take(&peers, &answer, 27 * S), 0);
	assert_int_equal(now_of(27 * S).measures.rx_bytes_per_s, 100);
}

static void test_gone_and_back(void **state)
{
	struct metrics_sample now;

	(void)state;
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	answer.n_peers = 0;
	assert_int_equal(peers_take(&peers, &answer, 20 * S), 0);
	assert_int_equal(peers_take(&peers, &answer, 30 * S), 0);
	now = now_of(30 * S);
	assert_int_equal(now.state, METRICS_PEER_GONE);
	assert_int_equal(now.age_us, 10 * S);
	assert_unknown(&now);
	/* kept until its last sample is an hour old */
	assert_int_equal(peers_take(&peers, &answer, 3620 * S), 0);
	assert_int_equal(peers.n, 1);
	answer.n_peers = 1;
	assert_int_equal(peers_take(&peers, &answer, 3620 * S + 1), 0);
	assert_int_equal(now_of(3621 * S).state, METRICS_PEER_CONNECTED);
	assert_true(now_of(3621 * S).measures.rx_bytes_per_s == METRICS_UNKNOWN);
	answer.n_peers = 0;
	assert_int_equal(peers_take(&peers, &answer, 3630 * S), 0);
	assert_int_equal(peers_take(&peers, &answer, 7231 * S), 0);
	assert_int_equal(peers.n, 0);
}

static struct dataplane_peer *many(size_t n, unsigned first)
{
	struct dataplane_peer *list = calloc(n, sizeof(*list));

	for (unsigned i = 0; i < n; i++) {
		list[i].active_path = -1;
		list[i].public_key[0] = (uint8_t)((first + i) * 37);
		list[i].public_key[1] = (uint8_t)((first + i) >> 8);
		list[i].public_key[2] = (uint8_t)(first + i);
	}
	return list;
}

static void test_too_many(void **state)
{
	struct dataplane_peer *list = many(2 * METRICS_PEERS_MAX, 0);
	struct metrics_peer_detail detail;

	(void)state;
	answer.peers = list;
	answer.n_peers = METRICS_PEERS_MAX + 3;
	assert_int_equal(peers_take(&peers, &answer, 10 * S), 0);
	assert_int_equal(peers.n, METRICS_PEERS_MAX);
	assert_int_equal(peers.left_out, 3);
	for (size_t i = 1; i < peers.n; i++)
		assert_true(memcmp(peers.list[i - 1]->public_key, peers.list[i]->public_key,
				   DATAPLANE_KEY_SIZE) < 0);
	/* the first half goes; then as many new ones come and take the places of the gone */
	answer.peers = list + METRICS_PEERS_MAX / 2;
	answer.n_peers = METRICS_PEERS_MAX / 2;
	assert_int_equal(peers_take(&peers, &answer, 20 * S), 0);
	answer.n_peers = METRICS_PEERS_MAX;
	assert_int_equal(peers_take(&peers, &answer, 30 * S), 0);
	assert_int_equal(peers.n, METRICS_PEERS_MAX);
	assert_int_equal(peers.left_out, 0);
	for (size_t i = 0; i < answer.n_peers; i++) {
		assert_int_equal(peers_get(&peers, answer.peers[i].public_key, 30 * S, &detail), 0);
		assert_int_equal(detail.peer.now.age_us, 0);
		metrics_peer_detail_clear(&detail);
	}
	assert_int_equal(peers_get(&peers, list[0].public_key, 30 * S, &detail), -ENOENT);
	assert_null(peers_find(&peers, list[0].public_key));
	free(list);
}

static void test_minutes(void **state)
{
	(void)state;
	for (uint64_t second = 10; second < 3 * METRICS_RECENT_S; second++)
		assert_int_equal(peers_take(&peers, &answer, second * S), 0);
	assert_int_equal(looks(), METRICS_RECENT_S);
	assert_int_equal(peers.present, 1);
	/* what is said now outlives the minutes */
	assert_int_equal(peers_miss(&peers, 1000 * S), 0);
	assert_int_equal(peers_miss(&peers, 2000 * S), 0);
	assert_int_equal(looks(), 0);
	assert_int_equal(now_of(2000 * S).state, METRICS_PEER_UNKNOWN);
}

/* A way that becomes bad is getting worse, and one that is not connected has no quality. */
static void test_quality(void **state)
{
	struct metrics_peer_detail detail;

	(void)state;
	for (uint64_t second = 1; second <= 120; second++) {
		paths[0].loss_permille = second > 60 ? 100 : 0;
		assert_int_equal(peers_take(&peers, &answer, second * S), 0);
	}
	detail = detail_of(120 * S);
	assert_int_equal(detail.peer.quality.loss, 0);
	assert_true(detail.peer.quality.score < 40);
	assert_int_equal(detail.peer.quality.trend, METRICS_TREND_WORSE);
	metrics_peer_detail_clear(&detail);
	peer.state = DATAPLANE_PEER_FAILED;
	assert_int_equal(peers_take(&peers, &answer, 121 * S), 0);
	detail = detail_of(121 * S);
	assert_true(detail.peer.quality.score == METRICS_UNKNOWN_SCORE);
	assert_int_equal(detail.peer.quality.trend, METRICS_TREND_UNKNOWN);
	metrics_peer_detail_clear(&detail);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_values_and_rates), TEST(test_not_connected),
		TEST(test_another_process),  TEST(test_counters_that_go_back),
		TEST(test_no_answer),	     TEST(test_gone_and_back),
		TEST(test_too_many),	     TEST(test_minutes),
		TEST(test_quality),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
