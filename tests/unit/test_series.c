/* Five minutes of samples in order, bounded, and rates that are never invented. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-metrics/rate.h"
#include "svc-metrics/series.h"

#define S CLOCK_SECOND

struct sample {
	uint32_t number;
	char rest[20];
};

static void add(struct series *series, uint32_t number, uint64_t now_us)
{
	struct sample sample = {.number = number, .rest = "0123456789"};

	assert_int_equal(series_add(series, &sample, now_us), 0);
}

static uint32_t number_at(const struct series *series, size_t i)
{
	const struct sample *sample = series_sample(series, i);

	assert_string_equal(sample->rest, "0123456789");
	return sample->number;
}

static void test_order_and_bounds(void **state)
{
	struct series series;

	(void)state;
	series_init(&series, sizeof(struct sample));
	assert_null(series_last(&series));
	for (uint32_t i = 0; i < 3 * SERIES_MAX; i++) {
		size_t n = i + 1 < SERIES_MAX ? i + 1 : SERIES_MAX;

		add(&series, i, (i + 1) * S);
		assert_int_equal(series.n, n);
		assert_true(series.room <= SERIES_MAX && series.room < 2 * n + 8);
		for (size_t k = 0; k < n; k++) {
			assert_int_equal(number_at(&series, k), i + 1 - n + k);
			assert_int_equal(series_time_us(&series, k), (i + 2 - n + k) * S);
		}
		assert_ptr_equal(series_last(&series), series_sample(&series, n - 1));
	}
	series_deinit(&series);
	assert_int_equal(series.n, 0);
	add(&series, 1, S); /* it can be used on */
	series_deinit(&series);
}

static void test_five_minutes(void **state)
{
	struct series series;

	(void)state;
	series_init(&series, sizeof(struct sample));
	for (uint32_t i = 1; i <= 5; i++)
		add(&series, i, i * 90 * S);
	assert_int_equal(series.n, 4); /* of 180 to 450 s */
	assert_int_equal(number_at(&series, 0), 2);
	assert_int_equal(series_since(&series, 450 * S, METRICS_RECENT_S * S), 0);
	assert_int_equal(series_since(&series, 450 * S, 90 * S), 2);
	assert_int_equal(series_since(&series, 450 * S, 89 * S), 3);
	assert_int_equal(series_since(&series, 451 * S, 0), 4);
	series_expire(&series, 480 * S);
	assert_int_equal(series.n, 4);
	series_expire(&series, 480 * S + 1);
	assert_int_equal(series.n, 3);
	series_expire(&series, 900 * S);
	assert_int_equal(series.n, 0);
	assert_null(series_last(&series));
	add(&series, 9, 900 * S);
	assert_int_equal(number_at(&series, 0), 9);
	series_deinit(&series);
}

static void test_time_that_stands_still(void **state)
{
	struct series series;
	struct sample sample = {0};

	(void)state;
	series_init(&series, sizeof(struct sample));
	add(&series, 1, 10 * S);
	assert_int_equal(series_add(&series, &sample, 10 * S), -ESTALE);
	assert_int_equal(series_add(&series, &sample, 9 * S), -ESTALE);
	assert_int_equal(series.n, 1);
	assert_int_equal(number_at(&series, 0), 1);
	series_deinit(&series);
}

static void test_rates(void **state)
{
	static const struct {
		uint64_t before, after, elapsed_us, rate;
	} rows[] = {
		{0, 0, S, 0},
		{1000, 3000, 2 * S, 1000},
		{1000, 1001, 10 * S, 0},
		{0, 1, 1, S},
		{0, 5000000000ull, S, 5000000000ull},
		{3000, 1000, S, METRICS_UNKNOWN},		/* went back */
		{0, 1, 0, METRICS_UNKNOWN},			/* no time */
		{0, 1, RATE_APART_MAX_US + 1, METRICS_UNKNOWN}, /* too long ago */
		{0, 30, RATE_APART_MAX_US, 1},
		{METRICS_UNKNOWN, 1, S, METRICS_UNKNOWN},
		{1, METRICS_UNKNOWN, S, METRICS_UNKNOWN},
		{0, UINT64_MAX - 1, S, METRICS_UNKNOWN}, /* impossible */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rate_per_s(rows[i].before, rows[i].after, rows[i].elapsed_us) != rows[i].rate)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_bounds),
		cmocka_unit_test(test_five_minutes),
		cmocka_unit_test(test_time_that_stands_still),
		cmocka_unit_test(test_rates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
