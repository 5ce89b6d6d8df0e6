#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/addr.h"

static void test_round_trip(void **state)
{
	static const char *const texts[] = {
		"203.0.113.7:5555", "[2001:db8::1]:5555", "[fe80::1%2]:5555",
		"0.0.0.0:0",	    "[::]:65535",
	};
	char text[ADDR_TEXT_SIZE];
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sockaddr_storage sa;
		struct addr back;

		assert_int_equal(addr_parse(&a, texts[i]), 0);
		assert_string_equal(addr_format(&a, text), texts[i]);
		assert_true(addr_to_sockaddr(&a, &sa) > 0);
		back = addr_from_sockaddr(&sa);
		assert_true(addr_equal(&a, &back));
	}
}

static void test_without_port(void **state)
{
	char text[ADDR_TEXT_SIZE];
	struct addr a;

	(void)state;
	assert_int_equal(addr_parse(&a, "2001:db8::1"), 0);
	assert_int_equal(a.port, 0);
	assert_string_equal(addr_format_ip(&a, text), "2001:db8::1");
	assert_int_equal(addr_parse(&a, "10.0.0.1"), 0);
	assert_string_equal(addr_format_ip(&a, text), "10.0.0.1");
	memset(&a, 0, sizeof(a));
	assert_string_equal(addr_format(&a, text), "-");
}

static void test_mapped_is_ipv4(void **state)
{
	struct addr mapped, plain;

	(void)state;
	assert_int_equal(addr_parse(&mapped, "[::ffff:10.1.2.3]:7"), 0);
	assert_int_equal(addr_parse(&plain, "10.1.2.3:7"), 0);
	assert_true(addr_equal(&mapped, &plain));
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		":",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.4:",
		"1.2.3.4:65536",
		"1.2.3.4:-1",
		"1.2.3.4:5x",
		" 1.2.3.4",
		"localhost",
		"[::1",
		"[::1]x",
		"[::1]:",
		"::1]:5",
		"[2001:db8::1%2]:5",
		"[fe80::1%eth0]:5",
		"10.0.0.1%2",
		"[]:5",
	};
	struct addr a;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(addr_parse(&a, texts[i]), -EINVAL);
}

static struct addr parsed(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, text), 0);
	return a;
}

static void test_kinds(void **state)
{
	struct addr none = {0};
	struct addr a;

	(void)state;
	a = parsed("127.1.2.3"), assert_true(addr_is_loopback(&a));
	a = parsed("::1"), assert_true(addr_is_loopback(&a));
	a = parsed("169.254.1.1"), assert_true(addr_is_link_local(&a));
	a = parsed("fe80::1"), assert_true(addr_is_link_local(&a));
	a = parsed("fec0::1"), assert_false(addr_is_link_local(&a));
	a = parsed("100.64.0.1"), assert_true(addr_is_private(&a));
	a = parsed("100.128.0.1"), assert_false(addr_is_private(&a));
	a = parsed("172.31.0.1"), assert_true(addr_is_private(&a));
	a = parsed("172.32.0.1"), assert_false(addr_is_private(&a));
	a = parsed("fd00::1"), assert_true(addr_is_private(&a));
	a = parsed("224.0.2.60:1"), assert_true(addr_is_multicast(&a));
	assert_false(addr_is_sendable(&a));
	a = parsed("255.255.255.255:1"), assert_false(addr_is_sendable(&a));
	a = parsed("[::]:1"), assert_false(addr_is_sendable(&a));
	a = parsed("203.0.113.7:1"), assert_true(addr_is_sendable(&a));
	assert_false(addr_is_sendable(&none));
}

static void test_prefix(void **state)
{
	char text[ADDR_TEXT_SIZE];
	struct addr_prefix prefix;
	struct addr a;

	(void)state;
	assert_int_equal(addr_prefix_parse(&prefix, "10.66.0.0/15"), 0);
	assert_string_equal(addr_prefix_format(&prefix, text), "10.66.0.0/15");
	a = parsed("10.67.255.255"), assert_true(addr_prefix_contains(&prefix, &a));
	a = parsed("10.68.0.0"), assert_false(addr_prefix_contains(&prefix, &a));
	a = parsed("::"), assert_false(addr_prefix_contains(&prefix, &a));
	assert_int_equal(addr_prefix_parse(&prefix, "0.0.0.0/0"), 0);
	a = parsed("255.1.2.3"), assert_true(addr_prefix_contains(&prefix, &a));
	assert_int_equal(addr_prefix_parse(&prefix, "2001:db8::/32"), 0);
	a = parsed("2001:db8:ffff::1"), assert_true(addr_prefix_contains(&prefix, &a));
	assert_int_equal(addr_prefix_parse(&prefix, "10.66.0.1/16"), -EINVAL);
	assert_int_equal(addr_prefix_parse(&prefix, "10.66.0.0/33"), -EINVAL);
	assert_int_equal(addr_prefix_parse(&prefix, "10.66.0.0"), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_without_port),
		cmocka_unit_test(test_mapped_is_ipv4), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_kinds),	       cmocka_unit_test(test_prefix),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
