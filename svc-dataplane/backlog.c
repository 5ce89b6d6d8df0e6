#include "svc-dataplane/backlog.h"

#include <string.h>

#include "svc-dataplane/header.h"

void backlog_init(struct backlog *backlog)
{
	backlog->n_free = BACKLOG_PACKETS + 1;
	/* the last one freed is the first one used again: it is still in the processor's cache */
	for (unsigned i = 0; i < backlog->n_free; i++)
		backlog->free[i] = &backlog->packets[BACKLOG_PACKETS - i];
}

struct backlog_packet *backlog_place(struct backlog *backlog)
{
	return backlog->free[backlog->n_free - 1];
}

static uint32_t mix(uint32_t hash, const uint8_t *bytes, size_t length)
{
	uint32_t word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b1u;
		hash ^= hash >> 15;
	}
	return hash;
}

/* From addresses and ports; fragments, which have no ports, share the number of their addresses. */
static uint8_t flow_of(const struct backlog_packet *packet)
{
	const uint8_t *bytes = packet->bytes;
	uint32_t hash;
	size_t ports;

	if (packet->length >= IPV4_HEADER && bytes[0] >> 4 == 4) {
		bool whole = !(header_get16(bytes + IPV4_FRAGMENT) &
			       (IPV4_MORE_FRAGMENTS | IPV4_OFFSET_MASK));

		ports = whole ? ipv4_header_size(bytes) : packet->length;
		hash = mix(bytes[IPV4_PROTOCOL], bytes + IPV4_SOURCE, 2 * IPV4_ADDRESS);
	} else if (packet->length >= IPV6_HEADER) {
		ports = IPV6_HEADER;
		hash = mix(bytes[IPV6_NEXT], bytes + IPV6_SOURCE, 2 * IPV6_ADDRESS);
	} else {
		return 0;
	}
	if (ports + 4 <= packet->length)
		hash = mix(hash, bytes + ports, 4);
	return (uint8_t)(hash % BACKLOG_FLOWS);
}

bool backlog_wait(struct backlog *backlog)
{
	struct backlog_packet *packet = backlog_place(backlog);

	if (backlog->n == 0 && packet->offload.kind == SPLIT_NONE)
		return false;
	packet->flow = flow_of(packet);
	if (packet->offload.kind == SPLIT_NONE && backlog->waiting[packet->flow] == 0)
		return false;
	if (backlog->n == BACKLOG_PACKETS) {
		backlog->dropped++;
		return true;
	}
	backlog->order[(backlog->first + backlog->n++) % BACKLOG_PACKETS] = packet;
	backlog->waiting[packet->flow]++;
	backlog->n_free--;
	return true;
}

struct backlog_packet *backlog_first(struct backlog *backlog)
{
	return backlog->n > 0 ? backlog->order[backlog->first] : NULL;
}

void backlog_done(struct backlog *backlog)
{
	struct backlog_packet *packet = backlog->order[backlog->first];

	backlog->first = (backlog->first + 1) % BACKLOG_PACKETS;
	backlog->n--;
	backlog->waiting[packet->flow]--;
	backlog->free[backlog->n_free++] = packet;
}
