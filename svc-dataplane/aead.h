/* aead.h - the two authenticated ciphers of WireGuard, in place.
 *
 * Every packet passes through aead_seal or aead_open, and nothing else in the project encrypts
 * bulk data: a faster backend than libsodium is put in here and nowhere else. All functions are
 * thread-safe after aead_init and keep no state.
 *
 * In place means: `text` holds length bytes of plaintext followed by AEAD_TAG_SIZE free bytes, and
 * becomes ciphertext and tag; opening is the reverse.
 */
#ifndef LANRAGE_DATAPLANE_AEAD_H
#define LANRAGE_DATAPLANE_AEAD_H

#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_SIZE	 32
#define AEAD_TAG_SIZE	 16
#define AEAD_XNONCE_SIZE 24

/* Chooses the backend. Once per process, before threads and before a sandbox (it may open the
 * source of random numbers). 0, or -EIO when the library cannot start. */
int aead_init(void);

/* ChaCha20-Poly1305 (RFC 8439). The nonce is four zero bytes and the counter, little-endian
 * (whitepaper 5.4.6, 5.4). ad may be NULL when ad_length is 0. */
void aead_seal(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	       uint8_t *text, size_t length);
/* length counts the tag. 0, or -EBADMSG when it is not authentic or shorter than a tag; text is
 * then unspecified and must not be used. The plaintext has length - AEAD_TAG_SIZE bytes. */
int aead_open(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	      uint8_t *text, size_t length);

/* XChaCha20-Poly1305 with a random nonce, for cookies (whitepaper 5.4.7). Same conventions. */
void aead_xseal(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
		const void *ad, size_t ad_length, uint8_t *text, size_t length);
int aead_xopen(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
	       const void *ad, size_t ad_length, uint8_t *text, size_t length);

#endif
