/* generation.h - how a party's key, and its host, are followed by the next.
 *
 * A party's key has a generation. A kick begins the next one, so that who was removed holds a key
 * that opens nothing any more, and all codes of before are worthless; a host that leaves begins one
 * that names its successor. What begins a generation is a record (struct rendezvous_generation),
 * signed by the host of the one before: whoever knows a generation can follow the records to the
 * latest, no matter who hands them over, and cannot be led astray.
 *
 *   host signs   "lanrage generation 1" || party id || number || removed || host || key id
 *   key id       BLAKE2b-256(key, "lanrage key id")
 *
 * A member of the generation before stays one by a voucher of that same host, which goes with its
 * announcements in the place of the proof of its invite:
 *
 *   host signs   "lanrage voucher 1" || party id || number || identity
 *
 * Key and voucher reach a member in a share, which only it can open (crypto_box_seal to its
 * identity), by way of the server; or through the tunnel (gossip.h).
 */
#ifndef LANRAGE_CONTROL_GENERATION_H
#define LANRAGE_CONTROL_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "svc-control/announcement.h"
#include "svc-control/keyholder.h"
#include "svc-control/rendezvous_codec.h"

#define GENERATION_VOUCHER_SIZE 64

/* Makes and signs the record after trust's generation, with a new key. removed: an identity, or
 * NULL for nobody. 0, or the key holder's error. */
int generation_make(struct rendezvous_generation *record, uint8_t key[32],
		    const struct announcement_trust *trust, const uint8_t *removed,
		    const uint8_t host[32], const struct keyholder *keyholder);
/* 0; -EALREADY: not after trust's generation; -ENOENT: one in between is missing; -EKEYREJECTED. */
int generation_check(const struct rendezvous_generation *record,
		     const struct announcement_trust *trust);
bool generation_removes(const struct rendezvous_generation *record, const uint8_t identity[32]);
/* Whether this is the key that the record named. */
bool generation_key_fits(const uint8_t key[32], const uint8_t key_id[32]);

int generation_vouch(uint8_t voucher[GENERATION_VOUCHER_SIZE],
		     const uint8_t party_id[CONTROL_PARTY_ID_SIZE], uint32_t number,
		     const uint8_t identity[32], const struct keyholder *keyholder);
bool generation_voucher_holds(const uint8_t voucher[GENERATION_VOUCHER_SIZE],
			      const struct announcement_trust *trust, const uint8_t identity[32]);

/* -EKEYREJECTED: the identity is no usable key. */
int generation_seal_share(uint8_t box[RENDEZVOUS_SHARE_SIZE], const uint8_t key[32],
			  const uint8_t voucher[GENERATION_VOUCHER_SIZE],
			  const uint8_t identity[32]);
int generation_open_share(uint8_t key[32], uint8_t voucher[GENERATION_VOUCHER_SIZE],
			  const uint8_t box[RENDEZVOUS_SHARE_SIZE],
			  const struct keyholder *keyholder);

#endif
