/* poster.h - tells a Discord channel what happens in the party: settings, news, queue and sender
 * put together.
 *
 * One thread of its own sleeps until something is to be sent, so that nothing else ever waits for
 * Discord. Only while discord.enabled is on and a webhook is set are the live events watched; else
 * nothing is looked at. The webhook's address is asked from control when the settings change, kept
 * in memory alone, and never logged.
 */
#ifndef LANRAGE_DISCORD_POSTER_H
#define LANRAGE_DISCORD_POSTER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "svc-api/discord/answer.h"

struct api;
struct poster;

/* All but the address, for showing. Counts are of lines. */
struct poster_state {
	uint64_t sent, dropped, waiting;
	uint64_t last_sent_us; /* since 1970; 0: never */
	char problem[ANSWER_PROBLEM_MAX];
};

/* api is borrowed; its gather and events are there already. */
int poster_new(struct poster **poster, struct api *api);
/* Ends the thread, and whatever is being sent. After gather_close(). NULL is allowed, here and
 * below. */
void poster_close(struct poster *poster);
/* After poster_close() and every thread that asks; before the events and gather are freed. */
void poster_free(struct poster *poster);

/* From any thread, quick: the settings may have changed, or control is new. */
void poster_kick(struct poster *poster);
/* events_ops.seen; may wait for the metrics service. */
void poster_see(struct poster *poster, const json_t *state);
/* This machine, the host, is about to remove this member; NULL: it came to nothing. */
void poster_removing(struct poster *poster, const uint8_t *identity);
void poster_state(struct poster *poster, struct poster_state *state);
/* One message now, past the queue; waits for Discord's answer. */
void poster_test(struct poster *poster, const char *address, struct answer *answer);

#endif
