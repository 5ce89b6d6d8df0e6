/* Ports of sockets that are not bound to the party's address: what is translated, what waits, what
 * is asked. */
#include "svc-dataplane/binding.h"
#include "tests/unit/inner.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define PARTY  "10.66.0.2"
#define MEMBER "10.66.0.3"
#define CARD   "192.168.1.10"
#define ALL    "255.255.255.255"

static struct binding binding;
static uint64_t now_us;
static uint8_t packet[INNER_MAX], before[INNER_MAX];
static size_t length;
static struct binding_port port;
static bool asked;

static uint32_t address(const char *text)
{
	return inet_addr(text);
}

static int begin(void **state)
{
	(void)state;
	now_us = 1000000;
	binding_set(&binding, 0);
	binding_set(&binding, address(PARTY));
	return 0;
}

static void make(uint8_t protocol, uint8_t flags, const char *from, uint16_t from_port,
		 const char *to, uint16_t to_port)
{
	struct inner inner = {.protocol = protocol,
			      .ttl = 64,
			      .source = from_port,
			      .destination = to_port,
			      .flags = flags,
			      .payload = 33};
	uint32_t addresses[2] = {address(from), address(to)};

	length = inner_make(&inner, packet);
	memcpy(packet + 12, addresses, sizeof(addresses));
	inner_finish(packet, length, 20, protocol);
	memcpy(before, packet, length);
}

static enum binding_verdict arrives(void)
{
	return binding_arrives(&binding, now_us, packet, length, &port, &asked);
}

static void answer(const char *card, bool device)
{
	struct binding_answer value = {card ? address(card) : 0, device};

	binding_answered(&binding, now_us, &port, &value);
}

static void leaves(bool device)
{
	const struct split_offload whole = {.kind = SPLIT_NONE};

	binding_leaves(&binding, now_us, device, packet, length, &whole);
}

static void assert_right(size_t at, const char *is)
{
	uint32_t found;

	memcpy(&found, packet + at, sizeof(found));
	assert_int_equal(found, address(is));
	assert_int_equal(inner_sum(0, packet, 20), 0xffff);
	assert_int_equal(
		inner_sum(inner_pseudo(packet, packet[9], length - 20), packet + 20, length - 20),
		0xffff);
}

static void udp_to(const char *to, uint16_t to_port)
{
	make(IPPROTO_UDP, 0, MEMBER, 5000, to, to_port);
}

static void test_the_first_waits_for_the_answer(void **state)
{
	(void)state;
	udp_to(PARTY, 27015);
	assert_int_equal(arrives(), BINDING_WAIT);
	assert_true(asked);
	assert_int_equal(port.protocol, BINDING_UDP);
	assert_int_equal(port.port, 27015);
	assert_int_equal(arrives(), BINDING_WAIT);
	assert_false(asked);
	answer(CARD, false);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	assert_right(16, CARD);
}

static void test_most_are_left_alone(void **state)
{
	(void)state;
	udp_to(PARTY, 27015);
	(void)arrives();
	answer(NULL, false);
	assert_int_equal(arrives(), BINDING_AS_IS);
	answer(PARTY, false);
	assert_int_equal(arrives(), BINDING_AS_IS);
	binding_answered(&binding, now_us, &port, NULL);
	assert_int_equal(arrives(), BINDING_AS_IS);
	assert_memory_equal(packet, before, length);
}

static void test_it_is_asked_again_while_the_old_answer_serves(void **state)
{
	(void)state;
	udp_to(PARTY, 27015);
	(void)arrives();
	answer(NULL, false);
	now_us += BINDING_FRESH_US;
	assert_int_equal(arrives(), BINDING_AS_IS);
	assert_true(asked);
	assert_int_equal(arrives(), BINDING_AS_IS);
	assert_false(asked);
	answer(CARD, false);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	udp_to(PARTY, 27015);
	now_us += BINDING_KNOWN_US;
	assert_int_equal(arrives(), BINDING_WAIT);
	assert_true(asked);
}

static void test_tcp_asks_for_its_first_packet_alone(void **state)
{
	(void)state;
	make(IPPROTO_TCP, TH_ACK, MEMBER, 5000, PARTY, 80);
	assert_int_equal(arrives(), BINDING_AS_IS);
	assert_false(asked);
	make(IPPROTO_TCP, TH_SYN | TH_ACK, MEMBER, 5000, PARTY, 80);
	assert_int_equal(arrives(), BINDING_AS_IS);
	make(IPPROTO_TCP, TH_SYN, MEMBER, 5000, PARTY, 80);
	assert_int_equal(arrives(), BINDING_WAIT);
	answer(CARD, false);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	assert_right(16, CARD);
	make(IPPROTO_TCP, TH_ACK, MEMBER, 5000, PARTY, 80);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	udp_to(PARTY, 80); /* something else */
	assert_int_equal(arrives(), BINDING_WAIT);
}

static void test_what_leaves_is_from_the_party(void **state)
{
	(void)state;
	make(IPPROTO_TCP, TH_SYN, CARD, 4000, MEMBER, 80);
	leaves(false);
	assert_right(12, PARTY);
	make(IPPROTO_TCP, TH_SYN | TH_ACK, MEMBER, 80, PARTY, 4000);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	assert_right(16, CARD);
	make(IPPROTO_UDP, 0, CARD, 4000, MEMBER, 80);
	leaves(true);
	assert_right(12, PARTY);
	make(IPPROTO_UDP, 0, PARTY, 4000, MEMBER, 80);
	leaves(false);
	assert_memory_equal(packet, before, length);
}

static void test_a_long_connection_stays(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		make(IPPROTO_TCP, TH_ACK, CARD, 4000, MEMBER, 80);
		leaves(false);
		now_us += BINDING_KNOWN_US - 1;
		make(IPPROTO_TCP, TH_ACK, MEMBER, 80, PARTY, 4000);
		assert_int_equal(arrives(), BINDING_TO_CARD);
		/* others that want its place do not get it */
		make(IPPROTO_TCP, TH_SYN, MEMBER, 80, PARTY, 4000 + BINDING_PLACES);
		assert_int_equal(arrives(), BINDING_AS_IS);
		assert_false(asked);
	}
	now_us += BINDING_KNOWN_US;
	assert_int_equal(arrives(), BINDING_WAIT);
}

static void test_what_is_for_everybody(void **state)
{
	(void)state;
	udp_to(ALL, 27015);
	assert_int_equal(arrives(), BINDING_WAIT);
	answer(CARD, false); /* bound to an address, it hears no broadcast on a LAN either */
	assert_int_equal(arrives(), BINDING_AS_IS);
	assert_memory_equal(packet, before, length);
	answer(CARD, true);
	assert_int_equal(arrives(), BINDING_TO_CARD);
	assert_right(16, CARD);
}

static void test_sums_that_are_only_begun(void **state)
{
	const struct split_offload begun = {.checksum = true, .start = 20, .offset = 6};
	struct inner inner = {.protocol = IPPROTO_UDP, .ttl = 64, .source = 4000, .payload = 33};
	uint32_t addresses[2] = {address(CARD), address(MEMBER)};
	struct split split;

	(void)state;
	length = inner_make(&inner, packet);
	memcpy(packet + 12, addresses, sizeof(addresses));
	inner_finish(packet, length, 20, IPPROTO_UDP);
	inner_put16(packet + 26, inner_pseudo(packet, IPPROTO_UDP, length - 20));
	binding_leaves(&binding, now_us, false, packet, length, &begun);
	assert_int_equal(split_begin(&split, &begun, packet, length), 0);
	assert_non_null(split_next(&split, &length));
	assert_right(12, PARTY);
}

static void test_a_udp_packet_without_a_sum_has_none(void **state)
{
	(void)state;
	make(IPPROTO_UDP, 0, CARD, 4000, MEMBER, 80);
	inner_put16(packet + 26, 0);
	leaves(false);
	assert_int_equal(packet[26] | packet[27], 0);
}

static void test_neither_fragments_nor_other_things(void **state)
{
	(void)state;
	udp_to(PARTY, 27015);
	packet[7] = 5;
	assert_int_equal(arrives(), BINDING_AS_IS);
	udp_to(PARTY, 27015);
	length = 27;
	assert_int_equal(arrives(), BINDING_AS_IS);
	udp_to(PARTY, 27015);
	packet[9] = 1;
	assert_int_equal(arrives(), BINDING_AS_IS);
	packet[0] = 0x60;
	assert_int_equal(arrives(), BINDING_AS_IS);
	binding_set(&binding, 0);
	udp_to(PARTY, 27015);
	assert_int_equal(arrives(), BINDING_AS_IS);
	make(IPPROTO_UDP, 0, CARD, 4000, MEMBER, 80);
	leaves(false);
	assert_memory_equal(packet, before, length);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_first_waits_for_the_answer, begin),
		cmocka_unit_test_setup(test_most_are_left_alone, begin),
		cmocka_unit_test_setup(test_it_is_asked_again_while_the_old_answer_serves, begin),
		cmocka_unit_test_setup(test_tcp_asks_for_its_first_packet_alone, begin),
		cmocka_unit_test_setup(test_what_leaves_is_from_the_party, begin),
		cmocka_unit_test_setup(test_a_long_connection_stays, begin),
		cmocka_unit_test_setup(test_what_is_for_everybody, begin),
		cmocka_unit_test_setup(test_sums_that_are_only_begun, begin),
		cmocka_unit_test_setup(test_a_udp_packet_without_a_sum_has_none, begin),
		cmocka_unit_test_setup(test_neither_fragments_nor_other_things, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
