/* How far away members are: medians, averages and trends of pings whose times a test chooses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-browser/latency.h"

#define S     CLOCK_SECOND
#define MS    1000u
#define LOST  UINT32_MAX
#define STUCK (UINT32_MAX - 1) /* no path */

static struct latency latency;
static const struct latency_member ana = {{1}, {11}}, ben = {{2}, {22}};

static int set_up(void **state)
{
	(void)state;
	memset(&latency, 0, sizeof(latency));
	return 0;
}

static void keep(const struct latency_member *members, size_t n, uint64_t now_us)
{
	latency_keep(&latency, members, n, now_us, 0);
}

/* One measurement whose pings come to these; returns how many were asked for. */
static unsigned measure(uint64_t now_us, const uint32_t rtts_us[LATENCY_PINGS], uint32_t random)
{
	const struct latency_member *member = latency_begin(&latency, now_us);
	unsigned n = 0;

	assert_non_null(member);
	assert_memory_equal(member->wireguard_key, ana.wireguard_key, DATAPLANE_KEY_SIZE);
	while (member) {
		uint32_t rtt_us = rtts_us[n++];
		int result = rtt_us == LOST ? -ETIMEDOUT : rtt_us == STUCK ? -ENETUNREACH : 0;

		assert_int_equal(latency_due_us(&latency), CLOCK_NEVER); /* one at a time */
		member = latency_take(&latency, result, result ? 0 : rtt_us, now_us, random);
	}
	return n;
}

static struct browser_latency after(uint32_t a, uint32_t b, uint32_t c)
{
	uint64_t now_us = 1000 * S;

	latency_hasten(&latency, ana.identity);
	measure(now_us, (const uint32_t[]){a, b, c}, 0);
	return latency_of(&latency, ana.identity, now_us);
}

static void test_medians(void **state)
{
	static const struct {
		uint32_t rtts[LATENCY_PINGS], median, sent, answers;
	} table[] = {
		{{30 * MS, 10 * MS, 20 * MS}, 20 * MS, 3, 3},
		{{10 * MS, 10 * MS, 900 * MS}, 10 * MS, 3, 3},
		{{LOST, 30 * MS, 20 * MS}, 25 * MS, 3, 2},
		{{LOST, LOST, 7 * MS}, 7 * MS, 3, 1},
		{{LOST, LOST, LOST}, 0, 3, 0},
		{{STUCK}, 0, 0, 0},
		{{LOST, STUCK}, 0, 1, 0},
		{{9 * MS, STUCK}, 9 * MS, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct browser_latency *known = &latency.hosts[0].known;

		set_up(NULL);
		keep(&ana, 1, 0);
		measure(10 * S, table[i].rtts, 0);
		assert_int_equal(latency.measuring.sent, table[i].sent);
		assert_int_equal(latency.measuring.answers, table[i].answers);
		assert_int_equal(known->measurements, table[i].answers ? 1 : 0);
		assert_int_equal(known->us, table[i].median);
		assert_int_equal(known->ema_us, table[i].median);
	}
}

static void test_average_and_trend(void **state)
{
	static const struct {
		uint32_t us, ema_us;
		enum browser_trend trend;
	} table[] = {
		{20000, 20000, BROWSER_TREND_UNKNOWN}, /* the start */
		{30000, 23000, BROWSER_TREND_UNKNOWN}, /* 0.3 * 30 + 0.7 * 20 */
		{28000, 24500, BROWSER_TREND_STEADY},  /* 5 ms above, not more */
		{29501, 26000, BROWSER_TREND_RISING},  /* 5.001 ms above */
		{20799, 24440, BROWSER_TREND_FALLING}, /* 5.201 ms below, a fifth is 5.2 */
		{124500, 54458, BROWSER_TREND_RISING}, /* far above */
		{65349, 57725, BROWSER_TREND_STEADY},  /* a fifth above, not more */
		{69271, 61189, BROWSER_TREND_RISING},  /* a µs more than a fifth */
		{48952, 57518, BROWSER_TREND_STEADY},  /* a fifth below */
	};

	(void)state;
	keep(&ana, 1, 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct browser_latency known = after(table[i].us, table[i].us, table[i].us);

		assert_int_equal(known.us, table[i].us);
		assert_int_equal(known.ema_us, table[i].ema_us);
		assert_int_equal(known.trend, table[i].trend);
	}
}

/* After an outage everything begins anew. */
static void test_an_outage(void **state)
{
	struct browser_latency known;

	(void)state;
	keep(&ana, 1, 0);
	for (int i = 0; i < 4; i++)
		known = after(20 * MS, 20 * MS, 20 * MS);
	assert_int_equal(known.trend, BROWSER_TREND_STEADY);
	known = after(LOST, LOST, LOST);
	assert_int_equal(known.measurements, 0);
	known = after(80 * MS, 80 * MS, 80 * MS);
	assert_int_equal(known.ema_us, 80 * MS);
	assert_int_equal(known.trend, BROWSER_TREND_UNKNOWN);
}

static void test_intervals(void **state)
{
	static const struct {
		uint32_t rtt_us;
		uint64_t interval_s;
	} table[] = {
		{1 * MS, 60},	{50 * MS - 1, 60}, {50 * MS, 30}, {150 * MS - 1, 30},
		{150 * MS, 10}, {900 * MS, 10},	   {LOST, 10},	  {STUCK, 10},
	};
	static const uint32_t randoms[] = {0, 1, 1u << 31, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (size_t k = 0; k < sizeof(randoms) / sizeof(randoms[0]); k++) {
			uint32_t us = table[i].rtt_us;
			uint64_t interval_us = table[i].interval_s * S, due_us;

			set_up(NULL);
			keep(&ana, 1, 0);
			measure(100 * S, (const uint32_t[]){us, us, us}, randoms[k]);
			due_us = latency_due_us(&latency) - 100 * S;
			assert_in_range(due_us, interval_us * 9 / 10, interval_us * 11 / 10);
			if (randoms[k] == 0)
				assert_int_equal(due_us, interval_us * 9 / 10);
			assert_null(latency_begin(&latency, 100 * S + due_us - 1));
			assert_non_null(latency_begin(&latency, 100 * S + due_us));
		}
}

/* The first measurements come soon, and not of all members at once. */
static void test_beginnings(void **state)
{
	const struct latency_member both[] = {ana, ben};

	(void)state;
	assert_int_equal(latency_due_us(&latency), CLOCK_NEVER);
	assert_null(latency_begin(&latency, 100 * S));
	latency_keep(&latency, both, 2, 10 * S, 123456);
	for (size_t i = 0; i < 2; i++)
		assert_in_range(latency.hosts[i].due_us, 10 * S, (10 + LATENCY_FIRST_S) * S);
	assert_int_not_equal(latency.hosts[0].due_us, latency.hosts[1].due_us);
	assert_ptr_equal(latency_begin(&latency, 12 * S), &latency.hosts[0].member);
	assert_null(latency_begin(&latency, 12 * S)); /* one at a time */
}

static void test_who_has_servers(void **state)
{
	struct latency_member moved = ana, many[LATENCY_HOSTS_MAX + 1] = {{{0}, {0}}};
	struct browser_latency known;

	(void)state;
	keep(&ana, 1, 0);
	after(20 * MS, 20 * MS, 20 * MS);
	moved.wireguard_key[0] = 99;
	keep((const struct latency_member[]){ben, moved}, 2, 1005 * S);
	known = latency_of(&latency, ana.identity, 1007 * S); /* kept, wherever it stands now */
	assert_int_equal(known.us, 20 * MS);
	assert_int_equal(known.age_s, 7);
	assert_int_equal(latency_of(&latency, ben.identity, 1007 * S).measurements, 0);
	assert_int_equal(latency_hasten(&latency, ana.identity), 0);
	assert_int_equal(latency_begin(&latency, 0)->wireguard_key[0], 99);
	/* Gone during a measurement: that ends, and makes nothing known. */
	keep(&ben, 1, 1010 * S);
	assert_null(latency_take(&latency, 0, 20 * MS, 1010 * S, 0));
	assert_false(latency.measuring.active);
	assert_int_equal(latency_of(&latency, ana.identity, 1010 * S).measurements, 0);
	assert_int_equal(latency_hasten(&latency, ana.identity), -ENOENT);
	keep(NULL, 0, 1011 * S);
	assert_int_equal(latency_due_us(&latency), CLOCK_NEVER);
	for (size_t i = 0; i <= LATENCY_HOSTS_MAX; i++)
		many[i].identity[0] = (uint8_t)i;
	keep(many, LATENCY_HOSTS_MAX + 1, 1012 * S);
	assert_int_equal(latency.n_hosts, LATENCY_HOSTS_MAX);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_medians),   TEST(test_average_and_trend), TEST(test_an_outage),
		TEST(test_intervals), TEST(test_beginnings),	    TEST(test_who_has_servers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
