/* Relay tickets: the layout, the signature, and that nothing can be changed. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "svc-nat/relay/ticket.h"

static uint8_t public_key[32], secret_key[64];

static struct ticket example(void)
{
	struct ticket ticket;

	memset(&ticket, 0, sizeof(ticket));
	ticket.number = 0x1234;
	ticket.generation = 7;
	ticket.expires_s = 0x0102030405060708;
	memset(ticket.relay_key, 0xaa, 32);
	memset(ticket.member_key, 0xbb, 32);
	ticket_scope((const uint8_t *)"0123456789abcdef", 16, ticket.scope);
	return ticket;
}

static int setup(void **state)
{
	uint8_t seed[32] = {1};

	(void)state;
	if (sodium_init() < 0)
		return -1;
	return crypto_sign_seed_keypair(public_key, secret_key, seed);
}

static void test_round_trip(void **state)
{
	struct ticket in = example(), out;
	uint8_t bytes[TICKET_SIZE];

	(void)state;
	ticket_sign(&in, secret_key, bytes);
	assert_int_equal(ticket_parse(&out, bytes, sizeof(bytes)), 0);
	assert_int_equal(out.number, in.number);
	assert_int_equal(out.generation, in.generation);
	assert_int_equal(out.expires_s, in.expires_s);
	assert_memory_equal(out.scope, in.scope, TICKET_SCOPE_SIZE);
	assert_memory_equal(out.relay_key, in.relay_key, 32);
	assert_memory_equal(out.member_key, in.member_key, 32);
	assert_memory_equal(out.signing_id, public_key, TICKET_SIGNING_ID_SIZE);
	assert_int_equal(ticket_verify(bytes, public_key), 0);
}

static void test_layout(void **state)
{
	static const uint8_t head[] = {1, 0, 0x12, 0x34, 0, 0, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8};
	static const uint8_t zero[8];
	struct ticket in = example();
	uint8_t bytes[TICKET_SIZE];

	(void)state;
	ticket_sign(&in, secret_key, bytes);
	assert_memory_equal(bytes, head, sizeof(head));
	assert_memory_equal(bytes + 16, in.scope, 16);
	assert_memory_equal(bytes + 32, in.relay_key, 32);
	assert_memory_equal(bytes + 64, in.member_key, 32);
	assert_memory_equal(bytes + 96, public_key, 8);
	assert_memory_equal(bytes + 104, zero, 8);
}

static void test_scope(void **state)
{
	/* BLAKE2b-128 of "lanrage relay scope0123456789abcdef", computed with Python's hashlib */
	static const uint8_t expected[16] = {0xa8, 0x57, 0x5d, 0xfc, 0x48, 0x05, 0x7f, 0xa5,
					     0x4a, 0xb2, 0x52, 0xf4, 0xa3, 0xd5, 0x62, 0x24};
	struct ticket ticket = example();

	(void)state;
	assert_memory_equal(ticket.scope, expected, sizeof(expected));
}

static void test_every_changed_bit_is_noticed(void **state)
{
	struct ticket in = example(), out;
	uint8_t bytes[TICKET_SIZE];

	(void)state;
	ticket_sign(&in, secret_key, bytes);
	for (size_t bit = 0; bit < 8 * TICKET_SIZE; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (ticket_parse(&out, bytes, sizeof(bytes)) == 0 &&
		    ticket_verify(bytes, public_key) == 0)
			fail_msg("bit %zu", bit);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void test_shape(void **state)
{
	struct ticket in = example(), out;
	uint8_t bytes[TICKET_SIZE + 1] = {0}, wrong[TICKET_SIZE];
	static const size_t must_stay[] = {0, 1, 104, 111};

	(void)state;
	ticket_sign(&in, secret_key, bytes);
	assert_int_equal(ticket_parse(&out, bytes, TICKET_SIZE - 1), -EBADMSG);
	assert_int_equal(ticket_parse(&out, bytes, TICKET_SIZE + 1), -EBADMSG);
	assert_int_equal(ticket_parse(&out, bytes, 0), -EBADMSG);
	for (size_t i = 0; i < sizeof(must_stay) / sizeof(must_stay[0]); i++) {
		memcpy(wrong, bytes, TICKET_SIZE);
		wrong[must_stay[i]] ^= 0x80;
		assert_int_equal(ticket_parse(&out, wrong, TICKET_SIZE), -EBADMSG);
	}
	in.number = 0;
	ticket_sign(&in, secret_key, wrong);
	assert_int_equal(ticket_parse(&out, wrong, TICKET_SIZE), -EBADMSG);
}

static void test_another_key(void **state)
{
	uint8_t other_public[32], other_secret[64], bytes[TICKET_SIZE];
	struct ticket in = example();

	(void)state;
	crypto_sign_keypair(other_public, other_secret);
	ticket_sign(&in, other_secret, bytes);
	assert_int_equal(ticket_verify(bytes, public_key), -EBADMSG);
	assert_int_equal(ticket_verify(bytes, other_public), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_scope),
		cmocka_unit_test(test_every_changed_bit_is_noticed),
		cmocka_unit_test(test_shape),
		cmocka_unit_test(test_another_key),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
