/* bus_server.c - serving requests, publishing events, and making sure that both can be reached. */
#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/transport/ipc/ipc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/bus_private.h"
#include "common/clock.h"
#include "common/log.h"
#include "ipc.pb-c.h"

/* What nng's protocols are called on the wire. */
#define SP_REQ 0x30
#define SP_SUB 0x21

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

void bus_reply_encoded(struct bus_call *call, ssize_t length, uint8_t *bytes)
{
	if (length < 0) {
		bus_reply_error(call, (int)length, "the answer could not be made");
		return;
	}
	bus_reply(call, bytes, (size_t)length);
	free(bytes);
}

void bus_reply_error(struct bus_call *call, int code, const char *text)
{
	struct error error;

	/* The other end refuses what is no negative errno, or longer words than a struct error's.
	 */
	(void)error_set(&error, code < 0 && code >= ENVELOPE_STATUS_MIN ? code : -EIO, "%s",
			text ? text : "");
	call_reply(call, error.code, error.text, NULL, 0);
}

/* Is this uid root or one of the allowed services'? */
static bool bus_permits(const struct bus *bus, uint64_t uid, uint32_t allowed)
{
	if (uid == 0)
		return true;
	for (unsigned i = 0; i < SERVICE_COUNT; i++) {
		if ((allowed & BUS_FROM(i)) && bus->service->uids[i] != (uid_t)-1 &&
		    bus->service->uids[i] == uid)
			return true;
	}
	return false;
}

/* One of the suite, whichever: root, ourselves or a service's user. */
static bool bus_knows(const struct bus *bus, uint64_t uid)
{
	return uid == bus->own_uid || bus_permits(bus, uid, BUS_FROM_ANY);
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
	if (!method->handler || !bus_permits(bus, uid, method->allowed)) {
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
	struct envelope request;
	uint64_t uid;
	int r;

	if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) != 0)
		uid = UINT64_MAX; /* it has gone already */
	r = envelope_decode_request(&request, nng_msg_body(msg), nng_msg_len(msg));
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
	envelope_free(&request);
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

/* The first connection by ourselves since a check began. */
static bool take_probe(struct bus *bus, nng_pipe pipe)
{
	int awaited = PROBE_AWAITED;
	uint64_t pid;

	return nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_PID, &pid) == 0 &&
	       pid == (uint64_t)getpid() &&
	       atomic_compare_exchange_strong(&bus->server.probe, &awaited, PROBE_ACCEPTED);
}

/* These two run on a thread of nng's: they only read what never changes.
 * The self-check's connection has done its duty when it comes here, and is given no event. */
static void pub_check_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus *bus = argument;
	uint64_t uid;

	(void)event;
	if (!take_probe(bus, pipe)) {
		if (nng_pipe_get_uint64(pipe, NNG_OPT_IPC_PEER_UID, &uid) == 0 &&
		    bus_knows(bus, uid))
			return;
		atomic_fetch_add(&bus->server.strangers, 1);
	}
	(void)nng_pipe_close(pipe);
}

static void pub_added_pipe(nng_pipe pipe, nng_pipe_ev event, void *argument)
{
	struct bus *bus = argument;

	(void)pipe;
	(void)event;
	bus_item_ready(&bus->server.joined);
}

#if defined(__SANITIZE_ADDRESS__)
/* nng 1.5.2 forgets a message that is being handed to a subscriber who is just closing, and a
 * connection that has not shaken hands when its listener is closed. Seen when the suite stops,
 * where it is no harm; in unit tests every leak counts. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return getenv("LANRAGE_PARENT") ? "leak:libnng.so\n" : "";
}
#endif

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

/* ---- the self-check: can somebody who connects now reach us? */

/* What nng counts for a check: that it came, and that it went where it was not turned away. */
#define REP_EVENTS 2
#define PUB_EVENTS 1

static void check_begin(struct bus *bus)
{
	struct bus_server *server = &bus->server;

	server->checking = true;
	bus_listener_begin_check(&server->rep, REP_EVENTS);
	bus_listener_begin_check(&server->pub, PUB_EVENTS);
	atomic_store(&server->probe, PROBE_AWAITED);
	/* Always by a new connection: the ones that exist outlive a deaf listener. Nor is it
	 * enough that we connect, because its kernel half and the handshake go on working: rep must
	 * answer, pub must have been given our pipe. */
	(void)bus_probe_open(&server->rep.probe, bus, server->rep.name, SP_REQ);
	(void)bus_probe_open(&server->pub.probe, bus, server->pub.name, SP_SUB);
	bus_probe_ping(&server->rep.probe);
}

/* nng keeps descriptors of connections that a deaf listener accepted, so whoever makes it deaf
 * again and again could use them up. The lowest free one says how many are in use. */
static bool descriptors_run_out(void)
{
	struct rlimit limit;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == EMFILE;
	close(fd);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && (rlim_t)fd >= limit.rlim_cur / 2;
}

static void check_judge(struct bus *bus, struct bus_listener *own, bool heard)
{
	int r;

	own->failures = heard ? 0 : own->failures + 1;
	if (own->failures < CHECK_FAILURES)
		return;
	own->failures = 0;
	if (descriptors_run_out()) {
		log_err("bus: half of the descriptors are used up; ending, to be started again");
		loop_stop(bus->loop);
		return;
	}
	r = bus_listener_start(bus, own);
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
	server->looks = 0;
	check_judge(bus, &server->rep,
		    bus_probe_is_answered(&server->rep.probe) || bus_is_busy(bus));
	check_judge(bus, &server->pub,
		    atomic_exchange(&server->probe, PROBE_NONE) == PROBE_ACCEPTED);
	bus_probe_close(&server->rep.probe);
	bus_probe_close(&server->pub.probe);
}

static bool has_failed(const struct bus_server *server)
{
	return server->rep.failures || server->pub.failures;
}

/* A check wakes nng's threads a hundred times, a look none. Nothing but a connection makes a
 * listener deaf, so there is no check as long as nobody came or went and the sockets' files are
 * there. Rarely there is one anyway: a way to fail that we do not know of shall not last for ever.
 */
static bool check_is_due(struct bus *bus)
{
	struct bus_server *server = &bus->server;

	return has_failed(server) || ++server->looks >= LOOKS_MAX ||
	       bus_listener_is_touched(bus, &server->rep) ||
	       bus_listener_is_touched(bus, &server->pub);
}

void bus_server_watch(struct bus *bus, uint64_t now_us)
{
	struct bus_server *server = &bus->server;
	unsigned strangers = atomic_exchange(&server->strangers, 0);
	bool soon;

	if (strangers > 0)
		log_warning("bus: %u connections to pub.sock by strangers were closed", strangers);
	if (now_us >= server->due_us) {
		if (server->checking)
			check_end(bus);
		else if (check_is_due(bus))
			check_begin(bus);
		soon = server->checking || has_failed(server);
		server->due_us = now_us + (soon ? CHECK_US : LOOK_US);
	}
	bus_watch_by(bus, server->due_us);
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
	int r = bus_listener_open(&server->rep, "rep.sock", nng_rep0_open);

	if (r == 0)
		r = bus_listener_open(&server->pub, "pub.sock", nng_pub0_open);
	if (r != 0)
		return r;
	(void)nng_socket_set_int(server->pub.socket, NNG_OPT_SENDBUF, PUB_QUEUE);
	(void)nng_pipe_notify(server->pub.socket, NNG_PIPE_EV_ADD_PRE, pub_check_pipe, bus);
	(void)nng_pipe_notify(server->pub.socket, NNG_PIPE_EV_ADD_POST, pub_added_pipe, bus);
	for (size_t i = 0; r == 0 && i < BUS_CALLS_MAX; i++)
		r = bus_open_call(bus, &server->calls[i]);
	if (r == 0)
		r = bus_listener_start(bus, &server->rep);
	if (r == 0)
		r = bus_listener_start(bus, &server->pub);
	return r;
}

void bus_server_close(struct bus *bus)
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
	bus_listener_close(bus, &server->rep);
	bus_listener_close(bus, &server->pub);
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
		bus_server_close(bus);
		return error_set(error, bus_errno(r), "cannot listen in %.160s: %s",
				 bus->service->own_run, nng_strerror(r));
	}
	server->open = true;
	server->due_us = clock_now_us() + LOOK_US;
	bus_watch_by(bus, server->due_us);
	bus_publish(bus, BUS_EVENT_HELLO, NULL, 0);
	return 0;
}
