#include "svc-control/lan.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define INTERFACES_MAX 32

static int lan_open(uint32_t address, uint16_t port)
{
	struct sockaddr_in sa = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(address)};
	const int on = 1;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	/* several programs of one machine may be members of a group */
	if ((port && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0) ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int lan_open_member(const struct addr *group)
{
	/* bound to the group, it hears nothing else, and answers from the address asked for */
	return lan_open(addr_ipv4_value(group), group->port);
}

int lan_open_asker(void)
{
	return lan_open(INADDR_ANY, 0);
}

/* Indices of the interfaces that count, each once; returns how many. */
static size_t lan_interfaces(const struct addr_prefix *except, int indices[INTERFACES_MAX])
{
	const unsigned wanted = IFF_UP | IFF_RUNNING | IFF_MULTICAST;
	struct ifaddrs *list, *i;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (i = list; i && n < INTERFACES_MAX; i = i->ifa_next) {
		struct sockaddr_storage sa = {0};
		struct addr address;
		int index;

		if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET ||
		    (i->ifa_flags & wanted) != wanted || (i->ifa_flags & IFF_LOOPBACK))
			continue;
		memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in));
		address = addr_from_sockaddr(&sa);
		index = (int)if_nametoindex(i->ifa_name);
		if (index > 0 && !addr_prefix_contains(except, &address) &&
		    (n == 0 || indices[n - 1] != index))
			indices[n++] = index;
	}
	freeifaddrs(list);
	return n;
}

void lan_join(int fd, const struct addr *group, const struct addr_prefix *except)
{
	struct ip_mreqn request = {.imr_multiaddr.s_addr = htonl(addr_ipv4_value(group))};
	int indices[INTERFACES_MAX];
	size_t n = lan_interfaces(except, indices);

	for (size_t i = 0; i < n; i++) {
		request.imr_ifindex = indices[i];
		/* EADDRINUSE: a member already */
		setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request));
	}
}

union control {
	struct cmsghdr align;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
};

/* How a datagram leaves: by an interface (0: as routed), from an address (0: as routed). */
static int lan_send_by(int fd, const struct addr *to, int index, uint32_t source,
		       const uint8_t *bytes, size_t length)
{
	struct in_pktinfo info = {.ipi_ifindex = index, .ipi_spec_dst.s_addr = htonl(source)};
	struct sockaddr_storage sa;
	union control control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
	struct msghdr message = {.msg_name = &sa,
				 .msg_namelen = addr_to_sockaddr(to, &sa),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = IPPROTO_IP;
	header->cmsg_type = IP_PKTINFO;
	header->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(header), &info, sizeof(info));
	return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

void lan_send_group(int fd, const struct addr *group, const struct addr_prefix *except,
		    const uint8_t *bytes, size_t length)
{
	int indices[INTERFACES_MAX];
	size_t n = lan_interfaces(except, indices);

	for (size_t i = 0; i < n; i++)
		lan_send_by(fd, group, indices[i], 0, bytes, length);
}

int lan_send(int fd, const struct addr *to, const struct addr *own, const uint8_t *bytes,
	     size_t length)
{
	return lan_send_by(fd, to, 0, addr_ipv4_value(own), bytes, length);
}

ssize_t lan_receive(int fd, uint8_t *bytes, size_t size, struct addr *from, struct addr *own)
{
	struct sockaddr_storage sa = {0};
	union control control;
	struct iovec iov = {.iov_base = bytes, .iov_len = size};
	struct msghdr message = {.msg_name = &sa,
				 .msg_namelen = sizeof(sa),
				 .msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control)};
	struct in_pktinfo info = {0};
	ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);

	if (length < 0)
		return -errno;
	for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header;
	     header = CMSG_NXTHDR(&message, header))
		if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
			memcpy(&info, CMSG_DATA(header), sizeof(info));
	*from = addr_from_sockaddr(&sa);
	*own = addr_ipv4(ntohl(info.ipi_spec_dst.s_addr), 0);
	return length;
}
