#include "svc-control/server/limits.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 4 /* places a source may have */

struct place {
	struct addr source;
	uint64_t used_us;
	struct bucket buckets[LIMITS_KINDS];
};

struct limits {
	struct bucket_limit per_source[LIMITS_KINDS], common[LIMITS_KINDS];
	struct bucket common_buckets[LIMITS_KINDS];
	uint8_t key[crypto_shorthash_KEYBYTES];
	size_t sets; /* of WAYS places */
	struct place places[];
};

struct bucket_limit limits_per_minute(uint32_t burst, uint32_t per_minute)
{
	struct bucket_limit rate = {burst, per_minute ? 60000000 / per_minute : 0};

	return rate;
}

int limits_new(struct limits **limits, size_t sources,
	       const struct bucket_limit per_source[LIMITS_KINDS],
	       const struct bucket_limit common[LIMITS_KINDS], const uint8_t key[16])
{
	size_t sets = (sources + WAYS - 1) / WAYS;
	struct limits *new = calloc(1, sizeof(*new) + sets * WAYS * sizeof(struct place));

	*limits = new;
	if (!new)
		return -ENOMEM;
	memcpy(new->per_source, per_source, sizeof(new->per_source));
	memcpy(new->common, common, sizeof(new->common));
	memcpy(new->key, key, sizeof(new->key));
	new->sets = sets;
	return 0;
}

void limits_free(struct limits *limits)
{
	free(limits);
}

struct addr limits_source(const struct addr *address)
{
	struct addr source = *address;

	source.port = 0;
	source.scope = 0;
	if (source.family == ADDR_IPV6)
		memset(source.ip + 8, 0, 8);
	return source;
}

/* The source's place; when it has none, the one that was idle longest becomes its own. */
static struct place *find_place(struct limits *limits, const struct addr *address, uint64_t now_us)
{
	struct addr source = limits_source(address);
	uint8_t hash[crypto_shorthash_BYTES];
	struct place *set, *oldest;
	uint64_t index;

	crypto_shorthash(hash, source.ip, sizeof(source.ip), limits->key);
	memcpy(&index, hash, sizeof(index));
	set = &limits->places[index % limits->sets * WAYS];
	oldest = set;
	for (size_t i = 0; i < WAYS; i++) {
		if (addr_equal(&set[i].source, &source)) {
			set[i].used_us = now_us;
			return &set[i];
		}
		if (set[i].used_us < oldest->used_us)
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->source = source;
	oldest->used_us = now_us;
	return oldest;
}

uint64_t limits_take(struct limits *limits, enum limits_kind kind, const struct addr *source,
		     uint64_t now_us)
{
	struct bucket *own = &find_place(limits, source, now_us)->buckets[kind];
	uint64_t wait = bucket_ask(own, limits->per_source[kind], now_us, 1);

	if (wait)
		return wait;
	wait = bucket_ask(&limits->common_buckets[kind], limits->common[kind], now_us, 1);
	if (wait)
		bucket_give_back(own, limits->per_source[kind]);
	return wait;
}

void limits_give_back(struct limits *limits, enum limits_kind kind, const struct addr *source,
		      uint64_t now_us)
{
	bucket_give_back(&find_place(limits, source, now_us)->buckets[kind],
			 limits->per_source[kind]);
	bucket_give_back(&limits->common_buckets[kind], limits->common[kind]);
}
