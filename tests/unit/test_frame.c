#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/frame.h"

/* Laid out by hand from the drawing in frame.h. */
static const uint8_t probe_bytes[] = {
	0x0c, 1, 0, 28, /* magic, PROBE, length */
	0,    0, 0, 7,	/* path */
	1,    2, 3, 4,	/* sequence */
	0,    0, 0, 1,	/* flags: active */
	0,    0, 0, 9,	/* packets below 512 bytes */
	0,    0, 0, 8,	/* below 1024 */
	0,    0, 0, 7,	/* below 1280 */
	5,    0, 0, 6,	/* longer */
};
static const uint8_t reply_bytes[] = {
	0x0c, 2, 0,   48,					    /* magic, PROBE_REPLY, length */
	0,    0, 0,   7,					    /* path */
	1,    2, 3,   4,					    /* sequence */
	0,    0, 0,   0,					    /* flags */
	0,    0, 0,   9,					    /* packets, by length */
	0,    0, 0,   0,  0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0x15, 0xb3, /* IPv4, port 5555 */
	203,  0, 113, 7,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    0,
};
static const uint8_t ticket_reply_bytes[] = {
	0x0c, 4, 0,    28,   /* magic, TICKET_REPLY, length */
	0,    7, 1,    2,    /* accepted, slot 7, number 258 */
	0,    1, 0x51, 0x80, /* 86400 s */
	6,    0, 0x15, 0xb3, /* IPv6, port 5555 */
	0x20, 1, 0xd,  0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
};
static const uint8_t unbound_bytes[] = {0x0c, 5, 0, 4, 7, 0, 1, 2};
static const uint8_t report_bytes[] = {0x0c, 7, 0, 8, 1, 2, 3, 4, 0, 0, 0, 2};

static void assert_round_trip(const uint8_t *bytes, size_t length)
{
	uint8_t padded[128] = {0}, out[128];
	struct frame frame;

	memcpy(padded, bytes, length);
	assert_true(frame_is(padded, length));
	assert_int_equal(frame_parse(&frame, padded, length), 0);
	assert_int_equal(frame_write(&frame, 0, out, sizeof(out)), length);
	assert_memory_equal(out, bytes, length);
	/* WireGuard pads with zeros, which do not count. */
	assert_int_equal(frame_parse(&frame, padded, (length + 15) / 16 * 16), 0);
	for (size_t cut = 0; cut < length; cut++) {
		assert_int_equal(frame_parse(&frame, padded, cut), -EBADMSG);
		assert_int_equal(frame_write(&frame, 0, out, cut), -EMSGSIZE);
	}
}

static void test_golden(void **unused)
{
	(void)unused;
	assert_round_trip(probe_bytes, sizeof(probe_bytes));
	assert_round_trip(reply_bytes, sizeof(reply_bytes));
	assert_round_trip(ticket_reply_bytes, sizeof(ticket_reply_bytes));
	assert_round_trip(unbound_bytes, sizeof(unbound_bytes));
	assert_round_trip(report_bytes, sizeof(report_bytes));
}

static void test_fields(void **unused)
{
	struct frame frame;
	char text[ADDR_TEXT_SIZE];

	(void)unused;
	assert_int_equal(frame_parse(&frame, probe_bytes, sizeof(probe_bytes)), 0);
	assert_int_equal(frame.type, FRAME_PROBE);
	assert_int_equal(frame.probe.path, 7);
	assert_int_equal(frame.probe.sequence, 0x01020304);
	assert_int_equal(frame.probe.flags, FRAME_PROBE_ACTIVE);
	assert_int_equal(frame.probe.data[0], 9);
	assert_int_equal(frame.probe.data[3], 0x05000006);
	assert_int_equal(frame_parse(&frame, reply_bytes, sizeof(reply_bytes)), 0);
	assert_string_equal(addr_format(&frame.probe.observed, text), "203.0.113.7:5555");
	assert_int_equal(frame_parse(&frame, ticket_reply_bytes, sizeof(ticket_reply_bytes)), 0);
	assert_int_equal(frame.ticket_reply.number, 258);
	assert_int_equal(frame.ticket_reply.valid_s, 86400);
	assert_string_equal(addr_format(&frame.ticket_reply.observed, text), "[2001:db8::1]:5555");
	assert_int_equal(frame_parse(&frame, report_bytes, sizeof(report_bytes)), 0);
	assert_int_equal(frame.report.path, 0x01020304);
	assert_int_equal(frame.report.kind, FRAME_REPORT_MOVED);
}

static void test_ticket(void **unused)
{
	struct frame frame = {.type = FRAME_TICKET};
	uint8_t ticket[176], bytes[FRAME_MAX];

	(void)unused;
	memset(ticket, 0x5a, sizeof(ticket));
	frame.ticket.bytes = ticket;
	frame.ticket.length = sizeof(ticket);
	assert_int_equal(frame_write(&frame, 0, bytes, sizeof(bytes)), 4 + sizeof(ticket));
	memset(&frame, 0, sizeof(frame));
	assert_int_equal(frame_parse(&frame, bytes, 4 + sizeof(ticket)), 0);
	assert_int_equal(frame.ticket.length, sizeof(ticket));
	assert_memory_equal(frame.ticket.bytes, ticket, sizeof(ticket));
	frame.ticket.length = FRAME_MAX;
	assert_int_equal(frame_write(&frame, 0, bytes, sizeof(bytes)), -EMSGSIZE);
	frame.ticket.length = SIZE_MAX;
	assert_int_equal(frame_write(&frame, 0, bytes, sizeof(bytes)), -EMSGSIZE);
}

static void test_padding(void **unused)
{
	struct frame frame = {.type = FRAME_PROBE, .probe.sequence = 5};
	uint8_t bytes[2 * FRAME_MAX];

	(void)unused;
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(frame_write(&frame, 1000, bytes, sizeof(bytes)), 1032);
	for (size_t i = 32; i < 1032; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(bytes[1032], 0xff);
	assert_int_equal(frame_parse(&frame, bytes, 1032), 0);
	assert_int_equal(frame.probe.sequence, 5);
	assert_int_equal(frame_write(&frame, FRAME_MAX - 32, bytes, sizeof(bytes)), FRAME_MAX);
	assert_int_equal(frame_write(&frame, FRAME_MAX - 31, bytes, sizeof(bytes)), -EMSGSIZE);
	assert_int_equal(frame_write(&frame, SIZE_MAX, bytes, sizeof(bytes)), -EMSGSIZE);
}

static void test_refused(void **unused)
{
	uint8_t bytes[sizeof(ticket_reply_bytes)];
	struct frame frame;

	(void)unused;
	assert_false(frame_is((const uint8_t *)"\x45", 1));
	assert_false(frame_is(bytes, 0));
	memcpy(bytes, ticket_reply_bytes, sizeof(bytes));
	bytes[4] = FRAME_TICKET_STATUSES;
	assert_int_equal(frame_parse(&frame, bytes, sizeof(bytes)), -EBADMSG);
	bytes[4] = 0;
	bytes[12] = 5; /* no such family */
	assert_int_equal(frame_parse(&frame, bytes, sizeof(bytes)), -EBADMSG);
	bytes[12] = 6;
	bytes[1] = FRAME_TYPES; /* of a later version: not an error of the sender's */
	assert_int_equal(frame_parse(&frame, bytes, sizeof(bytes)), -ENOTSUP);
	bytes[1] = 0;
	assert_int_equal(frame_parse(&frame, bytes, sizeof(bytes)), -ENOTSUP);
	bytes[0] = 0x45;
	assert_int_equal(frame_parse(&frame, bytes, sizeof(bytes)), -EBADMSG);
	memcpy(bytes, report_bytes, sizeof(report_bytes));
	bytes[11] = FRAME_REPORT_KINDS;
	assert_int_equal(frame_parse(&frame, bytes, sizeof(report_bytes)), -ENOTSUP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),	cmocka_unit_test(test_fields),
		cmocka_unit_test(test_ticket),	cmocka_unit_test(test_padding),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
