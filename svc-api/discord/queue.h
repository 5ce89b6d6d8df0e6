/* queue.h - lines that wait to be sent, as messages, when it is their time. Pure.
 *
 * Lines that come within QUEUE_GATHER_US become one message. A message is tried QUEUE_TRIES times:
 * again after what Discord says, else after a time that doubles from QUEUE_BACKOFF_US, with up to
 * half of it more by chance, so that machines that failed together do not come back together. At
 * most QUEUE_MAX lines wait; one more, and the oldest is dropped. Once Discord said that the
 * webhook is gone, nothing is sent or kept until queue_begin().
 */
#ifndef LANRAGE_DISCORD_QUEUE_H
#define LANRAGE_DISCORD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-api/discord/answer.h"
#include "svc-api/discord/message.h"

#define QUEUE_MAX	 64
#define QUEUE_GATHER_US	 (500 * CLOCK_MS)
#define QUEUE_BACKOFF_US (250 * CLOCK_MS)
#define QUEUE_TRIES	 3

/* Zero-initialise. All counts are of lines. */
struct queue {
	size_t first, n;
	char *lines[QUEUE_MAX];
	uint64_t gathered_us; /* when the lines there are may go */
	char *content;	      /* the message under way; NULL: none */
	size_t n_content;     /* its lines */
	unsigned tries;
	uint64_t rested_us; /* not before */
	bool gone;
	uint64_t sent, dropped;
	char problem[ANSWER_PROBLEM_MAX]; /* of the last message; "" where it arrived */
};

enum queue_verdict { QUEUE_SENT, QUEUE_AGAIN, QUEUE_DROPPED, QUEUE_GONE };

/* The line is copied. */
void queue_add(struct queue *queue, const char *line, uint64_t now_us);
/* When the next message should be sent; CLOCK_NEVER. */
uint64_t queue_due_us(const struct queue *queue);
/* What to send now, borrowed until queue_done(), or NULL: nothing is due. */
const char *queue_take(struct queue *queue, uint64_t now_us);
/* How that went. chance: any number. */
enum queue_verdict queue_done(struct queue *queue, const struct answer *answer, uint32_t chance,
			      uint64_t now_us);
size_t queue_waiting(const struct queue *queue);
/* A webhook was set: what was wrong with the one before counts no more. */
void queue_begin(struct queue *queue);
/* Whatever waits is dropped. */
void queue_drop(struct queue *queue);

#endif
