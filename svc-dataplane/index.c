#include "svc-dataplane/index.h"

#include <errno.h>
#include <stdlib.h>

/* Indices are random already: their low bits are the hash. */
static size_t home(const struct index_table *table, uint32_t index)
{
	return index & (table->size - 1);
}

/* Where this index is, or where it would go. There is always a free entry. */
static size_t locate(const struct index_table *table, uint32_t index)
{
	size_t at = home(table, index);

	while (table->entries[at].owner && table->entries[at].index != index)
		at = (at + 1) & (table->size - 1);
	return at;
}

void index_deinit(struct index_table *table)
{
	free(table->entries);
	*table = (struct index_table){0};
}

int index_reserve(struct index_table *table, size_t count)
{
	struct index_table grown = {.size = 64};

	while (grown.size < 2 * count)
		grown.size *= 2;
	if (grown.size <= table->size)
		return 0;
	grown.entries = calloc(grown.size, sizeof(*grown.entries));
	if (!grown.entries)
		return -ENOMEM;
	for (size_t i = 0; i < table->size; i++)
		if (table->entries[i].owner)
			index_insert(&grown, table->entries[i].index, table->entries[i].owner);
	free(table->entries);
	*table = grown;
	return 0;
}

int index_insert(struct index_table *table, uint32_t index, struct tunnel *owner)
{
	size_t at;

	if (2 * (table->count + 1) > table->size)
		return -ENOSPC;
	at = locate(table, index);
	if (table->entries[at].owner)
		return -EEXIST;
	table->entries[at] = (struct index_entry){index, owner};
	table->count++;
	return 0;
}

void index_remove(struct index_table *table, uint32_t index)
{
	size_t gap, at;

	if (table->size == 0)
		return;
	gap = locate(table, index);
	if (!table->entries[gap].owner)
		return;
	table->count--;
	/* Close the gap, so that no search that passed over it ends early. */
	for (at = gap;;) {
		size_t wanted;

		at = (at + 1) & (table->size - 1);
		if (!table->entries[at].owner)
			break;
		wanted = home(table, table->entries[at].index);
		if (((at - wanted) & (table->size - 1)) < ((at - gap) & (table->size - 1)))
			continue;
		table->entries[gap] = table->entries[at];
		gap = at;
	}
	table->entries[gap].owner = NULL;
}

struct tunnel *index_find(const struct index_table *table, uint32_t index)
{
	return table->size ? table->entries[locate(table, index)].owner : NULL;
}
