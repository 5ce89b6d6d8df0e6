/* Bytes that are no message, or more than one meaning of it, do not get past the codecs. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "browser.pb-c.h"
#include "common/pb.h"
#include "control.pb-c.h"

#define BUDGET 4096

static const void *unpack_join(struct pb_memory *memory, const char *bytes, size_t length)
{
	return pb_unpack(memory, BUDGET, &lanrage__control__join_party__descriptor,
			 (const uint8_t *)bytes, length);
}

static void test_one_form_only(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		bool good;
	} rows[] = {
		{"", 0, true},
		{"\x0a\x03"
		 "abc",
		 5, true},
		{"\x0a\x03"
		 "abc\x12\x01x",
		 8, true},
		{"\x0a\x03"
		 "abc\x7a\x01x",
		 8, true}, /* a field of a later version */
		{"\x0a\x03"
		 "a\0c",
		 5, false}, /* a NUL inside */
		{"\x0a\x01"
		 "a\x0a\x01"
		 "b",
		 6, false}, /* twice */
		{"\x0a\x81\x00"
		 "a",
		 4, false},		/* an overlong length */
		{"\x0a\x00", 2, false}, /* a default that is said */
		{"\x0a\x03"
		 "ab",
		 4, false}, /* cut off */
		{"\x0a", 1, false},
		{"\x08\x01", 2, false}, /* another type */
		{"\xff\xff\xff\xff\xff\xff", 6, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct pb_memory memory;

		if ((unpack_join(&memory, rows[i].bytes, rows[i].length) != NULL) != rows[i].good)
			fail_msg("row %zu", i);
		pb_free(&memory);
		assert_int_equal(memory.left, BUDGET);
	}
}

/* Two bytes each, and a hundred in memory. */
static void test_a_budget_holds(void **state)
{
	uint8_t bytes[400];
	struct pb_memory memory;

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i += 2) {
		bytes[i] = 0x0a;
		bytes[i + 1] = 0;
	}
	assert_null(pb_unpack(&memory, BUDGET, &lanrage__browser__servers__descriptor, bytes,
			      sizeof(bytes)));
	pb_free(&memory);
	assert_non_null(pb_unpack(&memory, 1u << 20, &lanrage__browser__servers__descriptor, bytes,
				  sizeof(bytes)));
	assert_true(memory.left < (1u << 20));
	pb_free(&memory);
	assert_int_equal(memory.left, 1u << 20);
	pb_free(&memory); /* twice is fine */
}

static void test_fields(void **state)
{
	const uint8_t bytes[] = {1, 2, 3};
	ProtobufCBinaryData data = pb_view(bytes, 3), none = {0};
	uint8_t out[3];
	char text[4];

	(void)state;
	assert_true(pb_take(&data, out, 3));
	assert_memory_equal(out, bytes, 3);
	assert_false(pb_take(&data, out, 2));
	assert_false(pb_take(&none, out, 3));
	assert_true(pb_take(&none, out, 0));
	assert_true(pb_take_text("abc", text, sizeof(text)));
	assert_string_equal(text, "abc");
	assert_false(pb_take_text("abcd", text, sizeof(text)));
	assert_false(pb_take_text("a\nb", text, sizeof(text)));
	assert_true(pb_take_text("", text, sizeof(text)));
}

static void test_packing(void **state)
{
	Lanrage__Control__JoinParty message = LANRAGE__CONTROL__JOIN_PARTY__INIT;
	uint8_t small[4], *bytes;

	(void)state;
	assert_int_equal(pb_pack(&message.base, &bytes), 0);
	free(bytes);
	message.code = pb_view_text("abc");
	assert_int_equal(pb_pack_into(&message.base, small, sizeof(small)), -EMSGSIZE);
	assert_int_equal(pb_pack(&message.base, &bytes), 5);
	assert_memory_equal(bytes,
			    "\x0a\x03"
			    "abc",
			    5);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_form_only),
		cmocka_unit_test(test_a_budget_holds),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_packing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
