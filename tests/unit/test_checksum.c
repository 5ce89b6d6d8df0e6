/* The Internet checksum, against one that sums up byte by byte. */
#include "svc-dataplane/checksum.h"
#include "tests/unit/inner.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

static uint16_t in_network_order(uint16_t sum)
{
	uint8_t bytes[2];

	memcpy(bytes, &sum, sizeof(bytes));
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void test_rfc1071(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
	uint64_t sum = checksum_add(0, bytes, sizeof(bytes));

	(void)state;
	/* Section 3 of the RFC adds these up to ddf2. */
	assert_int_equal(in_network_order(checksum_fold(sum)), 0xddf2);
	assert_int_equal(in_network_order(checksum_fold(checksum_add_be16(sum, 0x220d))), 0xffff);
	assert_int_equal(checksum_fold(checksum_add(0, bytes, 0)), 0);
}

/* Every length up to a few turns of the loops, wherever it lies, and in two parts. */
static void test_lengths(void **state)
{
	uint8_t bytes[256];

	(void)state;
	srandom(1);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)random();
	for (size_t length = 0; length <= 200; length++) {
		uint8_t *at = malloc(length + 8);

		assert_non_null(at);
		for (size_t offset = 0; offset < 8; offset++) {
			uint16_t expected = inner_sum(0, bytes + offset, length);
			size_t half = length / 4 * 2;
			uint64_t sum;

			memcpy(at + 8 - offset, bytes + offset, length);
			sum = checksum_add(0, at + 8 - offset, length);
			assert_int_equal(in_network_order(checksum_fold(sum)), expected);
			sum = checksum_add(checksum_add(0, at + 8 - offset, half),
					   at + 8 - offset + half, length - half);
			assert_int_equal(in_network_order(checksum_fold(sum)), expected);
		}
		free(at);
	}
}

/* Carries come round, in the sum and in the folding. */
static void test_carries(void **state)
{
	static uint8_t ones[65536];

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	assert_int_equal(checksum_fold(checksum_add(0, ones, sizeof(ones))), 0xffff);
	assert_int_equal(checksum_fold(checksum_add(UINT64_MAX, ones, sizeof(ones))), 0xffff);
	assert_int_equal(checksum_fold(checksum_add_be16(UINT64_MAX, 0x0102)),
			 checksum_fold(checksum_add_be16(0, 0x0102)));
	ones[17] = 0xfe;
	assert_int_equal(in_network_order(checksum_fold(checksum_add(0, ones, sizeof(ones)))),
			 inner_sum(0, ones, sizeof(ones)));
	assert_int_equal(checksum_fold(UINT64_MAX - 1), 0xfffe);
	assert_int_equal(checksum_fold(0xffff0001u), 1);
	assert_int_equal(checksum_fold(0x0001ffffffffu), 1);
}

/* Any bytes at any even place become others: the stored sum is that of the new ones. */
static void test_adjusting(void **state)
{
	uint8_t bytes[64];

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		size_t at = (size_t)(rand() % 30) * 2 + 2, length = (size_t)(rand() % 4 + 1) * 2;
		uint8_t after[8];
		uint16_t sum;

		length = length < sizeof(bytes) - at ? length : sizeof(bytes) - at;
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(round % 3 ? rand() : 0xff);
		for (size_t i = 0; i < sizeof(after); i++)
			after[i] = (uint8_t)(round % 5 ? rand() : 0);
		memset(bytes, 0, 2);
		sum = (uint16_t)~checksum_fold(checksum_add(0, bytes, sizeof(bytes)));
		memcpy(bytes, &sum, 2);
		checksum_adjust(bytes, bytes + at, after, length, false, false);
		memcpy(bytes + at, after, length);
		assert_int_equal(checksum_fold(checksum_add(0, bytes, sizeof(bytes))), 0xffff);
	}
}

static void test_adjusting_what_is_begun_or_not_there(void **state)
{
	const uint8_t before[2] = {0xff, 0xf0}, after[2] = {0x12, 0x34};
	uint8_t none[2] = {0, 0}, begun[2] = {0xff, 0xf0};

	(void)state;
	checksum_adjust(none, before, after, 2, true, false);
	assert_int_equal(none[0] | none[1], 0);
	checksum_adjust(begun, before, after, 2, true, true);
	assert_memory_equal(begun, after, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1071),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_carries),
		cmocka_unit_test(test_adjusting),
		cmocka_unit_test(test_adjusting_what_is_begun_or_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
