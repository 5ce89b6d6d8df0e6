#include "svc-api/discord/poster.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "common/text.h"
#include "svc-api/discord/news.h"
#include "svc-api/discord/queue.h"
#include "svc-api/discord/sender.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/setting.h"
#include "svc-control/schema.h"

#define RETRY_US (2 * CLOCK_SECOND) /* where control does not answer */
/* At most 8 run, and a look comes every second. */
#define SESSIONS_LIMIT "16"

struct poster {
	struct api *api;
	pthread_t thread;
	atomic_bool stop;
	struct answer answer; /* the thread's own */

	pthread_mutex_t mutex; /* of everything below */
	pthread_cond_t wake;
	uint64_t reread_us; /* when the settings are to be read; CLOCK_NEVER */
	bool on;
	bool blank; /* the next look is the first */
	char address[CONTROL_SETTING_MAX];
	char removed[TEXT_ID_SIZE];
	struct queue queue;
	uint64_t last_sent_us;

	struct news news; /* the events' thread's own */
};

/* ---- settings */

/* Both empty unless messages are wanted and can be sent. False: control does not answer. */
static bool fetch(struct poster *poster, char address[CONTROL_SETTING_MAX])
{
	const struct request request = {.api = poster->api};
	struct control_settings settings;
	struct control_secret secret;
	struct reply reply = {0};
	bool good = setting_fetch(&request, &settings, &reply);

	*address = '\0';
	if (good && setting_is_on(&settings, SETTING_DISCORD)) {
		good = setting_fetch_secret(&request, SETTING_DISCORD_WEBHOOK, &secret, &reply);
		if (good)
			memcpy(address, secret.value, sizeof(secret.value));
		explicit_bzero(&secret, sizeof(secret));
	}
	control_settings_clear(&settings);
	reply_clear(&reply);
	return good;
}

/* With the lock held, which is given up meanwhile. A setting that changed may be the webhook set
 * anew, so one that was gone is tried again. */
static void reread(struct poster *poster)
{
	char address[CONTROL_SETTING_MAX];
	bool good, was = poster->on;

	poster->reread_us = CLOCK_NEVER;
	pthread_mutex_unlock(&poster->mutex);
	good = fetch(poster, address);
	pthread_mutex_lock(&poster->mutex);
	if (!good) {
		if (poster->reread_us == CLOCK_NEVER)
			poster->reread_us = clock_now_us() + RETRY_US;
		return;
	}
	memcpy(poster->address, address, sizeof(address));
	explicit_bzero(address, sizeof(address));
	poster->on = *poster->address != '\0';
	if (poster->on)
		queue_begin(&poster->queue);
	else
		queue_drop(&poster->queue);
	if (poster->on == was)
		return;
	poster->blank = true;
	log_notice("discord: %s", poster->on ? "the channel is told what happens" : "off");
	events_watch(poster->api->events, poster->on);
}

/* ---- sending */

static void note(struct poster *poster, enum queue_verdict verdict)
{
	switch (verdict) {
	case QUEUE_SENT: poster->last_sent_us = clock_wall_us(); break;
	case QUEUE_AGAIN: break;
	case QUEUE_DROPPED:
		log_warning("discord: a message is dropped: %s", poster->queue.problem);
		break;
	case QUEUE_GONE: log_warning("discord: no more messages: %s", poster->queue.problem); break;
	}
}

/* With the lock held, which is given up meanwhile. The queue's content stays: only this thread
 * takes and ends messages. */
static void send_message(struct poster *poster, const char *content)
{
	char address[CONTROL_SETTING_MAX], *copy = strdup(content);

	memcpy(address, poster->address, sizeof(address));
	pthread_mutex_unlock(&poster->mutex);
	memset(&poster->answer, 0, sizeof(poster->answer));
	if (copy)
		sender_post(address, copy, &poster->stop, &poster->answer);
	explicit_bzero(address, sizeof(address));
	free(copy);
	pthread_mutex_lock(&poster->mutex);
	if (!atomic_load(&poster->stop))
		note(poster, queue_done(&poster->queue, &poster->answer, randombytes_random(),
					clock_now_us()));
}

static void sleep_until(struct poster *poster, uint64_t due_us, uint64_t now_us)
{
	struct timespec until;

	if (due_us == CLOCK_NEVER) {
		pthread_cond_wait(&poster->wake, &poster->mutex);
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)((due_us - now_us) / CLOCK_SECOND);
	until.tv_nsec += (long)((due_us - now_us) % CLOCK_SECOND * 1000);
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	(void)pthread_cond_timedwait(&poster->wake, &poster->mutex, &until);
}

static void *run(void *data)
{
	struct poster *poster = data;

	pthread_mutex_lock(&poster->mutex);
	while (!atomic_load(&poster->stop)) {
		uint64_t now_us = clock_now_us(), due_us = queue_due_us(&poster->queue);
		const char *content;

		if (poster->reread_us <= now_us) {
			reread(poster);
			continue;
		}
		content = queue_take(&poster->queue, now_us);
		if (content)
			send_message(poster, content);
		else
			sleep_until(poster, due_us < poster->reread_us ? due_us : poster->reread_us,
				    now_us);
	}
	pthread_mutex_unlock(&poster->mutex);
	return NULL;
}

/* ---- news */

static void tell(void *data, const struct news_item *item)
{
	struct poster *poster = data;
	char line[MESSAGE_LINE_MAX];

	message_line(item, line);
	pthread_mutex_lock(&poster->mutex);
	if (poster->on)
		queue_add(&poster->queue, line, clock_now_us());
	pthread_cond_signal(&poster->wake);
	pthread_mutex_unlock(&poster->mutex);
}

void poster_see(struct poster *poster, const json_t *state)
{
	static const struct target latest = {.n_parameters = 1,
					     .parameters = {{"limit", SESSIONS_LIMIT}}};
	const struct request request = {.api = poster->api, .target = &latest};
	struct reply reply = {0};
	char removed[TEXT_ID_SIZE];
	bool blank;

	pthread_mutex_lock(&poster->mutex);
	blank = poster->blank;
	poster->blank = false;
	memcpy(removed, poster->removed, sizeof(removed));
	pthread_mutex_unlock(&poster->mutex);
	if (blank)
		news_clear(&poster->news);
	handle_sessions(&request, &reply);
	news_take(&poster->news, state, reply.status == 200 ? reply.json : NULL, removed,
		  clock_now_us(), tell, poster);
	reply_clear(&reply);
}

void poster_removing(struct poster *poster, const uint8_t *identity)
{
	pthread_mutex_lock(&poster->mutex);
	if (identity)
		text_id(identity, poster->removed);
	else
		*poster->removed = '\0';
	pthread_mutex_unlock(&poster->mutex);
}

/* ---- the rest */

void poster_kick(struct poster *poster)
{
	pthread_mutex_lock(&poster->mutex);
	poster->reread_us = 0;
	pthread_cond_signal(&poster->wake);
	pthread_mutex_unlock(&poster->mutex);
}

void poster_state(struct poster *poster, struct poster_state *state)
{
	pthread_mutex_lock(&poster->mutex);
	*state = (struct poster_state){.sent = poster->queue.sent,
				       .dropped = poster->queue.dropped,
				       .waiting = queue_waiting(&poster->queue),
				       .last_sent_us = poster->last_sent_us};
	memcpy(state->problem, poster->queue.problem, sizeof(state->problem));
	pthread_mutex_unlock(&poster->mutex);
}

void poster_test(struct poster *poster, const char *address, struct answer *answer)
{
	sender_post(address, "LANrage can write here.", &poster->stop, answer);
}

int poster_new(struct poster **out, struct api *api)
{
	struct poster *poster = calloc(1, sizeof(*poster));
	pthread_condattr_t attributes;
	int r = sender_init();

	if (!poster || r < 0) {
		free(poster);
		return -ENOMEM;
	}
	poster->api = api;
	poster->blank = true;
	pthread_mutex_init(&poster->mutex, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&poster->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	r = pthread_create(&poster->thread, NULL, run, poster);
	if (r != 0) {
		free(poster);
		return -r;
	}
	*out = poster;
	return 0;
}

void poster_close(struct poster *poster)
{
	if (!poster)
		return;
	atomic_store(&poster->stop, true);
	pthread_mutex_lock(&poster->mutex);
	pthread_cond_signal(&poster->wake);
	pthread_mutex_unlock(&poster->mutex);
	pthread_join(poster->thread, NULL);
}

void poster_free(struct poster *poster)
{
	if (!poster)
		return;
	queue_drop(&poster->queue);
	news_clear(&poster->news);
	explicit_bzero(poster->address, sizeof(poster->address));
	pthread_cond_destroy(&poster->wake);
	pthread_mutex_destroy(&poster->mutex);
	free(poster);
}
