#include "svc-dataplane/selftest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SEGMENT 1000
#define TAIL	123
#define COUNT	4
#define TRAIN	((COUNT - 1) * SEGMENT + TAIL)
#define WAIT_MS 100 /* over loopback it is there at once, or never */

struct
try {
	int from, to;
	uint8_t train[TRAIN];
};

static int open_socket(struct sockaddr_in *name)
{
	socklen_t length = sizeof(*name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	*name = (struct sockaddr_in){.sin_family = AF_INET,
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	if (fd >= 0 && (bind(fd, (struct sockaddr *)name, length) < 0 ||
			getsockname(fd, (struct sockaddr *)name, &length) < 0)) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Connected to each other, so that nobody else's datagrams come in between. */
static bool open_pair(struct try *try)
{
	struct sockaddr_in from, to;

	try->from = open_socket(&from);
	try->to = open_socket(&to);
	return try->from >= 0 && try->to >= 0 &&
	       connect(try->from, (struct sockaddr *)&to, sizeof(to)) == 0 &&
	       connect(try->to, (struct sockaddr *)&from, sizeof(from)) == 0;
}

static void close_pair(const struct try *try)
{
	if (try->from >= 0)
		close(try->from);
	if (try->to >= 0)
		close(try->to);
}

static bool send_train(const struct try *try)
{
	int segment = SEGMENT;

	return setsockopt(try->from, SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment)) == 0 &&
	       send(try->from, try->train, TRAIN, 0) == TRAIN;
}

static bool wait_readable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLIN};

	return poll(&wanted, 1, WAIT_MS) == 1;
}

static bool arrives_one_by_one(const struct try *try)
{
	uint8_t datagram[TRAIN];

	for (size_t at = 0; at < TRAIN; at += SEGMENT) {
		size_t length = TRAIN - at < SEGMENT ? TRAIN - at : SEGMENT;

		if (!wait_readable(try->to) ||
		    recv(try->to, datagram, sizeof(datagram), 0) != (ssize_t)length ||
		    memcmp(datagram, try->train + at, length) != 0)
			return false;
	}
	return true;
}

/* In one piece or in several: the kernel may do either, but must say how long each datagram is. */
static bool arrives_as_train(const struct try *try)
{
	uint8_t bytes[TRAIN];
	size_t at = 0;

	while (at < TRAIN) {
		_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(int))] = {0};
		struct iovec part = {bytes, sizeof(bytes)};
		struct msghdr message = {.msg_iov = &part,
					 .msg_iovlen = 1,
					 .msg_control = control,
					 .msg_controllen = sizeof(control)};
		ssize_t got = wait_readable(try->to) ? recvmsg(try->to, &message, 0) : -1;
		struct cmsghdr *first = CMSG_FIRSTHDR(&message);
		int segment = 0;

		if (got <= 0 || (size_t)got > TRAIN - at ||
		    memcmp(bytes, try->train + at, (size_t)got) != 0)
			return false;
		if (first && first->cmsg_level == SOL_UDP && first->cmsg_type == UDP_GRO)
			memcpy(&segment, CMSG_DATA(first), sizeof(segment));
		if (got > SEGMENT && segment != SEGMENT)
			return false;
		at += (size_t)got;
	}
	return true;
}

struct selftest_results selftest_run(void)
{
	struct selftest_results results = {SELFTEST_UNKNOWN, SELFTEST_UNKNOWN};
	struct try try;
	int on = 1;

	for (size_t i = 0; i < TRAIN; i++)
		try.train[i] = (uint8_t)(i * 31 + i / SEGMENT);
	if (open_pair(&try)) {
		results.gso = send_train(&try) && arrives_one_by_one(&try) ? SELFTEST_RIGHT
									   : SELFTEST_WRONG;
		if (results.gso == SELFTEST_RIGHT)
			results.gro = setsockopt(try.to, SOL_UDP, UDP_GRO, &on, sizeof(on)) == 0 &&
						      send_train(&try) && arrives_as_train(&try)
					      ? SELFTEST_RIGHT
					      : SELFTEST_WRONG;
	}
	close_pair(&try);
	return results;
}
