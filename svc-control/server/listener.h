/* listener.h - the server's side of WebSocket: accepts connections, moves whole messages.
 *
 * Connections are accepted here and handed to libwebsockets, so that the limits on how many there
 * may be (together, and from one source address) hold before a single byte of HTTP or TLS is read.
 * A connection becomes visible (`opened`) when its WebSocket handshake asked for RENDEZVOUS_PATH
 * and RENDEZVOUS_SUBPROTOCOL; other requests get an HTTP error.
 *
 * Each connection has a bounded queue of unsent messages. One that is full closes the connection: a
 * client that does not read is no longer served. Pings find dead connections within 30 s. Messages
 * above RENDEZVOUS_FRAME_MAX and text messages close the connection, with words.
 *
 * Events come on the loop's thread. Inside an event everything may be called; connection_close()
 * only begins the end, `closed` follows from the loop, exactly once for each `opened`.
 */
#ifndef LANRAGE_SERVER_LISTENER_H
#define LANRAGE_SERVER_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/loop.h"
#include "svc-control/websocket.h"

#define LISTENER_ADDRESSES_MAX 2
#define LISTENER_HOST_SIZE     256
#define LISTENER_QUEUE_BYTES   (1024 * 1024)
#define LISTENER_QUEUE_FRAMES  512

struct listener;
struct connection;

struct listener_events {
	void (*opened)(void *data, struct connection *connection);
	/* bytes are borrowed until return. */
	void (*message)(void *data, struct connection *connection, const uint8_t *bytes,
			size_t length);
	/* Everything queued has been sent. */
	void (*drained)(void *data, struct connection *connection);
	void (*closed)(void *data, struct connection *connection);
};

struct listener_options {
	struct addr addresses[LISTENER_ADDRESSES_MAX];
	size_t n_addresses;
	const char *tls_cert, *tls_key; /* PEM files, or both NULL: plain */
	size_t connections;		/* at most */
	size_t connections_per_source;
	struct addr proxy; /* its X-Forwarded-For is believed; or none */
};

/* websocket, events and data are borrowed. -EADDRINUSE and others, with words. */
int listener_new(struct listener **listener, struct loop *loop, struct websocket *websocket,
		 const struct listener_options *options, const struct listener_events *events,
		 void *data, struct error *error);
/* Reports `closed` for every connection that is open; no event follows. NULL is fine. */
void listener_free(struct listener *listener);

void connection_set_data(struct connection *connection, void *data);
void *connection_data(const struct connection *connection);
/* Where the client is, as the server (or its proxy) sees it; port 0 behind a proxy. */
const struct addr *connection_source(const struct connection *connection);
/* The HTTP Host header. */
const char *connection_host(const struct connection *connection);
/* Unsent bytes. */
size_t connection_queued(const struct connection *connection);
/* Copies the bytes. -ENOBUFS: the queue is full, the connection is being closed. -EPIPE: it was
 * already being closed. */
int connection_send(struct connection *connection, const uint8_t *bytes, size_t length);
/* Sends what is queued, then the reason, then closes; after 2 s in any case. Messages that still
 * come in are ignored. */
void connection_close(struct connection *connection, const char *reason);

#endif
