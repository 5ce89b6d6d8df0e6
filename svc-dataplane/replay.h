/* replay.h - a sliding window over packet counters (whitepaper 5.4.6, after RFC 6479).
 *
 * The window is a ring of 64-bit words, one bit a counter; moving forward clears the words passed,
 * and no bit is ever shifted. One word more than the window is kept, so that the word being filled
 * never overlaps the oldest counters.
 *
 * The memory is the owner's, so that an engine can afford 65,536 counters (paths that differ in
 * delay reorder much) and a relay with thousands of bindings 2,048.
 *
 * Invariant: a counter is accepted once, and only if it is above newest - window.
 * Check may be called before decryption to save work; only accept counts, and it is called after
 * authentication, else a forger could move the window.
 */
#ifndef LANRAGE_DATAPLANE_REPLAY_H
#define LANRAGE_DATAPLANE_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_WINDOW	    65536u
#define REPLAY_WINDOW_RELAY 2048u
/* How many uint64_t a window takes; window is a multiple of 64. */
#define REPLAY_WORDS(window) ((window) / 64u + 1u)

struct replay {
	uint64_t *words; /* borrowed */
	uint32_t count;	 /* of words */
	bool started;	 /* a counter has been accepted */
	uint64_t newest;
};

/* words: REPLAY_WORDS(window) of them, borrowed until the struct is last used; at least 2. Clears.
 */
void replay_init(struct replay *replay, uint64_t *words, size_t count);
/* Forgets all counters. */
void replay_reset(struct replay *replay);
/* Whether accept would succeed. */
bool replay_check(const struct replay *replay, uint64_t counter);
/* True and remembered when new; false when seen, too old, or at REJECT_AFTER_MESSAGES and above. */
bool replay_accept(struct replay *replay, uint64_t counter);

#endif
