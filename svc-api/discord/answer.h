/* answer.h - what Discord says to a message: a status, and how long to wait (its documentation,
 * Rate Limits). Pure.
 *
 * Nothing of it is trusted: of the body the first ANSWER_BODY_MAX bytes are looked at, and a wait
 * is ANSWER_WAIT_MAX_US at most.
 */
#ifndef LANRAGE_DISCORD_ANSWER_H
#define LANRAGE_DISCORD_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"

#define ANSWER_BODY_MAX	   16384
#define ANSWER_WAIT_MAX_US (3600 * CLOCK_SECOND)
#define ANSWER_PROBLEM_MAX 200

/* Zero-initialise. */
struct answer {
	int status;	     /* of HTTP; 0: there was none */
	uint64_t wait_us;    /* before the next message (Retry-After, retry_after); 0: not said */
	bool spent;	     /* X-RateLimit-Remaining: 0 */
	uint64_t reset_us;   /* X-RateLimit-Reset-After */
	const char *failure; /* why there was no answer, a constant */
	size_t length;
	char body[ANSWER_BODY_MAX];
};

/* One line of the header, its end included. A status line begins anew. */
void answer_take_header(struct answer *answer, const char *line, size_t length);
/* False: it is longer than is looked at. */
bool answer_take_body(struct answer *answer, const char *bytes, size_t length);
/* All has come. */
void answer_finish(struct answer *answer);

static inline bool answer_is_good(const struct answer *answer)
{
	return answer->status >= 200 && answer->status < 300;
}

/* The webhook, or the right to use it, is gone: nothing sent there will ever arrive. */
static inline bool answer_is_final(const struct answer *answer)
{
	return answer->status == 401 || answer->status == 403 || answer->status == 404;
}

/* The same message may do better later. */
static inline bool answer_is_passing(const struct answer *answer)
{
	return answer->status == 0 || answer->status == 429 || answer->status >= 500;
}

/* How long to wait before the next message, as far as Discord said; 0. */
uint64_t answer_rest_us(const struct answer *answer);
/* What is wrong and what to do; "" where it is good. Never holds the address. Returns text. */
char *answer_problem(const struct answer *answer, char text[ANSWER_PROBLEM_MAX]);

#endif
