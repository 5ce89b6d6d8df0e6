/* messages.h - what WireGuard puts on the wire, and every constant of the protocol.
 *
 * Sections are those of the WireGuard whitepaper. All structs are made of bytes, so they have no
 * padding, need no alignment and may be laid over a received buffer of sufficient length. Integers
 * on the wire are little-endian; message_le32/64 read and write them.
 *
 * The first byte is the type, the next three are reserved (section 5.4: zero). Between a LANrage
 * member and a relay those three bytes carry a tag, so that a relay adds no byte to a packet:
 *
 *     0        1        2        3
 *     +--------+--------+--------+--------+
 *     | type   | slot   | member number   |   number: big-endian, never 0 in a tag
 *     +--------+--------+--------+--------+
 *
 * The relay writes zeros there before it forwards. No part of the protocol covers these bytes:
 * handshake and data authenticate only what follows, and mac1 and mac2 are computed as if they
 * were zero (cookie.h). So a tag can be set or cleared at any time without touching the rest.
 */
#ifndef LANRAGE_DATAPLANE_MESSAGES_H
#define LANRAGE_DATAPLANE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#define NOISE_KEY_SIZE	     32 /* Curve25519 and ChaCha20-Poly1305 keys */
#define NOISE_HASH_SIZE	     32 /* BLAKE2s */
#define NOISE_TAG_SIZE	     16 /* Poly1305 */
#define NOISE_TIMESTAMP_SIZE 12 /* TAI64N */
#define COOKIE_SIZE	     16
#define COOKIE_NONCE_SIZE    24 /* XChaCha20-Poly1305 */
#define MAC_SIZE	     16 /* mac1 and mac2: BLAKE2s keyed, 16 bytes out */

/* Section 6.1, and the intervals that sections 6.2 to 6.5 derive from them. */
#define REKEY_AFTER_MESSAGES	   (1ULL << 60)
#define REJECT_AFTER_MESSAGES	   (UINT64_MAX - (1ULL << 13)) /* 2^64 - 2^13 - 1 */
#define REKEY_AFTER_TIME_US	   120000000ULL
#define REJECT_AFTER_TIME_US	   180000000ULL
#define REKEY_ATTEMPT_TIME_US	   90000000ULL
#define REKEY_TIMEOUT_US	   5000000ULL
#define REKEY_TIMEOUT_JITTER_US	   333000ULL
#define KEEPALIVE_TIMEOUT_US	   10000000ULL
#define REKEY_ON_RECEIVE_US	   (REJECT_AFTER_TIME_US - KEEPALIVE_TIMEOUT_US - REKEY_TIMEOUT_US)
#define NEW_HANDSHAKE_US	   (KEEPALIVE_TIMEOUT_US + REKEY_TIMEOUT_US)
#define WIPE_AFTER_US		   (3 * REJECT_AFTER_TIME_US)
#define COOKIE_SECRET_LIFE_US	   120000000ULL
#define INITIATION_INTERVAL_MIN_US 20000ULL /* section 5.1: at most 50 a second from one peer */
#define MESSAGE_PADDING		   16

enum message_type {
	MESSAGE_NONE = 0,
	MESSAGE_INITIATION = 1,
	MESSAGE_RESPONSE = 2,
	MESSAGE_COOKIE = 3,
	MESSAGE_DATA = 4,
};

struct message_header {
	uint8_t type;
	uint8_t slot;	   /* tag, else 0 */
	uint8_t number[2]; /* tag, big-endian, else 0 */
};

/* Both macs end types 1 and 2. mac1 covers all before it, mac2 all before it with mac1. */
struct message_macs {
	uint8_t mac1[MAC_SIZE];
	uint8_t mac2[MAC_SIZE];
};

/* Section 5.4.2, 148 bytes:
 *      0 header   4 sender   8 ephemeral (32)   40 static (32 + 16)   88 timestamp (12 + 16)
 *    116 mac1   132 mac2
 */
struct message_initiation {
	struct message_header header;
	uint8_t sender[4];
	uint8_t ephemeral[NOISE_KEY_SIZE];
	uint8_t static_key[NOISE_KEY_SIZE + NOISE_TAG_SIZE];
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE + NOISE_TAG_SIZE];
	struct message_macs macs;
};

/* Section 5.4.3, 92 bytes:
 *      0 header   4 sender   8 receiver   12 ephemeral (32)   44 empty (0 + 16)
 *     60 mac1    76 mac2
 */
struct message_response {
	struct message_header header;
	uint8_t sender[4];
	uint8_t receiver[4];
	uint8_t ephemeral[NOISE_KEY_SIZE];
	uint8_t empty[NOISE_TAG_SIZE];
	struct message_macs macs;
};

/* Section 5.4.7, 64 bytes:
 *      0 header   4 receiver   8 nonce (24)   32 cookie (16 + 16)
 */
struct message_cookie {
	struct message_header header;
	uint8_t receiver[4];
	uint8_t nonce[COOKIE_NONCE_SIZE];
	uint8_t cookie[COOKIE_SIZE + NOISE_TAG_SIZE];
};

/* Section 5.4.6, 16 bytes, then the padded packet and its tag (16):
 *      0 header   4 receiver   8 counter (8)   16 ciphertext ... tag
 * 32 bytes in all is a keepalive.
 */
struct message_data {
	struct message_header header;
	uint8_t receiver[4];
	uint8_t counter[8];
};

#define MESSAGE_DATA_HEADROOM sizeof(struct message_data)
#define MESSAGE_DATA_OVERHEAD (sizeof(struct message_data) + NOISE_TAG_SIZE)
#define MESSAGE_DATA_MIN      MESSAGE_DATA_OVERHEAD

_Static_assert(sizeof(struct message_initiation) == 148, "section 5.4.2");
_Static_assert(sizeof(struct message_response) == 92, "section 5.4.3");
_Static_assert(sizeof(struct message_cookie) == 64, "section 5.4.7");
_Static_assert(sizeof(struct message_data) == 16, "section 5.4.6");

/* The type if the first byte names one and length fits it exactly (data: at least 32), else
 * MESSAGE_NONE. The reserved bytes are not looked at: whoever gives them no meaning drops
 * messages where they are not zero, or clears them. */
static inline enum message_type message_type(const void *message, size_t length)
{
	uint8_t type = length ? *(const uint8_t *)message : (uint8_t)MESSAGE_NONE;

	switch (type) {
	case MESSAGE_INITIATION:
		return length == sizeof(struct message_initiation) ? MESSAGE_INITIATION
								   : MESSAGE_NONE;
	case MESSAGE_RESPONSE:
		return length == sizeof(struct message_response) ? MESSAGE_RESPONSE : MESSAGE_NONE;
	case MESSAGE_COOKIE:
		return length == sizeof(struct message_cookie) ? MESSAGE_COOKIE : MESSAGE_NONE;
	case MESSAGE_DATA: return length >= MESSAGE_DATA_MIN ? MESSAGE_DATA : MESSAGE_NONE;
	default: return MESSAGE_NONE;
	}
}

/* A relay tag; number 0 means there is none. */
struct message_tag {
	uint8_t slot;
	uint16_t number;
};

static inline void message_tag_set(void *message, uint8_t slot, uint16_t number)
{
	struct message_header *header = message;

	header->slot = slot;
	header->number[0] = (uint8_t)(number >> 8);
	header->number[1] = (uint8_t)number;
}

static inline struct message_tag message_tag_get(const void *message)
{
	const struct message_header *header = message;

	return (struct message_tag){
		.slot = header->slot,
		.number = (uint16_t)(header->number[0] << 8 | header->number[1]),
	};
}

static inline void message_tag_clear(void *message)
{
	message_tag_set(message, 0, 0);
}

static inline uint32_t message_le32(const uint8_t bytes[4])
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

static inline uint64_t message_le64(const uint8_t bytes[8])
{
	return message_le32(bytes) | (uint64_t)message_le32(bytes + 4) << 32;
}

static inline void message_le32_set(uint8_t bytes[4], uint32_t value)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static inline void message_le64_set(uint8_t bytes[8], uint64_t value)
{
	message_le32_set(bytes, (uint32_t)value);
	message_le32_set(bytes + 4, (uint32_t)(value >> 32));
}

#endif
