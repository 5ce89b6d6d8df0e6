#include "svc-dataplane/vnet.h"

/* Newer than the headers of Debian 12: Linux 6.2 */
#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

bool vnet_read(const struct virtio_net_hdr *vnet, size_t skip, struct split_offload *offload)
{
	*offload = (struct split_offload){
		.checksum = vnet->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.start = (uint16_t)(vnet->csum_start - skip),
		.offset = vnet->csum_offset,
		.segment = vnet->gso_size,
	};
	switch (vnet->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE: return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
	case VIRTIO_NET_HDR_GSO_TCPV6: offload->kind = SPLIT_TCP; break;
	case VIRTIO_NET_HDR_GSO_UDP_L4: offload->kind = SPLIT_UDP; break;
	default: return false;
	}
	return offload->checksum;
}

struct virtio_net_hdr vnet_of(const struct split_offload *offload, size_t skip, bool ipv4)
{
	struct virtio_net_hdr vnet = {0};

	if (offload->kind == SPLIT_NONE)
		return vnet;
	vnet.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vnet.csum_start = (uint16_t)(skip + offload->start);
	vnet.csum_offset = offload->offset;
	vnet.gso_size = offload->segment;
	vnet.hdr_len = (uint16_t)(skip + offload->header);
	if (offload->kind == SPLIT_UDP)
		vnet.gso_type = VIRTIO_NET_HDR_GSO_UDP_L4;
	else
		vnet.gso_type = ipv4 ? VIRTIO_NET_HDR_GSO_TCPV4 : VIRTIO_NET_HDR_GSO_TCPV6;
	return vnet;
}
