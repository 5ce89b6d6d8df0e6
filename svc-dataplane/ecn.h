/* ecn.h - explicit congestion notification through the tunnel (RFC 6040, normal mode).
 *
 * The outer header carries the inner packet's ECN bits, so a router on the way may mark instead of
 * dropping; on the way out its mark goes into the inner packet, whose sender slows down. The rest
 * of the inner TOS stays inside: it says what kind of traffic that is.
 */
#ifndef LANRAGE_DATAPLANE_ECN_H
#define LANRAGE_DATAPLANE_ECN_H

#include <stdbool.h>
#include <stdint.h>

/* The two bits of an IP packet. */
uint8_t ecn_of(const uint8_t *packet);
/* Combines the outer header's bits into the packet. False: it is to be dropped, as congestion was
 * met and its sender does not know of ECN (section 4.2). */
bool ecn_leave(uint8_t *packet, uint8_t outer);

#endif
