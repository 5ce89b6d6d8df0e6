#include "svc-dataplane/trains.h"

#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>

#define SEND_WAIT_MS 2 /* how long a full send buffer holds up the packet thread */

void trains_init(struct trains *trains, int fd4, int fd6)
{
	memset(trains, 0, offsetof(struct trains, bytes));
	trains->fds[0] = fd4;
	trains->fds[1] = fd6;
}

/* ---- gathering */

uint8_t *trains_room(struct trains *trains)
{
	if (trains->n == TRAINS_MAX || trains->used + TRAINS_DATAGRAM > TRAINS_SIZE)
		trains_flush(trains);
	return trains->bytes + trains->used;
}

static unsigned alone_slot(const struct addr *to)
{
	return addr_hash(to, 0) % TRAINS_ALONE;
}

static bool goes_alone(const struct trains *trains, const struct addr *to)
{
	unsigned slot;

	if (!trains->segments)
		return true;
	if (!trains->any_alone)
		return false;
	slot = alone_slot(to);
	return addr_equal(&trains->alone[slot].to, to) &&
	       clock_now_us() < trains->alone[slot].until_us;
}

static bool joins(const struct trains *trains, const struct addr *to, uint8_t ecn, size_t length)
{
	const struct train *last;

	if (trains->n == 0)
		return false;
	last = &trains->list[trains->n - 1];
	return !last->closed && last->count < TRAINS_SEGMENTS && last->ecn == ecn && length > 0 &&
	       length <= last->segment &&
	       trains->parts[trains->n - 1].iov_len + length <= TRAINS_LENGTH &&
	       addr_equal(&last->to, to);
}

static void append(struct trains *trains, size_t length)
{
	struct train *last = &trains->list[trains->n - 1];

	last->count++;
	last->closed = length < last->segment;
	trains->parts[trains->n - 1].iov_len += length;
}

static int fd_of(const struct trains *trains, const struct addr *to)
{
	return trains->fds[to->family == ADDR_IPV6];
}

static void begin(struct trains *trains, const struct addr *to, uint8_t ecn, uint8_t *place,
		  size_t length)
{
	trains->list[trains->n] = (struct train){
		.to = *to,
		.segment = (uint16_t)length,
		.count = 1,
		.ecn = ecn,
		.closed = goes_alone(trains, to),
	};
	trains->parts[trains->n++] = (struct iovec){place, length};
}

void trains_put(struct trains *trains, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		size_t length)
{
	uint8_t *place = trains_room(trains);

	if (length > TRAINS_DATAGRAM || addr_is_none(to) || fd_of(trains, to) < 0)
		return;
	if (bytes != place)
		memcpy(place, bytes, length);
	if (joins(trains, to, ecn, length))
		append(trains, length);
	else
		begin(trains, to, ecn, place, length);
	trains->used += length;
}

/* ---- sending */

static void put_control(struct msghdr *message, int level, int type, const void *value, size_t size)
{
	struct cmsghdr *control =
		(void *)((uint8_t *)message->msg_control + message->msg_controllen);

	control->cmsg_level = level;
	control->cmsg_type = type;
	control->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(control), value, size);
	message->msg_controllen += CMSG_SPACE(size);
}

static void prepare(struct trains *trains, unsigned i)
{
	const struct train *train = &trains->list[i];
	struct msghdr *message = &trains->headers[i].msg_hdr;
	struct sockaddr_storage name;
	int tos = train->ecn;

	*message = (struct msghdr){
		.msg_name = &trains->names[i],
		.msg_namelen = addr_to_sockaddr(&train->to, &name),
		.msg_iov = &trains->parts[i],
		.msg_iovlen = 1,
		.msg_control = trains->controls[i],
	};
	memcpy(&trains->names[i], &name, message->msg_namelen);
	if (train->count > 1)
		put_control(message, SOL_UDP, UDP_SEGMENT, &train->segment, sizeof(train->segment));
	if (tos && train->to.family == ADDR_IPV4)
		put_control(message, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	else if (tos)
		put_control(message, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
}

/* Waits a moment for room: a short stop is better than loss, a long one worse. */
static bool wait_writable(int fd)
{
	struct pollfd wanted = {.fd = fd, .events = POLLOUT};

	return poll(&wanted, 1, SEND_WAIT_MS) > 0;
}

static void note_error(struct trains *trains, const struct addr *to, int code)
{
	char text[ADDR_TEXT_SIZE];

	if (code == EPERM)
		trains->filtered_us = clock_now_us();
	if (log_limit_pass(&trains->errors, clock_now_us(), 10 * CLOCK_SECOND))
		log_info("underlay: cannot send to %s: %s", addr_format(to, text), strerror(code));
}

/* Whether the error may be the train's, not its datagrams'. */
static bool blame_train(struct trains *trains, const struct train *train, int code)
{
	unsigned slot = alone_slot(&train->to);
	char text[ADDR_TEXT_SIZE];

	if (train->count == 1)
		return false;
	if (code == EIO && trains->segments) {
		log_notice("underlay: the network card takes no trains of datagrams: "
			   "UDP_SEGMENT is off");
		trains->segments = false;
	} else if (code == EMSGSIZE || code == EINVAL) {
		log_info("underlay: no trains of datagrams to %s for ten minutes: %s",
			 addr_format(&train->to, text), strerror(code));
		trains->alone[slot].to = train->to;
		trains->alone[slot].until_us = clock_now_us() + TRAINS_ALONE_US;
		trains->any_alone = true;
	}
	return code == EIO || code == EMSGSIZE || code == EINVAL;
}

static void send_one_by_one(struct trains *trains, unsigned i)
{
	const struct train *train = &trains->list[i];
	int fd = fd_of(trains, &train->to);
	struct iovec all = trains->parts[i];
	struct msghdr message = trains->headers[i].msg_hdr;
	struct iovec part = all;

	message.msg_iov = &part;
	/* without UDP_SEGMENT, which is the first */
	message.msg_control = trains->controls[i] + CMSG_SPACE(sizeof(train->segment));
	message.msg_controllen -= CMSG_SPACE(sizeof(train->segment));
	for (size_t at = 0; at < all.iov_len; at += part.iov_len) {
		size_t left = all.iov_len - at;

		part.iov_base = (uint8_t *)all.iov_base + at;
		part.iov_len = left < train->segment ? left : train->segment;
		if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    !(errno == EWOULDBLOCK && wait_writable(fd)))
			note_error(trains, &train->to, errno);
	}
}

/* Sends from train i on, up to end, all of one family; returns where it got to. */
static unsigned send_some(struct trains *trains, int fd, unsigned i, unsigned end)
{
	int sent = sendmmsg(fd, trains->headers + i, end - i, MSG_DONTWAIT | MSG_NOSIGNAL);
	int code = errno;

	if (sent > 0)
		return i + (unsigned)sent;
	if (code == EINTR)
		return i;
	if (code == EWOULDBLOCK)
		return wait_writable(fd) ? i : end; /* the rest is lost */
	if (blame_train(trains, &trains->list[i], code))
		send_one_by_one(trains, i);
	else
		note_error(trains, &trains->list[i].to, code);
	return i + 1;
}

void trains_flush(struct trains *trains)
{
	unsigned i = 0;

	while (i < trains->n) {
		int fd = fd_of(trains, &trains->list[i].to);
		unsigned end = i;

		for (; end < trains->n && fd_of(trains, &trains->list[end].to) == fd; end++)
			prepare(trains, end);
		while (i < end)
			i = send_some(trains, fd, i, end);
	}
	trains->n = 0;
	trains->used = 0;
}
