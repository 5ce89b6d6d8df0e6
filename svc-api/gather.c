#include "svc-api/gather.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* A batch lives until both its thread and its last answer are done with it: bus_request() promises
 * an answer, so the thread needs no deadline of its own. */
struct batch {
	struct gather *gather;
	struct gather_ask *asks; /* on the waiting thread's stack */
	size_t n;
	size_t pending;
	struct batch *next;
};

struct question {
	struct batch *batch;
	struct gather_ask *ask;
	uint64_t deadline_us;
};

struct gather {
	struct bus *bus;
	struct loop_wake wake;
	pthread_mutex_t lock;
	pthread_cond_t done;
	struct batch *first; /* handed over, not asked yet */
	bool closed;
};

static void outcome(struct gather_ask *ask, const struct error *error, const uint8_t *body,
		    size_t length)
{
	if (error) {
		ask->error = *error;
		return;
	}
	ask->answer = malloc(length + 1);
	if (!ask->answer) {
		error_set(&ask->error, -ENOMEM, "out of memory");
		return;
	}
	if (length)
		memcpy(ask->answer, body, length);
	ask->answer_length = length;
}

static void finish(struct question *question)
{
	struct gather *gather = question->batch->gather;

	pthread_mutex_lock(&gather->lock);
	if (--question->batch->pending == 0)
		pthread_cond_broadcast(&gather->done);
	pthread_mutex_unlock(&gather->lock);
	free(question);
}

static void on_answer(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct question *question = data;
	struct gather_ask *ask = question->ask;
	uint64_t now_us = clock_now_us();

	/* -ECONNRESET: the connection broke, because the service was killed while it had the
	 * question. */
	if (error && error->code == -ECONNRESET && ask->repeatable &&
	    now_us < question->deadline_us) {
		ask->repeatable = false;
		bus_request(question->batch->gather->bus, ask->to, ask->type, ask->body,
			    ask->length,
			    (uint32_t)((question->deadline_us - now_us) / CLOCK_MS) + 1, on_answer,
			    question);
		return;
	}
	outcome(ask, error, body, length);
	finish(question);
}

static void ask_one(struct batch *batch, struct gather_ask *ask)
{
	struct question *question = calloc(1, sizeof(*question));

	if (!question)
		abort(); /* the answer that was promised could never be given */
	question->batch = batch;
	question->ask = ask;
	question->deadline_us = clock_now_us() + ask->timeout_ms * CLOCK_MS;
	bus_request(batch->gather->bus, ask->to, ask->type, ask->body, ask->length, ask->timeout_ms,
		    on_answer, question);
}

static void on_wake(void *data)
{
	struct gather *gather = data;

	pthread_mutex_lock(&gather->lock);
	struct batch *batch = gather->first;
	gather->first = NULL;
	pthread_mutex_unlock(&gather->lock);
	while (batch) {
		/* The last answer may come, and the batch go, only on a later turn of the loop. */
		struct batch *next = batch->next;

		for (size_t i = 0; i < batch->n; i++)
			ask_one(batch, &batch->asks[i]);
		batch = next;
	}
}

int gather_new(struct gather **out, struct loop *loop, struct bus *bus)
{
	struct gather *gather = calloc(1, sizeof(*gather));
	int r;

	if (!gather)
		return -ENOMEM;
	gather->bus = bus;
	pthread_mutex_init(&gather->lock, NULL);
	pthread_cond_init(&gather->done, NULL);
	r = loop_wake_init(loop, &gather->wake, on_wake, gather);
	if (r < 0) {
		free(gather);
		return r;
	}
	*out = gather;
	return 0;
}

static void cancel(struct batch *batch)
{
	for (size_t i = 0; i < batch->n; i++)
		error_set(&batch->asks[i].error, -ECANCELED, "lanrage-api is stopping");
	batch->pending = 0;
}

void gather_run(struct gather *gather, struct gather_ask *asks, size_t n)
{
	struct batch batch = {.gather = gather, .asks = asks, .n = n, .pending = n};

	for (size_t i = 0; i < n; i++) {
		asks[i].error = (struct error){0};
		asks[i].answer = NULL;
		asks[i].answer_length = 0;
	}
	pthread_mutex_lock(&gather->lock);
	if (gather->closed) {
		cancel(&batch);
	} else {
		batch.next = gather->first;
		gather->first = &batch;
		loop_wake_send(&gather->wake);
	}
	while (batch.pending > 0)
		pthread_cond_wait(&gather->done, &gather->lock);
	pthread_mutex_unlock(&gather->lock);
}

void gather_close(struct gather *gather)
{
	pthread_mutex_lock(&gather->lock);
	gather->closed = true;
	for (struct batch *batch = gather->first; batch; batch = batch->next)
		cancel(batch);
	gather->first = NULL;
	pthread_cond_broadcast(&gather->done);
	pthread_mutex_unlock(&gather->lock);
	loop_wake_stop(&gather->wake);
}

void gather_free(struct gather *gather)
{
	if (!gather)
		return;
	pthread_mutex_destroy(&gather->lock);
	pthread_cond_destroy(&gather->done);
	free(gather);
}
