/* mac1, mac2, cookies and copies; golden values from vectors/noise.py. */
#include "svc-dataplane/aead.h"
#include "svc-dataplane/cookie.h"
#include "tests/unit/vectors/noise.h"
#include "tests/unit/vectors/vector.h"

#include <errno.h>

#define SECOND 1000000ULL

static struct message_initiation initiation;
static struct message_response response;
static uint8_t public_i[32], public_r[32];
static uint8_t source[6];

static int setup(void **state)
{
	(void)state;
	vector_read((uint8_t *)&initiation, sizeof(initiation), vector_initiation_psk);
	vector_read((uint8_t *)&response, sizeof(response), vector_response_psk);
	vector_read(public_i, sizeof(public_i), vector_public_i);
	vector_read(public_r, sizeof(public_r), vector_public_r);
	vector_read(source, sizeof(source), vector_cookie_source);
	return 0;
}

/* A checker of the responder with the vectors' secret. */
static void checker_init(struct cookie_checker *checker, uint64_t now_us)
{
	cookie_checker_init(checker, public_r);
	vector_read(checker->secret, sizeof(checker->secret), vector_cookie_secret);
	checker->secret_born_us = now_us;
	checker->secret_valid = true;
}

static void test_mac1(void **state)
{
	struct mac_keys keys_i, keys_r;

	(void)state;
	mac_keys_init(&keys_i, public_i);
	mac_keys_init(&keys_r, public_r);
	assert_true(mac1_check(&keys_r, &initiation, sizeof(initiation)));
	assert_true(mac1_check(&keys_i, &response, sizeof(response)));
	assert_false(mac1_check(&keys_i, &initiation, sizeof(initiation)));
	for (size_t i = 4; i < 132; i++) {
		((uint8_t *)&initiation)[i] ^= 1;
		assert_false(mac1_check(&keys_r, &initiation, sizeof(initiation)));
		((uint8_t *)&initiation)[i] ^= 1;
	}
}

/* A relay tag changes neither mac, set before or after they are made. */
static void test_tag_is_not_covered(void **state)
{
	struct message_initiation original = initiation;
	struct cookie_checker checker;
	struct message_cookie reply;
	struct cookie_jar jar = {0};
	struct mac_keys keys;

	(void)state;
	checker_init(&checker, 0);
	mac_keys_init(&keys, public_r);
	message_tag_set(&initiation, 7, 0x1234);
	assert_int_equal(message_tag_get(&initiation).slot, 7);
	assert_int_equal(message_tag_get(&initiation).number, 0x1234);
	assert_int_equal(initiation.header.number[0], 0x12);
	assert_true(mac1_check(&keys, &initiation, sizeof(initiation)));
	mac1_write(&keys, &initiation, sizeof(initiation));
	cookie_jar_stamp(&jar, 0, &initiation, sizeof(initiation));
	cookie_reply_create(&checker, 0, &initiation, sizeof(initiation), source, sizeof(source),
			    NULL, &reply);
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &reply), 0);
	cookie_jar_stamp(&jar, 0, &initiation, sizeof(initiation));
	message_tag_clear(&initiation);
	assert_memory_equal(&initiation, &original, offsetof(struct message_initiation, macs.mac2));
	vector_expect(initiation.macs.mac2, 16, vector_mac2);
	assert_int_equal(
		cookie_check(&checker, 0, &initiation, sizeof(initiation), source, sizeof(source)),
		COOKIE_MAC2);
}

static void test_reply_vector(void **state)
{
	struct cookie_checker checker;
	struct message_cookie reply;
	uint8_t nonce[COOKIE_NONCE_SIZE];

	(void)state;
	checker_init(&checker, 0);
	vector_read(nonce, sizeof(nonce), vector_cookie_nonce);
	cookie_reply_create(&checker, SECOND, &initiation, sizeof(initiation), source,
			    sizeof(source), nonce, &reply);
	vector_expect(&reply, sizeof(reply), vector_cookie_reply);
	assert_true(sizeof(reply) < sizeof(response)); /* never amplifies */
}

static enum cookie_verdict check(struct cookie_checker *checker, uint64_t now_us,
				 const uint8_t *from)
{
	return cookie_check(checker, now_us, &initiation, sizeof(initiation), from, 6);
}

static void test_verdicts(void **state)
{
	static const uint8_t elsewhere[6] = {203, 0, 113, 7, 0x15, 0xb4};
	struct cookie_checker checker;
	struct message_cookie reply;
	struct cookie_jar jar = {0};
	struct mac_keys keys;

	(void)state;
	cookie_checker_init(&checker, public_r);
	mac_keys_init(&keys, public_r);
	assert_int_equal(check(&checker, 0, source), COOKIE_MAC1);

	cookie_jar_stamp(&jar, 0, &initiation, sizeof(initiation));
	cookie_reply_create(&checker, 0, &initiation, sizeof(initiation), source, 6, NULL, &reply);
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &reply), 0);
	cookie_jar_stamp(&jar, 0, &initiation, sizeof(initiation));
	assert_int_equal(check(&checker, 0, source), COOKIE_MAC2);
	assert_int_equal(check(&checker, 0, elsewhere), COOKIE_MAC1); /* another port */
	assert_int_equal(check(&checker, 119 * SECOND, source), COOKIE_MAC2);
	assert_int_equal(check(&checker, 120 * SECOND, source), COOKIE_MAC1); /* new secret */

	initiation.macs.mac1[0] ^= 1;
	assert_int_equal(check(&checker, 0, source), COOKIE_REFUSED);
}

static void test_jar(void **state)
{
	struct cookie_checker checker;
	struct message_cookie reply, forged;
	struct cookie_jar jar = {0}, other = {0};
	struct mac_keys keys, wrong;

	(void)state;
	cookie_checker_init(&checker, public_r);
	mac_keys_init(&keys, public_r);
	mac_keys_init(&wrong, public_i);
	cookie_reply_create(&checker, 0, &initiation, sizeof(initiation), source, 6, NULL, &reply);
	/* nothing was sent by this path */
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &reply), -ENOENT);

	cookie_jar_stamp(&jar, 0, &initiation, sizeof(initiation));
	assert_true(sodium_is_zero(initiation.macs.mac2, MAC_SIZE));
	assert_int_equal(cookie_jar_accept(&jar, 0, &wrong, &reply), -EBADMSG);
	forged = reply;
	forged.cookie[3] ^= 1;
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &forged), -EBADMSG);
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &reply), 0);
	/* one answer for one message */
	assert_int_equal(cookie_jar_accept(&jar, 0, &keys, &reply), -ENOENT);

	/* an answer to another message */
	response.macs.mac1[0] ^= 1;
	cookie_jar_stamp(&other, 0, &response, sizeof(response));
	assert_int_equal(cookie_jar_accept(&other, 0, &keys, &reply), -EBADMSG);

	/* used for a little less than the secret lives */
	cookie_jar_stamp(&jar, 114 * SECOND, &initiation, sizeof(initiation));
	assert_false(sodium_is_zero(initiation.macs.mac2, MAC_SIZE));
	cookie_jar_stamp(&jar, 115 * SECOND, &initiation, sizeof(initiation));
	assert_true(sodium_is_zero(initiation.macs.mac2, MAC_SIZE));
}

static void test_mac1_seen(void **state)
{
	static struct mac1_seen seen;
	uint8_t mac[MAC_SIZE] = {9};

	(void)state;
	memset(&seen, 0, sizeof(seen));
	assert_false(mac1_seen_insert(&seen, SECOND, mac));
	assert_true(mac1_seen_insert(&seen, SECOND, mac));
	assert_true(mac1_seen_insert(&seen, SECOND + MAC1_SEEN_LIFE_US - 1, mac));
	assert_false(mac1_seen_insert(&seen, SECOND + MAC1_SEEN_LIFE_US, mac));
	/* same set: three more fit, the fourth pushes out the oldest */
	for (uint8_t i = 1; i <= 4; i++) {
		mac[1] = i;
		assert_false(mac1_seen_insert(&seen, 10 * SECOND + i, mac));
	}
	mac[1] = 4;
	assert_true(mac1_seen_insert(&seen, 11 * SECOND, mac));
	mac[1] = 1;
	assert_true(mac1_seen_insert(&seen, 11 * SECOND, mac));
	mac[1] = 0;
	assert_false(mac1_seen_insert(&seen, 11 * SECOND, mac));
}

static void test_message_type(void **state)
{
	static const struct {
		uint8_t first;
		size_t length;
		enum message_type type;
	} cases[] = {
		{1, 148, MESSAGE_INITIATION}, {1, 147, MESSAGE_NONE}, {1, 149, MESSAGE_NONE},
		{2, 92, MESSAGE_RESPONSE},    {2, 148, MESSAGE_NONE}, {3, 64, MESSAGE_COOKIE},
		{3, 63, MESSAGE_NONE},	      {4, 31, MESSAGE_NONE},  {4, 32, MESSAGE_DATA},
		{4, 100, MESSAGE_DATA},	      {0, 20, MESSAGE_NONE},  {5, 64, MESSAGE_NONE},
		{1, 0, MESSAGE_NONE},
	};
	uint8_t bytes[160] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes[0] = cases[i].first;
		assert_int_equal(message_type(bytes, cases[i].length), cases[i].type);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mac1, setup),
		cmocka_unit_test_setup(test_tag_is_not_covered, setup),
		cmocka_unit_test_setup(test_reply_vector, setup),
		cmocka_unit_test_setup(test_verdicts, setup),
		cmocka_unit_test_setup(test_jar, setup),
		cmocka_unit_test(test_mac1_seen),
		cmocka_unit_test(test_message_type),
	};

	if (aead_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
