#include "svc-dataplane/cookie.h"

#include "svc-dataplane/aead.h"

#include <blake2.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define LABEL_SIZE 8

/* A cookie is used for a little less than the secret behind it lives, for the time it was on the
 * way. */
#define COOKIE_LATENCY_US 5000000ULL

static void key_from_label(uint8_t key[NOISE_KEY_SIZE], const char label[LABEL_SIZE],
			   const uint8_t public_key[NOISE_KEY_SIZE])
{
	blake2s_state state;

	blake2s_init(&state, NOISE_KEY_SIZE);
	blake2s_update(&state, (const uint8_t *)label, LABEL_SIZE);
	blake2s_update(&state, public_key, NOISE_KEY_SIZE);
	blake2s_final(&state, key, NOISE_KEY_SIZE);
}

void mac_keys_init(struct mac_keys *keys, const uint8_t public_key[NOISE_KEY_SIZE])
{
	key_from_label(keys->mac1, "mac1----", public_key);
	key_from_label(keys->cookie, "cookie--", public_key);
}

/* MAC(key, message[0..length]) with the reserved bytes taken as zero. */
static void mac_message(uint8_t mac[MAC_SIZE], const uint8_t *key, size_t key_size,
			const uint8_t *message, size_t length)
{
	uint8_t header[sizeof(struct message_header)] = {message[0]};
	blake2s_state state;

	blake2s_init_key(&state, MAC_SIZE, key, key_size);
	blake2s_update(&state, header, sizeof(header));
	blake2s_update(&state, message + sizeof(header), length - sizeof(header));
	blake2s_final(&state, mac, MAC_SIZE);
	sodium_memzero(&state, sizeof(state));
}

const struct message_macs *message_macs(const void *message, size_t length)
{
	return (const void *)((const uint8_t *)message + length - sizeof(struct message_macs));
}

static struct message_macs *macs_of(void *message, size_t length)
{
	return (void *)((uint8_t *)message + length - sizeof(struct message_macs));
}

void mac1_write(const struct mac_keys *keys, void *message, size_t length)
{
	struct message_macs *macs = macs_of(message, length);

	mac_message(macs->mac1, keys->mac1, sizeof(keys->mac1), message, length - sizeof(*macs));
	memset(macs->mac2, 0, sizeof(macs->mac2));
}

bool mac1_check(const struct mac_keys *keys, const void *message, size_t length)
{
	const struct message_macs *macs = message_macs(message, length);
	uint8_t mac[MAC_SIZE];

	mac_message(mac, keys->mac1, sizeof(keys->mac1), message, length - sizeof(*macs));
	return sodium_memcmp(mac, macs->mac1, sizeof(mac)) == 0;
}

static void mac2_compute(uint8_t mac[MAC_SIZE], const uint8_t cookie[COOKIE_SIZE],
			 const void *message, size_t length)
{
	mac_message(mac, cookie, COOKIE_SIZE, message, length - MAC_SIZE);
}

/* --- the side under load --- */

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[NOISE_KEY_SIZE])
{
	memset(checker, 0, sizeof(*checker));
	mac_keys_init(&checker->keys, public_key);
}

/* Section 5.4.7: MAC(Rm, address), Rm new every two minutes. */
static void cookie_make(struct cookie_checker *checker, uint64_t now_us, const void *source,
			size_t source_length, uint8_t cookie[COOKIE_SIZE])
{
	blake2s_state state;

	if (!checker->secret_valid || now_us - checker->secret_born_us >= COOKIE_SECRET_LIFE_US) {
		randombytes_buf(checker->secret, sizeof(checker->secret));
		checker->secret_born_us = now_us;
		checker->secret_valid = true;
	}
	blake2s_init_key(&state, COOKIE_SIZE, checker->secret, sizeof(checker->secret));
	blake2s_update(&state, source, source_length);
	blake2s_final(&state, cookie, COOKIE_SIZE);
	sodium_memzero(&state, sizeof(state));
}

enum cookie_verdict cookie_check(struct cookie_checker *checker, uint64_t now_us,
				 const void *message, size_t length, const void *source,
				 size_t source_length)
{
	uint8_t cookie[COOKIE_SIZE];
	uint8_t mac[MAC_SIZE];
	bool equal;

	if (!mac1_check(&checker->keys, message, length))
		return COOKIE_REFUSED;
	/* Nearly every message has no mac2: spare it two hashes. */
	if (sodium_is_zero(message_macs(message, length)->mac2, MAC_SIZE))
		return COOKIE_MAC1;
	cookie_make(checker, now_us, source, source_length, cookie);
	mac2_compute(mac, cookie, message, length);
	equal = sodium_memcmp(mac, message_macs(message, length)->mac2, sizeof(mac)) == 0;
	sodium_memzero(cookie, sizeof(cookie));
	return equal ? COOKIE_MAC2 : COOKIE_MAC1;
}

void cookie_reply_create(struct cookie_checker *checker, uint64_t now_us, const void *message,
			 size_t length, const void *source, size_t source_length,
			 const uint8_t *nonce, struct message_cookie *reply)
{
	memset(reply, 0, sizeof(*reply));
	reply->header.type = MESSAGE_COOKIE;
	/* Types 1 and 2 both have the sender's index behind the header. */
	memcpy(reply->receiver, (const uint8_t *)message + sizeof(struct message_header),
	       sizeof(reply->receiver));
	if (nonce)
		memcpy(reply->nonce, nonce, sizeof(reply->nonce));
	else
		randombytes_buf(reply->nonce, sizeof(reply->nonce));
	cookie_make(checker, now_us, source, source_length, reply->cookie);
	aead_xseal(checker->keys.cookie, reply->nonce, message_macs(message, length)->mac1,
		   MAC_SIZE, reply->cookie, COOKIE_SIZE);
}

/* --- the side that proves its address --- */

static bool cookie_is_fresh(const struct cookie_jar *jar, uint64_t now_us)
{
	return jar->cookie_valid &&
	       now_us - jar->received_us < COOKIE_SECRET_LIFE_US - COOKIE_LATENCY_US;
}

void cookie_jar_stamp(struct cookie_jar *jar, uint64_t now_us, void *message, size_t length)
{
	struct message_macs *macs = macs_of(message, length);

	memcpy(jar->mac1_sent, macs->mac1, sizeof(jar->mac1_sent));
	jar->mac1_valid = true;
	if (cookie_is_fresh(jar, now_us))
		mac2_compute(macs->mac2, jar->cookie, message, length);
	else
		memset(macs->mac2, 0, sizeof(macs->mac2));
}

int cookie_jar_accept(struct cookie_jar *jar, uint64_t now_us, const struct mac_keys *keys,
		      const struct message_cookie *reply)
{
	uint8_t cookie[COOKIE_SIZE + NOISE_TAG_SIZE];

	if (!jar->mac1_valid)
		return -ENOENT;
	memcpy(cookie, reply->cookie, sizeof(cookie));
	if (aead_xopen(keys->cookie, reply->nonce, jar->mac1_sent, sizeof(jar->mac1_sent), cookie,
		       sizeof(cookie)) != 0)
		return -EBADMSG;
	memcpy(jar->cookie, cookie, sizeof(jar->cookie));
	jar->received_us = now_us;
	jar->cookie_valid = true;
	jar->mac1_valid = false;
	sodium_memzero(cookie, sizeof(cookie));
	return 0;
}

/* --- copies --- */

bool mac1_seen_insert(struct mac1_seen *seen, uint64_t now_us, const uint8_t mac1[MAC_SIZE])
{
	struct mac1_seen_entry *set = seen->entries[mac1[0] % MAC1_SEEN_SETS];
	struct mac1_seen_entry *oldest = set;

	for (size_t i = 0; i < MAC1_SEEN_WAYS; i++) {
		if (set[i].expires_us > now_us && memcmp(set[i].mac1, mac1, MAC_SIZE) == 0)
			return true;
		if (set[i].expires_us < oldest->expires_us)
			oldest = &set[i];
	}
	memcpy(oldest->mac1, mac1, MAC_SIZE);
	oldest->expires_us = now_us + MAC1_SEEN_LIFE_US;
	return false;
}
