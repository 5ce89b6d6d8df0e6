/* gather.h - questions to the other services from threads that may wait.
 *
 * The bus lives on the loop's thread; HTTP requests are served on others. A thread hands over a
 * batch of questions, the loop asks them all at once, and the thread sleeps until each has its
 * answer or its timeout. So a page that needs four services waits for the slowest only, and one
 * that is stopped costs its timeout once.
 */
#ifndef LANRAGE_API_GATHER_H
#define LANRAGE_API_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/bus.h"
#include "common/loop.h"

#define GATHER_ASKS_MAX 8

struct gather_ask {
	enum service_id to;
	uint32_t type;
	const uint8_t *body; /* borrowed until gather_run() returns */
	size_t length;
	uint32_t timeout_ms;
	bool repeatable; /* only reads: asked once more where the service died meanwhile */
	/* The outcome: */
	struct error error; /* code 0: answered */
	uint8_t *answer;    /* the caller's to free(); never NULL when answered */
	size_t answer_length;
};

struct gather;

/* bus and loop are borrowed. */
int gather_new(struct gather **gather, struct loop *loop, struct bus *bus);
/* From any other thread than the loop's: fills in each outcome. */
void gather_run(struct gather *gather, struct gather_ask *asks, size_t n);
/* On the loop's thread, after the loop has stopped and before bus_free(): whoever waits or comes
 * later gets -ECANCELED. */
void gather_close(struct gather *gather);
/* After every thread that asks has ended. NULL is allowed. */
void gather_free(struct gather *gather);

#endif
