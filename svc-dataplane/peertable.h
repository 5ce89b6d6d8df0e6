/* peertable.h - the peers of an engine, found by public key or member number.
 *
 * Owns the peers. A list for walking and a hash table over it for handshakes; both change only
 * when peers are added or removed.
 */
#ifndef LANRAGE_DATAPLANE_PEERTABLE_H
#define LANRAGE_DATAPLANE_PEERTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/peer.h"

/* All zeros is empty. */
struct peertable {
	struct peer **list;
	size_t count, room;
	struct peer **slots; /* open addressing by the key's first bytes */
	size_t n_slots;	     /* a power of two */
};

/* Frees all peers. */
void peertable_deinit(struct peertable *table);
/* Takes the peer. -ENOMEM. */
int peertable_add(struct peertable *table, struct peer *peer);
/* Frees the peer at this place of the list; the last takes the place. */
void peertable_remove(struct peertable *table, size_t at);
/* NULL: unknown. */
struct peer *peertable_find(const struct peertable *table, const uint8_t *public_key);
struct peer *peertable_find_number(const struct peertable *table, uint16_t number);

#endif
