/* Candidates: which own addresses count, and in what order they are announced. */
#include "svc-nat/candidates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

static struct host_address host(const char *interface, const char *text)
{
	struct host_address address = {.up = true, .prefix_length = 24};

	assert_int_equal(addr_parse(&address.addr, text), 0);
	snprintf(address.interface, sizeof(address.interface), "%s", interface);
	return address;
}

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static struct candidates_input input_of(const struct host_address *list, size_t n)
{
	struct candidates_input input = {
		.n_addresses = n,
		.addresses = list,
		.interface = "lanrage0",
		.port_ipv4 = 4000,
		.port_ipv6 = 6000,
	};

	assert_int_equal(addr_prefix_parse(&input.virtual_prefix, "10.66.0.0/16"), 0);
	return input;
}

/* `address kind` of each, one a line. */
static void assert_candidates(const struct candidates_input *input, const char *const *expected)
{
	struct nat_candidate list[DATAPLANE_CANDIDATES_MAX];
	size_t n = candidates_gather(input, list), i = 0;
	char text[ADDR_TEXT_SIZE], line[ADDR_TEXT_SIZE + 8];

	for (; i < n && expected[i]; i++) {
		snprintf(line, sizeof(line), "%s %c", addr_format(&list[i].address, text),
			 "HSPM"[list[i].kind]);
		assert_string_equal(line, expected[i]);
	}
	assert_int_equal(i, n);
	assert_null(expected[i]);
}

static void test_what_counts(void **state)
{
	static const struct {
		const char *interface, *address;
		bool usable;
	} cases[] = {
		{"eth0", "192.168.1.5", true},
		{"eth0", "203.0.113.7", true},
		{"docker0", "172.17.0.1", true},
		{"eth0", "2001:db8::5", true},
		{"eth0", "fd00::5", true},
		{"lo", "127.0.0.1", false},
		{"lo", "::1", false},
		{"eth0", "169.254.3.4", false},
		{"eth0", "fe80::1", false},
		{"lanrage0", "192.168.77.1", false},
		{"other0", "10.66.3.4", false},
		{"other0", "10.67.3.4", true},
		{"eth0", "224.0.0.1", false},
		{"eth0", "0.0.0.0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_address address = host(cases[i].interface, cases[i].address);
		struct candidates_input input = input_of(&address, 1);

		assert_int_equal(candidates_is_usable(&input, &address), cases[i].usable);
		address.up = false;
		assert_false(candidates_is_usable(&input, &address));
		address.up = address.tentative = true;
		assert_false(candidates_is_usable(&input, &address));
		address.tentative = false;
		address.deprecated = true;
		assert_false(candidates_is_usable(&input, &address));
	}
}

static void test_order(void **state)
{
	struct host_address list[] = {
		host("eth0", "192.168.1.5"), host("docker0", "172.17.0.1"),
		host("eth0", "fd00::5"),     host("eth0", "203.0.113.7"),
		host("eth0", "2001:db8::5"), host("eth0", "2001:db8::9"),
		host("eth1", "192.168.1.5"), /* twice */
	};
	struct addr mapped[] = {parse("198.51.100.1:7777"), parse("203.0.113.7:4000")};
	struct addr reflexive[] = {parse("198.51.100.1:9999"), parse("198.51.100.1:8888"),
				   parse("198.51.100.1:7777")};
	struct candidates_input input = input_of(list, 7);

	(void)state;
	list[5].temporary = true;
	input.mapped = mapped;
	input.n_mapped = 2;
	input.reflexive = reflexive;
	input.n_reflexive = 3;
	assert_candidates(&input,
			  (const char *const[]){"[2001:db8::9]:6000 H", "[2001:db8::5]:6000 H",
						"203.0.113.7:4000 H", "[fd00::5]:6000 H",
						"172.17.0.1:4000 H", "192.168.1.5:4000 H",
						"198.51.100.1:7777 S", "198.51.100.1:8888 P",
						"198.51.100.1:9999 P", NULL});
	/* seen in another order: the same list */
	reflexive[0] = parse("198.51.100.1:8888");
	reflexive[1] = parse("198.51.100.1:9999");
	input.dependent_ipv6 = true;
	assert_candidates(&input,
			  (const char *const[]){"[2001:db8::9]:6000 H", "[2001:db8::5]:6000 H",
						"203.0.113.7:4000 H", "[fd00::5]:6000 H",
						"172.17.0.1:4000 H", "192.168.1.5:4000 H",
						"198.51.100.1:7777 S", "198.51.100.1:8888 P",
						"198.51.100.1:9999 P", NULL});
	/* a symmetric NAT: what one peer saw helps nobody else */
	input.dependent_ipv4 = true;
	input.port_ipv6 = 0;
	assert_candidates(&input,
			  (const char *const[]){"203.0.113.7:4000 H", "172.17.0.1:4000 H",
						"192.168.1.5:4000 H", "198.51.100.1:7777 S", NULL});
}

/* After a rebinding: what was seen before the mapping in force is history, what after it is news.
 */
static void test_history(void **state)
{
	struct host_address list[] = {host("eth0", "192.168.1.5")};
	struct addr mapped[] = {parse("198.51.100.1:7777")};
	struct addr reflexive[] = {parse("198.51.100.1:8888"), parse("198.51.100.1:7777"),
				   parse("198.51.100.1:6666"), parse("100.64.0.9:5555")};
	struct candidates_input input = input_of(list, 1);

	(void)state;
	input.mapped = mapped;
	input.n_mapped = 1;
	input.reflexive = reflexive;
	input.n_reflexive = 4;
	assert_candidates(&input,
			  (const char *const[]){"192.168.1.5:4000 H", "198.51.100.1:7777 S",
						"100.64.0.9:5555 P", "198.51.100.1:8888 P", NULL});
	mapped[0] = parse("198.51.100.1:8888");
	assert_candidates(&input, (const char *const[]){"192.168.1.5:4000 H", "198.51.100.1:8888 S",
							"100.64.0.9:5555 P", NULL});
	/* no STUN: everything */
	input.n_mapped = 0;
	assert_candidates(&input,
			  (const char *const[]){"192.168.1.5:4000 H", "100.64.0.9:5555 P",
						"198.51.100.1:6666 P", "198.51.100.1:7777 P",
						"198.51.100.1:8888 P", NULL});
}

static void test_lies(void **state)
{
	struct host_address list[] = {host("eth0", "192.168.1.5")};
	struct addr mapped[] = {parse("127.0.0.1:80"), parse("10.66.0.3:51820"),
				parse("224.0.0.251:5353"), parse("169.254.1.1:1")};
	struct candidates_input input = input_of(list, 1);

	(void)state;
	input.mapped = input.reflexive = mapped;
	input.n_mapped = input.n_reflexive = 4;
	assert_candidates(&input, (const char *const[]){"192.168.1.5:4000 H", NULL});
}

static void test_room_for_everybody(void **state)
{
	struct host_address list[64] = {0};
	struct addr mapped[NAT_PUBLIC_MAX], reflexive[DATAPLANE_REFLEXIVE_MAX];
	struct candidates_input input = input_of(list, 64);
	struct nat_candidate found[DATAPLANE_CANDIDATES_MAX];
	size_t kinds[NAT_CANDIDATE_KINDS] = {0};

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		list[i] = host("br0", "172.18.0.1");
		list[i].addr.ip[2] = (uint8_t)i;
	}
	for (unsigned i = 0; i < NAT_PUBLIC_MAX; i++)
		mapped[i] = addr_ipv4(0xc6336401, (uint16_t)(100 + i));
	for (unsigned i = 0; i < DATAPLANE_REFLEXIVE_MAX; i++)
		reflexive[i] = addr_ipv4(0xc6336401, (uint16_t)(200 + i));
	input.mapped = mapped;
	input.n_mapped = NAT_PUBLIC_MAX;
	input.reflexive = reflexive;
	input.n_reflexive = DATAPLANE_REFLEXIVE_MAX;
	assert_int_equal(candidates_gather(&input, found), DATAPLANE_CANDIDATES_MAX);
	for (size_t i = 0; i < DATAPLANE_CANDIDATES_MAX; i++)
		kinds[found[i].kind]++;
	assert_int_equal(kinds[NAT_CANDIDATE_HOST], CANDIDATES_HOST_MAX);
	assert_int_equal(kinds[NAT_CANDIDATE_STUN], NAT_PUBLIC_MAX);
	assert_int_equal(kinds[NAT_CANDIDATE_PEER], DATAPLANE_REFLEXIVE_MAX);
}

static void test_no_socket_no_candidate(void **state)
{
	struct host_address list[] = {host("eth0", "192.168.1.5"), host("eth0", "2001:db8::5")};
	struct candidates_input input = input_of(list, 2);

	(void)state;
	input.port_ipv4 = 0;
	assert_candidates(&input, (const char *const[]){"[2001:db8::5]:6000 H", NULL});
	input.port_ipv6 = 0;
	assert_candidates(&input, (const char *const[]){NULL});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_counts),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_lies),
		cmocka_unit_test(test_room_for_everybody),
		cmocka_unit_test(test_no_socket_no_candidate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
