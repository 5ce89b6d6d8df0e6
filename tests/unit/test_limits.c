/* Token buckets per source, with time driven by hand. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/server/limits.h"

#define SECOND 1000000ULL

static const uint8_t key[16] = {1, 2, 3};
static const uint64_t start = 1000 * SECOND;

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static struct limits *make(size_t sources, struct bucket_limit guess, struct bucket_limit common)
{
	struct bucket_limit rates[LIMITS_KINDS] = {[LIMITS_GUESS] = guess};
	struct bucket_limit commons[LIMITS_KINDS] = {[LIMITS_GUESS] = common};
	struct limits *limits;

	assert_int_equal(limits_new(&limits, sources, rates, commons, key), 0);
	return limits;
}

static unsigned int take_all(struct limits *limits, const struct addr *source, uint64_t now_us)
{
	unsigned int n = 0;

	while (n < 1000 && limits_take(limits, LIMITS_GUESS, source, now_us) == 0)
		n++;
	return n;
}

static void test_no_limit(void **state)
{
	struct limits *limits = make(16, limits_per_minute(0, 0), limits_per_minute(0, 0));
	struct addr source = address("192.0.2.1:1");

	(void)state;
	assert_int_equal(take_all(limits, &source, start), 1000);
	limits_free(limits);
}

static void test_sources_are_apart(void **state)
{
	struct limits *limits = make(64, (struct bucket_limit){4, SECOND}, limits_per_minute(0, 0));
	struct addr a = address("192.0.2.1:1"), b = address("192.0.2.2:1");
	struct addr a_other_port = address("192.0.2.1:999");

	(void)state;
	assert_int_equal(take_all(limits, &a, start), 4);
	assert_int_equal(take_all(limits, &a_other_port, start), 0);
	assert_int_equal(take_all(limits, &b, start), 4);
	assert_int_equal(take_all(limits, &a, start + 2 * SECOND), 2);
	/* kinds are apart as well */
	assert_int_equal(limits_take(limits, LIMITS_LOGIN, &a, start), 0);
	limits_free(limits);
}

static void test_ipv6_counts_by_64(void **state)
{
	struct limits *limits = make(64, (struct bucket_limit){4, SECOND}, limits_per_minute(0, 0));
	struct addr a = address("[2001:db8:0:1::1]:1"), same = address("[2001:db8:0:1:ffff::9]:2");
	struct addr other = address("[2001:db8:0:2::1]:1");

	(void)state;
	assert_int_equal(take_all(limits, &a, start), 4);
	assert_int_equal(take_all(limits, &same, start), 0);
	assert_int_equal(take_all(limits, &other, start), 4);
	limits_free(limits);
}

static void test_common_bucket(void **state)
{
	struct limits *limits =
		make(4096, (struct bucket_limit){4, SECOND}, (struct bucket_limit){10, SECOND});
	unsigned int taken = 0;

	(void)state;
	for (uint32_t i = 0; i < 100; i++) {
		struct addr source = addr_ipv4(0xc0000200 + i, 1);

		taken += take_all(limits, &source, start);
	}
	assert_int_equal(taken, 10);
	/* what the common bucket refused was not taken from the source */
	{
		struct addr last = addr_ipv4(0xc0000200 + 99, 1);

		assert_int_equal(take_all(limits, &last, start + 4 * SECOND), 4);
	}
	limits_free(limits);
}

static void test_give_back(void **state)
{
	struct limits *limits =
		make(16, (struct bucket_limit){2, SECOND}, (struct bucket_limit){3, SECOND});
	struct addr a = address("192.0.2.1:1");

	(void)state;
	for (int i = 0; i < 50; i++) {
		assert_int_equal(limits_take(limits, LIMITS_GUESS, &a, start), 0);
		limits_give_back(limits, LIMITS_GUESS, &a, start);
	}
	assert_int_equal(take_all(limits, &a, start), 2);
	limits_free(limits);
}

/* A flood of sources makes the table forget, but neither grow nor fail. */
static void test_table_is_bounded(void **state)
{
	struct limits *limits = make(16, (struct bucket_limit){1, SECOND}, limits_per_minute(0, 0));
	struct addr a = address("192.0.2.1:1");

	(void)state;
	assert_int_equal(take_all(limits, &a, start), 1);
	for (uint32_t i = 0; i < 10000; i++) {
		struct addr source = addr_ipv4(0x0a000000 + i, 1);

		assert_int_equal(limits_take(limits, LIMITS_GUESS, &source, start + i), 0);
		/* who keeps asking is remembered: the flood takes the places that are idle */
		assert_int_not_equal(limits_take(limits, LIMITS_GUESS, &a, start + i), 0);
	}
	limits_free(limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_limit),	  cmocka_unit_test(test_sources_are_apart),
		cmocka_unit_test(test_ipv6_counts_by_64), cmocka_unit_test(test_common_bucket),
		cmocka_unit_test(test_give_back),	  cmocka_unit_test(test_table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
