/* bus.h - how the services talk: protobuf bodies in a small envelope over nng on Unix sockets.
 *
 * Every service has one rep socket for requests and one pub socket for events. The bus moves
 * opaque bodies; each service's codec.c gives them meaning.
 *
 * Requests. A request has a type (an enum of the service), an id and a body. The server side is a
 * table: type, the services that may ask, handler; everything not in the table is denied, by the
 * uid of the peer's process. A handler answers at once or keeps the call and answers later; each
 * call is answered exactly once. Requests are idempotent, because a client may repeat one. A
 * client request always ends: with the answer, with -EHOSTDOWN when none came in time, or with
 * -ECANCELED when the bus goes.
 *
 * Events. pub/sub may lose messages, so events only say "something changed"; state is fetched with
 * a request. Each event carries (instance, sequence). The first event of an instance is a
 * BUS_EVENT_HELLO. The publisher repeats its latest event after 0.1, 1 and 10 s of silence, and
 * again when somebody subscribes; so a subscriber always hears of a new instance. The subscriber
 * gets `resync` set when it is the first event seen, when the instance is new or when a sequence
 * number is missing: ask for a snapshot then, whatever the type (it may be one you do not know).
 *
 * Limits: bodies of at most BUS_BODY_MAX bytes, those of events BUS_EVENT_MAX, because a subscriber
 * that is slow makes the publisher keep thousands; BUS_CALLS_MAX requests in progress per server.
 * A listener that went deaf, or whose file has gone, is re-created (relisten) within about six
 * seconds of the connection that did it, on the bus's own self-check: a real request to its own
 * socket after somebody connected, at the latest ten minutes after the last one.
 *
 * Everything here is called, and calls back, on the loop's thread only.
 */
#ifndef LANRAGE_COMMON_BUS_H
#define LANRAGE_COMMON_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/loop.h"
#include "common/service.h"

#define BUS_BODY_MAX   (1u << 20)
#define BUS_EVENT_MAX  (1u << 14)
#define BUS_CALLS_MAX  32
#define BUS_TIMEOUT_MS 2000 /* default; local, so generous */

/* Type 0 of every service is the bus's own self-check. */
#define BUS_REQUEST_PING 0
/* So is event type 0: bus_serve() publishes it, so that subscribers learn of a new instance. */
#define BUS_EVENT_HELLO 0

#define BUS_FROM(id) (1u << (id))
#define BUS_FROM_ANY 0xffffffffu /* any of the suite's services; root always may */

struct bus;
struct bus_call;

/* Borrowed: body is valid until the handler returns. */
typedef void (*bus_handler)(void *data, struct bus_call *call, const uint8_t *body, size_t length);

struct bus_method {
	uint32_t type;
	uint32_t allowed; /* BUS_FROM(...) | ... */
	bus_handler handler;
};

/* service and loop are borrowed for the bus's life. */
int bus_new(struct bus **bus, struct loop *loop, const struct service *service);
/* Requests in progress are answered with -ECANCELED; requests made from such an answer are not
 * answered at all. Calls that were kept become invalid. Not from a callback of the bus; before
 * loop_deinit. NULL is allowed. */
void bus_free(struct bus *bus);

/* Opens both own sockets and serves the table (borrowed; ends with handler NULL). Once. */
int bus_serve(struct bus *bus, const struct bus_method *methods, void *data, struct error *error);
/* Answers and frees the call. body is copied. A body above BUS_BODY_MAX becomes an -EMSGSIZE. */
void bus_reply(struct bus_call *call, const uint8_t *body, size_t length);
/* Answers with what an encoder gave: its bytes, which are freed, or its negative errno. */
void bus_reply_encoded(struct bus_call *call, ssize_t length, uint8_t *bytes);
/* code: negative errno. */
void bus_reply_error(struct bus_call *call, int code, const char *text);

/* Publishes an event; body is copied. Before bus_serve nothing happens. A body above BUS_EVENT_MAX
 * is a bug of the caller: logged and not sent, but counted, so that subscribers resync later. */
void bus_publish(struct bus *bus, uint32_t type, const uint8_t *body, size_t length);

/* error is NULL on success; body is then the answer, borrowed. */
typedef void (*bus_answer)(void *data, const struct error *error, const uint8_t *body,
			   size_t length);
/* Asks service `to`. body is copied. timeout_ms 0: BUS_TIMEOUT_MS. answer may be NULL. It is called
 * exactly once, never before bus_request returns. */
void bus_request(struct bus *bus, enum service_id to, uint32_t type, const uint8_t *body,
		 size_t length, uint32_t timeout_ms, bus_answer answer, void *data);

typedef void (*bus_event)(void *data, uint32_t type, bool resync, const uint8_t *body,
			  size_t length);
/* Subscribes to all events of service `to`, for the bus's life; reconnects by itself. */
int bus_subscribe(struct bus *bus, enum service_id to, bus_event event, void *data);

#endif
