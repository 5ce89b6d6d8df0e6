/* coalesce.h - packets of one flow that follow each other, into one large packet for the device:
 * the reverse of split.h. One system call and one walk through the kernel then do for up to 64 KiB.
 *
 * Packets are put together only if splitting the result gives the same packets again:
 * - TCP: the next sequence number; the same addresses, ports, acknowledgement, window, flags (only
 *   ACK and ECE; PSH ends the row), options, TOS or traffic class, flow label, TTL, DF; the same
 *   length but for a shorter last one; some payload.
 * - UDP: the same of these that it has, and a checksum in use.
 * - IPv4 without options and fragments; identification counting up, or DF set, where it has no
 *   meaning (RFC 6864). IPv6 without extensions.
 * - The checksum is right. A wrong one must stay wrong, as the kernel would make a new one.
 *
 * Several flows are gathered side by side. Packets of one flow leave in the order they came;
 * between flows the order may change. Nothing is copied: the pieces stay where they are, so the
 * bytes are borrowed until coalesce_flush(), and headers are changed.
 */
#ifndef LANRAGE_DATAPLANE_COALESCE_H
#define LANRAGE_DATAPLANE_COALESCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "svc-dataplane/split.h"

#define COALESCE_FLOWS	 8
#define COALESCE_PIECES	 64 /* packets; UDP segments in one packet have this limit too */
#define COALESCE_LENGTH	 65535
#define COALESCE_HEADERS 1 /* parts that coalesce_write may put in front */

/* Writes one packet: parts[0] to parts[n - 1] hold its bytes; the COALESCE_HEADERS before parts[0]
 * are free for the writer to use. */
typedef void (*coalesce_write)(void *data, const struct split_offload *offload, struct iovec *parts,
			       size_t n);

struct coalesce_flow {
	enum split_kind kind;
	size_t count;	/* packets gathered; 0: free */
	size_t length;	/* of the packet so far */
	size_t header;	/* of each */
	size_t start;	/* of TCP or UDP */
	size_t segment; /* payload of each but the last */
	uint32_t next;	/* TCP: sequence number that fits */
	bool verified;	/* the first one's checksum was looked at */
	struct iovec parts[COALESCE_HEADERS + COALESCE_PIECES];
};

struct coalesce {
	bool tcp, udp; /* what the device takes */
	coalesce_write write;
	void *data;
	unsigned turn; /* the flow that makes way next */
	struct coalesce_flow flows[COALESCE_FLOWS];
};

void coalesce_init(struct coalesce *coalesce, coalesce_write write, void *data);
/* Switches kinds on and off; between flushes. */
void coalesce_set(struct coalesce *coalesce, bool tcp, bool udp);
/* One IP packet. It is written now or, at the latest, by coalesce_flush(). */
void coalesce_add(struct coalesce *coalesce, uint8_t *packet, size_t length);
void coalesce_flush(struct coalesce *coalesce);

#endif
