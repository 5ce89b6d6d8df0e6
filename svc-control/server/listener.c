#include "svc-control/server/listener.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/limits.h"

#define BACKLOG		1024
#define ACCEPTS_AT_ONCE 64
#define HANDSHAKE_S	10
#define CLOSE_MS	2000
#define ORPHAN_MS	60000
#define PAUSE_MS	1000 /* without accepting, when the process is out of descriptors */
#define RECEIVE_SIZE	4096
#define REASON_SIZE	124 /* of a close frame, RFC 6455 section 5.5 */

struct socket_entry {
	struct listener *listener;
	int fd;
	struct loop_poll poll;
};

struct listener {
	struct loop *loop;
	struct websocket *websocket;
	struct lws_vhost *vhost;
	const struct listener_events *events;
	void *data;
	struct listener_options options;
	struct socket_entry sockets[LISTENER_ADDRESSES_MAX];
	size_t n_sockets;
	struct loop_timer pause;
	struct connection *connections; /* all, also those still shaking hands */
	size_t n_connections;
	struct log_limit refused;
};

struct queued {
	struct queued *next;
	size_t length;
	uint8_t bytes[]; /* LWS_PRE bytes for the header, then the message */
};

struct connection {
	struct listener *listener; /* NULL: the listener is gone */
	struct connection *previous, *next;
	struct lws *wsi; /* NULL: refused while it was being adopted */
	bool adopting, gone;
	bool open;    /* `opened` was reported, `closed` was not */
	bool closing; /* messages are ignored, the reason goes out when the queue is empty */
	bool reason_sent;
	struct addr accepted_from; /* counted for the limits */
	struct addr source;
	char host[LISTENER_HOST_SIZE];
	char reason[REASON_SIZE];
	void *data;
	struct loop_timer deadline; /* of the closing */
	struct queued *first, **last;
	size_t queued_bytes, queued_frames;
	uint8_t *message; /* fragments so far */
	size_t message_length;
};

static int listener_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
			     void *in, size_t length);

static const struct lws_protocols protocols[] = {
	{.name = RENDEZVOUS_SUBPROTOCOL,
	 .callback = listener_callback,
	 .rx_buffer_size = RECEIVE_SIZE},
	{0},
};

static const lws_retry_bo_t keepalive = {
	.secs_since_valid_ping = 15,
	.secs_since_valid_hangup = 30,
};

/* ---- connections */

static struct connection *connection_new(struct listener *listener, const struct addr *from)
{
	struct connection *new = calloc(1, sizeof(*new));

	if (!new)
		return NULL;
	new->listener = listener;
	new->accepted_from = *from;
	new->source = *from;
	new->last = &new->first;
	new->next = listener->connections;
	if (new->next)
		new->next->previous = new;
	listener->connections = new;
	listener->n_connections++;
	return new;
}

static void connection_unlink(struct connection *connection)
{
	struct listener *listener = connection->listener;

	if (!listener)
		return;
	if (connection->previous)
		connection->previous->next = connection->next;
	else
		listener->connections = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	listener->n_connections--;
	connection->listener = NULL;
}

static void connection_free(struct connection *connection)
{
	connection_unlink(connection);
	loop_timer_stop(&connection->deadline);
	while (connection->first) {
		struct queued *queued = connection->first;

		connection->first = queued->next;
		free(queued);
	}
	free(connection->message);
	free(connection);
}

/* From outside of libwebsockets' callbacks: it closes when the loop turns. */
static void connection_kill(struct connection *connection)
{
	lws_set_timeout(connection->wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	lws_cancel_service(lws_get_context(connection->wsi));
}

static void closing_took_too_long(void *data)
{
	connection_kill(data);
}

void connection_close(struct connection *connection, const char *reason)
{
	if (connection->closing)
		return;
	connection->closing = true;
	snprintf(connection->reason, sizeof(connection->reason), "%s", reason);
	loop_timer_start(connection->listener->loop, &connection->deadline, CLOSE_MS, 0,
			 closing_took_too_long, connection);
	lws_callback_on_writable(connection->wsi);
}

int connection_send(struct connection *connection, const uint8_t *bytes, size_t length)
{
	struct queued *queued;

	if (connection->closing)
		return -EPIPE;
	queued = malloc(sizeof(*queued) + LWS_PRE + length);
	if (!queued || connection->queued_frames >= LISTENER_QUEUE_FRAMES ||
	    connection->queued_bytes + length > LISTENER_QUEUE_BYTES) {
		free(queued);
		connection_close(connection, "the client does not read");
		return -ENOBUFS;
	}
	queued->next = NULL;
	queued->length = length;
	memcpy(queued->bytes + LWS_PRE, bytes, length);
	*connection->last = queued;
	connection->last = &queued->next;
	connection->queued_bytes += length;
	connection->queued_frames++;
	lws_callback_on_writable(connection->wsi);
	return 0;
}

void connection_set_data(struct connection *connection, void *data)
{
	connection->data = data;
}

void *connection_data(const struct connection *connection)
{
	return connection->data;
}

const struct addr *connection_source(const struct connection *connection)
{
	return &connection->source;
}

const char *connection_host(const struct connection *connection)
{
	return connection->host;
}

size_t connection_queued(const struct connection *connection)
{
	return connection->queued_bytes;
}

/* ---- libwebsockets' side of it */

/* The client behind our own proxy: the last address of the header, which the proxy itself added. */
static void read_forwarded(struct connection *connection, struct lws *wsi)
{
	const struct addr *proxy = &connection->listener->options.proxy;
	char header[256], *last;
	struct addr source;

	if (addr_is_none(proxy) || !addr_equal_ip(proxy, &connection->accepted_from) ||
	    lws_hdr_copy(wsi, header, sizeof(header), WSI_TOKEN_X_FORWARDED_FOR) <= 0)
		return;
	last = strrchr(header, ',');
	last = last ? last + 1 : header;
	last += strspn(last, " ");
	if (addr_parse(&source, last) == 0) {
		source.port = 0;
		connection->source = source;
	}
}

static bool handshake_is_ours(struct connection *connection, struct lws *wsi)
{
	char text[64];

	if (lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_GET_URI) <= 0 ||
	    strcmp(text, RENDEZVOUS_PATH) != 0 ||
	    lws_hdr_copy(wsi, text, sizeof(text), WSI_TOKEN_PROTOCOL) <= 0 ||
	    lws_hdr_copy(wsi, connection->host, sizeof(connection->host), WSI_TOKEN_HOST) <= 0)
		return false;
	read_forwarded(connection, wsi);
	return true;
}

static int append_fragment(struct connection *connection, const uint8_t *bytes, size_t length)
{
	uint8_t *larger;

	if (length > RENDEZVOUS_FRAME_MAX - connection->message_length)
		return -EMSGSIZE;
	larger = realloc(connection->message, connection->message_length + length + 1);
	if (!larger)
		return -ENOMEM;
	memcpy(larger + connection->message_length, bytes, length);
	connection->message = larger;
	connection->message_length += length;
	return 0;
}

static void receive(struct connection *connection, struct lws *wsi, const uint8_t *bytes,
		    size_t length)
{
	struct listener *listener = connection->listener;
	uint8_t *message;

	if (connection->closing)
		return;
	if (!lws_frame_is_binary(wsi)) {
		connection_close(connection, "text is not spoken here");
		return;
	}
	if (append_fragment(connection, bytes, length) < 0) {
		connection_close(connection, "message too large");
		return;
	}
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return;
	message = connection->message;
	length = connection->message_length;
	connection->message = NULL;
	connection->message_length = 0;
	listener->events->message(listener->data, connection, message, length);
	free(message);
}

/* Says why and waits for the client's own close frame, or the deadline. The close frame goes out by
 * way of an expired timeout: when a callback returns -1, libwebsockets over libuv (as Debian builds
 * it) closes the socket before the frame is sent. KEEPALIVE_IDLE is its one polite timeout. */
static void write_reason(struct connection *connection, struct lws *wsi)
{
	if (connection->reason_sent)
		return;
	connection->reason_sent = true;
	lws_close_reason(wsi, LWS_CLOSE_STATUS_POLICY_VIOLATION,
			 (unsigned char *)connection->reason, strlen(connection->reason));
	lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_KEEPALIVE_IDLE, LWS_TO_KILL_ASYNC);
}

/* -1: close now. */
static int write_one(struct connection *connection, struct lws *wsi)
{
	struct queued *queued = connection->first;
	int written;

	if (!queued) {
		if (connection->closing)
			write_reason(connection, wsi);
		return 0;
	}
	connection->first = queued->next;
	if (!connection->first)
		connection->last = &connection->first;
	connection->queued_bytes -= queued->length;
	connection->queued_frames--;
	written = lws_write(wsi, queued->bytes + LWS_PRE, queued->length, LWS_WRITE_BINARY);
	free(queued);
	if (written < 0)
		return -1;
	if (!connection->first && !connection->closing)
		connection->listener->events->drained(connection->listener->data, connection);
	if (connection->first || connection->closing)
		lws_callback_on_writable(wsi);
	return 0;
}

static void report_closed(struct connection *connection)
{
	if (!connection->open)
		return;
	connection->open = false;
	connection->closing = true;
	connection->listener->events->closed(connection->listener->data, connection);
}

static void destroyed(struct connection *connection, struct lws *wsi)
{
	lws_set_opaque_user_data(wsi, NULL);
	report_closed(connection);
	connection->wsi = NULL;
	connection->gone = true;
	if (!connection->adopting)
		connection_free(connection);
}

static int plain_http(struct lws *wsi)
{
	lws_return_http_status(wsi, HTTP_STATUS_NOT_FOUND,
			       "This is a LANrage server: lanrage --help");
	return -1;
}

static int listener_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user,
			     void *in, size_t length)
{
	struct connection *connection = lws_get_opaque_user_data(wsi);

	(void)user;
	if (!connection)
		return 0;
	if (!connection->listener) { /* freed meanwhile */
		if (reason == LWS_CALLBACK_WSI_DESTROY) {
			lws_set_opaque_user_data(wsi, NULL);
			connection_free(connection);
		}
		return reason == LWS_CALLBACK_RECEIVE || reason == LWS_CALLBACK_SERVER_WRITEABLE
			       ? -1
			       : 0;
	}
	switch (reason) {
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
		return handshake_is_ours(connection, wsi) ? 0 : -1;
	case LWS_CALLBACK_HTTP: return plain_http(wsi);
	case LWS_CALLBACK_ESTABLISHED:
		connection->open = true;
		connection->listener->events->opened(connection->listener->data, connection);
		return 0;
	case LWS_CALLBACK_RECEIVE: receive(connection, wsi, in, length); return 0;
	case LWS_CALLBACK_SERVER_WRITEABLE: return write_one(connection, wsi);
	case LWS_CALLBACK_CLOSED: report_closed(connection); return 0;
	case LWS_CALLBACK_WSI_DESTROY: destroyed(connection, wsi); return 0;
	default: return 0;
	}
}

/* ---- accepting */

static size_t count_from(const struct listener *listener, const struct addr *from)
{
	struct addr wanted = limits_source(from);
	size_t n = 0;

	for (const struct connection *i = listener->connections; i; i = i->next) {
		struct addr source = limits_source(&i->accepted_from);

		n += addr_equal(&source, &wanted);
	}
	return n;
}

static bool may_connect(struct listener *listener, const struct addr *from)
{
	const struct listener_options *options = &listener->options;
	bool is_proxy = !addr_is_none(&options->proxy) && addr_equal_ip(from, &options->proxy);
	const char *why = NULL;
	char text[ADDR_TEXT_SIZE];

	if (listener->n_connections >= options->connections)
		why = "too many connections";
	else if (!is_proxy && count_from(listener, from) >= options->connections_per_source)
		why = "too many connections from this address";
	if (why && log_limit_pass(&listener->refused, clock_now_us(), 10 * CLOCK_SECOND))
		log_warning("connection %s: refused: %s", addr_format(from, text), why);
	return !why;
}

static void orphan_ends(void *data)
{
	connection_free(data);
}

static void adopt(struct listener *listener, int fd, const struct addr *from)
{
	struct connection *connection = connection_new(listener, from);
	lws_adopt_desc_t adoption = {
		.vh = listener->vhost,
		.type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP | LWS_ADOPT_ALLOW_SSL,
		.fd.sockfd = fd,
		.opaque = connection,
	};
	int on = 1;

	if (!connection) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection->adopting = true;
	connection->wsi = lws_adopt_descriptor_vhost_via_info(&adoption);
	connection->adopting = false;
	if (connection->gone)
		connection_free(connection);
	else if (!connection->wsi)
		/* refused at once (no TLS, say): its WSI_DESTROY comes when the loop turns, unless
		 * memory ran out before there was anything to destroy */
		loop_timer_start(listener->loop, &connection->deadline, ORPHAN_MS, 0, orphan_ends,
				 connection);
}

static void resume_accepting(void *data);
static void accept_ready(void *data);

static void pause_accepting(struct listener *listener)
{
	if (log_limit_pass(&listener->refused, clock_now_us(), 10 * CLOCK_SECOND))
		log_err("server: cannot accept connections: %s", strerror(errno));
	for (size_t i = 0; i < listener->n_sockets; i++)
		loop_poll_stop(&listener->sockets[i].poll);
	loop_timer_start(listener->loop, &listener->pause, PAUSE_MS, 0, resume_accepting, listener);
}

static void resume_accepting(void *data)
{
	struct listener *listener = data;

	for (size_t i = 0; i < listener->n_sockets; i++)
		loop_poll_start(listener->loop, &listener->sockets[i].poll, listener->sockets[i].fd,
				accept_ready, &listener->sockets[i]);
}

static void accept_ready(void *data)
{
	struct socket_entry *entry = data;
	struct listener *listener = entry->listener;

	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		struct sockaddr_storage sa;
		socklen_t length = sizeof(sa);
		int fd = accept4(entry->fd, (struct sockaddr *)&sa, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct addr from;

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				pause_accepting(listener);
			break;
		}
		from = addr_from_sockaddr(&sa);
		if (may_connect(listener, &from))
			adopt(listener, fd, &from);
		else
			close(fd);
	}
	/* the handshake's time limit is set from outside libwebsockets' callbacks */
	lws_cancel_service(websocket_lws(listener->websocket));
}

/* ---- making it */

static int open_socket(const struct addr *address, struct error *error)
{
	struct sockaddr_storage sa;
	socklen_t length = addr_to_sockaddr(address, &sa);
	char text[ADDR_TEXT_SIZE];
	int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	addr_format(address, text);
	if (fd < 0)
		return error_set(error, -errno, "cannot listen on %s: %s", text, strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (sa.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sa, length) == 0 && listen(fd, BACKLOG) == 0)
		return fd;
	if (errno == EADDRINUSE)
		error_set(error, -EADDRINUSE,
			  "TCP port %s is in use; stop the other program or choose another port",
			  text);
	else
		error_set(error, -errno, "cannot listen on %s: %s", text, strerror(errno));
	close(fd);
	return error ? error->code : -EIO;
}

static int open_sockets(struct listener *listener, struct error *error)
{
	for (size_t i = 0; i < listener->options.n_addresses; i++) {
		struct socket_entry *entry = &listener->sockets[listener->n_sockets];
		int fd = open_socket(&listener->options.addresses[i], error);

		/* no IPv6 on this machine is fine beside IPv4 */
		if ((fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL) && i > 0)
			continue;
		if (fd < 0)
			return fd;
		entry->listener = listener;
		entry->fd = fd;
		listener->n_sockets++;
	}
	return 0;
}

static int create_vhost(struct listener *listener, struct error *error)
{
	struct lws_context_creation_info info;

	memset(&info, 0, sizeof(info));
	info.vhost_name = "rendezvous";
	info.port = CONTEXT_PORT_NO_LISTEN_SERVER;
	info.protocols = protocols;
	info.retry_and_idle_policy = &keepalive;
	info.timeout_secs = HANDSHAKE_S;
	info.keepalive_timeout = HANDSHAKE_S;
	info.http_proxy_address = "";
	info.alpn = "http/1.1";
	if (listener->options.tls_cert) {
		info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = listener->options.tls_cert;
		info.ssl_private_key_filepath = listener->options.tls_key;
	}
	listener->vhost = lws_create_vhost(websocket_lws(listener->websocket), &info);
	if (listener->vhost)
		return 0;
	if (listener->options.tls_cert)
		return error_set(error, -EINVAL, "cannot use the TLS certificate %.90s with %.90s",
				 listener->options.tls_cert, listener->options.tls_key);
	return error_set(error, -EIO, "cannot start libwebsockets");
}

int listener_new(struct listener **listener, struct loop *loop, struct websocket *websocket,
		 const struct listener_options *options, const struct listener_events *events,
		 void *data, struct error *error)
{
	struct listener *new = calloc(1, sizeof(*new));
	int result;

	*listener = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->loop = loop;
	new->websocket = websocket;
	new->options = *options;
	new->events = events;
	new->data = data;
	result = open_sockets(new, error);
	if (result == 0)
		result = create_vhost(new, error);
	if (result < 0) {
		listener_free(new);
		return result;
	}
	resume_accepting(new);
	*listener = new;
	return 0;
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	loop_timer_stop(&listener->pause);
	for (size_t i = 0; i < listener->n_sockets; i++) {
		loop_poll_stop(&listener->sockets[i].poll);
		close(listener->sockets[i].fd);
	}
	/* libwebsockets closes them in its own time */
	while (listener->connections) {
		struct connection *connection = listener->connections;

		loop_timer_stop(&connection->deadline);
		report_closed(connection);
		connection_unlink(connection);
	}
	if (listener->vhost)
		lws_vhost_destroy(listener->vhost);
	free(listener);
}
