#include "svc-nat/relay/stock.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define WAYS	     8u
#define PENDING_SETS 512u
#define LEARNED_SETS 2048u

struct entry {
	uint32_t from;	   /* 0: empty */
	uint32_t receiver; /* index */
	uint32_t to;	   /* 0: ambiguous */
	uint64_t until_us;
};

struct table {
	uint32_t sets; /* a power of two */
	struct entry (*entries)[WAYS];
};

struct stock {
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	struct table pending, learned;
};

static int table_init(struct table *table, uint32_t sets)
{
	table->sets = sets;
	table->entries = calloc(sets, sizeof(*table->entries));
	return table->entries ? 0 : -ENOMEM;
}

int stock_new(struct stock **out)
{
	struct stock *stock = calloc(1, sizeof(*stock));

	if (!stock)
		return -ENOMEM;
	crypto_shorthash_keygen(stock->hash_key);
	if (table_init(&stock->pending, PENDING_SETS) ||
	    table_init(&stock->learned, LEARNED_SETS)) {
		stock_free(stock);
		return -ENOMEM;
	}
	*out = stock;
	return 0;
}

void stock_free(struct stock *stock)
{
	if (!stock)
		return;
	free(stock->pending.entries);
	free(stock->learned.entries);
	free(stock);
}

/* Senders choose indices, so the hash is keyed. */
static struct entry *set_of(const struct stock *stock, const struct table *table, uint32_t from,
			    uint32_t receiver)
{
	uint32_t words[2] = {from, receiver};
	uint8_t hash[crypto_shorthash_BYTES];
	uint32_t value;

	crypto_shorthash(hash, (const uint8_t *)words, sizeof(words), stock->hash_key);
	memcpy(&value, hash, sizeof(value));
	return table->entries[value & (table->sets - 1)];
}

static uint32_t table_find(const struct stock *stock, const struct table *table, uint64_t now_us,
			   uint32_t from, uint32_t receiver)
{
	const struct entry *set = set_of(stock, table, from, receiver);

	for (unsigned way = 0; way < WAYS; way++)
		if (set[way].from == from && set[way].receiver == receiver &&
		    set[way].until_us > now_us)
			return set[way].to;
	return 0;
}

static void table_put(struct stock *stock, struct table *table, uint64_t now_us, uint32_t from,
		      uint32_t receiver, uint32_t to, uint64_t life_us)
{
	struct entry *set = set_of(stock, table, from, receiver), *chosen = set;

	for (unsigned way = 0; way < WAYS; way++) {
		if (set[way].from == from && set[way].receiver == receiver &&
		    set[way].until_us > now_us) {
			if (set[way].to != to)
				set[way].to = 0;
			set[way].until_us = now_us + life_us;
			return;
		}
		if (set[way].until_us < chosen->until_us)
			chosen = &set[way];
	}
	*chosen = (struct entry){
		.from = from, .receiver = receiver, .to = to, .until_us = now_us + life_us};
}

void stock_initiation(struct stock *stock, uint64_t now_us, uint32_t from, uint32_t to,
		      uint32_t sender)
{
	table_put(stock, &stock->pending, now_us, to, sender, from, STOCK_PENDING_US);
}

void stock_response(struct stock *stock, uint64_t now_us, uint32_t from, uint32_t to,
		    uint32_t sender, uint32_t receiver)
{
	if (table_find(stock, &stock->pending, now_us, from, receiver) != to)
		return;
	table_put(stock, &stock->learned, now_us, from, receiver, to, STOCK_LEARNED_US);
	table_put(stock, &stock->learned, now_us, to, sender, from, STOCK_LEARNED_US);
}

uint32_t stock_pending(const struct stock *stock, uint64_t now_us, uint32_t from, uint32_t receiver)
{
	return table_find(stock, &stock->pending, now_us, from, receiver);
}

uint32_t stock_learned(const struct stock *stock, uint64_t now_us, uint32_t from, uint32_t receiver)
{
	return table_find(stock, &stock->learned, now_us, from, receiver);
}

static void table_forget(struct table *table, uint32_t binding)
{
	for (uint32_t set = 0; set < table->sets; set++)
		for (unsigned way = 0; way < WAYS; way++) {
			struct entry *entry = &table->entries[set][way];

			if (entry->from == binding || entry->to == binding)
				*entry = (struct entry){0};
		}
}

void stock_forget(struct stock *stock, uint32_t binding)
{
	table_forget(&stock->pending, binding);
	table_forget(&stock->learned, binding);
}

void stock_each(const struct stock *stock, uint64_t now_us,
		void (*each)(void *data, const struct stock_route *route), void *data)
{
	const struct table *table = &stock->learned;

	for (uint32_t set = 0; set < table->sets; set++)
		for (unsigned way = 0; way < WAYS; way++) {
			const struct entry *entry = &table->entries[set][way];
			struct stock_route route = {
				.from = entry->from, .to = entry->to, .receiver = entry->receiver};

			if (!entry->from || !entry->to || entry->until_us <= now_us)
				continue;
			route.left_us = entry->until_us - now_us;
			each(data, &route);
		}
}

void stock_restore(struct stock *stock, uint64_t now_us, const struct stock_route *route)
{
	uint64_t life_us = route->left_us < STOCK_LEARNED_US ? route->left_us : STOCK_LEARNED_US;

	table_put(stock, &stock->learned, now_us, route->from, route->receiver, route->to, life_us);
}
