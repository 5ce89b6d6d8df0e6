/* LAN discovery: what of a program's words to everybody goes on, how it is changed, and how much.
 * Fragments and multicast groups besides. */
#include "svc-dataplane/fragment.h"
#include "svc-dataplane/groups.h"
#include "svc-dataplane/lan.h"
#include "tests/unit/inner.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define CABLE	 2 /* interfaces */
#define WIRELESS 3
#define TUNNEL	 9

#define LAN_ADDRESS   "192.168.1.10"
#define PARTY_ADDRESS "10.66.0.2"
#define PARTY_ALL     "10.66.0.255"
#define EVERYBODY     "255.255.255.255"

static struct lan lan;
static uint64_t now_us = 1000000;
static uint8_t packet[INNER_MAX];
static size_t length;

static uint32_t address(const char *text)
{
	return inet_addr(text);
}

static int begin(void **state)
{
	const uint32_t own[] = {address("127.0.0.1"), address(LAN_ADDRESS), address("172.16.0.1"),
				address(PARTY_ADDRESS)};
	struct lan_config config = {DATAPLANE_LAN_DISCOVERY, address(PARTY_ADDRESS),
				    address(PARTY_ALL), address("255.255.255.0")};

	(void)state;
	lan_init(&lan, (const uint8_t[16]){7});
	lan_set(&lan, &config);
	lan_set_own(&lan, own, sizeof(own) / sizeof(own[0]));
	return 0;
}

static void set_on(unsigned on)
{
	struct lan_config config = lan.config;

	config.on = on;
	lan_set(&lan, &config);
}

static void make_from(const struct inner *inner, const char *from, const char *to)
{
	uint32_t addresses[2] = {address(from), address(to)};

	length = inner_make(inner, packet);
	memcpy(packet + 12, addresses, sizeof(addresses));
	inner_finish(packet, length, inner_start(inner), inner->protocol);
}

static struct inner udp(uint16_t port, size_t payload)
{
	return (struct inner){.protocol = IPPROTO_UDP,
			      .ttl = 64,
			      .id = 77,
			      .source = 4000,
			      .destination = port,
			      .payload = payload};
}

static void say(const char *from, const char *to, uint16_t port, uint32_t stamp)
{
	struct inner inner = udp(port, 40);

	inner.stamp = stamp;
	make_from(&inner, from, to);
}

static bool leaves(unsigned interface)
{
	return lan_leaves(&lan, now_us, interface, packet, length);
}

static bool arrives(void)
{
	return lan_arrives(&lan, now_us, packet, length);
}

static void assert_is(const char *from, const char *to)
{
	uint32_t addresses[2];

	memcpy(addresses, packet + 12, sizeof(addresses));
	assert_int_equal(addresses[0], address(from));
	assert_int_equal(addresses[1], address(to));
	assert_int_equal(inner_sum(0, packet, 20), 0xffff);
}

static void assert_udp_sum(void)
{
	assert_int_equal(
		inner_sum(inner_pseudo(packet, IPPROTO_UDP, length - 20), packet + 20, length - 20),
		0xffff);
}

/* ---- out */

static void test_it_looks_as_if_it_came_from_the_party(void **state)
{
	static const char *const to[][2] = {{EVERYBODY, EVERYBODY},
					    {"192.168.1.255", EVERYBODY},
					    {PARTY_ALL, EVERYBODY},
					    {"224.0.2.60", "224.0.2.60"}};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		say(LAN_ADDRESS, to[i][0], 27015, i);
		assert_true(leaves(CABLE));
		assert_is(PARTY_ADDRESS, to[i][1]);
		assert_udp_sum();
	}
	assert_int_equal(lan.counters.sent, 4);
}

static void test_a_checksum_that_is_not_there_stays_so(void **state)
{
	(void)state;
	say(LAN_ADDRESS, EVERYBODY, 27015, 0);
	inner_put16(packet + 26, 0);
	assert_true(leaves(CABLE));
	assert_int_equal(packet[26] | packet[27], 0);
	/* and one that would become 0 is written the other way: try all of them */
	for (uint32_t stamp = 1; stamp < 3000; stamp++) {
		struct inner inner = udp(27015, 2);

		inner.stamp = stamp;
		make_from(&inner, LAN_ADDRESS, EVERYBODY);
		inner_put16(packet + 28, stamp * 22);
		inner_finish(packet, length, 20, IPPROTO_UDP);
		now_us += 10000;
		assert_true(leaves(CABLE));
		assert_true(packet[26] | packet[27]);
		assert_udp_sum();
	}
}

static void test_only_this_machines_own(void **state)
{
	(void)state;
	say("192.168.1.11", EVERYBODY, 27015, 0); /* a guest behind our bridge */
	assert_false(leaves(CABLE));
	say("172.16.0.1", EVERYBODY, 27015, 0);
	assert_true(leaves(CABLE));
	assert_int_equal(lan.counters.sent, 1);
}

static void test_several_interfaces_are_one(void **state)
{
	(void)state;
	say(LAN_ADDRESS, "192.168.1.255", 27015, 1);
	assert_true(leaves(CABLE));
	say("172.16.0.1", "172.16.0.255", 27015, 1);
	assert_false(leaves(WIRELESS));
	say(PARTY_ADDRESS, PARTY_ALL, 27015, 1);
	assert_false(leaves(TUNNEL));
	assert_int_equal(lan.counters.same, 2);

	/* the program says it again */
	say(LAN_ADDRESS, "192.168.1.255", 27015, 1);
	assert_true(leaves(CABLE));
	say("172.16.0.1", "172.16.0.255", 27015, 1);
	assert_false(leaves(WIRELESS));

	/* something else: other bytes, another port, another group */
	say("172.16.0.1", "172.16.0.255", 27015, 2);
	assert_true(leaves(WIRELESS));
	say("172.16.0.1", "172.16.0.255", 27016, 1);
	assert_true(leaves(WIRELESS));
	say("172.16.0.1", "239.1.1.1", 27015, 1);
	assert_true(leaves(WIRELESS));

	/* later */
	now_us += LAN_SAME_US;
	say("172.16.0.1", "172.16.0.255", 27015, 1);
	assert_true(leaves(WIRELESS));
}

static void test_two_sources_of_one_program_are_two(void **state)
{
	struct inner inner = udp(27015, 40);

	(void)state;
	say(LAN_ADDRESS, EVERYBODY, 27015, 1);
	assert_true(leaves(CABLE));
	inner.stamp = 1;
	inner.source = 4001;
	make_from(&inner, LAN_ADDRESS, EVERYBODY);
	assert_true(leaves(WIRELESS));
}

static void test_what_stays_at_home(void **state)
{
	static const struct {
		const char *to;
		uint16_t port;
		unsigned setting; /* 0: always */
	} kinds[] = {
		{EVERYBODY, 67, 0},
		{EVERYBODY, 68, 0},
		{"239.255.76.82", 8668, 0},
		{"224.0.0.251", 5353, DATAPLANE_LAN_MDNS},
		{"224.0.0.252", 5355, DATAPLANE_LAN_MDNS},
		{"239.255.255.250", 1900, DATAPLANE_LAN_SSDP},
	};

	(void)state;
	for (uint32_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		set_on(DATAPLANE_LAN_DISCOVERY);
		say(LAN_ADDRESS, kinds[i].to, kinds[i].port, i);
		assert_false(leaves(CABLE));
		say("10.66.0.3", kinds[i].to, kinds[i].port, i);
		assert_false(arrives());
		set_on(DATAPLANE_LANS);
		say(LAN_ADDRESS, kinds[i].to, kinds[i].port, i);
		assert_int_equal(leaves(CABLE), kinds[i].setting != 0);
		say("10.66.0.3", kinds[i].to, kinds[i].port, i);
		assert_int_equal(arrives(), kinds[i].setting != 0);
	}
	assert_int_equal(lan.counters.refused, 9);
	assert_int_equal(lan.counters.refused_received, 9);
}

static void test_nothing_but_udp(void **state)
{
	static const uint8_t igmp = 2, icmp = 1;
	struct inner inner = {.protocol = igmp, .ttl = 1, .payload = 16};

	(void)state;
	make_from(&inner, LAN_ADDRESS, "224.0.0.22");
	assert_false(leaves(CABLE));
	assert_false(arrives());
	inner.protocol = icmp;
	make_from(&inner, LAN_ADDRESS, EVERYBODY);
	assert_false(leaves(CABLE));
	assert_false(arrives());
}

static void test_off_or_in_no_party(void **state)
{
	struct lan_config config = {.on = DATAPLANE_LAN_DISCOVERY};

	(void)state;
	set_on(DATAPLANE_LAN_MDNS);
	say(LAN_ADDRESS, EVERYBODY, 27015, 0);
	assert_false(leaves(CABLE));
	assert_false(arrives());
	lan_set(&lan, &config);
	assert_false(leaves(CABLE));
}

static void test_who_is_everybody(void **state)
{
	(void)state;
	say(LAN_ADDRESS, EVERYBODY, 1, 0);
	assert_true(lan_is_for_all(&lan, true, packet, length));
	say(LAN_ADDRESS, PARTY_ALL, 1, 0);
	assert_true(lan_is_for_all(&lan, true, packet, length));
	assert_false(lan_is_for_all(&lan, true, packet, 19));
	say(LAN_ADDRESS, "239.1.2.3", 1, 0);
	assert_true(lan_is_for_all(&lan, true, packet, length));
	say(LAN_ADDRESS, "10.66.0.3", 1, 0);
	assert_false(lan_is_for_all(&lan, true, packet, length));
	assert_false(lan_is_for_all(&lan, false, packet, length));
	packet[0] = 0x60;
	assert_false(lan_is_for_all(&lan, true, packet, length));
	say(LAN_ADDRESS, "192.168.1.255", 1, 0);
	assert_true(lan_is_for_all(&lan, false, packet, length));
}

/* ---- limits */

static void test_a_storm_is_capped(void **state)
{
	size_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 50000; i++, now_us += 20) {
		say(LAN_ADDRESS, EVERYBODY, 27015, i);
		passed += leaves(CABLE);
	}
	/* a second: what was saved up, and what a second gives */
	assert_in_range(passed, 1990, 2010);
	assert_int_equal(lan.counters.sent, passed);
	assert_int_equal(lan.counters.capped, 50000 - passed);
	/* another port has its own share */
	say(LAN_ADDRESS, EVERYBODY, 27016, 0);
	assert_true(leaves(CABLE));
}

static void test_a_storm_over_all_ports_is_capped(void **state)
{
	size_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 50000; i++, now_us += 20) {
		say(LAN_ADDRESS, EVERYBODY, (uint16_t)(1024 + i), i);
		passed += leaves(CABLE);
	}
	assert_in_range(passed, 3990, 4010);
}

static void test_bytes_are_capped(void **state)
{
	struct inner inner = udp(27015, 1380);
	size_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++, now_us += 100) {
		inner.stamp = i;
		make_from(&inner, LAN_ADDRESS, EVERYBODY);
		passed += leaves(CABLE);
	}
	/* two seconds; 22 blocks each */
	assert_in_range(passed * 22, 8192 + 2 * 4096 - 100, 8192 + 2 * 4096 + 100);
}

static void test_members_are_capped_one_by_one(void **state)
{
	size_t passed = 0;

	(void)state;
	for (uint32_t i = 0; i < 50000; i++, now_us += 20) {
		say("10.66.0.3", EVERYBODY, 27015, i);
		passed += arrives();
	}
	assert_in_range(passed, 1990, 2010);
	assert_int_equal(lan.counters.received, passed);
	assert_int_equal(lan.counters.capped_received, 50000 - passed);
	say("10.66.0.4", EVERYBODY, 27015, 0);
	assert_true(arrives());
}

/* ---- fragments */

/* Fragments of a datagram of so many bytes, each of at most mtu; each goes to f. */
static size_t cut(size_t mtu, bool (*f)(uint8_t *bytes, size_t n))
{
	static uint8_t piece[2048];
	struct fragment fragment;
	size_t n, passed = 0;

	assert_int_equal(fragment_begin(&fragment, packet, length), 0);
	while ((n = fragment_next(&fragment, mtu, piece)) > 0)
		passed += f(piece, n);
	return passed;
}

static uint8_t whole[INNER_MAX];
static size_t covered;

static bool collect(uint8_t *bytes, size_t n)
{
	size_t at = ((size_t)(bytes[6] << 8 | bytes[7]) & 0x1fff) * 8;

	assert_int_equal(inner_sum(0, bytes, 20), 0xffff);
	assert_int_equal(bytes[2] << 8 | bytes[3], n);
	assert_int_equal((bytes[6] & 0x20) != 0, at + n - 20 < length - 20);
	memcpy(whole + at, bytes + 20, n - 20);
	covered += n - 20;
	return n <= 1420;
}

static bool cut_again(uint8_t *bytes, size_t n)
{
	static uint8_t piece[2048];
	struct fragment fragment;
	bool fits = true;

	assert_int_equal(fragment_begin(&fragment, bytes, n), 0);
	while ((n = fragment_next(&fragment, 1420, piece)) > 0)
		fits = collect(piece, n) && fits;
	return fits;
}

static void test_fragments_are_the_whole(void **state)
{
	static const size_t payloads[] = {1, 1392, 1393, 1472, 8000, 65507};

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct inner inner = udp(27015, payloads[i]);

		inner.fragment = INNER_DF; /* nobody can be told */
		make_from(&inner, LAN_ADDRESS, EVERYBODY);
		for (size_t mtu = 1420; mtu <= 1500; mtu += 80) {
			covered = 0;
			assert_true(cut(mtu, mtu == 1420 ? collect : cut_again) > 0);
			assert_int_equal(covered, length - 20);
			assert_memory_equal(whole, packet + 20, length - 20);
		}
	}
}

static bool leaves_by_cable(uint8_t *bytes, size_t n)
{
	bool passes = lan_leaves(&lan, now_us, CABLE, bytes, n);

	assert_int_equal(inner_sum(0, bytes, 20), 0xffff);
	return passes && memcmp(bytes + 12, packet + 12, 4) != 0;
}

static bool leaves_by_air(uint8_t *bytes, size_t n)
{
	return lan_leaves(&lan, now_us, WIRELESS, bytes, n);
}

static bool arrive(uint8_t *bytes, size_t n)
{
	return lan_arrives(&lan, now_us, bytes, n);
}

static void test_fragments_follow_the_first(void **state)
{
	struct inner inner = udp(27015, 4000);

	(void)state;
	make_from(&inner, LAN_ADDRESS, EVERYBODY);
	assert_int_equal(cut(1500, leaves_by_cable), 3);
	inner.id++; /* another interface numbers its own way */
	make_from(&inner, "172.16.0.1", EVERYBODY);
	assert_int_equal(cut(1500, leaves_by_air), 0);
	make_from(&inner, "10.66.0.3", EVERYBODY);
	assert_int_equal(cut(1420, arrive), 3);
	inner.destination = 67;
	inner.id++;
	make_from(&inner, "10.66.0.3", EVERYBODY);
	assert_int_equal(cut(1420, arrive), 0);
	/* one whose first was never seen */
	inner.fragment = 100;
	inner.id++;
	make_from(&inner, "10.66.0.3", EVERYBODY);
	assert_false(arrives());
}

static void test_no_fragment_of_no_packet(void **state)
{
	struct inner inner = udp(27015, 100);
	struct fragment fragment;

	(void)state;
	make_from(&inner, LAN_ADDRESS, EVERYBODY);
	assert_int_equal(fragment_begin(&fragment, packet, length - 1), -EBADMSG);
	assert_int_equal(fragment_begin(&fragment, packet, 10), -EBADMSG);
	inner.extra = 8;
	length = inner_make(&inner, packet);
	assert_int_equal(fragment_begin(&fragment, packet, length), -EMSGSIZE);
}

/* ---- groups */

static void test_who_is_in_a_group(void **state)
{
	static const char text[] =
		"Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
		"1\tlo        :     1      V3\n"
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
		"2\teth0      :     2      V3\n"
		"\t\t\t\t3C0200E0     1 0:00000000\t\t0\n"
		"\t\t\t\t010000E0     1 0:00000000\t\t0\n"
		"9\tlanrage0  :     1      V3\n"
		"\t\t\t\t020000E0     1 0:00000000\t\t0\n";

	(void)state;
	if (htons(1) == 1)
		skip(); /* the text is of a little-endian machine */
	assert_true(groups_is_member(text, "lanrage0", address("224.0.2.60")));
	assert_false(groups_is_member(text, "lanrage0", address("224.0.0.2")));
	assert_true(groups_is_member(text, "eth0", address("224.0.0.2")));
	assert_false(groups_is_member(text, "eth0", address("224.0.2.60")));
	assert_false(groups_is_member("", "eth0", address("224.0.2.60")));
	assert_false(groups_is_member("\n\n", "eth0", address("224.0.2.60")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_it_looks_as_if_it_came_from_the_party, begin),
		cmocka_unit_test_setup(test_a_checksum_that_is_not_there_stays_so, begin),
		cmocka_unit_test_setup(test_only_this_machines_own, begin),
		cmocka_unit_test_setup(test_several_interfaces_are_one, begin),
		cmocka_unit_test_setup(test_two_sources_of_one_program_are_two, begin),
		cmocka_unit_test_setup(test_what_stays_at_home, begin),
		cmocka_unit_test_setup(test_nothing_but_udp, begin),
		cmocka_unit_test_setup(test_off_or_in_no_party, begin),
		cmocka_unit_test_setup(test_who_is_everybody, begin),
		cmocka_unit_test_setup(test_a_storm_is_capped, begin),
		cmocka_unit_test_setup(test_a_storm_over_all_ports_is_capped, begin),
		cmocka_unit_test_setup(test_bytes_are_capped, begin),
		cmocka_unit_test_setup(test_members_are_capped_one_by_one, begin),
		cmocka_unit_test_setup(test_fragments_are_the_whole, begin),
		cmocka_unit_test_setup(test_fragments_follow_the_first, begin),
		cmocka_unit_test_setup(test_no_fragment_of_no_packet, begin),
		cmocka_unit_test_setup(test_who_is_in_a_group, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
