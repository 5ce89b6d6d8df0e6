/* packetloop.h - the packet thread: moves packets between device, underlay, capture, STUN pipe and
 * engine.
 *
 * It is the only thread that touches the engine while it runs. Each turn takes at most one batch
 * from every source that is ready (so none starves another), runs each packet to its end, lets the
 * engine's timers run, and sends what was gathered. No packet waits for another to fill a batch,
 * and none is handed to another thread.
 *
 * To the service thread it offers two ways across:
 *   packetloop_call()   runs a function on the packet thread, between packets, and waits for it
 *   events and results  what the engine reports, in bounded queues, with a wake-up. An event that
 *                       is waiting already is not queued again; if the queue is full an event is
 *                       dropped, which is no loss: they only say that a snapshot is worth taking,
 *                       and the ones waiting say that too.
 *
 * The packet thread takes no lock that is held while anything slow happens.
 */
#ifndef LANRAGE_DATAPLANE_PACKETLOOP_H
#define LANRAGE_DATAPLANE_PACKETLOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-dataplane/device.h"
#include "svc-dataplane/discovery.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/note.h"
#include "svc-dataplane/stunpipe.h"
#include "svc-dataplane/underlay.h"

#define PACKETLOOP_EVENTS  256
#define PACKETLOOP_RESULTS 64 /* more than BUS_CALLS_MAX, so none is ever lost */

struct packetloop;

struct packetloop_config {
	struct device *device; /* these four are borrowed */
	struct underlay *underlay;
	struct discovery *discovery;
	struct stunpipe *stun; /* NULL: STUN is dropped */
	const uint8_t *private_key;
	uint64_t reserved_s;
	/* Both are called on the packet thread (or from packetloop_call() when it is not running):
	 * there is something to take; and engine_ops.reserve_timestamp. */
	void (*wake)(void *data);
	void (*reserve)(void *data, uint64_t until_s);
	void *data;
};

struct packetloop_event {
	enum dataplane_event event;
	bool has_key;
	uint8_t key[DATAPLANE_KEY_SIZE];
};

struct packetloop_result {
	uint64_t cookie; /* of engine_probe() */
	int error;
	struct dataplane_probe_result result;
};

/* Makes the engine too. Nothing runs before packetloop_start(); calls are then made in place. */
int packetloop_new(struct packetloop **loop, const struct packetloop_config *config,
		   struct error *error);
/* Stops the thread if it runs, and wipes and frees the engine. */
void packetloop_free(struct packetloop *loop);

int packetloop_start(struct packetloop *loop, struct error *error);
/* Afterwards calls are made in place again. */
void packetloop_stop(struct packetloop *loop);

/* From one thread only, that of the service. */
typedef void (*packetloop_function)(struct engine *engine, uint64_t now_us, void *argument);
void packetloop_call(struct packetloop *loop, packetloop_function function, void *argument);

/* Reads captured packets (capture.h) from now on from this descriptor, -1: none; borrowed. From
 * inside a packetloop_call(), or while it does not run. */
void packetloop_set_capture(struct packetloop *loop, int fd);

/* What members' svc-controls sent; as note_shelf_take(). An event says that there is something. */
int packetloop_take_notes(struct packetloop *loop, uint64_t after, struct dataplane_notes *notes);

/* The oldest waiting one; false when there is none. */
bool packetloop_take_event(struct packetloop *loop, struct packetloop_event *event);
bool packetloop_take_result(struct packetloop *loop, struct packetloop_result *result);

#endif
