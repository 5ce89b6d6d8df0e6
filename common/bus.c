/* bus.c - see bus.h.
 *
 * nng works with threads of its own. Their only part here: an aio callback puts its object on a
 * queue and wakes the loop (bus_item_ready). Everything else runs on the loop's thread, so nothing
 * but that queue needs a lock. An object with an aio is freed only after nng_aio_stop().
 *
 * nng 1.5.2 maps EPIPE to NNG_ECLOSED, which its listeners and dialers take for their own end: a
 * peer that dies between connect and handshake makes a listener deaf and a dialer give up, for
 * good. So both are watched here (bus_tick): the listeners by connecting to them anew, the
 * dialers by whether they have a pipe.
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
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "ipc.pb-c.h"

#define MESSAGE_MAX	 (BUS_BODY_MAX + 1024) /* body and envelope */
#define PUB_QUEUE	 4096		       /* messages a subscriber; nng's default is 16 */
#define SUB_QUEUE	 8192
#define TICK_MS		 1000
#define CHECK_TICKS	 5   /* between self-checks; after a failure the next comes in one */
#define CHECK_TIMEOUT_MS 800 /* less than a tick */
#define CHECK_FAILURES	 2   /* before a listener is made anew */
#define REDIAL_US	 (3 * CLOCK_SECOND) /* without a pipe, before a dialer is made anew */
#define REPLY_TIMEOUT_MS 2000 /* a client that does not read must not keep a call for ever */
/* Long: repeating is for a connection that broke, which nng notices by itself. With an infinite
 * time it would fail the request then, and lose an answer that had just arrived. */
#define RESEND_MS 3600000
/* What unpacking an envelope takes beside the bytes themselves. */
#define UNPACK_EXTRA	 512
#define STATUS_MIN	 (-4095) /* MAX_ERRNO */
#define RECONNECT_MIN_MS 20
#define RECONNECT_MAX_MS 500

/* Something that an nng thread reports to the loop. */
struct bus_item {
	struct bus *bus;
	void (*run)(struct bus_item *item);
	struct bus_item *next;
	bool queued;
};

enum call_state {
	CALL_RECEIVING,
	CALL_HELD, /* by its handler */
	CALL_SENDING,
};

struct bus_call {
	struct bus_item item;
	nng_ctx ctx;
	nng_aio *aio;
	enum call_state state;
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
	enum service_id to;
	uint32_t timeout_ms;
	uint64_t id;
	uint64_t deadline_us;
	bus_answer answer;
	void *data;
	struct bus_request *next, **previous;
};

/* A socket that dials one other. `pipe` is written by nng's threads. */
struct bus_dial {
	nng_socket socket;
	nng_dialer dialer;
	bool open, dialing;
	atomic_int pipe;	 /* the present one's id, 0 for none */
	uint64_t alone_since_us; /* without a pipe */
	char url[SERVICE_URL_MAX];
};

struct bus_subscription {
	struct bus_item item;
	struct bus_dial dial;
	nng_aio *aio;
	bus_event event;
	void *data;
	bool seen;
	uint64_t instance, sequence;
	struct bus_subscription *next;
};

/* One of the own sockets, and the self-check's connection to it. */
struct bus_listener {
	const char *name;
	nng_socket socket;
	nng_listener listener;
	bool listening;
	struct bus_dial probe;
	unsigned failures;
};

struct bus_server {
	struct bus_listener rep, pub;
	bool open;
	const struct bus_method *methods;
	void *data;
	struct bus_call calls[BUS_CALLS_MAX];
	uint64_t sequence;
	uint8_t *latest; /* the last event, packed as a repeat */
	size_t latest_length;
	unsigned repeats;
	struct loop_timer repeat_timer;
	struct bus_item joined; /* somebody subscribed */
	atomic_uint strangers;	/* turned away since the last tick */
	atomic_bool probe_accepted;
	bool checking, ping_answered;
	unsigned ticks_to_check;
};

struct bus {
	struct loop *loop;
	const struct service *service;
	struct loop_wake wake;
	pthread_mutex_t lock;
	struct bus_item *first, **last;
	struct bus_server server;
	struct bus_dial peers[SERVICE_COUNT];
	struct bus_request *requests;
	struct bus_subscription *subscriptions;
	struct loop_timer tick_timer;
	uint64_t next_id;
	uid_t own_uid;
	bool closing;
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
	case NNG_ECONNRESET:
	case NNG_ECONNSHUT: return -ECONNRESET;
	default: return -EIO;
	}
}

/* ---- from nng's threads to the loop */

static void bus_item_ready(void *argument)
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
static nng_msg *bus_take_msg(nng_aio *aio)
{
	nng_msg *msg = nng_aio_get_msg(aio);

	nng_aio_set_msg(aio, NULL);
	return msg;
}

/* nng_msg_free() takes no NULL. */
static void bus_drop_msg(nng_aio *aio)
{
	nng_msg *msg = bus_take_msg(aio);

	if (msg)
		nng_msg_free(msg);
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

/* ---- the envelope */

/* Memory for one unpacking: a single bounded block, freed as a whole. protobuf-c can turn a few
 * bytes into many (unknown fields, a field given again and again); here it runs out instead. */
struct bus_arena {
	ProtobufCAllocator allocator;
	uint8_t *bytes;
	size_t size, used;
};

static void *arena_take(void *data, size_t size)
{
	struct bus_arena *arena = data;
	size_t left = arena->size - arena->used;
	uint8_t *bytes = arena->bytes + arena->used;

	if (size > left)
		return NULL;
	size = (size + 15) / 16 * 16;
	arena->used += size < left ? size : left;
	return bytes;
}

static void arena_give_back(void *data, void *pointer)
{
	(void)data;
	(void)pointer;
}

static int bus_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
		      size_t length, struct bus_envelope *envelope, const void **message)
{
	struct bus_arena arena = {
		.allocator = {arena_take, arena_give_back, &arena},
		.size = length + UNPACK_EXTRA,
	};

	*envelope = (struct bus_envelope){0};
	if (length > MESSAGE_MAX)
		return -EBADMSG;
	arena.bytes = malloc(arena.size);
	if (!arena.bytes)
		return -ENOMEM;
	*message = protobuf_c_message_unpack(descriptor, &arena.allocator, length, bytes);
	if (!*message) {
		free(arena.bytes);
		return -EBADMSG;
	}
	envelope->memory = arena.bytes;
	return 0;
}

void bus_envelope_free(struct bus_envelope *envelope)
{
	free(envelope->memory);
	envelope->memory = NULL;
}

/* The last step of every decoder. */
static int bus_decode_body(struct bus_envelope *envelope, const ProtobufCBinaryData *body, bool ok)
{
	if (!ok || body->len > BUS_BODY_MAX) {
		bus_envelope_free(envelope);
		return -EBADMSG;
	}
	envelope->body = body->data ? body->data : (const uint8_t *)"";
	envelope->length = body->len;
	return 0;
}

int bus_decode_request(struct bus_envelope *envelope, const uint8_t *bytes, size_t length)
{
	const void *message;
	const Lanrage__Ipc__Request *request;
	int r = bus_unpack(&lanrage__ipc__request__descriptor, bytes, length, envelope, &message);

	if (r < 0)
		return r;
	request = message;
	envelope->id = request->id;
	envelope->type = request->type;
	return bus_decode_body(envelope, &request->body, true);
}

int bus_decode_reply(struct bus_envelope *envelope, const uint8_t *bytes, size_t length)
{
	const void *message;
	const Lanrage__Ipc__Reply *reply;
	int r = bus_unpack(&lanrage__ipc__reply__descriptor, bytes, length, envelope, &message);
	bool ok;

	if (r < 0)
		return r;
	reply = message;
	/* A NUL inside the text ends it early, which is harmless: it is only shown. */
	ok = reply->status <= 0 && reply->status >= STATUS_MIN &&
	     strlen(reply->text) < ERROR_TEXT_MAX;
	envelope->id = reply->id;
	if (ok && reply->status != 0)
		(void)error_set(&envelope->error, reply->status, "%s", reply->text);
	return bus_decode_body(envelope, &reply->body, ok);
}

int bus_decode_event(struct bus_envelope *envelope, const uint8_t *bytes, size_t length)
{
	const void *message;
	const Lanrage__Ipc__Event *event;
	int r = bus_unpack(&lanrage__ipc__event__descriptor, bytes, length, envelope, &message);

	if (r < 0)
		return r;
	event = message;
	envelope->type = event->type;
	envelope->instance = event->instance;
	envelope->sequence = event->sequence;
	envelope->repeat = event->repeat;
	return bus_decode_body(envelope, &event->body, event->sequence != 0);
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
	ProtobufCBinaryData view = {.len = length, .data = (uint8_t *)(uintptr_t)bytes};

	return view;
}

/* ---- serving requests */

static void call_receive(struct bus_call *call)
{
	call->state = CALL_RECEIVING;
	nng_aio_set_timeout(call->aio, NNG_DURATION_INFINITE);
	nng_ctx_recv(call->ctx, call->aio);
}

static void call_reply(struct bus_call *call, int status, const char *text, const uint8_t *body,
		       size_t length)
{
	Lanrage__Ipc__Reply reply = LANRAGE__IPC__REPLY__INIT;
	nng_msg *msg;

	if (call->state != CALL_HELD) {
		log_err("bus: a call is answered a second time");
		return;
	}
	reply.id = call->id;
	reply.status = status;
	reply.text = (char *)(uintptr_t)text;
	reply.body = bus_view(body, length);
	msg = bus_pack(&reply.base);
	if (!msg) { /* the asker's timeout says the rest */
		call_receive(call);
		return;
	}
	nng_aio_set_msg(call->aio, msg);
	nng_aio_set_timeout(call->aio, REPLY_TIMEOUT_MS);
	call->state = CALL_SENDING;
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
	struct error error;

	/* The other end refuses what is no negative errno, or longer words than a struct error's.
	 */
	(void)error_set(&error, code < 0 && code >= STATUS_MIN ? code : -EIO, "%s",
			text ? text : "");
	call_reply(call, error.code, error.text, NULL, 0);
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
		if ((allowed & BUS_FROM(i)) && bus->service->uids[i] != (uid_t)-1 &&
		    bus->service->uids[i] == uid) {
			*from = (enum service_id)i;
			return true;
		}
	}
	return false;
}

/* One of the suite, whichever: root, ourselves or a service's user. */
static bool bus_knows(const struct bus *bus, uint64_t uid)
{
	enum service_id from;

	return uid == bus->own_uid || bus_permits(bus, uid, BUS_FROM_ANY, &from);
}

static void call_dispatch(struct bus_call *call, uint64_t uid, uint32_t type, const uint8_t *body,
			  size_t length)
{
	const struct bus *bus = call->item.bus;
	const struct bus_method *method = bus->server.methods;

	if (type == BUS_REQUEST_PING && bus_knows(bus, uid)) {
		bus_reply(call, NULL, 0);
		return;
	}
	while (method->handler && method->type != type)
		method++;
	if (!method->handler || !bus_permits(bus, uid, method->allowed, &call->from)) {
		static struct log_limit limit;

		if (log_limit_pass(&limit, clock_now_us(), CLOCK_SECOND))
			log_warning("bus: request %u by uid %llu denied", type,
				    (unsigned long long)uid);
		bus_reply_error(call, -EACCES, "this may not be asked by this process");
		return;
	}
	method->handler(bus->server.data, call, body, length);
}

static void call_take(struct bus_call *call, nng_msg *msg)
{
	nng_pipe pipe = nng_msg_get_pipe(msg);
	struct bus_envelope request;
	uint64_t uid;
	int r;

	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
		uid = UINT64_MAX; /* it has gone already */
	r = bus_decode_request(&request, nng_msg_body(msg), nng_msg_len(msg));
	nng_msg_free(msg);
	if (r < 0) {
		static struct log_limit limit;

		if (log_limit_pass(&limit, clock_now_us(), CLOCK_SECOND))
			log_warning("bus: a malformed request by uid %lld; closing its connection",
				    (long long)uid);
		(void)nng_pipe_close(pipe);
		call_receive(call);
		return;
	}
	call->state = CALL_HELD;
	call->id = request.id;
	call_dispatch(call, uid, request.type, request.body, request.length);
	bus_envelope_free(&request);
}

static void call_run(struct bus_item *item)
{
	struct bus_call *call = (struct bus_call *)item;
	int r = nng_aio_result(call->aio);

	if (r == NNG_ECLOSED || r == NNG_ECANCELED) {
		bus_drop_msg(call->aio); /* bus_free() is at work */
	} else if (call->state == CALL_RECEIVING && r == 0) {
		call_take(call, bus_take_msg(call->aio));
	} else {
		bus_drop_msg(call->aio); /* an answer that nobody fetched */
		call_receive(call);
	}
}

/* ---- events out */

/* These two run on a thread of nng's: they only read what never changes. */
static void pub_check_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus *bus = argument;
	uint64_t uid;

	(void)event;
	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 && bus_knows(bus, uid))
		return;
	atomic_fetch_add(&bus->server.strangers, 1);
	(void)nng_pipe_close(pipe);
}

static void pub_added_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus *bus = argument;
	uint64_t pid;

	(void)event;
	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) != 0)
		return;
	/* The self-check does not count as a subscriber, or there would never be silence. */
	if (pid == (uint64_t)getpid())
		atomic_store(&bus->server.probe_accepted, true);
	else
		bus_item_ready(&bus->server.joined);
}

static void pub_send(struct bus *bus, const uint8_t *bytes, size_t length)
{
	nng_msg *msg;

	if (nng_msg_alloc(&msg, length) != 0)
		return;
	memcpy(nng_msg_body(msg), bytes, length);
	if (nng_sendmsg(bus->server.pub.socket, msg, NNG_FLAG_NONBLOCK) != 0)
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

/* A new subscriber hears the latest event soon, and by it which instance this is. */
static void pub_joined(struct bus_item *item)
{
	item->bus->server.repeats = 0;
	pub_repeat(item->bus);
}

void bus_publish(struct bus *bus, uint32_t type, const uint8_t *body, size_t length)
{
	struct bus_server *server = &bus->server;
	Lanrage__Ipc__Event event = LANRAGE__IPC__EVENT__INIT;
	uint8_t *bytes;

	if (!server->open)
		return;
	event.instance = bus->service->instance;
	event.sequence = ++server->sequence;
	if (length > BUS_EVENT_MAX) {
		log_err("bus: event %u has %zu bytes, more than %u; not sent", type, length,
			BUS_EVENT_MAX);
		return;
	}
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

/* ---- dialing */

/* Runs on a thread of nng's. ADD_PRE, because it is the one event that always comes before a
 * REM_POST of the same pipe. */
static void dial_pipe_event(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus_dial *dial = argument;
	int id = nng_pipe_id(pipe);

	if (event == NNG_PIPE_EV_ADD_PRE) {
		atomic_store(&dial->pipe, id);
	} else {
		(void)atomic_compare_exchange_strong(&dial->pipe, &id, 0);
	}
}

/* Opens the socket and prepares it; dial_start() does the rest. 0 or an nng error. */
static int dial_open(struct bus *bus, struct bus_dial *dial, int (*open_socket)(nng_socket *),
		     enum service_id to, const char *name)
{
	int r = open_socket(&dial->socket);

	if (r != 0)
		return r;
	dial->open = true;
	service_url(bus->service, to, name, dial->url);
	(void)nng_socket_set_size(dial->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	(void)nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
	(void)nng_socket_set_ms(dial->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
	(void)nng_pipe_notify(dial->socket, NNG_PIPE_EV_ADD_PRE, dial_pipe_event, dial);
	(void)nng_pipe_notify(dial->socket, NNG_PIPE_EV_REM_POST, dial_pipe_event, dial);
	return 0;
}

static void dial_stop(struct bus_dial *dial)
{
	if (dial->dialing)
		(void)nng_dialer_close(dial->dialer);
	dial->dialing = false;
}

static int dial_start(struct bus_dial *dial)
{
	int r;

	dial_stop(dial);
	dial->alone_since_us = clock_now_us();
	r = nng_dialer_create(&dial->dialer, dial->socket, dial->url);
	if (r != 0)
		return r;
	dial->dialing = true;
	return nng_dialer_start(dial->dialer, NNG_FLAG_NONBLOCK);
}

static void dial_close(struct bus_dial *dial)
{
	if (dial->open)
		(void)nng_close(dial->socket);
	dial->open = false;
	dial->dialing = false;
}

/* A dialer may have given up without telling; one that has not loses nothing. */
static void dial_watch(struct bus_dial *dial, uint64_t now_us)
{
	if (!dial->open)
		return;
	if (atomic_load(&dial->pipe) != 0)
		dial->alone_since_us = now_us;
	else if (now_us - dial->alone_since_us >= REDIAL_US)
		(void)dial_start(dial);
}

static int req_open(struct bus *bus, struct bus_dial *dial, enum service_id to)
{
	int r = dial_open(bus, dial, nng_req0_open, to, "rep.sock");

	if (r == 0)
		(void)nng_socket_set_ms(dial->socket, NNG_OPT_REQ_RESENDTIME, RESEND_MS);
	return r;
}

/* ---- own listeners */

static void listener_stop(struct bus *bus, struct bus_listener *own)
{
	char url[SERVICE_URL_MAX];

	if (own->listening)
		(void)nng_listener_close(own->listener);
	own->listening = false;
	service_url(bus->service, bus->service->id, own->name, url);
	/* We hold the lock of the directory, so a socket there is ours or a dead one's. */
	(void)unlink(url + strlen("ipc://"));
}

static int listener_start(struct bus *bus, struct bus_listener *own)
{
	char url[SERVICE_URL_MAX];
	int r;

	listener_stop(bus, own);
	service_url(bus->service, bus->service->id, own->name, url);
	r = nng_listener_create(&own->listener, own->socket, url);
	if (r != 0)
		return r;
	own->listening = true;
	r = nng_listener_set_int(own->listener, NNG_OPT_IPC_PERMISSIONS, 0660);
	if (r == 0)
		r = nng_listener_start(own->listener, 0);
	return r;
}

static int listener_open(struct bus_listener *own, const char *name,
			 int (*open_socket)(nng_socket *))
{
	int r = open_socket(&own->socket);

	if (r != 0)
		return r;
	own->name = name; /* which says that the socket is open */
	(void)nng_socket_set_size(own->socket, NNG_OPT_RECVMAXSZ, MESSAGE_MAX);
	return 0;
}

static void listener_close(struct bus *bus, struct bus_listener *own)
{
	dial_close(&own->probe);
	if (!own->name)
		return;
	listener_stop(bus, own);
	(void)nng_close(own->socket);
}

/* ---- the self-check: can somebody who connects now reach us? */

static void bus_ping(struct bus *bus, struct bus_dial *dial);

static void check_begin(struct bus *bus)
{
	struct bus_server *server = &bus->server;

	server->checking = true;
	server->ping_answered = false;
	atomic_store(&server->probe_accepted, false);
	/* Always by a new connection: the ones that exist outlive a deaf listener. Nor is it
	 * enough that we connect, because its kernel half and the handshake go on working: rep must
	 * answer, pub must have been given our pipe. */
	(void)dial_start(&server->rep.probe);
	(void)dial_start(&server->pub.probe);
	bus_ping(bus, &server->rep.probe);
}

static void check_judge(struct bus *bus, struct bus_listener *own, bool heard)
{
	int r;

	own->failures = heard ? 0 : own->failures + 1;
	if (own->failures < CHECK_FAILURES)
		return;
	own->failures = 0;
	r = listener_start(bus, own);
	log_warning("bus: %s does not answer; listening anew: %s", own->name,
		    r == 0 ? "done" : nng_strerror(r));
}

/* With all calls in progress a ping has to wait, and that is no reason to cut connections. */
static bool bus_is_busy(const struct bus *bus)
{
	for (size_t i = 0; i < BUS_CALLS_MAX; i++)
		if (bus->server.calls[i].state == CALL_RECEIVING)
			return false;
	return true;
}

static void check_end(struct bus *bus)
{
	struct bus_server *server = &bus->server;

	server->checking = false;
	dial_stop(&server->rep.probe);
	dial_stop(&server->pub.probe);
	check_judge(bus, &server->rep, server->ping_answered || bus_is_busy(bus));
	check_judge(bus, &server->pub, atomic_load(&server->probe_accepted));
	server->ticks_to_check = server->rep.failures || server->pub.failures ? 1 : CHECK_TICKS;
}

static void server_tick(struct bus *bus)
{
	struct bus_server *server = &bus->server;
	unsigned strangers = atomic_exchange(&server->strangers, 0);

	if (strangers > 0)
		log_warning("bus: %u connections to pub.sock by strangers were closed", strangers);
	if (server->checking)
		check_end(bus);
	else if (--server->ticks_to_check == 0)
		check_begin(bus);
}

static void bus_tick(void *data)
{
	struct bus *bus = data;
	uint64_t now_us = clock_now_us();

	for (size_t i = 0; i < SERVICE_COUNT; i++)
		dial_watch(&bus->peers[i], now_us);
	for (struct bus_subscription *at = bus->subscriptions; at; at = at->next)
		dial_watch(&at->dial, now_us);
	if (bus->server.open)
		server_tick(bus);
}

/* ---- serving as a whole */

static int bus_open_call(struct bus *bus, struct bus_call *call)
{
	int r;

	call->item.bus = bus;
	call->item.run = call_run;
	r = nng_ctx_open(&call->ctx, bus->server.rep.socket);
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
	int r = listener_open(&server->rep, "rep.sock", nng_rep0_open);

	if (r == 0)
		r = listener_open(&server->pub, "pub.sock", nng_pub0_open);
	if (r != 0)
		return r;
	(void)nng_socket_set_int(server->pub.socket, NNG_OPT_SENDBUF, PUB_QUEUE);
	(void)nng_pipe_notify(server->pub.socket, NNG_PIPE_EV_ADD_PRE, pub_check_pipe, bus);
	(void)nng_pipe_notify(server->pub.socket, NNG_PIPE_EV_ADD_POST, pub_added_pipe, bus);
	for (size_t i = 0; r == 0 && i < BUS_CALLS_MAX; i++)
		r = bus_open_call(bus, &server->calls[i]);
	if (r == 0)
		r = req_open(bus, &server->rep.probe, bus->service->id);
	if (r == 0)
		r = dial_open(bus, &server->pub.probe, nng_sub0_open, bus->service->id, "pub.sock");
	if (r == 0)
		r = listener_start(bus, &server->rep);
	if (r == 0)
		r = listener_start(bus, &server->pub);
	return r;
}

static void bus_close_server(struct bus *bus)
{
	struct bus_server *server = &bus->server;

	server->open = false;
	loop_timer_stop(&server->repeat_timer);
	for (size_t i = 0; i < BUS_CALLS_MAX; i++) {
		struct bus_call *call = &server->calls[i];

		if (!call->open)
			continue;
		nng_aio_stop(call->aio);
		bus_item_forget(&call->item);
		bus_drop_msg(call->aio);
		nng_aio_free(call->aio);
		nng_ctx_close(call->ctx);
		call->open = false;
	}
	listener_close(bus, &server->rep);
	listener_close(bus, &server->pub);
	if (server->joined.bus) /* or bus_serve was never called */
		bus_item_forget(&server->joined);
	free(server->latest);
	server->latest = NULL;
}

int bus_serve(struct bus *bus, const struct bus_method *methods, void *data, struct error *error)
{
	struct bus_server *server = &bus->server;
	int r;

	if (server->open)
		return error_set(error, -EALREADY, "the bus is serving already");
	server->methods = methods;
	server->data = data;
	server->joined = (struct bus_item){.bus = bus, .run = pub_joined};
	r = bus_open_server(bus);
	if (r != 0) {
		bus_close_server(bus);
		return error_set(error, bus_errno(r), "cannot listen in %.160s: %s",
				 bus->service->own_run, nng_strerror(r));
	}
	server->open = true;
	server->ticks_to_check = CHECK_TICKS;
	bus_publish(bus, BUS_EVENT_HELLO, NULL, 0);
	return 0;
}

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
		(void)error_set(&error, -ETIMEDOUT,
				"lanrage-%s did not answer within %u ms; see its log",
				service_names[request->to], request->timeout_ms);
	else
		(void)error_set(&error, bus_errno(nng_error), "lanrage-%s cannot be asked: %s",
				service_names[request->to], nng_strerror(nng_error));
	request_end(request, &error, NULL, 0);
}

static void request_take(struct bus_request *request, nng_msg *msg)
{
	struct bus_envelope reply;
	struct error error;
	int r = bus_decode_reply(&reply, nng_msg_body(msg), nng_msg_len(msg));

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
		bus_envelope_free(&reply);
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
	r = req_open(bus, peer, to);
	if (r == 0)
		r = dial_start(peer);
	if (r != 0)
		dial_close(peer);
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

static void bus_pinged(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct bus *bus = data;

	(void)body;
	(void)length;
	bus->server.ping_answered = !error;
}

static void bus_ping(struct bus *bus, struct bus_dial *dial)
{
	struct bus_request *request =
		request_new(bus, bus->service->id, CHECK_TIMEOUT_MS, bus_pinged, bus);

	request->early = request_send(request, dial->socket, BUS_REQUEST_PING, NULL, 0);
	if (request->early != 0)
		bus_item_ready(&request->item);
}

/* ---- events in */

/* Sets *resync; false for an event that was seen. Any other instance counts as new, also a smaller
 * one: if a service has lost its state directory, ignoring it for ever would be worse than one
 * snapshot too many. */
static bool subscription_advance(struct bus_subscription *subscription,
				 const struct bus_envelope *event, bool *resync)
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
	struct bus_envelope event;
	bool resync;
	int r = bus_decode_event(&event, nng_msg_body(msg), nng_msg_len(msg));

	nng_msg_free(msg);
	if (r < 0)
		return;
	if (subscription_advance(subscription, &event, &resync))
		subscription->event(subscription->data, event.type, resync, event.body,
				    event.length);
	bus_envelope_free(&event);
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
	dial_close(&subscription->dial);
	free(subscription);
}

/* 0 or an nng error. */
static int subscription_open(struct bus_subscription *subscription, enum service_id to)
{
	struct bus_dial *dial = &subscription->dial;
	int r = dial_open(subscription->item.bus, dial, nng_sub0_open, to, "pub.sock");

	if (r == 0)
		r = nng_socket_set_int(dial->socket, NNG_OPT_RECVBUF, SUB_QUEUE);
	if (r == 0)
		r = nng_socket_set(dial->socket, NNG_OPT_SUB_SUBSCRIBE, "", 0);
	if (r == 0)
		r = nng_aio_alloc(&subscription->aio, bus_item_ready, &subscription->item);
	if (r == 0)
		r = dial_start(dial);
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
	bus->own_uid = geteuid();
	r = loop_wake_init(loop, &bus->wake, bus_run_items, bus);
	if (r < 0) {
		pthread_mutex_destroy(&bus->lock);
		free(bus);
		return r;
	}
	loop_timer_start(loop, &bus->tick_timer, TICK_MS, TICK_MS, bus_tick, bus);
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
		request_fail(request, NNG_ECANCELED);
	}
}

void bus_free(struct bus *bus)
{
	if (!bus)
		return;
	bus->closing = true;
	loop_timer_stop(&bus->tick_timer);
	bus_cancel_requests(bus);
	bus_close_server(bus);
	for (size_t i = 0; i < SERVICE_COUNT; i++)
		dial_close(&bus->peers[i]);
	while (bus->subscriptions) {
		struct bus_subscription *subscription = bus->subscriptions;

		bus->subscriptions = subscription->next;
		subscription_free(subscription);
	}
	loop_wake_stop(&bus->wake);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}
