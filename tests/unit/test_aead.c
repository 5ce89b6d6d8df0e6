/* Sealing packets: the library that was chosen at the start does what libsodium does. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/aead.h"

#define LONGEST 2000

static uint8_t key[AEAD_KEY_SIZE], text[LONGEST + AEAD_TAG_SIZE];

static int set_up(void **state)
{
	(void)state;
	if (aead_init() < 0)
		return -1;
	randombytes_buf(key, sizeof(key));
	randombytes_buf(text, sizeof(text));
	printf("packets are sealed by %s, %u ns\n", aead_name(), aead_cost_ns());
	return 0;
}

static void test_a_choice_was_made(void **state)
{
	(void)state;
	assert_true(strlen(aead_name()) > 0);
	assert_true(aead_cost_ns() > 0);
#ifdef __x86_64__
	/* else the fast library is built in for nothing: every x86-64 of the last decade has AVX2
	 */
	if (__builtin_cpu_supports("avx2"))
		assert_true(strncmp(aead_name(), "ipsec-mb", 8) == 0);
#endif
}

/* Any length, into another place and in place, with bytes around that must stay. */
static void test_every_length(void **state)
{
	uint8_t expected[LONGEST + AEAD_TAG_SIZE], buffer[16 + LONGEST + AEAD_TAG_SIZE + 16];

	(void)state;
	for (size_t length = 0; length <= LONGEST; length += length < 300 ? 1 : 41) {
		uint64_t counter = 0x0102030405060708 + length;
		uint8_t *place = buffer + 16;

		memcpy(expected, text, length);
		aead_seal(key, counter, NULL, 0, expected, length);
		memset(buffer, 0xee, sizeof(buffer));
		aead_seal_packet(key, counter, place, text, length);
		assert_memory_equal(place, expected, length + AEAD_TAG_SIZE);
		for (int i = 0; i < 16; i++) {
			assert_int_equal(buffer[i], 0xee);
			assert_int_equal(place[length + AEAD_TAG_SIZE + (size_t)i], 0xee);
		}
		memcpy(place, text, length);
		aead_seal_packet(key, counter, place, place, length);
		assert_memory_equal(place, expected, length + AEAD_TAG_SIZE);
		assert_int_equal(aead_open_packet(key, counter, place, length + AEAD_TAG_SIZE), 0);
		assert_memory_equal(place, text, length);
	}
}

static void test_what_is_not_authentic(void **state)
{
	static const size_t lengths[] = {0, 1, 16, 200, 1420};
	uint8_t sealed[LONGEST + AEAD_TAG_SIZE], copy[LONGEST + AEAD_TAG_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		size_t all = lengths[i] + AEAD_TAG_SIZE;

		aead_seal_packet(key, 7, sealed, text, lengths[i]);
		for (size_t bit = 0; bit < all * 8; bit += all < 64 ? 1 : 13) {
			memcpy(copy, sealed, all);
			copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_int_equal(aead_open_packet(key, 7, copy, all), -EBADMSG);
		}
		memcpy(copy, sealed, all);
		assert_int_equal(aead_open_packet(key, 8, copy, all), -EBADMSG);
		memcpy(copy, sealed, all);
		assert_int_equal(aead_open_packet(key, 7, copy, all - 1), -EBADMSG);
		assert_int_equal(aead_open_packet(key, 7, copy, AEAD_TAG_SIZE - 1), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_choice_was_made),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_what_is_not_authentic),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
