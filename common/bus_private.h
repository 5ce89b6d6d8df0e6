/* bus_private.h - what the bus is made of; for the bus_*.c files alone.
 *
 * nng works with threads of its own. Their only part here: an aio callback puts its object on a
 * queue and wakes the loop (bus_item_ready). Everything else runs on the loop's thread, so nothing
 * but that queue needs a lock. An object with an aio is freed only after nng_aio_stop().
 *
 * nng 1.5.2 maps EPIPE to NNG_ECLOSED, which its listeners and dialers take for their own end: a
 * peer that dies between connect and handshake makes a listener deaf and a dialer give up, for
 * good. So both are watched: the listeners by whether anybody came, and if so by connecting to them
 * anew (bus_listen.c, bus_server.c), the dialers by whether they have a pipe (bus_dial.c). Where
 * nothing happens, a look every few seconds is all that wakes the process.
 */
#ifndef LANRAGE_COMMON_BUS_PRIVATE_H
#define LANRAGE_COMMON_BUS_PRIVATE_H

#include <nng/nng.h>
#include <protobuf-c/protobuf-c.h>
#include <pthread.h>
#include <stdatomic.h>

#include "common/bus.h"
#include "common/envelope.h"

#define MESSAGE_MAX	 (BUS_BODY_MAX + 1024) /* body and envelope */
#define PUB_QUEUE	 4096		       /* messages a subscriber; nng's default is 16 */
#define SUB_QUEUE	 8192
#define LOOK_US		 (2 * CLOCK_SECOND)
#define LOOKS_MAX	 300		    /* without a check: ten minutes */
#define CHECK_US	 (1 * CLOCK_SECOND) /* it takes, and after a failure until the next */
#define CHECK_FAILURES	 2		    /* before a listener is made anew */
#define REDIAL_US	 (3 * CLOCK_SECOND) /* without a pipe, before a dialer is made anew */
#define REPLY_TIMEOUT_MS 2000 /* a client that does not read must not keep a call for ever */
/* Long: repeating is for a connection that broke, which nng notices by itself. With an infinite
 * time it would fail the request then, and lose an answer that had just arrived. */
#define RESEND_MS	 3600000
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
	struct bus_item item; /* its pipe has gone */
	nng_socket socket;
	nng_dialer dialer;
	bool open, dialing;
	atomic_int pipe;	 /* the present one's id, 0 for none */
	uint64_t alone_since_us; /* without a pipe, if it has none */
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

struct bus_probe {
	int fd; /* -1: none */
};

/* One of the own sockets, and the self-check's connection to it. */
struct bus_listener {
	const char *name;
	nng_socket socket;
	nng_listener listener;
	bool listening;
	dev_t device; /* these two: of its file */
	ino_t inode;
	uint64_t events; /* those that the last check is about, and its own */
	struct bus_probe probe;
	unsigned failures;
};

enum probe_state {
	PROBE_NONE,
	PROBE_AWAITED,
	PROBE_ACCEPTED,
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
	atomic_uint strangers;	/* turned away since the last look */
	atomic_int probe;	/* enum probe_state, of pub.sock */
	bool checking;
	unsigned looks;	 /* since the last check */
	uint64_t due_us; /* when to look, or when a check ends */
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
	struct loop_timer watch_timer;
	uint64_t watch_us; /* when it fires; CLOCK_NEVER: not started */
	uint64_t next_id;
	uid_t own_uid;
	bool closing;
};

/* ---- bus.c */

/* A negative errno for an error of nng's. */
int bus_errno(int nng_error);
/* An aio's callback: hands the item to the loop. */
void bus_item_ready(void *item);
/* Takes an item out of the queue whose aio was stopped, before its memory goes. */
void bus_item_forget(struct bus_item *item);
/* What an aio brought or could not get rid of; afterwards the aio holds nothing. */
nng_msg *bus_take_msg(nng_aio *aio);
void bus_drop_msg(nng_aio *aio);
/* NULL: out of memory. */
nng_msg *bus_pack(const ProtobufCMessage *message);
/* protobuf-c wants it non-const but only reads. */
ProtobufCBinaryData bus_view(const uint8_t *bytes, size_t length);
/* Calls bus_dial_watch() and bus_server_watch() then; they ask again for what comes after. */
void bus_watch_by(struct bus *bus, uint64_t due_us);

/* ---- bus_dial.c; results are 0 or an error of nng's */

/* Opens the socket and prepares it; bus_dial_start() does the rest. */
int bus_dial_open(struct bus *bus, struct bus_dial *dial, int (*open_socket)(nng_socket *),
		  enum service_id to, const char *name);
int bus_dial_open_req(struct bus *bus, struct bus_dial *dial, enum service_id to);
int bus_dial_start(struct bus_dial *dial);
void bus_dial_close(struct bus_dial *dial);
/* A dialer may have given up without telling; one that has not loses nothing. */
void bus_dial_watch(struct bus_dial *dial, uint64_t now_us);

/* ---- bus_server.c, bus_client.c */

void bus_server_watch(struct bus *bus, uint64_t now_us);
void bus_server_close(struct bus *bus);
/* Ends every request that is under way with -ECANCELED. */
void bus_client_cancel(struct bus *bus);
void bus_client_close(struct bus *bus);

/* ---- bus_listen.c; results are 0 or an error of nng's */

/* name: of the socket in the service's own directory. */
void bus_listener_path(const struct bus *bus, const char *name, char path[SERVICE_URL_MAX]);
int bus_listener_open(struct bus_listener *own, const char *name, int (*open_socket)(nng_socket *));
/* Also starts anew one that listens; its connections go. */
int bus_listener_start(struct bus *bus, struct bus_listener *own);
void bus_listener_close(struct bus *bus, struct bus_listener *own);
/* Whether somebody came or went and no check followed, or its file is no longer there. */
bool bus_listener_is_touched(const struct bus *bus, const struct bus_listener *own);
/* To be called before the probe connects. own_events: those of the probe itself. */
void bus_listener_begin_check(struct bus_listener *own, unsigned own_events);

/* bus_probe.c; protocol: SP's number of what we pretend to be. 0 or a negative errno. */
int bus_probe_open(struct bus_probe *probe, const struct bus *bus, const char *name,
		   uint16_t protocol);
/* Asks the own rep socket. */
void bus_probe_ping(const struct bus_probe *probe);
/* Whether that was answered by now. */
bool bus_probe_is_answered(const struct bus_probe *probe);
void bus_probe_close(struct bus_probe *probe);

#endif
