/* Tokens, with time driven by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/bucket.h"
#include "common/clock.h"

#define SECOND CLOCK_SECOND

static const uint64_t start = 1000000 * SECOND;

static void test_bucket(void **state)
{
	struct bucket_limit rate = {3, SECOND};
	struct bucket bucket = {0};

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(bucket_ask(&bucket, rate, start, 1), 0);
	assert_in_range(bucket_ask(&bucket, rate, start, 1), 1, SECOND);
	assert_int_not_equal(bucket_ask(&bucket, rate, start + SECOND - 2, 1), 0);
	assert_int_equal(bucket_ask(&bucket, rate, start + SECOND, 1), 0);
	assert_int_not_equal(bucket_ask(&bucket, rate, start + SECOND, 1), 0);
	bucket_give_back(&bucket, rate);
	assert_int_equal(bucket_ask(&bucket, rate, start + SECOND, 1), 0);
	/* never more than the burst, however long it waits */
	for (int i = 0; i < 3; i++)
		assert_int_equal(bucket_ask(&bucket, rate, start + 3600 * SECOND, 1), 0);
	assert_int_not_equal(bucket_ask(&bucket, rate, start + 3600 * SECOND, 1), 0);
}

static void test_wait_is_long_enough(void **state)
{
	struct bucket_limit rate = {5, 60 * SECOND / 7};
	struct bucket bucket = {0};
	uint64_t now = start;

	(void)state;
	for (int i = 0; i < 100; i++) {
		uint64_t wait = bucket_ask(&bucket, rate, now, 1);

		if (wait) {
			now += wait;
			assert_int_equal(bucket_ask(&bucket, rate, now, 1), 0);
		}
	}
	/* 95 tokens beyond the burst, at 7 a minute */
	assert_in_range(now - start, 94 * rate.interval_us, 96 * rate.interval_us);
}

static void test_early_clock(void **state)
{
	struct bucket_limit rate = {10, 3600 * SECOND};
	struct bucket bucket = {0};

	/* the machine has been up for less than it takes to fill the bucket */
	(void)state;
	for (int i = 0; i < 10; i++)
		assert_true(bucket_take(&bucket, rate, 5 * SECOND));
	assert_false(bucket_take(&bucket, rate, 5 * SECOND));
}

static void test_several_at_once(void **state)
{
	struct bucket_limit rate = BUCKET_PER_SECOND(50, 100);
	struct bucket bucket = {0};

	(void)state;
	assert_int_not_equal(bucket_ask(&bucket, rate, start, 101), 0);
	assert_int_equal(bucket_ask(&bucket, rate, start, 60), 0);
	assert_int_equal(bucket_ask(&bucket, rate, start, 50), SECOND / 5); /* 40 are left */
	assert_int_equal(bucket_wait_us(&bucket, rate, start), 0);
	assert_int_equal(bucket_ask(&bucket, rate, start, 40), 0);
	assert_int_equal(bucket_wait_us(&bucket, rate, start), SECOND / 50);
}

static void test_no_limit(void **state)
{
	struct bucket_limit none = {0};
	struct bucket bucket = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_true(bucket_take(&bucket, none, start));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket),	    cmocka_unit_test(test_wait_is_long_enough),
		cmocka_unit_test(test_early_clock), cmocka_unit_test(test_several_at_once),
		cmocka_unit_test(test_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
