/* noise.h - the handshake: Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s (whitepaper 5.4).
 *
 * Functions from bytes to bytes. They hold no peer table, no indices beyond those in messages, no
 * time. mac1 and mac2 are not written or checked here (cookie.h); reserved bytes are neither read
 * nor covered, and messages are created with them zero.
 *
 *      initiator                                     responder
 *      noise_initiation_create  --- initiation -->   noise_initiation_open     whose key is it?
 *        struct noise_initiator                      (the caller finds the peer)
 *              |                                     noise_initiation_verify   is it really they?
 *              |                                       struct noise_initiation
 *      noise_response_open      <--- response ----   noise_response_create
 *        struct noise_keys                             struct noise_keys
 *
 * What the initiator keeps between its two steps (struct noise_initiator) and what the responder
 * needs between its own (struct noise_initiation) are separate values, so a peer can be both at
 * once: two crossing initiations both complete.
 *
 * Every Diffie-Hellman result is checked; an all-zero one (a low-order point) fails. Functions that
 * fail leave their output wiped and their const inputs untouched, so a forged response does not
 * spoil a handshake under way. Secrets on the stack are wiped.
 *
 * `ephemeral` arguments are for tests with fixed vectors; NULL takes a random key.
 */
#ifndef LANRAGE_DATAPLANE_NOISE_H
#define LANRAGE_DATAPLANE_NOISE_H

#include "svc-dataplane/messages.h"

#include <stddef.h>
#include <stdint.h>

/* This machine's static key pair and what follows from it alone. */
struct noise_identity {
	uint8_t private_key[NOISE_KEY_SIZE];
	uint8_t public_key[NOISE_KEY_SIZE];
	uint8_t opening_hash[NOISE_HASH_SIZE]; /* H once an initiator has mixed our public key in */
};

/* A peer's static key as seen by one identity. static_static is computed here once, so each
 * handshake saves one Diffie-Hellman on either side. */
struct noise_remote {
	uint8_t public_key[NOISE_KEY_SIZE];
	uint8_t static_static[NOISE_KEY_SIZE];
	uint8_t preshared_key[NOISE_KEY_SIZE]; /* zeros: none (section 5.2) */
	uint8_t opening_hash[NOISE_HASH_SIZE]; /* H once we as initiator have mixed their key in */
};

/* Initiator: what is kept from initiation to response. */
struct noise_initiator {
	uint8_t ephemeral_private[NOISE_KEY_SIZE];
	uint8_t hash[NOISE_HASH_SIZE];
	uint8_t chain[NOISE_HASH_SIZE];
};

/* Responder: an initiation taken apart. public_key is only a claim until _verify succeeds. */
struct noise_initiation {
	uint8_t public_key[NOISE_KEY_SIZE];	 /* the initiator's static key, from _open */
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE]; /* from _verify */
	uint8_t ephemeral[NOISE_KEY_SIZE];	 /* the initiator's, public */
	uint32_t sender;			 /* the initiator's index */
	uint8_t hash[NOISE_HASH_SIZE];
	uint8_t chain[NOISE_HASH_SIZE];
};

/* Transport keys (section 5.4.5), from the point of view of whoever holds them. */
struct noise_keys {
	uint8_t send[NOISE_KEY_SIZE];
	uint8_t receive[NOISE_KEY_SIZE];
};

/* Clamps and copies the private key and derives the rest. The caller wipes its own copy and, in
 * the end, the identity (noise_wipe). -EINVAL for an all-zero key. */
int noise_identity_init(struct noise_identity *identity, const uint8_t private_key[NOISE_KEY_SIZE]);
/* A fresh private key, clamped. */
void noise_private_key_new(uint8_t private_key[NOISE_KEY_SIZE]);

/* preshared_key may be NULL for none. -EINVAL when public_key is a low-order point. Must be done
 * again when the identity changes. */
int noise_remote_init(struct noise_remote *remote, const struct noise_identity *identity,
		      const uint8_t public_key[NOISE_KEY_SIZE], const uint8_t *preshared_key);

/* Section 5.4.2. Writes all of the message but the macs (zeros) and fills *initiator.
 * -EINVAL when a Diffie-Hellman fails. */
int noise_initiation_create(struct noise_initiator *initiator, struct message_initiation *message,
			    const struct noise_identity *identity,
			    const struct noise_remote *remote, uint32_t sender,
			    const uint8_t timestamp[NOISE_TIMESTAMP_SIZE],
			    const uint8_t *ephemeral);

/* First half of reading an initiation: decrypts the initiator's static key (one Diffie-Hellman).
 * Anybody who knows our public key can make one that opens under any name. -EBADMSG. */
int noise_initiation_open(struct noise_initiation *initiation,
			  const struct noise_identity *identity,
			  const struct message_initiation *message);
/* Second half, with the remote found under initiation->public_key (no Diffie-Hellman): proves the
 * sender and gives the timestamp, which the caller compares with the last one it accepted.
 * -EBADMSG; initiation is then as it was, timestamp zero. */
int noise_initiation_verify(struct noise_initiation *initiation, const struct noise_remote *remote,
			    const struct message_initiation *message);

/* Section 5.4.3. For a verified initiation: writes all of the message but the macs and derives the
 * responder's keys. -EBADMSG when the initiator's ephemeral key is a low-order point. */
int noise_response_create(const struct noise_initiation *initiation,
			  struct message_response *message, struct noise_keys *keys,
			  const struct noise_remote *remote, uint32_t sender,
			  const uint8_t *ephemeral);

/* The initiator's last step. The preshared key is the one in *remote now. -EBADMSG. */
int noise_response_open(const struct noise_initiator *initiator,
			const struct message_response *message, struct noise_keys *keys,
			const struct noise_identity *identity, const struct noise_remote *remote);

/* Overwrites any of the structs above. */
void noise_wipe(void *secret, size_t size);

/* HMAC-BLAKE2s (RFC 2104, 64-byte blocks) and the KDF of section 5.4, named as there; public for
 * their tests. output may overlap key. */
void noise_hmac(uint8_t output[NOISE_HASH_SIZE], const uint8_t key[NOISE_HASH_SIZE],
		const void *input, size_t length);
/* count 1 to 3 outputs; out[i] may be NULL to drop one, or be the same memory as key. */
void noise_kdf(uint8_t *const out[], unsigned count, const uint8_t key[NOISE_HASH_SIZE],
	       const void *input, size_t length);

#endif
