#include "svc-dataplane/peertable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t home(const struct peertable *table, const uint8_t *key)
{
	uint64_t start;

	memcpy(&start, key, sizeof(start)); /* public keys are as good as random */
	return (size_t)start & (table->n_slots - 1);
}

static void enter(struct peertable *table, struct peer *peer)
{
	size_t at = home(table, tunnel_key(&peer->tunnel));

	while (table->slots[at])
		at = (at + 1) & (table->n_slots - 1);
	table->slots[at] = peer;
}

static void rebuild(struct peertable *table)
{
	memset(table->slots, 0, table->n_slots * sizeof(struct peer *));
	for (size_t i = 0; i < table->count; i++)
		enter(table, table->list[i]);
}

static int grow(struct peertable *table)
{
	size_t room = table->room ? 2 * table->room : 16;
	struct peer **list = realloc(table->list, room * sizeof(struct peer *));
	struct peer **slots;

	if (!list)
		return -ENOMEM;
	table->list = list;
	slots = calloc(2 * room, sizeof(struct peer *));
	if (!slots)
		return -ENOMEM;
	free(table->slots);
	table->slots = slots;
	table->n_slots = 2 * room;
	table->room = room;
	rebuild(table);
	return 0;
}

void peertable_deinit(struct peertable *table)
{
	for (size_t i = 0; i < table->count; i++)
		peer_free(table->list[i]);
	free(table->list);
	free(table->slots);
	*table = (struct peertable){0};
}

int peertable_add(struct peertable *table, struct peer *peer)
{
	int result = table->count < table->room ? 0 : grow(table);

	if (result < 0)
		return result;
	table->list[table->count++] = peer;
	enter(table, peer);
	return 0;
}

void peertable_remove(struct peertable *table, size_t at)
{
	peer_end_pings(table->list[at]);
	peer_free(table->list[at]);
	table->list[at] = table->list[--table->count];
	rebuild(table);
}

struct peer *peertable_find(const struct peertable *table, const uint8_t *public_key)
{
	if (table->n_slots == 0)
		return NULL;
	for (size_t at = home(table, public_key); table->slots[at];
	     at = (at + 1) & (table->n_slots - 1))
		if (memcmp(tunnel_key(&table->slots[at]->tunnel), public_key, DATAPLANE_KEY_SIZE) ==
		    0)
			return table->slots[at];
	return NULL;
}

struct peer *peertable_find_number(const struct peertable *table, uint16_t number)
{
	for (size_t i = 0; i < table->count; i++)
		if (number != 0 && table->list[i]->number == number)
			return table->list[i];
	return NULL;
}
