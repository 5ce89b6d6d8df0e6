#include "svc-dataplane/packetloop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-dataplane/backlog.h"
#include "svc-dataplane/capture.h"

/* What one turn takes from the device at most, of all packets and of large ones, and how much of
 * the backlog it sends; a turn must stay short. */
#define DEVICE_BATCH  64
#define DEVICE_LARGE  8
#define BACKLOG_BATCH 2
#define STUN_BATCH    16
#define CAPTURE_BATCH 16

_Static_assert(BACKLOG_LENGTH >= DEVICE_PACKET_MAX, "what the device hands out fits");
_Static_assert(TRAINS_DATAGRAM >= ENGINE_DATAGRAM_MAX, "the room is as large as promised");
_Static_assert(BACKLOG_TAILROOM >= ENGINE_TAILROOM, "and may be sealed where it lies");

enum source {
	SOURCE_DEVICE,
	SOURCE_UDP4,
	SOURCE_UDP6,
	SOURCE_STUN,
	SOURCE_CAPTURE,
	SOURCE_TIMER,
	SOURCE_WAKE,
	SOURCES,
};

struct packetloop {
	struct engine *engine;
	struct device *device;
	struct underlay *underlay;
	struct stunpipe *stun;
	struct discovery *discovery;
	int capture_fd; /* -1: none */
	void (*wake)(void *data);
	void (*reserve)(void *data, uint64_t until_s);
	void *data;

	int epoll_fd, timer_fd, wake_fd;
	uint64_t armed_us; /* when the timer fires; CLOCK_NEVER: not armed */
	uint64_t now_us;   /* of the batch being handled */
	struct backlog backlog;

	pthread_t thread;
	bool running; /* service thread only */

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t called;
	packetloop_function function; /* NULL: nobody waits */
	void *argument;
	bool stop;
	unsigned event_first, n_events;
	struct packetloop_event events[PACKETLOOP_EVENTS];
	unsigned result_first, n_results;
	struct packetloop_result results[PACKETLOOP_RESULTS];
	struct note_shelf notes;
};

/* ---- what the engine asks for ---- */

static uint8_t *engine_room(void *data)
{
	struct packetloop *loop = data;

	return underlay_room(loop->underlay);
}

static void engine_send(void *data, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
			size_t length)
{
	struct packetloop *loop = data;

	underlay_send(loop->underlay, to, ecn, bytes, length);
}

static void engine_deliver(void *data, uint8_t *packet, size_t length)
{
	struct packetloop *loop = data;

	discovery_deliver(loop->discovery, loop->now_us, packet, length);
}

static bool event_is_waiting(const struct packetloop *loop, const struct packetloop_event *event)
{
	for (unsigned i = 0; i < loop->n_events; i++) {
		const struct packetloop_event *other =
			&loop->events[(loop->event_first + i) % PACKETLOOP_EVENTS];

		if (other->event == event->event && other->has_key == event->has_key &&
		    memcmp(other->key, event->key, sizeof(event->key)) == 0)
			return true;
	}
	return false;
}

static void engine_changed(void *data, enum dataplane_event kind, const uint8_t *key)
{
	struct packetloop *loop = data;
	struct packetloop_event event = {.event = kind, .has_key = key != NULL};
	bool wake = false;

	if (key)
		memcpy(event.key, key, sizeof(event.key));
	pthread_mutex_lock(&loop->mutex);
	if (loop->n_events < PACKETLOOP_EVENTS && !event_is_waiting(loop, &event)) {
		loop->events[(loop->event_first + loop->n_events++) % PACKETLOOP_EVENTS] = event;
		wake = true;
	}
	pthread_mutex_unlock(&loop->mutex);
	if (wake)
		loop->wake(loop->data);
}

static void engine_probed(void *data, uint64_t cookie, int error,
			  const struct dataplane_probe_result *result)
{
	struct packetloop *loop = data;
	struct packetloop_result answer = {.cookie = cookie, .error = error};

	if (result)
		answer.result = *result;
	else if (error == 0)
		answer.error = -ETIMEDOUT;
	pthread_mutex_lock(&loop->mutex);
	if (loop->n_results < PACKETLOOP_RESULTS)
		loop->results[(loop->result_first + loop->n_results++) % PACKETLOOP_RESULTS] =
			answer;
	pthread_mutex_unlock(&loop->mutex);
	loop->wake(loop->data);
}

static void engine_noted(void *data, const uint8_t *key, const uint8_t *bytes, size_t length)
{
	struct packetloop *loop = data;
	bool kept;

	pthread_mutex_lock(&loop->mutex);
	kept = note_shelf_put(&loop->notes, key, bytes, length);
	pthread_mutex_unlock(&loop->mutex);
	if (kept)
		engine_changed(loop, DATAPLANE_EVENT_NOTE, NULL);
}

static void engine_reserve(void *data, uint64_t until_s)
{
	struct packetloop *loop = data;

	loop->reserve(loop->data, until_s);
}

static uint64_t engine_wall(void *data)
{
	(void)data;
	return clock_wall_us();
}

static void engine_random(void *data, void *bytes, size_t length)
{
	(void)data;
	randombytes_buf(bytes, length);
}

/* ---- the sources ---- */

static void receive_one(void *data, const struct addr *from, uint8_t ecn, uint8_t *bytes,
			size_t length)
{
	struct packetloop *loop = data;

	if (!stunpipe_is_stun(bytes, length))
		engine_receive(loop->engine, loop->now_us, from, ecn, bytes, length);
	else if (loop->stun)
		(void)stunpipe_write(loop->stun, loop->now_us, from, bytes, length);
}

static void receive_batch(struct packetloop *loop, enum addr_family family, uint32_t ready)
{
	if (ready & EPOLLERR)
		underlay_clear_error(loop->underlay, family);
	if (ready & EPOLLIN) {
		loop->now_us = clock_now_us();
		(void)underlay_receive(loop->underlay, family, receive_one, loop);
		device_flush(loop->device); /* what it was given lies in the underlay's buffers */
	}
}

/* A broken descriptor would stay ready for ever. */
static void give_up(struct packetloop *loop, int fd, const char *name, int code)
{
	log_err("packets: %s is broken, no longer read: %s", name, strerror(-code));
	(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void transmit(struct packetloop *loop, struct backlog_packet *packet)
{
	discovery_transmit(loop->discovery, loop->engine, loop->now_us, loop->discovery->interface,
			   packet->bytes, packet->length, &packet->offload);
}

/* Empties the device; what is small goes on. */
static void transmit_batch(struct packetloop *loop)
{
	unsigned large = 0;

	loop->now_us = clock_now_us();
	for (int i = 0; i < DEVICE_BATCH && large < DEVICE_LARGE; i++) {
		struct backlog_packet *packet = backlog_place(&loop->backlog);
		ssize_t length = device_read(loop->device, packet->bytes, &packet->offload);

		if (length == -EAGAIN)
			return;
		if (length < 0) {
			give_up(loop, loop->device->fd, loop->device->name, (int)length);
			return;
		}
		packet->length = (size_t)length;
		if (length == 0)
			continue;
		if (backlog_wait(&loop->backlog))
			large++;
		else
			transmit(loop, packet);
	}
}

static void transmit_backlog(struct packetloop *loop)
{
	struct backlog_packet *packet = backlog_first(&loop->backlog);

	if (!packet)
		return;
	loop->now_us = clock_now_us();
	for (int i = 0; i < BACKLOG_BATCH && (packet = backlog_first(&loop->backlog)); i++) {
		transmit(loop, packet);
		backlog_done(&loop->backlog);
	}
}

/* In a place of the backlog's, which nobody waits in. */
static void capture_batch(struct packetloop *loop)
{
	struct backlog_packet *packet = backlog_place(&loop->backlog);
	unsigned interface;

	loop->now_us = clock_now_us();
	for (int i = 0; i < CAPTURE_BATCH; i++) {
		ssize_t length = capture_read(loop->capture_fd, packet->bytes, DEVICE_PACKET_MAX,
					      &packet->offload, &interface);

		if (length == -EAGAIN)
			return;
		if (length < 0) {
			give_up(loop, loop->capture_fd, "the capture", (int)length);
			return;
		}
		if (length > 0)
			discovery_transmit(loop->discovery, loop->engine, loop->now_us, interface,
					   packet->bytes, (size_t)length, &packet->offload);
	}
}

static void stun_batch(struct packetloop *loop, uint32_t ready)
{
	uint8_t message[STUNPIPE_MESSAGE_MAX];

	for (int i = 0; i < STUN_BATCH; i++) {
		uint64_t now_us = clock_now_us();
		struct addr to;
		ssize_t length = stunpipe_read(loop->stun, now_us, &to, message);

		if (length == -EAGAIN && i == 0 && (ready & EPOLLHUP))
			length = -EPIPE;
		if (length == -EAGAIN)
			return;
		if (length < 0) {
			give_up(loop, loop->stun->fd, "the stun pipe", (int)length);
			return;
		}
		if (length == 0)
			continue;
		underlay_send(loop->underlay, &to, 0, message, (size_t)length);
		/* At once, so that the time noted is the time it left. */
		stunpipe_sent(loop->stun, now_us, message);
		underlay_flush(loop->underlay);
	}
}

static void clear_counter(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count));
}

/* ---- the turn ---- */

static void arm_timer(struct packetloop *loop, uint64_t due_us)
{
	struct itimerspec spec = {0};

	/* A deadline that moved away is not worth a system call: waking early does no harm. */
	if (due_us >= loop->armed_us)
		return;
	due_us = due_us ? due_us : 1; /* zero would disarm it */
	spec.it_value.tv_sec = (time_t)(due_us / CLOCK_SECOND);
	spec.it_value.tv_nsec = (long)(due_us % CLOCK_SECOND * 1000);
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL) == 0)
		loop->armed_us = due_us;
}

static void finish_turn(struct packetloop *loop)
{
	transmit_backlog(loop);
	arm_timer(loop, engine_poll(loop->engine, clock_now_us()));
	underlay_flush(loop->underlay);
}

/* Runs what the service thread waits for. False when the thread should end. */
static bool serve_call(struct packetloop *loop)
{
	packetloop_function function;
	bool stop;

	clear_counter(loop->wake_fd);
	pthread_mutex_lock(&loop->mutex);
	function = loop->function;
	stop = loop->stop;
	pthread_mutex_unlock(&loop->mutex);
	if (function) {
		/* Outside the mutex: the engine's callbacks take it. */
		function(loop->engine, clock_now_us(), loop->argument);
		pthread_mutex_lock(&loop->mutex);
		loop->function = NULL;
		pthread_cond_signal(&loop->called);
		pthread_mutex_unlock(&loop->mutex);
	}
	return !stop;
}

static bool serve_source(struct packetloop *loop, enum source source, uint32_t ready)
{
	switch (source) {
	case SOURCE_DEVICE: transmit_batch(loop); break;
	case SOURCE_UDP4: receive_batch(loop, ADDR_IPV4, ready); break;
	case SOURCE_UDP6: receive_batch(loop, ADDR_IPV6, ready); break;
	case SOURCE_STUN: stun_batch(loop, ready); break;
	case SOURCE_CAPTURE: capture_batch(loop); break;
	case SOURCE_TIMER:
		clear_counter(loop->timer_fd);
		loop->armed_us = CLOCK_NEVER;
		break;
	case SOURCE_WAKE: return serve_call(loop);
	case SOURCES: break;
	}
	return true;
}

static void *thread_main(void *data)
{
	struct packetloop *loop = data;
	struct epoll_event ready[SOURCES];
	bool more = true;

	while (more) {
		int n = epoll_wait(loop->epoll_fd, ready, SOURCES,
				   backlog_first(&loop->backlog) ? 0 : -1);

		for (int i = 0; i < n; i++)
			more = serve_source(loop, (enum source)ready[i].data.u32,
					    ready[i].events) &&
			       more;
		finish_turn(loop);
	}
	return NULL;
}

/* ---- life ---- */

static int watch(struct packetloop *loop, int fd, enum source source)
{
	struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = source};

	if (fd < 0)
		return 0;
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &wanted) < 0 ? -errno : 0;
}

static int open_descriptors(struct packetloop *loop)
{
	int result;

	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (loop->epoll_fd < 0 || loop->timer_fd < 0 || loop->wake_fd < 0)
		return -errno;
	result = watch(loop, loop->device->fd, SOURCE_DEVICE);
	if (result == 0)
		result = watch(loop, underlay_fd(loop->underlay, ADDR_IPV4), SOURCE_UDP4);
	if (result == 0)
		result = watch(loop, underlay_fd(loop->underlay, ADDR_IPV6), SOURCE_UDP6);
	if (result == 0 && loop->stun)
		result = watch(loop, loop->stun->fd, SOURCE_STUN);
	if (result == 0)
		result = watch(loop, loop->timer_fd, SOURCE_TIMER);
	if (result == 0)
		result = watch(loop, loop->wake_fd, SOURCE_WAKE);
	return result;
}

static int open_engine(struct packetloop *loop, const struct packetloop_config *config)
{
	const struct engine_ops ops = {
		.room = engine_room,
		.send = engine_send,
		.deliver = engine_deliver,
		.changed = engine_changed,
		.probed = engine_probed,
		.noted = engine_noted,
		.reserve_timestamp = engine_reserve,
		.wall_us = engine_wall,
		.random = engine_random,
		.data = loop,
	};

	return engine_new(&loop->engine, &ops, config->private_key, config->reserved_s);
}

int packetloop_new(struct packetloop **out, const struct packetloop_config *config,
		   struct error *error)
{
	struct packetloop *loop = calloc(1, sizeof(*loop));
	int result;

	*out = NULL;
	if (!loop)
		return error_set(error, -ENOMEM, "out of memory");
	loop->device = config->device;
	loop->underlay = config->underlay;
	loop->stun = config->stun;
	loop->discovery = config->discovery;
	loop->capture_fd = -1;
	loop->wake = config->wake;
	loop->reserve = config->reserve;
	loop->data = config->data;
	loop->armed_us = CLOCK_NEVER;
	backlog_init(&loop->backlog);
	pthread_mutex_init(&loop->mutex, NULL);
	pthread_cond_init(&loop->called, NULL);
	result = open_descriptors(loop);
	if (result == 0)
		result = open_engine(loop, config);
	if (result < 0) {
		packetloop_free(loop);
		return error_set(error, result, "cannot set up the packet thread: %s",
				 strerror(-result));
	}
	*out = loop;
	return 0;
}

void packetloop_free(struct packetloop *loop)
{
	if (!loop)
		return;
	packetloop_stop(loop);
	if (loop->engine)
		engine_free(loop->engine);
	note_shelf_clear(&loop->notes);
	close(loop->epoll_fd);
	close(loop->timer_fd);
	close(loop->wake_fd);
	pthread_cond_destroy(&loop->called);
	pthread_mutex_destroy(&loop->mutex);
	free(loop);
}

int packetloop_start(struct packetloop *loop, struct error *error)
{
	sigset_t all, before;
	int result;

	/* Signals are the service thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&loop->thread, NULL, thread_main, loop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (result)
		return error_set(error, -result, "cannot start the packet thread: %s",
				 strerror(result));
	pthread_setname_np(loop->thread, "packets");
	loop->running = true;
	return 0;
}

static void wake_thread(struct packetloop *loop)
{
	const uint64_t one = 1;

	(void)!write(loop->wake_fd, &one, sizeof(one));
}

void packetloop_stop(struct packetloop *loop)
{
	if (!loop->running)
		return;
	pthread_mutex_lock(&loop->mutex);
	loop->stop = true;
	pthread_mutex_unlock(&loop->mutex);
	wake_thread(loop);
	pthread_join(loop->thread, NULL);
	loop->running = false;
	loop->stop = false;
}

void packetloop_call(struct packetloop *loop, packetloop_function function, void *argument)
{
	if (!loop->running) {
		function(loop->engine, clock_now_us(), argument);
		finish_turn(loop);
		return;
	}
	pthread_mutex_lock(&loop->mutex);
	loop->function = function;
	loop->argument = argument;
	wake_thread(loop);
	while (loop->function)
		pthread_cond_wait(&loop->called, &loop->mutex);
	pthread_mutex_unlock(&loop->mutex);
}

void packetloop_set_capture(struct packetloop *loop, int fd)
{
	if (fd == loop->capture_fd)
		return;
	if (loop->capture_fd >= 0)
		(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, loop->capture_fd, NULL);
	loop->capture_fd = fd;
	(void)watch(loop, fd, SOURCE_CAPTURE);
}

int packetloop_take_notes(struct packetloop *loop, uint64_t after, struct dataplane_notes *notes)
{
	int result;

	pthread_mutex_lock(&loop->mutex);
	result = note_shelf_take(&loop->notes, after, notes);
	pthread_mutex_unlock(&loop->mutex);
	return result;
}

bool packetloop_take_event(struct packetloop *loop, struct packetloop_event *event)
{
	bool there;

	pthread_mutex_lock(&loop->mutex);
	there = loop->n_events > 0;
	if (there) {
		*event = loop->events[loop->event_first];
		loop->event_first = (loop->event_first + 1) % PACKETLOOP_EVENTS;
		loop->n_events--;
	}
	pthread_mutex_unlock(&loop->mutex);
	return there;
}

bool packetloop_take_result(struct packetloop *loop, struct packetloop_result *result)
{
	bool there;

	pthread_mutex_lock(&loop->mutex);
	there = loop->n_results > 0;
	if (there) {
		*result = loop->results[loop->result_first];
		loop->result_first = (loop->result_first + 1) % PACKETLOOP_RESULTS;
		loop->n_results--;
	}
	pthread_mutex_unlock(&loop->mutex);
	return there;
}
