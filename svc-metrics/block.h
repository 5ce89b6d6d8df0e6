/* block.h - a row of the history: the spans of one subject, one after another, as packed bytes.
 * Pure.
 *
 * There are two tiers of them. A block begins at a whole multiple of its own length on the wall
 * clock, and each slot has its fixed time in it, so the same time is the same slot however often it
 * is written. On disk, little endian, up to the last slot that is no gap:
 *
 *     0     1           2         4      8    12    16      20  24  28
 *     looks state|path  permille  value  low  high  second  rx  tx
 *
 * with the state in the low four bits. Bytes that come back from the disk are taken for hostile.
 */
#ifndef LANRAGE_METRICS_BLOCK_H
#define LANRAGE_METRICS_BLOCK_H

#include <sys/types.h>

#include "svc-metrics/span.h"

enum tier {
	TIER_TEN_SECONDS = 1, /* 5 minutes a block */
	TIER_MINUTE,	      /* an hour a block */
	TIERS,
};

#define BLOCK_SLOTS_MAX 60
#define BLOCK_SLOT_SIZE 28
#define BLOCK_BYTES_MAX ((size_t)BLOCK_SLOTS_MAX * BLOCK_SLOT_SIZE)

extern const struct tier_shape {
	uint32_t slot_s;
	uint32_t n_slots;
	uint32_t block_s; /* the two multiplied */
	uint64_t kept_s;  /* how long it is kept */
} tier_shapes[TIERS];

struct block {
	uint64_t start_s; /* wall clock */
	struct span slots[BLOCK_SLOTS_MAX];
};

/* Where the block begins that holds this second. */
uint64_t block_start(enum tier tier, uint64_t wall_s);
/* All gaps. */
void block_init(struct block *block, uint64_t start_s);
/* Takes from more what is a gap in block; what is there stays. True when that changed anything. */
bool block_merge(struct block *block, const struct block *more, enum tier tier);
/* Sums ten seconds up into the minutes of an hour, in which they lie. */
void block_roll_up(struct block *hour, const struct block *five_minutes);

/* The length; 0: nothing but gaps. */
size_t block_pack(const struct block *block, enum tier tier, uint8_t bytes[BLOCK_BYTES_MAX]);
/* Any bytes. -EBADMSG. */
int block_unpack(struct block *block, enum tier tier, uint64_t start_s, const uint8_t *bytes,
		 size_t length);

#endif
