/* inner.h - inner packets made from a description, field by field as the RFCs draw them, with
 * checksums summed a byte at a time. Slow and plain, and shares nothing with svc-dataplane: what
 * tests and fuzz targets hold the offloads against.
 */
#ifndef LANRAGE_TESTS_INNER_H
#define LANRAGE_TESTS_INNER_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define INNER_MAX 65800 /* more than any IP packet has */

enum {
	INNER_CWR = 0x80,
	INNER_ECE = 0x40,
	INNER_DF = 0x4000,
	INNER_MF = 0x2000,
};

/* What is left 0 is 0 in the packet, or not there. */
struct inner {
	bool ipv6;
	uint8_t protocol; /* other than TCP and UDP: the payload is behind the IP header */
	uint8_t from, to; /* the addresses' last byte */
	uint8_t tos, ttl;
	uint32_t label;	       /* IPv6: flow label */
	uint16_t id, fragment; /* IPv4; the latter with DF and MF */
	uint8_t extra;	       /* bytes of IPv4 options, or of an IPv6 extension header */
	uint16_t source, destination;
	uint32_t sequence, acknowledged;
	uint8_t flags, reserved;
	uint16_t window, urgent;
	uint8_t options, option; /* TCP: bytes of options, and the last one's value */
	size_t payload;
	uint32_t stamp; /* what the payload is counted from */
};

/* ---- checksums (RFC 1071) */

/* Not complemented. */
static inline uint16_t inner_sum(uint16_t sum, const uint8_t *bytes, size_t length)
{
	uint32_t total = sum;

	for (size_t i = 0; i < length; i++)
		total += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (total > UINT16_MAX)
		total = (total >> 16) + (total & UINT16_MAX);
	return (uint16_t)total;
}

/* Of the pseudo-header for length bytes behind it (RFC 9293 section 3.1, RFC 8200 section 8.1). */
static inline uint16_t inner_pseudo(const uint8_t *packet, uint8_t protocol, size_t length)
{
	uint8_t rest[] = {0, protocol, (uint8_t)(length >> 8), (uint8_t)length};
	uint16_t sum = inner_sum(0, rest, sizeof(rest));

	return packet[0] >> 4 == 4 ? inner_sum(sum, packet + 12, 8)
				   : inner_sum(sum, packet + 8, 32);
}

/* ---- making */

static inline uint8_t *inner_put16(uint8_t *at, size_t value)
{
	*at++ = (uint8_t)(value >> 8);
	*at++ = (uint8_t)value;
	return at;
}

static inline uint8_t *inner_put32(uint8_t *at, uint32_t value)
{
	return inner_put16(inner_put16(at, value >> 16), value);
}

/* Where TCP or UDP begins. */
static inline size_t inner_start(const struct inner *inner)
{
	return (inner->ipv6 ? 40u : 20u) + inner->extra;
}

/* Where the payload begins. */
static inline size_t inner_header(const struct inner *inner)
{
	size_t start = inner_start(inner);

	if (inner->protocol == IPPROTO_TCP)
		return start + 20 + inner->options;
	return inner->protocol == IPPROTO_UDP ? start + 8 : start;
}

static inline size_t inner_length(const struct inner *inner)
{
	return inner_header(inner) + inner->payload;
}

/* Of the checksum within TCP or UDP. */
static inline uint16_t inner_check(const struct inner *inner)
{
	return inner->protocol == IPPROTO_TCP ? 16 : 6;
}

static inline uint8_t *inner_put_ipv4(uint8_t *packet, const struct inner *inner)
{
	uint8_t *at = packet;

	*at++ = (uint8_t)(4 << 4 | (20 + inner->extra) / 4);
	*at++ = inner->tos;
	at = inner_put16(at, inner_length(inner));
	at = inner_put16(at, inner->id);
	at = inner_put16(at, inner->fragment);
	*at++ = inner->ttl;
	*at++ = inner->protocol;
	at = inner_put16(at, 0);
	at = inner_put32(at, 0x0a0b0c00u | inner->from);
	at = inner_put32(at, 0x0a0b0d00u | inner->to);
	memset(at, 1, inner->extra); /* no operation */
	inner_put16(packet + 10, (uint16_t)~inner_sum(0, packet, inner_start(inner)));
	return at + inner->extra;
}

static inline uint8_t *inner_put_ipv6(uint8_t *at, const struct inner *inner)
{
	static const uint8_t prefix[15] = {0xfd, 0x4c, 0x41, 0x4e};

	at = inner_put32(at, 6u << 28 | (uint32_t)inner->tos << 20 | inner->label);
	at = inner_put16(at, inner_length(inner) - 40);
	*at++ = inner->extra > 0 ? IPPROTO_DSTOPTS : inner->protocol;
	*at++ = inner->ttl;
	memcpy(at, prefix, 15);
	at[15] = inner->from;
	memcpy(at + 16, prefix, 15);
	at[31] = inner->to;
	at += 32;
	if (inner->extra == 0)
		return at;
	memset(at, 0, inner->extra); /* padding of one byte each */
	at[0] = inner->protocol;
	at[1] = (uint8_t)(inner->extra / 8 - 1);
	return at + inner->extra;
}

static inline uint8_t *inner_put_tcp(uint8_t *at, const struct inner *inner)
{
	at = inner_put16(at, inner->source);
	at = inner_put16(at, inner->destination);
	at = inner_put32(at, inner->sequence);
	at = inner_put32(at, inner->acknowledged);
	*at++ = (uint8_t)((20 + inner->options) / 4 << 4 | inner->reserved);
	*at++ = inner->flags;
	at = inner_put16(at, inner->window);
	at = inner_put16(at, 0);
	at = inner_put16(at, inner->urgent);
	memset(at, 1, inner->options);
	at += inner->options;
	if (inner->options > 0)
		at[-1] = inner->option;
	return at;
}

static inline uint8_t *inner_put_udp(uint8_t *at, const struct inner *inner)
{
	at = inner_put16(at, inner->source);
	at = inner_put16(at, inner->destination);
	at = inner_put16(at, 8 + inner->payload);
	return inner_put16(at, 0);
}

/* The packet as a device with offload takes and gives it: of the checksum only the pseudo-header's
 * part is there. Returns the length. */
static inline size_t inner_make_begun(const struct inner *inner, uint8_t *packet)
{
	size_t length = inner_length(inner), start = inner_start(inner);
	uint8_t *at = inner->ipv6 ? inner_put_ipv6(packet, inner) : inner_put_ipv4(packet, inner);

	if (inner->protocol == IPPROTO_TCP)
		at = inner_put_tcp(at, inner);
	else if (inner->protocol == IPPROTO_UDP)
		at = inner_put_udp(at, inner);
	for (uint32_t i = 0; i < inner->payload; i++)
		at[i] = (uint8_t)((inner->stamp + i) * 2654435761u >> 24);
	if (inner->protocol == IPPROTO_TCP || inner->protocol == IPPROTO_UDP)
		inner_put16(packet + start + inner_check(inner),
			    inner_pseudo(packet, inner->protocol, length - start));
	return length;
}

/* Makes the checksums right, whatever else is wrong. */
static inline void inner_finish(uint8_t *packet, size_t length, size_t start, uint8_t protocol)
{
	uint8_t *check = packet + start + (protocol == IPPROTO_TCP ? 16 : 6);
	uint16_t sum = inner_pseudo(packet, protocol, length - start);

	inner_put16(check, 0);
	sum = (uint16_t)~inner_sum(sum, packet + start, length - start);
	inner_put16(check, sum == 0 && protocol == IPPROTO_UDP ? UINT16_MAX : sum);
	if (packet[0] >> 4 == 6)
		return;
	inner_put16(packet + 10, 0);
	inner_put16(packet + 10, (uint16_t)~inner_sum(0, packet, (packet[0] & 15u) * 4));
}

/* The packet whole. */
static inline size_t inner_make(const struct inner *inner, uint8_t *packet)
{
	size_t length = inner_make_begun(inner, packet);

	if (inner->protocol == IPPROTO_TCP || inner->protocol == IPPROTO_UDP)
		inner_finish(packet, length, inner_start(inner), inner->protocol);
	return length;
}

/* The one numbered n, from 0, of the packets that this one stands for. */
static inline struct inner inner_segment(const struct inner *whole, size_t segment, size_t n)
{
	struct inner piece = *whole;
	size_t at = n * segment;

	piece.payload = at + segment < whole->payload ? segment : whole->payload - at;
	piece.stamp += (uint32_t)at;
	piece.sequence += (uint32_t)at;
	piece.id = (uint16_t)(whole->id + n);
	if (at + segment < whole->payload)
		piece.flags &= (uint8_t) ~(TH_FIN | TH_PUSH);
	if (n > 0)
		piece.flags &= (uint8_t)~INNER_CWR;
	return piece;
}

/* The same, over the other family. */
static inline struct inner inner_over_ipv6(struct inner inner)
{
	inner.ipv6 = true;
	inner.label = 0x54321;
	return inner;
}

#endif
