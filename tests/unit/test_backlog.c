/* Large packets wait, small ones pass, and no flow is reordered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/backlog.h"
#include "svc-dataplane/header.h"

static struct backlog *backlog;

static int set_up(void **state)
{
	(void)state;
	backlog = calloc(1, sizeof(*backlog));
	if (!backlog)
		return -1;
	backlog_init(backlog);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(backlog);
	return 0;
}

static void make_ipv4(uint8_t *bytes, uint16_t port, uint16_t fragment)
{
	memset(bytes, 0, 40);
	bytes[0] = 0x45;
	bytes[IPV4_PROTOCOL] = PROTOCOL_TCP;
	header_set16(bytes + IPV4_FRAGMENT, fragment);
	header_set32(bytes + IPV4_SOURCE, 0x0a420001);
	header_set32(bytes + IPV4_DESTINATION, 0x0a420002);
	header_set16(bytes + IPV4_HEADER, port);
}

/* True: it waits. The last byte says which it is. */
static bool arrive(uint16_t port, enum split_kind kind, uint8_t number)
{
	struct backlog_packet *packet = backlog_place(backlog);

	make_ipv4(packet->bytes, port, 0);
	packet->length = kind == SPLIT_NONE ? 100 : 60000;
	packet->offload = (struct split_offload){.kind = kind};
	packet->bytes[packet->length - 1] = number;
	return backlog_wait(backlog);
}

static uint8_t send_first(void)
{
	struct backlog_packet *packet = backlog_first(backlog);
	uint8_t number;

	assert_non_null(packet);
	number = packet->bytes[packet->length - 1];
	backlog_done(backlog);
	return number;
}

static void test_small_ones_pass(void **state)
{
	(void)state;
	assert_false(arrive(1, SPLIT_NONE, 0));
	assert_null(backlog_first(backlog));
	assert_true(arrive(1, SPLIT_TCP, 1));
	assert_true(arrive(1, SPLIT_TCP, 2));
	assert_false(arrive(2, SPLIT_NONE, 3)); /* of another flow */
	assert_true(arrive(1, SPLIT_NONE, 4));	/* of this one, behind the others */
	assert_true(arrive(3, SPLIT_UDP, 5));
	for (uint8_t i = 1; i <= 5; i++) {
		if (i != 3)
			assert_int_equal(send_first(), i);
		if (i == 4)
			assert_false(arrive(1, SPLIT_NONE, 6)); /* its own have gone */
	}
	assert_null(backlog_first(backlog));
	assert_false(arrive(3, SPLIT_NONE, 7));
}

static void test_the_place_is_used_again(void **state)
{
	struct backlog_packet *place = backlog_place(backlog);

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_ptr_equal(backlog_place(backlog), place);
		assert_true(arrive(1, SPLIT_TCP, 1));
		assert_int_equal(send_first(), 1);
	}
}

static void test_bounded(void **state)
{
	(void)state;
	for (unsigned i = 0; i < BACKLOG_PACKETS + 10; i++)
		assert_true(arrive(1, SPLIT_TCP, (uint8_t)i));
	assert_int_equal(backlog->dropped, 10);
	assert_true(arrive(1, SPLIT_NONE, 99)); /* cannot wait either */
	assert_int_equal(backlog->dropped, 11);
	assert_false(arrive(2, SPLIT_NONE, 100)); /* a game beside it has no loss */
	for (unsigned i = 0; i < BACKLOG_PACKETS; i++)
		assert_int_equal(send_first(), i);
	assert_null(backlog_first(backlog));
	assert_true(arrive(1, SPLIT_TCP, 7));
	assert_int_equal(send_first(), 7);
}

/* Numbers of flows that never meet would be wrong: each is counted, and all counts end at zero. */
static void test_many_flows(void **state)
{
	unsigned passing = 0;

	(void)state;
	for (uint16_t port = 0; port < 20; port++)
		assert_true(arrive(port, SPLIT_TCP, (uint8_t)port));
	for (uint16_t port = 100; port < 1100; port++) {
		bool waits = arrive(port, SPLIT_NONE, 0);

		passing += !waits;
		while (waits && backlog->n > 20) { /* take the small one out again */
			backlog->n--;
			backlog->waiting[backlog->order[backlog->n]->flow]--;
			backlog->free[backlog->n_free++] = backlog->order[backlog->n];
			waits = false;
		}
	}
	assert_in_range(passing, 850, 1000); /* all but those 20 numbers of 256 */
	for (uint8_t port = 0; port < 20; port++)
		assert_int_equal(send_first(), port);
	for (unsigned i = 0; i < BACKLOG_FLOWS; i++)
		assert_int_equal(backlog->waiting[i], 0);
}

/* Fragments carry no ports, IPv6 has longer addresses, and a short one is of no flow. */
static void test_other_headers(void **state)
{
	static const size_t lengths[] = {1, 19, 20, 23, 24, 39, 40, 43, 44};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (int version = 4; version <= 15; version++) {
			struct backlog_packet *packet = backlog_place(backlog);

			memset(packet->bytes, 0xff, 64);
			packet->bytes[0] = (uint8_t)(version << 4 | 15);
			packet->length = lengths[i];
			packet->offload = (struct split_offload){.kind = SPLIT_UDP};
			assert_true(backlog_wait(backlog));
			backlog_done(backlog);
		}
	}
	make_ipv4(backlog_place(backlog)->bytes, 7, IPV4_MORE_FRAGMENTS);
	backlog_place(backlog)->length = 60000;
	backlog_place(backlog)->offload.kind = SPLIT_TCP;
	assert_true(backlog_wait(backlog));
	make_ipv4(backlog_place(backlog)->bytes, 8, 100);
	backlog_place(backlog)->length = 100;
	backlog_place(backlog)->offload.kind = SPLIT_NONE;
	assert_true(backlog_wait(backlog));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_small_ones_pass), TEST(test_the_place_is_used_again), TEST(test_bounded),
		TEST(test_many_flows),	    TEST(test_other_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
