#include "svc-nat/pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-nat/distances.h"

#define BETTER_MS 5u

/* A relay both are near, and how far it is from one to the other. */
struct option {
	const uint8_t *key;
	unsigned sum_ms;
};

static bool same_key(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, DATAPLANE_KEY_SIZE) == 0;
}

static int compare(const void *a, const void *b)
{
	const struct option *x = a, *y = b;

	if (x->sum_ms != y->sum_ms)
		return x->sum_ms < y->sum_ms ? -1 : 1;
	return memcmp(x->key, y->key, DATAPLANE_KEY_SIZE);
}

/* Smallest sum first. */
static size_t list_options(const struct nat_desired *desired, const struct nat_member *member,
			   const struct nat_distance *own, size_t n_own,
			   struct option options[NAT_RELAYS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < desired->n_relays; i++) {
		const uint8_t *key = desired->relays[i].public_key;
		uint16_t here = distances_find(own, n_own, key);
		uint16_t there = distances_find(member->distances, member->n_distances, key);

		if (here != DISTANCES_NONE && there != DISTANCES_NONE)
			options[n++] = (struct option){key, (unsigned)here + there};
	}
	qsort(options, n, sizeof(*options), compare);
	return n;
}

static bool is_known(const struct pair *pair, const uint8_t *key)
{
	for (size_t i = 0; i < pair->n_known; i++) {
		if (memcmp(pair->known[i], key, NAT_RELAY_ID_SIZE) == 0)
			return true;
	}
	return false;
}

/* Remembers who is named by both; a new name makes the choice open again. */
static void learn(struct pair *pair, uint64_t now_us, const struct option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!is_known(pair, options[i].key))
			pair->fresh_until_us = now_us + PAIRS_FRESH_US;
	}
	pair->n_known = n;
	for (size_t i = 0; i < n; i++)
		memcpy(pair->known[i], options[i].key, NAT_RELAY_ID_SIZE);
}

static bool is_clearly_better(const struct option *a, const struct option *b)
{
	return a->sum_ms + BETTER_MS < b->sum_ms && a->sum_ms * 5 < b->sum_ms * 4;
}

/* For a place, of the options but `except`. Who has held it (else the one before it) stays unless
 * another is clearly better; used NULL: nobody has. */
static const struct option *choose(const struct option *options, size_t n, size_t place,
				   const struct option *except, const struct pair *used)
{
	const struct option *best = NULL;

	for (size_t i = 0; i < n && !best; i++)
		best = &options[i] == except ? NULL : &options[i];
	for (size_t k = place + 1; used && best && k-- > 0;) {
		for (size_t i = 0; i < n && k < used->n_relays; i++) {
			if (&options[i] != except && same_key(options[i].key, used->relays[k]))
				return is_clearly_better(best, &options[i]) ? best : &options[i];
		}
	}
	return best;
}

static void decide(struct pair *pair, uint64_t now_us, const struct option *options, size_t n)
{
	const struct pair before = *pair;
	const struct pair *used = now_us < pair->fresh_until_us ? NULL : &before;
	const struct option *places[PAIRS_RELAYS];

	places[0] = choose(options, n, 0, NULL, used);
	places[1] = choose(options, n, 1, places[0], used);
	pair->n_relays = 0;
	pair->sum_ms = (uint16_t)(places[0]->sum_ms < UINT16_MAX ? places[0]->sum_ms : UINT16_MAX);
	memset(pair->relays, 0, sizeof(pair->relays));
	for (size_t i = 0; i < PAIRS_RELAYS && places[i]; i++)
		memcpy(pair->relays[pair->n_relays++], places[i]->key, DATAPLANE_KEY_SIZE);
}

static int compare_members(const void *a, const void *b)
{
	return memcmp(((const struct pair *)a)->member, ((const struct pair *)b)->member,
		      DATAPLANE_KEY_SIZE);
}

int pairs_choose(struct pairs *pairs, uint64_t now_us, const struct nat_desired *desired,
		 const struct nat_distance *own, size_t n_own)
{
	struct pair *list = calloc(desired->n_members + 1, sizeof(*list));
	struct option options[NAT_RELAYS_MAX];
	size_t n = 0;

	if (!list)
		return -ENOMEM;
	for (size_t i = 0; i < desired->n_members; i++) {
		const struct nat_member *member = &desired->members[i];
		const struct pair *before = pairs_find(pairs, member->public_key);
		size_t n_options = list_options(desired, member, own, n_own, options);
		struct pair *pair = &list[n];

		if (n_options == 0)
			continue;
		if (before)
			*pair = *before;
		memcpy(pair->member, member->public_key, DATAPLANE_KEY_SIZE);
		learn(pair, now_us, options, n_options);
		decide(pair, now_us, options, n_options);
		n++;
	}
	qsort(list, n, sizeof(*list), compare_members);
	free(pairs->list);
	*pairs = (struct pairs){n, list};
	return 0;
}

void pairs_clear(struct pairs *pairs)
{
	free(pairs->list);
	*pairs = (struct pairs){0};
}

const struct pair *pairs_find(const struct pairs *pairs, const uint8_t member[DATAPLANE_KEY_SIZE])
{
	struct pair wanted;

	memcpy(wanted.member, member, sizeof(wanted.member));
	return pairs->n ? bsearch(&wanted, pairs->list, pairs->n, sizeof(wanted), compare_members)
			: NULL;
}
