/* underlay.h - the UDP sockets below the tunnel: datagrams in and out, many per system call.
 *
 * There is one socket per address family, opened and bound by the launcher and kept over our
 * restarts. Sends are gathered and leave with underlay_flush(), which the packet loop calls at the
 * end of each turn; nothing waits longer than that. Segmentation offload (UDP_SEGMENT, UDP_GRO)
 * belongs in here too: both ways pass through the batches.
 *
 * An error of one datagram (no route, refused, too big for the link, filtered) loses that datagram
 * and nothing else. Datagrams carry DF and may be larger than what the kernel believes the path
 * takes (IP_PMTUDISC_PROBE): ICMP is not to be trusted with the size of the tunnel.
 *
 * Everything is used on the packet thread only, but underlay_port(), underlay_set_mark() and
 * underlay_filtered_age_us().
 */
#ifndef LANRAGE_DATAPLANE_UNDERLAY_H
#define LANRAGE_DATAPLANE_UNDERLAY_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"

#define UNDERLAY_BATCH	       64
#define UNDERLAY_DATAGRAM_MAX  2048
#define UNDERLAY_SOCKET_BUFFER (1 << 20) /* about 900 full packets: 10 ms of a gigabit */

struct underlay;

/* fd4, fd6: borrowed; negative: no such socket. At least one must be there. */
int underlay_new(struct underlay **underlay, int fd4, int fd6, struct error *error);
void underlay_free(struct underlay *underlay);

/* The descriptor of a family, or -1. */
int underlay_fd(const struct underlay *underlay, enum addr_family family);
/* The port it is bound to, 0 when there is no such socket. */
uint16_t underlay_port(const struct underlay *underlay, enum addr_family family);
/* Since this machine's own packet filter last refused a datagram (EPERM: netfilter drops it on its
 * way out); UINT64_MAX: never. */
uint64_t underlay_filtered_age_us(const struct underlay *underlay, uint64_t now_us);
/* SO_MARK on both sockets. */
int underlay_set_mark(struct underlay *underlay, uint32_t mark);

/* Receives one batch from one socket and hands over each datagram; bytes may be changed in place
 * and are good until the function returns. Returns how many came. */
typedef void (*underlay_each)(void *data, const struct addr *from, uint8_t *bytes, size_t length);
size_t underlay_receive(struct underlay *underlay, enum addr_family family, underlay_each each,
			void *data);
/* Gathers one datagram (copied). Dropped when there is no socket of that family. */
void underlay_send(struct underlay *underlay, const struct addr *to, const uint8_t *bytes,
		   size_t length);
void underlay_flush(struct underlay *underlay);
/* After EPOLLERR: takes the pending error off the socket. */
void underlay_clear_error(struct underlay *underlay, enum addr_family family);
/* Throws away up to max waiting datagrams of each socket; returns how many. */
unsigned underlay_drain(struct underlay *underlay, unsigned max);

#endif
