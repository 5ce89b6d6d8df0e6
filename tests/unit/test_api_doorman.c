/* Who may hold a thread of the web server, tried with sockets. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "svc-api/doorman.h"

#define SECOND CLOCK_SECOND

/* A connection by loopback, as the web server has it. */
struct pair {
	int client, server;
	struct addr from;
};

struct fixture {
	int listener;
	uint16_t port;
	struct doorman *doorman;
};

static struct addr name_of(int fd, int (*ask)(int, struct sockaddr *, socklen_t *))
{
	struct sockaddr_storage address = {0};
	socklen_t size = sizeof(address);

	assert_int_equal(ask(fd, (struct sockaddr *)&address, &size), 0);
	return addr_from_sockaddr(&address);
}

static int setup(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	fixture->listener = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fixture->listener, 64), 0);
	fixture->port = name_of(fixture->listener, getsockname).port;
	assert_int_equal(doorman_new(&fixture->doorman, fixture->port), 0);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	doorman_free(fixture->doorman);
	close(fixture->listener);
	free(fixture);
	return 0;
}

static struct pair enter(struct fixture *fixture, uint64_t now_us)
{
	struct pair pair = {.client = socket(AF_INET, SOCK_STREAM, 0)};
	struct sockaddr_storage address;
	struct addr at = name_of(fixture->listener, getsockname);
	socklen_t size = addr_to_sockaddr(&at, &address);

	assert_int_equal(connect(pair.client, (struct sockaddr *)&address, size), 0);
	pair.server = accept(fixture->listener, NULL, NULL);
	assert_true(pair.server >= 0);
	pair.from = name_of(pair.server, getpeername);
	doorman_enter(fixture->doorman, now_us);
	return pair;
}

static void leave(struct fixture *fixture, const struct pair *pair)
{
	doorman_leave(fixture->doorman, &pair->from);
	close(pair->server);
	close(pair->client);
}

static bool was_cut(const struct pair *pair)
{
	char byte;
	ssize_t n = recv(pair->client, &byte, 1, MSG_DONTWAIT);

	assert_true(n == 0 || (n < 0 && errno == EAGAIN));
	return n == 0;
}

static void the_longest_idle_makes_room(void **state)
{
	struct fixture *fixture = *state;
	struct pair pairs[DOORMAN_IDLE_MAX + 3];
	size_t n = sizeof(pairs) / sizeof(pairs[0]);

	for (size_t i = 0; i < n; i++) {
		pairs[i] = enter(fixture, SECOND + i);
		if (i == 1)
			doorman_set_busy(fixture->doorman, &pairs[1].from, SECOND + 1);
	}
	assert_true(was_cut(&pairs[0]));
	assert_false(was_cut(&pairs[1])); /* busy */
	assert_true(was_cut(&pairs[2]));
	for (size_t i = 3; i < n; i++)
		assert_false(was_cut(&pairs[i]));
	for (size_t i = 0; i < n; i++)
		leave(fixture, &pairs[i]);
}

static void nobody_is_idle_or_busy_for_ever(void **state)
{
	struct fixture *fixture = *state;
	struct pair idle = enter(fixture, SECOND), busy = enter(fixture, SECOND),
		    reader = enter(fixture, SECOND);

	doorman_set_busy(fixture->doorman, &busy.from, SECOND);
	assert_true(doorman_set_reader(fixture->doorman, &reader.from, SECOND));
	doorman_sweep(fixture->doorman, SECOND); /* it is seen to be idle */
	doorman_sweep(fixture->doorman, SECOND + DOORMAN_IDLE_MS * CLOCK_MS);
	assert_false(was_cut(&idle));
	doorman_sweep(fixture->doorman, SECOND + DOORMAN_IDLE_MS * CLOCK_MS + 1);
	assert_true(was_cut(&idle));
	assert_false(was_cut(&busy));
	doorman_sweep(fixture->doorman, SECOND + DOORMAN_BUSY_MS * CLOCK_MS + 1);
	assert_true(was_cut(&busy));
	assert_false(was_cut(&reader));
	doorman_cut(fixture->doorman, &reader.from);
	assert_true(was_cut(&reader));
	leave(fixture, &idle);
	leave(fixture, &busy);
	leave(fixture, &reader);
}

static void there_is_room_for_so_many_readers(void **state)
{
	struct fixture *fixture = *state;
	struct pair pairs[DOORMAN_READERS_MAX + 1];

	for (size_t i = 0; i < DOORMAN_READERS_MAX; i++) {
		pairs[i] = enter(fixture, SECOND);
		assert_true(doorman_set_reader(fixture->doorman, &pairs[i].from, SECOND));
	}
	pairs[DOORMAN_READERS_MAX] = enter(fixture, SECOND);
	assert_false(
		doorman_set_reader(fixture->doorman, &pairs[DOORMAN_READERS_MAX].from, SECOND));
	leave(fixture, &pairs[0]);
	assert_true(doorman_set_reader(fixture->doorman, &pairs[DOORMAN_READERS_MAX].from, SECOND));
	for (size_t i = 1; i <= DOORMAN_READERS_MAX; i++)
		leave(fixture, &pairs[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_longest_idle_makes_room, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_is_idle_or_busy_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(there_is_room_for_so_many_readers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
