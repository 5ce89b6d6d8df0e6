/*
 * plain: a tunnel that does all that a WireGuard in user space does but for the cryptography, by
 * the same system calls, and so shows what is the most one of them can reach on a machine.
 *
 *     plain [-s] [-2] INTERFACE PORT ADDRESS PEER_PORT
 *
 *     -s   seals every packet with the engine's cipher, under a key that everybody knows: what the
 *          cipher alone costs, without sessions, peers and paths
 *     -2   out and in are two threads of control that share nothing (processes, as the cipher's
 *          library serves one thread): what a second one brings, or costs
 *
 * It makes the TAP, prints "ready" and carries its IP packets over UDP until it is killed. On the
 * wire each packet has what a WireGuard data message adds:
 *
 *     | type, receiver, counter: 16 bytes | IP packet | tag: 16 bytes (zeros without -s) |
 *
 *     out:  TAP --read--> super-packet --> segments, each with its headers and checksum
 *               --sendmsg, UDP_SEGMENT--> socket
 *     in:   socket --recvmmsg, UDP_GRO--> train of messages --> checksums verified, neighbours of
 *               one flow joined --writev of headers and payloads where they lie--> TAP
 *
 * No queue of its own. Only packets that fit into one message on a cable of MTU 1500
 * come in, by the MTU of the interface.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "svc-dataplane/aead.h"

/* Newer than the headers of Debian 12 */
#define USO_OFFLOADS (0x20 | 0x40) /* TUN_F_USO4, TUN_F_USO6 */
#define GSO_UDP_L4   5		   /* VIRTIO_NET_HDR_GSO_UDP_L4 */
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define HEAD	       16 /* of a data message */
#define TAG	       16
#define IP_MAX	       65535
#define TRAIN_MAX      65507 /* bytes of one sendmsg with UDP_SEGMENT */
#define TRAIN_MESSAGES 64
#define TRAINS	       8	 /* received, or sent, at once */
#define GATHER	       32768	 /* bytes read from the TAP before they are sent */
#define OUT_SIZE       (4 << 16) /* GATHER, and a super-packet of the smallest segments beyond it */
#define OUT_MESSAGES   2048
#define SOCKET_BUFFER  (4 << 20)

#define TCP_FLAGS 13 /* where they are in the header */
#define TCP_ACK	  0x10
#define TCP_CWR	  0x80
#define LAST_ONLY (TH_FIN | TH_PUSH) /* what of a super-packet only its last segment has */

/* In front of every packet at the TAP. */
struct frame_head {
	struct virtio_net_hdr gso;
	struct ethhdr ethernet;
};
_Static_assert(sizeof(struct frame_head) == 24, "no gap");

/* Where things are in one packet; payload is 0 for what is neither TCP nor UDP, and for fragments.
 */
struct packet {
	uint8_t *ip;
	size_t length, l4, headers, payload;
	uint8_t protocol;
	bool v6;
};

union control {
	struct cmsghdr head;
	uint8_t bytes[CMSG_SPACE(sizeof(int))];
};

/* Messages to send, one behind the other. */
static struct {
	uint8_t bytes[OUT_SIZE];
	uint32_t offset[OUT_MESSAGES + 1]; /* of each message; the last is where the next begins */
	size_t n;
	uint64_t counter, lost;
} out;

/* Neighbours of one flow that become one packet. */
static struct {
	struct packet first;
	struct iovec parts[TRAIN_MESSAGES + 2];
	size_t n;
	size_t payload; /* of all */
	uint32_t next;	/* TCP: the sequence number that follows */
	uint64_t lost;
	bool verified, closed;
} joined;

static uint8_t in_bytes[TRAINS][1 << 16];
static struct ethhdr ethernet = {.h_source = {2, 0, 0, 0, 0, 1}};
static const uint8_t key[AEAD_KEY_SIZE] = {1};
static bool seals;
static int tap, udp;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- packets ---- */

/* In the order of bytes they have in memory, as all sums here. */
__attribute__((target_clones("avx2", "default"), optimize("O3"))) static uint64_t
sum_bytes(const uint8_t *bytes, size_t length)
{
	uint64_t sum = 0;
	uint32_t word;

	for (size_t i = 0; i < length / 4; i++) {
		memcpy(&word, bytes + 4 * i, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, bytes + length / 4 * 4, length % 4);
	return sum + word;
}

static uint16_t fold(uint64_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* False when it is no whole IP packet. */
static bool packet_parse(struct packet *packet, uint8_t *ip, size_t length)
{
	size_t l4_size = 0;

	*packet = (struct packet){.ip = ip, .length = length, .v6 = ip[0] >> 4 == 6};
	if ((ip[0] >> 4 != 4 && !packet->v6) ||
	    length < (packet->v6 ? sizeof(struct ip6_hdr) : sizeof(struct iphdr)))
		return false;
	packet->l4 = packet->v6 ? sizeof(struct ip6_hdr) : (ip[0] & 15u) * 4;
	packet->protocol = packet->v6 ? ip[6] : ip[9];
	if (!packet->v6 && (ip[6] & 0x3f || ip[7])) /* a fragment */
		packet->protocol = 0;
	if (packet->protocol == IPPROTO_TCP && length >= packet->l4 + sizeof(struct tcphdr))
		l4_size = (ip[packet->l4 + 12] >> 4) * 4u;
	else if (packet->protocol == IPPROTO_UDP)
		l4_size = sizeof(struct udphdr);
	packet->headers = packet->l4 + l4_size;
	if (l4_size && packet->headers <= length)
		packet->payload = length - packet->headers;
	return true;
}

static struct tcphdr *tcp_of(const struct packet *packet)
{
	return (struct tcphdr *)(packet->ip + packet->l4);
}

static uint8_t *checksum_of(const struct packet *packet)
{
	return packet->ip + packet->l4 + (packet->protocol == IPPROTO_TCP ? 16 : 6);
}

/* Of the pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1). */
static uint64_t sum_pseudo(const struct packet *packet, size_t l4_length)
{
	size_t addresses = packet->v6 ? 8 : 12;

	return sum_bytes(packet->ip + addresses, packet->v6 ? 32 : 8) + htons(packet->protocol) +
	       htons((uint16_t)l4_length);
}

static uint64_t sum_l4(const struct packet *packet)
{
	size_t length = packet->length - packet->l4;

	return sum_pseudo(packet, length) + sum_bytes(packet->ip + packet->l4, length);
}

static void put16(uint8_t *at, uint16_t value)
{
	memcpy(at, &value, sizeof(value));
}

/* A UDP checksum that is not there is 0; to TCP both are the same. */
static uint16_t complement(uint64_t sum)
{
	uint16_t value = (uint16_t)~fold(sum);

	return value ? value : 0xffff;
}

/* Lengths in the headers, and the checksum of the IPv4 header, for so many bytes in all. */
static void set_length(const struct packet *packet, size_t length)
{
	if (packet->v6) {
		put16(packet->ip + 4, htons((uint16_t)(length - packet->l4)));
	} else {
		put16(packet->ip + 2, htons((uint16_t)length));
		put16(packet->ip + 10, 0);
		put16(packet->ip + 10, complement(sum_bytes(packet->ip, packet->l4)));
	}
	if (packet->protocol == IPPROTO_UDP)
		put16(packet->ip + packet->l4 + 4, htons((uint16_t)(length - packet->l4)));
}

/* ---- from the TAP to the socket ---- */

static uint8_t *out_ip(void)
{
	return out.bytes + out.offset[out.n] + HEAD;
}

/* The packet at out_ip() is a message. */
static void out_add(size_t length)
{
	const uint32_t head[2] = {4, 0};
	uint8_t *message = out.bytes + out.offset[out.n];

	memcpy(message, head, sizeof(head));
	memcpy(message + sizeof(head), &out.counter, sizeof(out.counter));
	if (seals)
		aead_seal_packet(key, out.counter, message + HEAD, message + HEAD, length);
	else
		memset(message + HEAD + length, 0, TAG);
	out.counter++;
	out.n++;
	out.offset[out.n] = out.offset[out.n - 1] + (uint32_t)(HEAD + length + TAG);
}

/* How many messages from first on go by one call: all of one length, but for a shorter last. */
static size_t train_length(size_t first)
{
	uint32_t size = out.offset[first + 1] - out.offset[first];
	size_t n = 1;

	while (first + n < out.n && n < TRAIN_MESSAGES) {
		uint32_t next = out.offset[first + n + 1] - out.offset[first + n];

		if (next > size || out.offset[first + n + 1] - out.offset[first] > TRAIN_MAX)
			break;
		n++;
		if (next < size)
			break;
	}
	return n;
}

/* What the socket does not take is lost, as on a cable. */
static void train_send(size_t first, size_t n)
{
	uint16_t size = (uint16_t)(out.offset[first + 1] - out.offset[first]);
	struct iovec vector = {out.bytes + out.offset[first],
			       out.offset[first + n] - out.offset[first]};
	union control control;
	struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

	if (n > 1) {
		control.head.cmsg_level = SOL_UDP;
		control.head.cmsg_type = UDP_SEGMENT;
		control.head.cmsg_len = CMSG_LEN(sizeof(size));
		memcpy(CMSG_DATA(&control.head), &size, sizeof(size));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(sizeof(size));
	}
	if (sendmsg(udp, &message, 0) < 0)
		out.lost += n;
}

static void out_send(void)
{
	for (size_t first = 0, n; first < out.n; first += n) {
		n = train_length(first);
		train_send(first, n);
	}
	out.n = 0;
}

/* The segments of a super-packet: lengths, IPv4 ID, sequence number and flags of each its own. */
static void out_split(const struct packet *whole, size_t segment)
{
	struct packet part = *whole;
	uint16_t id = (uint16_t)(whole->ip[4] << 8 | whole->ip[5]);
	uint8_t flags = whole->ip[whole->l4 + TCP_FLAGS];
	uint32_t sequence = ntohl(tcp_of(whole)->seq);
	const uint8_t *payload = whole->ip + whole->headers;

	for (size_t left = whole->payload, n; left; left -= n, payload += n) {
		bool last = left <= segment;

		n = last ? left : segment;
		part.ip = out_ip();
		part.length = part.headers + n;
		memcpy(part.ip, whole->ip, part.headers);
		memcpy(part.ip + part.headers, payload, n);
		if (!part.v6)
			put16(part.ip + 4, htons(id++));
		set_length(&part, part.length);
		if (part.protocol == IPPROTO_TCP) {
			part.ip[part.l4 + TCP_FLAGS] = last ? flags : flags & (uint8_t)~LAST_ONLY;
			flags &= (uint8_t)~TCP_CWR;
			tcp_of(&part)->seq = htonl(sequence);
			sequence += (uint32_t)n;
		}
		put16(checksum_of(&part), 0);
		put16(checksum_of(&part), complement(sum_l4(&part)));
		out_add(part.length);
	}
}

/* What the kernel left of the checksum to the device is done. */
static void out_whole(const struct packet *packet, const struct virtio_net_hdr *gso)
{
	uint8_t *ip = out_ip();

	memcpy(ip, packet->ip, packet->length);
	if (gso->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		size_t start = gso->csum_start - sizeof(struct ethhdr);
		uint64_t sum = sum_bytes(ip + start, packet->length - start);

		put16(ip + start + gso->csum_offset, complement(sum));
	}
	out_add(packet->length);
}

/* Takes one packet; false when there is none. */
static bool tap_read(void)
{
	static struct {
		struct frame_head head;
		uint8_t ip[IP_MAX + 1];
	} frame;
	ssize_t n = read(tap, &frame, sizeof(frame));
	struct packet packet;

	if (n < 0 && errno == EBADFD)
		die("TAP");
	if (n < 0)
		return false;
	if ((size_t)n <= sizeof(frame.head) ||
	    !packet_parse(&packet, frame.ip, (size_t)n - sizeof(frame.head)))
		return true;
	if (frame.head.gso.gso_type == VIRTIO_NET_HDR_GSO_NONE)
		out_whole(&packet, &frame.head.gso);
	else
		out_split(&packet, frame.head.gso.gso_size);
	return true;
}

static bool from_tap(void)
{
	while (out.offset[out.n] < GATHER && tap_read())
		;
	if (!out.n)
		return false;
	out_send();
	return true;
}

/* ---- from the socket to the TAP ---- */

static void joined_finish(struct virtio_net_hdr *gso)
{
	const struct packet *first = &joined.first;
	size_t length = first->headers + joined.payload;
	bool tcp = first->protocol == IPPROTO_TCP;

	set_length(first, length);
	put16(checksum_of(first), fold(sum_pseudo(first, length - first->l4)));
	gso->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	gso->gso_type = !tcp	    ? GSO_UDP_L4
			: first->v6 ? VIRTIO_NET_HDR_GSO_TCPV6
				    : VIRTIO_NET_HDR_GSO_TCPV4;
	gso->gso_size = (uint16_t)first->payload;
	gso->hdr_len = (uint16_t)(sizeof(struct ethhdr) + first->headers);
	gso->csum_start = (uint16_t)(sizeof(struct ethhdr) + first->l4);
	gso->csum_offset = tcp ? 16 : 6;
}

static void joined_write(void)
{
	struct frame_head head = {.ethernet = ethernet};

	if (!joined.n)
		return;
	head.ethernet.h_proto = htons(joined.first.v6 ? ETH_P_IPV6 : ETH_P_IP);
	if (joined.n > 1)
		joined_finish(&head.gso);
	else if (joined.verified)
		head.gso.flags = VIRTIO_NET_HDR_F_DATA_VALID;
	joined.parts[0] = (struct iovec){&head, sizeof(head)};
	if (writev(tap, joined.parts, (int)joined.n + 1) < 0)
		joined.lost += joined.n;
	joined.n = 0;
}

static void joined_start(const struct packet *packet, bool verified)
{
	joined.first = *packet;
	joined.payload = packet->payload;
	joined.verified = verified;
	joined.closed = !verified || (!packet->v6 && packet->l4 != sizeof(struct iphdr));
	if (packet->protocol == IPPROTO_TCP && packet->payload) {
		joined.closed |= packet->ip[packet->l4 + TCP_FLAGS] != TCP_ACK;
		joined.next = ntohl(tcp_of(packet)->seq) + (uint32_t)packet->payload;
	}
	joined.parts[1] = (struct iovec){packet->ip, packet->length};
	joined.n = 1;
}

static bool same(const struct packet *a, const struct packet *b, size_t from, size_t to)
{
	return memcmp(a->ip + from, b->ip + from, to - from) == 0;
}

/* All that a super-packet says but once is the same in both. */
static bool same_flow(const struct packet *a, const struct packet *b)
{
	if (a->v6 != b->v6 || a->protocol != b->protocol || a->headers != b->headers)
		return false;
	if (a->v6 ? !same(a, b, 0, 4) || !same(a, b, 6, 40)
		  : !same(a, b, 0, 2) || !same(a, b, 6, 10) || !same(a, b, 12, 20))
		return false;
	if (!same(a, b, a->l4, a->l4 + 4)) /* ports */
		return false;
	return a->protocol == IPPROTO_UDP ||
	       (same(a, b, a->l4 + 8, a->l4 + TCP_FLAGS) && /* acknowledgement, length */
		same(a, b, a->l4 + sizeof(struct tcphdr), a->headers));
}

static bool joined_add(const struct packet *packet)
{
	uint8_t flags = packet->ip[packet->l4 + TCP_FLAGS];

	if (joined.closed || packet->payload > joined.first.payload ||
	    joined.first.headers + joined.payload + packet->payload > IP_MAX ||
	    joined.n > TRAIN_MESSAGES || !same_flow(&joined.first, packet))
		return false;
	if (packet->protocol == IPPROTO_TCP) {
		if (ntohl(tcp_of(packet)->seq) != joined.next || (flags & ~LAST_ONLY) != TCP_ACK)
			return false;
		joined.first.ip[joined.first.l4 + TCP_FLAGS] |= flags;
		joined.next += (uint32_t)packet->payload;
		joined.closed = flags & LAST_ONLY;
	}
	joined.closed |= packet->payload < joined.first.payload;
	joined.payload += packet->payload;
	joined.parts[++joined.n] = (struct iovec){packet->ip + packet->headers, packet->payload};
	return true;
}

static bool is_open(uint8_t *message, size_t length)
{
	uint64_t counter;

	memcpy(&counter, message + HEAD - sizeof(counter), sizeof(counter));
	return !seals || aead_open_packet(key, counter, message + HEAD, length - HEAD) == 0;
}

static void in_message(uint8_t *message, size_t length)
{
	struct packet packet;
	bool verified;

	if (length <= HEAD + TAG || !is_open(message, length) ||
	    !packet_parse(&packet, message + HEAD, length - HEAD - TAG))
		return;
	verified = packet.payload && fold(sum_l4(&packet)) == 0xffff;
	if (joined.n && verified && joined_add(&packet))
		return;
	joined_write();
	joined_start(&packet, verified);
}

/* The length of each message of a train. */
static size_t train_stride(struct msghdr *message, size_t length)
{
	int size;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(message); cmsg; cmsg = CMSG_NXTHDR(message, cmsg))
		if (cmsg->cmsg_level == SOL_UDP && cmsg->cmsg_type == UDP_GRO) {
			memcpy(&size, CMSG_DATA(cmsg), sizeof(size));
			return (size_t)size;
		}
	return length;
}

static bool from_socket(void)
{
	union control controls[TRAINS] = {0};
	struct iovec vectors[TRAINS];
	struct mmsghdr trains[TRAINS];
	int n;

	for (int i = 0; i < TRAINS; i++) {
		vectors[i] = (struct iovec){in_bytes[i], sizeof(in_bytes[i])};
		trains[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i],
						    .msg_iovlen = 1,
						    .msg_control = &controls[i],
						    .msg_controllen = sizeof(controls[i])};
	}
	n = recvmmsg(udp, trains, TRAINS, 0, NULL);
	for (int i = 0; i < n; i++) {
		size_t length = trains[i].msg_len;
		size_t stride = train_stride(&trains[i].msg_hdr, length);

		for (size_t at = 0; at < length; at += stride)
			in_message(in_bytes[i] + at, length - at < stride ? length - at : stride);
	}
	joined_write();
	return n > 0;
}

/* ---- set-up ---- */

static void open_tap(const char *name)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned offloads = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &request) < 0)
		die(name);
	if (ioctl(tap, TUNSETOFFLOAD, offloads | USO_OFFLOADS) < 0 &&
	    ioctl(tap, TUNSETOFFLOAD, offloads) < 0)
		die("offloads");
	if (ioctl(tap, SIOCGIFHWADDR, &request) < 0)
		die("hardware address");
	memcpy(ethernet.h_dest, request.ifr_hwaddr.sa_data, ETH_ALEN);
}

static void open_socket(const char *port, const char *address, const char *peer_port)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	struct sockaddr_in peer = {.sin_family = AF_INET,
				   .sin_port = htons((uint16_t)atoi(peer_port))};
	int on = 1, size = SOCKET_BUFFER;

	udp = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (inet_pton(AF_INET, address, &peer.sin_addr) != 1 ||
	    bind(udp, (struct sockaddr *)&own, sizeof(own)) < 0 ||
	    connect(udp, (struct sockaddr *)&peer, sizeof(peer)) < 0)
		die(address);
	if (setsockopt(udp, SOL_UDP, UDP_GRO, &on, sizeof(on)) < 0)
		die("UDP_GRO");
	setsockopt(udp, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(udp, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static _Noreturn void carry(bool outwards, bool inwards)
{
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event ready;

	if (epoll < 0 || (outwards && watch(epoll, tap) < 0) || (inwards && watch(epoll, udp) < 0))
		die("epoll");
	for (;;) {
		bool took = inwards && from_socket();

		took |= outwards && from_tap();
		if (!took)
			epoll_wait(epoll, &ready, 1, -1);
	}
}

int main(int argc, char **argv)
{
	bool two = false;

	for (int option; (option = getopt(argc, argv, "s2")) >= 0;) {
		if (option == '?')
			return 2;
		seals |= option == 's';
		two |= option == '2';
	}
	argv += optind;
	if (argc - optind != 4)
		return 2;
	if (aead_init() < 0)
		die("libsodium");
	open_tap(argv[0]);
	open_socket(argv[1], argv[2], argv[3]);
	printf("ready\n");
	fflush(stdout);
	if (!two)
		carry(true, true);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		carry(false, true);
	}
	carry(true, false);
}
