#include "svc-api/http.h"

#include <civetweb.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-api/body.h"
#include "svc-api/clean.h"
#include "svc-api/live.h"
#include "svc-api/reply.h"
#include "svc-api/routes.h"
#include "svc-api/webfiles.h"
#include "svc-api/whose.h"

/* Read and thrown away, so that a client that has sent too much still sees the answer. */
#define DRAIN_MAX (1 << 20)

static const char security_headers[] =
	"Content-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; "
	"frame-ancestors 'none'\r\n"
	"X-Content-Type-Options: nosniff\r\n"
	"X-Frame-Options: DENY\r\n"
	"Referrer-Policy: no-referrer\r\n"
	"Cross-Origin-Resource-Policy: same-origin\r\n";

static const struct {
	int status;
	const char *text;
} status_texts[] = {
	{200, "OK"},
	{201, "Created"},
	{202, "Accepted"},
	{303, "See Other"},
	{400, "Bad Request"},
	{401, "Unauthorized"},
	{403, "Forbidden"},
	{404, "Not Found"},
	{409, "Conflict"},
	{405, "Method Not Allowed"},
	{408, "Request Timeout"},
	{411, "Length Required"},
	{413, "Content Too Large"},
	{414, "URI Too Long"},
	{415, "Unsupported Media Type"},
	{426, "Upgrade Required"},
	{429, "Too Many Requests"},
	{500, "Internal Server Error"},
	{501, "Not Implemented"},
	{502, "Bad Gateway"},
	{503, "Service Unavailable"},
	{504, "Gateway Timeout"},
};

static const char *status_text(int status)
{
	for (size_t i = 0; i < sizeof(status_texts) / sizeof(status_texts[0]); i++)
		if (status_texts[i].status == status)
			return status_texts[i].text;
	return "Error";
}

/* ---- writing */

static void send_bytes(struct mg_connection *connection, int status, const char *type,
		       const char *extra, const void *bytes, size_t length)
{
	const struct mg_request_info *info = mg_get_request_info(connection);
	bool head = info->request_method && strcmp(info->request_method, "HEAD") == 0;
	char headers[1024];
	int n = snprintf(headers, sizeof(headers),
			 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s%s%s\r\n",
			 status, status_text(status), type, length, security_headers, extra,
			 status >= 400 ? "Connection: close\r\n" : "");

	(void)mg_write(connection, headers, (size_t)n);
	if (!head && length)
		(void)mg_write(connection, bytes, length);
}

static int send_reply(struct mg_connection *connection, struct reply *reply)
{
	static const char failed[] = "{\"error\": {\"code\": \"out_of_memory\", \"message\": \"the "
				     "answer could not be made\", \"hint\": null}}\n";
	char extra[256], total[48] = "";
	char *made = reply->text ? NULL
				 : json_dumps(reply->json, JSON_COMPACT | JSON_REAL_PRECISION(15));
	const char *text = reply->text ? reply->text : made;
	int status = text ? reply->status : 500;

	if (reply->paged)
		(void)snprintf(total, sizeof(total), "X-Total-Count: %zu\r\n", reply->total);
	(void)snprintf(extra, sizeof(extra), "Cache-Control: no-store\r\n%s%s%s%s%s%s",
		       *reply->allow ? "Allow: " : "", reply->allow, *reply->allow ? "\r\n" : "",
		       status == 401 ? "WWW-Authenticate: Bearer\r\n" : "",
		       status == 429 || status == 503 ? "Retry-After: 1\r\n" : "", total);
	send_bytes(connection, status, reply->text ? reply->type : "application/json", extra,
		   text ? text : failed, text ? strlen(text) : strlen(failed));
	free(made);
	reply_clear(reply);
	return status;
}

/* ---- reading */

/* NULL where absent; sets *twice where it is there more than once. */
static const char *header(const struct mg_request_info *info, const char *name, bool *twice)
{
	const char *value = NULL;

	for (int i = 0; i < info->num_headers; i++) {
		if (strcasecmp(info->http_headers[i].name, name) != 0)
			continue;
		*twice = *twice || value;
		value = info->http_headers[i].value;
	}
	return value;
}

static bool is_json(const char *type)
{
	static const char json[] = "application/json";

	return type && strncasecmp(type, json, sizeof(json) - 1) == 0 &&
	       strchr("; \t", type[sizeof(json) - 1]) != NULL;
}

static void drain(struct mg_connection *connection)
{
	char bytes[4096];

	for (int total = 0, n = 1; n > 0 && total < DRAIN_MAX; total += n)
		n = mg_read(connection, bytes, sizeof(bytes));
}

/* Reads the body into bytes (BODY_MAX + 1). Returns its length, or -1 with the reply made. */
static ssize_t read_body(struct mg_connection *connection, char *bytes, struct reply *reply)
{
	const struct mg_request_info *info = mg_get_request_info(connection);
	size_t length = 0;
	bool twice = false;

	while (length <= BODY_MAX) {
		int n = mg_read(connection, bytes + length, BODY_MAX + 1 - length);

		if (n < 0) {
			reply_error(reply, 408, "timeout", "the body did not arrive in time");
			return -1;
		}
		if (n == 0)
			break;
		length += (size_t)n;
	}
	if (length > BODY_MAX) {
		drain(connection);
		reply_error(reply, 413, "too_large", "the body is larger than %d bytes", BODY_MAX);
		return -1;
	}
	if (info->content_length > 0 && length < (size_t)info->content_length) {
		reply_error(reply, 400, "bad_request", "the body is shorter than announced");
		return -1;
	}
	if (length > 0 && !is_json(header(info, "Content-Type", &twice))) {
		reply_error(reply, 415, "not_json",
			    "send the body as JSON, with Content-Type: application/json");
		return -1;
	}
	return (ssize_t)length;
}

/* ---- checking */

static bool refuse(enum auth_verdict verdict, struct reply *reply)
{
	switch (verdict) {
	case AUTH_OK: return false;
	case AUTH_FOREIGN_HOST:
		reply_error(reply, 403, "foreign_host",
			    "this is for programs of this machine only; ask for localhost or "
			    "127.0.0.1 with the API's port");
		break;
	case AUTH_FOREIGN_ORIGIN:
		reply_error(reply, 403, "foreign_origin",
			    "other web pages may not use LANrage's API");
		break;
	case AUTH_NO_TOKEN:
		reply_error(
			reply, 401, "no_token",
			"the token is missing; send `Authorization: Bearer TOKEN`: it is in the "
			"file token of the run directory, and `lanrage ui` prints a link with it");
		break;
	case AUTH_WRONG_TOKEN:
		reply_error(reply, 401, "wrong_token",
			    "this token is not valid (any more), as each start makes a new one; "
			    "`lanrage ui` prints a link with it");
		break;
	}
	return true;
}

static bool read_headers(const struct mg_request_info *info, struct auth_headers *headers)
{
	bool twice = false;

	headers->host = header(info, "Host", &twice);
	headers->origin = header(info, "Origin", &twice);
	headers->authorization = header(info, "Authorization", &twice);
	headers->token = header(info, "X-LANrage-Token", &twice);
	headers->cookie = header(info, "Cookie", &twice);
	(void)header(info, "Content-Length", &twice);
	return !twice;
}

static void refuse_method(struct reply *reply, const char *allow)
{
	reply_error(reply, 405, "method_not_allowed", "this path takes %s", allow);
	(void)snprintf(reply->allow, sizeof(reply->allow), "%s", allow);
}

/* The route, or NULL with the reply made. */
static const struct route *find_route(const struct mg_request_info *info,
				      const struct target *target, const char **parameter,
				      struct reply *reply)
{
	const struct route *route = NULL;
	const char *unknown;
	char allow[48], name[64];

	switch (routes_find(routes, info->request_method, target, &route, parameter, allow)) {
	case ROUTES_FOUND: break;
	case ROUTES_NO_PATH:
		reply_error(reply, 404, "not_found", "there is nothing at this path");
		return NULL;
	case ROUTES_NO_METHOD: refuse_method(reply, allow); return NULL;
	}
	unknown = routes_unknown_parameter(route, target);
	if (unknown) {
		reply_error(reply, 400, "bad_value", "%s: no such parameter",
			    clean_name(unknown, name, sizeof(name)));
		return NULL;
	}
	return route;
}

/* ---- answering */

struct addr http_other_end(const struct mg_connection *connection)
{
	const struct mg_request_info *info = mg_get_request_info(connection);
	struct addr from = {0};

	(void)addr_parse(&from, info->remote_addr);
	from.port = (uint16_t)info->remote_port;
	return from;
}

/* While the body comes the connection counts as idle, so that it has to come soon. */
static ssize_t await_body(struct mg_connection *connection, struct api *api, char *bytes,
			  struct reply *reply)
{
	struct addr from = http_other_end(connection);
	ssize_t length;

	doorman_set_idle(api->doorman, &from, clock_now_us());
	length = read_body(connection, bytes, reply);
	doorman_set_busy(api->doorman, &from, clock_now_us());
	return length;
}

static void answer(struct mg_connection *connection, struct api *api, const struct target *target,
		   struct reply *reply)
{
	const struct mg_request_info *info = mg_get_request_info(connection);
	struct request request = {.api = api, .target = target};
	const struct route *route = find_route(info, target, &request.parameter, reply);
	char *bytes = route ? malloc(BODY_MAX + 1) : NULL;
	ssize_t length = bytes ? await_body(connection, api, bytes, reply) : -1;
	json_t *body = NULL;
	struct error error;

	if (route && !bytes)
		reply_error(reply, 500, "out_of_memory", "out of memory");
	if (length >= 0 && body_parse(&body, route->body, bytes, (size_t)length, &error) < 0)
		reply_error(reply, 400, "bad_value", "%s", error.text);
	free(bytes);
	if (!body)
		return;
	request.body = body;
	route->handler(&request, reply);
	json_decref(body);
	if (strcmp(route->method, "GET") != 0)
		events_kick(api->events);
}

static int send_file(struct mg_connection *connection, const struct webfile *file)
{
	const struct mg_request_info *info = mg_get_request_info(connection);
	struct reply reply = {0};

	if (strcmp(info->request_method, "GET") == 0 || strcmp(info->request_method, "HEAD") == 0) {
		send_bytes(connection, 200, file->type, "Cache-Control: no-cache\r\n", file->bytes,
			   (size_t)(file->end - file->bytes));
		return 200;
	}
	refuse_method(&reply, "GET");
	return send_reply(connection, &reply);
}

/* A one-time link: the browser that opens it has a session from then on. */
static int send_login(struct mg_connection *connection, struct api *api, const char *code)
{
	static const char used[] =
		"This link was used before, is too old, or is for another user.\n"
		"Run `lanrage ui` for a new one.\n";
	struct addr from = http_other_end(connection);
	uint32_t uid = whose_connection(&from, api->auth.port);
	char extra[AUTH_COOKIE_SIZE + 64], cookie[AUTH_COOKIE_SIZE];
	bool good;

	pthread_mutex_lock(&api->mutex);
	good = login_redeem(&api->auth.login, code, uid, clock_now_us());
	pthread_mutex_unlock(&api->mutex);
	if (!good) {
		send_bytes(connection, 403, "text/plain; charset=utf-8",
			   "Cache-Control: no-store\r\n", used, strlen(used));
		return 403;
	}
	auth_set_cookie(&api->auth, clock_wall_us() / CLOCK_SECOND, cookie);
	(void)snprintf(extra, sizeof(extra), "Cache-Control: no-store\r\nLocation: /\r\n%s",
		       cookie);
	send_bytes(connection, 303, "text/plain; charset=utf-8", extra, "", 0);
	return 303;
}

/* True where a WebSocket may be opened; else the reply is made. */
static bool admit_reader(struct mg_connection *connection, struct api *api, struct reply *reply)
{
	struct addr from = http_other_end(connection);
	bool twice = false;
	const struct mg_request_info *info = mg_get_request_info(connection);
	const char *upgrade = header(info, "Upgrade", &twice);

	if (strcmp(info->request_method, "GET") != 0)
		refuse_method(reply, "GET");
	else if (!upgrade || twice || strcasecmp(upgrade, "websocket") != 0)
		reply_error(reply, 426, "not_websocket",
			    "live events come over a WebSocket; open one at this path");
	else if (!doorman_set_reader(api->doorman, &from, clock_now_us()))
		reply_error(reply, 503, "too_many_readers",
			    "%d programs read live events already; close one of them",
			    DOORMAN_READERS_MAX);
	else
		return true;
	return false;
}

static enum auth_need need_of(const struct mg_request_info *info, const char *path)
{
	bool reads = strcmp(info->request_method, "GET") == 0 ||
		     strcmp(info->request_method, "HEAD") == 0;

	if (reads && strcmp(path, "/metrics") == 0)
		return AUTH_SCRAPE;
	return reads && strcmp(path, LIVE_PATH) != 0 ? AUTH_READ : AUTH_CHANGE;
}

static bool take_turn(struct api *api, struct bucket *bucket, uint32_t per_second)
{
	struct bucket_limit limit = BUCKET_PER_SECOND(per_second, per_second);
	bool good;

	pthread_mutex_lock(&api->mutex);
	good = bucket_take(bucket, limit, clock_now_us());
	pthread_mutex_unlock(&api->mutex);
	return good;
}

static void refuse_haste(struct reply *reply)
{
	reply_error(reply, 429, "too_many_requests",
		    "too many requests at once; wait a second and ask less often");
}

/* Who has no token, and more often than anybody mistypes one, is not even told so. */
static bool refuse_stranger(struct api *api, enum auth_verdict verdict, struct reply *reply)
{
	if (!refuse(verdict, reply))
		return false;
	if (!take_turn(api, &api->strangers, HTTP_STRANGERS))
		refuse_haste(reply);
	return true;
}

static enum auth_verdict check_token(const struct mg_request_info *info, const struct api *api,
				     const struct auth_headers *headers, const char *path)
{
	return auth_check_token(&api->auth, headers, need_of(info, path),
				clock_wall_us() / CLOCK_SECOND);
}

/* civetweb goes on where this returns 0. */
static int on_request(struct mg_connection *connection)
{
	static const char login[] = "/login/";
	const struct mg_request_info *info = mg_get_request_info(connection);
	struct api *api = mg_get_user_context_data(connection);
	const char *path = info->local_uri_raw ? info->local_uri_raw : "";
	const struct webfile *file = webfiles_find(path);
	struct addr from = http_other_end(connection);
	struct auth_headers headers;
	struct reply reply = {0};
	struct target target;

	doorman_set_busy(api->doorman, &from, clock_now_us());
	if (!read_headers(info, &headers))
		reply_error(&reply, 400, "bad_request", "a header is there twice");
	else if (refuse(auth_check_source(&api->auth, &headers), &reply))
		; /* said */
	else if (file)
		return send_file(connection, file);
	else if (strncmp(path, login, strlen(login)) == 0 &&
		 strcmp(info->request_method, "GET") == 0 &&
		 take_turn(api, &api->strangers, HTTP_STRANGERS))
		return send_login(connection, api, path + strlen(login));
	else if (target_parse(&target, path, info->query_string) < 0)
		reply_error(
			&reply, 400, "bad_request",
			"the path or the query is malformed: names in it are UTF-8 without control "
			"characters, at most %d bytes, and not empty",
			TARGET_TEXT_MAX - 1);
	else if (refuse_stranger(api, check_token(info, api, &headers, path), &reply))
		; /* said */
	else if (!take_turn(api, &api->requests, HTTP_RATE))
		refuse_haste(&reply);
	else if (strcmp(path, LIVE_PATH) != 0)
		answer(connection, api, &target, &reply);
	else if (admit_reader(connection, api, &reply))
		return 0;
	return send_reply(connection, &reply);
}

/* ---- connections */

static struct api *api_of(const struct mg_connection *connection)
{
	return mg_get_user_data(mg_get_context(connection));
}

static int on_connection(const struct mg_connection *connection, void **data)
{
	*data = NULL;
	doorman_enter(api_of(connection)->doorman, clock_now_us());
	return 0;
}

static void on_answered(const struct mg_connection *connection, int status)
{
	struct addr from = http_other_end(connection);

	(void)status;
	doorman_set_idle(api_of(connection)->doorman, &from, clock_now_us());
}

static void on_close(const struct mg_connection *connection)
{
	struct addr from = http_other_end(connection);

	doorman_leave(api_of(connection)->doorman, &from);
}

/* What civetweb refuses by itself: requests it cannot parse. */
static int on_error(struct mg_connection *connection, int status, const char *text)
{
	struct reply reply = {0};

	(void)text;
	reply_error(&reply, status, "bad_request", "the request was not understood");
	(void)send_reply(connection, &reply);
	return 0;
}

static int on_log(const struct mg_connection *connection, const char *text)
{
	(void)connection;
	log_info("web server: %s", text);
	return 1;
}

/* ---- starting */

int http_parse_listen(const char *text, struct addr *listen, struct error *error)
{
	if (addr_parse(listen, text) < 0 || listen->port == 0)
		return error_set(error, -EINVAL,
				 "[api] listen=%.64s is no address with a port: write "
				 "127.0.0.1:8666",
				 text);
	if (listen->family != ADDR_IPV4 || !addr_is_loopback(listen))
		return error_set(error, -EINVAL,
				 "[api] listen=%.64s is not an IPv4 loopback address: the API is "
				 "for this machine only, write 127.0.0.1:%u",
				 text, (unsigned int)listen->port);
	return 0;
}

int http_start(struct mg_context **context, struct api *api, const struct addr *listen,
	       struct error *error)
{
	static const struct mg_callbacks callbacks = {
		.init_connection = on_connection,
		.begin_request = on_request,
		.end_request = on_answered,
		.connection_close = on_close,
		.http_error = on_error,
		.log_message = on_log,
	};
	char threads[8];
	char address[ADDR_TEXT_SIZE];
	/* clang-format off */
	const char *options[] = {
		"listening_ports", addr_format(listen, address),
		"access_control_list", "-0.0.0.0/0,+127.0.0.0/8",
		"num_threads", threads,
		"connection_queue", "64",
		"listen_backlog", "64",
		"request_timeout_ms", HTTP_REQUEST_MS,
		"enable_keep_alive", "yes", /* without it there are no WebSockets */
		"enable_websocket_ping_pong", "yes",
		"websocket_timeout_ms", "15000",
		"max_request_size", "16384",
		"tcp_nodelay", "1",
		"decode_url", "no",
		"allow_sendfile_call", "no",
		"enable_directory_listing", "no",
		"enable_auth_domain_check", "no",
		"access_control_allow_origin", "",
		"access_control_allow_methods", "",
		"access_control_allow_headers", "",
		NULL,
	};
	/* clang-format on */

	(void)snprintf(threads, sizeof(threads), "%d", DOORMAN_THREADS);
	*context = mg_start(&callbacks, api, options);
	if (!*context)
		return error_set(error, -EADDRINUSE,
				 "cannot listen at %s: another program may use the port; choose "
				 "another with [api] listen= in lanraged.conf",
				 address);
	live_serve(*context, api);
	return 0;
}

void http_stop(struct mg_context *context)
{
	if (context)
		mg_stop(context);
}
