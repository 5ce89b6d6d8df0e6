#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "deploy/launcher/backoff.h"

#define SECOND 1000000ULL

static void waits_longer_each_time(void **state)
{
	static const uint64_t expected_us[] = {0,	   100000,     500000,	   SECOND,
					       2 * SECOND, 5 * SECOND, 5 * SECOND, 5 * SECOND};
	struct backoff backoff = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(expected_us) / sizeof(expected_us[0]); i++)
		assert_int_equal(launcher_backoff_next(&backoff, 10), expected_us[i]);
}

static void forgets_after_a_minute_of_life(void **state)
{
	struct backoff backoff = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		launcher_backoff_next(&backoff, 0);
	assert_int_equal(launcher_backoff_next(&backoff, 60 * SECOND - 1), 5 * SECOND);
	assert_int_equal(launcher_backoff_next(&backoff, 60 * SECOND), 0);
	assert_int_equal(launcher_backoff_next(&backoff, 1), 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_longer_each_time),
		cmocka_unit_test(forgets_after_a_minute_of_life),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
