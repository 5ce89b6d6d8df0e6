/* The relay's TCP side on the loopback interface: who comes, what they bring, when they go. */
#include "svc-nat/relay/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants those first */
#include <cmocka.h>

#define PORT	47811
#define START	(1000 * CLOCK_SECOND)
#define WAIT_MS 5000
#define CLIENTS 40

static struct streams *streams;
static uint64_t now_us;
static int clients[CLIENTS];
static struct {
	unsigned count;
	struct addr from;
	size_t length;
	uint8_t first;
} got;

static struct addr listen_at(void)
{
	return addr_ipv4(INADDR_LOOPBACK, PORT);
}

static int setup(void **state)
{
	struct addr at = listen_at();
	struct error error;

	(void)state;
	now_us = START;
	memset(&got, 0, sizeof(got));
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = -1;
	if (streams_new(&streams) < 0)
		return -1;
	return streams_listen(streams, &at, &error);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		if (clients[i] >= 0)
			close(clients[i]);
	streams_free(streams);
	return 0;
}

static void on_datagram(void *data, const struct addr *from, uint8_t *bytes, size_t length)
{
	(void)data;
	got.count++;
	got.from = *from;
	got.length = length;
	got.first = bytes[0];
}

/* Serves until nothing comes any more for a moment. */
static void serve(void)
{
	struct pollfd wanted = {.fd = streams_fd(streams), .events = POLLIN};

	while (poll(&wanted, 1, 50) > 0)
		streams_serve(streams, now_us, on_datagram, NULL);
}

static void connect_one(int i)
{
	struct addr to = listen_at();
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(&to, &sa);

	clients[i] = socket(AF_INET, SOCK_STREAM, 0);
	assert_true(clients[i] >= 0);
	assert_int_equal(connect(clients[i], (struct sockaddr *)&sa, length), 0);
}

static void say(int i, const char *bytes, size_t length)
{
	assert_int_equal(write(clients[i], bytes, length), length);
}

/* Has the other end closed it? */
static bool is_closed(int i)
{
	struct pollfd wanted = {.fd = clients[i], .events = POLLIN};
	char byte;

	return poll(&wanted, 1, 50) > 0 && recv(clients[i], &byte, 1, MSG_PEEK) <= 0;
}

static bool everybody(void *data, const struct addr *address)
{
	(void)data;
	return streams_is_one(address);
}

static bool nobody(void *data, const struct addr *address)
{
	(void)data;
	(void)address;
	return false;
}

static void test_there_and_back(void **state)
{
	struct pollfd wanted = {.events = POLLIN};
	struct addr first;
	char bytes[16];

	(void)state;
	connect_one(0);
	connect_one(1);
	serve();
	assert_int_equal(streams_count(streams), 2);
	say(0, "\0\3abc\0", 6);
	serve();
	assert_int_equal(got.count, 1);
	assert_int_equal(got.length, 3);
	assert_int_equal(got.first, 'a');
	assert_true(streams_is_one(&got.from));
	first = got.from;
	say(0, "\2de", 3);
	say(1, "\0\1x", 3);
	serve();
	assert_int_equal(got.count, 3);
	streams_send(streams, &first, (const uint8_t *)"back", 4);
	wanted.fd = clients[0];
	assert_int_equal(poll(&wanted, 1, WAIT_MS), 1);
	assert_int_equal(read(clients[0], bytes, sizeof(bytes)), 6);
	assert_memory_equal(bytes, "\0\4back", 6);
	wanted.fd = clients[1];
	assert_int_equal(poll(&wanted, 1, 0), 0);
}

/* An address stands for one connection, and for nothing once that is over. */
static void test_addresses_are_not_used_again(void **state)
{
	struct addr first;

	(void)state;
	connect_one(0);
	say(0, "\0\1x", 3);
	serve();
	first = got.from;
	close(clients[0]);
	serve();
	assert_int_equal(streams_count(streams), 0);
	connect_one(0);
	say(0, "\0\1y", 3);
	serve();
	assert_false(addr_equal(&first, &got.from));
	streams_send(streams, &first, (const uint8_t *)"for another", 11);
	assert_int_equal(recv(clients[0], &(char){0}, 1, MSG_DONTWAIT), -1);
}

static void test_unbound_ones_go(void **state)
{
	(void)state;
	connect_one(0);
	serve();
	now_us += STREAM_UNBOUND_US - 1;
	streams_sweep(streams, now_us, nobody, NULL);
	assert_int_equal(streams_count(streams), 1);
	streams_sweep(streams, now_us, everybody, NULL);
	now_us += STREAM_UNBOUND_US - 1;
	streams_sweep(streams, now_us, nobody, NULL);
	assert_int_equal(streams_count(streams), 1);
	now_us++;
	streams_sweep(streams, now_us, nobody, NULL);
	assert_int_equal(streams_count(streams), 0);
	assert_true(is_closed(0));
}

static void test_no_frames(void **state)
{
	(void)state;
	connect_one(0);
	connect_one(1);
	say(0, "GET / HTTP/1.1\r\n\r\n", 18);
	say(1, "\0\0", 2);
	serve();
	assert_int_equal(got.count, 0);
	assert_int_equal(streams_count(streams), 0);
	assert_true(is_closed(0) && is_closed(1));
}

/* One source cannot take all places, and what it loses by that is only its last connections. */
static void test_one_source_has_its_share(void **state)
{
	(void)state;
	for (int i = 0; i < CLIENTS; i++) {
		connect_one(i);
		serve();
	}
	assert_int_equal(streams_count(streams), STREAM_PER_SOURCE);
	assert_false(is_closed(0));
	assert_true(is_closed(CLIENTS - 1));
}

/* A client that does not read is sent no more than fits, and costs nothing else. */
static void test_one_that_does_not_read(void **state)
{
	static uint8_t datagram[1400];

	(void)state;
	connect_one(0);
	say(0, "\0\1x", 3);
	serve();
	for (int i = 0; i < 100000; i++)
		streams_send(streams, &got.from, datagram, sizeof(datagram));
	assert_int_equal(streams_count(streams), 1);
	say(0, "\0\1y", 3);
	serve();
	assert_int_equal(got.first, 'y');
}

static void test_taken_port(void **state)
{
	struct addr at = listen_at();
	struct streams *other;
	struct error error;

	(void)state;
	assert_int_equal(streams_new(&other), 0);
	assert_int_equal(streams_listen(other, &at, &error), -EADDRINUSE);
	assert_non_null(strstr(error.text, "--listen"));
	streams_free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_addresses_are_not_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unbound_ones_go, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_frames, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_source_has_its_share, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_that_does_not_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_taken_port, setup, teardown),
	};

	return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
