/* The packed bytes in history.db: rows of spans, of either tier, and what peers were like in a game
 * session. What is read must pack again, to something that reads the same. */
#include <stdlib.h>
#include <string.h>

#include "svc-metrics/block.h"
#include "svc-metrics/standing.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void try_block(enum tier tier, const uint8_t *bytes, size_t length)
{
	uint8_t packed[BLOCK_BYTES_MAX], again[BLOCK_BYTES_MAX];
	struct block block;
	size_t n;

	if (block_unpack(&block, tier, 3600, bytes, length) < 0)
		return;
	n = block_pack(&block, tier, packed);
	for (size_t i = 0; i < BLOCK_SLOTS_MAX; i++) {
		struct tally tally = {0};
		struct span span;

		tally_add(&tally, &block.slots[i]);
		span = tally_span(&tally);
		if (span.looks != block.slots[i].looks)
			abort();
	}
	if (block_unpack(&block, tier, 3600, packed, n) < 0 ||
	    block_pack(&block, tier, again) != n || memcmp(packed, again, n) != 0)
		abort();
}

static void try_standings(const uint8_t *bytes, size_t length)
{
	static struct standing standing, again;
	uint8_t packed[STANDING_BYTES_MAX];

	while (length > 0) {
		ssize_t n = standing_unpack(&standing, bytes, length);
		struct metrics_session_peer peer;
		size_t size;

		if (n <= 0)
			return;
		peer = standing_result(&standing);
		if (peer.loss_permille > 1000 && peer.loss_permille != METRICS_UNKNOWN_PERMILLE)
			abort();
		size = standing_pack(&standing, packed);
		if (standing_unpack(&again, packed, size) != (ssize_t)size ||
		    memcmp(&standing, &again, sizeof(again)) != 0)
			abort();
		bytes += n;
		length -= (size_t)n;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	switch (bytes[0] % 3) {
	case 0: try_block(TIER_TEN_SECONDS, bytes + 1, length - 1); break;
	case 1: try_block(TIER_MINUTE, bytes + 1, length - 1); break;
	default: try_standings(bytes + 1, length - 1); break;
	}
	return 0;
}
