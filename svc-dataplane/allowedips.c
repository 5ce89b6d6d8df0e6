#include "svc-dataplane/allowedips.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define IPV4_BYTES 4u
#define IPV6_BYTES 16u

/* A node stands for the prefix ip/bits. Its children are longer prefixes within it, told apart by
 * the first bit behind. A node without an owner has two children: it is only there to part them. */
struct allowedips_node {
	struct allowedips_node *child[2];
	void *owner;
	uint8_t bits;
	uint8_t ip[IPV6_BYTES];
};

static unsigned bytes_of(int family)
{
	return family == 4 ? IPV4_BYTES : family == 6 ? IPV6_BYTES : 0;
}

static unsigned bit_at(const uint8_t *ip, unsigned bit)
{
	return (unsigned)ip[bit / 8] >> (7 - bit % 8) & 1u;
}

/* How many leading bits agree, at most limit. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned limit)
{
	for (unsigned i = 0; i * 8 < limit; i++) {
		uint8_t difference = a[i] ^ b[i];
		unsigned bits;

		if (!difference)
			continue;
		bits = i * 8 + (unsigned)__builtin_clz(difference) - 24;
		return bits < limit ? bits : limit;
	}
	return limit;
}

static bool node_contains(const struct allowedips_node *node, const uint8_t *ip)
{
	return common_bits(node->ip, ip, node->bits) == node->bits;
}

static struct allowedips_node *node_new(const uint8_t *ip, unsigned bits, void *owner)
{
	struct allowedips_node *node = calloc(1, sizeof(*node));

	if (!node)
		return NULL;
	node->bits = (uint8_t)bits;
	node->owner = owner;
	memcpy(node->ip, ip, (bits + 7) / 8);
	if (bits % 8)
		node->ip[bits / 8] &= (uint8_t)(0xff00u >> (bits % 8));
	return node;
}

/* The node for exactly ip/bits or, if there is none, the link where it would hang. */
static struct allowedips_node **find_link(struct allowedips_node **link, const uint8_t *ip,
					  unsigned bits)
{
	while (*link && (*link)->bits < bits && node_contains(*link, ip))
		link = &(*link)->child[bit_at(ip, (*link)->bits)];
	return link;
}

static bool is_exactly(const struct allowedips_node *node, const uint8_t *ip, unsigned bits)
{
	return node && node->bits == bits && node_contains(node, ip);
}

/* Puts a new node where *link is: above it when it contains it, else beside it under a branch. */
static int hang(struct allowedips_node **link, const uint8_t *ip, unsigned bits, void *owner)
{
	struct allowedips_node *below = *link;
	struct allowedips_node *node = node_new(ip, bits, owner);
	struct allowedips_node *branch;
	unsigned common;

	if (!node)
		return -ENOMEM;
	if (!below) {
		*link = node;
		return 0;
	}
	common = common_bits(below->ip, node->ip, bits < below->bits ? bits : below->bits);
	if (common == bits) {
		node->child[bit_at(below->ip, bits)] = below;
		*link = node;
		return 0;
	}
	branch = node_new(ip, common, NULL);
	if (!branch) {
		free(node);
		return -ENOMEM;
	}
	branch->child[bit_at(ip, common)] = node;
	branch->child[bit_at(below->ip, common)] = below;
	*link = branch;
	return 0;
}

int allowedips_insert(struct allowedips *table, int family, const uint8_t *ip, unsigned bits,
		      void *owner)
{
	struct allowedips_node **link;
	int result = 0;

	if (!bytes_of(family) || bits > bytes_of(family) * 8 || !owner)
		return -EINVAL;
	link = find_link(&table->root[family == 6], ip, bits);
	if (is_exactly(*link, ip, bits)) {
		if (!(*link)->owner)
			table->count++;
		(*link)->owner = owner;
		return 0;
	}
	result = hang(link, ip, bits, owner);
	if (result == 0)
		table->count++;
	return result;
}

/* Takes out a node that has lost its owner, if it no longer parts two children. */
static void collapse(struct allowedips_node **link)
{
	struct allowedips_node *node = *link;

	if (node->owner || (node->child[0] && node->child[1]))
		return;
	*link = node->child[0] ? node->child[0] : node->child[1];
	free(node);
}

int allowedips_remove(struct allowedips *table, int family, const uint8_t *ip, unsigned bits,
		      const void *owner)
{
	struct allowedips_node **link, **parent = NULL;

	if (!bytes_of(family) || bits > bytes_of(family) * 8 || !owner)
		return -EINVAL;
	link = &table->root[family == 6];
	while (*link && (*link)->bits < bits && node_contains(*link, ip)) {
		parent = link;
		link = &(*link)->child[bit_at(ip, (*link)->bits)];
	}
	if (!is_exactly(*link, ip, bits) || (*link)->owner != owner)
		return -ENOENT;
	(*link)->owner = NULL;
	table->count--;
	collapse(link);
	/* Its parent may have been a branch that now has one child left. */
	if (parent)
		collapse(parent);
	return 0;
}

/* Depth is at most 129, one node for each length. */
static size_t remove_owner(struct allowedips_node **link, const void *owner)
{
	struct allowedips_node *node = *link;
	size_t removed = 0;

	if (!node)
		return 0;
	removed += remove_owner(&node->child[0], owner);
	removed += remove_owner(&node->child[1], owner);
	if (node->owner == owner) {
		node->owner = NULL;
		removed++;
	}
	collapse(link);
	return removed;
}

size_t allowedips_remove_owner(struct allowedips *table, const void *owner)
{
	size_t removed = 0;

	if (!owner)
		return 0;
	for (int i = 0; i < 2; i++)
		removed += remove_owner(&table->root[i], owner);
	table->count -= removed;
	return removed;
}

static void free_all(struct allowedips_node *node)
{
	if (!node)
		return;
	free_all(node->child[0]);
	free_all(node->child[1]);
	free(node);
}

void allowedips_deinit(struct allowedips *table)
{
	for (int i = 0; i < 2; i++)
		free_all(table->root[i]);
	memset(table, 0, sizeof(*table));
}

/* --- lookup --- */

void *allowedips_lookup(const struct allowedips *table, int family, const uint8_t *ip)
{
	unsigned all = bytes_of(family) * 8;
	const struct allowedips_node *node = all ? table->root[family == 6] : NULL;
	void *owner = NULL;

	while (node && node_contains(node, ip)) {
		if (node->owner)
			owner = node->owner;
		if (node->bits == all)
			break;
		node = node->child[bit_at(ip, node->bits)];
	}
	return owner;
}

/* Offsets of the source address in the IPv4 (RFC 791) and IPv6 (RFC 8200) headers; the destination
 * follows it. */
#define IPV4_SOURCE 12u
#define IPV6_SOURCE 8u

static void *lookup_packet(const struct allowedips *table, const uint8_t *packet, size_t length,
			   unsigned which)
{
	int family = length ? packet[0] >> 4 : 0;
	size_t offset;

	if (!bytes_of(family))
		return NULL;
	offset = (family == 4 ? IPV4_SOURCE : IPV6_SOURCE) + which * bytes_of(family);
	/* The destination ends both fixed headers. */
	if (length < (family == 4 ? IPV4_SOURCE : IPV6_SOURCE) + 2 * bytes_of(family))
		return NULL;
	return allowedips_lookup(table, family, packet + offset);
}

void *allowedips_lookup_destination(const struct allowedips *table, const uint8_t *packet,
				    size_t length)
{
	return lookup_packet(table, packet, length, 1);
}

void *allowedips_lookup_source(const struct allowedips *table, const uint8_t *packet, size_t length)
{
	return lookup_packet(table, packet, length, 0);
}

/* --- listing --- */

static void visit_all(const struct allowedips_node *node, uint8_t family, const void *owner,
		      allowedips_visit *visit, void *context)
{
	if (!node)
		return;
	if (node->owner && (!owner || node->owner == owner)) {
		struct allowedips_entry entry = {
			.family = family,
			.bits = node->bits,
			.owner = node->owner,
		};

		memcpy(entry.ip, node->ip, sizeof(entry.ip));
		visit(context, &entry);
	}
	visit_all(node->child[0], family, owner, visit, context);
	visit_all(node->child[1], family, owner, visit, context);
}

void allowedips_each(const struct allowedips *table, const void *owner, allowedips_visit *visit,
		     void *context)
{
	visit_all(table->root[0], 4, owner, visit, context);
	visit_all(table->root[1], 6, owner, visit, context);
}
