/* RFC 6040: the table of section 4.2, for both families. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "svc-dataplane/checksum.h"
#include "svc-dataplane/ecn.h"
#include "svc-dataplane/header.h"

enum { NOT_ECT = 0, ECT_1 = 1, ECT_0 = 2, CE = 3, DROP = -1 };

/* inner, then outer */
static const int table[4][4] = {
	[NOT_ECT] = {[NOT_ECT] = NOT_ECT, [ECT_0] = NOT_ECT, [ECT_1] = NOT_ECT, [CE] = DROP},
	[ECT_0] = {[NOT_ECT] = ECT_0, [ECT_0] = ECT_0, [ECT_1] = ECT_1, [CE] = CE},
	[ECT_1] = {[NOT_ECT] = ECT_1, [ECT_0] = ECT_1, [ECT_1] = ECT_1, [CE] = CE},
	[CE] = {[NOT_ECT] = CE, [ECT_0] = CE, [ECT_1] = CE, [CE] = CE},
};

static void make_ipv4(uint8_t packet[60], uint8_t words, uint8_t tos)
{
	uint16_t sum;

	for (uint8_t i = 0; i < 60; i++)
		packet[i] = (uint8_t)(i * 7 + 1);
	packet[0] = (uint8_t)(0x40 | words);
	packet[IPV4_TOS] = tos;
	memset(packet + IPV4_CHECKSUM, 0, 2);
	sum = (uint16_t)~checksum_fold(checksum_add(0, packet, words * 4u));
	memcpy(packet + IPV4_CHECKSUM, &sum, 2);
}

static void test_ipv4(void **state)
{
	uint8_t packet[60];

	(void)state;
	for (uint8_t words = 5; words <= 15; words += 5) {
		for (uint8_t inner = 0; inner < 4; inner++) {
			for (uint8_t outer = 0; outer < 4; outer++) {
				make_ipv4(packet, words, (uint8_t)(0xb8 | inner));
				assert_int_equal(ecn_of(packet), inner);
				assert_int_equal(ecn_leave(packet, outer),
						 table[inner][outer] != DROP);
				if (table[inner][outer] == DROP)
					continue;
				assert_int_equal(packet[IPV4_TOS], 0xb8 | table[inner][outer]);
				assert_int_equal(checksum_fold(checksum_add(0, packet, words * 4u)),
						 0xffff);
			}
		}
	}
}

static void test_ipv6(void **state)
{
	(void)state;
	for (uint8_t inner = 0; inner < 4; inner++) {
		for (uint8_t outer = 0; outer < 4; outer++) {
			uint8_t packet[40] = {0x6b, (uint8_t)(0x8f | inner << 4), 0xaa, 0xbb};

			assert_int_equal(ecn_of(packet), inner);
			assert_int_equal(ecn_leave(packet, outer), table[inner][outer] != DROP);
			if (table[inner][outer] == DROP)
				continue;
			/* traffic class and flow label beside it stay */
			assert_int_equal(packet[0], 0x6b);
			assert_int_equal(packet[1], 0x8f | table[inner][outer] << 4);
			assert_int_equal(packet[2], 0xaa);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
