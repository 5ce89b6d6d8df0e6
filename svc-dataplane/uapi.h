/* uapi.h - `wg show` and `wg set`: WireGuard's cross-platform userspace protocol.
 *
 * Source: https://www.wireguard.com/xplatform/. A client sends `get=1` or `set=1`, key=value lines
 * and an empty line; it is answered with key=value lines, `errno=` (0, or a negative errno as
 * wireguard-go writes it) and an empty line. Keys are in hex.
 *
 * A request is parsed whole before anything is changed, then applied in one go between two packets.
 * The listening port is the launcher's: 0 and the port we have are accepted, any other is refused
 * with EOPNOTSUPP. A private key set here lives until the process ends; the stored one is not
 * replaced, for it is the machine's identity.
 *
 * Parser and formatter know no sockets. The server runs on the service's loop with bounded,
 * non-blocking clients.
 */
#ifndef LANRAGE_DATAPLANE_UAPI_H
#define LANRAGE_DATAPLANE_UAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/loop.h"
#include "svc-dataplane/engine.h"

#define UAPI_REQUEST_MAX (1u << 20)
#define UAPI_CLIENTS_MAX 16
#define UAPI_PEERS_MAX	 4096 /* named in one request */

/* ---- the protocol ---- */

struct uapi_peer {
	struct engine_peer_change change; /* its pointers lead into this struct */
	uint8_t preshared_key[DATAPLANE_KEY_SIZE];
	struct addr endpoint;
	uint16_t persistent_keepalive_s;
	bool has_preshared_key, has_endpoint, has_keepalive;
	size_t allowed_ips_room;
	struct addr_prefix *allowed_ips; /* change.n_allowed_ips of them */
};

struct uapi_request {
	bool get; /* else set */
	bool has_private_key, has_listen_port, has_fwmark, replace_peers;
	uint8_t private_key[DATAPLANE_KEY_SIZE];
	uint16_t listen_port;
	uint32_t fwmark;
	size_t n_peers, peers_room;
	struct uapi_peer *peers;
};

/* text ends with an empty line. 0; -EINVAL for a wrong value, -EPROTO for what is no request,
 * -E2BIG, -ENOMEM. To be cleared in every case. */
int uapi_parse(struct uapi_request *request, const char *text, size_t length);
void uapi_request_clear(struct uapi_request *request);

/* What the engine does not know, and the way to it. */
typedef void (*uapi_function)(struct engine *engine, uint64_t now_us, void *argument);
struct uapi_device {
	uint8_t private_key[DATAPLANE_KEY_SIZE]; /* in force */
	uint16_t listen_port;
	uint32_t fwmark;
	int (*set_fwmark)(void *data, uint32_t fwmark); /* 0 or a negative errno */
	/* Runs function on the thread that owns the engine and waits for it. */
	void (*run)(void *data, uapi_function function, void *argument);
	void *data;
};

/* Carries a `set` out; stops at the first error and returns it. */
int uapi_apply(const struct uapi_request *request, struct uapi_device *device,
	       struct engine *engine, uint64_t now_us);
/* The answer to `get`, allocated; *length is set. NULL: out of memory. Holds the private key. */
char *uapi_format(const struct uapi_device *device, const struct engine *engine, uint64_t now_us,
		  size_t *length);
/* Answers one request, whatever it is: parses here, applies and formats in device->run. NULL: out
 * of memory. */
char *uapi_answer(struct uapi_device *device, const char *text, size_t length,
		  size_t *answer_length);

/* ---- the server ---- */

struct uapi_client {
	uv_pipe_t pipe;
	uv_write_t write;
	struct uapi_server *server;
	bool used;
	uint64_t since_ms;
	char *text; /* received so far */
	size_t length, room;
	char *answer; /* being sent */
	size_t answer_length;
};

struct uapi_server {
	struct loop *loop;
	struct uapi_device *device;
	unsigned n_listeners;
	uv_pipe_t listeners[2];
	bool waiting[2]; /* a connection waits there for a place */
	struct uapi_client clients[UAPI_CLIENTS_MAX];
};

/* loop and device are borrowed. */
void uapi_server_init(struct uapi_server *server, struct loop *loop, struct uapi_device *device);
/* Serves one more listening socket, of which it takes a copy. 0 or a negative errno. */
int uapi_server_listen(struct uapi_server *server, int fd);
/* After the loop was closed: wipes and frees what clients left. */
void uapi_server_clear(struct uapi_server *server);

#endif
