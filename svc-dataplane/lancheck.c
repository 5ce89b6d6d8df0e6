#include "svc-dataplane/lancheck.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"

#define BATCH 16

static const char question[8] = {'L', 'A', 'N', 'r', 'a', 'g', 'e', '?'};
static const char answer[8] = {'L', 'A', 'N', 'r', 'a', 'g', 'e', '!'};

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0)
		return fd;
	return -errno;
}

/* One of our kind, or false; fewer when there are no more. */
static bool receive(int fd, const char *kind, uint8_t *bytes, struct sockaddr_in *from, bool *more)
{
	socklen_t length = sizeof(*from);
	ssize_t got =
		recvfrom(fd, bytes, LANCHECK_SIZE, MSG_TRUNC, (struct sockaddr *)from, &length);

	*more = got >= 0;
	return got == LANCHECK_SIZE && memcmp(bytes, kind, sizeof(question)) == 0;
}

/* ---- answering ---- */

static void on_question(void *data)
{
	struct lancheck *check = data;
	uint8_t bytes[LANCHECK_SIZE];
	struct sockaddr_in from;
	bool more = true;

	for (int i = 0; i < BATCH && more; i++) {
		if (!receive(check->answer_fd, question, bytes, &from, &more) ||
		    !bucket_take(&check->answers, LANCHECK_ANSWERS, clock_now_us()))
			continue;
		memcpy(bytes, answer, sizeof(answer));
		(void)sendto(check->answer_fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
			     sizeof(from));
	}
}

static int bind_to(int fd, const char *interface)
{
	const struct sockaddr_in all = {.sin_family = AF_INET, .sin_port = htons(LANCHECK_PORT)};

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface)) <
		    0 ||
	    bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		return -errno;
	return 0;
}

int lancheck_serve(struct lancheck *check, struct loop *loop, const char *interface)
{
	int fd, result;

	if (check->serving)
		return 0;
	fd = open_socket();
	if (fd < 0)
		return fd;
	result = bind_to(fd, interface);
	if (result == 0)
		result = loop_poll_start(loop, &check->answer_poll, fd, on_question, check);
	if (result < 0) {
		close(fd);
		return result;
	}
	check->loop = loop;
	check->answer_fd = fd;
	check->serving = true;
	return 0;
}

/* ---- asking ---- */

static void stop_asking(struct lancheck *check)
{
	if (check->tries == 0)
		return;
	loop_timer_stop(&check->timer);
	loop_poll_stop(&check->ask_poll);
	close(check->ask_fd);
	check->tries = 0;
}

void lancheck_stop(struct lancheck *check)
{
	stop_asking(check);
	if (!check->serving)
		return;
	loop_poll_stop(&check->answer_poll);
	close(check->answer_fd);
	check->serving = false;
}

static void finish(struct lancheck *check)
{
	stop_asking(check);
	check->done(check->data, &check->result);
}

static void count(struct lancheck *check, uint32_t address)
{
	struct dataplane_lan_check *result = &check->result;

	for (uint32_t i = 0; i < result->n_heard; i++) {
		if (check->heard[i] == address)
			return;
	}
	if (result->n_heard == DATAPLANE_MEMBERS_MAX)
		return;
	if (result->n_heard == 0)
		result->first_us = (uint32_t)(clock_now_us() - check->asked_us);
	check->heard[result->n_heard++] = address;
}

static void on_answer(void *data)
{
	struct lancheck *check = data;
	uint8_t bytes[LANCHECK_SIZE];
	struct sockaddr_in from;
	bool more = true;

	for (int i = 0; i < BATCH && more; i++) {
		if (receive(check->ask_fd, answer, bytes, &from, &more) &&
		    memcmp(bytes + sizeof(answer), check->nonce, sizeof(check->nonce)) == 0)
			count(check, from.sin_addr.s_addr);
	}
	if (check->result.n_heard >= check->result.n_members)
		finish(check);
}

static void try_again(void *data)
{
	struct lancheck *check = data;
	const struct sockaddr_in everybody = {.sin_family = AF_INET,
					      .sin_port = htons(LANCHECK_PORT),
					      .sin_addr.s_addr = INADDR_BROADCAST};
	uint8_t bytes[LANCHECK_SIZE];

	if (check->tries++ == LANCHECK_TRIES) {
		finish(check);
		return;
	}
	memcpy(bytes, question, sizeof(question));
	memcpy(bytes + sizeof(question), check->nonce, sizeof(check->nonce));
	if (sendto(check->ask_fd, bytes, sizeof(bytes), 0, (const struct sockaddr *)&everybody,
		   sizeof(everybody)) < 0)
		check->result.error = (uint32_t)errno;
	loop_timer_start(check->loop, &check->timer, LANCHECK_MS, 0, try_again, check);
}

int lancheck_ask(struct lancheck *check, uint32_t n_members,
		 void (*done)(void *data, const struct dataplane_lan_check *result), void *data)
{
	int result;

	if (check->tries)
		return -EBUSY;
	if (!check->serving)
		return -EOPNOTSUPP;
	check->ask_fd = open_socket();
	if (check->ask_fd < 0)
		return check->ask_fd;
	result = loop_poll_start(check->loop, &check->ask_poll, check->ask_fd, on_answer, check);
	if (result < 0) {
		close(check->ask_fd);
		return result;
	}
	check->result =
		(struct dataplane_lan_check){.n_members = n_members, .first_us = DATAPLANE_UNKNOWN};
	check->done = done;
	check->data = data;
	check->asked_us = clock_now_us();
	randombytes_buf(check->nonce, sizeof(check->nonce));
	try_again(check);
	return 0;
}
