#include "svc-dataplane/fragment.h"

#include <errno.h>
#include <string.h>

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/header.h"

#define UNIT 8 /* bytes: what offsets count in */

int fragment_begin(struct fragment *fragment, const uint8_t *packet, size_t length)
{
	if (!header_is_ip(packet, length) || packet[0] >> 4 != 4 ||
	    header_get16(packet + IPV4_LENGTH) != length)
		return -EBADMSG;
	if (ipv4_header_size(packet) != IPV4_HEADER)
		return -EMSGSIZE;
	*fragment = (struct fragment){.packet = packet, .length = length};
	return 0;
}

size_t fragment_next(struct fragment *fragment, size_t mtu, uint8_t *out)
{
	size_t left = fragment->length - IPV4_HEADER - fragment->at;
	size_t size = left <= mtu - IPV4_HEADER ? left : (mtu - IPV4_HEADER) / UNIT * UNIT;
	uint16_t field = header_get16(fragment->packet + IPV4_FRAGMENT);
	uint16_t more = size < left ? IPV4_MORE_FRAGMENTS : field & IPV4_MORE_FRAGMENTS;

	if (left == 0)
		return 0;
	field = (uint16_t)((field & IPV4_OFFSET_MASK) + fragment->at / UNIT);
	memcpy(out, fragment->packet, IPV4_HEADER);
	memcpy(out + IPV4_HEADER, fragment->packet + IPV4_HEADER + fragment->at, size);
	header_set16(out + IPV4_FRAGMENT, field | more);
	checksum_set_length(out, IPV4_HEADER + size);
	fragment->at += size;
	return IPV4_HEADER + size;
}
