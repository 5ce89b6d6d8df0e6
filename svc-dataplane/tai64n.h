/* tai64n.h - the timestamps of initiations (whitepaper 5.1, 5.4.2).
 *
 * A responder refuses an initiation whose timestamp is not above the last one it accepted from
 * that key. So a machine whose clock was set back would be locked out by every peer. This source
 * therefore never goes back: it takes the wall clock where that is ahead, else one step above what
 * it gave last, and it carries a mark across restarts.
 *
 * The mark is stored ahead of use: no timestamp above the stored mark is ever sent, and a new
 * process starts above it. One source serves one private key, all peers together.
 *
 * Timestamps are rounded down to TAI64N_STEP_NS, so they tell little about the exact clock of the
 * sender; two in a row differ by at least that step.
 */
#ifndef LANRAGE_DATAPLANE_TAI64N_H
#define LANRAGE_DATAPLANE_TAI64N_H

#include "svc-dataplane/messages.h"

#include <stdbool.h>
#include <stdint.h>

#define TAI64N_STEP_NS	(1ULL << 24)   /* 16.8 ms */
#define TAI64N_AHEAD_NS 60000000000ULL /* how far the mark runs ahead: a write a minute at most */

/* Nanoseconds since 1970, multiples of the step. */
struct tai64n {
	uint64_t last_ns; /* the last one given out */
	uint64_t mark_ns; /* what must be on disk; last_ns is never above it */
};

/* stored_mark_ns is what was read back from disk, 0 if there was nothing. */
void tai64n_init(struct tai64n *source, uint64_t stored_mark_ns);

/* Writes the next timestamp. True when mark_ns moved: the caller stores source->mark_ns before it
 * sends a message with this timestamp. */
bool tai64n_next(struct tai64n *source, uint64_t wall_us, uint8_t timestamp[NOISE_TIMESTAMP_SIZE]);

/* Below zero, zero or above zero as a is before, equal to or after b. */
int tai64n_compare(const uint8_t a[NOISE_TIMESTAMP_SIZE], const uint8_t b[NOISE_TIMESTAMP_SIZE]);

#endif
