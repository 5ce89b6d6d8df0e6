/* bus.c - see bus.h.
 *
 * nng works with threads of its own. Their only part here: an aio callback puts its object on a
 * queue and wakes the loop (bus_item_ready). Everything else runs on the loop's thread, so nothing
 * but that queue needs a lock. An object with an aio is freed only after nng_aio_stop().
 */
#include "common/bus.h"

#include <errno.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <nng/transport/ipc/ipc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "ipc.pb-c.h"

#define MESSAGE_MAX	  (BUS_BODY_MAX + 1024) /* body and envelope */
#define PUB_QUEUE	  4096			/* messages a subscriber; nng's default is 16 */
#define SUB_QUEUE	  8192
#define SELF_CHECK_MS	  5000
#define SELF_CHECK_ALLOWED 2 /* failures before the listener is made anew */
#define RECONNECT_MIN_MS  20
#define RECONNECT_MAX_MS  500

/* Something that an nng thread reports to the loop. */
struct bus_item {
	struct bus *bus;
	void (*run)(struct bus_item *item);
	struct bus_item *next;
	bool queued;
};

struct bus_call {
	struct bus_item item;
	nng_ctx ctx;
	nng_aio *aio;
	bool sending;
	bool open;
	uint64_t id;
	enum service_id from;
};

struct bus_request {
	struct bus_item item;
	nng_ctx ctx;
	nng_aio *aio; /* NULL: failed before anything was sent */
	bool receiving;
	int early; /* nng error that prevented it */
	uint64_t id;
	uint64_t deadline_us;
	bus_answer answer;
	void *data;
	struct bus_request *next, **previous;
};

struct bus_subscription {
	struct bus_item item;
	nng_socket socket;
	nng_aio *aio;
	bus_event event;
	void *data;
	bool seen;
	uint64_t instance, sequence;
	struct bus_subscription *next;
};

struct bus_server {
	nng_socket rep, pub;
	nng_listener rep_listener;
	bool open;
	const struct bus_method *methods;
	void *data;
	struct bus_call calls[BUS_CALLS_MAX];
	uint64_t sequence;
	uint8_t *latest; /* the last event, packed as a repeat */
	size_t latest_length;
	unsigned repeats;
	struct loop_timer repeat_timer;
	struct loop_timer check_timer;
	unsigned check_failures;
};

struct bus_peer {
	nng_socket req;
	bool open;
};

struct bus {
	struct loop *loop;
	const struct service *service;
	struct loop_wake wake;
	pthread_mutex_t lock;
	struct bus_item *first, **last;
	struct bus_server server;
	struct bus_peer peers[SERVICE_COUNT];
	struct bus_request *requests;
	struct bus_subscription *subscriptions;
	uint64_t next_id;
};

static int bus_errno(int nng_error)
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
	default: return -EIO;
	}
}

/* ---- from nng's threads to the loop */

static void bus_item_ready(void *argument)
{
	struct bus_item *item = argument;
	struct bus *bus = item->bus;

	pthread_mutex_lock(&bus->lock);
	item->next = NULL;
	item->queued = true;
	*bus->last = item;
	bus->last = &item->next;
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
	struct bus_item *item;

	while ((item = bus_next_item(data)) != NULL)
		item->run(item);
}

/* Takes an item out of the queue whose aio was stopped, before its memory goes. */
static void bus_item_forget(struct bus_item *item)
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

static nng_msg *bus_pack(const ProtobufCMessage *message)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, protobuf_c_message_get_packed_size(message)) != 0)
		return NULL;
	protobuf_c_message_pack(message, nng_msg_body(msg));
	return msg;
}

static ProtobufCBinaryData bus_view(const uint8_t *bytes, size_t length)
{
	/* protobuf-c wants it non-const but only reads */
	ProtobufCBinaryData view = {.len = length, .data = (uint8_t *) (uintptr_t) bytes};

	return view;
}

/* ---- serving requests */

static void call_receive(struct bus_call *call)
{
	call->sending = false;
	nng_ctx_recv(call->ctx, call->aio);
}

static void call_reply(struct bus_call *call, int status, const char *text, const uint8_t *body,
		       size_t length)
{
	Lanrage__Ipc__Reply reply = LANRAGE__IPC__REPLY__INIT;
	nng_msg *msg;

	reply.id = call->id;
	reply.status = status;
	reply.text = (char *) (uintptr_t) text;
	reply.body = bus_view(body, length);
	msg = bus_pack(&reply.base);
	if (!msg) { /* the asker's timeout says the rest */
		call_receive(call);
		return;
	}
	nng_aio_set_msg(call->aio, msg);
	call->sending = true;
	nng_ctx_send(call->ctx, call->aio);
}

void bus_reply(struct bus_call *call, const uint8_t *body, size_t length)
{
	if (length > BUS_BODY_MAX)
		call_reply(call, -EMSGSIZE, "the answer is too large", NULL, 0);
	else
		call_reply(call, 0, "", body, length);
}

void bus_reply_error(struct bus_call *call, int code, const char *text)
{
	call_reply(call, code, text, NULL, 0);
}

enum service_id bus_call_from(const struct bus_call *call)
{
	return call->from;
}

/* Is this uid root or one of the allowed services'? *from says which. */
static bool bus_permits(const struct bus *bus, uint64_t uid, uint32_t allowed,
			enum service_id *from)
{
	*from = SERVICE_COUNT;
	if (uid == 0)
		return true;
	for (unsigned i = 0; i < SERVICE_COUNT; i++) {
		if ((allowed & BUS_FROM(i)) && bus->service->uids[i] != (uid_t) -1 &&
		    bus->service->uids[i] == uid) {
			*from = (enum service_id) i;
			return true;
		}
	}
	return false;
}

static void call_dispatch(struct bus_call *call, uint64_t uid, uint32_t type, const uint8_t *body,
			  size_t length)
{
	const struct bus *bus = call->item.bus;
	const struct bus_method *method = bus->server.methods;

	if (type == BUS_REQUEST_PING && bus_permits(bus, uid, BUS_FROM_ANY, &call->from)) {
		bus_reply(call, NULL, 0);
		return;
	}
	while (method->handler && method->type != type)
		method++;
	if (!method->handler || !bus_permits(bus, uid, method->allowed, &call->from)) {
		static struct log_limit limit;

		if (log_limit_pass(&limit, clock_now_us(), CLOCK_SECOND))
			log_warning("bus: request %u by uid %llu denied", type,
				    (unsigned long long) uid);
		bus_reply_error(call, -EACCES, "this may not be asked by this process");
		return;
	}
	method->handler(bus->server.data, call, body, length);
}

static void call_take(struct bus_call *call, nng_msg *msg)
{
	nng_pipe pipe = nng_msg_get_pipe(msg);
	Lanrage__Ipc__Request *request;
	uint64_t uid;

	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
		uid = UINT64_MAX;
	request = lanrage__ipc__request__unpack(NULL, nng_msg_len(msg), nng_msg_body(msg));
	nng_msg_free(msg);
	if (!request) {
		call_receive(call); /* garbage gets no answer */
		return;
	}
	call->id = request->id;
	if (request->body.len > BUS_BODY_MAX)
		bus_reply_error(call, -EMSGSIZE, "the request is too large");
	else
		call_dispatch(call, uid, request->type, request->body.data, request->body.len);
	lanrage__ipc__request__free_unpacked(request, NULL);
}

static void call_run(struct bus_item *item)
{
	struct bus_call *call = (struct bus_call *) item;
	int r = nng_aio_result(call->aio);

	if (r == NNG_ECLOSED || r == NNG_ECANCELED)
		return; /* bus_free() is at work */
	if (call->sending) {
		if (r != 0)
			nng_msg_free(nng_aio_get_msg(call->aio));
		call_receive(call);
	} else if (r != 0) {
		call_receive(call);
	} else {
		call_take(call, nng_aio_get_msg(call->aio));
	}
}

/* ---- events out */

/* Runs on a thread of nng's: only reads what never changes. */
static void pub_check_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	const struct bus *bus = argument;
	enum service_id from;
	uint64_t uid;

	(void) event;
	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0 ||
	    !bus_permits(bus, uid, BUS_FROM_ANY, &from))
		nng_pipe_close(pipe);
}

static void pub_send(struct bus *bus, const uint8_t *bytes, size_t length)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, length) != 0)
		return;
	memcpy(nng_msg_body(msg), bytes, length);
	if (nng_sendmsg(bus->server.pub, msg, NNG_FLAG_NONBLOCK) != 0)
		nng_msg_free(msg);
}

static void pub_repeat(void *data)
{
	static const uint64_t silence_ms[] = {100, 1000, 10000};
	struct bus *bus = data;
	struct bus_server *server = &bus->server;

	if (server->repeats > 0)
		pub_send(bus, server->latest, server->latest_length);
	if (server->repeats < sizeof(silence_ms) / sizeof(silence_ms[0]))
		loop_timer_start(bus->loop, &server->repeat_timer, silence_ms[server->repeats++], 0,
				 pub_repeat, bus);
}

void bus_publish(struct bus *bus, uint32_t type, const uint8_t *body, size_t length)
{
	struct bus_server *server = &bus->server;
	Lanrage__Ipc__Event event = LANRAGE__IPC__EVENT__INIT;
	uint8_t *bytes;

	if (!server->open || length > BUS_BODY_MAX)
		return;
	event.instance = bus->service->instance;
	event.sequence = ++server->sequence;
	event.type = type;
	event.body = bus_view(body, length);
	bytes = malloc(lanrage__ipc__event__get_packed_size(&event) + 2);
	if (!bytes)
		return; /* the gap in the sequence makes subscribers ask */
	pub_send(bus, bytes, lanrage__ipc__event__pack(&event, bytes));
	event.repeat = true;
	free(server->latest);
	server->latest = bytes;
	server->latest_length = lanrage__ipc__event__pack(&event, bytes);
	server->repeats = 0;
	pub_repeat(bus);
}

/* ---- own listeners */

static int bus_listen(struct bus *bus, nng_socket socket, const char *name, nng_listener *listener)
{
	char url[SERVICE_URL_MAX];
	int r;

	service_url(bus->service, bus->service->id, name, url);
	/* We hold the lock of the directory, so a socket there is a dead one's. */
	(void) unlink(url + strlen("ipc://"));
	r = nng_listener_create(listener, socket, url);
	if (r == 0)
		r = nng_listener_set_int(*listener, NNG_OPT_IPC_PERMISSIONS, 0660);
	if (r == 0)
		r = nng_listener_start(*listener, 0);
	return r;
}

static void bus_self_check(void *data);

static void bus_self_checked(void *data, const struct error *error, const uint8_t *body,
			     size_t length)
{
	struct bus *bus = data;
	struct bus_server *server = &bus->server;
	int r;

	(void) body;
	(void) length;
	if (error && error->code == -ECANCELED)
		return;
	server->check_failures = error ? server->check_failures + 1 : 0;
	if (server->check_failures >= SELF_CHECK_ALLOWED) {
		server->check_failures = 0;
		nng_listener_close(server->rep_listener);
		r = bus_listen(bus, server->rep, "rep.sock", &server->rep_listener);
		log_warning("bus: the own socket did not answer; listening anew: %s",
			    r == 0 ? "done" : nng_strerror(r));
	}
	loop_timer_start(bus->loop, &server->check_timer, SELF_CHECK_MS, 0, bus_self_check, bus);
}

static void bus_self_check(void *data)
{
	struct bus *bus = data;

	bus_request(bus, bus->service->id, BUS_REQUEST_PING, NULL, 0, BUS_TIMEOUT_MS,
		    bus_self_checked, bus);
}

static int bus_open_call(struct bus *bus, struct bus_call *call)
{
	int r;

	call->item.bus = bus;
	call->item.run = call_run;
	r = nng_ctx_open(&call->ctx, bus->server.rep);
	if (r != 0)
		return r;
	r = nng_aio_alloc(&call->aio, bus_item_ready, &call->item);
	if (r != 0) {
		nng_ctx_close(call->ctx);
		return r;
	}
	call->open = true;
	call_receive(call);
	return 0;
}

static int bus_open_server(struct bus *bus)
{
	struct bus_server *server = &bus->server;
	nng_listener listener;
	int r = nng_rep0_open(&server->rep);

	if (r != 0)
		return r;
	r = nng_pub0_open(&server->pub);
	if (r != 0) {
		nng_close(server->rep);
		return r;
	}
	server->open = true;
	nng_socket_set_size(server->rep, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	nng_socket_set_size(server->pub, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	nng_socket_set_int(server->pub, NNG_OPT_SENDBUF, PUB_QUEUE);
	nng_pipe_notify(server->pub, NNG_PIPE_EV_ADD_PRE, pub_check_pipe, bus);
	for (size_t i = 0; r == 0 && i < BUS_CALLS_MAX; i++)
		r = bus_open_call(bus, &server->calls[i]);
	if (r == 0)
		r = bus_listen(bus, server->rep, "rep.sock", &server->rep_listener);
	if (r == 0)
		r = bus_listen(bus, server->pub, "pub.sock", &listener);
	return r;
}

int bus_serve(struct bus *bus, const struct bus_method *methods, void *data, struct error *error)
{
	int r;

	bus->server.methods = methods;
	bus->server.data = data;
	r = bus_open_server(bus);
	if (r != 0)
		return error_set(error, bus_errno(r), "cannot listen in %.160s: %s",
				 bus->service->own_run, nng_strerror(r));
	bus_publish(bus, BUS_EVENT_HELLO, NULL, 0);
	loop_timer_start(bus->loop, &bus->server.check_timer, SELF_CHECK_MS, 0, bus_self_check,
			 bus);
	return 0;
}

static void bus_close_server(struct bus *bus)
{
	struct bus_server *server = &bus->server;
	char url[SERVICE_URL_MAX];

	if (!server->open)
		return;
	loop_timer_stop(&server->repeat_timer);
	loop_timer_stop(&server->check_timer);
	for (size_t i = 0; i < BUS_CALLS_MAX; i++) {
		struct bus_call *call = &server->calls[i];

		if (!call->open)
			continue;
		nng_aio_stop(call->aio);
		bus_item_forget(&call->item);
		if (nng_aio_result(call->aio) == 0 && !call->sending)
			nng_msg_free(nng_aio_get_msg(call->aio));
		nng_aio_free(call->aio);
		nng_ctx_close(call->ctx);
	}
	nng_close(server->rep);
	nng_close(server->pub);
	free(server->latest);
	service_url(bus->service, bus->service->id, "rep.sock", url);
	(void) unlink(url + strlen("ipc://"));
	service_url(bus->service, bus->service->id, "pub.sock", url);
	(void) unlink(url + strlen("ipc://"));
}

/* ---- asking others */

static int bus_dial(nng_socket socket, const char *url)
{
	nng_dialer dialer;
	int r = nng_dialer_create(&dialer, socket, url);

	if (r != 0)
		return r;
	nng_dialer_set_ms(dialer, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	nng_dialer_set_ms(dialer, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	return nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
}

static int peer_open(struct bus *bus, enum service_id to)
{
	struct bus_peer *peer = &bus->peers[to];
	char url[SERVICE_URL_MAX];
	int r;

	if (peer->open)
		return 0;
	r = nng_req0_open(&peer->req);
	if (r != 0)
		return r;
	nng_socket_set_size(peer->req, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	nng_socket_set_ms(peer->req, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
	service_url(bus->service, to, "rep.sock", url);
	r = bus_dial(peer->req, url);
	if (r != 0) {
		nng_close(peer->req);
		return r;
	}
	peer->open = true;
	return 0;
}

/* Answers and frees. */
static void request_end(struct bus_request *request, const struct error *error,
			const uint8_t *body, size_t length)
{
	*request->previous = request->next;
	if (request->next)
		request->next->previous = request->previous;
	if (request->aio) {
		nng_aio_stop(request->aio);
		nng_aio_free(request->aio);
		nng_ctx_close(request->ctx);
	}
	if (request->answer)
		request->answer(request->data, error, body, length);
	free(request);
}

static void request_fail(struct bus_request *request, int nng_error)
{
	struct error error;

	error_set(&error, bus_errno(nng_error), "%s",
		  nng_error == NNG_ETIMEDOUT ? "the service did not answer in time"
					     : nng_strerror(nng_error));
	request_end(request, &error, NULL, 0);
}

static void request_take(struct bus_request *request, nng_msg *msg)
{
	Lanrage__Ipc__Reply *reply =
		lanrage__ipc__reply__unpack(NULL, nng_msg_len(msg), nng_msg_body(msg));
	struct error error;

	nng_msg_free(msg);
	if (!reply || reply->id != request->id || reply->body.len > BUS_BODY_MAX) {
		error_set(&error, -EBADMSG, "the service's answer is malformed");
		request_end(request, &error, NULL, 0);
	} else if (reply->status != 0) {
		error_set(&error, reply->status < 0 ? reply->status : -EIO, "%s", reply->text);
		request_end(request, &error, NULL, 0);
	} else {
		request_end(request, NULL, reply->body.data, reply->body.len);
	}
	if (reply)
		lanrage__ipc__reply__free_unpacked(reply, NULL);
}

static void request_run(struct bus_item *item)
{
	struct bus_request *request = (struct bus_request *) item;
	uint64_t now_us = clock_now_us();
	int r = request->aio ? nng_aio_result(request->aio) : request->early;

	if (r != 0) {
		if (request->aio && !request->receiving)
			nng_msg_free(nng_aio_get_msg(request->aio));
		request_fail(request, r);
	} else if (request->receiving) {
		request_take(request, nng_aio_get_msg(request->aio));
	} else if (now_us >= request->deadline_us) {
		request_fail(request, NNG_ETIMEDOUT);
	} else {
		request->receiving = true;
		nng_aio_set_timeout(request->aio,
				    (nng_duration) ((request->deadline_us - now_us) / CLOCK_MS) + 1);
		nng_ctx_recv(request->ctx, request->aio);
	}
}

static int request_send(struct bus_request *request, enum service_id to, uint32_t type,
			const uint8_t *body, size_t length, uint32_t timeout_ms)
{
	struct bus *bus = request->item.bus;
	Lanrage__Ipc__Request message = LANRAGE__IPC__REQUEST__INIT;
	nng_aio *aio;
	nng_msg *msg;
	int r;

	if (length > BUS_BODY_MAX)
		return NNG_EMSGSIZE;
	r = peer_open(bus, to);
	if (r == 0)
		r = nng_ctx_open(&request->ctx, bus->peers[to].req);
	if (r != 0)
		return r;
	message.id = request->id;
	message.type = type;
	message.body = bus_view(body, length);
	msg = bus_pack(&message.base);
	if (!msg || nng_aio_alloc(&aio, bus_item_ready, &request->item) != 0) {
		nng_msg_free(msg);
		nng_ctx_close(request->ctx);
		return NNG_ENOMEM;
	}
	request->aio = aio;
	nng_aio_set_timeout(aio, (nng_duration) timeout_ms);
	nng_aio_set_msg(aio, msg);
	nng_ctx_send(request->ctx, aio);
	return 0;
}

void bus_request(struct bus *bus, enum service_id to, uint32_t type, const uint8_t *body,
		 size_t length, uint32_t timeout_ms, bus_answer answer, void *data)
{
	struct bus_request *request = calloc(1, sizeof(*request));

	if (!request)
		abort(); /* the answer that was promised could never be given */
	request->item.bus = bus;
	request->item.run = request_run;
	request->id = ++bus->next_id;
	request->deadline_us = clock_now_us() + timeout_ms * CLOCK_MS;
	request->answer = answer;
	request->data = data;
	request->next = bus->requests;
	request->previous = &bus->requests;
	if (request->next)
		request->next->previous = &request->next;
	bus->requests = request;
	request->early = request_send(request, to, type, body, length, timeout_ms);
	if (request->early != 0)
		bus_item_ready(&request->item);
}

/* ---- events in */

/* Sets *resync; false for an event that is old or was seen. */
static bool subscription_advance(struct bus_subscription *subscription,
				 const Lanrage__Ipc__Event *event, bool *resync)
{
	bool same = subscription->seen && event->instance == subscription->instance;

	if (subscription->seen && event->instance < subscription->instance)
		return false;
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
	Lanrage__Ipc__Event *event =
		lanrage__ipc__event__unpack(NULL, nng_msg_len(msg), nng_msg_body(msg));
	bool resync;

	nng_msg_free(msg);
	if (!event)
		return;
	if (event->body.len <= BUS_BODY_MAX && subscription_advance(subscription, event, &resync))
		subscription->event(subscription->data, event->type, resync, event->body.data,
				    event->body.len);
	lanrage__ipc__event__free_unpacked(event, NULL);
}

static void subscription_run(struct bus_item *item)
{
	struct bus_subscription *subscription = (struct bus_subscription *) item;
	int r = nng_aio_result(subscription->aio);

	if (r == NNG_ECLOSED || r == NNG_ECANCELED)
		return;
	if (r == 0)
		subscription_take(subscription, nng_aio_get_msg(subscription->aio));
	nng_recv_aio(subscription->socket, subscription->aio);
}

int bus_subscribe(struct bus *bus, enum service_id to, bus_event event, void *data)
{
	struct bus_subscription *subscription = calloc(1, sizeof(*subscription));
	char url[SERVICE_URL_MAX];
	int r;

	if (!subscription)
		return -ENOMEM;
	subscription->item.bus = bus;
	subscription->item.run = subscription_run;
	subscription->event = event;
	subscription->data = data;
	r = nng_sub0_open(&subscription->socket);
	if (r != 0)
		goto out;
	nng_socket_set_size(subscription->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	nng_socket_set_int(subscription->socket, NNG_OPT_RECVBUF, SUB_QUEUE);
	nng_socket_set(subscription->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	service_url(bus->service, to, "pub.sock", url);
	r = nng_aio_alloc(&subscription->aio, bus_item_ready, &subscription->item);
	if (r == 0)
		r = bus_dial(subscription->socket, url);
	if (r != 0) {
		nng_aio_free(subscription->aio);
		nng_close(subscription->socket);
		goto out;
	}
	subscription->next = bus->subscriptions;
	bus->subscriptions = subscription;
	nng_recv_aio(subscription->socket, subscription->aio);
	return 0;
out:
	free(subscription);
	return bus_errno(r);
}

static void subscription_free(struct bus_subscription *subscription)
{
	nng_aio_stop(subscription->aio);
	bus_item_forget(&subscription->item);
	if (nng_aio_result(subscription->aio) == 0)
		nng_msg_free(nng_aio_get_msg(subscription->aio));
	nng_aio_free(subscription->aio);
	nng_close(subscription->socket);
	free(subscription);
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
	pthread_mutex_init(&bus->lock, NULL);
	r = loop_wake_init(loop, &bus->wake, bus_run_items, bus);
	if (r < 0) {
		free(bus);
		return r;
	}
	*out = bus;
	return 0;
}

static void bus_cancel_requests(struct bus *bus)
{
	while (bus->requests) {
		struct bus_request *request = bus->requests;

		if (request->aio)
			nng_aio_stop(request->aio);
		bus_item_forget(&request->item);
		if (request->aio && (nng_aio_result(request->aio) == 0) == request->receiving)
			nng_msg_free(nng_aio_get_msg(request->aio));
		request_fail(request, NNG_ECANCELED);
	}
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	bus_cancel_requests(bus);
	bus_close_server(bus);
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		if (bus->peers[i].open)
			nng_close(bus->peers[i].req);
	while (bus->subscriptions) {
		struct bus_subscription *subscription = bus->subscriptions;

		bus->subscriptions = subscription->next;
		subscription_free(subscription);
	}
	pthread_mutex_destroy(&bus->lock);
	loop_wake_stop(&bus->wake);
	free(bus);
}
