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
 * Frames are read and written one per system call, with all offloads off: no frame holds a packet
 * larger than the MTU or one without its checksum.
 *
 * The descriptor comes from the launcher, as IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, non-blocking; it
 * and the interface outlive us.
 */
#ifndef LANRAGE_DATAPLANE_DEVICE_H
#define LANRAGE_DATAPLANE_DEVICE_H

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define DEVICE_MAC_SIZE 6

struct device {
	int fd; /* borrowed */
	char name[IFNAMSIZ];
	uint8_t mac[DEVICE_MAC_SIZE];
	uint32_t broadcast; /* the party's, network order; 0: none. See device_set_broadcast */
	uint64_t write_errors;
};

/* Looks at the descriptor and sets it up. Negative errno with words when it is no such TAP. */
int device_open(struct device *device, int fd, struct error *error);
/* The address that is a broadcast besides 255.255.255.255 (network order). */
void device_set_broadcast(struct device *device, uint32_t address);

/* Reads one packet into packet (size bytes). Its length; 0 when a frame came that carries no IP
 * packet of at most size bytes; -EAGAIN when there is none; another negative errno when the device
 * is gone. */
ssize_t device_read(struct device *device, uint8_t *packet, size_t size);
/* Delivers one IP packet (borrowed). What the kernel does not take is dropped and counted. */
void device_write(struct device *device, const uint8_t *packet, size_t length);
/* Throws away up to max waiting frames; returns how many. */
unsigned device_drain(struct device *device, unsigned max);

#endif
