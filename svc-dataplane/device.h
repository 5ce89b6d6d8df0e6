/* device.h - the TAP device: inner IP packets in and out.
 *
 * To the kernel it is an Ethernet card (so games see BROADCAST and MULTICAST); to us it carries IP.
 * Each frame is
 *
 *    virtio_net_hdr (10) | Ethernet header (14) | IPv4 or IPv6 packet
 *
 * and the first two parts are taken off and put on here. The card has ARP off, so the kernel sends
 * to any address without asking, and the destination MAC means nothing. On the way in it does: the
 * kernel drops what is not for the card's own address, a broadcast or a multicast.
 *
 * Each read and each write is one frame, and costs a walk through the kernel; so with segmentation
 * offload one frame holds up to 64 KiB of one flow (split.h, coalesce.h). What the kernel cannot
 * do, or the settings say not to do, is off; then frames are single packets.
 *
 * The descriptor comes from the launcher, as IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, non-blocking; it
 * and the interface outlive us.
 */
#ifndef LANRAGE_DATAPLANE_DEVICE_H
#define LANRAGE_DATAPLANE_DEVICE_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "svc-dataplane/coalesce.h"
#include "svc-dataplane/split.h"

#define DEVICE_MAC_SIZE	  6
#define DEVICE_PACKET_MAX 65535

struct device {
	int fd; /* borrowed */
	char name[IFNAMSIZ];
	uint8_t mac[DEVICE_MAC_SIZE];
	uint32_t broadcast; /* the party's, network order; 0: none. See device_set_broadcast */
	bool tso, uso;	    /* in force, both ways */
	uint64_t write_errors;
	struct coalesce coalesce;
};

/* Looks at the descriptor and sets it up. Negative errno with words when it is no such TAP. */
int device_open(struct device *device, int fd, struct error *error);
/* The address that is a broadcast besides 255.255.255.255 (network order). */
void device_set_broadcast(struct device *device, uint32_t address);

/* Segmentation offload for TCP and for UDP. What the kernel lacks stays off; -errno when it takes
 * none of it, and then none is on. */
int device_set_offloads(struct device *device, bool tso, bool uso);

/* Reads one packet into packet (DEVICE_PACKET_MAX bytes); offload says what it stands for. Its
 * length; 0 when a frame came that carries no IP packet; -EAGAIN when there is none; another
 * negative errno when the device is gone. */
ssize_t device_read(struct device *device, uint8_t *packet, struct split_offload *offload);
/* Delivers one IP packet, at the latest with device_flush(): borrowed until then, and changed. What
 * the kernel does not take is dropped and counted. */
void device_write(struct device *device, uint8_t *packet, size_t length);
void device_flush(struct device *device);
/* Throws away up to max waiting frames; returns how many. */
unsigned device_drain(struct device *device, unsigned max);

#endif
