#include "svc-metrics/block.h"

#include <errno.h>
#include <string.h>

#define DAY_S 86400u

const struct tier_shape tier_shapes[TIERS] = {
	[TIER_TEN_SECONDS] = {10, 30, 300, DAY_S},
	[TIER_MINUTE] = {60, 60, 3600, 31 * DAY_S},
};

uint64_t block_start(enum tier tier, uint64_t wall_s)
{
	return wall_s - wall_s % tier_shapes[tier].block_s;
}

void block_init(struct block *block, uint64_t start_s)
{
	memset(block, 0, sizeof(*block));
	block->start_s = start_s;
}

bool block_merge(struct block *block, const struct block *more, enum tier tier)
{
	bool changed = false;

	for (size_t i = 0; i < tier_shapes[tier].n_slots; i++)
		if (block->slots[i].looks == 0 && more->slots[i].looks != 0) {
			block->slots[i] = more->slots[i];
			changed = true;
		}
	return changed;
}

void block_roll_up(struct block *hour, const struct block *five_minutes)
{
	const struct tier_shape *fine = &tier_shapes[TIER_TEN_SECONDS];
	const size_t each = tier_shapes[TIER_MINUTE].slot_s / fine->slot_s;
	size_t first = (five_minutes->start_s - hour->start_s) / tier_shapes[TIER_MINUTE].slot_s;

	for (size_t i = 0; i < fine->n_slots / each; i++) {
		struct tally tally = {0};

		for (size_t k = 0; k < each; k++)
			tally_add(&tally, &five_minutes->slots[i * each + k]);
		hour->slots[first + i] = tally_span(&tally);
	}
}

/* ---- bytes */

static uint8_t *put(uint8_t *at, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static uint32_t get(const uint8_t **at, size_t size)
{
	uint32_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint32_t) * (*at)++ << (8 * i);
	return value;
}

static void pack_span(const struct span *span, uint8_t *at)
{
	at = put(at, span->looks, 1);
	at = put(at, (uint32_t)(span->state | span->path << 4), 1);
	at = put(at, span->permille, 2);
	at = put(at, span->value, 4);
	at = put(at, span->low, 4);
	at = put(at, span->high, 4);
	at = put(at, span->second, 4);
	at = put(at, span->rx, 4);
	put(at, span->tx, 4);
}

static bool unpack_span(struct span *span, const uint8_t *at)
{
	uint32_t kinds;

	span->looks = (uint8_t)get(&at, 1);
	kinds = get(&at, 1);
	span->state = kinds & 15;
	span->path = (uint8_t)(kinds >> 4);
	span->permille = (uint16_t)get(&at, 2);
	span->value = get(&at, 4);
	span->low = get(&at, 4);
	span->high = get(&at, 4);
	span->second = get(&at, 4);
	span->rx = get(&at, 4);
	span->tx = get(&at, 4);
	return span->state < METRICS_PEER_STATES && span->path < METRICS_PATH_KINDS &&
	       (span->permille <= 1000 || span->permille == SPAN_UNKNOWN_PERMILLE) &&
	       span->low <= span->value && span->value <= span->high;
}

size_t block_pack(const struct block *block, enum tier tier, uint8_t bytes[BLOCK_BYTES_MAX])
{
	size_t n = tier_shapes[tier].n_slots;

	while (n > 0 && block->slots[n - 1].looks == 0)
		n--;
	for (size_t i = 0; i < n; i++)
		if (block->slots[i].looks)
			pack_span(&block->slots[i], bytes + i * BLOCK_SLOT_SIZE);
		else
			memset(bytes + i * BLOCK_SLOT_SIZE, 0, BLOCK_SLOT_SIZE);
	return n * BLOCK_SLOT_SIZE;
}

int block_unpack(struct block *block, enum tier tier, uint64_t start_s, const uint8_t *bytes,
		 size_t length)
{
	size_t n = length / BLOCK_SLOT_SIZE;

	block_init(block, start_s);
	if (length % BLOCK_SLOT_SIZE || n > tier_shapes[tier].n_slots)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++)
		if (!unpack_span(&block->slots[i], bytes + i * BLOCK_SLOT_SIZE))
			return -EBADMSG;
	return 0;
}
