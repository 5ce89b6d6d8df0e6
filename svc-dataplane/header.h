/* header.h - where the fields of inner packets are: IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC
 * 9293), UDP (RFC 768). Offsets and sizes in bytes; numbers on the wire are big-endian.
 */
#ifndef LANRAGE_DATAPLANE_HEADER_H
#define LANRAGE_DATAPLANE_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IPV4_HEADER = 20, /* without options */
	IPV4_TOS = 1,
	IPV4_LENGTH = 2,
	IPV4_ID = 4,
	IPV4_FRAGMENT = 6,
	IPV4_TTL = 8,
	IPV4_PROTOCOL = 9,
	IPV4_CHECKSUM = 10,
	IPV4_SOURCE = 12,
	IPV4_DESTINATION = 16,
	IPV4_ADDRESS = 4,

	IPV6_HEADER = 40, /* without extensions */
	IPV6_LENGTH = 4,  /* of what follows the 40 bytes */
	IPV6_NEXT = 6,
	IPV6_HOPS = 7,
	IPV6_SOURCE = 8,
	IPV6_DESTINATION = 24,
	IPV6_ADDRESS = 16,

	TCP_HEADER = 20, /* without options */
	TCP_SEQUENCE = 4,
	TCP_ACKNOWLEDGED = 8,
	TCP_DATA_OFFSET = 12,
	TCP_FLAGS = 13,
	TCP_WINDOW = 14,
	TCP_CHECKSUM = 16,
	TCP_URGENT = 18,

	UDP_HEADER = 8,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,

	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
};

#define IPV4_DONT_FRAGMENT  0x4000u
#define IPV4_MORE_FRAGMENTS 0x2000u
#define IPV4_OFFSET_MASK    0x1fffu

#define TCP_FIN 0x01u
#define TCP_PSH 0x08u
#define TCP_ACK 0x10u
#define TCP_ECE 0x40u
#define TCP_CWR 0x80u

static inline uint16_t header_get16(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static inline uint32_t header_get32(const uint8_t *bytes)
{
	return (uint32_t)header_get16(bytes) << 16 | header_get16(bytes + 2);
}

static inline void header_set16(uint8_t *bytes, uint16_t value)
{
	bytes[0] = (uint8_t)(value >> 8);
	bytes[1] = (uint8_t)value;
}

static inline void header_set32(uint8_t *bytes, uint32_t value)
{
	header_set16(bytes, (uint16_t)(value >> 16));
	header_set16(bytes + 2, (uint16_t)value);
}

/* With options. */
static inline size_t ipv4_header_size(const uint8_t *packet)
{
	return (packet[0] & 15u) * 4u;
}

static inline size_t tcp_header_size(const uint8_t *tcp)
{
	return (tcp[TCP_DATA_OFFSET] >> 4) * 4u;
}

/* Whether the bytes begin with a whole IP header. */
static inline bool header_is_ip(const uint8_t *packet, size_t length)
{
	if (length >= IPV4_HEADER && packet[0] >> 4 == 4)
		return ipv4_header_size(packet) >= IPV4_HEADER &&
		       ipv4_header_size(packet) <= length;
	return length >= IPV6_HEADER && packet[0] >> 4 == 6;
}

#endif
