/* passage.h - packets through coalesce, and what it writes through split: what comes out must be
 * what went in.
 *
 * Byte for byte, and in order within a flow. One thing may differ: the identification of an IPv4
 * packet with DF, where it has no meaning (RFC 6864), and with it the header checksum, which then
 * has to be right. What is written is also looked at as the kernel would: lengths, sums begun, and
 * the limits of a packet.
 *
 * The first fault is kept, in words. Packets and pieces are allocated to the byte.
 */
#ifndef LANRAGE_TESTS_PASSAGE_H
#define LANRAGE_TESTS_PASSAGE_H

#include "svc-dataplane/coalesce.h"
#include "tests/unit/inner.h"

#include <stdlib.h>

#define PASSAGE_MAX 256 /* packets */

struct passage {
	struct coalesce coalesce;
	size_t added, out;	/* packets */
	struct passage_packet { /* as they went in */
		uint8_t *bytes, *lent;
		size_t length;
		bool out;
	} packets[PASSAGE_MAX];
	size_t written; /* calls of coalesce_write */
	struct passage_write {
		enum split_kind kind;
		size_t parts, length, segment;
		uint8_t *bytes; /* as written */
	} writes[PASSAGE_MAX];
	const char *fault;
};

static inline void passage_check(struct passage *passage, bool right, const char *fault)
{
	if (!right && !passage->fault)
		passage->fault = fault;
}

static inline uint8_t *passage_allocate(size_t length)
{
	uint8_t *bytes = malloc(length > 0 ? length : 1);

	if (!bytes)
		abort();
	return bytes;
}

static inline uint8_t *passage_copy(const uint8_t *bytes, size_t length)
{
	return memcpy(passage_allocate(length), bytes, length);
}

static inline size_t passage_get16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

/* ---- order */

/* What can be seen of where a packet belongs. */
struct passage_ends {
	uint8_t addresses[33]; /* with the version in front; zero for what is no IP packet */
	uint8_t protocol;      /* 0: cannot be told */
	bool ported;
	uint8_t ports[4];
};

static inline void passage_see(struct passage_ends *ends, const uint8_t *packet, size_t length)
{
	size_t start = 40;
	bool later_fragment = false;

	memset(ends, 0, sizeof(*ends));
	if (length >= 20 && packet[0] >> 4 == 4) {
		memcpy(ends->addresses + 1, packet + 12, 8);
		ends->protocol = packet[9];
		start = (packet[0] & 15u) * 4u;
		later_fragment = passage_get16(packet + 6) & 0x1fff;
	} else if (length >= 40 && packet[0] >> 4 == 6) {
		memcpy(ends->addresses + 1, packet + 8, 32);
		ends->protocol = packet[6];
	} else {
		return;
	}
	ends->addresses[0] = packet[0] >> 4;
	if (ends->protocol != IPPROTO_TCP && ends->protocol != IPPROTO_UDP) {
		if (packet[0] >> 4 == 6 && ends->protocol != IPPROTO_ICMPV6)
			ends->protocol = 0; /* perhaps behind an extension header */
	} else if (start >= 20 && start + 4 <= length && !later_fragment) {
		ends->ported = true;
		memcpy(ends->ports, packet + start, 4);
	}
}

/* Whether the two must stay in order: they are of one flow, or could be. */
static inline bool passage_ordered(const struct passage_packet *packet,
				   const struct passage_ends *other)
{
	struct passage_ends ends;

	passage_see(&ends, packet->bytes, packet->length);
	return memcmp(ends.addresses, other->addresses, sizeof(ends.addresses)) == 0 &&
	       (ends.protocol == other->protocol || ends.protocol == 0 || other->protocol == 0) &&
	       (!ends.ported || !other->ported || memcmp(ends.ports, other->ports, 4) == 0);
}

/* ---- equality */

static inline bool passage_same(const struct passage_packet *in, const uint8_t *bytes,
				size_t length)
{
	if (in->length != length)
		return false;
	if (memcmp(in->bytes, bytes, length) == 0)
		return true;
	return length >= 20 && bytes[0] == 0x45 &&
	       (passage_get16(in->bytes + 6) & 0x7fff) == INNER_DF &&
	       inner_sum(0, in->bytes, 20) == 0xffff && inner_sum(0, bytes, 20) == 0xffff &&
	       memcmp(in->bytes, bytes, 4) == 0 && memcmp(in->bytes + 6, bytes + 6, 4) == 0 &&
	       memcmp(in->bytes + 12, bytes + 12, length - 12) == 0;
}

/* It must be the first of its flow that is not out yet. */
static inline void passage_arrive(struct passage *passage, const uint8_t *bytes, size_t length)
{
	struct passage_ends ends;

	passage_see(&ends, bytes, length);
	for (size_t i = 0; i < passage->added; i++) {
		struct passage_packet *packet = &passage->packets[i];

		if (packet->out || !passage_ordered(packet, &ends))
			continue;
		passage_check(passage, passage_same(packet, bytes, length),
			      "changed, or out of order");
		packet->out = true;
		passage->out++;
		return;
	}
	passage_check(passage, false, "from nowhere");
}

/* ---- what is written */

/* As the kernel wants a packet with an offload description. */
static inline void passage_check_large(struct passage *passage, const struct split_offload *offload,
				       const uint8_t *packet, size_t length)
{
	bool ipv4 = packet[0] >> 4 == 4, tcp = offload->kind == SPLIT_TCP;
	uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	size_t start = offload->start, check = start + (tcp ? 16 : 6);

	passage_check(passage, length <= 65535, "too long");
	passage_check(passage,
		      start == (ipv4 ? 20 : 40) && offload->checksum &&
			      start + offload->offset == check,
		      "wrong offsets");
	passage_check(passage,
		      offload->header == start + (tcp ? (packet[start + 12] >> 4) * 4u : 8u),
		      "wrong header size");
	passage_check(passage,
		      ipv4 ? passage_get16(packet + 2) == length &&
				      inner_sum(0, packet, 20) == 0xffff
			   : passage_get16(packet + 4) == length - 40,
		      "bad IP header");
	passage_check(passage, tcp || passage_get16(packet + start + 4) == length - start,
		      "wrong UDP length");
	/* Both zeros are right: what is added later makes no difference between them. */
	passage_check(passage,
		      passage_get16(packet + check) % 0xffff ==
			      inner_pseudo(packet, protocol, length - start) % 0xffff,
		      "wrong sum of the pseudo-header");
}

static inline void passage_split(struct passage *passage, const struct split_offload *offload,
				 uint8_t *packet, size_t length)
{
	struct split split;
	uint8_t *next;
	int result = split_begin(&split, offload, packet, length);

	if (offload->kind == SPLIT_NONE) {
		passage_arrive(passage, packet, length); /* whatever it is */
		return;
	}
	passage_check(passage, result == 0, "cannot be split");
	while (result == 0 && (next = split_next(&split, &length)))
		passage_arrive(passage, next, length);
}

static inline void passage_write(void *data, const struct split_offload *offload,
				 struct iovec *parts, size_t n)
{
	struct passage *passage = data;
	struct passage_write *write;
	uint8_t *packet, *at;

	passage_check(passage, passage->written < PASSAGE_MAX, "too many writes");
	if (passage->fault)
		return;
	write = &passage->writes[passage->written++];
	*write = (struct passage_write){offload->kind, n, 0, offload->segment, NULL};
	passage_check(passage, n >= 1 && n <= COALESCE_PIECES, "too many parts");
	passage_check(passage, (offload->kind == SPLIT_NONE) == (n == 1), "of the wrong kind");
	for (int i = -COALESCE_HEADERS; i < 0; i++)
		parts[i] = (struct iovec){NULL, SIZE_MAX};
	for (size_t i = 0; i < n; i++)
		write->length += parts[i].iov_len;
	at = packet = passage_allocate(write->length);
	for (size_t i = 0; i < n; at += parts[i++].iov_len)
		memcpy(at, parts[i].iov_base, parts[i].iov_len);
	write->bytes = passage_copy(packet, write->length);
	if (offload->kind != SPLIT_NONE)
		passage_check_large(passage, offload, packet, write->length);
	passage_split(passage, offload, packet, write->length);
	free(packet);
}

/* ---- from outside */

static inline void passage_init(struct passage *passage, bool tcp, bool udp)
{
	memset(passage, 0, sizeof(*passage));
	coalesce_init(&passage->coalesce, passage_write, passage);
	coalesce_set(&passage->coalesce, tcp, udp);
}

static inline void passage_add(struct passage *passage, const uint8_t *bytes, size_t length)
{
	struct passage_packet *packet = &passage->packets[passage->added++];

	packet->bytes = passage_copy(bytes, length);
	packet->lent = passage_copy(bytes, length);
	packet->length = length;
	packet->out = false;
	coalesce_add(&passage->coalesce, packet->lent, length);
}

/* After it all packets are out, or there is a fault. What was borrowed is gone. */
static inline void passage_flush(struct passage *passage)
{
	coalesce_flush(&passage->coalesce);
	passage_check(passage, passage->out == passage->added, "lost");
	for (size_t i = 0; i < passage->added; i++) {
		free(passage->packets[i].lent);
		passage->packets[i].lent = NULL;
	}
}

static inline void passage_deinit(struct passage *passage)
{
	for (size_t i = 0; i < passage->added; i++) {
		free(passage->packets[i].bytes);
		free(passage->packets[i].lent);
	}
	for (size_t i = 0; i < passage->written; i++)
		free(passage->writes[i].bytes);
}

#endif
