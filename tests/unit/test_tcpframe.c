/* Datagrams in a stream: over socket pairs, with as little room as the kernel allows. */
#include "svc-nat/tcpframe.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first */
#include <cmocka.h>

static int pair[2]; /* we write to 0 and read from 1 */
static struct tcpframe_in in;
static struct tcpframe_out out;

static int setup(void **state)
{
	(void)state;
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int teardown(void **state)
{
	(void)state;
	close(pair[0]);
	if (pair[1] >= 0)
		close(pair[1]);
	return 0;
}

/* The byte that a datagram of this length is full of. */
static uint8_t filling(size_t length)
{
	return (uint8_t)(length * 7 + 1);
}

static int send_filled(size_t length)
{
	uint8_t datagram[TCPFRAME_DATAGRAM_MAX];

	memset(datagram, filling(length), sizeof(datagram));
	return tcpframe_send(&out, pair[0], datagram, length);
}

static void expect_filled(size_t length)
{
	uint8_t *datagram;

	assert_int_equal(tcpframe_next(&in, &datagram), length);
	for (size_t i = 0; i < length; i++)
		assert_int_equal(datagram[i], filling(length));
}

static void test_there_and_back(void **state)
{
	static const size_t lengths[] = {1, 32, 148, 1452, TCPFRAME_DATAGRAM_MAX};
	uint8_t *datagram;

	(void)state;
	assert_int_equal(tcpframe_read(&in, pair[1]), -EAGAIN);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		assert_int_equal(send_filled(lengths[i]), 0);
	assert_false(tcpframe_is_waiting(&out));
	assert_int_equal(tcpframe_read(&in, pair[1]), 0);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		expect_filled(lengths[i]);
	assert_int_equal(tcpframe_next(&in, &datagram), 0);
	close(pair[0]);
	assert_int_equal(tcpframe_read(&in, pair[1]), -ECONNRESET);
	pair[0] = -1;
}

/* However the stream is cut, and beyond the buffer's size. */
static void test_in_pieces(void **state)
{
	uint8_t bytes[TCPFRAME_HEADER + 300], *datagram;
	size_t frames = 2 * TCPFRAME_BUFFER / sizeof(bytes);

	(void)state;
	bytes[0] = 300 >> 8;
	bytes[1] = 300 & 0xff;
	memset(bytes + TCPFRAME_HEADER, filling(300), 300);
	for (size_t frame = 0; frame < frames; frame++) {
		for (size_t at = 0; at < sizeof(bytes);) {
			size_t piece = (at * 5 + frame) % 97 + 1;

			if (piece > sizeof(bytes) - at)
				piece = sizeof(bytes) - at;
			assert_int_equal(write(pair[0], bytes + at, piece), piece);
			at += piece;
			assert_int_equal(tcpframe_read(&in, pair[1]), 0);
			if (at < sizeof(bytes))
				assert_int_equal(tcpframe_next(&in, &datagram), 0);
		}
		expect_filled(300);
	}
}

static void test_no_frames(void **state)
{
	static const uint8_t empty[] = {0, 0, 1}, too_long[] = {0x08, 0x01, 1};
	uint8_t *datagram;

	(void)state;
	assert_int_equal(write(pair[0], empty, sizeof(empty)), sizeof(empty));
	assert_int_equal(tcpframe_read(&in, pair[1]), 0);
	assert_int_equal(tcpframe_next(&in, &datagram), -EPROTO);
	memset(&in, 0, sizeof(in));
	assert_int_equal(write(pair[0], too_long, sizeof(too_long)), sizeof(too_long));
	assert_int_equal(tcpframe_read(&in, pair[1]), 0);
	assert_int_equal(tcpframe_next(&in, &datagram), -EPROTO);
	assert_int_equal(tcpframe_send(&out, pair[0], empty, 0), -EMSGSIZE);
	assert_int_equal(send_filled(TCPFRAME_DATAGRAM_MAX) == 0 &&
				 tcpframe_send(&out, pair[0], in.bytes,
					       TCPFRAME_DATAGRAM_MAX + 1) == -EMSGSIZE,
			 1);
}

/* What finds no room is lost whole, and what comes after it arrives unharmed. */
static void test_no_room(void **state)
{
	int small = 1;
	size_t sent = 0, lost = 0, came = 0;
	uint8_t *datagram;
	int length;

	(void)state;
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (size_t i = 0; i < 2000; i++) {
		int result = send_filled(200 + i % 1500);

		assert_true(result == 0 || result == -EAGAIN);
		sent += result == 0;
		lost += result == -EAGAIN;
		if (i % 3)
			continue;
		if (tcpframe_read(&in, pair[1]) == 0)
			while ((length = tcpframe_next(&in, &datagram)) > 0) {
				assert_int_equal(datagram[0], filling((size_t)length));
				assert_int_equal(datagram[length - 1], filling((size_t)length));
				came++;
			}
		assert_true(length >= 0);
		(void)tcpframe_flush(&out, pair[0]);
	}
	assert_true(sent > 0 && lost > 0);
	while (tcpframe_read(&in, pair[1]) == 0) {
		while ((length = tcpframe_next(&in, &datagram)) > 0)
			came++;
		assert_int_equal(length, 0);
		(void)tcpframe_flush(&out, pair[0]);
	}
	assert_false(tcpframe_is_waiting(&out));
	assert_int_equal(came, sent);
}

static void test_gone(void **state)
{
	(void)state;
	close(pair[1]);
	pair[1] = -1;
	assert_int_equal(send_filled(10), -EPIPE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_in_pieces, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
	};

	return cmocka_run_group_tests_name("tcpframe", tests, NULL, NULL);
}
