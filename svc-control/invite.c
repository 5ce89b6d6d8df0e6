#include "svc-control/invite.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "svc-control/sealed_codec.h"

#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE   crypto_aead_xchacha20poly1305_ietf_ABYTES

static size_t put(uint8_t *out, size_t at, const void *bytes, size_t length)
{
	memcpy(out + at, bytes, length);
	return at + length;
}

static size_t put_number(uint8_t *out, size_t at, uint64_t value, size_t length)
{
	for (size_t i = 0; i < length; i++)
		out[at + i] = (uint8_t)(value >> (8 * (length - 1 - i)));
	return at + length;
}

#define INVITE_TEXT_SIZE (16 + CONTROL_PARTY_ID_SIZE + 32 + 4 + 8 + 4)
static void invite_text(const struct invite_proof *proof, const uint8_t *party_id,
			uint8_t text[INVITE_TEXT_SIZE])
{
	size_t at = put(text, 0, "lanrage invite 1", 16);

	at = put(text, at, party_id, CONTROL_PARTY_ID_SIZE);
	at = put(text, at, proof->invite_key, 32);
	at = put_number(text, at, proof->generation, 4);
	at = put_number(text, at, proof->expires_s, 8);
	put_number(text, at, proof->uses, 4);
}

#define PREFIX_TEXT_SIZE (16 + CONTROL_PARTY_ID_SIZE + 4 + 1)
static void prefix_text(const struct invite_secret *secret, uint8_t text[PREFIX_TEXT_SIZE])
{
	size_t at = put(text, 0, "lanrage prefix 1", 16);

	at = put(text, at, secret->party_id, CONTROL_PARTY_ID_SIZE);
	at = put(text, at, secret->prefix.addr.ip, 4);
	put(text, at, &secret->prefix.length, 1);
}

#define SECRET_AD_SIZE (23 + CODE_LOOKUP_SIZE)
static void secret_ad(const struct code_keys *keys, uint8_t ad[SECRET_AD_SIZE])
{
	put(ad, put(ad, 0, "lanrage invite secret 1", 23), keys->lookup_id, CODE_LOOKUP_SIZE);
}

int invite_make(struct invite_secret *secret, const struct keyholder *host, uint64_t expires_s,
		uint32_t uses)
{
	uint8_t text[INVITE_TEXT_SIZE];
	uint8_t secret_key[64];

	randombytes_buf(secret->seed, sizeof(secret->seed));
	crypto_sign_seed_keypair(secret->proof.invite_key, secret_key, secret->seed);
	sodium_memzero(secret_key, sizeof(secret_key));
	secret->proof.expires_s = expires_s;
	secret->proof.uses = uses;
	memset(secret->proof.invite_signature, 0, sizeof(secret->proof.invite_signature));
	invite_text(&secret->proof, secret->party_id, text);
	return keyholder_sign(host, text, sizeof(text), secret->proof.host_signature);
}

int invite_sign_prefix(struct invite_secret *secret, const struct keyholder *host)
{
	uint8_t text[PREFIX_TEXT_SIZE];

	prefix_text(secret, text);
	return keyholder_sign(host, text, sizeof(text), secret->prefix_signature);
}

ssize_t invite_seal(const struct invite_secret *secret, const struct code_keys *keys,
		    uint8_t sealed[RENDEZVOUS_INVITE_MAX])
{
	uint8_t plain[RENDEZVOUS_INVITE_MAX];
	uint8_t ad[SECRET_AD_SIZE];
	unsigned long long length;
	ssize_t n;

	n = sealed_secret_pack(secret, plain, sizeof(plain) - NONCE_SIZE - TAG_SIZE);
	if (n < 0)
		return n;
	secret_ad(keys, ad);
	randombytes_buf(sealed, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_SIZE, &length, plain, (size_t)n,
						   ad, sizeof(ad), NULL, sealed, keys->key);
	sodium_memzero(plain, sizeof(plain));
	return (ssize_t)(NONCE_SIZE + length);
}

/* All that the host signed for this invite. */
static int invite_check_secret(const struct invite_secret *secret)
{
	uint8_t invite[INVITE_TEXT_SIZE], prefix[PREFIX_TEXT_SIZE];
	uint8_t public_key[32], secret_key[64];
	int same;

	crypto_sign_seed_keypair(public_key, secret_key, secret->seed);
	sodium_memzero(secret_key, sizeof(secret_key));
	same = sodium_memcmp(public_key, secret->proof.invite_key, 32);
	invite_text(&secret->proof, secret->party_id, invite);
	prefix_text(secret, prefix);
	if (same != 0 ||
	    crypto_sign_verify_detached(secret->proof.host_signature, invite, sizeof(invite),
					secret->host) != 0 ||
	    crypto_sign_verify_detached(secret->prefix_signature, prefix, sizeof(prefix),
					secret->host) != 0)
		return -EKEYREJECTED;
	return 0;
}

int invite_open(struct invite_secret *secret, const struct code_keys *keys, uint64_t now_s,
		const uint8_t *sealed, size_t length)
{
	uint8_t plain[RENDEZVOUS_INVITE_MAX];
	uint8_t ad[SECRET_AD_SIZE];
	unsigned long long n;
	int r;

	if (length < NONCE_SIZE + TAG_SIZE || length > RENDEZVOUS_INVITE_MAX)
		return -EBADMSG;
	secret_ad(keys, ad);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL, sealed + NONCE_SIZE,
						       length - NONCE_SIZE, ad, sizeof(ad), sealed,
						       keys->key) != 0)
		return -EBADMSG;
	r = sealed_secret_unpack(secret, plain, (size_t)n);
	sodium_memzero(plain, sizeof(plain));
	if (r == 0)
		r = invite_check_secret(secret);
	if (r == 0 && secret->proof.expires_s <= now_s)
		r = -EKEYEXPIRED;
	return r;
}

void invite_use(struct invite_proof *proof, const struct invite_secret *secret,
		const uint8_t identity[32], const uint8_t wireguard_key[32])
{
	uint8_t text[RENDEZVOUS_JOIN_TEXT_SIZE];
	uint8_t public_key[32], secret_key[64];

	*proof = secret->proof;
	crypto_sign_seed_keypair(public_key, secret_key, secret->seed);
	rendezvous_join_text(secret->party_id, identity, wireguard_key, text);
	crypto_sign_detached(proof->invite_signature, NULL, text, sizeof(text), secret_key);
	sodium_memzero(secret_key, sizeof(secret_key));
}

int invite_check(const struct invite_proof *proof, const uint8_t party_id[CONTROL_PARTY_ID_SIZE],
		 uint32_t generation, const uint8_t host[32], const uint8_t identity[32],
		 const uint8_t wireguard_key[32])
{
	uint8_t invite[INVITE_TEXT_SIZE], join[RENDEZVOUS_JOIN_TEXT_SIZE];

	invite_text(proof, party_id, invite);
	rendezvous_join_text(party_id, identity, wireguard_key, join);
	if (proof->generation != generation ||
	    crypto_sign_verify_detached(proof->host_signature, invite, sizeof(invite), host) != 0 ||
	    crypto_sign_verify_detached(proof->invite_signature, join, sizeof(join),
					proof->invite_key) != 0)
		return -EKEYREJECTED;
	return 0;
}
