/* allowedips.h - which peer an inner address belongs to (whitepaper 2, cryptokey routing).
 *
 * A path-compressed binary trie per family. Each prefix has one owner: inserting it for another
 * owner moves it. Lookups take the longest matching prefix, allocate nothing and visit at most one
 * node per distinct prefix length on the way.
 *
 * Owners are opaque pointers, compared and never followed. Not thread-safe: whoever shares a table
 * between threads guards it, or builds a new one and swaps the pointer.
 */
#ifndef LANRAGE_DATAPLANE_ALLOWEDIPS_H
#define LANRAGE_DATAPLANE_ALLOWEDIPS_H

#include <stddef.h>
#include <stdint.h>

struct allowedips_node;

/* All zeros is an empty table. */
struct allowedips {
	struct allowedips_node *root[2]; /* IPv4, IPv6 */
	size_t count;			 /* prefixes with an owner */
};

/* One entry as handed to callers: ip is in network order, 4 or 16 bytes, host bits zero. */
struct allowedips_entry {
	uint8_t family; /* 4 or 6 */
	uint8_t bits;
	uint8_t ip[16];
	void *owner; /* borrowed */
};

/* Frees all nodes; owners are not touched. The table is empty afterwards. */
void allowedips_deinit(struct allowedips *table);

/* family 4 or 6, ip 4 or 16 bytes in network order, host bits ignored; owner not NULL. A prefix
 * that is already there changes its owner. 0, -EINVAL, or -ENOMEM with the table unchanged. */
int allowedips_insert(struct allowedips *table, int family, const uint8_t *ip, unsigned bits,
		      void *owner);
/* Removes exactly this prefix if owner has it. 0, -ENOENT when it does not, -EINVAL. */
int allowedips_remove(struct allowedips *table, int family, const uint8_t *ip, unsigned bits,
		      const void *owner);
/* Removes all prefixes of an owner and returns how many there were. */
size_t allowedips_remove_owner(struct allowedips *table, const void *owner);

/* The owner of the longest prefix that contains ip, or NULL. */
void *allowedips_lookup(const struct allowedips *table, int family, const uint8_t *ip);
/* The owner of the destination or source of an inner packet whose first length bytes are given;
 * NULL when it is neither IPv4 nor IPv6, its header is cut off, or nobody owns the address. */
void *allowedips_lookup_destination(const struct allowedips *table, const uint8_t *packet,
				    size_t length);
void *allowedips_lookup_source(const struct allowedips *table, const uint8_t *packet,
			       size_t length);

typedef void allowedips_visit(void *context, const struct allowedips_entry *entry);
/* All entries of owner (NULL: of everybody), IPv4 first, in address order, shorter prefixes before
 * the longer ones they contain. visit must not change the table. */
void allowedips_each(const struct allowedips *table, const void *owner, allowedips_visit *visit,
		     void *context);

#endif
