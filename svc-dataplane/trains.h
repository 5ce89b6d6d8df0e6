/* trains.h - datagrams on their way out: gathered, and sent with as few system calls as can be.
 *
 * Datagrams of one length that go to one address, one behind the other in memory, are a train; the
 * last may be shorter. A train is one message to the kernel, with UDP_SEGMENT where that is on (64
 * datagrams and one UDP datagram's length at most), and trains_flush() sends all trains in one
 * sendmmsg a family. Nothing waits for a train to fill.
 *
 * A datagram is best made where it will lie, in trains_room(); any other is copied.
 *
 * Segmentation that does not work. A socket whose device has no checksum offload says EIO: then
 * UDP_SEGMENT is off for good. A route whose MTU is below the segment, or a device that takes no
 * such train, says EMSGSIZE or EINVAL: then that address has none for TRAINS_ALONE_US. Either way
 * the datagrams of that train go out one by one, so nothing is lost by trying.
 */
#ifndef LANRAGE_DATAPLANE_TRAINS_H
#define LANRAGE_DATAPLANE_TRAINS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/log.h"

#define TRAINS_MAX	64
#define TRAINS_SIZE	(192 * 1024) /* bytes of all */
#define TRAINS_DATAGRAM 2048	     /* largest */
#define TRAINS_LENGTH	65507	     /* bytes of one train: what IPv4 and UDP leave of 65535 */
#define TRAINS_SEGMENTS 64
#define TRAINS_ALONE	64 /* addresses that are remembered to want no trains */
#define TRAINS_ALONE_US (600 * CLOCK_SECOND)
#define TRAINS_CONTROL	(CMSG_SPACE(sizeof(uint16_t)) + CMSG_SPACE(sizeof(int)))

struct train {
	struct addr to;
	uint16_t segment; /* length of each but the last */
	uint16_t count;
	uint8_t ecn;
	bool closed; /* nothing joins it any more: the last one is shorter, or it goes alone */
};

struct trains {
	int fds[2];    /* IPv4, IPv6; borrowed; negative: datagrams of that family are dropped */
	bool segments; /* UDP_SEGMENT is on */
	unsigned n;
	size_t used;
	/* when this machine's packet filter last refused one; 0: never */
	_Atomic uint64_t filtered_us;
	bool any_alone;
	struct log_limit errors;
	struct train list[TRAINS_MAX];
	struct mmsghdr headers[TRAINS_MAX];
	struct iovec parts[TRAINS_MAX];
	struct sockaddr_in6 names[TRAINS_MAX];
	_Alignas(struct cmsghdr) uint8_t controls[TRAINS_MAX][TRAINS_CONTROL];
	struct {
		struct addr to;
		uint64_t until_us;
	} alone[TRAINS_ALONE];
	uint8_t bytes[TRAINS_SIZE];
};

void trains_init(struct trains *trains, int fd4, int fd6);
/* Where the next datagram may be made: TRAINS_DATAGRAM bytes, good until the next call. */
uint8_t *trains_room(struct trains *trains);
/* ecn: the two bits for the outer header. Dropped when it is too long, or has no address, or there
 * is no socket of its family. */
void trains_put(struct trains *trains, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		size_t length);
void trains_flush(struct trains *trains);

#endif
