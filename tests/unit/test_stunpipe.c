/* The STUN pipe: what is STUN, what may pass, and when it left. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-dataplane/stunpipe.h"

#define NOW (1000 * CLOCK_SECOND)

struct fixture {
	int nat; /* svc-nat's end */
	struct stunpipe pipe;
};

static int setup(void **state)
{
	static struct fixture fixture;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) < 0)
		return -1;
	fixture.nat = ends[0];
	stunpipe_init(&fixture.pipe, ends[1]);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	close(fixture->nat);
	close(fixture->pipe.fd);
	return 0;
}

/* A STUN message of a type with attributes bytes behind the header; returns its length. */
static size_t stun(uint8_t *bytes, uint16_t type, uint8_t id, size_t attributes)
{
	const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

	memset(bytes, 0, 20 + attributes);
	bytes[0] = (uint8_t)(type >> 8);
	bytes[1] = (uint8_t)type;
	bytes[2] = (uint8_t)(attributes >> 8);
	bytes[3] = (uint8_t)attributes;
	memcpy(bytes + 4, cookie, 4);
	bytes[19] = id;
	return 20 + attributes;
}

static void test_demultiplexer(void **state)
{
	uint8_t bytes[2048];
	size_t length = stun(bytes, 0x0101, 1, 12);

	(void)state;
	assert_true(stunpipe_is_stun(bytes, length));
	assert_false(stunpipe_is_stun(bytes, length - 1));
	assert_false(stunpipe_is_stun(bytes, length + 4));
	assert_false(stunpipe_is_stun(bytes, 19));
	assert_false(stunpipe_is_stun(bytes, 0));
	bytes[0] |= 0x40;
	assert_false(stunpipe_is_stun(bytes, length));
	length = stun(bytes, 0x0001, 1, 2);
	assert_false(stunpipe_is_stun(bytes, length));
	length = stun(bytes, 0x0001, 1, 0);
	assert_true(stunpipe_is_stun(bytes, length));
	bytes[7] ^= 1;
	assert_false(stunpipe_is_stun(bytes, length));
}

/* Every kind of WireGuard message whose index happens to be the magic cookie, at every length that
 * WireGuard has. */
static void test_wireguard_is_never_stun(void **state)
{
	uint8_t bytes[2048];

	(void)state;
	for (uint8_t type = 1; type <= 4; type++) {
		for (size_t length = 32; length <= 1500; length += 4) {
			stun(bytes, 0, 1, length - 20);
			bytes[0] = type;
			memset(bytes + 1, 0, 3);
			assert_false(stunpipe_is_stun(bytes, length));
		}
	}
}

static void from_nat(struct fixture *fixture, const struct addr *to, const uint8_t *message,
		     size_t length, uint32_t said)
{
	uint8_t bytes[4096];
	struct stunpipe_header header = {.addr = *to, .length = said};

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), message, length);
	assert_int_equal(send(fixture->nat, bytes, sizeof(header) + length, 0),
			 sizeof(header) + length);
}

static void test_request_and_answer_are_stamped(void **state)
{
	struct fixture *fixture = *state;
	struct addr server = addr_ipv4(0xcb007107, 3478), to;
	uint8_t bytes[STUNPIPE_MESSAGE_MAX], got[4096];
	struct stunpipe_header header;
	size_t length = stun(bytes, 0x0001, 7, 8);

	from_nat(fixture, &server, bytes, length, (uint32_t)length);
	assert_int_equal(stunpipe_read(&fixture->pipe, NOW, &to, got), length);
	assert_true(addr_equal(&to, &server));
	assert_memory_equal(got, bytes, length);
	stunpipe_sent(&fixture->pipe, NOW + 5, got);
	assert_int_equal(stunpipe_read(&fixture->pipe, NOW, &to, got), -EAGAIN);

	length = stun(bytes, 0x0101, 7, 12);
	assert_true(stunpipe_write(&fixture->pipe, NOW + 30, &server, bytes, length));
	assert_int_equal(recv(fixture->nat, got, sizeof(got), 0), sizeof(header) + length);
	memcpy(&header, got, sizeof(header));
	assert_int_equal(header.sent_us, NOW + 5);
	assert_int_equal(header.received_us, NOW + 30);
	assert_int_equal(header.length, length);
	assert_true(addr_equal(&header.addr, &server));

	length = stun(bytes, 0x0101, 8, 0); /* nobody asked with this id */
	assert_true(stunpipe_write(&fixture->pipe, NOW + 40, &server, bytes, length));
	recv(fixture->nat, got, sizeof(got), 0);
	memcpy(&header, got, sizeof(header));
	assert_int_equal(header.sent_us, 0);
}

static void test_only_the_last_requests_are_remembered(void **state)
{
	struct fixture *fixture = *state;
	struct addr server = addr_ipv4(0xcb007107, 3478);
	uint8_t bytes[64], got[256];
	struct stunpipe_header header;

	for (unsigned i = 0; i <= STUNPIPE_REQUESTS; i++) {
		stun(bytes, 0x0001, (uint8_t)i, 0);
		bytes[18] = (uint8_t)(i >> 8);
		stunpipe_sent(&fixture->pipe, NOW + i, bytes);
		stunpipe_sent(&fixture->pipe, NOW + i, bytes); /* again: takes no second place */
	}
	for (unsigned i = 0; i <= 1; i++) {
		stun(bytes, 0x0101, (uint8_t)i, 0);
		assert_true(stunpipe_write(&fixture->pipe, NOW, &server, bytes, 20));
		recv(fixture->nat, got, sizeof(got), 0);
		memcpy(&header, got, sizeof(header));
		assert_int_equal(header.sent_us, i ? NOW + i : 0);
	}
}

static void test_wrong_messages_do_not_pass(void **state)
{
	struct fixture *fixture = *state;
	struct addr server = addr_ipv4(0xcb007107, 3478), nowhere = addr_ipv4(0, 3478), to;
	uint8_t bytes[4096], got[STUNPIPE_MESSAGE_MAX];
	size_t length = stun(bytes, 0x0001, 7, 8);

	from_nat(fixture, &server, bytes, length, (uint32_t)length + 4);
	from_nat(fixture, &nowhere, bytes, length, (uint32_t)length);
	bytes[4] = 0;
	from_nat(fixture, &server, bytes, length, (uint32_t)length);
	length = stun(bytes, 0x0001, 7, STUNPIPE_MESSAGE_MAX);
	from_nat(fixture, &server, bytes, length, (uint32_t)length);
	assert_int_equal(send(fixture->nat, bytes, 3, 0), 3);
	for (int i = 0; i < 5; i++)
		assert_int_equal(stunpipe_read(&fixture->pipe, NOW, &to, got), 0);
	assert_int_equal(stunpipe_read(&fixture->pipe, NOW, &to, got), -EAGAIN);
	assert_false(stunpipe_write(&fixture->pipe, NOW, &server, bytes, length));
}

static void test_rate(void **state)
{
	struct fixture *fixture = *state;
	struct addr server = addr_ipv4(0xcb007107, 3478);
	uint8_t bytes[64], got[256];
	int passed = 0;

	stun(bytes, 0x0101, 1, 0);
	/* 2000 in each of two seconds */
	for (unsigned i = 0; i < 4000; i++) {
		passed += stunpipe_write(&fixture->pipe, NOW + i * 500, &server, bytes, 20);
		(void)!recv(fixture->nat, got, sizeof(got), 0);
	}
	assert_in_range(passed, 2 * STUNPIPE_RATE, 2 * STUNPIPE_RATE + STUNPIPE_BURST + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_demultiplexer),
		cmocka_unit_test(test_wireguard_is_never_stun),
		cmocka_unit_test_setup_teardown(test_request_and_answer_are_stamped, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_only_the_last_requests_are_remembered, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_wrong_messages_do_not_pass, setup, teardown),
		cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
