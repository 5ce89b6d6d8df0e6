/* IPAM: the order of addresses, numbers, and the check of a party's books. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/server/lease.h"

static struct addr_prefix prefix(const char *text)
{
	struct addr_prefix out;

	assert_int_equal(addr_prefix_parse(&out, text), 0);
	return out;
}

static uint32_t ip(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr_ipv4_value(&addr);
}

static void test_prefixes(void **state)
{
	static const struct {
		uint32_t ip;
		uint8_t length;
		bool valid;
	} table[] = {
		{0x0a420000, 16, true},	 /* 10.66.0.0/16 */
		{0x0a000000, 8, true},	 /* 10.0.0.0/8 */
		{0xc0a84d00, 24, true},	 /* 192.168.77.0/24 */
		{0x64400000, 10, true},	 /* 100.64.0.0/10 */
		{0xac100000, 12, true},	 /* 172.16.0.0/12 */
		{0x0a420000, 25, false}, /* too small */
		{0x0a000000, 7, false},	 /* too large */
		{0x0a420100, 16, false}, /* host bits */
		{0x08080000, 16, false}, /* somebody's */
		{0xc0a80000, 15, false}, /* 192.168.0.0/15 reaches beyond what is private */
		{0, 8, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr_prefix p = {.addr = addr_ipv4(table[i].ip, 0),
					.length = table[i].length};

		if (lease_prefix_is_valid(&p) != table[i].valid)
			fail_msg("row %zu", i);
	}
}

static void test_order_of_addresses(void **state)
{
	struct addr_prefix p = prefix("10.66.0.0/16");
	struct lease_next next = lease_first(&p);

	(void)state;
	assert_int_equal(next.address, ip("10.66.0.1"));
	assert_int_equal(next.number, 1);
	assert_int_equal(next.lease, 1);
	for (int i = 0; i < 253; i++)
		lease_advance_address(&p, &next);
	assert_int_equal(next.address, ip("10.66.0.254"));
	lease_advance_address(&p, &next);
	assert_int_equal(next.address, ip("10.66.1.1"));
}

static void test_all_addresses_of_a_prefix(void **state)
{
	static const struct {
		const char *prefix, *last;
		uint32_t count;
	} table[] = {{"10.66.0.0/16", "10.66.255.254", 256 * 254},
		     {"192.168.4.0/22", "192.168.7.254", 4 * 254},
		     {"192.168.77.0/24", "192.168.77.254", 254}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr_prefix p = prefix(table[i].prefix);
		struct lease_next next = lease_first(&p);
		uint32_t count = 0, last = 0;

		for (; next.address; lease_advance_address(&p, &next), count++) {
			assert_true(next.address > last);
			assert_true(lease_address_is_valid(&p, next.address));
			last = next.address;
		}
		assert_int_equal(count, table[i].count);
		assert_int_equal(last, ip(table[i].last));
		lease_advance_address(&p, &next);
		assert_int_equal(next.address, 0);
	}
}

static void test_addresses_never_leased(void **state)
{
	struct addr_prefix p = prefix("10.66.0.0/16");

	(void)state;
	assert_false(lease_address_is_valid(&p, ip("10.66.0.0")));
	assert_false(lease_address_is_valid(&p, ip("10.66.255.255")));
	assert_false(lease_address_is_valid(&p, ip("10.66.3.0")));
	assert_false(lease_address_is_valid(&p, ip("10.66.3.255")));
	assert_false(lease_address_is_valid(&p, ip("10.67.0.1")));
	assert_true(lease_address_is_valid(&p, ip("10.66.3.1")));
}

static void test_numbers_end(void **state)
{
	struct lease_next next = {.number = LEASE_NUMBER_MAX - 1};

	(void)state;
	lease_advance_number(&next);
	assert_int_equal(next.number, LEASE_NUMBER_MAX);
	lease_advance_number(&next);
	assert_int_equal(next.number, 0);
	lease_advance_number(&next);
	assert_int_equal(next.number, 0);
}

static void test_books(void **state)
{
	static const struct {
		const char *what;
		struct lease_entry second;
		int result;
	} table[] = {
		{"good", {0x0a420002, 2, 2}, 0},
		{"same address", {0x0a420001, 2, 2}, -EUCLEAN},
		{"same number", {0x0a420002, 1, 2}, -EUCLEAN},
		{"same lease", {0x0a420002, 2, 1}, -EUCLEAN},
		{"other network", {0x0a430002, 2, 2}, -EUCLEAN},
		{"broadcast", {0x0a42ffff, 2, 2}, -EUCLEAN},
		{"not given yet", {0x0a420009, 2, 2}, -EUCLEAN},
		{"number 0", {0x0a420002, 0, 2}, -EUCLEAN},
		{"number too large", {0x0a420002, 65536, 2}, -EUCLEAN},
		{"number not given yet", {0x0a420002, 7, 2}, -EUCLEAN},
		{"lease 0", {0x0a420002, 2, 0}, -EUCLEAN},
		{"lease not given yet", {0x0a420002, 2, 3}, -EUCLEAN},
	};
	struct addr_prefix p = prefix("10.66.0.0/16");
	struct lease_next next = {0x0a420003, 3, 3};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct lease_entry entries[] = {{0x0a420001, 1, 1}, table[i].second};
		struct error error = {0};

		if (lease_check(&p, &next, entries, 2, &error) != table[i].result)
			fail_msg("%s", table[i].what);
		assert_int_equal(error.text[0] != 0, table[i].result != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_order_of_addresses),
		cmocka_unit_test(test_all_addresses_of_a_prefix),
		cmocka_unit_test(test_addresses_never_leased),
		cmocka_unit_test(test_numbers_end),
		cmocka_unit_test(test_books),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
