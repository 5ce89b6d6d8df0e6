/* signing.h - the server's Ed25519 key: signs relay tickets; relays pin its public half.
 *
 * Kept in STATE/ticket.key (the 32-byte seed, 0600), created at the first start. A server that
 * loses it is a new server for its relays.
 */
#ifndef LANRAGE_SERVER_SIGNING_H
#define LANRAGE_SERVER_SIGNING_H

#include <stdint.h>

#include "common/error.h"

struct signing {
	uint8_t public_key[32];
	uint8_t secret_key[64];
};

/* Reads STATE/ticket.key or creates it. Refuses one that others may read. */
int signing_init(struct signing *signing, const char *state, struct error *error);
void signing_deinit(struct signing *signing);

#endif
