/* Splitting, against what Linux makes of the same packets (vectors/segments.h), against packets
 * made one by one from a description, and against hand-written fields where a rule is easy to miss.
 *
 * Packets are allocated to the byte, so the address sanitizer sees every step outside.
 */
#include "svc-dataplane/split.h"
#include "tests/unit/inner.h"
#include "tests/unit/vectors/segments.h"
#include "tests/unit/vectors/vector.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS	3000
#define LENGTHS (sizeof(lengths) / sizeof(lengths[0]))

static unsigned seed; /* of the random round under way */

static const struct inner tcp4 = {
	.protocol = IPPROTO_TCP,
	.from = 1,
	.to = 2,
	.tos = 2,
	.ttl = 64,
	.id = 700,
	.source = 40000,
	.destination = 443,
	.sequence = 1000,
	.acknowledged = 2000,
	.flags = TH_ACK | TH_PUSH,
	.window = 500,
	.payload = 250,
};
static const struct inner udp4 = {
	.protocol = IPPROTO_UDP,
	.from = 1,
	.to = 2,
	.ttl = 64,
	.id = 700,
	.source = 50000,
	.destination = 27015,
	.payload = 250,
};

static struct split_offload describe(const struct inner *inner, size_t segment)
{
	return (struct split_offload){
		.kind = segment == 0			 ? SPLIT_NONE
			: inner->protocol == IPPROTO_TCP ? SPLIT_TCP
							 : SPLIT_UDP,
		.checksum = true,
		.start = (uint16_t)inner_start(inner),
		.offset = inner_check(inner),
		.segment = (uint16_t)segment,
	};
}

/* To the byte, to be freed. */
static uint8_t *copy(const uint8_t *bytes, size_t length)
{
	uint8_t *exact = malloc(length ? length : 1);

	assert_non_null(exact);
	memcpy(exact, bytes, length);
	return exact;
}

static void expect_packet(struct split *split, const uint8_t *expected, size_t length)
{
	size_t got = 0;
	uint8_t *packet = split_next(split, &got);

	if (!packet || got != length || memcmp(packet, expected, length) != 0)
		print_message("seed %u: %u packets left, %zu bytes for %zu\n", seed,
			      split_left(split), got, length);
	assert_non_null(packet);
	assert_int_equal(got, length);
	assert_memory_equal(packet, expected, length);
}

static void expect_end(struct split *split)
{
	size_t length;

	assert_int_equal(split_left(split), 0);
	assert_null(split_next(split, &length));
	assert_null(split_next(split, &length));
}

/* Whether the packet is split into just those that inner_segment() describes. */
static void expect_segments(const struct inner *whole, size_t segment)
{
	static uint8_t bytes[INNER_MAX];
	const struct split_offload offload = describe(whole, segment);
	size_t length = inner_make_begun(whole, bytes);
	size_t count = (whole->payload + segment - 1) / segment;
	uint8_t *packet = copy(bytes, length);
	struct split split;

	assert_int_equal(split_begin(&split, &offload, packet, length), 0);
	for (size_t n = 0; n < count; n++) {
		struct inner piece = inner_segment(whole, segment, n);

		assert_int_equal(split_left(&split), count - n);
		expect_packet(&split, bytes, inner_make(&piece, bytes));
	}
	expect_end(&split);
	free(packet);
}

/* ---- as Linux does it */

static void test_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vector_segments) / sizeof(vector_segments[0]); i++) {
		const struct vector_segments *vector = &vector_segments[i];
		uint8_t bytes[512];
		size_t length = vector_read(bytes, sizeof(bytes), vector->packet);
		uint8_t *packet = copy(bytes, length);
		struct split split;

		print_message("%s\n", vector->name);
		assert_int_equal(split_begin(&split, &vector->offload, packet, length), 0);
		for (size_t n = 0; vector->segments[n]; n++) {
			length = vector_read(bytes, sizeof(bytes), vector->segments[n]);
			expect_packet(&split, bytes, length);
		}
		expect_end(&split);
		free(packet);
	}
}

/* ---- lengths */

/* Short tails, exact multiples, one packet alone; segments smaller than the headers before them. */
static void test_lengths(void **state)
{
	static const struct {
		size_t payload, segment;
	} lengths[] = {
		{1, 1},	      {2, 1},	    {7, 1},	    {7, 2},	    {7, 6},
		{7, 7},	      {7, 8},	    {99, 100},	    {100, 100},	    {101, 100},
		{199, 100},   {200, 100},   {201, 100},	    {300, 33},	    {300, 19},
		{1460, 1460}, {1461, 1460}, {2920, 1460},   {40000, 536},   {60000, 999},
		{60000, 937}, {65000, 1},   {65000, 65000}, {65000, 65535},
	};
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);
	struct inner wholes[] = {tcp4, tcp6, udp4, udp6};

	(void)state;
	for (size_t i = 0; i < LENGTHS; i++)
		for (size_t n = 0; n < 4; n++) {
			wholes[n].payload = lengths[i].payload;
			if (wholes[n].payload > 2000 && lengths[i].segment == 1 && n > 0)
				continue; /* once is enough, it takes time */
			expect_segments(&wholes[n], lengths[i].segment);
		}
}

/* As long as the IP length fields can tell. */
static void test_longest(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4), tcp = tcp4,
		     udp = udp4;

	(void)state;
	tcp.payload = 65535 - 40;
	udp.payload = 65535 - 28;
	tcp6.payload = 65535 - 20;
	udp6.payload = 65535 - 8;
	expect_segments(&tcp, 1448);
	expect_segments(&udp, 1472);
	expect_segments(&tcp6, 1428);
	expect_segments(&udp6, 65527);
}

/* ---- fields */

/* The numbers that a test wants to see, of every packet. */
static void expect_numbers(const struct inner *whole, size_t segment, size_t at, size_t bytes,
			   const uint32_t *expected)
{
	static uint8_t packet[INNER_MAX];
	const struct split_offload offload = describe(whole, segment);
	size_t length = inner_make_begun(whole, packet);
	struct split split;
	uint8_t *next;

	assert_int_equal(split_begin(&split, &offload, packet, length), 0);
	while ((next = split_next(&split, &length))) {
		uint32_t number = 0;

		for (size_t i = 0; i < bytes; i++)
			number = number << 8 | next[at + i];
		assert_int_equal(number, *expected++);
	}
}

static void test_identification_wraps(void **state)
{
	static const uint32_t expected[] = {0xfffe, 0xffff, 0, 1, 2};
	struct inner tcp = tcp4, udp = udp4;

	(void)state;
	tcp.id = udp.id = 0xfffe;
	expect_numbers(&tcp, 50, 4, 2, expected);
	expect_numbers(&udp, 50, 4, 2, expected);
	/* With DF too, as Linux does. */
	tcp.fragment = INNER_DF;
	expect_numbers(&tcp, 50, 4, 2, expected);
	expect_segments(&tcp, 50);
}

static void test_sequence_wraps(void **state)
{
	static const uint32_t expected[] = {0xffffff80u, 0xffffffe4u, 0x48};
	struct inner tcp = tcp4, tcp6;

	(void)state;
	tcp.sequence = 0xffffff80u;
	tcp6 = inner_over_ipv6(tcp);
	expect_numbers(&tcp, 100, 24, 4, expected);
	expect_numbers(&tcp6, 100, 44, 4, expected);
	expect_segments(&tcp, 100);
	expect_segments(&tcp6, 100);
}

static void test_ip_lengths(void **state)
{
	static const uint32_t lengths4[] = {140, 140, 90}, lengths6[] = {120, 120, 70},
			      udp_lengths[] = {108, 108, 58};
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);

	(void)state;
	expect_numbers(&tcp4, 100, 2, 2, lengths4);
	expect_numbers(&tcp6, 100, 4, 2, lengths6);
	expect_numbers(&udp4, 100, 24, 2, udp_lengths);
	expect_numbers(&udp6, 100, 44, 2, udp_lengths);
}

static void test_flags(void **state)
{
	static const struct {
		uint8_t flags;
		uint32_t first, middle, last;
	} rows[] = {
		{TH_ACK, 0x10, 0x10, 0x10},
		{TH_ACK | TH_FIN, 0x10, 0x10, 0x11},
		{TH_ACK | TH_PUSH, 0x10, 0x10, 0x18},
		{TH_ACK | INNER_CWR, 0x90, 0x10, 0x10},
		{TH_ACK | INNER_ECE, 0x50, 0x50, 0x50},
		{0xff, 0xf6, 0x76, 0x7f},
	};
	static const uint32_t alone[] = {0xff};
	struct inner tcp = tcp4;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t expected[] = {rows[i].first, rows[i].middle, rows[i].last};

		tcp.flags = rows[i].flags;
		expect_numbers(&tcp, 100, 33, 1, expected);
	}
	expect_numbers(&tcp, 250, 33, 1, alone); /* the first is the last */
}

/* Options and extension headers are in every packet as they came. */
static void test_options(void **state)
{
	(void)state;
	for (uint8_t options = 0; options <= 40; options = (uint8_t)(options + 4)) {
		struct inner tcp = tcp4, tcp6 = inner_over_ipv6(tcp4);

		tcp.options = tcp6.options = options;
		tcp.option = tcp6.option = 77;
		expect_segments(&tcp, 100);
		expect_segments(&tcp6, 100);
		tcp.extra = options;
		tcp6.extra = (uint8_t)(options * 2);
		expect_segments(&tcp, 100);
		expect_segments(&tcp6, 100);
	}
}

static void test_extensions_before_udp(void **state)
{
	struct inner udp = udp4, udp6 = inner_over_ipv6(udp4);

	(void)state;
	for (uint8_t extra = 8; extra <= 40; extra = (uint8_t)(extra + 8)) {
		udp.extra = udp6.extra = extra;
		expect_segments(&udp, 100);
		expect_segments(&udp6, 100);
	}
}

/* ---- checksums */

/* Changes the first two bytes of payload, so that the checksum computes to zero. */
static void make_zero(const struct inner *piece, uint8_t *packet)
{
	size_t start = inner_start(piece), check = start + inner_check(piece);
	uint8_t *word = packet + inner_header(piece);

	inner_put16(word, inner_sum((uint16_t)(packet[check] << 8 | packet[check + 1]), word, 2));
}

/* Zero is written as it is by TCP, and as 0xffff by UDP, where it says that there is no checksum.
 */
static void test_zero_checksum(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);
	struct inner wholes[] = {tcp4, tcp6, udp4, udp6};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		uint32_t zero = wholes[i].protocol == IPPROTO_TCP ? 0 : 0xffff;
		struct inner second = inner_segment(&wholes[i], 100, 1);
		const struct split_offload offload = describe(&wholes[i], 100);
		uint8_t packet[512], piece[512], *next;
		size_t length = inner_make_begun(&wholes[i], packet);
		size_t check = inner_start(&second) + inner_check(&second);
		size_t header = inner_header(&second);
		struct split split;

		inner_make(&second, piece);
		make_zero(&second, piece);
		memcpy(packet + header + 100, piece + header, 2);
		assert_int_equal(split_begin(&split, &offload, packet, length), 0);
		assert_non_null(split_next(&split, &length));
		next = split_next(&split, &length);
		assert_non_null(next);
		assert_int_equal(next[check] << 8 | next[check + 1], zero);
		assert_int_equal(inner_sum(inner_pseudo(next, second.protocol,
							100 + header - inner_start(&second)),
					   next + inner_start(&second),
					   100 + header - inner_start(&second)),
				 0xffff);
	}
}

/* One packet whose checksum was left to us: completed whatever the length, and nothing else. */
static void test_begun_checksum(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);
	struct inner wholes[] = {tcp4, tcp6, udp4, udp6};
	static uint8_t bytes[INNER_MAX];

	(void)state;
	for (size_t i = 0; i < 4 * 70; i++) {
		struct inner *whole = &wholes[i % 4];
		const struct split_offload offload = describe(whole, 0);
		struct split split;
		uint8_t *packet;
		size_t length;

		whole->payload = i / 4;
		length = inner_make_begun(whole, bytes);
		packet = copy(bytes, length);
		assert_int_equal(split_begin(&split, &offload, packet, length), 0);
		assert_int_equal(split_left(&split), 1);
		inner_make(whole, bytes);
		expect_packet(&split, bytes, length);
		expect_end(&split);
		free(packet);
	}
}

static void test_begun_zero_checksum(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);
	struct inner wholes[] = {tcp4, tcp6, udp4, udp6};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct split_offload offload = describe(&wholes[i], 0);
		uint8_t packet[512], whole[512];
		size_t length = inner_make_begun(&wholes[i], packet);
		size_t check = inner_start(&wholes[i]) + inner_check(&wholes[i]);
		struct split split;

		inner_make(&wholes[i], whole);
		make_zero(&wholes[i], whole);
		memcpy(packet + inner_header(&wholes[i]), whole + inner_header(&wholes[i]), 2);
		inner_put16(whole + check, wholes[i].protocol == IPPROTO_TCP ? 0 : 0xffff);
		assert_int_equal(split_begin(&split, &offload, packet, length), 0);
		expect_packet(&split, whole, length);
	}
}

/* Other protocols have the same kind of checksum elsewhere (ICMPv6: at 2). */
static void test_begun_icmpv6(void **state)
{
	static const struct split_offload offload = {
		.kind = SPLIT_NONE, .checksum = true, .start = 40, .offset = 2};
	struct inner echo = {.ipv6 = true, .protocol = IPPROTO_ICMPV6, .ttl = 1, .payload = 61};
	uint8_t packet[512];
	size_t length = inner_make_begun(&echo, packet);
	struct split split;

	(void)state;
	inner_put16(packet + 42, inner_pseudo(packet, IPPROTO_ICMPV6, 61));
	assert_int_equal(split_begin(&split, &offload, packet, length), 0);
	assert_non_null(split_next(&split, &length));
	assert_int_equal(inner_sum(inner_pseudo(packet, IPPROTO_ICMPV6, 61), packet + 40, 61),
			 0xffff);
}

/* Nothing to be done: then nothing is, whatever the checksum is. */
static void test_as_it_is(void **state)
{
	static const struct split_offload offload = {.kind = SPLIT_NONE};
	static uint8_t bytes[INNER_MAX];

	(void)state;
	for (size_t payload = 0; payload < 65000; payload = payload * 3 + 1) {
		struct inner inner = udp4;
		struct split split;
		uint8_t *packet;
		size_t length;

		inner.payload = payload;
		length = inner_make_begun(&inner, bytes);
		packet = copy(bytes, length);
		assert_int_equal(split_begin(&split, &offload, packet, length), 0);
		expect_packet(&split, bytes, length);
		expect_end(&split);
		free(packet);
	}
}

/* ---- refused */

static int begin(const struct split_offload *offload, const uint8_t *bytes, size_t length)
{
	uint8_t *packet = copy(bytes, length);
	struct split split;
	int result = split_begin(&split, offload, packet, length);

	free(packet);
	return result;
}

#define EXPECT(result, whole, segment_, change)                              \
	do {                                                                 \
		struct inner inner = (whole);                                \
		struct split_offload offload = describe(&inner, (segment_)); \
		uint8_t bytes[1024];                                         \
		size_t length = inner_make_begun(&inner, bytes);             \
		change;                                                      \
		assert_int_equal(begin(&offload, bytes, length), (result));  \
	} while (0)
#define REFUSED(whole, segment_, change) EXPECT(-EBADMSG, whole, segment_, change)
#define TAKEN(whole, segment_, change)	 EXPECT(0, whole, segment_, change)

static void test_refused_ip(void **state)
{
	const size_t segments[] = {0, 100};
	struct inner tcp6 = inner_over_ipv6(tcp4);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t segment = segments[i];

		REFUSED(tcp4, segment, length = 0);
		REFUSED(tcp4, segment, length = 1);
		REFUSED(tcp4, segment, length = 19);
		REFUSED(tcp6, segment, length = 39);
		REFUSED(tcp4, segment, bytes[0] = 0x55);
		REFUSED(tcp4, segment, bytes[0] = 0x05);
		REFUSED(tcp4, segment, bytes[0] = 0x44);
		REFUSED(tcp4, segment, (bytes[0] = 0x46, length = 23));
	}
	/* Nor where nothing is to be done. */
	TAKEN(tcp4, 0, (offload.checksum = false, length = 20));
	REFUSED(tcp4, 0, (offload.checksum = false, length = 19));
	REFUSED(tcp4, 0, (offload.checksum = false, bytes[0] = 0x46, length = 23));
	REFUSED(tcp4, 0, (offload.checksum = false, bytes[0] = 0x55));
}

static void test_refused_segments(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);

	(void)state;
	TAKEN(tcp4, 100, (void)0);
	REFUSED(tcp4, 100, offload.segment = 0);
	/* TCP or UDP within the IP header, or behind the packet. */
	REFUSED(tcp4, 100, offload.start = 0);
	REFUSED(tcp4, 100, offload.start = 19);
	REFUSED(tcp4, 100, bytes[0] = 0x46);
	REFUSED(tcp6, 100, offload.start = 39);
	REFUSED(tcp4, 100, offload.start = (uint16_t)length);
	REFUSED(udp4, 100, offload.start = (uint16_t)length);
	REFUSED(tcp4, 100, offload.start = UINT16_MAX);
	REFUSED(udp6, 100, offload.start = UINT16_MAX);
	/* No whole header, or none that is valid, or nothing behind it. */
	REFUSED(tcp4, 100, length = 39);
	REFUSED(tcp4, 100, length = 40);
	TAKEN(tcp4, 100, length = 41);
	REFUSED(udp4, 100, length = 27);
	REFUSED(udp4, 100, length = 28);
	TAKEN(udp4, 100, length = 29);
	REFUSED(tcp6, 100, length = 60);
	REFUSED(udp6, 100, length = 48);
	REFUSED(tcp4, 100, bytes[32] = 0x40);
	REFUSED(tcp4, 100, bytes[32] = 0x00);
	REFUSED(tcp4, 100, (bytes[32] = 0xf0, length = 80));
	TAKEN(tcp4, 100, (bytes[32] = 0xf0, length = 81));
}

/* Longer headers than are kept are refused, not cut. */
static void test_refused_headers(void **state)
{
	struct inner udp6 = inner_over_ipv6(udp4), tcp6 = inner_over_ipv6(tcp4);

	(void)state;
	udp6.extra = SPLIT_HEADER_MAX - 48;
	TAKEN(udp6, 100, (void)0);
	REFUSED(udp6, 100, offload.start++);
	udp6.extra = SPLIT_HEADER_MAX - 40;
	REFUSED(udp6, 100, (void)0);
	tcp6.extra = SPLIT_HEADER_MAX - 72;
	tcp6.options = 12;
	TAKEN(tcp6, 100, (void)0);
	REFUSED(tcp6, 100, bytes[inner_start(&inner) + 12] = 0x90);
}

static void test_refused_checksum(void **state)
{
	(void)state;
	TAKEN(tcp4, 0, length = 38);
	REFUSED(tcp4, 0, length = 37);
	REFUSED(udp4, 0, length = 27);
	REFUSED(udp4, 0, offload.start = UINT16_MAX);
	REFUSED(udp4, 0, offload.offset = UINT16_MAX);
	REFUSED(udp4, 0, (offload.start = UINT16_MAX, offload.offset = UINT16_MAX));
}

/* ---- all of it, at random */

static size_t below(size_t limit)
{
	return (size_t)random() % limit;
}

static struct inner random_inner(void)
{
	struct inner inner = {
		.ipv6 = below(2),
		.protocol = below(2) ? IPPROTO_TCP : IPPROTO_UDP,
		.from = (uint8_t)random(),
		.to = (uint8_t)random(),
		.tos = (uint8_t)random(),
		.ttl = (uint8_t)random(),
		.label = (uint32_t)below(1 << 20),
		.id = (uint16_t)random(),
		.fragment = below(2) ? INNER_DF : 0,
		.source = (uint16_t)random(),
		.destination = (uint16_t)random(),
		.sequence = (uint32_t)random() * 2 + (uint32_t)below(2),
		.acknowledged = (uint32_t)random(),
		.flags = (uint8_t)random(),
		.reserved = (uint8_t)below(16),
		.window = (uint16_t)random(),
		.urgent = (uint16_t)random(),
		.options = (uint8_t)(below(11) * 4),
		.option = (uint8_t)random(),
		.stamp = (uint32_t)random(),
	};

	if (below(4) == 0)
		inner.extra = (uint8_t)(inner.ipv6 ? below(12) * 8 : below(11) * 4);
	inner.payload = 1 + below(below(20) ? 3000 : 65000);
	if (inner_length(&inner) > 65535)
		inner.payload -= inner_length(&inner) - 65535;
	return inner;
}

static void test_random(void **state)
{
	unsigned first = *(unsigned *)*state;

	for (seed = first; seed < first + ROUNDS; seed++) {
		struct inner whole;

		srandom(seed);
		whole = random_inner();
		expect_segments(&whole, 1 + below(whole.payload > 3000 || below(2) ? 1500 : 60));
	}
}

/* A number as argument: the seed to begin with. */
int main(int argc, char **argv)
{
	static unsigned first;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_identification_wraps),
		cmocka_unit_test(test_sequence_wraps),
		cmocka_unit_test(test_ip_lengths),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_extensions_before_udp),
		cmocka_unit_test(test_zero_checksum),
		cmocka_unit_test(test_begun_checksum),
		cmocka_unit_test(test_begun_zero_checksum),
		cmocka_unit_test(test_begun_icmpv6),
		cmocka_unit_test(test_as_it_is),
		cmocka_unit_test(test_refused_ip),
		cmocka_unit_test(test_refused_segments),
		cmocka_unit_test(test_refused_headers),
		cmocka_unit_test(test_refused_checksum),
		cmocka_unit_test_prestate(test_random, &first),
	};

	if (argc > 1)
		first = (unsigned)strtoul(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
