#include "svc-dataplane/underlay.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"

#define SEND_WAIT_MS 2 /* how long a full send buffer holds up the packet thread */

/* Datagrams of one direction of one socket, ready for recvmmsg or sendmmsg. */
struct batch {
	unsigned n; /* gathered so far; sending only */
	struct mmsghdr headers[UNDERLAY_BATCH];
	struct iovec parts[UNDERLAY_BATCH];
	struct sockaddr_storage names[UNDERLAY_BATCH];
	uint8_t bytes[UNDERLAY_BATCH][UNDERLAY_DATAGRAM_MAX];
};

struct family {
	int fd;
	uint16_t port;
	struct batch in, out;
	struct log_limit errors;
};

struct underlay {
	struct family ipv4, ipv6;
	_Atomic uint64_t filtered_us; /* 0: never */
};

static struct family *family_of(struct underlay *underlay, enum addr_family family)
{
	return family == ADDR_IPV6 ? &underlay->ipv6 : &underlay->ipv4;
}

static const struct family *family_of_const(const struct underlay *underlay,
					    enum addr_family family)
{
	return family == ADDR_IPV6 ? &underlay->ipv6 : &underlay->ipv4;
}

static void batch_init(struct batch *batch)
{
	for (unsigned i = 0; i < UNDERLAY_BATCH; i++) {
		batch->parts[i] = (struct iovec){batch->bytes[i], UNDERLAY_DATAGRAM_MAX};
		batch->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->names[i],
			.msg_namelen = sizeof(batch->names[i]),
			.msg_iov = &batch->parts[i],
			.msg_iovlen = 1,
		};
	}
}

static int set_number(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_buffers(int fd)
{
	/* The forced ones pass the system's limit; without the capability the limit stands. */
	if (set_number(fd, SOL_SOCKET, SO_RCVBUFFORCE, UNDERLAY_SOCKET_BUFFER) < 0)
		(void)set_number(fd, SOL_SOCKET, SO_RCVBUF, UNDERLAY_SOCKET_BUFFER);
	if (set_number(fd, SOL_SOCKET, SO_SNDBUFFORCE, UNDERLAY_SOCKET_BUFFER) < 0)
		(void)set_number(fd, SOL_SOCKET, SO_SNDBUF, UNDERLAY_SOCKET_BUFFER);
}

static int set_options(int fd, enum addr_family family)
{
	int result, only = 0;
	socklen_t length = sizeof(only);

	set_buffers(fd);
	if (family == ADDR_IPV4) {
		/* ICMP errors are nobody's business here: queues of them would only need emptying.
		 */
		(void)set_number(fd, IPPROTO_IP, IP_RECVERR, 0);
		return set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
	(void)set_number(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
	result = set_number(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
	/* It can't be set any more on a bound socket. */
	if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length) == 0 && !only)
		log_warning("underlay: the IPv6 socket takes IPv4 too (IPV6_V6ONLY is off)");
	return result;
}

static int family_open(struct family *family, int fd, enum addr_family kind, struct error *error)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int result;

	family->fd = fd < 0 ? -1 : fd;
	batch_init(&family->in);
	batch_init(&family->out);
	if (fd < 0)
		return 0;
	memset(&name, 0, sizeof(name));
	if (getsockname(fd, (struct sockaddr *)&name, &length) < 0)
		return error_set(error, -errno, "descriptor udp%d is no socket: %s", (int)kind,
				 strerror(errno));
	if (name.ss_family != (kind == ADDR_IPV4 ? AF_INET : AF_INET6))
		return error_set(error, -EINVAL, "descriptor udp%d is of another family",
				 (int)kind);
	family->port = addr_from_sockaddr(&name).port;
	result = set_options(fd, kind);
	if (result < 0)
		return error_set(error, result, "cannot set up the IPv%d socket: %s", (int)kind,
				 strerror(-result));
	return 0;
}

int underlay_new(struct underlay **underlay, int fd4, int fd6, struct error *error)
{
	struct underlay *made;
	int result;

	*underlay = NULL;
	if (fd4 < 0 && fd6 < 0)
		return error_set(error, -ENOENT, "no descriptor named udp4 or udp6 was passed");
	made = calloc(1, sizeof(*made));
	if (!made)
		return error_set(error, -ENOMEM, "out of memory");
	result = family_open(&made->ipv4, fd4, ADDR_IPV4, error);
	if (result == 0)
		result = family_open(&made->ipv6, fd6, ADDR_IPV6, error);
	if (result < 0) {
		underlay_free(made);
		return result;
	}
	*underlay = made;
	return 0;
}

void underlay_free(struct underlay *underlay)
{
	free(underlay);
}

int underlay_fd(const struct underlay *underlay, enum addr_family family)
{
	return family_of_const(underlay, family)->fd;
}

uint16_t underlay_port(const struct underlay *underlay, enum addr_family family)
{
	return family_of_const(underlay, family)->port;
}

uint64_t underlay_filtered_age_us(const struct underlay *underlay, uint64_t now_us)
{
	uint64_t at_us = underlay->filtered_us;

	if (at_us == 0)
		return UINT64_MAX;
	return now_us > at_us ? now_us - at_us : 0;
}

int underlay_set_mark(struct underlay *underlay, uint32_t mark)
{
	const int fds[2] = {underlay->ipv4.fd, underlay->ipv6.fd};

	for (int i = 0; i < 2; i++) {
		int result = fds[i] < 0 ? 0 : set_number(fds[i], SOL_SOCKET, SO_MARK, (int)mark);

		if (result < 0)
			return result;
	}
	return 0;
}

size_t underlay_receive(struct underlay *underlay, enum addr_family kind, underlay_each each,
			void *data)
{
	struct family *family = family_of(underlay, kind);
	struct batch *batch = &family->in;
	int got = recvmmsg(family->fd, batch->headers, UNDERLAY_BATCH, MSG_DONTWAIT, NULL);

	for (int i = 0; i < got; i++) {
		struct msghdr *header = &batch->headers[i].msg_hdr;
		struct addr from = addr_from_sockaddr(&batch->names[i]);

		/* What did not fit was cut, so it can't be authentic. */
		if (!(header->msg_flags & MSG_TRUNC) && !addr_is_none(&from))
			each(data, &from, batch->bytes[i], batch->headers[i].msg_len);
		header->msg_namelen = sizeof(batch->names[i]);
	}
	/* An error (one that ICMP brought, say) is taken off the socket by being reported. */
	return got < 0 ? 0 : (size_t)got;
}

static void log_send_error(struct family *family, unsigned i, int code)
{
	struct addr to = addr_from_sockaddr(&family->out.names[i]);
	char text[ADDR_TEXT_SIZE];

	if (log_limit_pass(&family->errors, clock_now_us(), 10 * CLOCK_SECOND))
		log_info("underlay: cannot send to %s: %s", addr_format(&to, text), strerror(code));
}

/* Waits a moment for room: a short stop is better than loss, a long one worse. */
static bool wait_writable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLOUT};

	return poll(&wanted, 1, SEND_WAIT_MS) > 0;
}

static void family_flush(struct underlay *underlay, struct family *family)
{
	struct batch *batch = &family->out;
	unsigned done = 0;

	while (done < batch->n) {
		int sent = sendmmsg(family->fd, batch->headers + done, batch->n - done,
				    MSG_DONTWAIT | MSG_NOSIGNAL);
		int code = errno;

		if (sent > 0) {
			done += (unsigned)sent;
		} else if (code == EWOULDBLOCK) {
			if (!wait_writable(family->fd))
				break; /* the rest is lost */
		} else if (code != EINTR) {
			if (code == EPERM)
				underlay->filtered_us = clock_now_us();
			log_send_error(family, done, code);
			done++;
		}
	}
	batch->n = 0;
}

void underlay_send(struct underlay *underlay, const struct addr *to, const uint8_t *bytes,
		   size_t length)
{
	struct family *family = family_of(underlay, (enum addr_family)to->family);
	struct batch *batch = &family->out;

	if (family->fd < 0 || length > UNDERLAY_DATAGRAM_MAX)
		return;
	if (batch->n == UNDERLAY_BATCH)
		family_flush(underlay, family);
	batch->headers[batch->n].msg_hdr.msg_namelen =
		addr_to_sockaddr(to, &batch->names[batch->n]);
	if (batch->headers[batch->n].msg_hdr.msg_namelen == 0)
		return;
	memcpy(batch->bytes[batch->n], bytes, length);
	batch->parts[batch->n].iov_len = length;
	batch->n++;
}

void underlay_flush(struct underlay *underlay)
{
	family_flush(underlay, &underlay->ipv4);
	family_flush(underlay, &underlay->ipv6);
}

void underlay_clear_error(struct underlay *underlay, enum addr_family kind)
{
	struct family *family = family_of(underlay, kind);
	int code;
	socklen_t length = sizeof(code);
	uint8_t byte;

	(void)getsockopt(family->fd, SOL_SOCKET, SO_ERROR, &code, &length);
	while (recv(family->fd, &byte, 1, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
		continue;
}

unsigned underlay_drain(struct underlay *underlay, unsigned max)
{
	const int fds[2] = {underlay->ipv4.fd, underlay->ipv6.fd};
	unsigned n = 0;
	uint8_t byte;

	for (int i = 0; i < 2; i++) {
		for (unsigned k = 0; fds[i] >= 0 && k < max; k++, n++) {
			if (recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0)
				break;
		}
	}
	return n;
}
