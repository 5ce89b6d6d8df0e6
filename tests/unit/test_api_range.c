/* Which time a request for a history means. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/range.h"

#define NOW_S 1769860800

static void test_ranges(void **state)
{
	static const struct {
		const char *query;
		uint64_t from_s, to_s;
		uint32_t points;
	} rows[] = {
		{NULL, NOW_S - 3600, NOW_S, 300},
		{"seconds=60", NOW_S - 60, NOW_S, 300},
		{"seconds=0&points=10", NOW_S, NOW_S, 10},
		{"seconds=2678400&points=1000", NOW_S - 2678400, NOW_S, 1000},
		{"from=5&to=7", 5, 7, 300},
		{"from=1769860000", 1769860000, NOW_S, 300},
		{"to=1769860000&seconds=100", 1769859900, 1769860000, 300},
		{"to=50", 0, 50, 300}, /* not before the beginning of time */
		{"to=253402300799", 253402300799 - 3600, 253402300799, 300},
	};
	struct metrics_wish wish;
	struct target target;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(target_parse(&target, "/x", rows[i].query), 0);
		assert_int_equal(range_take(&target, NOW_S, &wish, &error), 0);
		if (wish.from_s != rows[i].from_s || wish.to_s != rows[i].to_s ||
		    wish.points != rows[i].points)
			fail_msg("%s", rows[i].query);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *query, *names;
	} rows[] = {
		{"seconds=-1", "seconds"},	{"seconds=x", "seconds"},
		{"seconds=2678401", "seconds"}, {"points=9", "points"},
		{"points=1001", "points"},	{"points=", "points"},
		{"from=1.5", "from"},		{"to=253402300800", "to"},
		{"from=7&to=5", "from"},	{"from=1&seconds=1", "seconds"},
		{"from=1769860801", "from"},
	};
	struct metrics_wish wish;
	struct target target;
	struct error error;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(target_parse(&target, "/x", rows[i].query), 0);
		assert_int_equal(range_take(&target, NOW_S, &wish, &error), -EINVAL);
		assert_int_equal(strncmp(error.text, rows[i].names, strlen(rows[i].names)), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
