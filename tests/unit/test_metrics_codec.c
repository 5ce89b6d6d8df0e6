/* svc-metrics' interface: what goes in comes out, and nothing else is let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pb.h"
#include "metrics.pb-c.h"
#include "svc-metrics/codec.h"

static void test_round_trip(void **state)
{
	struct metrics_system in = {.sampled_wall_us = UINT64_MAX,
				    .cpu_permille = 1000,
				    .memory_total = 1ull << 40,
				    .memory_available = 1},
			      out;
	uint8_t *bytes;

	(void)state;
	for (size_t i = 0; i <= METRICS_INTERFACES_MAX; i++) {
		ssize_t n = metrics_system_encode(&in, &bytes);

		assert_true(n > 0);
		assert_int_equal(metrics_system_decode(&out, bytes, (size_t)n), 0);
		assert_memory_equal(&in, &out, sizeof(in));
		free(bytes);
		if (i == METRICS_INTERFACES_MAX)
			break;
		snprintf(in.interfaces[i].name, sizeof(in.interfaces[i].name), "eth%zu", i);
		in.interfaces[i].rx_bytes = i;
		in.interfaces[i].tx_bytes_per_s = METRICS_UNKNOWN;
		in.n_interfaces = i + 1;
		in.cpu_permille = METRICS_UNKNOWN_PERMILLE;
	}
}

static int decode(const Lanrage__Metrics__System *message)
{
	struct metrics_system out;
	uint8_t *bytes;
	ssize_t n = pb_pack(&message->base, &bytes);
	int r = metrics_system_decode(&out, bytes, (size_t)n);

	free(bytes);
	return r;
}

static void test_each_field(void **state)
{
	static const char *const bad_names[] = {"", "0123456789abcdef", "a\nb", "\xff"};
	Lanrage__Metrics__Interface interface = LANRAGE__METRICS__INTERFACE__INIT;
	Lanrage__Metrics__Interface *list[METRICS_INTERFACES_MAX + 1];
	Lanrage__Metrics__System system = LANRAGE__METRICS__SYSTEM__INIT;
	struct metrics_system out;

	(void)state;
	for (size_t i = 0; i <= METRICS_INTERFACES_MAX; i++)
		list[i] = &interface;
	interface.name = pb_view_text("eth0");
	system.interfaces = list;
	system.n_interfaces = METRICS_INTERFACES_MAX;
	assert_int_equal(decode(&system), 0);
	system.n_interfaces = METRICS_INTERFACES_MAX + 1;
	assert_int_equal(decode(&system), -EBADMSG);
	system.n_interfaces = 1;
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		interface.name = pb_view_text(bad_names[i]);
		assert_int_equal(decode(&system), -EBADMSG);
	}
	interface.name = pb_view_text("eth0");
	system.cpu_permille = 1001;
	assert_int_equal(decode(&system), -EBADMSG);
	assert_int_equal(metrics_system_decode(&out, (const uint8_t *)"\xff", 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_each_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
