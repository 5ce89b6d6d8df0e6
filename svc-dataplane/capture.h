/* capture.h - what this machine sends to everybody, by whatever interface.
 *
 * A packet socket on all interfaces but the party's, with a filter in the kernel, so that
 * nothing else costs more than the filter:
 *
 *     leaves this machine (PACKET_OUTGOING), UDP over IPv4, and to
 *         255.255.255.255 | a multicast group | the card's broadcast address
 *     or to a member of the party, which a socket bound to another card sends there
 *
 * What arrives is never seen, so what was sent once cannot come round. The packets seen leave all
 * the same; this machine's LAN is its own affair.
 */
#ifndef LANRAGE_DATAPLANE_CAPTURE_H
#define LANRAGE_DATAPLANE_CAPTURE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "svc-dataplane/split.h"

/* A non-blocking descriptor, to be closed; own: the name of the party's interface. network, mask:
 * the party, in network order; 0, 0: what goes to members is not looked at. Negative errno with
 * words. */
int capture_open(const char *own, uint32_t network, uint32_t mask, struct error *error);
/* One packet (up to size bytes), what is still to be done to it, and by which interface it left.
 * 0: one that is of no use; -EAGAIN; another negative errno when the socket is broken. */
ssize_t capture_read(int fd, uint8_t *packet, size_t size, struct split_offload *offload,
		     unsigned *interface);
/* A descriptor for capture_send_to_card(), to be closed, or a negative errno. */
int capture_open_card(void);
/* An IPv4 packet to an address of this machine: the kernel takes it as if it had come by the card
 * that has the address. One it does not take is lost. */
void capture_send_to_card(int fd, const uint8_t *packet, size_t length);
/* IPv4 addresses of this machine, in network order; how many. */
size_t capture_own_addresses(uint32_t *addresses, size_t max);

#endif
