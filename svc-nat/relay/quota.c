#include "svc-nat/relay/quota.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SETS	    1024u
#define WAYS	    4u
#define SECOND_NS   1000000000ULL
#define US_NS	    1000ULL
#define PREFIX_SIZE 8 /* an IPv6 /64; an IPv4 address and zeros */

struct source {
	uint8_t prefix[PREFIX_SIZE];
	uint8_t family; /* ADDR_NONE: empty */
	uint64_t used_us;
	struct bucket buckets[SOURCE_USES];
};

struct sources {
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	struct source entries[SETS][WAYS];
};

bool quota_take(struct quota *quota, const struct quota_limit *limit, uint64_t now_us,
		size_t length)
{
	uint64_t now_ns = now_us * US_NS;
	uint64_t bytes_ns = quota->bytes_ns > now_ns ? quota->bytes_ns : now_ns;
	uint64_t packets_ns = quota->packets_ns > now_ns ? quota->packets_ns : now_ns;

	if (bytes_ns - now_ns > QUOTA_BURST_US * US_NS ||
	    packets_ns - now_ns > QUOTA_BURST_US * US_NS)
		return false;
	quota->bytes_ns = bytes_ns + length * SECOND_NS / limit->bytes_per_second;
	quota->packets_ns = packets_ns + SECOND_NS / limit->packets_per_second;
	return true;
}

int sources_new(struct sources **sources)
{
	*sources = calloc(1, sizeof(**sources));
	if (!*sources)
		return -ENOMEM;
	crypto_shorthash_keygen((*sources)->hash_key);
	return 0;
}

void sources_free(struct sources *sources)
{
	free(sources);
}

static const struct bucket_limit limits[SOURCE_USES] = {
	[SOURCE_HANDSHAKE] = SOURCE_HANDSHAKES,
	[SOURCE_STUN] = SOURCE_STUNS,
};

static struct source *source_find(struct sources *sources, uint64_t now_us, uint8_t family,
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
	for (unsigned use = 0; use < SOURCE_USES; use++)
		bucket_fill(&oldest->buckets[use], limits[use], now_us);
	return oldest;
}

bool sources_take(struct sources *sources, uint64_t now_us, const struct addr *from,
		  enum source_use use)
{
	uint8_t prefix[PREFIX_SIZE] = {0};
	struct source *source;

	memcpy(prefix, from->ip, from->family == ADDR_IPV4 ? 4 : PREFIX_SIZE);
	source = source_find(sources, now_us, from->family, prefix);
	source->used_us = now_us;
	return bucket_take(&source->buckets[use], limits[use], now_us);
}
