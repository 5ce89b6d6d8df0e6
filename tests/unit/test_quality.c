/* One number for the way to a peer, which no good term can make better than its worst, and the
 * round trips of a game. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-metrics/histogram.h"
#include "svc-metrics/quality.h"

#define S    CLOCK_SECOND
#define NONE METRICS_UNKNOWN_SCORE

static void test_table(void **state)
{
	static const struct {
		uint32_t rtt_us, loss_permille, jitter_us;
		struct metrics_quality quality;
		const char *grade;
	} rows[] = {
		/* the two examples of quality.h */
		{20000, 5, 300, {89, 87, 90, 99, 0}, "excellent"},
		{15000, 100, 1000, {30, 90, 0, 98, 0}, "poor"},
		{0, 0, 0, {100, 100, 100, 100, 0}, "excellent"},
		{150000, 0, 0, {30, 0, 100, 100, 0}, "poor"}, /* far away */
		{10000, 0, 30000, {61, 93, 100, 40, 0}, "good"},
		{60000, 10, 5000, {67, 60, 80, 90, 0}, "good"},
		{90000, 10, 10000, {52, 40, 80, 80, 0}, "fair"},
		{4000000, 1000, 900000, {0, 0, 0, 0, 0}, "poor"},
		{DATAPLANE_UNKNOWN, 0, 0, {NONE, NONE, 100, 100, 0}, NULL},
		{1000, DATAPLANE_UNKNOWN, 0, {NONE, 99, NONE, 100, 0}, NULL},
		{1000, 0, DATAPLANE_UNKNOWN, {NONE, 99, 100, NONE, 0}, NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct metrics_quality quality =
			quality_of(rows[i].rtt_us, rows[i].loss_permille, rows[i].jitter_us);
		const char *grade = quality_grade(quality.score);

		if (memcmp(&quality, &rows[i].quality, sizeof(quality)) != 0)
			fail_msg("row %zu: %u of %u, %u, %u", i, quality.score, quality.latency,
				 quality.loss, quality.jitter);
		if (rows[i].grade)
			assert_string_equal(grade, rows[i].grade);
		else
			assert_null(grade);
	}
}

static void test_grades(void **state)
{
	static const struct {
		uint32_t score;
		const char *grade;
	} rows[] = {{100, "excellent"}, {80, "excellent"}, {79, "good"}, {60, "good"},
		    {59, "fair"},	{40, "fair"},	   {39, "poor"}, {0, "poor"}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(quality_grade(rows[i].score), rows[i].grade);
}

/* One minute of one round trip after another of another, looks per_minute at even distances. */
static enum metrics_trend trend_of(uint32_t before_us, uint32_t last_us, unsigned per_minute)
{
	struct metrics_sample sample = metrics_sample_unknown;
	enum metrics_trend trend;
	struct series recent;

	series_init(&recent, sizeof(sample));
	sample.measures.loss_permille = sample.measures.jitter_us = 0;
	for (unsigned i = 0; i < 2 * per_minute; i++) {
		sample.measures.rtt_us = i < per_minute ? before_us : last_us;
		assert_int_equal(series_add(&recent, &sample, (i + 1) * 60 * S / per_minute), 0);
	}
	trend = quality_trend(&recent, 120 * S);
	series_deinit(&recent);
	return trend;
}

static void test_trend(void **state)
{
	(void)state;
	assert_int_equal(trend_of(20000, 20000, 60), METRICS_TREND_STEADY);
	assert_int_equal(trend_of(20000, 90000, 60), METRICS_TREND_WORSE);
	assert_int_equal(trend_of(90000, 20000, 60), METRICS_TREND_BETTER);
	/* scores of 91 and 86: five points are no change */
	assert_int_equal(quality_of(20000, 0, 0).score - quality_of(29000, 0, 0).score, 5);
	assert_int_equal(trend_of(20000, 29000, 60), METRICS_TREND_STEADY);
	assert_int_equal(trend_of(20000, 32000, 60), METRICS_TREND_WORSE);
	assert_int_equal(trend_of(20000, 90000, QUALITY_TREND_LEAST), METRICS_TREND_WORSE);
	assert_int_equal(trend_of(20000, 90000, QUALITY_TREND_LEAST - 1), METRICS_TREND_UNKNOWN);
	assert_int_equal(trend_of(20000, DATAPLANE_UNKNOWN, 60), METRICS_TREND_UNKNOWN);
}

static void test_network(void **state)
{
	struct metrics_peer list[] = {
		{.now.state = METRICS_PEER_CONNECTED, .quality.score = 80},
		{.now.state = METRICS_PEER_CONNECTED, .quality.score = 31},
		{.now.state = METRICS_PEER_CONNECTED, .quality.score = NONE},
		{.now.state = METRICS_PEER_FAILED, .quality.score = 0},
	};
	struct metrics_peers peers = {.n_peers = 4, .peers = list};
	const struct metrics_peer *worst;

	(void)state;
	assert_int_equal(quality_of_network(&peers, &worst), 56);
	assert_ptr_equal(worst, &list[1]);
	peers.peers = &list[2];
	peers.n_peers = 2;
	assert_true(quality_of_network(&peers, &worst) == NONE);
	assert_null(worst);
}

/* Every value comes back within 1/16, and below 64 us within 4 us. */
static void test_histogram_error(void **state)
{
	(void)state;
	for (uint64_t us = 0; us < 1u << 24; us += 1 + us / 50) {
		struct histogram histogram = {{0}};
		uint32_t read;

		histogram_add(&histogram, (uint32_t)us);
		read = histogram_percentile(&histogram, 95);
		if ((read > us ? read - us : us - read) > (us < 64 ? 4 : us / 16))
			fail_msg("%u for %u", read, (uint32_t)us);
	}
}

static void test_percentiles(void **state)
{
	struct histogram histogram = {{0}};

	(void)state;
	assert_true(histogram_percentile(&histogram, 95) == UINT32_MAX);
	for (int i = 0; i < 94; i++)
		histogram_add(&histogram, 10000);
	for (int i = 0; i < 6; i++)
		histogram_add(&histogram, 100000);
	assert_in_range(histogram_percentile(&histogram, 50), 9400, 10600);
	assert_in_range(histogram_percentile(&histogram, 94), 9400, 10600);
	assert_in_range(histogram_percentile(&histogram, 95), 94000, 106000);
	histogram_add(&histogram, UINT32_MAX - 1); /* beyond the last is the last */
	assert_in_range(histogram_percentile(&histogram, 100), 15000000, 16800000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),		cmocka_unit_test(test_grades),
		cmocka_unit_test(test_trend),		cmocka_unit_test(test_network),
		cmocka_unit_test(test_histogram_error), cmocka_unit_test(test_percentiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
