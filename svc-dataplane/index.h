/* index.h - which tunnel a received packet belongs to: local receiver index -> tunnel.
 *
 * Indices are random, so nobody off the path can guess one, and unique among all tunnels, peers and
 * relays alike. Open addressing with linear search; room is reserved when tunnels are added, so
 * nothing is allocated while packets flow.
 */
#ifndef LANRAGE_DATAPLANE_INDEX_H
#define LANRAGE_DATAPLANE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct tunnel;

struct index_entry {
	uint32_t index;
	struct tunnel *owner; /* borrowed; NULL: free */
};

/* All zeros is an empty table without room. */
struct index_table {
	struct index_entry *entries;
	size_t size; /* a power of two */
	size_t count;
};

void index_deinit(struct index_table *table);
/* Room for so many indices; keeps the present ones. -ENOMEM. */
int index_reserve(struct index_table *table, size_t count);
/* -EEXIST when this index is taken, -ENOSPC when there is no room. */
int index_insert(struct index_table *table, uint32_t index, struct tunnel *owner);
void index_remove(struct index_table *table, uint32_t index);
/* NULL: unknown. */
struct tunnel *index_find(const struct index_table *table, uint32_t index);

#endif
