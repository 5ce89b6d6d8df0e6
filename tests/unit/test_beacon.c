/* The two messages by which a local party's host is found: what is taken for one, and whose it is.
 */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/beacon.h"

static struct beacon here(void)
{
	struct beacon beacon = {.type = BEACON_HERE, .port = 8667};

	memset(beacon.nonce, 0x11, sizeof(beacon.nonce));
	return beacon;
}

static void there_and_back(void **state)
{
	struct beacon query = {.type = BEACON_QUERY}, answer = here(), back;
	uint8_t bytes[BEACON_SIZE];

	(void)state;
	randombytes_buf(query.nonce, sizeof(query.nonce));
	beacon_pack(&query, bytes);
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes)), 0);
	assert_memory_equal(&back, &query, sizeof(back));
	memset(answer.mac, 7, sizeof(answer.mac));
	beacon_pack(&answer, bytes);
	assert_memory_equal(bytes, "LANrage1\x02\0\0\0\0\0\x21\xdb", 16);
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes)), 0);
	assert_memory_equal(&back, &answer, sizeof(back));
}

static void what_is_none(void **state)
{
	static const struct {
		size_t at;
		uint8_t value;
	} changes[] = {{0, 'l'}, {7, '2'}, {8, 0}, {8, 3}, {9, 1}, {13, 1}};
	struct beacon query = {.type = BEACON_QUERY, .port = 1}, back;
	uint8_t bytes[BEACON_SIZE], changed[BEACON_SIZE];
	struct beacon answer = here();

	(void)state;
	beacon_pack(&query, bytes); /* a query has no port */
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes)), -EBADMSG);
	query.port = 0;
	query.mac[15] = 1; /* and no MAC */
	beacon_pack(&query, bytes);
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes)), -EBADMSG);
	answer.port = 0;
	beacon_pack(&answer, bytes);
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes)), -EBADMSG);
	answer.port = 1;
	beacon_pack(&answer, bytes);
	assert_int_equal(beacon_unpack(&back, bytes, sizeof(bytes) - 1), -EBADMSG);
	assert_int_equal(beacon_unpack(&back, bytes, 0), -EBADMSG);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		memcpy(changed, bytes, sizeof(bytes));
		changed[changes[i].at] = changes[i].value;
		assert_int_equal(beacon_unpack(&back, changed, sizeof(changed)), -EBADMSG);
	}
}

/* Another key, nonce, port or address: not our host. */
static void whose_it_is(void **state)
{
	const struct addr host = addr_ipv4(0xc0a80105, 0), other = addr_ipv4(0xc0a80106, 0),
			  with_port = addr_ipv4(0xc0a80105, 8667);
	uint8_t key[BEACON_KEY_SIZE] = {1}, strange[BEACON_KEY_SIZE] = {2};
	struct beacon answer = here();

	(void)state;
	beacon_sign(&answer, key, &host);
	assert_true(beacon_is_from(&answer, key, &host));
	assert_true(beacon_is_from(&answer, key, &with_port));
	assert_false(beacon_is_from(&answer, strange, &host));
	assert_false(beacon_is_from(&answer, key, &other));
	answer.port++;
	assert_false(beacon_is_from(&answer, key, &host));
	answer.port--;
	answer.nonce[0] ^= 1;
	assert_false(beacon_is_from(&answer, key, &host));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(what_is_none),
		cmocka_unit_test(whose_it_is),
	};

	return sodium_init() < 0 || cmocka_run_group_tests(tests, NULL, NULL);
}
