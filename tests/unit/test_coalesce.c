/* Coalescing: which packets go together and which must not, then streams of all sorts at random.
 *
 * Every packet that goes in, in every test, must come out of split as it was (passage.h).
 */
#include "svc-dataplane/coalesce.h"
#include "tests/unit/inner.h"
#include "tests/unit/passage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define ROUNDS 3000

static struct passage passage;

static const struct inner tcp4 = {
	.protocol = IPPROTO_TCP,
	.from = 1,
	.to = 2,
	.ttl = 64,
	.id = 700,
	.source = 40000,
	.destination = 443,
	.sequence = 1000,
	.acknowledged = 2000,
	.flags = TH_ACK,
	.window = 500,
	.options = 12,
	.option = 5,
	.payload = 100,
};
static const struct inner udp4 = {
	.protocol = IPPROTO_UDP,
	.from = 1,
	.to = 2,
	.ttl = 64,
	.id = 700,
	.source = 50000,
	.destination = 27015,
	.payload = 100,
};

/* The packet that a sender sends next. */
static struct inner follow(struct inner inner)
{
	inner.sequence += (uint32_t)inner.payload;
	inner.stamp += (uint32_t)inner.payload;
	inner.id++;
	return inner;
}

static void begin_kinds(bool tcp, bool udp)
{
	passage_deinit(&passage); /* of the test before, which may have failed */
	passage_init(&passage, tcp, udp);
}

static void begin(void)
{
	begin_kinds(true, true);
}

static void add(const struct inner *inner)
{
	static uint8_t bytes[INNER_MAX];

	passage_add(&passage, bytes, inner_make(inner, bytes));
}

/* So many that follow each other. Returns the one after. */
static struct inner add_row(struct inner inner, size_t count)
{
	for (; count > 0; count--) {
		add(&inner);
		inner = follow(inner);
	}
	return inner;
}

/* How many packets went together in each of the n that were written until now. */
static void expect_written(int line, const size_t *parts, size_t n)
{
	if (passage.fault)
		fail_msg("line %d: %s", line, passage.fault);
	if (passage.written != n)
		fail_msg("line %d: %zu written for %zu", line, passage.written, n);
	for (size_t i = 0; i < n; i++)
		if (passage.writes[i].parts != parts[i])
			fail_msg("line %d: %zu together for %zu", line, passage.writes[i].parts,
				 parts[i]);
}

#define WRITTEN(...)                                            \
	expect_written(__LINE__, (const size_t[]){__VA_ARGS__}, \
		       sizeof((const size_t[]){__VA_ARGS__}) / sizeof(size_t))
#define FLUSHED(...)                     \
	do {                             \
		passage_flush(&passage); \
		WRITTEN(__VA_ARGS__);    \
	} while (0)

/* Two packets that follow each other, but for the change. */
#define PAIR(base, change, ...)                                      \
	do {                                                         \
		struct inner first = (base), second = follow(first); \
		change;                                              \
		begin();                                             \
		add(&first);                                         \
		add(&second);                                        \
		FLUSHED(__VA_ARGS__);                                \
	} while (0)
#define TOGETHER(base, change) PAIR(base, change, 2)
#define APART(base, change)    PAIR(base, change, 1, 1)

/* ---- which go together */

static void test_rows(void **state)
{
	struct inner rows[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		begin();
		add_row(rows[i], 10);
		assert_int_equal(passage.written, 0);
		passage_flush(&passage);
		assert_int_equal(passage.writes[0].kind, i < 2 ? SPLIT_TCP : SPLIT_UDP);
		assert_int_equal(passage.writes[0].segment, 100);
		assert_int_equal(passage.writes[0].length, inner_header(&rows[i]) + 1000);
		FLUSHED(10);
	}
}

static void test_addresses_and_ports(void **state)
{
	struct inner bases[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		TOGETHER(bases[i], (void)0);
		APART(bases[i], second.from++);
		APART(bases[i], second.to++);
		APART(bases[i], second.source++);
		APART(bases[i], second.destination++);
		APART(bases[i], second.source ^= 0x100);
		APART(bases[i], second.destination ^= 0x100);
	}
	APART(tcp4, second.protocol = IPPROTO_UDP);
	APART(tcp4, second.ipv6 = true);
}

static void test_ip_fields(void **state)
{
	struct inner bases[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		APART(bases[i], second.ttl--);
		APART(bases[i], second.tos = 0x10);
		APART(bases[i], second.tos = 3); /* congestion experienced */
		TOGETHER(bases[i], first.tos = second.tos = 3);
		if (bases[i].ipv6)
			APART(bases[i], second.label ^= 0x10000);
		if (bases[i].ipv6)
			APART(bases[i], second.label ^= 1);
	}
}

static void test_identification(void **state)
{
	(void)state;
	APART(tcp4, second.id++);
	APART(tcp4, second.id--);
	APART(udp4, second.id = first.id);
	TOGETHER(tcp4, (first.id = 0xffff, second.id = 0));
	APART(tcp4, second.fragment = INNER_DF);
	APART(tcp4, first.fragment = INNER_DF);
	/* With DF it has no meaning. */
	TOGETHER(tcp4, first.fragment = second.fragment = INNER_DF);
	TOGETHER(tcp4, (first.fragment = second.fragment = INNER_DF, first.id = second.id = 0));
	TOGETHER(udp4, (first.fragment = second.fragment = INNER_DF, second.id = 7));
}

static void test_ip_options_and_extensions(void **state)
{
	(void)state;
	APART(tcp4, first.extra = second.extra = 4);
	APART(udp4, first.extra = second.extra = 40);
	APART(tcp4, second.extra = 4);
	APART(inner_over_ipv6(tcp4), first.extra = second.extra = 8);
	APART(inner_over_ipv6(udp4), first.extra = second.extra = 24);
	APART(inner_over_ipv6(udp4), second.extra = 8);
}

static void test_fragments(void **state)
{
	(void)state;
	APART(udp4, first.fragment = second.fragment = INNER_MF);
	APART(udp4, first.fragment = second.fragment = 1);
	APART(udp4, first.fragment = second.fragment = 0x1000);
	APART(tcp4, first.fragment = second.fragment = INNER_MF);
	APART(tcp4, first.fragment = second.fragment = 1);
	APART(tcp4, second.fragment = INNER_MF);
	/* The reserved bit is as good as any other. */
	APART(tcp4, second.fragment = 0x8000);
}

/* ---- TCP */

static void test_sequence(void **state)
{
	(void)state;
	APART(tcp4, second.sequence++);
	APART(tcp4, second.sequence--);
	APART(tcp4, second.sequence = first.sequence);
	APART(tcp4, second.sequence += 0x80000000u);
	APART(tcp4, second.sequence += 0x10000);
	TOGETHER(tcp4, (first.sequence = 0xffffffffu, second.sequence = 99));
	TOGETHER(inner_over_ipv6(tcp4), (first.sequence = 0u - 100, second.sequence = 0));
}

/* A gap in the middle: both sides of it go together. */
static void test_gap(void **state)
{
	struct inner next;

	(void)state;
	begin();
	next = add_row(tcp4, 3);
	next.sequence += 100;
	add_row(next, 4);
	FLUSHED(3, 4);
}

static void test_tcp_fields(void **state)
{
	(void)state;
	APART(tcp4, second.acknowledged++);
	APART(tcp4, second.window++);
	APART(tcp4, second.urgent++);
	APART(tcp4, second.option++);
	APART(tcp4, (first.option = second.option = 1, second.options = 16));
	APART(tcp4, second.options = 0);
	APART(tcp4, first.reserved = second.reserved = 1);
	APART(tcp4, second.reserved = 8);
	TOGETHER(tcp4, first.options = second.options = 0);
	TOGETHER(tcp4, first.options = second.options = 40);
}

static void test_tcp_flags(void **state)
{
	static const uint8_t bad[] = {TH_FIN, TH_SYN, TH_RST, TH_URG, INNER_CWR};

	(void)state;
	for (size_t i = 0; i < sizeof(bad); i++) {
		APART(tcp4, first.flags |= bad[i]);
		APART(tcp4, second.flags |= bad[i]);
		APART(tcp4, (first.flags |= bad[i], second.flags |= bad[i]));
	}
	APART(tcp4, first.flags = second.flags = 0);
	APART(tcp4, second.flags = 0);
	APART(tcp4, second.flags |= INNER_ECE);
	APART(tcp4, first.flags |= INNER_ECE);
	TOGETHER(tcp4, (first.flags |= INNER_ECE, second.flags |= INNER_ECE));
	TOGETHER(tcp4, second.flags |= TH_PUSH);
	APART(tcp4, first.flags |= TH_PUSH);
}

/* PSH ends the row, at once. */
static void test_push(void **state)
{
	struct inner next;

	(void)state;
	begin();
	next = add_row(tcp4, 3);
	next.flags |= TH_PUSH;
	add(&next);
	WRITTEN(4);
	next = follow(next);
	next.flags = TH_ACK;
	add_row(next, 2);
	FLUSHED(4, 2);
}

/* ---- lengths */

static void test_shorter_ends(void **state)
{
	struct inner rows[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct inner next;

		begin();
		next = add_row(rows[i], 3);
		next.payload = 99;
		next = add_row(next, 1);
		WRITTEN(4);
		add_row(next, 2); /* as long as the last was, and following it */
		FLUSHED(4, 2);
		APART(rows[i], second.payload++);
		TOGETHER(rows[i], second.payload = 1);
	}
}

static void test_empty(void **state)
{
	(void)state;
	APART(tcp4, second.payload = 0);
	APART(tcp4, (first.payload = second.payload = 0, second.sequence = first.sequence));
	APART(udp4, second.payload = 0);
	APART(udp4, first.payload = second.payload = 0);
}

static void test_piece_limit(void **state)
{
	(void)state;
	begin();
	add_row(tcp4, COALESCE_PIECES + 1);
	FLUSHED(COALESCE_PIECES, 1);
	begin();
	add_row(inner_over_ipv6(udp4), 2 * COALESCE_PIECES);
	FLUSHED(COALESCE_PIECES, COALESCE_PIECES);
}

static void test_length_limit(void **state)
{
	struct inner tcp = tcp4, udp6 = inner_over_ipv6(udp4);

	(void)state;
	tcp.payload = 1400;
	begin();
	add_row(tcp, 50);
	FLUSHED(46, 4);
	/* Just as long as may be: 52 + 59 * 1109 + 52, 48 + 3 * 21829. */
	tcp.payload = 1109;
	begin();
	tcp = add_row(tcp, 59);
	tcp.payload = 52;
	add(&tcp);
	FLUSHED(60);
	assert_int_equal(passage.writes[0].length, 65535);
	tcp.payload = 1109;
	begin();
	tcp = add_row(tcp, 59);
	tcp.payload = 53;
	add(&tcp);
	FLUSHED(59, 1);
	udp6.payload = 21829;
	begin();
	add_row(udp6, 6);
	FLUSHED(3, 3);
	assert_int_equal(passage.writes[0].length, 65535);
	udp6.payload++;
	begin();
	add_row(udp6, 3);
	FLUSHED(2, 1);
}

/* ---- checksums */

enum damage { NONE, TRANSPORT, IP, ABSENT };

static void add_damaged(const struct inner *inner, enum damage damage)
{
	uint8_t bytes[512];
	size_t length = inner_make(inner, bytes), check = inner_start(inner) + inner_check(inner);

	if (damage == TRANSPORT)
		bytes[check] ^= 1;
	else if (damage == IP)
		bytes[10] ^= 1;
	else if (damage == ABSENT)
		bytes[check] = bytes[check + 1] = 0;
	passage_add(&passage, bytes, length);
}

static void expect_apart(struct inner base, enum damage first, enum damage second)
{
	struct inner next = follow(base);

	begin();
	add_damaged(&base, first);
	add_damaged(&next, second);
	FLUSHED(1, 1);
}

/* What is wrong stays wrong, and by itself. */
static void test_wrong_checksum(void **state)
{
	struct inner bases[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		expect_apart(bases[i], TRANSPORT, NONE);
		expect_apart(bases[i], NONE, TRANSPORT);
		expect_apart(bases[i], TRANSPORT, TRANSPORT);
	}
}

static void test_wrong_ip_checksum(void **state)
{
	(void)state;
	expect_apart(tcp4, IP, NONE);
	expect_apart(tcp4, NONE, IP);
	expect_apart(udp4, IP, IP);
}

/* In the middle of a row: what is before and behind it goes together. */
static void test_wrong_checksum_within(void **state)
{
	struct inner rows[] = {tcp4, inner_over_ipv6(tcp4), udp4, inner_over_ipv6(udp4)};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct inner next;

		begin();
		next = add_row(rows[i], 3);
		add_damaged(&next, TRANSPORT);
		add_row(follow(next), 3);
		FLUSHED(3, 1, 3);
	}
}

/* UDP without a checksum would get one. */
static void test_udp_without_checksum(void **state)
{
	(void)state;
	expect_apart(udp4, ABSENT, NONE);
	expect_apart(udp4, NONE, ABSENT);
	expect_apart(udp4, ABSENT, ABSENT);
	expect_apart(inner_over_ipv6(udp4), ABSENT, ABSENT);
}

/* Changes the payload so that the checksum computes to zero, and writes that as told. */
static size_t make_zero(const struct inner *inner, uint8_t *bytes, uint16_t zero)
{
	size_t length = inner_make(inner, bytes), check = inner_start(inner) + inner_check(inner);
	uint8_t *word = bytes + inner_header(inner);

	inner_put16(word, inner_sum((uint16_t)passage_get16(bytes + check), word, 2));
	inner_put16(bytes + check, zero);
	return length;
}

/* There are two zeros, and both are right; the one that split would not write stays alone. */
static void test_zero_checksum(void **state)
{
	static const struct {
		const struct inner *base;
		uint16_t zero;
		bool together;
	} rows[] = {
		{&tcp4, 0, true}, {&tcp4, 0xffff, false}, {&udp4, 0xffff, true}, {&udp4, 0, false}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		struct inner first = *rows[i / 2].base, second = follow(first);
		uint8_t bytes[512];

		begin();
		if (i % 2)
			add(&first);
		first = i % 2 ? second : first;
		passage_add(&passage, bytes, make_zero(&first, bytes, rows[i / 2].zero));
		if (i % 2 == 0)
			add(&second);
		if (rows[i / 2].together)
			FLUSHED(2);
		else
			FLUSHED(1, 1);
	}
}

static void test_zero_ip_checksum(void **state)
{
	struct inner zero = udp4, next;
	uint8_t bytes[512];
	size_t length;

	(void)state;
	inner_make(&zero, bytes);
	zero.id = inner_sum(zero.id, bytes + 10, 2);
	next = follow(zero);
	length = inner_make(&zero, bytes);
	assert_int_equal(passage_get16(bytes + 10), 0);
	TOGETHER(zero, (void)0);
	begin();
	bytes[10] = bytes[11] = 0xff;
	passage_add(&passage, bytes, length);
	add(&next);
	FLUSHED(1, 1);
}

/* ---- what is no whole packet */

#define ALONE(base, change)                                        \
	do {                                                       \
		struct inner inner = (base), next = follow(inner); \
		uint8_t bytes[512];                                \
		size_t length = inner_make(&inner, bytes);         \
		change;                                            \
		begin();                                           \
		passage_add(&passage, bytes, length);              \
		add(&next);                                        \
		FLUSHED(1, 1);                                     \
	} while (0)

static void test_malformed(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4);

	(void)state;
	ALONE(tcp4, length = 0);
	ALONE(tcp4, length = 1);
	ALONE(tcp4, length = 19);
	ALONE(tcp4, length = 20);
	ALONE(tcp4, length = 39);
	ALONE(tcp4, length--);
	ALONE(udp4, length = 27);
	ALONE(udp4, length--);
	ALONE(tcp6, length = 39);
	ALONE(tcp6, length = 59);
	ALONE(udp6, length = 47);
	ALONE(udp6, length--);
	/* Cut, and IP knows. */
	ALONE(tcp4, bytes[3] = (uint8_t)(length = 39));
	ALONE(tcp4, bytes[3] = (uint8_t)(length = 21));
	ALONE(udp4, bytes[3] = (uint8_t)(length = 27));
	ALONE(tcp6, bytes[5] = (uint8_t)((length = 59) - 40));
	ALONE(udp6, bytes[5] = (uint8_t)((length = 47) - 40));
	ALONE(tcp4, bytes[length++] = 0); /* padding */
	ALONE(udp6, bytes[length++] = 0);
	ALONE(tcp4, bytes[0] = 0x55);
	ALONE(tcp4, bytes[0] = 0x44);
}

/* Two packets with the same mistake, whose checksums are right. */
#define BOTH_ALONE(base, change)                                                          \
	do {                                                                              \
		struct inner inner = (base);                                              \
		begin();                                                                  \
		for (unsigned i = 0; i < 2; i++) {                                        \
			uint8_t bytes[512];                                               \
			size_t length = inner_make(&inner, bytes);                        \
			change;                                                           \
			inner_finish(bytes, length, inner_start(&inner), inner.protocol); \
			passage_add(&passage, bytes, length);                             \
			inner = follow(inner);                                            \
		}                                                                         \
		FLUSHED(1, 1);                                                            \
	} while (0)

static void test_wrong_lengths(void **state)
{
	struct inner tcp6 = inner_over_ipv6(tcp4), udp6 = inner_over_ipv6(udp4), tiny = tcp4;

	(void)state;
	/* IP's, shorter and longer. */
	BOTH_ALONE(tcp4, bytes[3]--);
	BOTH_ALONE(tcp4, bytes[3]++);
	BOTH_ALONE(udp4, bytes[3]--);
	BOTH_ALONE(tcp6, bytes[5]--);
	BOTH_ALONE(udp6, bytes[5]++);
	/* UDP's. */
	BOTH_ALONE(udp4, bytes[25]--);
	BOTH_ALONE(udp6, bytes[45]++);
	BOTH_ALONE(udp6, bytes[44] = bytes[45] = 0);
	/* TCP's header: too short, and beyond the packet. */
	BOTH_ALONE(tcp4, (bytes[32] = 0, inner.sequence += 32));
	BOTH_ALONE(tcp6, (bytes[52] = 0x40, inner.sequence += 16));
	tiny.payload = 3;
	BOTH_ALONE(tiny, bytes[32] = 0xf0);
}

/* ---- order, and flows side by side */

static void test_side_by_side(void **state)
{
	struct inner flows[COALESCE_FLOWS];

	(void)state;
	begin();
	for (size_t i = 0; i < COALESCE_FLOWS; i++) {
		flows[i] = i % 2 ? tcp4 : inner_over_ipv6(udp4);
		flows[i].source = (uint16_t)(flows[i].source + i);
	}
	for (size_t n = 0; n < 5; n++)
		for (size_t i = 0; i < COALESCE_FLOWS; i++)
			flows[i] = add_row(flows[i], 1);
	assert_int_equal(passage.written, 0);
	FLUSHED(5, 5, 5, 5, 5, 5, 5, 5);
}

/* One flow more than there is room for. */
static void test_too_many_flows(void **state)
{
	struct inner flows[COALESCE_FLOWS + 1];

	(void)state;
	begin();
	for (size_t i = 0; i < COALESCE_FLOWS; i++) {
		flows[i] = tcp4;
		flows[i].source = (uint16_t)(1 + i);
		flows[i] = add_row(flows[i], 2);
	}
	assert_int_equal(passage.written, 0);
	flows[COALESCE_FLOWS] = tcp4;
	add_row(flows[COALESCE_FLOWS], 2);
	WRITTEN(2);
	for (size_t i = 0; i < COALESCE_FLOWS; i++)
		flows[i] = add_row(flows[i], 2);
	passage_flush(&passage);
	assert_null(passage.fault);
}

/* What cannot be part of a row does not overtake it, and is not held. */
static void test_nothing_overtakes(void **state)
{
	struct inner ack = tcp4, fin = tcp4, fragment = udp4, extension = inner_over_ipv6(udp4),
		     next;

	(void)state;
	begin();
	ack = add_row(tcp4, 3);
	ack.payload = 0;
	add(&ack);
	WRITTEN(3, 1);
	ack.payload = 100;
	fin = add_row(ack, 2);
	fin.flags |= TH_FIN;
	add(&fin);
	WRITTEN(3, 1, 2, 1);
	next = add_row(udp4, 2);
	fragment = next;
	fragment.fragment = 100;
	add(&fragment);
	WRITTEN(3, 1, 2, 1, 2, 1);
	add_row(extension, 2);
	extension.extra = 8;
	add(&extension);
	FLUSHED(3, 1, 2, 1, 2, 1, 2, 1);
}

/* A pure acknowledgement is no reason to write what other flows have gathered. */
static void test_acknowledgement_between(void **state)
{
	struct inner other = tcp4, next;

	(void)state;
	other.payload = 0;
	other.source++;
	begin();
	next = add_row(tcp4, 2);
	add(&other);
	WRITTEN(1);
	add_row(next, 2);
	FLUSHED(1, 4);
}

/* ---- kinds, flushes */

static void test_kinds(void **state)
{
	(void)state;
	for (unsigned kinds = 0; kinds < 4; kinds++) {
		begin_kinds(kinds & 1, kinds & 2);
		add_row(tcp4, 2);
		coalesce_flush(&passage.coalesce);
		add_row(udp4, 2);
		passage_flush(&passage);
		assert_null(passage.fault);
		assert_int_equal(passage.written, 4 - (kinds & 1) - (kinds >> 1));
	}
}

static void test_flush(void **state)
{
	struct inner next;

	(void)state;
	begin();
	coalesce_flush(&passage.coalesce);
	assert_int_equal(passage.written, 0);
	next = add_row(tcp4, 2);
	coalesce_flush(&passage.coalesce);
	coalesce_flush(&passage.coalesce);
	WRITTEN(2);
	coalesce_set(&passage.coalesce, false, true);
	next = add_row(next, 2);
	WRITTEN(2, 1, 1);
	coalesce_set(&passage.coalesce, true, true);
	add_row(next, 3);
	FLUSHED(2, 1, 1, 3);
}

/* ---- streams at random */

enum identification { COUNTED, CONSTANT, RANDOM };

struct sender {
	struct inner next;
	size_t segment;
	enum identification ids;
};

static unsigned seed; /* of the round under way */

static size_t below(size_t limit)
{
	return (size_t)random() % limit;
}

static void random_sender(struct sender *sender)
{
	struct inner *next = &sender->next;

	*next = (struct inner){
		.ipv6 = below(2),
		.protocol = below(2) ? IPPROTO_TCP : IPPROTO_UDP,
		.from = (uint8_t)below(3), /* some differ in ports only, or in nothing */
		.to = (uint8_t)below(2),
		.tos = (uint8_t)(below(4) ? 0 : below(256)),
		.ttl = 64,
		.label = (uint32_t)below(2),
		.id = (uint16_t)(below(4) ? random() : 0xfffa),
		.fragment = below(2) ? INNER_DF : 0,
		.source = (uint16_t)below(3),
		.destination = 443,
		.sequence = (uint32_t)(below(4) ? random() : -3000),
		.acknowledged = (uint32_t)random(),
		.flags = TH_ACK,
		.window = (uint16_t)random(),
		.options = (uint8_t)(below(2) ? 12 : below(11) * 4),
		.option = (uint8_t)random(),
		.stamp = (uint32_t)random(),
	};
	sender->segment = 1 + below(below(8) ? 60 : 1500);
	sender->ids = (enum identification)below(next->fragment ? 3 : 1);
	if (below(8) == 0)
		sender->ids = (enum identification)below(3);
}

static void advance(struct sender *sender, const struct inner *sent)
{
	struct inner *next = &sender->next;

	next->sequence = sent->sequence + (uint32_t)sent->payload;
	next->stamp += (uint32_t)sent->payload;
	if (sender->ids == COUNTED)
		next->id = (uint16_t)(sent->id + 1);
	else if (sender->ids == RANDOM)
		next->id = (uint16_t)random();
}

/* The vary_ functions change this packet only. */
static void vary_length(struct inner *packet)
{
	static const size_t more[] = {1, 2, 30};
	size_t choice = below(6);

	if (choice < 2)
		packet->payload = below(packet->payload + 1);
	else if (choice == 2)
		packet->payload = 0;
	else
		packet->payload += more[choice - 3];
}

static void vary_tcp(struct inner *packet)
{
	static const uint8_t flags[] = {TH_PUSH,   TH_PUSH,   TH_FIN, TH_SYN,
					INNER_CWR, INNER_ECE, TH_URG, TH_RST};
	size_t choice = below(7);

	if (choice < 3)
		packet->flags ^= flags[below(sizeof(flags))];
	else if (choice == 3)
		packet->sequence += (uint32_t)below(3) - 1;
	else if (choice == 4)
		packet->sequence -= (uint32_t)packet->payload; /* once again */
	else if (choice == 5)
		packet->urgent = (uint16_t)below(3);
	else
		packet->reserved = (uint8_t)below(16);
}

static void vary_ip(struct inner *packet)
{
	size_t choice = below(4);

	if (choice == 0)
		packet->fragment |= (uint16_t)(below(2) ? INNER_MF : 1 + below(0x1fff));
	else if (choice == 1)
		packet->extra = (uint8_t)(8 * below(4));
	else if (choice == 2)
		packet->tos ^= 3;
	else
		packet->protocol = below(2) ? IPPROTO_ICMP : IPPROTO_ICMPV6;
}

/* This packet and those after it. */
static void change_tcp(struct sender *sender)
{
	struct inner *next = &sender->next;
	size_t choice = below(5);

	if (choice == 0)
		next->window++;
	else if (choice == 1)
		next->acknowledged += 100;
	else if (choice == 2)
		next->option++;
	else if (choice == 3)
		next->options ^= 4;
	else
		next->sequence += (uint32_t)below(200);
}

static void change_ip(struct sender *sender)
{
	struct inner *next = &sender->next;
	size_t choice = below(5);

	if (choice == 0)
		next->ttl ^= 1;
	else if (choice == 1)
		next->label ^= 1;
	else if (choice == 2)
		next->fragment ^= below(4) ? INNER_DF : 0x8000;
	else if (choice == 3)
		next->id = (uint16_t)(next->id + below(3));
	else
		sender->segment = 1 + below(100);
}

/* Of a TCP or UDP packet. */
static void damage_checksum(const struct inner *inner, uint8_t *bytes)
{
	uint8_t *check = bytes + inner_start(inner) + inner_check(inner);
	size_t choice = below(5);

	if (choice < 2)
		check[below(2)] ^= (uint8_t)(1 + below(255));
	else if (choice == 2)
		check[0] = check[1] = 0;
	else if (inner->payload >= 2)
		make_zero(inner, bytes, below(2) ? 0xffff : 0);
}

/* What no sender makes. Returns the length. */
static size_t damage(const struct inner *inner, uint8_t *bytes, size_t length)
{
	size_t choice = below(8);

	if (choice == 0)
		bytes[below(length)] ^= (uint8_t)(1 << below(8));
	else if (choice == 1)
		return below(length + 1);
	else if (choice == 2)
		bytes[length++] = (uint8_t)random();
	else if (choice == 3 && !inner->ipv6)
		bytes[10 + below(2)] ^= (uint8_t)(1 + below(255));
	else if (inner->protocol == IPPROTO_TCP || inner->protocol == IPPROTO_UDP)
		damage_checksum(inner, bytes);
	return length;
}

static void send_one(struct sender *sender, size_t odds)
{
	static void (*const changes[])(struct sender *) = {change_tcp, change_ip};
	static void (*const varies[])(struct inner *) = {vary_length, vary_tcp, vary_ip};
	uint8_t bytes[2048];
	struct inner packet;
	size_t length;

	if (below(odds) == 0)
		changes[below(2)](sender);
	packet = sender->next;
	packet.payload = sender->segment;
	if (below(odds) == 0)
		varies[below(3)](&packet);
	length = inner_make(&packet, bytes);
	if (below(odds * 2) == 0)
		length = damage(&packet, bytes, length);
	passage_add(&passage, bytes, length);
	if (below(odds) > 0 || below(2))
		advance(sender, &packet);
}

static void random_stream(void)
{
	struct sender senders[2 * COALESCE_FLOWS];
	size_t count = 1 + below(below(2) ? 3 : 2 * COALESCE_FLOWS), which = 0;
	size_t packets = below(below(8) ? 60 : PASSAGE_MAX + 1);
	size_t odds = below(2) ? 5 : 5 + below(200);
	bool bursts = below(4);

	for (size_t i = 0; i < count; i++)
		random_sender(&senders[i]);
	while (packets-- > 0) {
		if (!bursts || below(8) == 0)
			which = below(count);
		send_one(&senders[which], odds);
		if (below(200) == 0)
			coalesce_flush(&passage.coalesce);
	}
}

/* How often packets went together: without that the test would show nothing. */
struct tally {
	size_t tcp4, tcp6, udp4, udp6, full, longest;
};

static void count(struct tally *tally)
{
	for (size_t i = 0; i < passage.written; i++) {
		const struct passage_write *write = &passage.writes[i];
		bool ipv4 = write->length > 0 && write->bytes[0] >> 4 == 4;

		if (write->kind == SPLIT_TCP)
			*(ipv4 ? &tally->tcp4 : &tally->tcp6) += write->parts;
		if (write->kind == SPLIT_UDP)
			*(ipv4 ? &tally->udp4 : &tally->udp6) += write->parts;
		tally->full += write->parts == COALESCE_PIECES;
		if (tally->longest < write->length)
			tally->longest = write->length;
	}
}

static void test_streams(void **state)
{
	unsigned first = *(unsigned *)*state;
	struct tally tally = {0};

	for (seed = first; seed < first + ROUNDS; seed++) {
		srandom(seed);
		begin_kinds(below(8), below(8));
		random_stream();
		passage_flush(&passage);
		if (passage.fault)
			fail_msg("seed %u: %s", seed, passage.fault);
		count(&tally);
	}
	print_message(
		"together: %zu %zu TCP, %zu %zu UDP (IPv4, IPv6); %zu full; up to %zu bytes\n",
		tally.tcp4, tally.tcp6, tally.udp4, tally.udp6, tally.full, tally.longest);
	assert_true(tally.tcp4 > ROUNDS && tally.tcp6 > ROUNDS && tally.udp4 > ROUNDS &&
		    tally.udp6 > ROUNDS && tally.full > 0);
}

/* ---- and back: a large packet, split, comes together as it was */

static struct inner random_large(size_t *segment)
{
	struct sender sender;
	struct inner large;

	random_sender(&sender);
	large = sender.next;
	large.flags |= (uint8_t)((below(2) ? TH_PUSH : 0) | (below(4) ? 0 : INNER_ECE));
	*segment = 1 + below(below(8) ? 200 : 1500);
	large.payload = *segment + 1 + below(*segment * (COALESCE_PIECES - 1));
	if (inner_length(&large) > COALESCE_LENGTH)
		large.payload -= inner_length(&large) - COALESCE_LENGTH;
	return large;
}

static void expect_back(const struct inner *large, size_t segment)
{
	static uint8_t bytes[INNER_MAX], whole[INNER_MAX];
	const struct split_offload offload = {
		.kind = large->protocol == IPPROTO_TCP ? SPLIT_TCP : SPLIT_UDP,
		.checksum = true,
		.start = (uint16_t)inner_start(large),
		.offset = inner_check(large),
		.segment = (uint16_t)segment,
	};
	size_t length = inner_make_begun(large, bytes), piece;
	const struct passage_write *write = passage.writes;
	struct split split;
	uint8_t *next;

	memcpy(whole, bytes, length);
	assert_int_equal(split_begin(&split, &offload, bytes, length), 0);
	while ((next = split_next(&split, &piece)))
		passage_add(&passage, next, piece);
	passage_flush(&passage);
	if (passage.fault || passage.written != 1 || write->segment != segment ||
	    write->length != length || memcmp(write->bytes, whole, length) != 0)
		fail_msg("seed %u: %zu packets, %s", seed, passage.written,
			 passage.fault ? passage.fault : "not as it was");
}

static void test_back(void **state)
{
	unsigned first = *(unsigned *)*state;

	for (seed = first; seed < first + ROUNDS; seed++) {
		struct inner large;
		size_t segment;

		srandom(seed);
		large = random_large(&segment);
		begin();
		expect_back(&large, segment);
	}
}

/* A number as argument: the seed to begin with. */
int main(int argc, char **argv)
{
	static unsigned first;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_addresses_and_ports),
		cmocka_unit_test(test_ip_fields),
		cmocka_unit_test(test_identification),
		cmocka_unit_test(test_ip_options_and_extensions),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_sequence),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_tcp_fields),
		cmocka_unit_test(test_tcp_flags),
		cmocka_unit_test(test_push),
		cmocka_unit_test(test_shorter_ends),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_piece_limit),
		cmocka_unit_test(test_length_limit),
		cmocka_unit_test(test_wrong_checksum),
		cmocka_unit_test(test_wrong_ip_checksum),
		cmocka_unit_test(test_wrong_checksum_within),
		cmocka_unit_test(test_udp_without_checksum),
		cmocka_unit_test(test_zero_checksum),
		cmocka_unit_test(test_zero_ip_checksum),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_wrong_lengths),
		cmocka_unit_test(test_side_by_side),
		cmocka_unit_test(test_too_many_flows),
		cmocka_unit_test(test_nothing_overtakes),
		cmocka_unit_test(test_acknowledgement_between),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_flush),
		cmocka_unit_test_prestate(test_streams, &first),
		cmocka_unit_test_prestate(test_back, &first),
	};

	if (argc > 1)
		first = (unsigned)strtoul(argv[1], NULL, 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
