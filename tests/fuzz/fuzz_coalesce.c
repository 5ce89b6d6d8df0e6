/* Packets through coalesce, then through split: the same must come out (tests/unit/passage.h).
 *
 * Random bytes have no right checksums, so the input is a list of steps of three bytes, which
 * change the description of the next packet, or send one, damaged if told. The first byte switches
 * kinds.
 */
#include "svc-dataplane/coalesce.h"
#include "tests/unit/inner.h"
#include "tests/unit/passage.h"

#include <stdio.h>
#include <stdlib.h>

#define PAYLOAD_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct passage passage;
static struct inner next; /* to be sent */
static uint8_t bytes[PAYLOAD_MAX + 512];

static void renew(uint8_t kind, uint8_t from, uint8_t source)
{
	next = (struct inner){
		.ipv6 = kind & 1,
		.protocol = kind & 2 ? IPPROTO_UDP : IPPROTO_TCP,
		.from = from % 4,
		.source = source % 16,
		.ttl = 64,
		.fragment = kind & 4 ? INNER_DF : 0,
		.flags = TH_ACK,
		.options = kind & 8 ? 12 : 0,
		.payload = 100,
	};
}

/* Within what inner.h can make. */
static void limit(void)
{
	next.options = next.options % 41 & ~3u;
	next.extra = (uint8_t)(next.ipv6 ? next.extra & 0xf8u : next.extra % 41 & ~3u);
	next.label &= 0xfffffu;
	next.reserved &= 15;
	next.payload %= PAYLOAD_MAX;
}

static void change_byte(uint8_t which, uint8_t value)
{
	uint8_t *fields[] = {&next.protocol, &next.from,  &next.to,    &next.tos,
			     &next.ttl,	     &next.extra, &next.flags, &next.reserved,
			     &next.options,  &next.option};

	*fields[which % (sizeof(fields) / sizeof(fields[0]))] ^= value;
}

static void change_word(uint8_t which, uint8_t value)
{
	uint16_t *fields[] = {&next.id,	    &next.source, &next.destination,
			      &next.window, &next.urgent, &next.fragment};
	uint16_t change = (uint16_t)(which & 1 ? value << 8 : value);

	*fields[which / 2 % (sizeof(fields) / sizeof(fields[0]))] ^= change;
}

/* Up or down by up to 128. */
static void change_long(uint8_t which, uint8_t value)
{
	uint32_t *fields[] = {&next.label, &next.sequence, &next.acknowledged, &next.stamp};

	*fields[which % 4] += (uint32_t)(int32_t)(int8_t)value;
}

static void follow(void)
{
	next.sequence += (uint32_t)next.payload;
	next.stamp += (uint32_t)next.payload;
	next.id++;
}

static void send_row(size_t count)
{
	for (; count > 0 && passage.added < PASSAGE_MAX; count--) {
		passage_add(&passage, bytes, inner_make(&next, bytes));
		follow();
	}
}

/* One byte changed, or the end; then the checksums made right again if told. */
static void send_damaged(uint8_t where, uint8_t how, bool cut, bool right)
{
	size_t length = inner_make(&next, bytes), start = inner_start(&next);

	if (cut)
		length = where % 2 ? length + 1 : how % (length + 1);
	else
		bytes[where % length] ^= how;
	if (right && length >= start + 20)
		inner_finish(bytes, length, start, next.protocol);
	if (passage.added < PASSAGE_MAX)
		passage_add(&passage, bytes, length);
	follow();
}

static void step(uint8_t what, uint8_t a, uint8_t b)
{
	switch (what % 11) {
	case 0: renew(what / 11, a, b); break;
	case 1: next.payload = (size_t)a | (size_t)b << 8; break;
	case 2: change_byte(a, b); break;
	case 3: change_word(a, b); break;
	case 4: change_long(a, b); break;
	case 5: send_row(a % 70u); break;
	case 6:
	case 7:
	case 8:
	case 9: send_damaged(a, b, what % 11 & 1, what % 11 & 2); break;
	case 10: coalesce_flush(&passage.coalesce); break;
	}
	limit();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	passage_init(&passage, !(data[0] & 1), !(data[0] & 2));
	renew(0, 0, 0);
	for (size_t at = 1; at + 3 <= size; at += 3)
		step(data[at], data[at + 1], data[at + 2]);
	passage_flush(&passage);
	if (passage.fault) {
		fprintf(stderr, "%s\n", passage.fault);
		abort();
	}
	passage_deinit(&passage);
	return 0;
}
