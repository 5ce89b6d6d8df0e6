/* What each address may ask for, with time driven by hand. */
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-dataplane/sources.h"

#define S     CLOCK_SECOND
#define FLOOD 100000u
#define MANY  1000u /* more than any burst here */

static const uint64_t start = 1000 * S;

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static struct addr of_flood(uint32_t number)
{
	return addr_ipv4(0x0a000000 + number, (uint16_t)number);
}

static struct sources *make(const struct bucket_limit *limits, unsigned uses)
{
	struct sources *sources;

	assert_int_equal(sources_new(&sources, limits, uses), 0);
	return sources;
}

static unsigned take_all(struct sources *sources, uint64_t now_us, const char *from, unsigned use)
{
	const struct addr source = address(from);
	unsigned n = 0;

	while (n < MANY && sources_take(sources, now_us, &source, use))
		n++;
	return n;
}

static void test_rate_and_burst(void **state)
{
	static const struct {
		struct bucket_limit limit;
		uint64_t wait_us;
		unsigned after; /* how many there are then, the burst having been used up */
	} cases[] = {
		{{100, S / 50}, 0, 0},
		{{100, S / 50}, S / 50 - 1, 0},
		{{100, S / 50}, S / 50, 1},
		{{100, S / 50}, 1 * S, 50},
		{{100, S / 50}, 2 * S, 100},
		{{100, S / 50}, 3600 * S, 100}, /* never more than the burst */
		{{1, S / 1}, S - 1, 0},
		{{1, S / 1}, S, 1},
		{{600, S / 300}, 1 * S, 300},
		{{10, S / 50}, 1 * S, 10},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sources *sources = make(&cases[i].limit, 1);
		const char *from = "192.0.2.1:1";

		assert_int_equal(take_all(sources, start, from, 0), cases[i].limit.burst);
		assert_int_equal(take_all(sources, start + cases[i].wait_us, from, 0),
				 cases[i].after);
		sources_free(sources);
	}
}

/* Asking in vain costs nothing: who asks all the time has his rate all the same. */
static void test_refusals_are_free(void **state)
{
	const struct bucket_limit limit = BUCKET_PER_SECOND(50, 100);
	struct sources *sources = make(&limit, 1);
	const struct addr from = address("192.0.2.1:1");
	unsigned taken = 0;

	(void)state;
	for (uint64_t now_us = start; now_us < start + 10 * S; now_us += 250)
		taken += sources_take(sources, now_us, &from, 0);
	assert_in_range(taken, 100 + 499, 100 + 500);
	sources_free(sources);
}

/* Who shares what with 192.0.2.1 and with 2001:db8:0:1::1, which have used up theirs. */
static void test_what_is_one_source(void **state)
{
	static const struct {
		const char *from;
		bool same;
	} cases[] = {
		{"192.0.2.1:1", true},
		{"192.0.2.1:999", true}, /* one host has many ports */
		{"192.0.2.2:1", false},
		{"192.0.3.1:1", false},
		{"[2001:db8:0:1::1]:1", true},
		{"[2001:db8:0:1:ffff:ffff:ffff:ffff]:999", true},
		{"[2001:db8:0:2::1]:1", false},
		{"[2001:db8:1:1::1]:1", false},
		{"[c000:201::1]:1", false}, /* the bytes of 192.0.2.1 */
		{"[::ffff:192.0.2.1]:1", true},
	};
	const struct bucket_limit limit = BUCKET_PER_SECOND(1, 4);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sources *sources = make(&limit, 1);

		assert_int_equal(take_all(sources, start, "192.0.2.1:1", 0), 4);
		assert_int_equal(take_all(sources, start, "[2001:db8:0:1::1]:1", 0), 4);
		assert_int_equal(take_all(sources, start, cases[i].from, 0), cases[i].same ? 0 : 4);
		sources_free(sources);
	}
}

static void test_uses_are_apart(void **state)
{
	const struct bucket_limit limits[SOURCES_USES] = {BUCKET_PER_SECOND(1, 3),
							  BUCKET_PER_SECOND(5, 10)};
	struct sources *sources = make(limits, SOURCES_USES);

	(void)state;
	assert_int_equal(take_all(sources, start, "192.0.2.1:1", 0), 3);
	assert_int_equal(take_all(sources, start, "192.0.2.1:1", 1), 10);
	assert_int_equal(take_all(sources, start + S, "192.0.2.1:1", 1), 5);
	assert_int_equal(take_all(sources, start + S, "192.0.2.1:1", 0), 1);
	assert_int_equal(take_all(sources, start + S, "192.0.2.2:1", 1), 10);
	sources_free(sources);
}

/* A flood of addresses makes the table forget who is quiet. It finds room for each newcomer, and
 * does not free somebody who keeps asking. */
static void test_flood_of_addresses(void **state)
{
	const struct bucket_limit limit = BUCKET_PER_SECOND(1, 1);
	struct sources *sources = make(&limit, 1);
	const struct addr greedy = address("192.0.2.1:1");
	unsigned remembered = 0;

	(void)state;
	assert_true(sources_take(sources, start, &greedy, 0));
	for (uint32_t i = 1; i <= FLOOD; i++) {
		const struct addr from = of_flood(i);

		assert_true(sources_take(sources, start + i, &from, 0));
		assert_false(sources_take(sources, start + i, &greedy, 0));
	}
	/* The newest are still known, and no more of them than a small table has room for. */
	for (uint32_t i = FLOOD; i > 0; i--) {
		const struct addr from = of_flood(i);

		remembered += !sources_take(sources, start + FLOOD + 1, &from, 0);
	}
	assert_in_range(remembered, FLOOD / 100, FLOOD / 10);
	sources_free(sources);
}

/* Whom a flood displaces differs from table to table, so nobody can choose it. */
static void test_places_are_secret(void **state)
{
	enum { COUNT = 20000 };
	static bool known[2][COUNT];
	const struct bucket_limit limit = BUCKET_PER_SECOND(1, 1);

	(void)state;
	for (size_t table = 0; table < 2; table++) {
		struct sources *sources = make(&limit, 1);

		for (uint32_t i = 0; i < COUNT; i++) {
			const struct addr from = of_flood(i);

			assert_true(sources_take(sources, start + i, &from, 0));
		}
		for (uint32_t i = COUNT; i-- > 0;) {
			const struct addr from = of_flood(i);

			known[table][i] = !sources_take(sources, start + COUNT, &from, 0);
		}
		sources_free(sources);
	}
	assert_memory_not_equal(known[0], known[1], sizeof(known[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_and_burst),	   cmocka_unit_test(test_refusals_are_free),
		cmocka_unit_test(test_what_is_one_source), cmocka_unit_test(test_uses_are_apart),
		cmocka_unit_test(test_flood_of_addresses), cmocka_unit_test(test_places_are_secret),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
