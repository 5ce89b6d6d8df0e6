/* The handshake against golden values made by an independent implementation (vectors/noise.py), and
 * what must fail. */
#include "svc-dataplane/aead.h"
#include "svc-dataplane/cookie.h"
#include "svc-dataplane/noise.h"
#include "svc-dataplane/tai64n.h"
#include "tests/unit/vectors/noise.h"
#include "tests/unit/vectors/vector.h"

#include <errno.h>

#define INDEX_I 0x11223344u
#define INDEX_R 0xaabbccddu

/* Both ends with the vectors' keys. */
struct ends {
	struct noise_identity i, r;
	struct noise_remote i_sees, r_sees; /* i's view of r, r's view of i */
	uint8_t eph_i[32], eph_r[32], timestamp[12];
};

static void ends_init(struct ends *e, const char *psk_hex)
{
	uint8_t key[32], psk[32], public_i[32], public_r[32];

	vector_read(key, sizeof(key), vector_static_i);
	assert_int_equal(noise_identity_init(&e->i, key), 0);
	vector_read(key, sizeof(key), vector_static_r);
	assert_int_equal(noise_identity_init(&e->r, key), 0);
	vector_read(public_i, sizeof(public_i), vector_public_i);
	vector_read(public_r, sizeof(public_r), vector_public_r);
	if (psk_hex)
		vector_read(psk, sizeof(psk), psk_hex);
	assert_int_equal(noise_remote_init(&e->i_sees, &e->i, public_r, psk_hex ? psk : NULL), 0);
	assert_int_equal(noise_remote_init(&e->r_sees, &e->r, public_i, psk_hex ? psk : NULL), 0);
	vector_read(e->eph_i, sizeof(e->eph_i), vector_eph_i);
	vector_read(e->eph_r, sizeof(e->eph_r), vector_eph_r);
	vector_read(e->timestamp, sizeof(e->timestamp), vector_timestamp);
}

static void test_hmac_and_kdf(void **state)
{
	static const struct {
		const char *input, *hmac, *kdf[3];
	} cases[] = {
		{vector_input_empty,
		 vector_hmac_empty,
		 {vector_kdf_empty_1, vector_kdf_empty_2, vector_kdf_empty_3}},
		{vector_input_short,
		 vector_hmac_short,
		 {vector_kdf_short_1, vector_kdf_short_2, vector_kdf_short_3}},
		{vector_input_long,
		 vector_hmac_long,
		 {vector_kdf_long_1, vector_kdf_long_2, vector_kdf_long_3}},
	};
	uint8_t key[32], input[256], out[3][32];

	(void)state;
	vector_read(key, sizeof(key), vector_kdf_key);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = vector_read(input, sizeof(input), cases[i].input);

		noise_hmac(out[0], key, input, length);
		vector_expect(out[0], 32, cases[i].hmac);
		noise_kdf((uint8_t *[]){out[0], out[1], out[2]}, 3, key, input, length);
		for (int n = 0; n < 3; n++)
			vector_expect(out[n], 32, cases[i].kdf[n]);
		noise_kdf((uint8_t *[]){NULL, out[0]}, 2, key, input, length);
		vector_expect(out[0], 32, cases[i].kdf[1]);
	}
	/* output over key, as the chaining key is used */
	noise_kdf((uint8_t *[]){key}, 1, key, "lanrage", 7);
	vector_expect(key, 32, vector_kdf_short_1);
}

static void test_public_keys(void **state)
{
	struct ends e;

	(void)state;
	ends_init(&e, NULL);
	vector_expect(e.i.public_key, 32, vector_public_i);
	vector_expect(e.r.public_key, 32, vector_public_r);
	assert_memory_equal(e.i_sees.static_static, e.r_sees.static_static, 32);
}

/* A whole handshake and a data message, byte for byte. */
static void check_handshake(const char *psk, const char *initiation_hex, const char *response_hex,
			    const char *forward, const char *backward)
{
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiator initiator;
	struct noise_initiation opened;
	struct noise_keys keys_i, keys_r;
	struct mac_keys macs;
	struct ends e;

	ends_init(&e, psk);
	assert_int_equal(noise_initiation_create(&initiator, &initiation, &e.i, &e.i_sees, INDEX_I,
						 e.timestamp, e.eph_i),
			 0);
	mac_keys_init(&macs, e.r.public_key);
	mac1_write(&macs, &initiation, sizeof(initiation));
	vector_expect(&initiation, sizeof(initiation), initiation_hex);

	assert_int_equal(noise_initiation_open(&opened, &e.r, &initiation), 0);
	assert_memory_equal(opened.public_key, e.i.public_key, 32);
	assert_int_equal(opened.sender, INDEX_I);
	assert_int_equal(noise_initiation_verify(&opened, &e.r_sees, &initiation), 0);
	assert_memory_equal(opened.timestamp, e.timestamp, 12);
	assert_int_equal(
		noise_response_create(&opened, &response, &keys_r, &e.r_sees, INDEX_R, e.eph_r), 0);
	mac_keys_init(&macs, e.i.public_key);
	mac1_write(&macs, &response, sizeof(response));
	vector_expect(&response, sizeof(response), response_hex);

	assert_int_equal(noise_response_open(&initiator, &response, &keys_i, &e.i, &e.i_sees), 0);
	vector_expect(keys_i.send, 32, forward);
	vector_expect(keys_i.receive, 32, backward);
	vector_expect(keys_r.receive, 32, forward);
	vector_expect(keys_r.send, 32, backward);
}

static void test_handshake_vectors(void **state)
{
	(void)state;
	check_handshake(NULL, vector_initiation_plain, vector_response_plain, vector_forward_plain,
			vector_backward_plain);
	check_handshake(vector_psk, vector_initiation_psk, vector_response_psk, vector_forward_psk,
			vector_backward_psk);
}

static void test_data_vector(void **state)
{
	uint8_t key[32], text[48] = {0};
	uint8_t message[64];
	size_t length = vector_read(message, sizeof(message), vector_data);

	(void)state;
	assert_int_equal(length, 64);
	vector_read(key, sizeof(key), vector_forward_psk);
	vector_read(text, 20, vector_packet);
	aead_seal(key, 5, NULL, 0, text, 32);
	assert_memory_equal(text, message + 16, 48);
	assert_int_equal(aead_open(key, 5, NULL, 0, text, 48), 0);
	vector_expect(text, 20, vector_packet);
	assert_int_equal(aead_open(key, 6, NULL, 0, message + 16, 48), -EBADMSG);
	assert_int_equal(aead_open(key, 5, NULL, 0, message + 16, 15), -EBADMSG);
}

/* Any bit changed outside of header and macs makes an initiation fail in one of its two steps. */
static void test_initiation_tampered(void **state)
{
	struct message_initiation original, message;
	struct noise_initiation opened;
	struct ends e;

	(void)state;
	ends_init(&e, NULL);
	vector_read((uint8_t *)&original, sizeof(original), vector_initiation_plain);
	for (size_t i = 8; i < 116; i++) {
		/* Curve25519 ignores the top bit of a coordinate, but the transcript does not. */
		message = original;
		((uint8_t *)&message)[i] ^= 0x80;
		if (noise_initiation_open(&opened, &e.r, &message) == 0)
			assert_int_equal(noise_initiation_verify(&opened, &e.r_sees, &message),
					 -EBADMSG);
		else
			assert_true(sodium_is_zero((uint8_t *)&opened, sizeof(opened)));
	}
}

/* A forged response leaves the initiator able to take the true one. */
static void test_response_tampered(void **state)
{
	struct message_initiation initiation;
	struct message_response original, message;
	struct noise_initiator initiator;
	struct noise_keys keys;
	struct ends e;

	(void)state;
	ends_init(&e, vector_psk);
	assert_int_equal(noise_initiation_create(&initiator, &initiation, &e.i, &e.i_sees, INDEX_I,
						 e.timestamp, e.eph_i),
			 0);
	vector_read((uint8_t *)&original, sizeof(original), vector_response_psk);
	for (size_t i = 12; i < 60; i++) {
		message = original;
		((uint8_t *)&message)[i] ^= 0x80;
		assert_int_equal(noise_response_open(&initiator, &message, &keys, &e.i, &e.i_sees),
				 -EBADMSG);
		assert_true(sodium_is_zero((uint8_t *)&keys, sizeof(keys)));
	}
	assert_int_equal(noise_response_open(&initiator, &original, &keys, &e.i, &e.i_sees), 0);
	memset(e.i_sees.preshared_key, 0, 32);
	assert_int_equal(noise_response_open(&initiator, &original, &keys, &e.i, &e.i_sees),
			 -EBADMSG);
}

/* Points of small order: every shared secret would be zero, known to all (RFC 7748, section 6.1).
 */
static void test_low_order_points(void **state)
{
	static const uint8_t points[][32] = {{0}, {1}};
	struct message_initiation initiation;
	struct message_response response;
	struct noise_initiation opened;
	struct noise_initiator initiator;
	struct noise_remote remote;
	struct noise_keys keys;
	struct ends e;
	uint8_t zero[32] = {0};

	(void)state;
	ends_init(&e, NULL);
	assert_int_equal(noise_identity_init(&(struct noise_identity){0}, zero), -EINVAL);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(noise_remote_init(&remote, &e.i, points[i], NULL), -EINVAL);

		vector_read((uint8_t *)&initiation, sizeof(initiation), vector_initiation_plain);
		memcpy(initiation.ephemeral, points[i], 32);
		assert_int_equal(noise_initiation_open(&opened, &e.r, &initiation), -EBADMSG);

		noise_initiation_create(&initiator, &initiation, &e.i, &e.i_sees, INDEX_I,
					e.timestamp, NULL);
		vector_read((uint8_t *)&response, sizeof(response), vector_response_plain);
		memcpy(response.ephemeral, points[i], 32);
		assert_int_equal(noise_response_open(&initiator, &response, &keys, &e.i, &e.i_sees),
				 -EBADMSG);

		memcpy(opened.ephemeral, points[i], 32);
		assert_int_equal(
			noise_response_create(&opened, &response, &keys, &e.r_sees, 1, NULL),
			-EBADMSG);
		assert_true(sodium_is_zero((uint8_t *)&keys, sizeof(keys)));
	}
}

/* Whoever opens an initiation under a stolen name does not get past verify. */
static void test_impersonation(void **state)
{
	struct noise_identity thief;
	struct noise_remote thief_sees;
	struct message_initiation initiation;
	struct noise_initiator initiator;
	struct noise_initiation opened;
	struct ends e;
	uint8_t key[32];

	(void)state;
	ends_init(&e, NULL);
	noise_private_key_new(key);
	noise_identity_init(&thief, key);
	noise_remote_init(&thief_sees, &thief, e.r.public_key, NULL);
	memcpy(thief.public_key, e.i.public_key, 32);
	noise_initiation_create(&initiator, &initiation, &thief, &thief_sees, 1, e.timestamp, NULL);
	assert_int_equal(noise_initiation_open(&opened, &e.r, &initiation), 0);
	assert_memory_equal(opened.public_key, e.i.public_key, 32);
	assert_int_equal(noise_initiation_verify(&opened, &e.r_sees, &initiation), -EBADMSG);
	assert_true(sodium_is_zero(opened.timestamp, sizeof(opened.timestamp)));
}

static void test_tai64n(void **state)
{
	const uint64_t wall_us = 1700000000000000;
	uint8_t before[12], after[12];
	struct tai64n source;

	(void)state;
	tai64n_init(&source, 0);
	assert_true(tai64n_next(&source, wall_us, before));
	assert_memory_equal(before, "\x40\0\0\0\x65\x53\xf1\x0a", 7);
	assert_true(source.mark_ns > source.last_ns);
	/* the same instant, and a clock set back a year: still forward, the mark still holds */
	for (int i = 0; i < 100; i++) {
		assert_false(
			tai64n_next(&source, i & 1 ? wall_us : wall_us - 31536000000000, after));
		assert_true(tai64n_compare(after, before) > 0);
		memcpy(before, after, sizeof(before));
		assert_true(source.last_ns <= source.mark_ns);
	}
	/* a restart with the clock wrong starts above anything sent */
	tai64n_init(&source, source.mark_ns);
	assert_true(tai64n_next(&source, 0, after));
	assert_true(tai64n_compare(after, before) > 0);
	/* a clock set right again takes over */
	assert_true(tai64n_next(&source, wall_us + 3600000000, after));
	assert_true(source.last_ns / 1000 <= wall_us + 3600000000);
	/* nonsense from disk or clock does not wrap */
	tai64n_init(&source, UINT64_MAX);
	tai64n_next(&source, UINT64_MAX, before);
	tai64n_next(&source, 0, after);
	assert_true(tai64n_compare(after, before) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac_and_kdf),
		cmocka_unit_test(test_public_keys),
		cmocka_unit_test(test_handshake_vectors),
		cmocka_unit_test(test_data_vector),
		cmocka_unit_test(test_initiation_tampered),
		cmocka_unit_test(test_response_tampered),
		cmocka_unit_test(test_low_order_points),
		cmocka_unit_test(test_impersonation),
		cmocka_unit_test(test_tai64n),
	};

	if (aead_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
