/* vnet.h - how the kernel says in front of a packet what it stands for (virtio_net_hdr; virtio 1.2
 * section 5.1.6), at TAP devices and packet sockets.
 */
#ifndef LANRAGE_DATAPLANE_VNET_H
#define LANRAGE_DATAPLANE_VNET_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>

#include "svc-dataplane/split.h"

/* skip: bytes between this header and the IP packet. False for what we cannot take apart. */
bool vnet_read(const struct virtio_net_hdr *vnet, size_t skip, struct split_offload *offload);
/* The other way round; offload->header is used. */
struct virtio_net_hdr vnet_of(const struct split_offload *offload, size_t skip, bool ipv4);

#endif
