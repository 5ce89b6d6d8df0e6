/* underlay.h - the UDP sockets below the tunnel: datagrams in and out, many per system call.
 *
 * There is one socket per address family, opened and bound by the launcher and kept over our
 * restarts. Sends are gathered (trains.h) and leave with underlay_flush(), which the packet loop
 * calls at the end of each turn; nothing waits longer than that. With UDP_GRO one received message
 * holds up to 64 datagrams of one length.
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
#include "svc-dataplane/trains.h"

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

/* UDP_SEGMENT and UDP_GRO. What the kernel lacks stays off. */
void underlay_set_offloads(struct underlay *underlay, bool gso, bool gro);
/* What is in use. */
bool underlay_has_gso(const struct underlay *underlay);
bool underlay_has_gro(const struct underlay *underlay);

/* Receives one batch from one socket and hands over each datagram; bytes may be changed in place
 * and are good until the next call. ecn: the two bits of the outer header. Returns how many came.
 */
typedef void (*underlay_each)(void *data, const struct addr *from, uint8_t ecn, uint8_t *bytes,
			      size_t length);
size_t underlay_receive(struct underlay *underlay, enum addr_family family, underlay_each each,
			void *data);
/* Where the next datagram may be made: TRAINS_DATAGRAM bytes, good until the next call. */
uint8_t *underlay_room(struct underlay *underlay);
/* Gathers one datagram, copied unless it was made in the room. Dropped when there is no socket of
 * that family. */
void underlay_send(struct underlay *underlay, const struct addr *to, uint8_t ecn,
		   const uint8_t *bytes, size_t length);
void underlay_flush(struct underlay *underlay);
/* After EPOLLERR: takes the pending error off the socket. */
void underlay_clear_error(struct underlay *underlay, enum addr_family family);
/* Throws away up to max waiting datagrams of each socket; returns how many. */
unsigned underlay_drain(struct underlay *underlay, unsigned max);

#endif
