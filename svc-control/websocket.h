/* websocket.h - a WebSocket client on the service's loop (libwebsockets over libuv).
 *
 * One struct websocket per process holds what libwebsockets keeps for all connections. Make it at
 * start: it loads libwebsockets' libuv plug-in and the trusted certificates, which a sandbox would
 * prevent later. It serves the clients here and the server's listener (server/listener.h).
 *
 * A client keeps one connection to one URL. It connects, reports `open`, hands over whole binary
 * messages, and reports `closed` with the reason in words. Then it tries again by itself after a
 * jittered back-off (0.25 s doubling to 10 s; reset once a connection has lived for 10 s) until
 * it is stopped or freed. A host name with several addresses is tried address by address; the
 * look-up runs off the loop. An attempt is given up after 5 s.
 *
 * A dead connection is noticed within 15 s: a ping goes out after 5 s without one answered, and
 * the connection is closed when nothing proved it alive for 12 s.
 *
 * Events come on the loop's thread, never from inside a function called here. Every function may
 * be called from inside an event, websocket_client_free() included. Frames that exceed
 * RENDEZVOUS_FRAME_MAX, text messages and an unexpected subprotocol close the connection.
 */
#ifndef LANRAGE_CONTROL_WEBSOCKET_H
#define LANRAGE_CONTROL_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/loop.h"
#include "svc-control/rendezvous_codec.h"

#define WEBSOCKET_HOST_MAX     254
#define WEBSOCKET_PATH_MAX     128
#define WEBSOCKET_QUEUE_BYTES  (256 * 1024) /* unsent */
#define WEBSOCKET_QUEUE_FRAMES 64
#define WEBSOCKET_RETRY_MIN_MS 250
#define WEBSOCKET_RETRY_MAX_MS 10000
#define WEBSOCKET_PING_S       5
#define WEBSOCKET_DEAD_S       12

struct lws_context;

/* `ws://host[:port][/path]` or `wss://…`; the path is RENDEZVOUS_PATH when there is none, the port
 * 80 or 443. authority is what Login signs: "host:port", lower case, the port always there. */
struct websocket_url {
	bool tls;
	char host[WEBSOCKET_HOST_MAX]; /* without brackets */
	uint16_t port;
	char path[WEBSOCKET_PATH_MAX];
	char authority[RENDEZVOUS_ADDRESS_MAX];
};
/* -EINVAL with words. */
int websocket_url_parse(struct websocket_url *url, const char *text, struct error *error);

struct websocket;
/* loop is borrowed. */
int websocket_new(struct websocket **websocket, struct loop *loop, struct error *error);
/* Free all clients and listeners first, and call before loop_deinit(): turns the loop until
 * libwebsockets has let go of it. NULL is fine. */
void websocket_free(struct websocket *websocket);
/* For the listener. */
struct lws_context *websocket_lws(struct websocket *websocket);

/* What kind of failure the last attempt was; the reason has the words. */
enum websocket_trouble {
	WEBSOCKET_TROUBLE_NONE = 0,
	WEBSOCKET_TROUBLE_SILENT,  /* no answer, refused, lost */
	WEBSOCKET_TROUBLE_NAME,	   /* the host's name cannot be looked up */
	WEBSOCKET_TROUBLE_FOREIGN, /* an answer, but not one of our protocol */
};

struct websocket_client;
struct websocket_events {
	void (*open)(void *data);
	/* bytes are borrowed until return. */
	void (*message)(void *data, const uint8_t *bytes, size_t length);
	/* After a failed attempt or a lost connection; not after websocket_client_stop(). retry_ms:
	 * when the next attempt is made. */
	void (*closed)(void *data, const char *reason, uint32_t retry_ms);
};

/* events and data are borrowed for the client's life. -EINVAL for a bad URL, with words. Does not
 * connect yet. */
int websocket_client_new(struct websocket_client **client, struct websocket *websocket,
			 const char *url, const struct websocket_events *events, void *data,
			 struct error *error);
/* Starts connecting; when already started, an attempt that waits for its back-off is made now (the
 * network changed). */
void websocket_client_start(struct websocket_client *client);
/* Closes the connection, forgets unsent frames, stays silent until started again. */
void websocket_client_stop(struct websocket_client *client);
/* Closes this connection because of what the other end did; reported as closed with this reason,
 * then tried again as ever. */
void websocket_client_fail(struct websocket_client *client, const char *reason);
/* No event follows. NULL is fine. */
void websocket_client_free(struct websocket_client *client);

enum websocket_trouble websocket_client_trouble(const struct websocket_client *client);
bool websocket_client_is_open(const struct websocket_client *client);
/* It is open from an address that this machine no longer has. */
bool websocket_client_is_stranded(const struct websocket_client *client);
const struct websocket_url *websocket_client_url(const struct websocket_client *client);
/* Queues one message; bytes are copied. -ENOTCONN, -EMSGSIZE, -ENOMEM, or -ENOBUFS when the other
 * end has not read for so long that the queue is full: the connection is then closed. */
int websocket_client_send(struct websocket_client *client, const uint8_t *bytes, size_t length);

#endif
