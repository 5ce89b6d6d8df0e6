#include "svc-control/websocket.h"

#include <ctype.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libwebsockets.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define ADDRESSES_MAX	 8
#define ATTEMPT_MS	 5000
#define STEADY_US	 (10 * CLOCK_SECOND) /* a connection that lived so long resets the back-off */
#define RECEIVE_SIZE	 4096
#define REASON_SIZE	 160
#define HANDSHAKE_S	 5
#define FILES_MAX	 65536
#define CERTIFICATE_FILE "/etc/ssl/certs/ca-certificates.crt"

/* ---- URLs */

static bool host_is_valid(const char *host, bool bracketed)
{
	for (const char *c = host; *c; c++)
		if (bracketed ? !isxdigit((unsigned char)*c) && *c != ':' && *c != '.'
			      : !isalnum((unsigned char)*c) && *c != '.' && *c != '-')
			return false;
	return host[0] != 0;
}

/* Takes [first, last) in lower case. */
static bool copy_lower(char *out, size_t size, const char *first, const char *last)
{
	size_t length = (size_t)(last - first);

	if (length >= size)
		return false;
	for (size_t i = 0; i < length; i++)
		out[i] = (char)tolower((unsigned char)first[i]);
	out[length] = 0;
	return true;
}

static bool parse_port(uint16_t *port, const char *first, const char *last)
{
	unsigned long value = 0;

	if (first == last || last - first > 5)
		return false;
	for (; first < last; first++) {
		if (!isdigit((unsigned char)*first))
			return false;
		value = value * 10 + (unsigned long)(*first - '0');
	}
	*port = (uint16_t)value;
	return value > 0 && value <= UINT16_MAX;
}

/* first..last is `host`, `host:port` or `[ipv6]:port`. */
static bool parse_authority(struct websocket_url *url, const char *first, const char *last)
{
	bool bracketed = first < last && *first == '[';
	const char *end = memchr(first, bracketed ? ']' : ':', (size_t)(last - first));
	const char *after;
	int length;

	if (bracketed && !end)
		return false;
	if (!end)
		end = last;
	after = bracketed ? end + 1 : end;
	if (!copy_lower(url->host, sizeof(url->host), first + bracketed, end) ||
	    !host_is_valid(url->host, bracketed))
		return false;
	if (after < last && (*after != ':' || !parse_port(&url->port, after + 1, last)))
		return false;
	length = snprintf(url->authority, sizeof(url->authority), bracketed ? "[%s]:%u" : "%s:%u",
			  url->host, url->port);
	return length > 0 && (size_t)length < sizeof(url->authority);
}

static bool path_is_valid(const char *path)
{
	for (; *path; path++)
		if (*path <= ' ' || *path >= 0x7f || *path == '#')
			return false;
	return true;
}

int websocket_url_parse(struct websocket_url *url, const char *text, struct error *error)
{
	const char *first, *last;

	memset(url, 0, sizeof(*url));
	url->tls = strncasecmp(text, "wss://", 6) == 0;
	if (!url->tls && strncasecmp(text, "ws://", 5) != 0)
		return error_set(error, -EINVAL,
				 "%.100s: a server's URL begins with ws:// or wss://", text);
	first = strstr(text, "://") + 3;
	last = first + strcspn(first, "/?#");
	url->port = url->tls ? 443 : 80;
	if (!parse_authority(url, first, last))
		return error_set(error, -EINVAL,
				 "%.100s: expected ws://HOST:PORT or wss://HOST:PORT", text);
	if (*last == 0 || strcmp(last, "/") == 0)
		last = RENDEZVOUS_PATH;
	if (*last != '/' || strlen(last) >= sizeof(url->path) || !path_is_valid(last))
		return error_set(error, -EINVAL, "%.100s: the path after the host is not usable",
				 text);
	strcpy(url->path, last);
	return 0;
}

/* ---- what all connections share */

struct websocket {
	struct loop *loop;
	struct lws_context *lws; /* becomes NULL when libwebsockets has let go */
	struct lws_vhost *vhost; /* of the clients */
};

static int client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t length);

static const struct lws_protocols client_protocols[] = {
	{.name = RENDEZVOUS_SUBPROTOCOL,
	 .callback = client_callback,
	 .rx_buffer_size = RECEIVE_SIZE},
	{0},
};

static const lws_retry_bo_t keepalive = {
	.secs_since_valid_ping = WEBSOCKET_PING_S,
	.secs_since_valid_hangup = WEBSOCKET_DEAD_S,
};

/* libwebsockets calls an ordinary refusal an error: the words that matter are in our events. */
static void emit_log(int level, const char *line)
{
	(void)level;
	log_debug("libwebsockets: %.*s", (int)strcspn(line, "\n"), line);
}

/* libwebsockets allots tables for as many descriptors as the process may open. */
static unsigned int files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur <= FILES_MAX)
		return 0; /* as many as that: look-up by index */
	return FILES_MAX / 16;
}

static int create_context(struct websocket *websocket, struct lws_context_creation_info *info)
{
	void *loops[] = {&websocket->loop->uv};

	memset(info, 0, sizeof(*info));
	info->options = LWS_SERVER_OPTION_LIBUV | LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
			LWS_SERVER_OPTION_EXPLICIT_VHOSTS;
	info->foreign_loops = loops;
	info->pcontext = &websocket->lws;
	info->gid = -1;
	info->uid = -1;
	info->port = CONTEXT_PORT_NO_LISTEN;
	info->fd_limit_per_thread = files_limit();
	websocket->lws = lws_create_context(info);
	return websocket->lws ? 0 : -EIO;
}

static int create_vhost(struct websocket *websocket, struct lws_context_creation_info *info)
{
	info->vhost_name = "clients";
	info->protocols = client_protocols;
	info->retry_and_idle_policy = &keepalive;
	info->timeout_secs = HANDSHAKE_S;
	/* the environment's proxy is not for us: an empty address hides it */
	info->http_proxy_address = "";
	/* Debian's default is a directory that is read at each handshake: too late in a sandbox */
	if (!getenv("SSL_CERT_FILE") && access(CERTIFICATE_FILE, R_OK) == 0)
		info->client_ssl_ca_filepath = CERTIFICATE_FILE;
	websocket->vhost = lws_create_vhost(websocket->lws, info);
	return websocket->vhost ? 0 : -EIO;
}

int websocket_new(struct websocket **websocket, struct loop *loop, struct error *error)
{
	struct lws_context_creation_info info;
	struct websocket *new = calloc(1, sizeof(*new));

	*websocket = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	new->loop = loop;
	lws_set_log_level(LLL_ERR | LLL_WARN, emit_log);
	if (create_context(new, &info) < 0 || create_vhost(new, &info) < 0) {
		websocket_free(new);
		return error_set(error, -EIO,
				 "cannot start libwebsockets: is libwebsockets-evlib-uv "
				 "installed?");
	}
	*websocket = new;
	return 0;
}

/* With a loop that is not its own, libwebsockets starts to close its handles at the first call and
 * wants a second one when the loop has run their close callbacks (two turns). */
void websocket_free(struct websocket *websocket)
{
	if (!websocket)
		return;
	if (websocket->lws) {
		lws_context_destroy(websocket->lws);
		for (int i = 0; i < 8; i++)
			uv_run(&websocket->loop->uv, UV_RUN_NOWAIT);
		if (websocket->lws)
			lws_context_destroy(websocket->lws);
	}
	free(websocket);
}

struct lws_context *websocket_lws(struct websocket *websocket)
{
	return websocket->lws;
}

/* ---- a client */

enum client_state {
	STOPPED,
	WAITING,    /* for the back-off */
	RESOLVING,  /* the host's name */
	CONNECTING, /* TCP, TLS and WebSocket handshakes */
	OPEN,
	FAILED, /* to be reported when the loop turns */
};

static const char *const state_names[] = {"stopped",	"waiting", "resolving",
					  "connecting", "open",	   "failed"};

struct queued {
	struct queued *next;
	size_t length;
	uint8_t bytes[]; /* LWS_PRE bytes for the header, then the message */
};

/* A name look-up outlives the client that asked, when that is freed meanwhile. */
struct lookup {
	uv_getaddrinfo_t request;
	struct websocket_client *client;
};

struct websocket_client {
	struct websocket *websocket;
	const struct websocket_events *events;
	void *data;
	struct websocket_url url;
	enum client_state state;
	struct loop_timer timer; /* of the state */
	struct lookup *lookup;
	struct addr addresses[ADDRESSES_MAX];
	size_t n_addresses, next_address;
	struct lws *wsi;
	bool inside_connect;
	uint32_t backoff_ms;
	uint64_t opened_us;
	struct queued *first, **last;
	size_t queued_bytes, queued_frames;
	uint8_t *message; /* fragments so far */
	size_t message_length;
	char reason[REASON_SIZE];
	enum websocket_trouble trouble;
};

static void client_enter(struct websocket_client *client, enum client_state state, const char *why)
{
	if (client->state != state)
		log_debug("server %s: %s -> %s: %s", client->url.authority,
			  state_names[client->state], state_names[state], why);
	client->state = state;
	loop_timer_stop(&client->timer);
}

/* Keeps the first reason: later ones are consequences. Only printable ASCII: it may come from the
 * other end and goes to the user. */
static void client_note(struct websocket_client *client, const char *text, size_t length)
{
	size_t n = 0;

	if (client->reason[0])
		return;
	for (size_t i = 0; i < length && n < REASON_SIZE - 1; i++)
		client->reason[n++] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
	client->reason[n] = 0;
}

/* Lets go of the connection; libwebsockets closes it when the loop turns. */
static void client_detach(struct websocket_client *client)
{
	struct lws *wsi = client->wsi;

	client->wsi = NULL;
	if (!wsi)
		return;
	lws_set_opaque_user_data(wsi, NULL);
	lws_set_timeout(wsi, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_ASYNC);
	/* a timer set from outside libwebsockets' callbacks is noticed only after a wake-up */
	lws_cancel_service(client->websocket->lws);
}

static void client_forget(struct websocket_client *client)
{
	client_detach(client);
	while (client->first) {
		struct queued *queued = client->first;

		client->first = queued->next;
		free(queued);
	}
	client->last = &client->first;
	client->queued_bytes = client->queued_frames = 0;
	free(client->message);
	client->message = NULL;
	client->message_length = 0;
	if (client->lookup) {
		client->lookup->client = NULL;
		uv_cancel((uv_req_t *)&client->lookup->request);
		client->lookup = NULL;
	}
}

static void attempt(void *data);
static void connect_next(void *data);
static void report_failure(void *data);

/* Half of the delay is chance, so that clients of a server that restarted do not come as one. */
static uint32_t next_backoff(struct websocket_client *client)
{
	uint32_t delay = client->backoff_ms;

	if (client->opened_us && clock_now_us() - client->opened_us >= STEADY_US)
		delay = 0;
	client->opened_us = 0;
	delay = delay ? 2 * delay : WEBSOCKET_RETRY_MIN_MS;
	if (delay > WEBSOCKET_RETRY_MAX_MS)
		delay = WEBSOCKET_RETRY_MAX_MS;
	client->backoff_ms = delay;
	return delay / 2 + randombytes_uniform(delay / 2 + 1);
}

/* The last thing its caller does: the event may free the client. */
static void report_failure(void *data)
{
	struct websocket_client *client = data;
	bool try_next = client->state != OPEN && !client->opened_us &&
			client->next_address < client->n_addresses;
	char reason[REASON_SIZE];
	uint32_t retry_ms;

	client_forget(client);
	if (try_next) {
		client_enter(client, CONNECTING, "next address");
		client->reason[0] = 0;
		loop_timer_start(client->websocket->loop, &client->timer, 0, 0, connect_next,
				 client);
		return;
	}
	client->n_addresses = 0;
	retry_ms = next_backoff(client);
	client_note(client, "connection lost", 15);
	memcpy(reason, client->reason, REASON_SIZE);
	client->reason[0] = 0;
	client_enter(client, WAITING, reason);
	loop_timer_start(client->websocket->loop, &client->timer, retry_ms, 0, attempt, client);
	client->events->closed(client->data, reason, retry_ms);
}

/* From anywhere: the event comes when the loop turns. */
static void fail_later(struct websocket_client *client, const char *why)
{
	client_note(client, why, strlen(why));
	client_detach(client);
	client_enter(client, FAILED, client->reason);
	loop_timer_start(client->websocket->loop, &client->timer, 0, 0, report_failure, client);
}

static void attempt_timeout(void *data)
{
	struct websocket_client *client = data;

	client_note(client, "no answer within 5 s", 20);
	report_failure(client);
}

static void connect_info(struct websocket_client *client, struct lws_client_connect_info *info,
			 char ip[ADDR_TEXT_SIZE])
{
	memset(info, 0, sizeof(*info));
	info->context = client->websocket->lws;
	info->vhost = client->websocket->vhost;
	info->address = ip;
	info->port = client->url.port;
	info->path = client->url.path;
	info->host = client->url.authority;
	info->ssl_connection = LCCSCF_HTTP_NO_FOLLOW_REDIRECT;
	if (client->url.tls)
		info->ssl_connection |= LCCSCF_USE_SSL;
	info->alpn = "http/1.1";
	info->protocol = RENDEZVOUS_SUBPROTOCOL;
	info->local_protocol_name = RENDEZVOUS_SUBPROTOCOL;
	info->ietf_version_or_minus_one = -1;
	info->opaque_user_data = client;
	info->retry_and_idle_policy = &keepalive;
	info->pwsi = &client->wsi;
}

static void connect_next(void *data)
{
	struct websocket_client *client = data;
	struct lws_client_connect_info info;
	char ip[ADDR_TEXT_SIZE];
	struct lws *wsi;

	addr_format_ip(&client->addresses[client->next_address++], ip);
	client_enter(client, CONNECTING, ip);
	connect_info(client, &info, ip);
	client->inside_connect = true;
	wsi = lws_client_connect_via_info(&info);
	client->inside_connect = false;
	if (!wsi) {
		client->wsi = NULL;
		client_note(client, "cannot connect", 14);
		report_failure(client);
		return;
	}
	loop_timer_start(client->websocket->loop, &client->timer, ATTEMPT_MS, 0, attempt_timeout,
			 client);
	lws_cancel_service(client->websocket->lws);
}

static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list)
{
	struct lookup *lookup = (struct lookup *)request;
	struct websocket_client *client = lookup->client;

	free(lookup);
	if (client) {
		client->lookup = NULL;
		client->n_addresses = 0;
		for (struct addrinfo *i = status == 0 ? list : NULL; i; i = i->ai_next) {
			struct sockaddr_storage sa = {0};

			if (client->n_addresses == ADDRESSES_MAX)
				break;
			memcpy(&sa, i->ai_addr, i->ai_addrlen);
			client->addresses[client->n_addresses++] = addr_from_sockaddr(&sa);
		}
	}
	uv_freeaddrinfo(list);
	if (!client)
		return;
	if (client->n_addresses > 0) {
		connect_next(client);
		return;
	}
	client->trouble = WEBSOCKET_TROUBLE_NAME;
	snprintf(client->reason, REASON_SIZE, "cannot look up %.80s: %s", client->url.host,
		 status ? uv_strerror(status) : "no address");
	report_failure(client);
}

static int start_lookup(struct websocket_client *client)
{
	static const struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	int result;

	if (!lookup)
		return -ENOMEM;
	lookup->client = client;
	result = uv_getaddrinfo(&client->websocket->loop->uv, &lookup->request, resolved,
				client->url.host, NULL, &hints);
	if (result < 0) {
		free(lookup);
		return result;
	}
	client->lookup = lookup;
	return 0;
}

static void attempt(void *data)
{
	struct websocket_client *client = data;

	client->next_address = 0;
	client->n_addresses = 0;
	client->reason[0] = 0;
	client->trouble = WEBSOCKET_TROUBLE_SILENT;
	if (addr_parse(&client->addresses[0], client->url.host) == 0) {
		client->n_addresses = 1;
		connect_next(client);
		return;
	}
	client_enter(client, RESOLVING, client->url.host);
	if (start_lookup(client) < 0) {
		client_note(client, "cannot look up the server's name", 32);
		report_failure(client);
		return;
	}
	loop_timer_start(client->websocket->loop, &client->timer, ATTEMPT_MS, 0, attempt_timeout,
			 client);
}

/* ---- libwebsockets' side of it */

/* Another server might answer a WebSocket request without knowing this protocol. */
static bool subprotocol_is_ours(struct lws *wsi)
{
	char name[sizeof(RENDEZVOUS_SUBPROTOCOL) + 1];

	return lws_hdr_copy(wsi, name, sizeof(name), WSI_TOKEN_PROTOCOL) > 0 &&
	       strcmp(name, RENDEZVOUS_SUBPROTOCOL) == 0;
}

static int append_fragment(struct websocket_client *client, const uint8_t *bytes, size_t length)
{
	uint8_t *larger;

	if (length > RENDEZVOUS_FRAME_MAX - client->message_length)
		return -EMSGSIZE;
	larger = realloc(client->message, client->message_length + length + 1);
	if (!larger)
		return -ENOMEM;
	memcpy(larger + client->message_length, bytes, length);
	client->message = larger;
	client->message_length += length;
	return 0;
}

/* -1: close. The event may stop or free the client; then the connection has lost it. */
static int client_receive(struct lws *wsi, struct websocket_client *client, const uint8_t *bytes,
			  size_t length)
{
	uint8_t *message;

	if (!lws_frame_is_binary(wsi)) {
		fail_later(client, "the server sent text");
		return -1;
	}
	if (append_fragment(client, bytes, length) < 0) {
		fail_later(client, "the server sent a message that is too large");
		return -1;
	}
	if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi) > 0)
		return 0;
	message = client->message;
	length = client->message_length;
	client->message = NULL;
	client->message_length = 0;
	client->events->message(client->data, message, length);
	free(message);
	return lws_get_opaque_user_data(wsi) ? 0 : -1;
}

static int client_write(struct lws *wsi, struct websocket_client *client)
{
	struct queued *queued = client->first;
	int written;

	if (!queued)
		return 0;
	client->first = queued->next;
	if (!client->first)
		client->last = &client->first;
	client->queued_bytes -= queued->length;
	client->queued_frames--;
	written = lws_write(wsi, queued->bytes + LWS_PRE, queued->length, LWS_WRITE_BINARY);
	free(queued);
	if (written < 0)
		return -1;
	if (client->first)
		lws_callback_on_writable(wsi);
	return 0;
}

static int client_opened(struct lws *wsi, struct websocket_client *client)
{
	client_enter(client, OPEN, "connected");
	client->opened_us = clock_now_us();
	client->trouble = WEBSOCKET_TROUBLE_SILENT; /* whatever ends it from here on */
	client->events->open(client->data);
	return lws_get_opaque_user_data(wsi) ? 0 : -1;
}

/* The connection goes, whoever wanted that. */
static void client_lost(struct lws *wsi, struct websocket_client *client, const char *text,
			size_t length)
{
	lws_set_opaque_user_data(wsi, NULL);
	client->wsi = NULL;
	client_note(client, text, length);
	if (!client->inside_connect)
		fail_later(client, "connection lost");
}

/* libwebsockets' words for an HTTP answer that is none of a WebSocket server begin so. */
static bool is_foreign(const char *text, size_t length)
{
	return text && length >= 3 && memcmp(text, "HS:", 3) == 0;
}

static int client_callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
			   size_t length)
{
	struct websocket_client *client = lws_get_opaque_user_data(wsi);

	(void)user;
	if (!client) /* given up: close at the first opportunity */
		return reason == LWS_CALLBACK_CLIENT_RECEIVE ||
				       reason == LWS_CALLBACK_CLIENT_WRITEABLE ||
				       reason == LWS_CALLBACK_CLIENT_ESTABLISHED
			       ? -1
			       : 0;
	switch (reason) {
	case LWS_CALLBACK_CLIENT_FILTER_PRE_ESTABLISH:
		if (subprotocol_is_ours(wsi))
			return 0;
		client->trouble = WEBSOCKET_TROUBLE_FOREIGN;
		client_note(client, "the other end is no LANrage server", 34);
		return -1;
	case LWS_CALLBACK_CLIENT_ESTABLISHED: return client_opened(wsi, client);
	case LWS_CALLBACK_CLIENT_RECEIVE: return client_receive(wsi, client, in, length);
	case LWS_CALLBACK_CLIENT_WRITEABLE: return client_write(wsi, client);
	case LWS_CALLBACK_WS_PEER_INITIATED_CLOSE:
		if (length > 2)
			client_note(client, (const char *)in + 2, length - 2);
		return 0;
	case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
		if (is_foreign(in, length))
			client->trouble = WEBSOCKET_TROUBLE_FOREIGN;
		client_lost(wsi, client, in ? in : "", in ? length : 0);
		return 0;
	case LWS_CALLBACK_CLIENT_CLOSED: client_lost(wsi, client, "", 0); return 0;
	case LWS_CALLBACK_WSI_DESTROY:
		if (client->wsi == wsi)
			client_lost(wsi, client, "", 0);
		return 0;
	default: return 0;
	}
}

/* ---- the interface */

int websocket_client_new(struct websocket_client **client, struct websocket *websocket,
			 const char *url, const struct websocket_events *events, void *data,
			 struct error *error)
{
	struct websocket_client *new = calloc(1, sizeof(*new));
	int result;

	*client = NULL;
	if (!new)
		return error_set(error, -ENOMEM, "out of memory");
	result = websocket_url_parse(&new->url, url, error);
	if (result < 0) {
		free(new);
		return result;
	}
	new->websocket = websocket;
	new->events = events;
	new->data = data;
	new->last = &new->first;
	*client = new;
	return 0;
}

void websocket_client_start(struct websocket_client *client)
{
	if (client->state != STOPPED && client->state != WAITING)
		return;
	client->backoff_ms = 0;
	client_enter(client, WAITING, "started");
	loop_timer_start(client->websocket->loop, &client->timer, 0, 0, attempt, client);
}

void websocket_client_stop(struct websocket_client *client)
{
	client_forget(client);
	client->opened_us = 0;
	client_enter(client, STOPPED, "stopped");
}

void websocket_client_fail(struct websocket_client *client, const char *reason)
{
	if (client->state == OPEN || client->state == CONNECTING || client->state == RESOLVING)
		fail_later(client, reason);
}

void websocket_client_free(struct websocket_client *client)
{
	if (!client)
		return;
	websocket_client_stop(client);
	free(client);
}

enum websocket_trouble websocket_client_trouble(const struct websocket_client *client)
{
	return client->trouble;
}

bool websocket_client_is_open(const struct websocket_client *client)
{
	return client->state == OPEN;
}

static bool is_own_address(const struct addr *address)
{
	struct ifaddrs *list;
	bool found = false;

	if (getifaddrs(&list) < 0)
		return true; /* not known to be gone */
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next) {
		struct sockaddr_storage sa = {0};
		struct addr own;

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET)
			memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in));
		else if (i->ifa_addr->sa_family == AF_INET6)
			memcpy(&sa, i->ifa_addr, sizeof(struct sockaddr_in6));
		own = addr_from_sockaddr(&sa);
		found = addr_equal_ip(&own, address);
	}
	freeifaddrs(list);
	return found;
}

bool websocket_client_is_stranded(const struct websocket_client *client)
{
	struct sockaddr_storage sa = {0};
	socklen_t length = sizeof(sa);
	struct addr address;

	if (client->state != OPEN || !client->wsi ||
	    getsockname(lws_get_socket_fd(client->wsi), (struct sockaddr *)&sa, &length) < 0)
		return false;
	address = addr_from_sockaddr(&sa);
	return !addr_is_none(&address) && !is_own_address(&address);
}

const struct websocket_url *websocket_client_url(const struct websocket_client *client)
{
	return &client->url;
}

int websocket_client_send(struct websocket_client *client, const uint8_t *bytes, size_t length)
{
	struct queued *queued;

	if (client->state != OPEN)
		return -ENOTCONN;
	if (length == 0 || length > RENDEZVOUS_FRAME_MAX)
		return -EMSGSIZE;
	if (client->queued_frames >= WEBSOCKET_QUEUE_FRAMES ||
	    client->queued_bytes + length > WEBSOCKET_QUEUE_BYTES) {
		fail_later(client, "the server does not read");
		return -ENOBUFS;
	}
	queued = malloc(sizeof(*queued) + LWS_PRE + length);
	if (!queued)
		return -ENOMEM;
	queued->next = NULL;
	queued->length = length;
	memcpy(queued->bytes + LWS_PRE, bytes, length);
	*client->last = queued;
	client->last = &queued->next;
	client->queued_bytes += length;
	client->queued_frames++;
	lws_callback_on_writable(client->wsi);
	return 0;
}
