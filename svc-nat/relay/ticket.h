/* ticket.h - the right to use a relay, signed by a server that the relay trusts.
 *
 * A server writes it, a member carries it, a relay checks it. 176 bytes, integers big-endian:
 *
 *     0  u8   version (1)
 *     1  u8   flags (0)
 *     2  u16  member number in the party, never 0
 *     4  u32  generation of the party's key
 *     8  u64  expires, seconds since 1970
 *    16  16   party scope: BLAKE2b-128("lanrage relay scope", party id)
 *    32  32   relay's WireGuard public key
 *    64  32   member's WireGuard public key
 *    96  8    id of the signing key: its first 8 bytes
 *   104  8    zero
 *   112  64   Ed25519 signature over "lanrage ticket 1" and bytes 0..111
 */
#ifndef LANRAGE_NAT_RELAY_TICKET_H
#define LANRAGE_NAT_RELAY_TICKET_H

#include <stddef.h>
#include <stdint.h>

#define TICKET_SIZE	       176
#define TICKET_LIFETIME_S      86400
#define TICKET_SCOPE_SIZE      16
#define TICKET_SIGNING_ID_SIZE 8

struct ticket {
	uint16_t number;
	uint32_t generation;
	uint64_t expires_s;
	uint8_t scope[TICKET_SCOPE_SIZE];
	uint8_t relay_key[32];
	uint8_t member_key[32];
	uint8_t signing_id[TICKET_SIGNING_ID_SIZE];
};

/* The party's name at relays: they never see its id. */
void ticket_scope(const uint8_t *party_id, size_t length, uint8_t scope[TICKET_SCOPE_SIZE]);
/* secret_key: Ed25519 (64 bytes, libsodium form); signing_id of *ticket is ignored. */
void ticket_sign(const struct ticket *ticket, const uint8_t secret_key[64],
		 uint8_t bytes[TICKET_SIZE]);
/* Shape only. -EBADMSG. */
int ticket_parse(struct ticket *ticket, const uint8_t *bytes, size_t length);
/* 0, or -EBADMSG when public_key did not sign it. */
int ticket_verify(const uint8_t bytes[TICKET_SIZE], const uint8_t public_key[32]);

#endif
