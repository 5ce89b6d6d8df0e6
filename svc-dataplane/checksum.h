/* checksum.h - the Internet checksum (RFC 1071) over bytes as they lie in memory.
 *
 * Sums are kept unfolded in 64 bits and in memory order: what checksum_fold() returns is stored
 * with memcpy, never with htons. A sum over several parts is right only if every part but the last
 * has an even length.
 */
#ifndef LANRAGE_DATAPLANE_CHECKSUM_H
#define LANRAGE_DATAPLANE_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds length bytes to a sum (0 to begin with). */
uint64_t checksum_add(uint64_t sum, const void *bytes, size_t length);
/* Adds one number that is part of the sum but not of the packet, like a pseudo-header's length. */
uint64_t checksum_add_be16(uint64_t sum, uint16_t value);
/* To 16 bits, not complemented. A packet with a right checksum in it sums up to 0xffff. */
uint16_t checksum_fold(uint64_t sum);
/* A stored checksum (RFC 1624) for length bytes, of an even number and at an even place, that
 * become others. udp: one that is 0 is none and stays. begun: it is a sum, not complemented yet. */
void checksum_adjust(uint8_t *stored, const void *before, const void *after, size_t length,
		     bool udp, bool begun);
/* The length of a whole IP packet into its header, and for IPv4 the header's checksum. */
void checksum_set_length(uint8_t *packet, size_t length);
/* The checksum of an IPv4 header. */
void checksum_set_ipv4(uint8_t *packet);

#endif
