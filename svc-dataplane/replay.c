#include "svc-dataplane/replay.h"

#include "svc-dataplane/messages.h"

#include <string.h>

#define WORD_BITS 64u

void replay_init(struct replay *replay, uint64_t *words, size_t count)
{
	replay->words = words;
	replay->count = (uint32_t)count;
	replay_reset(replay);
}

void replay_reset(struct replay *replay)
{
	memset(replay->words, 0, replay->count * sizeof(*replay->words));
	replay->newest = 0;
	replay->started = false;
}

static uint64_t *word_of(const struct replay *replay, uint64_t counter)
{
	return &replay->words[counter / WORD_BITS % replay->count];
}

static uint64_t bit_of(uint64_t counter)
{
	return 1ULL << (counter % WORD_BITS);
}

bool replay_check(const struct replay *replay, uint64_t counter)
{
	uint64_t window = (uint64_t)(replay->count - 1) * WORD_BITS;

	if (counter >= REJECT_AFTER_MESSAGES)
		return false;
	if (!replay->started || counter > replay->newest)
		return true;
	if (replay->newest - counter >= window)
		return false;
	return !(*word_of(replay, counter) & bit_of(counter));
}

/* Clears the words that come into use between the newest counter and this one. */
static void advance(struct replay *replay, uint64_t counter)
{
	uint64_t from = replay->newest / WORD_BITS;
	uint64_t to = counter / WORD_BITS;

	if (to - from >= replay->count) {
		memset(replay->words, 0, replay->count * sizeof(*replay->words));
	} else {
		for (uint64_t word = from + 1; word <= to; word++)
			replay->words[word % replay->count] = 0;
	}
	replay->newest = counter;
}

bool replay_accept(struct replay *replay, uint64_t counter)
{
	if (!replay_check(replay, counter))
		return false;
	if (counter > replay->newest)
		advance(replay, counter);
	replay->started = true;
	*word_of(replay, counter) |= bit_of(counter);
	return true;
}
