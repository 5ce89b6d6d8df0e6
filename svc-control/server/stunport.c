#include "svc-control/server/stunport.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "svc-nat/stun.h"

#define SOCKETS_MAX    2
#define BATCH	       64
#define RECEIVE_BUFFER (512 * 1024)
#define CONTROL_SIZE   CMSG_SPACE(sizeof(struct in6_pktinfo))

struct port {
	struct stunport *stunport;
	int fd;
	int other_fd; /* another port of the same address: only sends; -1: none */
	struct loop_poll poll;
};

/* One datagram: request in, answer out to where it came from. */
struct slot {
	struct sockaddr_storage from;
	struct iovec iov;
	_Alignas(struct cmsghdr) uint8_t control[CONTROL_SIZE];
	uint8_t request[STUN_REQUEST_MAX];
	uint8_t answer[STUN_MESSAGE_MAX];
};

struct stunport {
	struct limits *limits;
	struct port ports[SOCKETS_MAX];
	size_t n_ports;
	struct mmsghdr in[BATCH], out[BATCH];
	struct mmsghdr other[BATCH]; /* to leave by the other port */
	struct slot slots[BATCH];
};

static int receive(struct stunport *stunport, int fd)
{
	for (size_t i = 0; i < BATCH; i++) {
		struct slot *slot = &stunport->slots[i];

		slot->iov = (struct iovec){slot->request, sizeof(slot->request)};
		memset(&stunport->in[i], 0, sizeof(stunport->in[i]));
		stunport->in[i].msg_hdr = (struct msghdr){.msg_name = &slot->from,
							  .msg_namelen = sizeof(slot->from),
							  .msg_iov = &slot->iov,
							  .msg_iovlen = 1,
							  .msg_control = slot->control,
							  .msg_controllen = CONTROL_SIZE};
	}
	return recvmmsg(fd, stunport->in, BATCH, MSG_DONTWAIT, NULL);
}

/* Keeps only the address the request came to, as the source of the answer. */
static void reverse_control(struct msghdr *message)
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);

	if (cmsg && cmsg->cmsg_level == IPPROTO_IP && cmsg->cmsg_type == IP_PKTINFO) {
		struct in_pktinfo *info = (struct in_pktinfo *)(void *)CMSG_DATA(cmsg);

		info->ipi_spec_dst = info->ipi_addr;
		info->ipi_ifindex = 0; /* by the routes */
	} else if (cmsg && cmsg->cmsg_level == IPPROTO_IPV6 && cmsg->cmsg_type == IPV6_PKTINFO) {
		struct in6_pktinfo *info = (struct in6_pktinfo *)(void *)CMSG_DATA(cmsg);

		if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
			info->ipi6_ifindex = 0;
	} else {
		message->msg_control = NULL;
		message->msg_controllen = 0;
	}
}

/* Fills *out; false when there is nothing to say. has_other: there is another port to answer from;
 * then *other says whether the request wishes that. */
static bool answer(struct stunport *stunport, size_t i, struct mmsghdr *out, bool has_other,
		   bool *other, uint64_t now_us)
{
	struct slot *slot = &stunport->slots[i];
	struct addr from = addr_from_sockaddr(&slot->from);
	size_t length = stunport->in[i].msg_len;

	/* what is not STUN costs its sender no token and us no hash */
	if ((stunport->in[i].msg_hdr.msg_flags & MSG_TRUNC) || !stun_is(slot->request, length) ||
	    from.port == 0 || limits_take(stunport->limits, LIMITS_STUN, &from, now_us))
		return false;
	*other = false;
	length = stun_answer(slot->request, length, &from, has_other ? other : NULL, slot->answer,
			     sizeof(slot->answer));
	if (length == 0)
		return false;
	slot->iov = (struct iovec){slot->answer, length};
	*out = stunport->in[i];
	reverse_control(&out->msg_hdr);
	return true;
}

static void send_all(int fd, struct mmsghdr *messages, unsigned int n)
{
	unsigned int sent = 0;

	while (sent < n) {
		int result = sendmmsg(fd, messages + sent, n - sent, MSG_DONTWAIT);

		if (result < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		/* the first one could not be sent: the others may */
		sent += result < 0 ? 1 : (unsigned int)result;
	}
}

static void port_ready(void *data)
{
	struct port *port = data;
	struct stunport *stunport = port->stunport;
	uint64_t now_us = clock_now_us();
	int n = receive(stunport, port->fd);
	unsigned int answers = 0, others = 0;

	for (int i = 0; i < n; i++) {
		struct mmsghdr message;
		bool other;

		if (!answer(stunport, (size_t)i, &message, port->other_fd >= 0, &other, now_us))
			continue;
		if (other)
			stunport->other[others++] = message;
		else
			stunport->out[answers++] = message;
	}
	send_all(port->fd, stunport->out, answers);
	send_all(port->other_fd, stunport->other, others);
}

static int open_port(const struct addr *address, struct error *error)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(address, &sa);
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, size = RECEIVE_BUFFER, result;
	char text[ADDR_TEXT_SIZE];

	addr_format(address, text);
	if (fd < 0)
		return error_set(error, -errno, "cannot answer STUN on %s: %s", text,
				 strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (sa.ss_family == AF_INET6) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
	} else {
		setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
	}
	if (bind(fd, (struct sockaddr *)&sa, length) == 0)
		return fd;
	result = error_set(error, -errno, "cannot answer STUN on UDP port %s: %s", text,
			   errno == EADDRINUSE ? "it is in use; stop the other program or choose "
						 "another port"
					       : strerror(errno));
	close(fd);
	return result;
}

/* Its number is the kernel's choice. Without one, members do not learn how their NAT filters. */
static int open_other(const struct addr *address)
{
	struct addr any_port = *address;
	struct error error;
	int fd, none = 0;

	any_port.port = 0;
	fd = open_port(&any_port, &error);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &none, sizeof(none));
	return fd < 0 ? -1 : fd;
}

int stunport_new(struct stunport **stunport, struct loop *loop, const struct addr *addresses,
		 size_t n, struct limits *limits, struct error *error)
{
	struct stunport *new = calloc(1, sizeof(*new));

	*stunport = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->limits = limits;
	for (size_t i = 0; i < n && i < SOCKETS_MAX; i++) {
		struct port *port = &new->ports[new->n_ports];
		int fd = open_port(&addresses[i], error);

		/* no IPv6 on this machine is fine beside IPv4 */
		if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && i > 0)
			continue;
		if (fd < 0) {
			stunport_free(new);
			return fd;
		}
		port->stunport = new;
		port->fd = fd;
		port->other_fd = open_other(&addresses[i]);
		new->n_ports++;
		loop_poll_start(loop, &port->poll, fd, port_ready, port);
	}
	*stunport = new;
	return 0;
}

void stunport_free(struct stunport *stunport)
{
	if (!stunport)
		return;
	for (size_t i = 0; i < stunport->n_ports; i++) {
		loop_poll_stop(&stunport->ports[i].poll);
		close(stunport->ports[i].fd);
		if (stunport->ports[i].other_fd >= 0)
			close(stunport->ports[i].other_fd);
	}
	free(stunport);
}
