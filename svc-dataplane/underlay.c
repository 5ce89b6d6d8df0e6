#include "svc-dataplane/underlay.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"

/* A message is a datagram, or with UDP_GRO a train of them. Much is read at once only where each
 * is small, so that a turn stays short. */
#define MESSAGES      32
#define MESSAGES_LONG 4
#define MESSAGE_MAX   65536
#define LONG_BATCH    (MESSAGES_LONG * 16384) /* bytes */
#define CONTROL_SIZE  (2 * CMSG_SPACE(sizeof(int)))

struct inbox {
	struct mmsghdr headers[MESSAGES];
	struct iovec parts[MESSAGES];
	struct sockaddr_storage names[MESSAGES];
	_Alignas(struct cmsghdr) uint8_t controls[MESSAGES][CONTROL_SIZE];
	uint8_t bytes[MESSAGES][MESSAGE_MAX];
};

struct family {
	int fd;
	uint16_t port;
	unsigned wanted; /* messages in the next batch */
};

struct underlay {
	struct family ipv4, ipv6;
	bool gro; /* UDP_GRO is on */
	struct inbox in;
	struct trains out;
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

static void inbox_init(struct inbox *inbox)
{
	for (unsigned i = 0; i < MESSAGES; i++) {
		inbox->parts[i] = (struct iovec){inbox->bytes[i], MESSAGE_MAX};
		inbox->headers[i].msg_hdr = (struct msghdr){
			.msg_name = &inbox->names[i],
			.msg_iov = &inbox->parts[i],
			.msg_iovlen = 1,
			.msg_control = inbox->controls[i],
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
		(void)set_number(fd, IPPROTO_IP, IP_RECVTOS, 1);
		return set_number(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
	}
	(void)set_number(fd, IPPROTO_IPV6, IPV6_RECVERR, 0);
	(void)set_number(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
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
	family->wanted = MESSAGES;
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
	inbox_init(&made->in);
	trains_init(&made->out, made->ipv4.fd, made->ipv6.fd);
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
	uint64_t at_us = underlay->out.filtered_us;

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

void underlay_set_offloads(struct underlay *underlay, bool gso, bool gro)
{
	const int fds[2] = {underlay->ipv4.fd, underlay->ipv6.fd};

	underlay_flush(underlay);
	underlay->gro = gro;
	/* Without a segment size it changes nothing, but tells whether the kernel knows it. */
	for (int i = 0; i < 2; i++) {
		if (fds[i] < 0)
			continue;
		gso = gso && set_number(fds[i], SOL_UDP, UDP_SEGMENT, 0) == 0;
		if (set_number(fds[i], SOL_UDP, UDP_GRO, gro) < 0)
			underlay->gro = false;
	}
	underlay->out.segments = gso;
}

bool underlay_has_gso(const struct underlay *underlay)
{
	return underlay->out.segments;
}

bool underlay_has_gro(const struct underlay *underlay)
{
	return underlay->gro;
}

/* ---- receiving */

/* What the kernel says beside a message. */
struct extra {
	size_t segment; /* length of each datagram but the last; 0: there is one */
	uint8_t ecn;
};

static struct extra read_control(struct msghdr *message)
{
	struct extra extra = {0};
	int value;

	for (struct cmsghdr *control = CMSG_FIRSTHDR(message); control;
	     control = CMSG_NXTHDR(message, control)) {
		value = 0;
		memcpy(&value, CMSG_DATA(control),
		       control->cmsg_len >= CMSG_LEN(sizeof(value)) ? sizeof(value) : 1);
		if (control->cmsg_level == SOL_UDP && control->cmsg_type == UDP_GRO)
			extra.segment = value > 0 ? (size_t)value : 0;
		else /* IP_TOS or IPV6_TCLASS: nothing else was asked for */
			extra.ecn = (uint8_t)value & 3;
	}
	return extra;
}

static void hand_over(struct msghdr *message, size_t length, underlay_each each, void *data)
{
	uint8_t *bytes = message->msg_iov->iov_base;
	struct addr from = addr_from_sockaddr(message->msg_name);
	struct extra extra = read_control(message);
	size_t segment = extra.segment ? extra.segment : length;

	/* What did not fit was cut, so it can't be authentic. */
	if (message->msg_flags & MSG_TRUNC || addr_is_none(&from))
		return;
	for (size_t at = 0; at < length; at += segment) {
		size_t left = length - at;

		each(data, &from, extra.ecn, bytes + at, left < segment ? left : segment);
	}
}

size_t underlay_receive(struct underlay *underlay, enum addr_family kind, underlay_each each,
			void *data)
{
	struct family *family = family_of(underlay, kind);
	struct inbox *inbox = &underlay->in;
	size_t bytes = 0;
	int got;

	for (unsigned i = 0; i < family->wanted; i++) {
		struct msghdr *message = &inbox->headers[i].msg_hdr;

		message->msg_namelen = sizeof(inbox->names[i]);
		message->msg_controllen = CONTROL_SIZE;
	}
	got = recvmmsg(family->fd, inbox->headers, family->wanted, MSG_DONTWAIT, NULL);
	for (int i = 0; i < got; i++) {
		size_t length = inbox->headers[i].msg_len;

		bytes += length;
		hand_over(&inbox->headers[i].msg_hdr, length, each, data);
	}
	family->wanted = bytes >= LONG_BATCH ? MESSAGES_LONG : MESSAGES;
	/* An error (one that ICMP brought, say) is taken off the socket by being reported. */
	return got < 0 ? 0 : (size_t)got;
}

/* ---- sending */

uint8_t *underlay_room(struct underlay *underlay)
{
	return trains_room(&underlay->out);
}

void underlay_send(struct underlay *underlay, const struct addr *to, uint8_t ecn,
		   const uint8_t *bytes, size_t length)
{
	trains_put(&underlay->out, to, ecn, bytes, length);
}

void underlay_flush(struct underlay *underlay)
{
	trains_flush(&underlay->out);
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
