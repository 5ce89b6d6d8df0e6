/* session.h - everything cryptographic about one remote peer: handshakes, keypairs, replay windows
 * and timers, tied together (whitepaper 5.4, 6). Where packets go is somebody else's affair.
 *
 * Keypairs (section 6.3, and 5.4.6 for the rule of confirmation):
 *   current    sends and receives
 *   previous   receives what was under way when current took over
 *   next       we were the responder; receives. Its first authenticated packet shows that the
 *              initiator has the keys, and makes it current. Until then nothing is sent under it.
 * An initiator's new keypair is current as soon as the response is in, and it sends something at
 * once (SESSION_KEEPALIVE), for the responder to be confirmed.
 *
 * Crossing initiations. An initiation of ours may be pending while we answer one of theirs. When
 * both complete there are two good keypairs, and both ends hold both. Left alone each end would
 * prefer the one it did not initiate, and nobody would renew it. So both ends settle on the one
 * whose initiator has the lower public key. The other stays as next, held back: it receives, and is
 * followed only if the peer still uses it half a second later, since then the peer may lack the
 * first one. Packets under either, and under what was current before, are accepted throughout.
 *
 * Local indices come from the caller, who owns the table from index to session and allocates one
 * for each initiation sent and each response sent. Indices that end are reported in
 * events->retired, exactly once; the index passed to a call that fails is not taken.
 *
 * A changed preshared key takes effect with the next handshake: a pending initiation is dropped
 * and a new one wanted, while existing keypairs carry on until it completes.
 *
 * No clocks and no allocation. Not thread-safe; packet threads that do not want to hold a lock
 * over encryption use the split forms: _begin under the lock, the packets without, _commit under.
 *
 * Errors common to all: -ENOENT no such index here, -EBADMSG not authentic.
 */
#ifndef LANRAGE_DATAPLANE_SESSION_H
#define LANRAGE_DATAPLANE_SESSION_H

#include "svc-dataplane/cookie.h"
#include "svc-dataplane/messages.h"
#include "svc-dataplane/noise.h"
#include "svc-dataplane/replay.h"
#include "svc-dataplane/timers.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SESSION_KEYPAIRS    3
#define SESSION_RETIRED_MAX (SESSION_KEYPAIRS + 1)
/* How many uint64_t of replay memory a session needs. */
#define SESSION_REPLAY_WORDS(window) (SESSION_KEYPAIRS * REPLAY_WORDS(window))
/* How much later than the end of our own handshake their crossing initiation may come in. */
#define SESSION_REORDER_US 250000ULL
/* How long next is held back. */
#define SESSION_HOLD_US 500000ULL

/* Bits of session_events.flags. */
enum session_flag {
	SESSION_INITIATE = 1 << 0,  /* call session_initiate now and send the result */
	SESSION_KEEPALIVE = 1 << 1, /* send what waits, or else an empty message, now */
	SESSION_READY = 1 << 2,	    /* a new keypair became current: a handshake is complete */
	SESSION_FAILED = 1 << 3, /* gave up after 90 s: drop what waits; quiet until asked again */
	SESSION_WIPED = 1 << 4,	 /* all keys forgotten after 540 s without new ones */
};

/* Filled anew by every call that takes it. */
struct session_events {
	unsigned flags;
	unsigned retired_count;
	uint32_t retired[SESSION_RETIRED_MAX];
};

struct session_keypair {
	struct noise_keys keys;
	uint64_t send_counter; /* of the next packet */
	uint64_t born_us;
	uint64_t received_us;  /* the last authenticated packet, 0: none yet */
	uint32_t local_index;  /* theirs to write, ours to look up */
	uint32_t remote_index; /* ours to write */
	bool live;
	bool initiator;	    /* we initiated it */
	bool renewal_asked; /* the one initiation at 165 s (section 6.2) */
	struct replay replay;
};

struct session {
	const struct noise_identity *identity; /* borrowed */
	struct noise_remote remote;
	struct mac_keys remote_macs;
	struct timers timers;

	struct session_keypair keypairs[SESSION_KEYPAIRS];
	struct session_keypair *current, *previous, *next; /* into keypairs, or NULL */
	uint64_t held_us; /* since when next is held back in favour of current, 0: it is not */

	/* our initiation under way */
	bool pending;
	uint32_t pending_index;
	struct noise_initiator initiator;
	struct message_initiation initiation; /* as created: mac1 in, mac2 zero */

	/* theirs */
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE]; /* highest accepted */
	uint64_t initiation_us;			 /* when one was last accepted */
	bool initiation_seen;

	uint64_t ready_us; /* when a handshake last completed, 0: never */
};

/* preshared_key NULL: none. replay_words: SESSION_REPLAY_WORDS(window) words, borrowed, cleared
 * here. seed: for jitter. The session must not move in memory afterwards.
 * -EINVAL when the public key is a low-order point. */
int session_init(struct session *session, const struct noise_identity *identity,
		 const uint8_t public_key[NOISE_KEY_SIZE], const uint8_t *preshared_key,
		 uint64_t *replay_words, size_t replay_word_count, uint64_t seed);
/* Drops all keys, handshakes and deadlines. What must outlive a restart of the session stays: the
 * peer's highest timestamp, both limits on initiations, the persistent keepalive's interval. */
void session_reset(struct session *session, struct session_events *events);
/* session_reset, and wipes the secrets. */
void session_deinit(struct session *session, struct session_events *events);

/* NULL: none. An unchanged key does nothing. */
void session_set_preshared_key(struct session *session, uint64_t now_us,
			       const uint8_t *preshared_key, struct session_events *events);
/* 0: off. Else the first keepalive is due at the next poll. */
void session_set_persistent_keepalive(struct session *session, uint64_t now_us,
				      uint64_t interval_us);

/* Asks for a handshake whether or not there are keys (after a restart, on joining). Raises
 * SESSION_INITIATE when one is due now. */
void session_want(struct session *session, uint64_t now_us, struct session_events *events);
/* Creates an initiation with mac1 (section 5.4.2); mac2 is written for each path by
 * cookie_jar_stamp. timestamp: from tai64n_next. Replaces a pending one. -EAGAIN when the last was
 * less than TIMERS_INITIATION_GAP_US ago, -EINVAL when a Diffie-Hellman failed. */
int session_initiate(struct session *session, uint64_t now_us, uint32_t local_index,
		     const uint8_t timestamp[NOISE_TIMESTAMP_SIZE],
		     struct message_initiation *message, struct session_events *events);
/* The initiation that awaits its response, to be sent by one more path, or NULL. Borrowed until
 * the next call with this session. */
const struct message_initiation *session_initiation(const struct session *session);

/* Theirs, after mac check, mac1_seen, noise_initiation_open and the search for the peer (an
 * initiation opened for another public key is -EBADMSG). Writes the response with mac1 and makes
 * a next keypair. -ESTALE: timestamp not above the highest accepted (a replay, or their clock went
 * back). -EBUSY: less than 20 ms after the last. */
int session_accept_initiation(struct session *session, uint64_t now_us,
			      struct noise_initiation *opened,
			      const struct message_initiation *message, uint32_t local_index,
			      struct message_response *response, struct session_events *events);
/* After the mac check. Raises SESSION_READY and SESSION_KEEPALIVE. A failure changes nothing. */
int session_accept_response(struct session *session, uint64_t now_us,
			    const struct message_response *message, struct session_events *events);

/* Whether a data message could be sent now. */
bool session_can_send(const struct session *session, uint64_t now_us);

/* Encrypts in place: the packet lies at message + MESSAGE_DATA_HEADROOM, length bytes, 0 for a
 * keepalive. It is padded with zeros to a multiple of 16, but not beyond pad_limit (the inner MTU;
 * a longer packet is not padded); then comes the tag. Behind the packet there must be 15 +
 * NOISE_TAG_SIZE free bytes. Returns the message's length, or -ENOKEY when there is no usable
 * keypair; SESSION_INITIATE may be raised either way. */
ptrdiff_t session_seal(struct session *session, uint64_t now_us, uint8_t *message, size_t length,
		       size_t pad_limit, struct session_events *events);

struct session_opened {
	uint8_t *packet; /* inside the message; empty for a keepalive */
	size_t length;	 /* with the sender's padding */
	uint64_t counter;
	uint32_t local_index; /* which keypair */
	bool keepalive;
	bool first; /* the first packet under a keypair that we answered for */
};

/* Decrypts a data message in place. 0, -ENOENT, -EBADMSG, -ESTALE (keypair beyond its life),
 * -EALREADY (counter seen or too old). Only after 0 may the source address count for anything. */
int session_open(struct session *session, uint64_t now_us, uint8_t *message, size_t length,
		 struct session_opened *opened, struct session_events *events);

/* --- split forms --- */

/* count consecutive counters under one key. Wipe when done (noise_wipe). */
struct session_grant {
	uint8_t key[NOISE_KEY_SIZE];
	uint64_t counter;
	uint32_t remote_index;
	uint32_t count;
};

/* data: whether any of the packets is not a keepalive. 0 or -ENOKEY; events as session_seal. */
int session_seal_begin(struct session *session, uint64_t now_us, uint32_t count, bool data,
		       struct session_grant *grant, struct session_events *events);
/* As session_seal, for packet number n < grant->count, from `packet` into message, which may lie
 * elsewhere or, at message + MESSAGE_DATA_HEADROOM, in the same place. The up to 15 bytes behind
 * the packet are used for padding and put back. Touches nothing but its arguments. */
size_t session_seal_packet(const struct session_grant *grant, uint32_t n, uint8_t *message,
			   uint8_t *packet, size_t length, size_t pad_limit);

struct session_claim {
	uint8_t key[NOISE_KEY_SIZE];
	uint64_t counter;
	uint32_t local_index;
};

/* Finds the key and refuses what is certainly a replay. 0, -ENOENT, -ESTALE, -EALREADY, or
 * -EBADMSG when it is no data message. */
int session_open_begin(const struct session *session, uint64_t now_us, const uint8_t *message,
		       size_t length, struct session_claim *claim);
/* Decrypts; touches nothing but its arguments. The packet's length, or -EBADMSG. */
ptrdiff_t session_open_packet(const struct session_claim *claim, uint8_t *message, size_t length);
/* Counts an authenticated packet of the given length. 0, -ENOENT when the keypair ended in
 * between, -EALREADY: the packet must then be dropped. */
int session_open_commit(struct session *session, uint64_t now_us, const struct session_claim *claim,
			size_t length, struct session_opened *opened,
			struct session_events *events);

/* When session_poll is next due, TIMERS_NEVER if not. Any call above may bring it forward. */
uint64_t session_deadline(const struct session *session);
void session_poll(struct session *session, uint64_t now_us, struct session_events *events);

#endif
