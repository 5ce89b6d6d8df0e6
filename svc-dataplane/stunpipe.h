/* stunpipe.h - STUN between svc-nat and the tunnel's own sockets.
 *
 * Measurements of time do not travel over nng: the launcher keeps a datagram socketpair, one end
 * with each service (descriptor name `stun`). Each datagram is this struct, little fields in host
 * order (both ends are one machine), followed by `length` bytes of one STUN message.
 *
 *   nat -> dataplane   send this message to `addr` from the tunnel's socket of its family
 *   dataplane -> nat   this message came from `addr`; sent_us is when the request with its
 *                      transaction id left (0: not one of the last 256), received_us when it came
 *
 * The dataplane passes only well-formed STUN (RFC 8489 section 5: first two bits zero, magic
 * cookie, length of whole words that fits) and at most STUNPIPE_RATE messages a second each way.
 */
#ifndef LANRAGE_DATAPLANE_STUNPIPE_H
#define LANRAGE_DATAPLANE_STUNPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/addr.h"
#include "common/bucket.h"

#define STUNPIPE_MESSAGE_MAX 1280
#define STUNPIPE_RATE	     500

struct stunpipe_header {
	struct addr addr;
	uint64_t sent_us;     /* CLOCK_BOOTTIME, as clock_now_us() */
	uint64_t received_us; /* likewise */
	uint32_t length;
	uint32_t reserved;
};

/* ---- the dataplane's end; used on the packet thread only ---- */

#define STUNPIPE_REQUESTS 256
#define STUNPIPE_BURST	  100
#define STUNPIPE_ID_SIZE  12

struct stunpipe {
	int fd; /* borrowed; non-blocking */
	struct bucket out, in;
	unsigned next;
	struct {
		uint8_t id[STUNPIPE_ID_SIZE];
		uint64_t sent_us; /* 0: free */
	} requests[STUNPIPE_REQUESTS];
};

/* The demultiplexer: whether a datagram from the underlay is STUN rather than WireGuard. WireGuard
 * leaves bytes 2 and 3 zero towards its receiver, which as a STUN length means 20 bytes in all, and
 * no WireGuard message is that short: so none passes, not even one whose index is the cookie. */
bool stunpipe_is_stun(const uint8_t *bytes, size_t length);

void stunpipe_init(struct stunpipe *pipe, int fd);
/* One message from nat: its length, with *to set; 0 when one came but may not pass; -EAGAIN when
 * none is waiting; another negative errno when the pipe is broken. */
ssize_t stunpipe_read(struct stunpipe *pipe, uint64_t now_us, struct addr *to,
		      uint8_t message[STUNPIPE_MESSAGE_MAX]);
/* To be called as a message that was read leaves. */
void stunpipe_sent(struct stunpipe *pipe, uint64_t now_us, const uint8_t *message);
/* Hands a message that stunpipe_is_stun() accepted to nat, or drops it (rate, size, nobody reads).
 * Whether it went. */
bool stunpipe_write(struct stunpipe *pipe, uint64_t now_us, const struct addr *from,
		    const uint8_t *message, size_t length);

#endif
