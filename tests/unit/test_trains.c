/* Datagrams into trains, and what becomes of them when the kernel refuses: its two calls are
 * imitated here. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "svc-dataplane/trains.h"

#define FD4	 1000
#define FD6	 1001
#define SENT_MAX 512

/* One message as the kernel got it, and the datagrams it makes of it. */
static struct {
	int fd;
	uint16_t port, segment;
	int tos;
	size_t length;
	uint8_t first, last; /* bytes */
} sent[SENT_MAX];
static size_t n_sent;
static unsigned n_calls;
/* What the next messages with a segment size are answered, and what all others. */
static int refuse_trains, refuse_all;
static uint16_t refused_port; /* 0: any */

static struct trains *trains;

static int take(int fd, const struct msghdr *message)
{
	const struct sockaddr_in *name = message->msg_name;
	const uint8_t *bytes = message->msg_iov->iov_base;
	uint16_t port = ntohs(name->sin_port); /* at the same place in IPv6 */

	sent[n_sent].segment = 0;
	sent[n_sent].tos = 0;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR((struct msghdr *)(uintptr_t)message, control)) {
		if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_SEGMENT)
			memcpy(&sent[n_sent].segment, CMSG_DATA(control), 2);
		else
			memcpy(&sent[n_sent].tos, CMSG_DATA(control), sizeof(int));
	}
	if (refused_port == 0 || refused_port == port) {
		errno = sent[n_sent].segment && refuse_trains ? refuse_trains : refuse_all;
		if (errno)
			return -1;
	}
	sent[n_sent].fd = fd;
	sent[n_sent].port = port;
	sent[n_sent].length = message->msg_iov->iov_len;
	sent[n_sent].first = bytes[0];
	sent[n_sent].last = bytes[sent[n_sent].length - 1];
	n_sent++;
	return 0;
}

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	unsigned done = 0;

	(void)flags;
	n_calls++;
	while (done < n && take(fd, &messages[done].msg_hdr) == 0)
		done++;
	return done > 0 ? (int)done : -1;
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	(void)flags;
	return take(fd, message) < 0 ? -1 : (ssize_t)message->msg_iov->iov_len;
}

static int set_up(void **state)
{
	(void)state;
	trains = malloc(sizeof(*trains));
	if (!trains)
		return -1;
	trains_init(trains, FD4, FD6);
	trains->segments = true;
	n_sent = n_calls = 0;
	refuse_trains = refuse_all = refused_port = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	free(trains);
	return 0;
}

/* Made in the room, all bytes the same. */
static void put(uint16_t port, uint8_t ecn, size_t length, uint8_t byte)
{
	struct addr to = addr_ipv4(0xc0000201, port);
	uint8_t *room = trains_room(trains);

	memset(room, byte, length);
	trains_put(trains, &to, ecn, room, length);
}

static void test_one_train(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < 10; i++)
		put(1, 0, i < 9 ? 1000 : 400, i);
	trains_flush(trains);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_sent, 1);
	assert_int_equal(sent[0].length, 9400);
	assert_int_equal(sent[0].segment, 1000);
	assert_int_equal(sent[0].first, 0);
	assert_int_equal(sent[0].last, 9);
	trains_flush(trains);
	assert_int_equal(n_calls, 1);
}

static void test_what_begins_a_new_train(void **state)
{
	(void)state;
	put(1, 0, 500, 0);
	put(1, 0, 400, 1); /* the short end of the first */
	put(1, 0, 400, 2); /* nothing comes behind a short one */
	put(1, 0, 500, 3); /* longer */
	put(2, 0, 500, 4); /* to somewhere else */
	put(2, 3, 500, 5); /* with another ECN */
	put(2, 3, 500, 6);
	trains_flush(trains);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_sent, 5);
	assert_int_equal(sent[0].length, 900);
	assert_int_equal(sent[1].length, 400);
	assert_int_equal(sent[1].segment, 0); /* a train of one needs none */
	assert_int_equal(sent[2].length, 500);
	assert_int_equal(sent[3].port, 2);
	assert_int_equal(sent[3].tos, 0);
	assert_int_equal(sent[4].length, 1000);
	assert_int_equal(sent[4].tos, 3);
}

static void test_limits(void **state)
{
	size_t datagrams = 0;

	(void)state;
	for (int i = 0; i < 130; i++)
		put(1, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 3); /* 64, 64, 2 */
	assert_int_equal(sent[0].length, 6400);
	n_sent = 0;
	for (int i = 0; i < 400; i++) /* more than all the room; leaves when that is full */
		put(1, 0, 1452, 0);
	trains_flush(trains);
	for (size_t i = 0; i < n_sent; i++) {
		assert_true(sent[i].length <= 65507);
		datagrams += sent[i].length / 1452;
	}
	assert_int_equal(datagrams, 400);
	n_sent = 0;
	put(1, 0, TRAINS_DATAGRAM, 7);
	trains_flush(trains);
	assert_int_equal(n_sent, 1);
}

static void test_two_families_in_order(void **state)
{
	struct addr six;
	uint8_t bytes[100] = {0};

	(void)state;
	addr_parse(&six, "[2001:db8::1]:5");
	put(1, 0, 100, 0);
	trains_put(trains, &six, 1, bytes, sizeof(bytes)); /* copied */
	trains_put(trains, &six, 1, bytes, sizeof(bytes));
	put(1, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 3);
	assert_int_equal(sent[0].fd, FD4);
	assert_int_equal(sent[1].fd, FD6);
	assert_int_equal(sent[1].length, 200);
	assert_int_equal(sent[1].tos, 1);
	assert_int_equal(sent[2].fd, FD4);
	trains->fds[1] = -1;
	trains_put(trains, &six, 0, bytes, sizeof(bytes));
	put(1, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 4);
}

static void test_switched_off(void **state)
{
	(void)state;
	trains->segments = false;
	for (int i = 0; i < 100; i++)
		put(1, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 100);
	assert_int_equal(n_calls, 2); /* still many by one call */
}

/* No datagram is lost by the attempt, and there is no second one. */
static void refused(int code, bool for_good)
{
	refuse_trains = code;
	refused_port = 1;
	put(2, 0, 100, 0);
	for (uint8_t i = 0; i < 5; i++)
		put(1, 2, i < 4 ? 100 : 60, i);
	put(3, 0, 100, 0);
	put(3, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 7);
	for (uint8_t i = 0; i < 5; i++) {
		assert_int_equal(sent[1 + i].port, 1);
		assert_int_equal(sent[1 + i].length, i < 4 ? 100 : 60);
		assert_int_equal(sent[1 + i].first, i);
		assert_int_equal(sent[1 + i].tos, 2);
		assert_int_equal(sent[1 + i].segment, 0);
	}
	assert_int_equal(sent[6].length, 200);
	n_sent = n_calls = 0;
	refuse_trains = 0;
	for (uint8_t i = 0; i < 4; i++)
		put(i < 2 ? 1 : 3, 0, 100, i);
	trains_flush(trains);
	assert_int_equal(n_calls, 1);
	assert_int_equal(n_sent, for_good ? 4 : 3);
	assert_int_equal(trains->segments, !for_good);
}

static void test_a_card_without_checksums(void **state)
{
	(void)state;
	refused(EIO, true);
}

static void test_a_route_with_a_small_mtu(void **state)
{
	(void)state;
	refused(EMSGSIZE, false);
}

static void test_a_device_that_takes_none(void **state)
{
	(void)state;
	refused(EINVAL, false);
}

static void test_other_errors_cost_one_message(void **state)
{
	(void)state;
	refuse_all = refuse_trains = EPERM;
	refused_port = 1;
	put(1, 0, 100, 0);
	put(1, 0, 100, 0);
	put(2, 0, 100, 0);
	trains_flush(trains);
	assert_int_equal(n_sent, 1);
	assert_int_equal(sent[0].port, 2);
	assert_true(trains->segments);
	assert_true(trains->filtered_us > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_one_train),
		TEST(test_what_begins_a_new_train),
		TEST(test_limits),
		TEST(test_two_families_in_order),
		TEST(test_switched_off),
		TEST(test_a_card_without_checksums),
		TEST(test_a_route_with_a_small_mtu),
		TEST(test_a_device_that_takes_none),
		TEST(test_other_errors_cost_one_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
