#include "svc-dataplane/uapi.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/log.h"

#define TEXT_FIRST 4096

/* ---- parsing ---- */

/* One `key=value` line, both with a NUL at the end. */
struct line {
	char key[64];
	char value[192]; /* the longest is a key of 64 digits or an endpoint */
};

/* Takes the next line off *text. 1; 0 at an empty line; -EPROTO. */
static int next_line(struct line *line, const char **text, const char *end)
{
	const char *stop = memchr(*text, '\n', (size_t)(end - *text));
	const char *equals;
	size_t key_length, value_length;

	if (!stop || memchr(*text, '\0', (size_t)(stop - *text)))
		return -EPROTO;
	if (stop == *text)
		return 0;
	equals = memchr(*text, '=', (size_t)(stop - *text));
	if (!equals)
		return -EPROTO;
	key_length = (size_t)(equals - *text);
	value_length = (size_t)(stop - equals - 1);
	if (key_length >= sizeof(line->key) || value_length >= sizeof(line->value))
		return -EPROTO;
	memcpy(line->key, *text, key_length);
	line->key[key_length] = '\0';
	memcpy(line->value, equals + 1, value_length);
	line->value[value_length] = '\0';
	*text = stop + 1;
	return 1;
}

static int parse_key(uint8_t key[DATAPLANE_KEY_SIZE], const char *value)
{
	size_t length = 0;

	if (strlen(value) != 2 * DATAPLANE_KEY_SIZE ||
	    sodium_hex2bin(key, DATAPLANE_KEY_SIZE, value, 2 * DATAPLANE_KEY_SIZE, NULL, &length,
			   NULL) != 0)
		return -EINVAL;
	return length == DATAPLANE_KEY_SIZE ? 0 : -EINVAL;
}

static int parse_number(uint32_t *number, const char *value, uint32_t max)
{
	unsigned long long parsed;
	char *end;

	if (*value < '0' || *value > '9')
		return -EINVAL;
	errno = 0;
	parsed = strtoull(value, &end, 0); /* wg writes fwmark in decimal, people in hex */
	if (errno || *end || parsed > max)
		return -EINVAL;
	*number = (uint32_t)parsed;
	return 0;
}

static int parse_u16(uint16_t *number, const char *value)
{
	uint32_t wide = 0;
	int result = parse_number(&wide, value, UINT16_MAX);

	*number = (uint16_t)wide;
	return result;
}

static int parse_true(bool *flag, const char *value)
{
	*flag = true;
	return strcmp(value, "true") == 0 ? 0 : -EINVAL;
}

/* Unlike addr_prefix_parse() this takes host bits and drops them, as other WireGuards do. */
static int parse_prefix(struct addr_prefix *prefix, char *value)
{
	char *slash = strchr(value, '/');
	uint32_t length = 0, max;

	if (!slash)
		return -EINVAL;
	*slash = '\0';
	if (addr_parse(&prefix->addr, value) < 0 || prefix->addr.port || prefix->addr.scope)
		return -EINVAL;
	max = prefix->addr.family == ADDR_IPV4 ? 32 : 128;
	if (addr_is_none(&prefix->addr) || parse_number(&length, slash + 1, max) < 0)
		return -EINVAL;
	for (uint32_t bit = length; bit < max; bit++)
		prefix->addr.ip[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
	prefix->length = (uint8_t)length;
	return 0;
}

static int parse_endpoint(struct addr *endpoint, const char *value)
{
	if (addr_parse(endpoint, value) < 0 || !addr_is_sendable(endpoint) || !endpoint->port)
		return -EINVAL;
	return 0;
}

static int add_peer(struct uapi_request *request, const char *value)
{
	struct uapi_peer *peer;

	if (request->n_peers == UAPI_PEERS_MAX)
		return -E2BIG;
	if (request->n_peers == request->peers_room) {
		size_t room = request->peers_room ? 2 * request->peers_room : 4;
		struct uapi_peer *grown = calloc(room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		if (request->n_peers) {
			memcpy(grown, request->peers, request->n_peers * sizeof(*grown));
			sodium_memzero(request->peers, request->n_peers * sizeof(*grown));
		}
		free(request->peers);
		request->peers = grown;
		request->peers_room = room;
	}
	peer = &request->peers[request->n_peers++];
	return parse_key(peer->change.public_key, value);
}

static int add_allowed_ip(struct uapi_peer *peer, char *value)
{
	size_t *n = &peer->change.n_allowed_ips;

	if (*n == peer->allowed_ips_room) {
		size_t room = peer->allowed_ips_room ? 2 * peer->allowed_ips_room : 4;
		struct addr_prefix *grown =
			realloc(peer->allowed_ips, room * sizeof(*peer->allowed_ips));

		if (!grown)
			return -ENOMEM;
		peer->allowed_ips = grown;
		peer->allowed_ips_room = room;
	}
	memset(&peer->allowed_ips[*n], 0, sizeof(peer->allowed_ips[*n]));
	return parse_prefix(&peer->allowed_ips[(*n)++], value);
}

static int parse_device_line(struct uapi_request *request, struct line *line)
{
	if (strcmp(line->key, "private_key") == 0) {
		request->has_private_key = true;
		return parse_key(request->private_key, line->value);
	}
	if (strcmp(line->key, "listen_port") == 0) {
		request->has_listen_port = true;
		return parse_u16(&request->listen_port, line->value);
	}
	if (strcmp(line->key, "fwmark") == 0) {
		request->has_fwmark = true;
		return *line->value ? parse_number(&request->fwmark, line->value, UINT32_MAX) : 0;
	}
	if (strcmp(line->key, "replace_peers") == 0)
		return parse_true(&request->replace_peers, line->value);
	return -EINVAL;
}

static int parse_peer_line(struct uapi_peer *peer, struct line *line)
{
	if (strcmp(line->key, "remove") == 0)
		return parse_true(&peer->change.remove, line->value);
	if (strcmp(line->key, "update_only") == 0)
		return parse_true(&peer->change.update_only, line->value);
	if (strcmp(line->key, "replace_allowed_ips") == 0) {
		/* It drops what was there, and so what this request named before it. */
		peer->change.n_allowed_ips = 0;
		return parse_true(&peer->change.replace_allowed_ips, line->value);
	}
	if (strcmp(line->key, "allowed_ip") == 0)
		return add_allowed_ip(peer, line->value);
	if (strcmp(line->key, "preshared_key") == 0) {
		peer->has_preshared_key = true;
		return parse_key(peer->preshared_key, line->value);
	}
	if (strcmp(line->key, "endpoint") == 0) {
		peer->has_endpoint = true;
		return parse_endpoint(&peer->endpoint, line->value);
	}
	if (strcmp(line->key, "persistent_keepalive_interval") == 0) {
		peer->has_keepalive = true;
		return parse_u16(&peer->persistent_keepalive_s, line->value);
	}
	if (strcmp(line->key, "protocol_version") == 0)
		return strcmp(line->value, "1") == 0 ? 0 : -EPROTONOSUPPORT;
	return -EINVAL;
}

static int parse_line(struct uapi_request *request, struct line *line)
{
	if (strcmp(line->key, "public_key") == 0)
		return add_peer(request, line->value);
	if (request->n_peers)
		return parse_peer_line(&request->peers[request->n_peers - 1], line);
	return parse_device_line(request, line);
}

/* Only now do peers stay where they are in memory. */
static void link_peers(struct uapi_request *request)
{
	for (size_t i = 0; i < request->n_peers; i++) {
		struct uapi_peer *peer = &request->peers[i];

		peer->change.preshared_key = peer->has_preshared_key ? peer->preshared_key : NULL;
		peer->change.endpoint = peer->has_endpoint ? &peer->endpoint : NULL;
		peer->change.persistent_keepalive_s =
			peer->has_keepalive ? &peer->persistent_keepalive_s : NULL;
		peer->change.allowed_ips = peer->allowed_ips;
	}
}

int uapi_parse(struct uapi_request *request, const char *text, size_t length)
{
	const char *end = text + length;
	struct line line;
	int result;

	memset(request, 0, sizeof(*request));
	result = next_line(&line, &text, end);
	if (result != 1 || strcmp(line.value, "1") != 0)
		return -EPROTO;
	request->get = strcmp(line.key, "get") == 0;
	if (!request->get && strcmp(line.key, "set") != 0)
		return -EPROTO;
	while ((result = next_line(&line, &text, end)) == 1) {
		result = request->get ? -EINVAL : parse_line(request, &line);
		if (result < 0)
			break;
	}
	sodium_memzero(&line, sizeof(line));
	link_peers(request);
	return result;
}

void uapi_request_clear(struct uapi_request *request)
{
	for (size_t i = 0; i < request->n_peers; i++)
		free(request->peers[i].allowed_ips);
	if (request->peers)
		sodium_memzero(request->peers, request->n_peers * sizeof(*request->peers));
	free(request->peers);
	sodium_memzero(request, sizeof(*request));
}

/* ---- applying ---- */

static int apply_private_key(const struct uapi_request *request, struct uapi_device *device,
			     struct engine *engine)
{
	int result;

	if (sodium_is_zero(request->private_key, DATAPLANE_KEY_SIZE))
		return -EINVAL;
	result = engine_set_private_key(engine, request->private_key);
	if (result == 0)
		memcpy(device->private_key, request->private_key, DATAPLANE_KEY_SIZE);
	return result;
}

int uapi_apply(const struct uapi_request *request, struct uapi_device *device,
	       struct engine *engine, uint64_t now_us)
{
	int result = 0;

	if (request->has_listen_port && request->listen_port &&
	    request->listen_port != device->listen_port)
		return -EOPNOTSUPP;
	if (request->has_private_key)
		result = apply_private_key(request, device, engine);
	if (result == 0 && request->has_fwmark) {
		result = device->set_fwmark(device->data, request->fwmark);
		if (result == 0)
			device->fwmark = request->fwmark;
	}
	if (result == 0 && request->replace_peers)
		engine_replace_peers(engine);
	for (size_t i = 0; i < request->n_peers && result == 0; i++)
		result = engine_change_peer(engine, now_us, &request->peers[i].change);
	return result;
}

/* ---- formatting ---- */

/* A growing text that leaves no copies of keys behind. */
struct text {
	char *bytes;
	size_t length, room;
	bool failed;
};

static bool text_grow(struct text *text, size_t more)
{
	size_t room = text->room ? text->room : TEXT_FIRST;
	char *grown;

	while (room - text->length < more)
		room *= 2;
	if (room == text->room)
		return true;
	grown = malloc(room);
	if (!grown)
		return false;
	if (text->bytes) {
		memcpy(grown, text->bytes, text->length);
		sodium_memzero(text->bytes, text->length);
		free(text->bytes);
	}
	text->bytes = grown;
	text->room = room;
	return true;
}

static void text_add(struct text *text, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void text_add(struct text *text, const char *format, ...)
{
	va_list arguments;
	int length;

	if (text->failed || !text_grow(text, 256)) { /* more than any line */
		text->failed = true;
		return;
	}
	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, 256, format, arguments);
	va_end(arguments);
	if (length < 0 || length >= 256)
		text->failed = true;
	else
		text->length += (size_t)length;
}

static void text_add_key(struct text *text, const char *name, const uint8_t *key)
{
	char hex[2 * DATAPLANE_KEY_SIZE + 1];

	sodium_bin2hex(hex, sizeof(hex), key, DATAPLANE_KEY_SIZE);
	text_add(text, "%s=%s\n", name, hex);
	sodium_memzero(hex, sizeof(hex));
}

static char *text_finish(struct text *text, size_t *length)
{
	if (text->failed) {
		if (text->bytes)
			sodium_memzero(text->bytes, text->length);
		free(text->bytes);
		return NULL;
	}
	*length = text->length;
	return text->bytes;
}

static void format_peer(void *data, const struct engine_peer_info *info)
{
	struct text *text = data;
	char address[ADDR_TEXT_SIZE];

	text_add_key(text, "public_key", info->public_key);
	text_add_key(text, "preshared_key", info->preshared_key);
	text_add(text, "protocol_version=1\n");
	if (!addr_is_none(&info->endpoint))
		text_add(text, "endpoint=%s\n", addr_format(&info->endpoint, address));
	text_add(text, "last_handshake_time_sec=%llu\nlast_handshake_time_nsec=%llu\n",
		 (unsigned long long)(info->last_handshake_wall_us / 1000000),
		 (unsigned long long)(info->last_handshake_wall_us % 1000000 * 1000));
	text_add(text, "tx_bytes=%llu\nrx_bytes=%llu\npersistent_keepalive_interval=%u\n",
		 (unsigned long long)info->tx_bytes, (unsigned long long)info->rx_bytes,
		 info->persistent_keepalive_s);
	for (size_t i = 0; i < info->n_allowed_ips &&
			   i < sizeof(info->allowed_ips) / sizeof(info->allowed_ips[0]);
	     i++)
		text_add(text, "allowed_ip=%s\n",
			 addr_prefix_format(&info->allowed_ips[i], address));
}

char *uapi_format(const struct uapi_device *device, const struct engine *engine, uint64_t now_us,
		  size_t *length)
{
	struct text text = {0};

	text_add_key(&text, "private_key", device->private_key);
	text_add(&text, "listen_port=%u\n", device->listen_port);
	if (device->fwmark)
		text_add(&text, "fwmark=%u\n", device->fwmark);
	engine_each_peer(engine, now_us, format_peer, &text);
	text_add(&text, "errno=0\n\n");
	return text_finish(&text, length);
}

struct answering {
	const struct uapi_request *request;
	struct uapi_device *device;
	int result;
	char *text; /* of a `get` */
	size_t length;
};

static void answer_in_engine(struct engine *engine, uint64_t now_us, void *argument)
{
	struct answering *answering = argument;

	if (answering->request->get)
		answering->text =
			uapi_format(answering->device, engine, now_us, &answering->length);
	else
		answering->result =
			uapi_apply(answering->request, answering->device, engine, now_us);
}

char *uapi_answer(struct uapi_device *device, const char *text, size_t length,
		  size_t *answer_length)
{
	struct uapi_request request;
	struct answering answering = {.request = &request, .device = device};
	struct text status = {0};

	answering.result = uapi_parse(&request, text, length);
	if (answering.result == 0)
		device->run(device->data, answer_in_engine, &answering);
	if (answering.result == 0 && request.get) {
		uapi_request_clear(&request);
		*answer_length = answering.length;
		return answering.text;
	}
	uapi_request_clear(&request);
	text_add(&status, "errno=%d\n\n", answering.result);
	return text_finish(&status, answer_length);
}

/* ---- the server ---- */

static void client_reset(struct uapi_client *client)
{
	if (client->text)
		sodium_memzero(client->text, client->room);
	if (client->answer)
		sodium_memzero(client->answer, client->answer_length);
	free(client->text);
	free(client->answer);
	client->text = client->answer = NULL;
	client->length = client->room = client->answer_length = 0;
}

static void server_accept(struct uapi_server *server, unsigned listener);

static void on_closed(uv_handle_t *handle)
{
	struct uapi_client *client = handle->data;
	struct uapi_server *server = client->server;

	client_reset(client);
	client->used = false;
	for (unsigned i = 0; i < server->n_listeners; i++) {
		if (server->waiting[i])
			server_accept(server, i);
	}
}

static void client_close(struct uapi_client *client)
{
	if (!uv_is_closing((uv_handle_t *)&client->pipe))
		uv_close((uv_handle_t *)&client->pipe, on_closed);
}

static bool client_grow(struct uapi_client *client)
{
	size_t room = client->room ? 2 * client->room : TEXT_FIRST;
	char *grown;

	if (room > UAPI_REQUEST_MAX || !(grown = malloc(room)))
		return false;
	if (client->text) {
		memcpy(grown, client->text, client->length);
		sodium_memzero(client->text, client->length);
		free(client->text);
	}
	client->text = grown;
	client->room = room;
	return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct uapi_client *client = handle->data;

	(void)suggested;
	/* No room is answered with UV_ENOBUFS in on_read, which closes. */
	if (client->length == client->room && !client_grow(client))
		*buffer = uv_buf_init(NULL, 0);
	else
		*buffer = uv_buf_init(client->text + client->length,
				      (unsigned)(client->room - client->length));
}

static void client_serve(struct uapi_client *client);
static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer);

static void on_written(uv_write_t *write, int status)
{
	struct uapi_client *client = write->data;

	if (client->answer)
		sodium_memzero(client->answer, client->answer_length);
	free(client->answer);
	client->answer = NULL;
	client->answer_length = 0;
	if (status < 0)
		client_close(client);
	else
		client_serve(client);
}

/* Where the first request in the text ends, 0: not yet whole. */
static size_t request_length(const struct uapi_client *client)
{
	const char *end = client->length ? memmem(client->text, client->length, "\n\n", 2) : NULL;

	return end ? (size_t)(end - client->text) + 2 : 0;
}

/* Answers the next request that is there whole, or reads on. Nothing is read while an answer is
 * under way, so a client that does not take answers cannot pile them up. */
static void client_serve(struct uapi_client *client)
{
	size_t length = request_length(client);
	uv_buf_t buffer;

	if (!length) {
		int result = uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);

		if (result < 0 && result != UV_EALREADY) /* in the middle of a long request */
			client_close(client);
		return;
	}
	uv_read_stop((uv_stream_t *)&client->pipe);
	client->answer =
		uapi_answer(client->server->device, client->text, length, &client->answer_length);
	client->length -= length;
	memmove(client->text, client->text + length, client->length);
	sodium_memzero(client->text + client->length, length);
	if (!client->answer) {
		client_close(client);
		return;
	}
	buffer = uv_buf_init(client->answer, (unsigned)client->answer_length);
	client->write.data = client;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) < 0)
		client_close(client);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buffer)
{
	struct uapi_client *client = stream->data;

	(void)buffer;
	if (got < 0) {
		client_close(client);
		return;
	}
	client->length += (size_t)got;
	client_serve(client);
}

/* A free place; if there is none, the client that came first has had its time. */
static struct uapi_client *client_take(struct uapi_server *server)
{
	struct uapi_client *oldest = &server->clients[0];

	for (unsigned i = 0; i < UAPI_CLIENTS_MAX; i++) {
		struct uapi_client *client = &server->clients[i];

		if (!client->used)
			return client;
		if (client->since_ms < oldest->since_ms)
			oldest = client;
	}
	client_close(oldest);
	return NULL;
}

/* Takes the connection that waits at a listener. When there is no place it goes on waiting (libuv
 * then stops listening) until the client that made way is closed. */
static void server_accept(struct uapi_server *server, unsigned listener)
{
	struct uapi_client *client = client_take(server);

	server->waiting[listener] = !client;
	if (!client)
		return;
	client->server = server;
	client->used = true;
	client->since_ms = uv_now(&server->loop->uv);
	uv_pipe_init(&server->loop->uv, &client->pipe, 0);
	client->pipe.data = client;
	if (uv_accept((uv_stream_t *)&server->listeners[listener], (uv_stream_t *)&client->pipe) <
	    0)
		client_close(client);
	else
		client_serve(client);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct uapi_server *server = listener->data;

	if (status == 0)
		server_accept(server, (uv_pipe_t *)listener == &server->listeners[0] ? 0 : 1);
}

void uapi_server_init(struct uapi_server *server, struct loop *loop, struct uapi_device *device)
{
	memset(server, 0, sizeof(*server));
	server->loop = loop;
	server->device = device;
}

int uapi_server_listen(struct uapi_server *server, int fd)
{
	uv_pipe_t *listener = &server->listeners[server->n_listeners];
	int copy = dup(fd);
	int result;

	if (copy < 0)
		return -errno;
	uv_pipe_init(&server->loop->uv, listener, 0);
	listener->data = server;
	server->n_listeners++;
	result = uv_pipe_open(listener, copy);
	if (result < 0) {
		close(copy);
		return result;
	}
	return uv_listen((uv_stream_t *)listener, UAPI_CLIENTS_MAX, on_connection);
}

void uapi_server_clear(struct uapi_server *server)
{
	for (unsigned i = 0; i < UAPI_CLIENTS_MAX; i++)
		client_reset(&server->clients[i]);
}
