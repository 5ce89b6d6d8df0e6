/* loop.h - the event loop of a service: libuv with the few things every service does.
 *
 * One loop per process, run by the main thread. All callbacks come on that thread; only
 * loop_wake_send may be called from another one. Timers, polls and wakes are embedded in the
 * caller's structs, zero-initialised. libuv wants a handle's memory until the loop has turned once
 * more after closing it, so the handles themselves live here, and the caller's memory may go as
 * soon as the matching stop function has returned; no callback comes after it. Stopping
 * what is not started, or stopping after loop_deinit, is allowed and does nothing.
 */
#ifndef LANRAGE_COMMON_LOOP_H
#define LANRAGE_COMMON_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct loop_handle;

struct loop {
	uv_loop_t uv;
	uv_signal_t term;
	uv_signal_t interrupt;
	struct loop_handle *handles; /* the open ones */
	bool stopping;
};

/* SIGTERM and SIGINT stop the loop; SIGPIPE is ignored. 0 or negative errno. */
int loop_init(struct loop *loop);
/* Returns after loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
/* Closes whatever is still open and runs the close callbacks; waits for offloaded work. */
void loop_deinit(struct loop *loop);

/* A timer. Zero-initialise, then start; starting again re-arms. One that fires once has stopped by
 * the time its callback runs. */
struct loop_timer {
	struct loop_handle *handle;
	void (*callback)(void *data);
	void *data;
};
/* repeat_ms 0: once. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t after_ms,
		      uint64_t repeat_ms, void (*callback)(void *data), void *data);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_active(const struct loop_timer *timer);

/* Wakes the loop from another thread; callback runs on the loop, once for one or more sends. No
 * thread may be sending any more when it is stopped. */
struct loop_wake {
	struct loop_handle *handle;
	void (*callback)(void *data);
	void *data;
};
int loop_wake_init(struct loop *loop, struct loop_wake *wake, void (*callback)(void *data),
		   void *data);
void loop_wake_send(struct loop_wake *wake);
void loop_wake_stop(struct loop_wake *wake);

/* Readability of a descriptor the caller owns; stop before closing the descriptor. */
struct loop_poll {
	struct loop_handle *handle;
	bool writable;
	void (*callback)(void *data);
	void *data;
};
int loop_poll_start(struct loop *loop, struct loop_poll *poll, int fd, void (*callback)(void *data),
		    void *data);
/* Calls back for writability too, as long as that is wanted. Does nothing when not started. */
void loop_poll_want_writable(struct loop_poll *poll, bool wanted);
void loop_poll_stop(struct loop_poll *poll);

/* Runs work off the loop, then done on it (also where the loop is being deinitialised). data
 * belongs to the two functions. */
int loop_offload(struct loop *loop, void (*work)(void *data), void (*done)(void *data), void *data);

#endif
