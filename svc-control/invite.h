/* invite.h - how a stranger becomes a member.
 *
 * The host makes a key pair for each invite and signs its public half together with the party, the
 * generation, the expiry and the number of uses. The seed of the pair and everything a joiner must
 * know travel inside the invite's secret, sealed under the key that the code gives (code.h). The
 * joiner signs its own identity with the seed: that proof goes with all its announcements, and
 * every member checks it back to the host.
 *
 *   host signs    "lanrage invite 1" || party id || invite key || generation || expires || uses
 *   seed signs    "lanrage join 1" || party id || identity || WireGuard key
 *   host signs    "lanrage prefix 1" || party id || ip (4) || length (1)
 *   sealed        nonce (24) || XChaCha20-Poly1305(code's key, InviteSecret), additional data =
 *                 "lanrage invite secret 1" || lookup id
 */
#ifndef LANRAGE_CONTROL_INVITE_H
#define LANRAGE_CONTROL_INVITE_H

#include <stdint.h>
#include <sys/types.h>

#include "svc-control/code.h"
#include "svc-control/codec.h"
#include "svc-control/keyholder.h"
#include "svc-control/rendezvous_codec.h"

#define INVITE_TTL_DEFAULT_S 86400u
#define INVITE_TTL_MIN_S     60u
#define INVITE_TTL_MAX_S     (30u * 86400u)

struct invite_proof {
	uint8_t invite_key[32];
	uint32_t generation;
	uint64_t expires_s;
	uint32_t uses; /* 0: any number */
	uint8_t host_signature[64];
	uint8_t invite_signature[64]; /* zero until a joiner signed */
};

/* What a code opens. Holds the party's key: wipe it after use. */
struct invite_secret {
	uint8_t party_id[CONTROL_PARTY_ID_SIZE];
	char party_name[CONTROL_NAME_MAX];
	uint8_t party_key[32];
	uint8_t host[32];
	uint8_t beacon_key[32]; /* beacon.h */
	uint8_t seed[32];
	struct invite_proof proof; /* invite_signature is zero */
	struct addr_prefix prefix;
	uint8_t prefix_signature[64];
};

/* Fills seed and proof of *secret, whose party fields and prefix are set, with a new key pair. */
int invite_make(struct invite_secret *secret, const struct keyholder *host, uint64_t expires_s,
		uint32_t uses);
/* The host's signature over the party's prefix. */
int invite_sign_prefix(struct invite_secret *secret, const struct keyholder *host);

/* Returns the length or a negative errno. */
ssize_t invite_seal(const struct invite_secret *secret, const struct code_keys *keys,
		    uint8_t sealed[RENDEZVOUS_INVITE_MAX]);
/* Opens and checks all of the host's signatures. -EBADMSG: not sealed under this code, or
 * malformed; -EKEYREJECTED: a signature does not hold; -EKEYEXPIRED. */
int invite_open(struct invite_secret *secret, const struct code_keys *keys, uint64_t now_s,
		const uint8_t *sealed, size_t length);

/* The joiner's half of the proof. */
void invite_use(struct invite_proof *proof, const struct invite_secret *secret,
		const uint8_t identity[32], const uint8_t wireguard_key[32]);
/* The chain of announcement.h: 0, or -EKEYREJECTED. Does not look at the expiry. */
int invite_check(const struct invite_proof *proof, const uint8_t party_id[CONTROL_PARTY_ID_SIZE],
		 uint32_t generation, const uint8_t host[32], const uint8_t identity[32],
		 const uint8_t wireguard_key[32]);

#endif
