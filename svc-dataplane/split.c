#include "svc-dataplane/split.h"

#include <errno.h>
#include <string.h>

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/header.h"

static int complete_checksum(uint8_t *packet, size_t length, size_t start, size_t offset, bool udp)
{
	uint16_t sum;

	if (start + offset + sizeof(sum) > length)
		return -EBADMSG;
	/* What is there already is the sum of the pseudo-header. */
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet + start, length - start));
	if (sum == 0 && udp)
		sum = UINT16_MAX;
	memcpy(packet + start + offset, &sum, sizeof(sum));
	return 0;
}

static size_t header_size(enum split_kind kind, const uint8_t *packet, size_t length, size_t start)
{
	if (kind == SPLIT_UDP)
		return start + UDP_HEADER;
	if (start + TCP_HEADER > length || tcp_header_size(packet + start) < TCP_HEADER)
		return 0;
	return start + tcp_header_size(packet + start);
}

static int begin_segments(struct split *split, const struct split_offload *offload,
			  const uint8_t *packet, size_t length)
{
	size_t check = offload->start + split_checksum_offset(split->kind);

	split->start = offload->start;
	split->segment = offload->segment;
	split->header = header_size(split->kind, packet, length, split->start);
	if (split->start < (split->ipv4 ? ipv4_header_size(packet) : IPV6_HEADER) ||
	    split->header <= split->start || split->header > SPLIT_HEADER_MAX ||
	    split->header >= length || split->segment == 0)
		return -EBADMSG;
	split->payload = length - split->header;
	split->count = (unsigned)((split->payload + split->segment - 1) / split->segment);
	memcpy(split->headers, packet, split->header);
	/* The length that is in the sum of the pseudo-header is that of all; take it out. */
	split->pseudo = checksum_add(0, packet + check, sizeof(uint16_t));
	split->pseudo = checksum_add_be16(split->pseudo, (uint16_t) ~(length - split->start));
	memset(split->headers + check, 0, sizeof(uint16_t));
	return 0;
}

int split_begin(struct split *split, const struct split_offload *offload, uint8_t *packet,
		size_t length)
{
	if (!header_is_ip(packet, length))
		return -EBADMSG;
	split->at = packet;
	split->kind = offload->kind;
	split->done = 0;
	split->ipv4 = packet[0] >> 4 == 4;
	if (offload->kind != SPLIT_NONE)
		return begin_segments(split, offload, packet, length);
	split->header = 0;
	split->payload = split->segment = length;
	split->count = 1;
	if (!offload->checksum)
		return 0;
	return complete_checksum(packet, length, offload->start, offload->offset,
				 offload->offset == UDP_CHECKSUM);
}

unsigned split_left(const struct split *split)
{
	return split->count - split->done;
}

static void write_ip(const struct split *split, uint8_t *packet, size_t length)
{
	if (split->ipv4)
		header_set16(packet + IPV4_ID,
			     (uint16_t)(header_get16(split->headers + IPV4_ID) + split->done));
	checksum_set_length(packet, length);
}

static void write_tcp(const struct split *split, uint8_t *tcp, bool last)
{
	uint32_t sequence = header_get32(split->headers + split->start + TCP_SEQUENCE);

	header_set32(tcp + TCP_SEQUENCE, sequence + (uint32_t)(split->done * split->segment));
	if (!last)
		tcp[TCP_FLAGS] &= (uint8_t) ~(TCP_FIN | TCP_PSH);
	if (split->done > 0)
		tcp[TCP_FLAGS] &= (uint8_t)~TCP_CWR;
}

static void write_checksum(const struct split *split, uint8_t *transport, size_t length)
{
	uint64_t sum = checksum_add_be16(split->pseudo, (uint16_t)length);
	uint16_t folded = (uint16_t)~checksum_fold(checksum_add(sum, transport, length));

	if (split->kind == SPLIT_UDP && folded == 0)
		folded = UINT16_MAX;
	memcpy(transport + split_checksum_offset(split->kind), &folded, sizeof(folded));
}

uint8_t *split_next(struct split *split, size_t *length)
{
	uint8_t *packet = split->at;
	bool last = split->done + 1 == split->count;
	size_t payload = last ? split->payload : split->segment;

	if (split->done == split->count)
		return NULL;
	*length = split->header + payload;
	if (split->kind != SPLIT_NONE) {
		uint8_t *transport = packet + split->start;

		memcpy(packet, split->headers, split->header);
		write_ip(split, packet, *length);
		if (split->kind == SPLIT_TCP)
			write_tcp(split, transport, last);
		else
			header_set16(transport + UDP_LENGTH, (uint16_t)(*length - split->start));
		write_checksum(split, transport, *length - split->start);
	}
	split->at += payload;
	split->payload -= payload;
	split->done++;
	return packet;
}
