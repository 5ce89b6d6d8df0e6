#include "svc-dataplane/aead.h"

#include "svc-dataplane/messages.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(AEAD_KEY_SIZE == crypto_aead_chacha20poly1305_ietf_KEYBYTES, "key");
_Static_assert(AEAD_TAG_SIZE == crypto_aead_chacha20poly1305_ietf_ABYTES, "tag");
_Static_assert(AEAD_XNONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "nonce");

#define NONCE_SIZE crypto_aead_chacha20poly1305_ietf_NPUBBYTES

int aead_init(void)
{
	return sodium_init() < 0 ? -EIO : 0;
}

static void nonce_of(uint8_t nonce[NONCE_SIZE], uint64_t counter)
{
	memset(nonce, 0, 4);
	message_le64_set(nonce + 4, counter);
}

void aead_seal(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	       uint8_t *text, size_t length)
{
	uint8_t nonce[NONCE_SIZE];

	nonce_of(nonce, counter);
	crypto_aead_chacha20poly1305_ietf_encrypt(text, NULL, text, length, ad, ad_length, NULL,
						  nonce, key);
}

int aead_open(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	      uint8_t *text, size_t length)
{
	uint8_t nonce[NONCE_SIZE];

	if (length < AEAD_TAG_SIZE)
		return -EBADMSG;
	nonce_of(nonce, counter);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(text, NULL, NULL, text, length, ad, ad_length,
						      nonce, key) != 0)
		return -EBADMSG;
	return 0;
}

void aead_xseal(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
		const void *ad, size_t ad_length, uint8_t *text, size_t length)
{
	crypto_aead_xchacha20poly1305_ietf_encrypt(text, NULL, text, length, ad, ad_length, NULL,
						   nonce, key);
}

int aead_xopen(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
	       const void *ad, size_t ad_length, uint8_t *text, size_t length)
{
	if (length < AEAD_TAG_SIZE)
		return -EBADMSG;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(text, NULL, NULL, text, length, ad,
						       ad_length, nonce, key) != 0)
		return -EBADMSG;
	return 0;
}
