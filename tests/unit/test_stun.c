/* STUN against the published vectors (RFC 5769), a table of malformed messages and the answerer. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-nat/stun.h"

/* RFC 5769 section 2.1 */
static const char ice_request[] = "000100582112a442b7e7a701bc34d686fa87dfae"
				  "802200105354554e207465737420636c69656e74"
				  "002400046e0001ff"
				  "80290008932ff9b151263b36"
				  "000600096576746a3a68367659202020"
				  "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
				  "80280004e57a3bcf";
/* section 2.2: 192.0.2.1 port 32853 */
static const char ipv4_response[] = "0101003c2112a442b7e7a701bc34d686fa87dfae"
				    "8022000b7465737420766563746f7220"
				    "002000080001a147e112a643"
				    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
				    "80280004c07d4c96";
/* section 2.3: 2001:db8:1234:5678:11:2233:4455:6677 port 32853 */
static const char ipv6_response[] = "010100482112a442b7e7a701bc34d686fa87dfae"
				    "8022000b7465737420766563746f7220"
				    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
				    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
				    "80280004c8fb0b4c";
/* section 2.4: long-term credentials, no fingerprint */
static const char long_term_request[] = "000100602112a44278ad3433c6ad72c029da412e"
					"00060012e3839ee38388e383aae38383e382afe382b90000"
					"0015001c662f2f3439396b3935346436"
					"4f4c33346f4c39465354767936347341"
					"0014000b6578616d706c652e6f726700"
					"00080014f67024656dd64a3e02b8e0712e85c9a28ca89666";

static const uint8_t transaction_id[] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
					 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

static size_t from_hex(const char *hex, uint8_t *bytes)
{
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length; i++) {
		char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};

		bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return length;
}

static struct addr address(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static void test_vector_request(void **state)
{
	uint8_t bytes[STUN_MESSAGE_MAX];
	size_t length = from_hex(ice_request, bytes);
	struct stun_message message;

	(void)state;
	assert_true(stun_is(bytes, length));
	assert_int_equal(stun_parse(&message, bytes, length), 0);
	assert_int_equal(message.class, STUN_REQUEST);
	assert_int_equal(message.method, STUN_METHOD_BINDING);
	assert_memory_equal(message.transaction_id, transaction_id, sizeof(transaction_id));
	assert_true(addr_is_none(&message.mapped));
	/* PRIORITY is ICE's and must be understood; ICE-CONTROLLED and SOFTWARE need not be */
	assert_int_equal(message.n_unknown, 1);
	assert_int_equal(message.unknown[0], 0x0024);
}

static void test_vector_responses(void **state)
{
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message message;
	struct addr ipv4 = address("192.0.2.1:32853");
	struct addr ipv6 = address("[2001:db8:1234:5678:11:2233:4455:6677]:32853");

	(void)state;
	assert_int_equal(stun_parse(&message, bytes, from_hex(ipv4_response, bytes)), 0);
	assert_int_equal(message.class, STUN_SUCCESS);
	assert_true(addr_equal(&message.mapped, &ipv4));
	assert_int_equal(stun_parse(&message, bytes, from_hex(ipv6_response, bytes)), 0);
	assert_true(addr_equal(&message.mapped, &ipv6));
}

static void test_vector_long_term(void **state)
{
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message message;

	(void)state;
	assert_int_equal(stun_parse(&message, bytes, from_hex(long_term_request, bytes)), 0);
	assert_int_equal(message.class, STUN_REQUEST);
	assert_int_equal(message.n_unknown, 0);
}

static void test_every_changed_bit_is_noticed(void **state)
{
	uint8_t bytes[STUN_MESSAGE_MAX];
	size_t length = from_hex(ipv4_response, bytes);
	struct stun_message message;

	(void)state;
	for (size_t bit = 0; bit < 8 * length; bit++) {
		uint8_t mask = (uint8_t)(1 << bit % 8);

		bytes[bit / 8] ^= mask;
		/* a changed type or length of FINGERPRINT itself is noticed as well: it is then
		 * an optional attribute, so only its own four bytes of header may pass */
		if (stun_parse(&message, bytes, length) == 0 &&
		    (bit / 8 < length - 8 || bit / 8 >= length - 4))
			fail_msg("bit %zu", bit);
		bytes[bit / 8] ^= mask;
	}
}

static void test_round_trip(void **state)
{
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message in, out;
	int length;

	(void)state;
	memset(&in, 0, sizeof(in)); /* padding too: compared whole */
	in.class = STUN_SUCCESS;
	in.method = STUN_METHOD_BINDING;
	memcpy(in.transaction_id, transaction_id, sizeof(transaction_id));
	in.mapped = address("[2001:db8::7]:5");
	in.other = address("203.0.113.9:3479");
	in.response_origin = address("203.0.113.8:3478");
	length = stun_write(&in, bytes, sizeof(bytes));
	assert_true(length > 0);
	assert_int_equal(stun_parse(&out, bytes, (size_t)length), 0);
	assert_memory_equal(&in, &out, sizeof(in));

	memset(&in, 0, sizeof(in));
	in.class = STUN_REQUEST;
	in.method = STUN_METHOD_BINDING;
	in.change_port = true;
	length = stun_write(&in, bytes, sizeof(bytes));
	assert_int_equal(stun_parse(&out, bytes, (size_t)length), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(stun_write(&in, bytes, (size_t)length - 1), -EMSGSIZE);

	memset(&in, 0, sizeof(in));
	in.class = STUN_ERROR;
	in.method = 0xfff;
	in.error_code = 420;
	in.n_unknown = 3;
	in.unknown[0] = 0x24;
	in.unknown[1] = 0x25;
	in.unknown[2] = 3;
	length = stun_write(&in, bytes, sizeof(bytes));
	assert_int_equal(stun_parse(&out, bytes, (size_t)length), 0);
	assert_memory_equal(&in, &out, sizeof(in));
}

#define HEAD "2112a442b7e7a701bc34d686fa87dfae"

static void test_malformed(void **state)
{
	static const struct {
		const char *what, *hex;
	} table[] = {
		{"empty", ""},
		{"short", "00010000"
			  "2112a442b7e7a701bc34d686fa87df"},
		{"top bits", "40010000" HEAD},
		{"wrong cookie", "000100002112a443b7e7a701bc34d686fa87dfae"},
		{"length beyond the end", "00010004" HEAD},
		{"bytes after the end", "00010000" HEAD "00000000"},
		{"length not a multiple of four", "00010002" HEAD "8022"},
		{"attribute beyond the end", "00010008" HEAD "8022000554657374"},
		{"attribute of 65535 bytes", "00010004" HEAD "8022ffff"},
		{"mapped address without family", "01010008" HEAD "0020000400010001"},
		{"IPv4 of five bytes", "01010010" HEAD "002000090001000101020304050000"
				       "00"},
		{"IPv6 family with four bytes", "0101000c" HEAD "002000080002000101020304"},
		{"family 3", "0101000c" HEAD "000100080003000101020304"},
		{"empty mapped address", "01010004" HEAD "00200000"},
		{"error code 200", "01110008" HEAD "0009000400000200"},
		{"error code 4.100", "01110008" HEAD "0009000400000464"},
		{"short error code", "01110008" HEAD "0009000200000000"},
		{"odd unknown attributes", "01110008" HEAD "000a000300010000"},
		{"change request of two bytes", "00010008" HEAD "0003000200060000"},
		{"fingerprint wrong", "00010008" HEAD "8028000400000000"},
		{"fingerprint short", "00010004" HEAD "80280000"},
		{"fingerprint not last", "00010010" HEAD "80280004000000008022000000000000"},
	};
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		/* a copy of its very size, so that the sanitizer sees every overrun */
		size_t length = from_hex(table[i].hex, bytes);
		uint8_t *exact = malloc(length ? length : 1);

		memcpy(exact, bytes, length);
		if (stun_parse(&message, exact, length) != -EBADMSG)
			fail_msg("%s was accepted", table[i].what);
		free(exact);
	}
}

static void test_first_of_two_and_xor_before_plain(void **state)
{
	static const char hex[] = "01010030" HEAD "000100080001000101010101"
				  "002000080001a147e112a643"
				  "002000080001a147e112a644"
				  "000100080001000202020202";
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message message;
	struct addr expected = address("192.0.2.1:32853");

	(void)state;
	assert_int_equal(stun_parse(&message, bytes, from_hex(hex, bytes)), 0);
	assert_true(addr_equal(&message.mapped, &expected));
}

static void test_attributes_after_integrity_are_ignored(void **state)
{
	static const char hex[] = "01010024" HEAD "000800140000000000000000000000000000000000000000"
				  "002000080001a147e112a643";
	uint8_t bytes[STUN_MESSAGE_MAX];
	struct stun_message message;

	(void)state;
	assert_int_equal(stun_parse(&message, bytes, from_hex(hex, bytes)), 0);
	assert_true(addr_is_none(&message.mapped));
}

static void test_answer(void **state)
{
	uint8_t request[STUN_MESSAGE_MAX], answer[STUN_MESSAGE_MAX];
	struct addr sources[] = {address("198.51.100.3:9"), address("[2001:db8::3]:65535")};
	struct stun_message message;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		size_t length = from_hex("00010000" HEAD, request);
		size_t answered =
			stun_answer(request, length, &sources[i], NULL, answer, sizeof(answer));

		assert_in_range(answered, 1, length + 56);
		assert_int_equal(stun_parse(&message, answer, answered), 0);
		assert_int_equal(message.class, STUN_SUCCESS);
		assert_true(addr_equal(&message.mapped, &sources[i]));
		assert_memory_equal(message.transaction_id, transaction_id, 12);
		assert_int_equal(
			stun_answer(request, length, &sources[i], NULL, answer, answered - 1), 0);
	}
}

static void test_answer_to_what_is_not_understood(void **state)
{
	uint8_t request[STUN_MESSAGE_MAX], answer[STUN_MESSAGE_MAX];
	struct addr from = address("198.51.100.3:9");
	struct stun_message message;
	size_t length = from_hex(ice_request, request), answered;

	(void)state;
	answered = stun_answer(request, length, &from, NULL, answer, sizeof(answer));
	assert_int_equal(stun_parse(&message, answer, answered), 0);
	assert_int_equal(message.error_code, 420);
	assert_int_equal(message.unknown[0], 0x24);

	length = from_hex("00010008" HEAD "0003000400000006", request);
	answered = stun_answer(request, length, &from, NULL, answer, sizeof(answer));
	assert_int_equal(stun_parse(&message, answer, answered), 0);
	assert_int_equal(message.error_code, 420);
	assert_int_equal(message.unknown[0], 3);
	assert_in_range(answered, 1, length + 56);
}

static void test_other_port(void **state)
{
	static const struct {
		const char *flags;
		bool other;
		enum stun_class class;
	} cases[] = {{"00000002", true, STUN_SUCCESS},
		     {"00000004", false, STUN_ERROR},
		     {"00000006", false, STUN_ERROR},
		     {"00000000", false, STUN_SUCCESS}};
	uint8_t request[STUN_MESSAGE_MAX], answer[STUN_MESSAGE_MAX];
	struct addr from = address("198.51.100.3:9");
	struct stun_message message;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char hex[128];
		size_t length, answered;
		bool other = !cases[i].other;

		(void)snprintf(hex, sizeof(hex), "00010008" HEAD "00030004%s", cases[i].flags);
		length = from_hex(hex, request);
		answered = stun_answer(request, length, &from, &other, answer, sizeof(answer));
		assert_int_equal(stun_parse(&message, answer, answered), 0);
		assert_int_equal(message.class, cases[i].class);
		assert_int_equal(other, cases[i].other);
	}
}

static void test_padding(void **state)
{
	struct stun_message request = {.class = STUN_REQUEST,
				       .method = STUN_METHOD_BINDING,
				       .padding = STUN_REQUEST_MAX - STUN_HEADER_SIZE - 12};
	uint8_t bytes[STUN_REQUEST_MAX], answer[STUN_MESSAGE_MAX];
	struct addr from = address("198.51.100.3:9");
	struct stun_message message;

	(void)state;
	assert_int_equal(stun_write(&request, bytes, sizeof(bytes)), STUN_REQUEST_MAX);
	assert_int_equal(stun_parse(&message, bytes, sizeof(bytes)), 0);
	assert_int_equal(message.padding, request.padding);
	assert_int_equal(message.n_unknown, 0);
	/* long requests have short answers */
	assert_int_equal(stun_answer(bytes, sizeof(bytes), &from, NULL, answer, sizeof(answer)),
			 STUN_HEADER_SIZE + 12 + 8);
	request.padding++;
	assert_int_equal(stun_write(&request, bytes, sizeof(bytes)), -EMSGSIZE);
}

static void test_silence(void **state)
{
	static const char *const table[] = {
		"01010000" HEAD, /* an answer: no loops between two servers */
		"00110000" HEAD, /* an indication */
		"00030000" HEAD, /* TURN's Allocate */
		"00010000"
		"0000000000000000000000000000000000",
	};
	uint8_t bytes[STUN_MESSAGE_MAX], answer[STUN_MESSAGE_MAX];
	struct addr from = address("198.51.100.3:9");

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(stun_answer(bytes, from_hex(table[i], bytes), &from, NULL, answer,
					     sizeof(answer)),
				 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector_request),
		cmocka_unit_test(test_vector_responses),
		cmocka_unit_test(test_vector_long_term),
		cmocka_unit_test(test_every_changed_bit_is_noticed),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_first_of_two_and_xor_before_plain),
		cmocka_unit_test(test_attributes_after_integrity_are_ignored),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_answer_to_what_is_not_understood),
		cmocka_unit_test(test_other_port),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_silence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
