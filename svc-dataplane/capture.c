#include "svc-dataplane/capture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "svc-dataplane/header.h"
#include "svc-dataplane/vnet.h"

/* A storm fills this, and what does not fit is lost before it costs us anything. */
#define BUFFER_SIZE 131072

#define GROUPS 0xe0000000u /* 224.0.0.0/4 */

/* What the kernel knows beside the bytes, the IP header, the Ethernet header. */
#define BESIDE(what) ((uint32_t)(SKF_AD_OFF + (what)))
#define IP(offset)   ((uint32_t)(SKF_NET_OFF + (offset)))
#define CARD(offset) ((uint32_t)(SKF_LL_OFF + (offset)))

static int set_filter(int fd, unsigned own, uint32_t network, uint32_t mask)
{
	/* jumps count the instructions passed over */
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, BESIDE(SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 20),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, BESIDE(SKF_AD_HATYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPHRD_LOOPBACK, 18, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, BESIDE(SKF_AD_IFINDEX)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, own, 16, 0),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, BESIDE(SKF_AD_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 14),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP(IPV4_DESTINATION)),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ntohl(mask)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, mask ? ntohl(network) : UINT32_MAX, 10, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, IP(IPV4_PROTOCOL)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROTOCOL_UDP, 0, 9),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, IP(IPV4_DESTINATION)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 6, 0),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0000000u),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, GROUPS, 4, 0),
		/* the card's own broadcast address is known by where it goes */
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, CARD(0)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, CARD(4)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT16_MAX, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

/* With the filter in place before the first packet: the socket hears nothing until it is bound. */
static int set_up(int fd, const char *own, uint32_t network, uint32_t mask)
{
	struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	unsigned index = if_nametoindex(own);
	int on = 1, size = BUFFER_SIZE;

	if (index == 0 || set_filter(fd, index, network, mask) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)) < 0 ||
	    bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		return -errno;
	return 0;
}

int capture_open(const char *own, uint32_t network, uint32_t mask, struct error *error)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int result = fd < 0 ? -errno : set_up(fd, own, network, mask);

	if (result == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return error_set(error, result, "cannot see what programs send to everybody: %s",
			 strerror(-result));
}

/* Bytes in front of the IP packet. What is no Ethernet is a tunnel, which has none. */
static size_t link_header(unsigned short type)
{
	return type == ARPHRD_ETHER ? ETH_HLEN : 0;
}

ssize_t capture_read(int fd, uint8_t *packet, size_t size, struct split_offload *offload,
		     unsigned *interface)
{
	struct virtio_net_hdr vnet;
	struct sockaddr_ll from;
	struct iovec parts[2] = {{&vnet, sizeof(vnet)}, {packet, size}};
	struct msghdr message = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = parts, .msg_iovlen = 2};
	ssize_t got = recvmsg(fd, &message, MSG_TRUNC);
	size_t skip, length;

	/* an interface that went down is told once, and is no reason to stop */
	if (got < 0 && (errno == EINTR || errno == EWOULDBLOCK || errno == ENETDOWN))
		return -EAGAIN;
	if (got < 0)
		return errno == EINVAL ? 0 : -errno; /* a kind of packet that cannot be described */
	skip = link_header(from.sll_hatype);
	if ((size_t)got <= sizeof(vnet) + skip || (size_t)got > sizeof(vnet) + size ||
	    !vnet_read(&vnet, skip, offload))
		return 0;
	length = (size_t)got - sizeof(vnet) - skip;
	memmove(packet, packet + skip, length);
	*interface = (unsigned)from.sll_ifindex;
	return (ssize_t)length;
}

int capture_open_card(void)
{
	int fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_RAW);

	return fd < 0 ? -errno : fd;
}

void capture_send_to_card(int fd, const uint8_t *packet, size_t length)
{
	struct sockaddr_in to = {.sin_family = AF_INET};

	memcpy(&to.sin_addr, packet + IPV4_DESTINATION, IPV4_ADDRESS);
	(void)sendto(fd, packet, length, 0, (const struct sockaddr *)&to, sizeof(to));
}

size_t capture_own_addresses(uint32_t *addresses, size_t max)
{
	struct ifaddrs *list;
	size_t n = 0;

	if (getifaddrs(&list) < 0)
		return 0;
	for (struct ifaddrs *one = list; one && n < max; one = one->ifa_next) {
		struct sockaddr_in address;

		if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET)
			continue;
		memcpy(&address, one->ifa_addr, sizeof(address));
		addresses[n++] = address.sin_addr.s_addr;
	}
	freeifaddrs(list);
	return n;
}
