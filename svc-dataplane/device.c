#include "svc-dataplane/device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "svc-dataplane/header.h"
#include "svc-dataplane/vnet.h"

/* Newer than the headers of Debian 12: USO came with Linux 6.2. */
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

struct frame_head {
	struct virtio_net_hdr vnet;
	struct ether_header ether;
} __attribute__((packed));

_Static_assert(sizeof(struct virtio_net_hdr) == 10, "the header without num_buffers");
_Static_assert(sizeof(struct frame_head) == 24, "no padding between the two");

/* Locally administered; the other end of the cable, which has no card. */
static const uint8_t far_mac[DEVICE_MAC_SIZE] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01};

static void write_frame(void *data, const struct split_offload *offload, struct iovec *parts,
			size_t n);

int device_open(struct device *device, int fd, struct error *error)
{
	int vnet_size = sizeof(struct virtio_net_hdr);
	struct ifreq request;

	memset(device, 0, sizeof(*device));
	device->fd = fd;
	coalesce_init(&device->coalesce, write_frame, device);
	memset(&request, 0, sizeof(request));
	if (ioctl(fd, TUNGETIFF, &request) < 0)
		return error_set(error, -errno, "descriptor tap is no TUN/TAP device: %s",
				 strerror(errno));
	if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI) ||
	    !(request.ifr_flags & IFF_VNET_HDR))
		return error_set(error, -EINVAL,
				 "%.*s is not a TAP with IFF_NO_PI and IFF_VNET_HDR", IFNAMSIZ,
				 request.ifr_name);
	memcpy(device->name, request.ifr_name, IFNAMSIZ);
	device->name[IFNAMSIZ - 1] = '\0';
	if (ioctl(fd, TUNSETVNETHDRSZ, &vnet_size) < 0 || ioctl(fd, TUNSETOFFLOAD, 0UL) < 0)
		return error_set(error, -errno, "cannot set up %s: %s", device->name,
				 strerror(errno));
	if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
		return error_set(error, -errno, "cannot read the MAC address of %s: %s",
				 device->name, strerror(errno));
	memcpy(device->mac, request.ifr_hwaddr.sa_data, DEVICE_MAC_SIZE);
	return 0;
}

void device_set_broadcast(struct device *device, uint32_t address)
{
	device->broadcast = address;
}

int device_set_offloads(struct device *device, bool tso, bool uso)
{
	unsigned long checksum = tso || uso ? TUN_F_CSUM : 0;
	unsigned long flags = checksum | (tso ? TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN : 0);

	device_flush(device);
	if (uso && ioctl(device->fd, TUNSETOFFLOAD, flags | TUN_F_USO4 | TUN_F_USO6) < 0)
		uso = false;
	if (!uso && ioctl(device->fd, TUNSETOFFLOAD, flags) < 0) {
		int result = -errno;

		device->tso = device->uso = false;
		coalesce_set(&device->coalesce, false, false);
		(void)ioctl(device->fd, TUNSETOFFLOAD, 0UL);
		return result;
	}
	device->tso = tso;
	device->uso = uso;
	coalesce_set(&device->coalesce, tso, uso);
	return 0;
}

/* ---- from the kernel */

ssize_t device_read(struct device *device, uint8_t *packet, struct split_offload *offload)
{
	struct frame_head head;
	struct iovec parts[2] = {
		{.iov_base = &head, .iov_len = sizeof(head)},
		{.iov_base = packet, .iov_len = DEVICE_PACKET_MAX},
	};
	ssize_t got = readv(device->fd, parts, 2);
	struct virtio_net_hdr vnet;
	uint16_t type;

	if (got < 0)
		return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
	if (got == 0)
		return -ENODEV;
	vnet = head.vnet;
	if ((size_t)got <= sizeof(head) || !vnet_read(&vnet, sizeof(head.ether), offload))
		return 0;
	type = ntohs(head.ether.ether_type);
	if (!(type == ETHERTYPE_IP && packet[0] >> 4 == 4) &&
	    !(type == ETHERTYPE_IPV6 && packet[0] >> 4 == 6))
		return 0;
	return got - (ssize_t)sizeof(head);
}

/* ---- to the kernel */

/* RFC 1112 section 6.4 and RFC 2464 section 7 for multicast. */
static void destination_ipv4(const struct device *device, const uint8_t ip[4], uint8_t *mac)
{
	uint32_t to;

	memcpy(&to, ip, sizeof(to));
	if (to == UINT32_MAX || (device->broadcast && to == device->broadcast)) {
		memset(mac, 0xff, DEVICE_MAC_SIZE);
	} else if (ip[0] >> 4 == 0xe) {
		memcpy(mac, (const uint8_t[]){0x01, 0x00, 0x5e, ip[1] & 0x7f, ip[2], ip[3]},
		       DEVICE_MAC_SIZE);
	} else {
		memcpy(mac, device->mac, DEVICE_MAC_SIZE);
	}
}

static void destination_ipv6(const struct device *device, const uint8_t ip[16], uint8_t *mac)
{
	if (ip[0] == 0xff) {
		memset(mac, 0x33, 2);
		memcpy(mac + 2, ip + 12, 4);
	} else {
		memcpy(mac, device->mac, DEVICE_MAC_SIZE);
	}
}

/* A coalesce_write. */
static void write_frame(void *data, const struct split_offload *offload, struct iovec *parts,
			size_t n)
{
	struct device *device = data;
	const uint8_t *packet = parts[0].iov_base;
	bool ipv4 = packet[0] >> 4 == 4;
	struct frame_head head = {0};

	head.vnet = vnet_of(offload, sizeof(head.ether), ipv4);
	if (ipv4) {
		head.ether.ether_type = htons(ETHERTYPE_IP);
		destination_ipv4(device, packet + IPV4_DESTINATION, head.ether.ether_dhost);
	} else {
		head.ether.ether_type = htons(ETHERTYPE_IPV6);
		destination_ipv6(device, packet + IPV6_DESTINATION, head.ether.ether_dhost);
	}
	memcpy(head.ether.ether_shost, far_mac, DEVICE_MAC_SIZE);
	parts[-1] = (struct iovec){&head, sizeof(head)};
	/* The kernel refuses when the interface is down or out of memory: lost, as on a cable. */
	if (writev(device->fd, parts - 1, (int)n + 1) < 0)
		device->write_errors++;
}

void device_write(struct device *device, uint8_t *packet, size_t length)
{
	if (header_is_ip(packet, length))
		coalesce_add(&device->coalesce, packet, length);
}

void device_flush(struct device *device)
{
	coalesce_flush(&device->coalesce);
}

unsigned device_drain(struct device *device, unsigned max)
{
	uint8_t byte;
	unsigned n = 0;

	while (n < max && read(device->fd, &byte, sizeof(byte)) >= 0)
		n++;
	return n;
}
