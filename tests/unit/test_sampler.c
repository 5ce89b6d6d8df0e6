/* The texts of /proc as numbers, and nothing invented. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "svc-metrics/sampler.h"

#define S 1000000u

static const char meminfo[] = "MemTotal:        8000000 kB\n"
			      "MemFree:         1000000 kB\n"
			      "MemAvailable:    6000000 kB\n";
static const char headings[] =
	"Inter-|   Receive                                                |  Transmit\n"
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n";

/* Takes a sample; the numbers are those of the row. */
static int take(struct sampler *sampler, const char *stat, const char *net_dev, uint64_t now_us)
{
	char text[1024];

	snprintf(text, sizeof(text), "%s%s", headings, net_dev);
	return sampler_take(sampler, stat, meminfo, text, now_us);
}

static void test_processors(void **state)
{
	static const struct {
		const char *first, *second;
		uint32_t permille;
	} rows[] = {
		{"cpu  100 0 100 800 0 0 0 0 0 0\n", "cpu  150 0 150 900 0 0 0 0 0 0\n", 500},
		{"cpu  100 0 100 800 0 0 0 0 0 0\n", "cpu  100 0 100 900 0 0 0 0 0 0\n", 0},
		{"cpu  100 0 100 800 0 0 0 0 0 0\n", "cpu  200 0 100 800 0 0 0 0 0 0\n", 1000},
		/* waiting for a disk is idleness */
		{"cpu  0 0 0 0 0 0 0 0 0 0\n", "cpu  25 0 0 50 25 0 0 0 0 0\n", 250},
		/* irq, softirq and steal are not; guest counts in user */
		{"cpu  0 0 0 0 0 0 0 0 0 0\n", "cpu  0 0 0 70 0 10 10 10 50 50\n", 300},
		/* the count of iowait may go back */
		{"cpu  0 0 0 0 50 0 0 0 0 0\n", "cpu  60 0 0 0 40 0 0 0 0 0\n", 1000},
		/* nothing has passed, or all went back: unknown */
		{"cpu  1 0 0 8 0 0 0 0 0 0\n", "cpu  1 0 0 8 0 0 0 0 0 0\n",
		 METRICS_UNKNOWN_PERMILLE},
		{"cpu  9 0 0 8 0 0 0 0 0 0\n", "cpu  1 0 0 9 0 0 0 0 0 0\n",
		 METRICS_UNKNOWN_PERMILLE},
		/* an old kernel with four numbers */
		{"cpu  0 0 0 0\n", "cpu  1 0 0 3\n", 250},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sampler sampler = {0};

		assert_int_equal(take(&sampler, rows[i].first, "", 5 * S), 0);
		assert_int_equal(sampler.current.cpu_permille, METRICS_UNKNOWN_PERMILLE);
		assert_int_equal(take(&sampler, rows[i].second, "", 6 * S), 0);
		if (sampler.current.cpu_permille != rows[i].permille)
			fail_msg("row %zu: %u", i, sampler.current.cpu_permille);
		assert_int_equal(sampler.sampled_us, 6 * S);
	}
}

static const char idle[] = "cpu  0 0 0 1 0 0 0 0 0 0\ncpu0 0 0 0 1 0 0 0 0 0 0\n";

static void test_memory(void **state)
{
	struct sampler sampler = {0};

	(void)state;
	assert_int_equal(take(&sampler, idle, "", S), 0);
	assert_int_equal(sampler.current.memory_total, 8000000ull * 1024);
	assert_int_equal(sampler.current.memory_available, 6000000ull * 1024);
}

static void test_interfaces(void **state)
{
	struct sampler sampler = {0};
	const struct metrics_interface *eth = &sampler.current.interfaces[1];

	(void)state;
	assert_int_equal(take(&sampler, idle,
			      "    lo: 100 1 0 0 0 0 0 0 100 1 0 0 0 0 0 0\n"
			      "  eth0:1000 9 0 0 0 0 0 0 2000 9 0 0 0 0 0 0\n",
			      10 * S),
			 0);
	assert_int_equal(sampler.current.n_interfaces, 2);
	assert_string_equal(sampler.current.interfaces[0].name, "lo");
	assert_string_equal(eth->name, "eth0");
	assert_int_equal(eth->rx_bytes, 1000);
	assert_int_equal(eth->tx_bytes, 2000);
	assert_true(eth->rx_bytes_per_s == METRICS_UNKNOWN);
	assert_int_equal(take(&sampler, idle,
			      "lanrage0: 5 1 0 0 0 0 0 0 5 1 0 0 0 0 0 0\n"
			      "  eth0: 3000 9 0 0 0 0 0 0 1000 9 0 0 0 0 0 0\n",
			      12 * S),
			 0);
	assert_string_equal(sampler.current.interfaces[0].name, "lanrage0");
	assert_true(sampler.current.interfaces[0].rx_bytes_per_s == METRICS_UNKNOWN); /* new */
	assert_int_equal(eth->rx_bytes_per_s, 1000);
	assert_true(eth->tx_bytes_per_s == METRICS_UNKNOWN); /* went back */
	assert_int_equal(take(&sampler, idle,
			      "  eth0: 18446744073709551615 9 0 0 0 0 0 0 1000 9 0 0 0 0 0 0\n",
			      13 * S),
			 0);
	assert_true(sampler.current.interfaces[0].rx_bytes_per_s == METRICS_UNKNOWN);
	assert_int_equal(sampler.current.interfaces[0].tx_bytes_per_s, 0);
}

/* A night asleep is no time to take the mean of. */
static void test_asleep(void **state)
{
	struct sampler sampler = {0};
	const struct metrics_interface *eth = &sampler.current.interfaces[0];

	(void)state;
	assert_int_equal(take(&sampler, "cpu  0 0 0 10 0 0 0 0 0 0\n",
			      "eth0: 1000 9 0 0 0 0 0 0 2000 9 0 0 0 0 0 0\n", 10 * S),
			 0);
	assert_int_equal(take(&sampler, "cpu  5 0 0 15 0 0 0 0 0 0\n",
			      "eth0: 9000 9 0 0 0 0 0 0 2000 9 0 0 0 0 0 0\n", 41 * S),
			 0);
	assert_int_equal(eth->rx_bytes, 9000);
	assert_true(eth->rx_bytes_per_s == METRICS_UNKNOWN);
	assert_int_equal(sampler.current.cpu_permille, METRICS_UNKNOWN_PERMILLE);
	assert_int_equal(take(&sampler, "cpu  10 0 0 20 0 0 0 0 0 0\n",
			      "eth0: 9500 9 0 0 0 0 0 0 2000 9 0 0 0 0 0 0\n", 51 * S),
			 0);
	assert_int_equal(eth->rx_bytes_per_s, 50);
	assert_int_equal(sampler.current.cpu_permille, 500);
}

static void test_odd_interfaces(void **state)
{
	char text[8192] = "";
	struct sampler sampler = {0};
	size_t n = 0;

	(void)state;
	assert_int_equal(take(&sampler, idle,
			      "\xff\xfe: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n" /* not to be shown */
			      "0123456789abcdef: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n" /* too long */
			      "short: 1 2 3\n"
			      "fifteen-bytes-x: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n"
			      "cut: 1 1 0 0 0 0",
			      S),
			 0);
	assert_int_equal(sampler.current.n_interfaces, 1);
	assert_string_equal(sampler.current.interfaces[0].name, "fifteen-bytes-x");
	for (int i = 0; i < 100; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
				      "veth%d: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n", i);
	assert_int_equal(sampler_take(&sampler, idle, meminfo, text, 2 * S), 0);
	assert_int_equal(sampler.current.n_interfaces, METRICS_INTERFACES_MAX);
}

/* What is not understood leaves the last sample as it was. */
static void test_malformed(void **state)
{
	static const struct {
		const char *stat, *meminfo;
	} rows[] = {
		{"", meminfo},
		{"cpu0 1 2 3 4 5\n", meminfo},
		{"cpu  1 2 3\n", meminfo},
		{"intr 5\ncpu  1 2 3 4\n", meminfo},
		{idle, ""},
		{idle, "MemTotal: 5 kB\n"},
		{idle, "MemTotal: x kB\nMemAvailable: 5 kB\n"},
		{idle, "xMemTotal: 1 kB\nMemAvailable: 5 kB\n"},
		{idle, "MemTotal: 18446744073709551615 kB\nMemAvailable: 5 kB\n"},
	};
	struct sampler sampler = {0}, before;

	(void)state;
	assert_int_equal(take(&sampler, idle, "", S), 0);
	before = sampler;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(sampler_take(&sampler, rows[i].stat, rows[i].meminfo, "", 2 * S),
				 -EBADMSG);
		assert_memory_equal(&sampler, &before, sizeof(before));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_processors), cmocka_unit_test(test_memory),
		cmocka_unit_test(test_interfaces), cmocka_unit_test(test_odd_interfaces),
		cmocka_unit_test(test_asleep),	   cmocka_unit_test(test_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
