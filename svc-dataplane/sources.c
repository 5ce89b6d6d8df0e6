#include "svc-dataplane/sources.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SETS	    1024u
#define WAYS	    4u
#define PREFIX_SIZE 8 /* an IPv6 /64; an IPv4 address and zeros */

struct source {
	uint8_t prefix[PREFIX_SIZE];
	uint8_t family; /* ADDR_NONE: empty */
	uint64_t used_us;
	struct bucket buckets[SOURCES_USES];
};

struct sources {
	const struct bucket_limit *limits;
	unsigned uses;
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	struct source entries[SETS][WAYS];
};

int sources_new(struct sources **sources, const struct bucket_limit *limits, unsigned uses)
{
	*sources = calloc(1, sizeof(**sources));
	if (!*sources)
		return -ENOMEM;
	(*sources)->limits = limits;
	(*sources)->uses = uses;
	crypto_shorthash_keygen((*sources)->hash_key);
	return 0;
}

void sources_free(struct sources *sources)
{
	free(sources);
}

static struct source *source_find(struct sources *sources, uint8_t family,
				  const uint8_t prefix[PREFIX_SIZE])
{
	struct source *set, *oldest;
	uint8_t hash[crypto_shorthash_BYTES];

	crypto_shorthash(hash, prefix, PREFIX_SIZE, sources->hash_key);
	oldest = set = sources->entries[(hash[0] | (unsigned)hash[1] << 8) % SETS];
	for (unsigned way = 0; way < WAYS; way++) {
		if (set[way].family == family && memcmp(set[way].prefix, prefix, PREFIX_SIZE) == 0)
			return &set[way];
		if (set[way].used_us < oldest->used_us)
			oldest = &set[way];
	}
	memcpy(oldest->prefix, prefix, PREFIX_SIZE);
	oldest->family = family;
	memset(oldest->buckets, 0, sizeof(oldest->buckets));
	return oldest;
}

bool sources_take(struct sources *sources, uint64_t now_us, const struct addr *from, unsigned use)
{
	uint8_t prefix[PREFIX_SIZE] = {0};
	struct source *source;

	memcpy(prefix, from->ip, from->family == ADDR_IPV4 ? 4 : PREFIX_SIZE);
	source = source_find(sources, from->family, prefix);
	source->used_us = now_us;
	return bucket_take(&source->buckets[use], sources->limits[use], now_us);
}
