/* aead.h - the two authenticated ciphers of WireGuard.
 *
 * Every packet passes through aead_seal_packet() or aead_open_packet(), and nothing else in the
 * project encrypts bulk data. Several libraries can do it; which one is fastest depends on the
 * processor, so aead_init() tries them for some milliseconds and keeps the best. Handshakes and
 * cookies, which are few, are always libsodium's.
 *
 * In place means: `text` holds length bytes of plaintext followed by AEAD_TAG_SIZE free bytes, and
 * becomes ciphertext and tag; opening is the reverse.
 */
#ifndef LANRAGE_DATAPLANE_AEAD_H
#define LANRAGE_DATAPLANE_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AEAD_KEY_SIZE	 32
#define AEAD_TAG_SIZE	 16
#define AEAD_XNONCE_SIZE 24

/* Once per process, before threads and before a sandbox (it may open the source of random
 * numbers). 0, or -EIO when libsodium cannot start. */
int aead_init(void);
/* What packets are sealed with: "libsodium", "ipsec-mb avx512". */
const char *aead_name(void);
/* How long one packet of 1420 bytes took when the choice was made, in nanoseconds. */
unsigned aead_cost_ns(void);

/* ChaCha20-Poly1305 (RFC 8439) without further data, for data messages (whitepaper 5.4.6). The
 * nonce is four zero bytes and the counter, little-endian. Writes length + AEAD_TAG_SIZE bytes;
 * from and to are the same, or do not overlap. From one thread at a time. */
void aead_seal_packet(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, uint8_t *to,
		      const uint8_t *from, size_t length);
/* In place; length counts the tag. 0, or -EBADMSG when it is not authentic or shorter than a tag;
 * text is then unspecified and must not be used. */
int aead_open_packet(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, uint8_t *text,
		     size_t length);

/* The same cipher for handshakes (whitepaper 5.4), in place; from any thread. ad may be NULL when
 * ad_length is 0. */
void aead_seal(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	       uint8_t *text, size_t length);
int aead_open(const uint8_t key[AEAD_KEY_SIZE], uint64_t counter, const void *ad, size_t ad_length,
	      uint8_t *text, size_t length);

/* XChaCha20-Poly1305 with a random nonce, for cookies (whitepaper 5.4.7). Same conventions. */
void aead_xseal(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
		const void *ad, size_t ad_length, uint8_t *text, size_t length);
int aead_xopen(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_XNONCE_SIZE],
	       const void *ad, size_t ad_length, uint8_t *text, size_t length);

/* --- a library that seals packets (aead_*.c) --- */

struct aead_backend {
	const char *(*begin)(void); /* its name, or NULL when it cannot work on this machine */
	void (*seal)(const uint8_t *key, const uint8_t *nonce, uint8_t *to, const uint8_t *from,
		     size_t length);
	/* In place, the tag behind length bytes; false when it is not authentic. */
	bool (*open)(const uint8_t *key, const uint8_t *nonce, uint8_t *text, size_t length);
};

extern const struct aead_backend aead_ipsec_mb; /* x86-64 only */

#endif
