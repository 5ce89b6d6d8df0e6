/* bus.c - the parts of the bus together, and the way from nng's threads to the loop. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/bus_private.h"
#include "common/clock.h"

int bus_errno(int nng_error)
{
	switch (nng_error) {
	case 0: return 0;
	case NNG_ETIMEDOUT: return -ETIMEDOUT;
	case NNG_ENOMEM: return -ENOMEM;
	case NNG_ECANCELED:
	case NNG_ECLOSED: return -ECANCELED;
	case NNG_EADDRINUSE: return -EADDRINUSE;
	case NNG_EPERM: return -EPERM;
	case NNG_EMSGSIZE: return -EMSGSIZE;
	case NNG_ECONNRESET:
	case NNG_ECONNSHUT: return -ECONNRESET;
	default: return -EIO;
	}
}
/* ---- from nng's threads to the loop */

void bus_item_ready(void *argument)
{
	struct bus_item *item = argument;
	struct bus *bus = item->bus;

	pthread_mutex_lock(&bus->lock);
	if (!item->queued) {
		item->next = NULL;
		item->queued = true;
		*bus->last = item;
		bus->last = &item->next;
	}
	pthread_mutex_unlock(&bus->lock);
	loop_wake_send(&bus->wake);
}

static struct bus_item *bus_next_item(struct bus *bus)
{
	struct bus_item *item;

	pthread_mutex_lock(&bus->lock);
	item = bus->first;
	if (item) {
		bus->first = item->next;
		if (!bus->first)
			bus->last = &bus->first;
		item->queued = false;
	}
	pthread_mutex_unlock(&bus->lock);
	return item;
}

static void bus_run_items(void *data)
{
	struct bus *bus = data;
	struct bus_item *item;

	/* Not until the queue is empty: timers and other descriptors want their turn. */
	for (unsigned i = 0; i < 256; i++) {
		item = bus_next_item(bus);
		if (!item)
			return;
		item->run(item);
	}
	loop_wake_send(&bus->wake);
}

/* What an aio brought or could not get rid of; afterwards the aio holds nothing. */
nng_msg *bus_take_msg(nng_aio *aio)
{
	nng_msg *msg = nng_aio_get_msg(aio);

	nng_aio_set_msg(aio, NULL);
	return msg;
}

/* nng_msg_free() takes no NULL. */
void bus_drop_msg(nng_aio *aio)
{
	nng_msg *msg = bus_take_msg(aio);

	if (msg)
		nng_msg_free(msg);
}

/* Takes an item out of the queue whose aio was stopped, before its memory goes. */
void bus_item_forget(struct bus_item *item)
{
	struct bus *bus = item->bus;
	struct bus_item **at = &bus->first;

	pthread_mutex_lock(&bus->lock);
	while (*at && *at != item)
		at = &(*at)->next;
	if (*at) {
		*at = item->next;
		if (!*at)
			bus->last = at;
	}
	pthread_mutex_unlock(&bus->lock);
}

nng_msg *bus_pack(const ProtobufCMessage *message)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, protobuf_c_message_get_packed_size(message)) != 0)
		return NULL;
	protobuf_c_message_pack(message, nng_msg_body(msg));
	return msg;
}

ProtobufCBinaryData bus_view(const uint8_t *bytes, size_t length)
{
	/* protobuf-c wants it non-const but only reads */
	ProtobufCBinaryData view = {.len = length, .data = (uint8_t *)(uintptr_t)bytes};

	return view;
}

/* What has to be seen after later says so by bus_watch_by(). */
static void bus_watch(void *data)
{
	struct bus *bus = data;
	uint64_t now_us = clock_now_us();

	bus->watch_us = CLOCK_NEVER;
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		bus_dial_watch(&bus->peers[i], now_us);
	for (struct bus_subscription *at = bus->subscriptions; at; at = at->next)
		bus_dial_watch(&at->dial, now_us);
	if (bus->server.open)
		bus_server_watch(bus, now_us);
}

void bus_watch_by(struct bus *bus, uint64_t due_us)
{
	uint64_t now_us = clock_now_us();

	if (due_us >= bus->watch_us)
		return;
	bus->watch_us = due_us;
	loop_timer_start(bus->loop, &bus->watch_timer,
			 due_us > now_us ? (due_us - now_us) / CLOCK_MS + 1 : 0, 0, bus_watch, bus);
}

/* ---- the whole */

int bus_new(struct bus **out, struct loop *loop, const struct service *service)
{
	struct bus *bus = calloc(1, sizeof(*bus));
	int r;

	if (!bus)
		return -ENOMEM;
	bus->loop = loop;
	bus->service = service;
	bus->last = &bus->first;
	bus->watch_us = CLOCK_NEVER;
	pthread_mutex_init(&bus->lock, NULL);
	bus->own_uid = geteuid();
	r = loop_wake_init(loop, &bus->wake, bus_run_items, bus);
	if (r < 0) {
		pthread_mutex_destroy(&bus->lock);
		free(bus);
		return r;
	}
	*out = bus;
	return 0;
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	bus->closing = true;
	loop_timer_stop(&bus->watch_timer);
	bus_client_cancel(bus);
	bus_server_close(bus);
	bus_client_close(bus);
	loop_wake_stop(&bus->wake);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}
