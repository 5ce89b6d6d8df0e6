/* split.h - one packet as the device hands it out, into the packets it stands for.
 *
 * With segmentation offload (TSO, USO) the kernel hands out one large packet with one header, a
 * segment size, and a checksum that is only begun. On the wire there must be what a card would have
 * sent: packets of at most a segment of payload, each with a whole header:
 *
 *    IPv4    total length, identification counting up, header checksum   (RFC 791, 6864)
 *    IPv6    payload length                                              (RFC 8200)
 *    TCP     sequence number; FIN and PSH on the last only, CWR on the first only; checksum
 *            (RFC 9293; RFC 3168 section 6.1.2 for CWR)
 *    UDP     length; checksum, zero written as 0xffff                    (RFC 768)
 *
 * Splitting is done in place, from the front: the header of each packet is written before its
 * payload, over the end of the payload before. So nothing is moved, and the packet before must have
 * been sealed (to somewhere else) when the next is taken.
 *
 * A packet that is no larger than it looks goes through the same calls, and its checksum is
 * completed where that was left to us.
 */
#ifndef LANRAGE_DATAPLANE_SPLIT_H
#define LANRAGE_DATAPLANE_SPLIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/header.h"

#define SPLIT_HEADER_MAX 256 /* IP with its extensions, and TCP or UDP */

enum split_kind {
	SPLIT_NONE, /* one packet, as it is */
	SPLIT_TCP,
	SPLIT_UDP,
};

/* Of the checksum within TCP or UDP. */
static inline uint16_t split_checksum_offset(enum split_kind kind)
{
	return kind == SPLIT_TCP ? TCP_CHECKSUM : UDP_CHECKSUM;
}

/* What the device says of a packet (virtio_net_hdr), with offsets from the IP header on. */
struct split_offload {
	enum split_kind kind;
	bool checksum;	  /* from `start` on to be summed up, and written at start + offset */
	uint16_t start;	  /* of TCP or UDP; always needed for kinds other than NONE */
	uint16_t offset;  /* of the checksum within it */
	uint16_t segment; /* payload bytes a packet, for kinds other than NONE */
	uint16_t header;  /* bytes before the payload; split_begin() finds out by itself */
};

/* Read by split_left() and split_next() only. */
struct split {
	uint8_t *at;		/* where the next packet begins */
	size_t payload;		/* bytes of it not handed out yet */
	size_t header, segment; /* bytes; segment is all the payload for NONE */
	size_t start;		/* of TCP or UDP in the header */
	uint64_t pseudo;	/* sum of the pseudo-header, without the length */
	unsigned count, done;
	enum split_kind kind;
	bool ipv4;
	uint8_t headers[SPLIT_HEADER_MAX]; /* as they came, for kinds other than NONE */
};

/* The packet is borrowed until the last split_next(), and changed. -EBADMSG when packet and
 * description do not go together, or it is no IP packet: then it is to be dropped. */
int split_begin(struct split *split, const struct split_offload *offload, uint8_t *packet,
		size_t length);
/* How many packets are still to come. */
unsigned split_left(const struct split *split);
/* The next packet, good until the one after is taken; NULL after the last. */
uint8_t *split_next(struct split *split, size_t *length);

#endif
