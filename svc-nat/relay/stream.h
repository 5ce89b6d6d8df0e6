/* stream.h - members that come by TCP, because their network passes no UDP.
 *
 * The relay listens by TCP at the address and port of its UDP socket. What a connection brings are
 * the same datagrams, framed (svc-nat/tcpframe.h); the machine (forward.h) gets them with an
 * address that stands for the connection, and what it sends to that address goes into the
 * connection. So a member is bound, checked, limited and moved by the same rules as over UDP.
 *
 * These addresses are in 240.0.0.0/4, from which no datagram can come (RFC 1112 section 4): 44 bits
 * of place and serial number, begun at random, so that one from before a restart stands for
 * nothing.
 *
 * A connection ends when it was bound to nobody for STREAM_UNBOUND_US, when it brings what is no
 * frame, or when nothing is acknowledged for TCPFRAME_TIMEOUT_MS. There are at most STREAM_MOST,
 * STREAM_PER_SOURCE of them from one IPv4 address or IPv6 /64; when all places are taken, the one
 * that was unbound for longest goes.
 *
 * Packet thread only.
 */
#ifndef LANRAGE_NAT_RELAY_STREAM_H
#define LANRAGE_NAT_RELAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/clock.h"
#include "common/error.h"

#define STREAM_MOST	  512u
#define STREAM_PER_SOURCE 32u
#define STREAM_UNBOUND_US (10 * CLOCK_SECOND)

struct streams;

/* Without a listener yet. -ENOMEM or another negative errno. */
int streams_new(struct streams **streams);
void streams_free(struct streams *streams);
/* Listens here too; one address of each family at most. Errors have words. */
int streams_listen(struct streams *streams, const struct addr *address, struct error *error);
/* Readable when streams_serve() has something to do. */
int streams_fd(const struct streams *streams);

/* bytes may be changed and are gone after the call. */
typedef void (*streams_each)(void *data, const struct addr *from, uint8_t *bytes, size_t length);
/* Takes new connections and hands over what has come; each may call streams_send(). */
void streams_serve(struct streams *streams, uint64_t now_us, streams_each each, void *data);
/* An address that stands for a connection, there still or not. */
bool streams_is_one(const struct addr *address);
/* Lost when there is no room or no such connection. */
void streams_send(struct streams *streams, const struct addr *to, const uint8_t *bytes,
		  size_t length);
/* Ends what is to end; is_bound tells who holds an address. To be called again after a second. */
void streams_sweep(struct streams *streams, uint64_t now_us,
		   bool (*is_bound)(void *data, const struct addr *address), void *data);
unsigned streams_count(const struct streams *streams);

#endif
