/* Packets to everybody, from a bad member (first byte odd) or from a program: whatever is let
 * through is whole UDP over IPv4, and what leaves carries our own address and right checksums. The
 * packets: length in two bytes, then the bytes, and again. */
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/binding.h"
#include "svc-dataplane/fragment.h"
#include "svc-dataplane/lan.h"
#include "tests/unit/inner.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct split_offload whole = {.kind = SPLIT_NONE};
static const struct split_offload begun = {.kind = SPLIT_NONE, .checksum = true};

static struct lan lan;
static struct binding binding;

static void expect(bool right)
{
	if (!right)
		abort();
}

static void check(const uint8_t *packet, size_t length)
{
	expect(length >= 20 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_UDP);
	expect((size_t)(packet[2] << 8 | packet[3]) == length);
}

static void cut(const uint8_t *packet, size_t length)
{
	struct fragment fragment;
	uint8_t piece[576];
	size_t n, sum = 0;

	if (fragment_begin(&fragment, packet, length) < 0)
		return;
	while ((n = fragment_next(&fragment, sizeof(piece), piece)) > 0) {
		expect(n > 20 && n <= sizeof(piece));
		check(piece, n);
		sum += n - 20;
	}
	expect(sum == length - 20);
}

static void leave(uint64_t now_us, uint8_t *packet, size_t length)
{
	uint8_t before[20];

	if (length < sizeof(before))
		return;
	memcpy(before, packet, sizeof(before));
	binding_leaves(&binding, now_us, length % 2, packet, length, length % 3 ? &whole : &begun);
	memcpy(packet, before, sizeof(before));
	memcpy(packet + 12, &lan.config.address, 4); /* most are not our own otherwise */
	if (!lan_leaves(&lan, now_us, packet[length - 1] % 3u, packet, length))
		return;
	check(packet, length);
	expect(memcmp(packet + 12, &lan.config.address, 4) == 0);
	expect(inner_sum(0, packet, (packet[0] & 15u) * 4) == 0xffff);
	expect(lan_is_for_all(&lan, true, packet, length));
	cut(packet, length);
}

/* What is translated stays within its bytes, and goes where the kernel said. */
static void arrive(uint64_t now_us, uint8_t *packet, size_t length)
{
	const struct binding_answer answer = {0x0a01a8c0, length % 2};
	struct binding_port port;
	bool ask;

	if (lan_arrives(&lan, now_us, packet, length))
		check(packet, length);
	if (binding_arrives(&binding, now_us, packet, length, &port, &ask) != BINDING_WAIT)
		return;
	binding_answered(&binding, now_us, &port, &answer);
	if (binding_arrives(&binding, now_us, packet, length, &port, &ask) == BINDING_TO_CARD)
		expect(memcmp(packet + 16, &answer.address, 4) == 0 &&
		       inner_sum(0, packet, (packet[0] & 15u) * 4) == 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t now_us = 1000000;
	struct lan_config config = {DATAPLANE_LAN_DISCOVERY, 0x0200420a, 0xff00420a, 0x00ffffff};
	bool member = size > 0 && (data[0] & 1);

	lan_init(&lan, (const uint8_t[16]){1});
	lan_set(&lan, &config);
	binding_set(&binding, 0);
	binding_set(&binding, config.address);
	for (size_t at = 1; at + 2 <= size; now_us += 1000) {
		size_t length = (size_t)(data[at] << 8 | data[at + 1]);
		uint8_t *packet;

		at += 2;
		length = length < size - at ? length : size - at;
		packet = malloc(length ? length : 1); /* of exactly that size */
		if (!packet)
			return 0;
		memcpy(packet, data + at, length);
		if (!member)
			leave(now_us, packet, length);
		else
			arrive(now_us, packet, length);
		free(packet);
		at += length;
	}
	return 0;
}
