/* bus_client.c - asking other services and hearing their events. */
#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/sub.h>
#include <stdlib.h>
#include <string.h>

#include "common/bus_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "ipc.pb-c.h"

/* ---- asking others */

/* Answers and frees. */
static void request_end(struct bus_request *request, const struct error *error, const uint8_t *body,
			size_t length)
{
	*request->previous = request->next;
	if (request->next)
		request->next->previous = request->previous;
	if (request->aio) {
		nng_aio_stop(request->aio);
		bus_drop_msg(request->aio);
		nng_aio_free(request->aio);
		(void)nng_ctx_close(request->ctx);
	}
	if (request->answer)
		request->answer(request->data, error, body, length);
	free(request);
}

static void request_fail(struct bus_request *request, int nng_error)
{
	struct error error;

	if (nng_error == NNG_ETIMEDOUT)
		(void)error_set(&error, -EHOSTDOWN,
				"lanrage-%s did not answer within %u ms; see its log",
				service_names[request->to], request->timeout_ms);
	else
		(void)error_set(&error, bus_errno(nng_error), "lanrage-%s cannot be asked: %s",
				service_names[request->to], nng_strerror(nng_error));
	request_end(request, &error, NULL, 0);
}

static void request_take(struct bus_request *request, nng_msg *msg)
{
	struct envelope reply;
	struct error error;
	int r = envelope_decode_reply(&reply, nng_msg_body(msg), nng_msg_len(msg));

	nng_msg_free(msg);
	if (r < 0 || reply.id != request->id) {
		(void)error_set(&error, -EBADMSG, "the answer of lanrage-%s is malformed",
				service_names[request->to]);
		request_end(request, &error, NULL, 0);
	} else if (reply.error.code != 0) {
		request_end(request, &reply.error, NULL, 0);
	} else {
		request_end(request, NULL, reply.body, reply.length);
	}
	if (r == 0)
		envelope_free(&reply);
}

static void request_run(struct bus_item *item)
{
	struct bus_request *request = (struct bus_request *)item;
	uint64_t now_us = clock_now_us();
	uint64_t left_ms = 1; /* at least: nng forgets the request only when the receiving ends */
	int r = request->aio ? nng_aio_result(request->aio) : request->early;

	if (r != 0) {
		request_fail(request, r);
	} else if (request->receiving) {
		request_take(request, bus_take_msg(request->aio));
	} else {
		if (request->deadline_us > now_us)
			left_ms += (request->deadline_us - now_us) / CLOCK_MS;
		request->receiving = true;
		nng_aio_set_timeout(request->aio, (nng_duration)left_ms);
		nng_ctx_recv(request->ctx, request->aio);
	}
}

/* 0 or an nng error. */
static int request_send(struct bus_request *request, nng_socket socket, uint32_t type,
			const uint8_t *body, size_t length)
{
	Lanrage__Ipc__Request message = LANRAGE__IPC__REQUEST__INIT;
	nng_msg *msg;
	int r;

	if (length > BUS_BODY_MAX)
		return NNG_EMSGSIZE;
	message.id = request->id;
	message.type = type;
	message.body = bus_view(body, length);
	msg = bus_pack(&message.base);
	if (!msg)
		return NNG_ENOMEM;
	r = nng_ctx_open(&request->ctx, socket);
	if (r == 0) {
		r = nng_aio_alloc(&request->aio, bus_item_ready, &request->item);
		if (r != 0)
			(void)nng_ctx_close(request->ctx);
	}
	if (r != 0) {
		request->aio = NULL;
		nng_msg_free(msg);
		return r;
	}
	nng_aio_set_timeout(request->aio, (nng_duration)request->timeout_ms);
	nng_aio_set_msg(request->aio, msg);
	nng_ctx_send(request->ctx, request->aio);
	return 0;
}

static struct bus_request *request_new(struct bus *bus, enum service_id to, uint32_t timeout_ms,
				       bus_answer answer, void *data)
{
	struct bus_request *request = calloc(1, sizeof(*request));

	if (!request)
		abort(); /* the answer that was promised could never be given */
	if (timeout_ms == 0 || timeout_ms > INT32_MAX)
		timeout_ms = BUS_TIMEOUT_MS;
	request->item.bus = bus;
	request->item.run = request_run;
	request->to = to;
	request->id = ++bus->next_id;
	request->timeout_ms = timeout_ms;
	request->deadline_us = clock_now_us() + timeout_ms * CLOCK_MS;
	request->answer = answer;
	request->data = data;
	request->next = bus->requests;
	request->previous = &bus->requests;
	if (request->next)
		request->next->previous = &request->next;
	bus->requests = request;
	return request;
}

static int peer_open(struct bus *bus, enum service_id to)
{
	struct bus_dial *peer = &bus->peers[to];
	int r;

	if (peer->open)
		return 0;
	r = bus_dial_open_req(bus, peer, to);
	if (r == 0)
		r = bus_dial_start(peer);
	if (r != 0)
		bus_dial_close(peer);
	return r;
}

void bus_request(struct bus *bus, enum service_id to, uint32_t type, const uint8_t *body,
		 size_t length, uint32_t timeout_ms, bus_answer answer, void *data)
{
	struct bus_request *request;

	if (bus->closing)
		return;
	request = request_new(bus, to, timeout_ms, answer, data);
	request->early = peer_open(bus, to);
	if (request->early == 0)
		request->early = request_send(request, bus->peers[to].socket, type, body, length);
	if (request->early != 0)
		bus_item_ready(&request->item);
}

/* ---- events in */

/* Sets *resync; false for an event that was seen. Any other instance counts as new, also a smaller
 * one: if a service has lost its state directory, ignoring it for ever would be worse than one
 * snapshot too many. */
static bool subscription_advance(struct bus_subscription *subscription,
				 const struct envelope *event, bool *resync)
{
	bool same = subscription->seen && event->instance == subscription->instance;

	if (same && event->sequence <= subscription->sequence)
		return false;
	*resync = !same || event->sequence != subscription->sequence + 1;
	subscription->seen = true;
	subscription->instance = event->instance;
	subscription->sequence = event->sequence;
	return true;
}

static void subscription_take(struct bus_subscription *subscription, nng_msg *msg)
{
	struct envelope event;
	bool resync;
	int r = envelope_decode_event(&event, nng_msg_body(msg), nng_msg_len(msg));

	nng_msg_free(msg);
	if (r < 0)
		return;
	if (subscription_advance(subscription, &event, &resync))
		subscription->event(subscription->data, event.type, resync, event.body,
				    event.length);
	envelope_free(&event);
}

static void subscription_run(struct bus_item *item)
{
	struct bus_subscription *subscription = (struct bus_subscription *)item;
	int r = nng_aio_result(subscription->aio);

	if (r == NNG_ECLOSED || r == NNG_ECANCELED)
		return;
	if (r == 0)
		subscription_take(subscription, bus_take_msg(subscription->aio));
	nng_recv_aio(subscription->dial.socket, subscription->aio);
}

static void subscription_free(struct bus_subscription *subscription)
{
	if (subscription->aio) {
		nng_aio_stop(subscription->aio);
		bus_item_forget(&subscription->item);
		bus_drop_msg(subscription->aio);
		nng_aio_free(subscription->aio);
	}
	bus_dial_close(&subscription->dial);
	free(subscription);
}

/* 0 or an nng error. */
static int subscription_open(struct bus_subscription *subscription, enum service_id to)
{
	struct bus_dial *dial = &subscription->dial;
	int r = bus_dial_open(subscription->item.bus, dial, nng_sub0_open, to, "pub.sock");

	if (r == 0)
		r = nng_socket_set_int(dial->socket, NNG_OPT_RECVBUF, SUB_QUEUE);
	if (r == 0)
		r = nng_socket_set(dial->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	if (r == 0)
		r = nng_aio_alloc(&subscription->aio, bus_item_ready, &subscription->item);
	if (r == 0)
		r = bus_dial_start(dial);
	return r;
}

int bus_subscribe(struct bus *bus, enum service_id to, bus_event event, void *data)
{
	struct bus_subscription *subscription = calloc(1, sizeof(*subscription));
	int r;

	if (!subscription)
		return -ENOMEM;
	subscription->item.bus = bus;
	subscription->item.run = subscription_run;
	subscription->event = event;
	subscription->data = data;
	r = subscription_open(subscription, to);
	if (r != 0) {
		subscription_free(subscription);
		return bus_errno(r);
	}
	subscription->next = bus->subscriptions;
	bus->subscriptions = subscription;
	nng_recv_aio(subscription->dial.socket, subscription->aio);
	return 0;
}

/* ---- the end */

void bus_client_cancel(struct bus *bus)
{
	while (bus->requests) {
		struct bus_request *request = bus->requests;

		if (request->aio)
			nng_aio_stop(request->aio);
		bus_item_forget(&request->item);
		request_fail(request, NNG_ECANCELED);
	}
}

void bus_client_close(struct bus *bus)
{
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		bus_dial_close(&bus->peers[i]);
	while (bus->subscriptions) {
		struct bus_subscription *subscription = bus->subscriptions;

		bus->subscriptions = subscription->next;
		subscription_free(subscription);
	}
}
