#include "svc-api/discord/queue.h"

#include <stdlib.h>
#include <string.h>

static char *pop(struct queue *queue)
{
	char *line = queue->lines[queue->first];

	queue->first = (queue->first + 1) % QUEUE_MAX;
	queue->n--;
	return line;
}

void queue_add(struct queue *queue, const char *line, uint64_t now_us)
{
	char *copy = queue->gone ? NULL : strdup(line);

	if (!copy) {
		queue->dropped++;
		return;
	}
	if (queue->n == QUEUE_MAX) {
		free(pop(queue));
		queue->dropped++;
	}
	if (queue->n == 0)
		queue->gathered_us = now_us + QUEUE_GATHER_US;
	queue->lines[(queue->first + queue->n++) % QUEUE_MAX] = copy;
}

uint64_t queue_due_us(const struct queue *queue)
{
	uint64_t due_us = queue->content ? 0 : queue->gathered_us;

	if (!queue->content && queue->n == 0)
		return CLOCK_NEVER;
	return due_us > queue->rested_us ? due_us : queue->rested_us;
}

/* As many lines as one message holds; the first always, as no line is longer than that. */
static void fill(struct queue *queue)
{
	size_t units = 0, bytes = 0;

	queue->content = calloc(1, QUEUE_MAX * MESSAGE_LINE_MAX);
	if (!queue->content)
		return;
	while (queue->n > 0) {
		const char *next = queue->lines[queue->first];
		size_t more = message_units(next) + (queue->n_content > 0);
		char *line;

		if (queue->n_content > 0 && units + more > MESSAGE_CONTENT_MAX)
			break;
		line = pop(queue);
		if (queue->n_content++ > 0)
			queue->content[bytes++] = '\n';
		memcpy(queue->content + bytes, line, strlen(line));
		bytes += strlen(line);
		units += more;
		free(line);
	}
}

const char *queue_take(struct queue *queue, uint64_t now_us)
{
	if (queue_due_us(queue) > now_us)
		return NULL;
	if (!queue->content)
		fill(queue);
	return queue->content;
}

static void forget_content(struct queue *queue)
{
	free(queue->content);
	queue->content = NULL;
	queue->n_content = 0;
	queue->tries = 0;
}

static void rest(struct queue *queue, const struct answer *answer, uint32_t chance, uint64_t now_us)
{
	uint64_t said_us = answer_rest_us(answer);
	uint64_t backoff_us = QUEUE_BACKOFF_US << (queue->tries - 1);

	queue->rested_us = now_us + (said_us ? said_us : backoff_us + chance % (backoff_us / 2));
}

enum queue_verdict queue_done(struct queue *queue, const struct answer *answer, uint32_t chance,
			      uint64_t now_us)
{
	enum queue_verdict verdict = QUEUE_DROPPED;

	answer_problem(answer, queue->problem);
	queue->tries++;
	if (answer_is_final(answer)) {
		queue_drop(queue);
		queue->gone = true;
		return QUEUE_GONE;
	}
	if (answer_is_passing(answer))
		rest(queue, answer, chance, now_us);
	else
		queue->rested_us = now_us + answer_rest_us(answer);
	if (answer_is_passing(answer) && queue->tries < QUEUE_TRIES)
		return QUEUE_AGAIN;
	if (answer_is_good(answer)) {
		verdict = QUEUE_SENT;
		queue->sent += queue->n_content;
	} else {
		queue->dropped += queue->n_content;
	}
	forget_content(queue);
	return verdict;
}

size_t queue_waiting(const struct queue *queue)
{
	return queue->n + queue->n_content;
}

void queue_begin(struct queue *queue)
{
	queue->gone = false;
	queue->rested_us = 0;
	*queue->problem = '\0';
}

void queue_drop(struct queue *queue)
{
	queue->dropped += queue_waiting(queue);
	forget_content(queue);
	while (queue->n > 0)
		free(pop(queue));
}
