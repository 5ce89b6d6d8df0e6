/* announcement.h - what a member says of itself to the others, and who is believed.
 *
 * An announcement names its party, the generation of the party's key, a sequence number, an expiry,
 * and the member: identity, WireGuard key, name, where it can be reached, its lease, and the proof
 * that it belongs here. Signed by the identity it is what the member *said*, and any member may
 * pass it on through the tunnel (gossip.h). For the way through the server it is sealed under the
 * party's key besides, so the server learns nothing and can add nobody:
 *
 *   said   = Signed{payload, signature over "lanrage announcement 1" || payload}
 *   sealed = nonce (24) || XChaCha20-Poly1305(key, said, padded to 256)
 *   key    = BLAKE2b-256(party key, "lanrage announcement key")
 *   additional data = "lanrage sealed 1" || party id || generation (u32 big-endian)
 *
 * The chain: an announcement is believed when its identity signed it, it names this party and
 * generation, it has not expired, and its identity is the host; or carries the host's voucher for
 * this generation (generation.h); or a proof: the host signed the invite's public key (with
 * generation, expiry and uses), and the invite's seed signed this identity with this WireGuard key.
 * Receivers keep the highest sequence per identity and refuse less. An invite that has expired does
 * not let a new identity in; one already known stays.
 */
#ifndef LANRAGE_CONTROL_ANNOUNCEMENT_H
#define LANRAGE_CONTROL_ANNOUNCEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "svc-control/codec.h"
#include "svc-control/invite.h"
#include "svc-control/keyholder.h"
#include "svc-control/rendezvous_codec.h"

#define ANNOUNCEMENT_LIFETIME_S (30u * 86400u)
#define ANNOUNCEMENT_SEALED_MAX RENDEZVOUS_SEALED_MAX
#define ANNOUNCEMENT_SAID_MAX	3839 /* padded to 3840 it still fits a sealed one */

struct announcement {
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	uint32_t generation;
	uint64_t sequence;
	uint64_t expires_s;
	uint8_t identity[32];
	uint8_t wireguard_key[32];
	char name[CONTROL_NAME_MAX];
	enum dataplane_backend backend;
	uint16_t number;     /* own claim; where the server has a word, they must agree */
	struct addr address; /* likewise */
	uint32_t lease;
	size_t n_candidates;
	struct nat_candidate candidates[DATAPLANE_CANDIDATES_MAX];
	size_t n_relays;
	uint8_t relays[NAT_MEMBER_RELAYS_MAX][DATAPLANE_KEY_SIZE];
	enum nat_behaviour mapping, filtering;
	size_t n_distances;
	struct nat_distance distances[NAT_RELAYS_MAX];
	bool has_proof; /* at most one of these two; neither: the host */
	struct invite_proof proof;
	bool has_voucher;
	uint8_t voucher[64];
	size_t shared_length; /* by its browser, for the others' */
	uint8_t shared[CONTROL_SHARED_MAX];
	bool left; /* its last word: it leaves the party */
};

/* Whom to believe: the party as this member knows it. */
struct announcement_trust {
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	uint32_t generation;
	bool has_key; /* false: the record of this generation came, but its key did not yet */
	uint8_t party_key[32];
	uint8_t key_id[32]; /* of that key; zero in generation 1 */
	uint8_t host[32];
	uint8_t signer[32]; /* who began this generation, and vouches in it: the host before */
};

/* Signs. Returns the length or a negative errno (-EMSGSIZE: too much to say). */
ssize_t announcement_say(const struct announcement *announcement, const struct keyholder *keyholder,
			 uint8_t said[ANNOUNCEMENT_SAID_MAX]);
/* Seals what was said; returns the length. trust has the key. */
size_t announcement_seal(const struct announcement_trust *trust, const uint8_t *said, size_t length,
			 uint8_t sealed[ANNOUNCEMENT_SEALED_MAX]);
/* -EBADMSG: not sealed under this party's key; -ENOKEY: that is not known yet. */
int announcement_unseal(const struct announcement_trust *trust, const uint8_t *sealed,
			size_t length, uint8_t said[ANNOUNCEMENT_SAID_MAX], size_t *said_length);

enum announcement_verdict {
	ANNOUNCEMENT_GOOD = 0,
	ANNOUNCEMENT_NOT_OURS, /* does not open under the party's key */
	ANNOUNCEMENT_MALFORMED,
	ANNOUNCEMENT_BAD_SIGNATURE,
	ANNOUNCEMENT_WRONG_PARTY, /* another party, or another generation */
	ANNOUNCEMENT_EXPIRED,
	ANNOUNCEMENT_NOT_INVITED,    /* the chain to the host does not hold */
	ANNOUNCEMENT_INVITE_EXPIRED, /* the chain holds, but was too late for a new identity */
	ANNOUNCEMENT_OLD,	     /* a sequence number not above the last one */
	ANNOUNCEMENT_VERDICTS,
};
const char *announcement_verdict_text(enum announcement_verdict verdict);

/* Looks up what was accepted from this identity before: false for one never heard, else true and
 * the highest sequence. */
typedef bool (*announcement_history)(void *data, const uint8_t identity[32], uint64_t *sequence);

/* *announcement is whole only when the verdict is GOOD. */
enum announcement_verdict announcement_judge(struct announcement *announcement,
					     const struct announcement_trust *trust, uint64_t now_s,
					     const uint8_t *said, size_t length,
					     announcement_history history, void *data);
/* One that was judged good before and kept: of this party or an earlier generation of it. */
enum announcement_verdict announcement_recall(struct announcement *announcement,
					      const struct announcement_trust *trust,
					      uint64_t now_s, const uint8_t *said, size_t length);

#endif
