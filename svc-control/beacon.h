/* beacon.h - the two messages by which the host of a local party is found on a LAN.
 *
 * Whoever looks for a host asks a multicast group; each host answers the asker with the TCP port of
 * the rendezvous engine that it runs (local.h). Both messages have 48 bytes, so that asking pays
 * for the answer:
 *
 *   0       8 "LANrage1"
 *   8       1 type: 1 query, 2 here
 *   9       5 zero
 *   14      2 port, big-endian; zero in a query
 *   16     16 nonce: the asker's, given back
 *   32     16 MAC; zero in a query
 *
 *   MAC = BLAKE2b-128(beacon key, "lanrage beacon 1" || nonce || port || address of the host)
 *
 * The beacon key is the party's, the same for all of its generations: members tell their own host
 * from others by the MAC, which nobody can move to another address or keep for later. A joiner has
 * no key yet and asks every host that answers for its code. To all others the messages say that
 * somebody here runs LANrage, and nothing that would tell one party from another.
 */
#ifndef LANRAGE_CONTROL_BEACON_H
#define LANRAGE_CONTROL_BEACON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define BEACON_SIZE	  48
#define BEACON_KEY_SIZE	  32
#define BEACON_NONCE_SIZE 16
#define BEACON_MAC_SIZE	  16
/* In the range for use inside of one organization (RFC 2365, section 6.2), not forwarded. */
#define BEACON_GROUP 0xefff4c52u /* 239.255.76.82 */
#define BEACON_PORT  8668

enum beacon_type {
	BEACON_QUERY = 1,
	BEACON_HERE = 2,
};

struct beacon {
	enum beacon_type type;
	uint16_t port;
	uint8_t nonce[BEACON_NONCE_SIZE];
	uint8_t mac[BEACON_MAC_SIZE];
};

void beacon_pack(const struct beacon *beacon, uint8_t bytes[BEACON_SIZE]);
/* 0 or -EBADMSG. */
int beacon_unpack(struct beacon *beacon, const uint8_t *bytes, size_t length);
/* Fills the MAC of an answer that the host sends from this address (its port does not count). */
void beacon_sign(struct beacon *beacon, const uint8_t key[BEACON_KEY_SIZE],
		 const struct addr *host);
bool beacon_is_from(const struct beacon *beacon, const uint8_t key[BEACON_KEY_SIZE],
		    const struct addr *host);

#endif
