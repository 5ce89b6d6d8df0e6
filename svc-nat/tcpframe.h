/* tcpframe.h - datagrams in a TCP connection, for members whose network passes no UDP.
 *
 * Each datagram follows its length in two bytes, network order (RFC 4571 section 2):
 *
 *      0        1        2
 *     +--------+--------+-----------
 *     |     length      | datagram ...      1 to TCPFRAME_DATAGRAM_MAX bytes
 *     +--------+--------+-----------
 *
 * A connection is to lose what it cannot send now, as UDP would, rather than deliver it late: what
 * TCP has not sent yet is bounded (TCPFRAME_UNSENT), and a datagram that finds no room is dropped
 * whole. Only the rest of one whose first bytes have left is kept.
 *
 * Shared by the relay and the members.
 */
#ifndef LANRAGE_NAT_TCPFRAME_H
#define LANRAGE_NAT_TCPFRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TCPFRAME_HEADER	      2
#define TCPFRAME_DATAGRAM_MAX 2048
#define TCPFRAME_MAX	      (TCPFRAME_HEADER + TCPFRAME_DATAGRAM_MAX)
#define TCPFRAME_BUFFER	      (8 * TCPFRAME_MAX)
#define TCPFRAME_UNSENT	      (16 * 1024) /* bytes */
/* Data unacknowledged for this long ends the connection. */
#define TCPFRAME_TIMEOUT_MS 5000

/* What came and was not taken out yet. Zero-initialise. */
struct tcpframe_in {
	size_t from, to; /* of bytes */
	uint8_t bytes[TCPFRAME_BUFFER];
};

/* The rest of a datagram that is leaving. Zero-initialise. */
struct tcpframe_out {
	size_t from, to;
	uint8_t bytes[TCPFRAME_MAX];
};

/* No delay, little unsent, and an end when nothing is acknowledged. 0 or negative errno. */
int tcpframe_set_options(int fd);

/* Reads once what fits. 0; -EAGAIN: nothing there; -ECONNRESET: the other end has closed; else
 * another negative errno. Datagrams taken out before are gone afterwards. */
int tcpframe_read(struct tcpframe_in *in, int fd);
/* The next whole datagram, good until the next read: its length; 0: none yet; -EPROTO: what
 * came is no frame, and the connection is of no use any more. */
int tcpframe_next(struct tcpframe_in *in, uint8_t **datagram);

/* Sends a datagram. 0; -EAGAIN: no room, it was dropped; -EMSGSIZE; else the connection is broken
 * (another negative errno). */
int tcpframe_send(struct tcpframe_out *out, int fd, const uint8_t *datagram, size_t length);
/* Sends the rest, if there is one. 0: there is none any more; -EAGAIN; else broken. */
int tcpframe_flush(struct tcpframe_out *out, int fd);
/* There is a rest: flush it when the descriptor is writable. */
bool tcpframe_is_waiting(const struct tcpframe_out *out);

#endif
