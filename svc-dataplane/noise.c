#include "svc-dataplane/noise.h"

#include "svc-dataplane/aead.h"

#include <blake2.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#define HMAC_BLOCK_SIZE BLAKE2S_BLOCKBYTES

static const char construction[] = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

/* --- hash, HMAC, KDF (section 5.4) --- */

static void hash_two(uint8_t output[NOISE_HASH_SIZE], const void *a, size_t a_length, const void *b,
		     size_t b_length)
{
	blake2s_state state;

	blake2s_init(&state, NOISE_HASH_SIZE);
	blake2s_update(&state, a, a_length);
	if (b_length)
		blake2s_update(&state, b, b_length);
	blake2s_final(&state, output, NOISE_HASH_SIZE);
	sodium_memzero(&state, sizeof(state));
}

void noise_hmac(uint8_t output[NOISE_HASH_SIZE], const uint8_t key[NOISE_HASH_SIZE],
		const void *input, size_t length)
{
	uint8_t pad[HMAC_BLOCK_SIZE];
	uint8_t inner[NOISE_HASH_SIZE];

	memset(pad, 0x36, sizeof(pad));
	for (size_t i = 0; i < NOISE_HASH_SIZE; i++)
		pad[i] ^= key[i];
	hash_two(inner, pad, sizeof(pad), input, length);
	for (size_t i = 0; i < sizeof(pad); i++)
		pad[i] ^= 0x36 ^ 0x5c;
	hash_two(output, pad, sizeof(pad), inner, sizeof(inner));
	sodium_memzero(pad, sizeof(pad));
	sodium_memzero(inner, sizeof(inner));
}

void noise_kdf(uint8_t *const out[], unsigned count, const uint8_t key[NOISE_HASH_SIZE],
	       const void *input, size_t length)
{
	uint8_t extracted[NOISE_HASH_SIZE];
	uint8_t block[NOISE_HASH_SIZE + 1]; /* T(i-1) and the number i */

	noise_hmac(extracted, key, input, length);
	for (unsigned i = 0; i < count; i++) {
		size_t used = i ? NOISE_HASH_SIZE : 0;

		block[used] = (uint8_t)(i + 1);
		noise_hmac(block, extracted, block, used + 1);
		if (out[i])
			memcpy(out[i], block, NOISE_HASH_SIZE);
	}
	sodium_memzero(extracted, sizeof(extracted));
	sodium_memzero(block, sizeof(block));
}

/* --- the running transcript: H and C of section 5.4 --- */

static void mix_hash(uint8_t hash[NOISE_HASH_SIZE], const void *data, size_t length)
{
	hash_two(hash, hash, NOISE_HASH_SIZE, data, length);
}

/* C := KDF1(C, input) */
static void mix_chain(uint8_t chain[NOISE_HASH_SIZE], const void *input, size_t length)
{
	noise_kdf((uint8_t *[]){chain}, 1, chain, input, length);
}

/* (C, k) := KDF2(C, input) */
static void mix_key(uint8_t chain[NOISE_HASH_SIZE], uint8_t key[NOISE_KEY_SIZE],
		    const uint8_t input[NOISE_KEY_SIZE])
{
	noise_kdf((uint8_t *[]){chain, key}, 2, chain, input, NOISE_KEY_SIZE);
}

/* C := KDF1(C, DH(private, public)) and, unless key is NULL, k. Fails on a low-order point. */
static int mix_dh(uint8_t chain[NOISE_HASH_SIZE], uint8_t *key,
		  const uint8_t private_key[NOISE_KEY_SIZE],
		  const uint8_t public_key[NOISE_KEY_SIZE])
{
	uint8_t shared[NOISE_KEY_SIZE];
	int result = crypto_scalarmult(shared, private_key, public_key);

	if (result == 0)
		noise_kdf((uint8_t *[]){chain, key}, key ? 2 : 1, chain, shared, sizeof(shared));
	sodium_memzero(shared, sizeof(shared));
	return result;
}

/* AEAD with H as associated data; H then absorbs the ciphertext. field has room for the tag. */
static void seal_field(uint8_t hash[NOISE_HASH_SIZE], const uint8_t key[NOISE_KEY_SIZE],
		       uint8_t *field, size_t length)
{
	aead_seal(key, 0, hash, NOISE_HASH_SIZE, field, length);
	mix_hash(hash, field, length + NOISE_TAG_SIZE);
}

/* field is the plaintext and its tag, of length bytes in all; plain receives the plaintext. H is
 * advanced only on success. */
static int open_field(uint8_t hash[NOISE_HASH_SIZE], const uint8_t key[NOISE_KEY_SIZE],
		      const uint8_t *field, size_t length, uint8_t *plain)
{
	uint8_t copy[NOISE_KEY_SIZE + NOISE_TAG_SIZE];
	int result;

	memcpy(copy, field, length);
	result = aead_open(key, 0, hash, NOISE_HASH_SIZE, copy, length);
	if (result == 0) {
		memcpy(plain, copy, length - NOISE_TAG_SIZE);
		mix_hash(hash, field, length);
	}
	sodium_memzero(copy, sizeof(copy));
	return result;
}

static void initial_chain(uint8_t chain[NOISE_HASH_SIZE])
{
	hash_two(chain, construction, sizeof(construction) - 1, NULL, 0);
}

/* H after HASH(C || identifier) and the responder's public key, which both sides know beforehand.
 */
static void opening_hash(uint8_t hash[NOISE_HASH_SIZE],
			 const uint8_t responder_public[NOISE_KEY_SIZE])
{
	uint8_t chain[NOISE_HASH_SIZE];

	initial_chain(chain);
	hash_two(hash, chain, sizeof(chain), identifier, sizeof(identifier) - 1);
	mix_hash(hash, responder_public, NOISE_KEY_SIZE);
}

static void ephemeral_choose(uint8_t private_key[NOISE_KEY_SIZE], const uint8_t *fixed)
{
	if (fixed)
		memcpy(private_key, fixed, NOISE_KEY_SIZE);
	else
		noise_private_key_new(private_key);
}

/* --- keys --- */

static void clamp(uint8_t private_key[NOISE_KEY_SIZE])
{
	private_key[0] &= 248;
	private_key[31] = (uint8_t)((private_key[31] & 127) | 64);
}

void noise_private_key_new(uint8_t private_key[NOISE_KEY_SIZE])
{
	randombytes_buf(private_key, NOISE_KEY_SIZE);
	clamp(private_key);
}

int noise_identity_init(struct noise_identity *identity, const uint8_t private_key[NOISE_KEY_SIZE])
{
	memset(identity, 0, sizeof(*identity));
	if (sodium_is_zero(private_key, NOISE_KEY_SIZE))
		return -EINVAL;
	memcpy(identity->private_key, private_key, NOISE_KEY_SIZE);
	clamp(identity->private_key);
	if (crypto_scalarmult_base(identity->public_key, identity->private_key) != 0) {
		noise_wipe(identity, sizeof(*identity));
		return -EINVAL;
	}
	opening_hash(identity->opening_hash, identity->public_key);
	return 0;
}

int noise_remote_init(struct noise_remote *remote, const struct noise_identity *identity,
		      const uint8_t public_key[NOISE_KEY_SIZE], const uint8_t *preshared_key)
{
	memset(remote, 0, sizeof(*remote));
	if (crypto_scalarmult(remote->static_static, identity->private_key, public_key) != 0)
		return -EINVAL;
	memcpy(remote->public_key, public_key, NOISE_KEY_SIZE);
	if (preshared_key)
		memcpy(remote->preshared_key, preshared_key, NOISE_KEY_SIZE);
	opening_hash(remote->opening_hash, public_key);
	return 0;
}

void noise_wipe(void *secret, size_t size)
{
	sodium_memzero(secret, size);
}

/* --- first message (section 5.4.2) --- */

int noise_initiation_create(struct noise_initiator *initiator, struct message_initiation *message,
			    const struct noise_identity *identity,
			    const struct noise_remote *remote, uint32_t sender,
			    const uint8_t timestamp[NOISE_TIMESTAMP_SIZE], const uint8_t *ephemeral)
{
	uint8_t key[NOISE_KEY_SIZE];
	int result = -EINVAL;

	memset(message, 0, sizeof(*message));
	message->header.type = MESSAGE_INITIATION;
	message_le32_set(message->sender, sender);
	initial_chain(initiator->chain);
	memcpy(initiator->hash, remote->opening_hash, NOISE_HASH_SIZE);

	ephemeral_choose(initiator->ephemeral_private, ephemeral);
	if (crypto_scalarmult_base(message->ephemeral, initiator->ephemeral_private) != 0)
		goto out;
	mix_chain(initiator->chain, message->ephemeral, NOISE_KEY_SIZE);
	mix_hash(initiator->hash, message->ephemeral, NOISE_KEY_SIZE);

	if (mix_dh(initiator->chain, key, initiator->ephemeral_private, remote->public_key) != 0)
		goto out;
	memcpy(message->static_key, identity->public_key, NOISE_KEY_SIZE);
	seal_field(initiator->hash, key, message->static_key, NOISE_KEY_SIZE);

	mix_key(initiator->chain, key, remote->static_static);
	memcpy(message->timestamp, timestamp, NOISE_TIMESTAMP_SIZE);
	seal_field(initiator->hash, key, message->timestamp, NOISE_TIMESTAMP_SIZE);
	result = 0;
out:
	sodium_memzero(key, sizeof(key));
	if (result != 0) {
		sodium_memzero(initiator, sizeof(*initiator));
		sodium_memzero(message, sizeof(*message));
	}
	return result;
}

int noise_initiation_open(struct noise_initiation *initiation,
			  const struct noise_identity *identity,
			  const struct message_initiation *message)
{
	uint8_t key[NOISE_KEY_SIZE];
	int result = -EBADMSG;

	memset(initiation, 0, sizeof(*initiation));
	initiation->sender = message_le32(message->sender);
	memcpy(initiation->ephemeral, message->ephemeral, NOISE_KEY_SIZE);
	initial_chain(initiation->chain);
	memcpy(initiation->hash, identity->opening_hash, NOISE_HASH_SIZE);
	mix_chain(initiation->chain, message->ephemeral, NOISE_KEY_SIZE);
	mix_hash(initiation->hash, message->ephemeral, NOISE_KEY_SIZE);

	if (mix_dh(initiation->chain, key, identity->private_key, message->ephemeral) == 0)
		result = open_field(initiation->hash, key, message->static_key,
				    sizeof(message->static_key), initiation->public_key);
	sodium_memzero(key, sizeof(key));
	if (result != 0)
		sodium_memzero(initiation, sizeof(*initiation));
	return result;
}

int noise_initiation_verify(struct noise_initiation *initiation, const struct noise_remote *remote,
			    const struct message_initiation *message)
{
	uint8_t chain[NOISE_HASH_SIZE];
	uint8_t key[NOISE_KEY_SIZE];
	int result;

	memcpy(chain, initiation->chain, sizeof(chain));
	mix_key(chain, key, remote->static_static);
	result = open_field(initiation->hash, key, message->timestamp, sizeof(message->timestamp),
			    initiation->timestamp);
	if (result == 0)
		memcpy(initiation->chain, chain, sizeof(chain));
	sodium_memzero(chain, sizeof(chain));
	sodium_memzero(key, sizeof(key));
	return result;
}

/* --- second message (section 5.4.3) and transport keys (5.4.5) --- */

/* (C, t, k) := KDF3(C, Q); H absorbs t. */
static void mix_preshared(uint8_t chain[NOISE_HASH_SIZE], uint8_t hash[NOISE_HASH_SIZE],
			  uint8_t key[NOISE_KEY_SIZE], const uint8_t preshared_key[NOISE_KEY_SIZE])
{
	uint8_t t[NOISE_HASH_SIZE];

	noise_kdf((uint8_t *[]){chain, t, key}, 3, chain, preshared_key, NOISE_KEY_SIZE);
	mix_hash(hash, t, sizeof(t));
	sodium_memzero(t, sizeof(t));
}

int noise_response_create(const struct noise_initiation *initiation,
			  struct message_response *message, struct noise_keys *keys,
			  const struct noise_remote *remote, uint32_t sender,
			  const uint8_t *ephemeral)
{
	struct noise_initiator own; /* the same three values, on this side */
	uint8_t key[NOISE_KEY_SIZE];
	int result = -EBADMSG;

	memset(message, 0, sizeof(*message));
	memset(keys, 0, sizeof(*keys));
	message->header.type = MESSAGE_RESPONSE;
	message_le32_set(message->sender, sender);
	message_le32_set(message->receiver, initiation->sender);
	memcpy(own.chain, initiation->chain, sizeof(own.chain));
	memcpy(own.hash, initiation->hash, sizeof(own.hash));

	ephemeral_choose(own.ephemeral_private, ephemeral);
	if (crypto_scalarmult_base(message->ephemeral, own.ephemeral_private) != 0)
		goto out;
	mix_chain(own.chain, message->ephemeral, NOISE_KEY_SIZE);
	mix_hash(own.hash, message->ephemeral, NOISE_KEY_SIZE);
	if (mix_dh(own.chain, NULL, own.ephemeral_private, initiation->ephemeral) != 0 ||
	    mix_dh(own.chain, NULL, own.ephemeral_private, remote->public_key) != 0)
		goto out;
	mix_preshared(own.chain, own.hash, key, remote->preshared_key);
	seal_field(own.hash, key, message->empty, 0);
	noise_kdf((uint8_t *[]){keys->receive, keys->send}, 2, own.chain, NULL, 0);
	result = 0;
out:
	if (result != 0)
		sodium_memzero(message, sizeof(*message));
	sodium_memzero(&own, sizeof(own));
	sodium_memzero(key, sizeof(key));
	return result;
}

int noise_response_open(const struct noise_initiator *initiator,
			const struct message_response *message, struct noise_keys *keys,
			const struct noise_identity *identity, const struct noise_remote *remote)
{
	struct noise_initiator own = *initiator;
	uint8_t key[NOISE_KEY_SIZE];
	uint8_t nothing[1];
	int result = -EBADMSG;

	memset(keys, 0, sizeof(*keys));
	mix_chain(own.chain, message->ephemeral, NOISE_KEY_SIZE);
	mix_hash(own.hash, message->ephemeral, NOISE_KEY_SIZE);
	if (mix_dh(own.chain, NULL, own.ephemeral_private, message->ephemeral) != 0 ||
	    mix_dh(own.chain, NULL, identity->private_key, message->ephemeral) != 0)
		goto out;
	mix_preshared(own.chain, own.hash, key, remote->preshared_key);
	result = open_field(own.hash, key, message->empty, sizeof(message->empty), nothing);
	if (result == 0)
		noise_kdf((uint8_t *[]){keys->send, keys->receive}, 2, own.chain, NULL, 0);
out:
	sodium_memzero(&own, sizeof(own));
	sodium_memzero(key, sizeof(key));
	return result;
}
