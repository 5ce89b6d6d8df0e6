#include "common/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "common/log.h"

/* One open libuv handle. `slot` is the caller's pointer to it, cleared when it closes. */
struct loop_handle {
	union {
		uv_handle_t any;
		uv_timer_t timer;
		uv_async_t wake;
		uv_poll_t poll;
	} uv; /* first: libuv hands this address back */
	struct loop *loop;
	struct loop_handle **slot;
	void *owner;
	struct loop_handle *next;
	struct loop_handle **link;
};

static struct loop_handle *handle_new(struct loop *loop, struct loop_handle **slot, void *owner)
{
	struct loop_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	handle->loop = loop;
	handle->slot = slot;
	handle->owner = owner;
	return handle;
}

/* After libuv has accepted the handle. */
static void handle_link(struct loop_handle *handle)
{
	struct loop *loop = handle->loop;

	handle->next = loop->handles;
	handle->link = &loop->handles;
	if (handle->next)
		handle->next->link = &handle->next;
	loop->handles = handle;
	*handle->slot = handle;
}

static void handle_closed(uv_handle_t *uv)
{
	free(uv);
}

static void handle_close(struct loop_handle *handle)
{
	if (!handle)
		return;
	*handle->link = handle->next;
	if (handle->next)
		handle->next->link = handle->link;
	*handle->slot = NULL;
	handle->owner = NULL;
	uv_close(&handle->uv.any, handle_closed);
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct loop *loop = signal->data;

	log_info("loop: stopping on signal %d", number);
	loop_stop(loop);
}

int loop_init(struct loop *loop)
{
	int rc;

	*loop = (struct loop){0};
	rc = uv_loop_init(&loop->uv);
	if (rc < 0)
		return rc; /* libuv's codes are negative errnos */
	(void)signal(SIGPIPE, SIG_IGN);
	loop->term.data = loop;
	loop->interrupt.data = loop;
	rc = uv_signal_init(&loop->uv, &loop->term);
	if (rc == 0)
		rc = uv_signal_init(&loop->uv, &loop->interrupt);
	if (rc == 0)
		rc = uv_signal_start(&loop->term, on_signal, SIGTERM);
	if (rc == 0)
		rc = uv_signal_start(&loop->interrupt, on_signal, SIGINT);
	if (rc < 0)
		loop_deinit(loop);
	return rc;
}

void loop_run(struct loop *loop)
{
	if (!loop->stopping)
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
	loop->stopping = true;
	uv_stop(&loop->uv);
}

/* Our own handles are gone from the walk by then: they are closing already. */
static void close_foreign(uv_handle_t *uv, void *data)
{
	(void)data;
	if (!uv_is_closing(uv))
		uv_close(uv, NULL);
}

void loop_deinit(struct loop *loop)
{
	/* A `done` that runs here may open new handles, hence the repetition. */
	do {
		while (loop->handles)
			handle_close(loop->handles);
		uv_walk(&loop->uv, close_foreign, NULL);
		(void)uv_run(&loop->uv, UV_RUN_DEFAULT);
	} while (uv_loop_close(&loop->uv) == UV_EBUSY);
}

static void on_timer(uv_timer_t *uv)
{
	struct loop_timer *timer = ((struct loop_handle *)uv)->owner;

	/* The callback may free the timer's memory: nothing is touched after it. */
	if (uv_timer_get_repeat(uv) == 0)
		handle_close(timer->handle);
	timer->callback(timer->data);
}

void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      uint64_t repeat_ms, void (*callback)(void *data), void *data)
{
	struct loop_handle *handle = timer->handle;

	timer->callback = callback;
	timer->data = data;
	if (!handle) {
		handle = handle_new(loop, &timer->handle, timer);
		if (!handle || uv_timer_init(&loop->uv, &handle->uv.timer) < 0) {
			/* A service without its timers is a silent failure; its restart is not. */
			log_err("loop: out of memory for a timer");
			abort();
		}
		handle_link(handle);
	}
	/* libuv's idea of now is that of the last turn, which may be long ago. */
	uv_update_time(&loop->uv);
	(void)uv_timer_start(&handle->uv.timer, on_timer, after_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
	handle_close(timer->handle);
}

bool loop_timer_active(const struct loop_timer *timer)
{
	return timer->handle != NULL;
}

static void on_wake(uv_async_t *uv)
{
	struct loop_wake *wake = ((struct loop_handle *)uv)->owner;

	wake->callback(wake->data);
}

int loop_wake_init(struct loop *loop, struct loop_wake *wake, void (*callback)(void *data),
		   void *data)
{
	struct loop_handle *handle = handle_new(loop, &wake->handle, wake);
	int rc;

	if (!handle)
		return -ENOMEM;
	wake->callback = callback;
	wake->data = data;
	rc = uv_async_init(&loop->uv, &handle->uv.wake, on_wake);
	if (rc < 0) {
		free(handle);
		return rc;
	}
	handle_link(handle);
	return 0;
}

void loop_wake_send(struct loop_wake *wake)
{
	if (wake->handle)
		(void)uv_async_send(&wake->handle->uv.wake);
}

void loop_wake_stop(struct loop_wake *wake)
{
	handle_close(wake->handle);
}

/* An error on the descriptor (a UDP socket's ICMP error, say) counts as readiness: the caller's
 * read reports and clears it. libuv has stopped the poll then, so it is started again. */
static void on_poll(uv_poll_t *uv, int status, int events);

static int watch(struct loop_poll *poll)
{
	return uv_poll_start(&poll->handle->uv.poll,
			     UV_READABLE | (poll->writable ? UV_WRITABLE : 0), on_poll);
}

static void on_poll(uv_poll_t *uv, int status, int events)
{
	struct loop_poll *poll = ((struct loop_handle *)uv)->owner;

	(void)events;
	if (status < 0)
		(void)watch(poll);
	poll->callback(poll->data);
}

int loop_poll_start(struct loop *loop, struct loop_poll *poll, int fd, void (*callback)(void *data),
		    void *data)
{
	struct loop_handle *handle = handle_new(loop, &poll->handle, poll);
	int rc;

	if (!handle)
		return -ENOMEM;
	poll->callback = callback;
	poll->data = data;
	rc = uv_poll_init(&loop->uv, &handle->uv.poll, fd);
	if (rc < 0) {
		free(handle);
		return rc;
	}
	handle_link(handle);
	poll->writable = false;
	rc = watch(poll);
	if (rc < 0)
		handle_close(handle);
	return rc;
}

void loop_poll_want_writable(struct loop_poll *poll, bool wanted)
{
	if (!poll->handle || poll->writable == wanted)
		return;
	poll->writable = wanted;
	(void)watch(poll);
}

void loop_poll_stop(struct loop_poll *poll)
{
	handle_close(poll->handle);
}

struct offload {
	uv_work_t uv;
	void (*work)(void *data);
	void (*done)(void *data);
	void *data;
};

static void on_work(uv_work_t *uv)
{
	struct offload *offload = (struct offload *)uv;

	offload->work(offload->data);
}

static void on_work_done(uv_work_t *uv, int status)
{
	struct offload *offload = (struct offload *)uv;
	void (*done)(void *data) = offload->done;
	void *data = offload->data;

	(void)status; /* never cancelled */
	free(offload);
	done(data);
}

int loop_offload(struct loop *loop, void (*work)(void *data), void (*done)(void *data), void *data)
{
	struct offload *offload = malloc(sizeof(*offload));
	int rc;

	if (!offload)
		return -ENOMEM;
	*offload = (struct offload){.work = work, .done = done, .data = data};
	rc = uv_queue_work(&loop->uv, &offload->uv, on_work, on_work_done);
	if (rc < 0)
		free(offload);
	return rc;
}
