#include "svc-dataplane/timers.h"

#include "svc-dataplane/messages.h"

#include <stddef.h>

/* How long after each initiation of an attempt the next one is due; past the end, REKEY_TIMEOUT. */
static const uint64_t retry_after_us[] = {250000, 500000, 1000000, 2000000};
#define RETRY_STEPS (sizeof(retry_after_us) / sizeof(retry_after_us[0]))
/* The early steps are spread by an eighth: two peers that lost each other's first initiation do not
 * meet again at the same instant. */
#define RETRY_SPREAD 8

void timers_init(struct timers *timers, uint64_t seed)
{
	*timers = (struct timers){
		.random = seed | 1, /* xorshift has a fixed point at zero */
	};
	timers_stop(timers);
}

void timers_stop(struct timers *timers)
{
	timers->retry_us = TIMERS_NEVER;
	timers->keepalive_us = TIMERS_NEVER;
	timers->unanswered_us = TIMERS_NEVER;
	timers->persistent_us = TIMERS_NEVER;
	timers->wipe_us = TIMERS_NEVER;
	timers->attempt_count = 0;
}

/* 0 to limit - 1. Only spreads load, so a small generator will do. */
static uint64_t jitter(struct timers *timers, uint64_t limit)
{
	uint64_t x = timers->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	timers->random = x;
	return (x >> 16) % limit;
}

void timers_set_persistent(struct timers *timers, uint64_t now_us, uint64_t interval_us)
{
	if (interval_us == timers->persistent_interval_us)
		return;
	timers->persistent_interval_us = interval_us;
	timers->persistent_us = interval_us ? now_us : TIMERS_NEVER;
}

/* --- handshakes (sections 6.2, 6.4) --- */

static void attempt_start(struct timers *timers, uint64_t now_us)
{
	uint64_t earliest_us = timers->initiation_us + TIMERS_INITIATION_GAP_US;

	if (!timers->initiation_us || earliest_us < now_us)
		earliest_us = now_us;
	timers->attempt_count = 0;
	timers->retry_us = earliest_us;
}

bool timers_handshake_want(struct timers *timers, uint64_t now_us)
{
	if (!timers_handshake_underway(timers))
		attempt_start(timers, now_us);
	timers->attempt_until_us = now_us + REKEY_ATTEMPT_TIME_US;
	return timers->retry_us <= now_us;
}

bool timers_handshake_underway(const struct timers *timers)
{
	return timers->retry_us != TIMERS_NEVER;
}

void timers_initiation_sent(struct timers *timers, uint64_t now_us)
{
	uint32_t step = timers->attempt_count;

	if (!timers_handshake_underway(timers))
		timers->attempt_until_us = now_us + REKEY_ATTEMPT_TIME_US;
	timers->initiation_us = now_us;
	timers->attempt_count++;
	if (step < RETRY_STEPS)
		timers->retry_us = now_us + retry_after_us[step] +
				   jitter(timers, retry_after_us[step] / RETRY_SPREAD);
	else
		timers->retry_us =
			now_us + REKEY_TIMEOUT_US + jitter(timers, REKEY_TIMEOUT_JITTER_US);
	timers_sent(timers, now_us, false);
}

void timers_keys_derived(struct timers *timers, uint64_t now_us)
{
	timers->wipe_us = now_us + WIPE_AFTER_US;
}

void timers_handshake_done(struct timers *timers)
{
	timers->retry_us = TIMERS_NEVER;
	timers->attempt_count = 0;
}

/* --- traffic (section 6.5) --- */

static void persistent_restart(struct timers *timers, uint64_t now_us)
{
	if (timers->persistent_interval_us)
		timers->persistent_us = now_us + timers->persistent_interval_us;
}

void timers_sent(struct timers *timers, uint64_t now_us, bool data)
{
	timers->keepalive_us = TIMERS_NEVER;
	if (data && timers->unanswered_us == TIMERS_NEVER)
		timers->unanswered_us =
			now_us + NEW_HANDSHAKE_US + jitter(timers, REKEY_TIMEOUT_JITTER_US);
	persistent_restart(timers, now_us);
}

void timers_received(struct timers *timers, uint64_t now_us, bool data)
{
	timers->unanswered_us = TIMERS_NEVER;
	if (data && timers->keepalive_us == TIMERS_NEVER)
		timers->keepalive_us = now_us + KEEPALIVE_TIMEOUT_US;
	persistent_restart(timers, now_us);
}

/* --- time passing --- */

uint64_t timers_deadline(const struct timers *timers)
{
	const uint64_t all[] = {timers->retry_us, timers->keepalive_us, timers->unanswered_us,
				timers->persistent_us, timers->wipe_us};
	uint64_t earliest = TIMERS_NEVER;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] < earliest)
			earliest = all[i];
	return earliest;
}

/* The attempt's end. Quiet from here, but for the persistent keepalive, which asks anew. */
static unsigned give_up(struct timers *timers, uint64_t now_us)
{
	timers->retry_us = TIMERS_NEVER;
	timers->attempt_count = 0;
	timers->keepalive_us = TIMERS_NEVER;
	timers->unanswered_us = TIMERS_NEVER;
	if (timers->wipe_us == TIMERS_NEVER)
		timers->wipe_us = now_us + WIPE_AFTER_US;
	return TIMERS_GIVE_UP;
}

static unsigned poll_keepalives(struct timers *timers, uint64_t now_us)
{
	unsigned actions = 0;

	if (timers->keepalive_us <= now_us) {
		timers->keepalive_us = TIMERS_NEVER;
		actions = TIMERS_KEEPALIVE;
	}
	if (timers->persistent_us <= now_us) {
		persistent_restart(timers, now_us);
		actions = TIMERS_KEEPALIVE;
	}
	return actions;
}

unsigned timers_poll(struct timers *timers, uint64_t now_us)
{
	unsigned actions = poll_keepalives(timers, now_us);

	if (timers->unanswered_us <= now_us) {
		timers->unanswered_us = TIMERS_NEVER;
		timers_handshake_want(timers, now_us);
	}
	if (timers->retry_us <= now_us)
		actions |= now_us >= timers->attempt_until_us ? give_up(timers, now_us)
							      : (unsigned)TIMERS_INITIATE;
	if (timers->wipe_us <= now_us) {
		timers->wipe_us = TIMERS_NEVER;
		actions |= TIMERS_WIPE;
	}
	return actions;
}
