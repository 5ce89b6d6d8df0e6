/* cookie.h - mac1, mac2, cookies and the recognition of copies (whitepaper 5.3, 5.4.4, 5.4.7).
 *
 * mac1 shows that the sender knows the receiver's public key; it is required always and checked
 * before anything costs more. mac2 shows that the sender receives at the address it sends from; it
 * is required while the receiver is under load, and a message without it is answered by a cookie.
 *
 * Both are computed as if the three reserved bytes of the header were zero, whatever they hold, so
 * relay tags do not disturb them.
 *
 * A cookie is tied to the address the receiver saw, and a member has many paths: so each path keeps
 * its own struct cookie_jar, and each copy of an initiation is stamped for the path it takes.
 * A cookie reply is not authenticated by the peer's private key: it must never move an endpoint.
 */
#ifndef LANRAGE_DATAPLANE_COOKIE_H
#define LANRAGE_DATAPLANE_COOKIE_H

#include "svc-dataplane/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What follows from a public key: for our own, to check; for a peer's, to write. Not secret. */
struct mac_keys {
	uint8_t mac1[NOISE_KEY_SIZE];
	uint8_t cookie[NOISE_KEY_SIZE];
};

void mac_keys_init(struct mac_keys *keys, const uint8_t public_key[NOISE_KEY_SIZE]);

/* For types 1 and 2; length is the whole message with both macs. keys are the receiver's.
 * mac1_write also zeroes mac2. */
void mac1_write(const struct mac_keys *keys, void *message, size_t length);
bool mac1_check(const struct mac_keys *keys, const void *message, size_t length);
/* The last 32 bytes of a type 1 or 2. */
const struct message_macs *message_macs(const void *message, size_t length);

/* --- the side under load --- */

struct cookie_checker {
	struct mac_keys keys; /* of our own public key */
	uint8_t secret[NOISE_HASH_SIZE];
	uint64_t secret_born_us;
	bool secret_valid;
};

enum cookie_verdict {
	COOKIE_REFUSED = 0, /* mac1 is wrong: drop, say nothing */
	COOKIE_MAC1 = 1,    /* mac1 fits: enough when not under load */
	COOKIE_MAC2 = 2,    /* both fit: the sender receives at its address */
};

void cookie_checker_init(struct cookie_checker *checker, const uint8_t public_key[NOISE_KEY_SIZE]);

/* source: address and port of the sender in any fixed encoding, at most 64 bytes. The secret is
 * renewed when it is COOKIE_SECRET_LIFE_US old. */
enum cookie_verdict cookie_check(struct cookie_checker *checker, uint64_t now_us,
				 const void *message, size_t length, const void *source,
				 size_t source_length);

/* The answer to a message of type 1 or 2 with verdict COOKIE_MAC1 under load. It is smaller than
 * what it answers. nonce: NULL takes a random one. */
void cookie_reply_create(struct cookie_checker *checker, uint64_t now_us, const void *message,
			 size_t length, const void *source, size_t source_length,
			 const uint8_t *nonce, struct message_cookie *reply);

/* --- the side that was told to prove its address: one jar per path --- */

/* All zeros is an empty jar. A plain value: copy it, drop it with its path. */
struct cookie_jar {
	uint8_t cookie[COOKIE_SIZE];
	uint8_t mac1_sent[MAC_SIZE]; /* of the last message stamped for this path */
	uint64_t received_us;
	bool cookie_valid;
	bool mac1_valid;
};

/* Last thing before a type 1 or 2 (with mac1) leaves by this path: writes mac2, zero when there is
 * no fresh cookie, and remembers mac1. */
void cookie_jar_stamp(struct cookie_jar *jar, uint64_t now_us, void *message, size_t length);

/* A cookie reply came by this path; keys are those of the peer's public key. 0, -ENOENT when
 * nothing was sent by this path since the last cookie, -EBADMSG when it does not answer that.
 * After 0 the caller may stamp the very same initiation and send it again at once: whoever asks
 * for a cookie has not consumed it. */
int cookie_jar_accept(struct cookie_jar *jar, uint64_t now_us, const struct mac_keys *keys,
		      const struct message_cookie *reply);

/* --- copies --- */

#define MAC1_SEEN_SETS	  64
#define MAC1_SEEN_WAYS	  4
#define MAC1_SEEN_LIFE_US 5000000ULL

/* The same initiation arrives by several candidates. This set remembers the mac1 of those that
 * went on to Diffie-Hellman, so that each costs it once. Bounded: 256 entries, the oldest of a set
 * of four gives way. Losing an entry costs work, not safety (the timestamp refuses the copy).
 * All zeros is an empty set. */
struct mac1_seen {
	struct mac1_seen_entry {
		uint8_t mac1[MAC_SIZE];
		uint64_t expires_us; /* 0: empty */
	} entries[MAC1_SEEN_SETS][MAC1_SEEN_WAYS];
};

/* True when mac1 was inserted less than MAC1_SEEN_LIFE_US ago: drop the copy. Else inserts it. Call
 * after the mac check, only for messages that will be processed. */
bool mac1_seen_insert(struct mac1_seen *seen, uint64_t now_us, const uint8_t mac1[MAC_SIZE]);

#endif
