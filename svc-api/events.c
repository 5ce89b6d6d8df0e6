#include "svc-api/events.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-api/delta.h"

#define STACK_BYTES (256 * 1024)

/* The same text for all readers. */
struct message {
	atomic_uint references;
	char *text;
	size_t length;
};

struct events_reader {
	struct events *events;
	struct events_reader *next;
	void *connection;
	pthread_t thread;
	pthread_cond_t wake;
	bool fresh, over; /* has had no snapshot; gets no more */
	size_t first, n;
	struct message *waiting[EVENTS_BEHIND_MAX];
};

struct events {
	struct events_ops ops;
	pthread_mutex_t mutex; /* of everything below, and of the readers */
	pthread_cond_t wake;
	pthread_t thread;
	bool kicked, closed, watched;
	struct events_reader *readers;
	json_t *state; /* that the last message told of */
	json_int_t sequence;
};

/* ---- messages */

/* Takes json over. NULL: no memory. */
static struct message *message_new(json_t *json)
{
	struct message *message = calloc(1, sizeof(*message));
	char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(json);
	if (!message || !text) {
		free(message);
		free(text);
		return NULL;
	}
	message->references = 1;
	message->text = text;
	message->length = strlen(text);
	return message;
}

static void message_unref(struct message *message)
{
	if (!message || atomic_fetch_sub(&message->references, 1) != 1)
		return;
	free(message->text);
	free(message);
}

/* ---- readers */

/* With the lock held, as all of this part. */
static void end(struct events_reader *reader)
{
	reader->over = true;
	reader->events->ops.cut(reader->connection);
	pthread_cond_signal(&reader->wake);
}

static void give(struct events_reader *reader, struct message *message)
{
	static struct log_limit limit;

	if (reader->over)
		return;
	if (reader->n == EVENTS_BEHIND_MAX) {
		if (log_limit_pass(&limit, clock_now_us(), 60 * CLOCK_SECOND))
			log_info("events: a reader is too slow: dropped");
		end(reader);
		return;
	}
	atomic_fetch_add(&message->references, 1);
	reader->waiting[(reader->first + reader->n++) % EVENTS_BEHIND_MAX] = message;
	pthread_cond_signal(&reader->wake);
}

static struct message *take(struct events_reader *reader)
{
	struct message *message = reader->waiting[reader->first];

	reader->first = (reader->first + 1) % EVENTS_BEHIND_MAX;
	reader->n--;
	return message;
}

static void *write_to_reader(void *data)
{
	struct events_reader *reader = data;
	struct events *events = reader->events;

	pthread_mutex_lock(&events->mutex);
	while (!reader->over) {
		struct message *message;
		bool good;

		if (reader->n == 0) {
			pthread_cond_wait(&reader->wake, &events->mutex);
			continue;
		}
		message = take(reader);
		pthread_mutex_unlock(&events->mutex);
		good = events->ops.write(reader->connection, message->text, message->length);
		message_unref(message);
		pthread_mutex_lock(&events->mutex);
		if (!good)
			end(reader);
	}
	pthread_mutex_unlock(&events->mutex);
	return NULL;
}

static int start_thread(pthread_t *thread, void *(*run)(void *), void *data)
{
	pthread_attr_t attributes;
	int r;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	r = pthread_create(thread, &attributes, run, data);
	pthread_attr_destroy(&attributes);
	return -r;
}

static void free_reader(struct events_reader *reader)
{
	while (reader->n)
		message_unref(take(reader));
	pthread_cond_destroy(&reader->wake);
	free(reader);
}

struct events_reader *events_join(struct events *events, void *connection)
{
	struct events_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	*reader = (struct events_reader){.events = events, .connection = connection, .fresh = true};
	pthread_cond_init(&reader->wake, NULL);
	pthread_mutex_lock(&events->mutex);
	if (events->closed || start_thread(&reader->thread, write_to_reader, reader) < 0) {
		pthread_mutex_unlock(&events->mutex);
		free_reader(reader);
		return NULL;
	}
	reader->next = events->readers;
	events->readers = reader;
	events->kicked = true;
	pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->mutex);
	return reader;
}

void events_leave(struct events_reader *reader)
{
	struct events *events = reader ? reader->events : NULL;

	if (!reader)
		return;
	pthread_mutex_lock(&events->mutex);
	for (struct events_reader **at = &events->readers; *at; at = &(*at)->next)
		if (*at == reader) {
			*at = reader->next;
			break;
		}
	end(reader);
	pthread_mutex_unlock(&events->mutex);
	pthread_join(reader->thread, NULL);
	free_reader(reader);
}

/* ---- telling */

static bool anybody_fresh(const struct events *events)
{
	for (const struct events_reader *reader = events->readers; reader; reader = reader->next)
		if (reader->fresh)
			return true;
	return false;
}

/* NULL where nobody needs it. */
static struct message *make_delta(struct events *events, const json_t *state)
{
	json_t *patch = events->state ? delta_make(events->state, state) : NULL;

	if (patch && json_array_size(patch) == 0) {
		json_decref(patch);
		return NULL;
	}
	events->sequence++;
	return patch ? message_new(json_pack("{s:s, s:I, s:o}", "type", "delta", "sequence",
					     events->sequence, "patch", patch))
		     : NULL;
}

/* Who cannot be told what changed begins anew. */
static void tell(struct events *events, json_t *state)
{
	json_int_t before = events->sequence;
	struct message *delta = make_delta(events, state), *snapshot = NULL;
	bool lost = !delta && events->sequence != before;

	if (lost || anybody_fresh(events))
		snapshot = message_new(json_pack("{s:s, s:I, s:O}", "type", "snapshot", "sequence",
						 events->sequence, "state", state));
	for (struct events_reader *reader = events->readers; reader; reader = reader->next) {
		struct message *message = lost || reader->fresh ? snapshot : delta;

		if (message)
			give(reader, message);
		reader->fresh = reader->fresh && !message;
	}
	message_unref(delta);
	message_unref(snapshot);
	json_decref(events->state);
	events->state = state;
}

static bool anybody_looks(const struct events *events)
{
	return events->readers || events->watched;
}

/* With the lock held: until there is a reason to look. */
static void wait_for_reason(struct events *events, uint64_t looked_us)
{
	while (!events->closed) {
		uint64_t gap_ms = events->kicked ? EVENTS_GAP_MS : EVENTS_TICK_MS;
		uint64_t due_us = looked_us + gap_ms * CLOCK_MS, now_us = clock_now_us();
		struct timespec until;

		if (anybody_looks(events) && now_us >= due_us)
			return;
		if (!anybody_looks(events)) {
			pthread_cond_wait(&events->wake, &events->mutex);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += (long)((due_us - now_us) * 1000);
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&events->wake, &events->mutex, &until);
	}
}

static void *run(void *data)
{
	struct events *events = data;
	uint64_t looked_us = 0;

	pthread_mutex_lock(&events->mutex);
	for (;;) {
		json_t *state;
		bool watched;

		wait_for_reason(events, looked_us);
		if (events->closed)
			break;
		events->kicked = false;
		watched = events->watched;
		looked_us = clock_now_us();
		pthread_mutex_unlock(&events->mutex);
		state = events->ops.look(events->ops.data);
		if (state && watched)
			events->ops.seen(events->ops.data, state);
		pthread_mutex_lock(&events->mutex);
		if (state)
			tell(events, state);
	}
	pthread_mutex_unlock(&events->mutex);
	return NULL;
}

void events_kick(struct events *events)
{
	pthread_mutex_lock(&events->mutex);
	events->kicked = true;
	if (anybody_looks(events))
		pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->mutex);
}

void events_watch(struct events *events, bool on)
{
	pthread_mutex_lock(&events->mutex);
	events->watched = on;
	events->kicked = true;
	pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->mutex);
}

/* ---- life */

int events_new(struct events **out, const struct events_ops *ops)
{
	struct events *events = calloc(1, sizeof(*events));
	pthread_condattr_t attributes;
	int r;

	if (!events)
		return -ENOMEM;
	events->ops = *ops;
	pthread_mutex_init(&events->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&events->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	r = start_thread(&events->thread, run, events);
	if (r < 0) {
		pthread_cond_destroy(&events->wake);
		pthread_mutex_destroy(&events->mutex);
		free(events);
		return r;
	}
	*out = events;
	return 0;
}

void events_close(struct events *events)
{
	pthread_mutex_lock(&events->mutex);
	events->closed = true;
	for (struct events_reader *reader = events->readers; reader; reader = reader->next)
		end(reader);
	pthread_cond_signal(&events->wake);
	pthread_mutex_unlock(&events->mutex);
	pthread_join(events->thread, NULL);
}

void events_free(struct events *events)
{
	if (!events)
		return;
	json_decref(events->state);
	pthread_cond_destroy(&events->wake);
	pthread_mutex_destroy(&events->mutex);
	free(events);
}
