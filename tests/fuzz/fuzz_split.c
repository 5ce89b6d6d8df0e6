/* A packet and its offload description: eight bytes for the description, the rest is the packet.
 * What is taken must come out as packets within the bytes given, with all the payload and none
 * else.
 */
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/split.h"
#include "tests/unit/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool right)
{
	if (!right)
		abort();
}

static struct split_offload describe(const uint8_t *data)
{
	return (struct split_offload){
		.kind = (enum split_kind)(data[0] % 3),
		.checksum = data[1] & 1,
		.start = (uint16_t)(data[2] | data[3] << 8),
		.offset = (uint16_t)(data[4] | data[5] << 8),
		.segment = (uint16_t)(data[6] | data[7] << 8),
	};
}

static void check_ip(const uint8_t *packet, size_t length)
{
	if (packet[0] >> 4 == 6) {
		expect((size_t)(packet[4] << 8 | packet[5]) == length - 40);
		return;
	}
	expect((size_t)(packet[2] << 8 | packet[3]) == length);
	expect(inner_sum(0, packet, (packet[0] & 15u) * 4) == 0xffff);
}

static size_t header_length(const struct split_offload *offload, const uint8_t *packet, size_t size)
{
	if (offload->kind == SPLIT_UDP)
		return offload->start + 8u;
	expect(offload->start + 20u <= size);
	return offload->start + (packet[offload->start + 12] >> 4) * 4u;
}

static void check_segments(struct split *split, const struct split_offload *offload,
			   uint8_t *packet, const uint8_t *whole, size_t size)
{
	size_t header = header_length(offload, whole, size), payload = size - header;
	size_t left = (payload + offload->segment - 1) / offload->segment, done = 0, length;
	uint8_t *next;

	expect(header < size && split_left(split) == left);
	while ((next = split_next(split, &length))) {
		left--;
		expect(split_left(split) == left && next == packet + done);
		expect(length == header + (left > 0 ? offload->segment : payload - done));
		expect(memcmp(next + header, whole + header + done, length - header) == 0);
		check_ip(next, length);
		done += length - header;
	}
	expect(left == 0 && done == payload);
}

/* The same packet but for a checksum, if that was wanted. */
static void check_one(struct split *split, const struct split_offload *offload, uint8_t *packet,
		      const uint8_t *whole, size_t size)
{
	size_t length, check = (size_t)offload->start + offload->offset;
	uint8_t *next = split_next(split, &length);

	expect(next == packet && length == size && split_left(split) == 0);
	expect(split_next(split, &length) == NULL);
	if (offload->checksum) {
		expect(check + 2 <= size);
		memcpy(packet + check, whole + check, 2);
	}
	expect(memcmp(packet, whole, size) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct split_offload offload;
	struct split split;
	uint8_t *packet;

	if (size < 8)
		return 0;
	offload = describe(data);
	data += 8;
	size -= 8;
	packet = malloc(size ? size : 1);
	if (!packet)
		abort();
	memcpy(packet, data, size);
	if (split_begin(&split, &offload, packet, size) == 0) {
		if (offload.kind == SPLIT_NONE)
			check_one(&split, &offload, packet, data, size);
		else
			check_segments(&split, &offload, packet, data, size);
	}
	free(packet);
	return 0;
}
