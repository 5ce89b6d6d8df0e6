#include "svc-dataplane/tai64n.h"

#include <string.h>

#define NS_PER_SECOND 1000000000ULL
/* TAI64's label of 1970-01-01 UTC: 2^62, and the 10 s by which TAI led then. Later leap seconds are
 * ignored, as every implementation does: only the order of timestamps matters. */
#define TAI64_EPOCH 0x400000000000000aULL
/* Where 64 bits of nanoseconds end (year 2554), with room to run ahead. */
#define WALL_US_MAX (UINT64_MAX / 1000 - 2 * TAI64N_AHEAD_NS / 1000)

static void big_endian(uint8_t *bytes, uint64_t value, int size)
{
	for (int i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
}

static uint64_t round_down(uint64_t ns)
{
	return ns & ~(TAI64N_STEP_NS - 1);
}

void tai64n_init(struct tai64n *source, uint64_t stored_mark_ns)
{
	/* Up: the last timestamp sent may have been anything up to the stored mark. A mark beyond
	 * the range is nonsense from the disk. */
	if (stored_mark_ns > WALL_US_MAX * 1000)
		stored_mark_ns = 0;
	source->last_ns = round_down(stored_mark_ns + TAI64N_STEP_NS - 1);
	source->mark_ns = source->last_ns;
}

bool tai64n_next(struct tai64n *source, uint64_t wall_us, uint8_t timestamp[NOISE_TIMESTAMP_SIZE])
{
	uint64_t ns = round_down((wall_us < WALL_US_MAX ? wall_us : WALL_US_MAX) * 1000);
	bool moved = false;

	if (ns <= source->last_ns)
		ns = source->last_ns + TAI64N_STEP_NS;
	source->last_ns = ns;
	if (ns > source->mark_ns) {
		source->mark_ns = round_down(ns + TAI64N_AHEAD_NS);
		moved = true;
	}
	big_endian(timestamp, TAI64_EPOCH + ns / NS_PER_SECOND, 8);
	big_endian(timestamp + 8, ns % NS_PER_SECOND, 4);
	return moved;
}

int tai64n_compare(const uint8_t a[NOISE_TIMESTAMP_SIZE], const uint8_t b[NOISE_TIMESTAMP_SIZE])
{
	return memcmp(a, b, NOISE_TIMESTAMP_SIZE);
}
