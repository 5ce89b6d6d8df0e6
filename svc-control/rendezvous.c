#include "svc-control/rendezvous.h"

#include <errno.h>
#include <netdb.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/login.h"

#define TIME_MAX_S 100000000000ull /* of a server; more would not fit in microseconds */

struct request {
	uint64_t id;
	rendezvous_answer answer;
	void *data;
	struct loop_timer timeout;
	int early; /* a negative errno to report on the next turn of the loop */
	struct rendezvous *owner;
	struct request *next, **link;
};

struct rendezvous {
	struct loop *loop;
	struct websocket *websocket;
	struct websocket_client *client; /* NULL: no server wanted */
	char url[CONTROL_URL_MAX];
	const struct keyholder *keyholder;
	const struct rendezvous_events *events;
	void *data;
	enum control_server_state state;
	char reason[CONTROL_REASON_MAX];
	char told[CONTROL_REASON_MAX]; /* the last reason that was logged */
	uint64_t login_id;	       /* 0: no login under way */
	bool logged_in;
	bool clock_known;
	int64_t server_clock_us; /* its wall clock less our clock_now_us() */
	uint64_t next_id;
	uint16_t stun_port;
	size_t n_stun_servers;
	struct addr stun_servers[RENDEZVOUS_STUN_SERVERS_MAX];
	uv_getaddrinfo_t resolve;
	bool resolving;
	bool resolve_stale; /* the connection it was for is gone */
	struct request *requests;
	size_t n_requests;
	bool stopped;
};

static void rendezvous_set_state(struct rendezvous *rendezvous, enum control_server_state state,
				 const char *reason)
{
	static const char *const names[CONTROL_SERVER_STATES] = {"none", "connecting", "connected",
								 "away"};

	if (rendezvous->state == state && strcmp(rendezvous->reason, reason) == 0)
		return;
	log_info("server %s: %s -> %s%s%s", rendezvous->url, names[rendezvous->state], names[state],
		 *reason ? ": " : "",
		 *reason && strcmp(reason, rendezvous->told) == 0 ? "as before" : reason);
	if (*reason)
		snprintf(rendezvous->told, sizeof(rendezvous->told), "%s", reason);
	rendezvous->state = state;
	snprintf(rendezvous->reason, sizeof(rendezvous->reason), "%s", reason);
	if (!rendezvous->stopped)
		rendezvous->events->state(rendezvous->data, state, rendezvous->reason);
}

static void request_free(struct request *request)
{
	loop_timer_stop(&request->timeout);
	*request->link = request->next;
	if (request->next)
		request->next->link = request->link;
	request->owner->n_requests--;
	free(request);
}

/* Ends a request; it is gone before the callback, which may ask again. */
static void request_end(struct request *request, const struct error *error,
			const struct rendezvous_server_frame *frame)
{
	rendezvous_answer answer = request->answer;
	void *data = request->data;

	request_free(request);
	if (answer)
		answer(data, error, frame);
}

static void request_timed_out(void *data)
{
	struct request *request = data;
	struct error error;

	if (request->early == 0)
		error_set(&error, -ETIMEDOUT, "the server did not answer in time");
	else if (request->early == -ENOTCONN)
		error_set(&error, -ENOTCONN, "there is no connection to the server");
	else
		error_set(&error, request->early, "the request could not be sent");
	request_end(request, &error, NULL);
}

/* On the next turn of the loop: whoever ends the connection need not expect answers. */
static void request_fail_soon(struct request *request, int code)
{
	request->early = code;
	loop_timer_start(request->owner->loop, &request->timeout, 0, 0, request_timed_out, request);
}

static void rendezvous_fail_requests(struct rendezvous *rendezvous)
{
	for (struct request *request = rendezvous->requests; request; request = request->next)
		if (request->early == 0)
			request_fail_soon(request, -ENOTCONN);
}

static struct request *request_find(struct rendezvous *rendezvous, uint64_t id)
{
	struct request *request = rendezvous->requests;

	while (request && (request->id != id || request->early))
		request = request->next;
	return request;
}

static int rendezvous_send(struct rendezvous *rendezvous,
			   const struct rendezvous_client_frame *frame)
{
	uint8_t *bytes;
	ssize_t length = rendezvous_client_encode(frame, &bytes);
	int r;

	if (length < 0)
		return (int)length;
	r = websocket_client_send(rendezvous->client, bytes, (size_t)length);
	free(bytes);
	return r;
}

static void rendezvous_challenged(struct rendezvous *rendezvous,
				  const struct rendezvous_server_frame *frame)
{
	const struct websocket_url *url = websocket_client_url(rendezvous->client);
	uint8_t nonce[RENDEZVOUS_NONCE_SIZE], signature[RENDEZVOUS_SIGNATURE_SIZE];
	struct login login;

	randombytes_buf(nonce, sizeof(nonce));
	rendezvous->login_id = ++rendezvous->next_id;
	if (login_prepare(&login, rendezvous->login_id, url->authority,
			  rendezvous->keyholder->identity, frame->challenge.server_nonce,
			  nonce) < 0 ||
	    keyholder_sign(rendezvous->keyholder, login.text, login.text_length, signature) < 0) {
		websocket_client_fail(rendezvous->client, "cannot sign the login");
		return;
	}
	login_set_signature(&login, signature);
	if (rendezvous_send(rendezvous, &login.frame) < 0)
		websocket_client_fail(rendezvous->client, "cannot send the login");
}

static void rendezvous_resolved(uv_getaddrinfo_t *handle, int status, struct addrinfo *list);

/* The server's own addresses answer STUN; they are looked up before saying ready. */
static void rendezvous_resolve(struct rendezvous *rendezvous)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM};
	const char *host = websocket_client_url(rendezvous->client)->host;

	rendezvous->resolve.data = rendezvous;
	rendezvous->resolve_stale = false;
	if (uv_getaddrinfo(&rendezvous->loop->uv, &rendezvous->resolve, rendezvous_resolved, host,
			   NULL, &hints) == 0)
		rendezvous->resolving = true;
	else
		websocket_client_fail(rendezvous->client, "cannot look up the server's address");
}

static void rendezvous_add_stun_server(struct rendezvous *rendezvous, const struct addrinfo *info)
{
	struct sockaddr_storage sa = {0};
	struct addr addr;

	if (rendezvous->n_stun_servers == RENDEZVOUS_STUN_SERVERS_MAX ||
	    info->ai_addrlen > sizeof(sa))
		return;
	memcpy(&sa, info->ai_addr, info->ai_addrlen);
	addr = addr_from_sockaddr(&sa);
	addr.port = rendezvous->stun_port;
	/* a server without STUN says port 0; one on this machine sees nothing of the network */
	if (addr_is_sendable(&addr) && !addr_is_loopback(&addr))
		rendezvous->stun_servers[rendezvous->n_stun_servers++] = addr;
}

static void rendezvous_resolved(uv_getaddrinfo_t *handle, int status, struct addrinfo *list)
{
	struct rendezvous *rendezvous = handle->data;

	rendezvous->resolving = false;
	if (rendezvous->resolve_stale) {
		uv_freeaddrinfo(list);
		if (rendezvous->logged_in)
			rendezvous_resolve(rendezvous); /* for the connection that came since */
		return;
	}
	rendezvous->n_stun_servers = 0;
	for (struct addrinfo *i = status == 0 ? list : NULL; i; i = i->ai_next)
		rendezvous_add_stun_server(rendezvous, i);
	uv_freeaddrinfo(list);
	rendezvous_set_state(rendezvous, CONTROL_SERVER_CONNECTED, "");
	rendezvous->events->ready(rendezvous->data);
}

static void rendezvous_welcomed(struct rendezvous *rendezvous,
				const struct rendezvous_server_frame *frame)
{
	rendezvous->login_id = 0;
	rendezvous->logged_in = true;
	rendezvous->stun_port = frame->welcome.stun_port;
	rendezvous->clock_known = frame->welcome.time_s > 0 && frame->welcome.time_s < TIME_MAX_S;
	rendezvous->server_clock_us =
		rendezvous->clock_known
			? (int64_t)(frame->welcome.time_s * CLOCK_SECOND - clock_now_us())
			: 0;
	if (!rendezvous->resolving)
		rendezvous_resolve(rendezvous);
}

static int error_errno(enum rendezvous_error code)
{
	switch (code) {
	case RENDEZVOUS_ERROR_NO_SUCH_PARTY:
	case RENDEZVOUS_ERROR_NO_SUCH_INVITE: return -ENOENT;
	case RENDEZVOUS_ERROR_NOT_A_MEMBER:
	case RENDEZVOUS_ERROR_NOT_THE_HOST: return -EPERM;
	case RENDEZVOUS_ERROR_FULL: return -ENOSPC;
	case RENDEZVOUS_ERROR_TOO_MANY: return -EAGAIN;
	case RENDEZVOUS_ERROR_EXISTS: return -EEXIST;
	default: return -EPROTO;
	}
}

static void rendezvous_answered(struct rendezvous *rendezvous,
				const struct rendezvous_server_frame *frame)
{
	struct request *request = request_find(rendezvous, frame->request_id);
	struct error error;

	if (!request)
		return; /* late: it timed out */
	if (frame->type == RENDEZVOUS_PARTY && frame->party.more)
		return;
	if (frame->type != RENDEZVOUS_ERROR) {
		request_end(request, NULL, frame);
		return;
	}
	error_set(&error, error_errno(frame->error.code), "the server says: %s",
		  *frame->error.text ? frame->error.text
				     : rendezvous_error_text(frame->error.code));
	request_end(request, &error, NULL);
}

/* Nothing counts before the login is through. */
static void rendezvous_take_login(struct rendezvous *rendezvous,
				  const struct rendezvous_server_frame *frame)
{
	const char *refusal = "the server does not speak our protocol";

	if (frame->type == RENDEZVOUS_CHALLENGE && rendezvous->login_id == 0) {
		rendezvous_challenged(rendezvous, frame);
		return;
	}
	if (rendezvous->login_id == 0 || frame->request_id != rendezvous->login_id)
		return;
	if (frame->type == RENDEZVOUS_WELCOME) {
		rendezvous_welcomed(rendezvous, frame);
		return;
	}
	if (frame->type == RENDEZVOUS_ERROR)
		refusal = *frame->error.text ? frame->error.text
					     : rendezvous_error_text(frame->error.code);
	websocket_client_fail(rendezvous->client, refusal);
}

static void rendezvous_take(struct rendezvous *rendezvous,
			    const struct rendezvous_server_frame *frame)
{
	if (!rendezvous->logged_in) {
		rendezvous_take_login(rendezvous, frame);
		return;
	}
	if (frame->type == RENDEZVOUS_PARTY)
		rendezvous->events->party(rendezvous->data, &frame->party);
	else if (frame->type == RENDEZVOUS_GENERATIONS)
		rendezvous->events->generations(rendezvous->data, &frame->generations);
	if (frame->request_id != 0)
		rendezvous_answered(rendezvous, frame);
	else if (frame->type == RENDEZVOUS_TICKETS)
		rendezvous->events->relays(rendezvous->data);
}

static void rendezvous_log_out(struct rendezvous *rendezvous)
{
	rendezvous->login_id = 0;
	rendezvous->logged_in = false;
	rendezvous->resolve_stale = true;
}

static void on_open(void *data)
{
	struct rendezvous *rendezvous = data;

	rendezvous_log_out(rendezvous);
	rendezvous_set_state(rendezvous, CONTROL_SERVER_CONNECTING, "");
}

static void on_message(void *data, const uint8_t *bytes, size_t length)
{
	struct rendezvous *rendezvous = data;
	struct rendezvous_server_frame frame;

	if (rendezvous_server_decode(&frame, bytes, length) < 0) {
		websocket_client_fail(rendezvous->client, "the server sent a malformed message");
		return;
	}
	rendezvous_take(rendezvous, &frame);
	rendezvous_server_clear(&frame);
}

static void on_closed(void *data, const char *reason, uint32_t retry_ms)
{
	struct rendezvous *rendezvous = data;

	(void)retry_ms;
	rendezvous_log_out(rendezvous);
	rendezvous_set_state(rendezvous, CONTROL_SERVER_AWAY, reason);
	rendezvous_fail_requests(rendezvous);
}

int rendezvous_new(struct rendezvous **out, struct loop *loop, struct websocket *websocket,
		   const struct keyholder *keyholder, const struct rendezvous_events *events,
		   void *data)
{
	struct rendezvous *rendezvous = calloc(1, sizeof(*rendezvous));

	if (!rendezvous)
		return -ENOMEM;
	rendezvous->loop = loop;
	rendezvous->websocket = websocket;
	rendezvous->keyholder = keyholder;
	rendezvous->events = events;
	rendezvous->data = data;
	*out = rendezvous;
	return 0;
}

void rendezvous_stop(struct rendezvous *rendezvous)
{
	if (!rendezvous)
		return;
	rendezvous->stopped = true;
	while (rendezvous->requests)
		request_free(rendezvous->requests);
	rendezvous_disconnect(rendezvous);
}

void rendezvous_free(struct rendezvous *rendezvous)
{
	free(rendezvous);
}

int rendezvous_connect(struct rendezvous *rendezvous, const char *url, struct error *error)
{
	static const struct websocket_events events = {on_open, on_message, on_closed};
	struct websocket_client *client;
	int r;

	if (rendezvous->client && strcmp(rendezvous->url, url) == 0)
		return 0;
	r = websocket_client_new(&client, rendezvous->websocket, url, &events, rendezvous, error);
	if (r < 0)
		return r;
	rendezvous_disconnect(rendezvous);
	snprintf(rendezvous->url, sizeof(rendezvous->url), "%s", url);
	*rendezvous->told = 0;
	rendezvous->client = client;
	rendezvous_set_state(rendezvous, CONTROL_SERVER_CONNECTING, "");
	websocket_client_start(client);
	return 0;
}

void rendezvous_disconnect(struct rendezvous *rendezvous)
{
	if (!rendezvous->client)
		return;
	websocket_client_free(rendezvous->client);
	rendezvous->client = NULL;
	rendezvous_log_out(rendezvous);
	rendezvous->n_stun_servers = 0;
	rendezvous_set_state(rendezvous, CONTROL_SERVER_NONE, "");
	rendezvous_fail_requests(rendezvous);
}

void rendezvous_moved(struct rendezvous *rendezvous)
{
	if (rendezvous->client && websocket_client_is_stranded(rendezvous->client))
		websocket_client_fail(rendezvous->client, "this machine's address has changed");
}

void rendezvous_hurry(struct rendezvous *rendezvous)
{
	if (rendezvous->client)
		websocket_client_start(rendezvous->client);
}

const char *rendezvous_url(const struct rendezvous *rendezvous)
{
	return rendezvous->url;
}

enum control_server_state rendezvous_state(const struct rendezvous *rendezvous)
{
	return rendezvous->state;
}

const char *rendezvous_reason(const struct rendezvous *rendezvous)
{
	return rendezvous->reason;
}

enum control_server_trouble rendezvous_trouble(const struct rendezvous *rendezvous)
{
	if (rendezvous->state != CONTROL_SERVER_AWAY || !rendezvous->client)
		return CONTROL_TROUBLE_NONE;
	switch (websocket_client_trouble(rendezvous->client)) {
	case WEBSOCKET_TROUBLE_NAME: return CONTROL_TROUBLE_NAME;
	case WEBSOCKET_TROUBLE_FOREIGN: return CONTROL_TROUBLE_FOREIGN;
	case WEBSOCKET_TROUBLE_SILENT:
	case WEBSOCKET_TROUBLE_NONE: break;
	}
	return CONTROL_TROUBLE_SILENT;
}

int64_t rendezvous_clock_ahead_s(const struct rendezvous *rendezvous)
{
	int64_t theirs_us = rendezvous->server_clock_us + (int64_t)clock_now_us();

	if (!rendezvous->clock_known)
		return CONTROL_CLOCK_UNKNOWN;
	return ((int64_t)clock_wall_us() - theirs_us) / (int64_t)CLOCK_SECOND;
}

size_t rendezvous_stun_servers(const struct rendezvous *rendezvous,
			       struct addr servers[RENDEZVOUS_STUN_SERVERS_MAX])
{
	memcpy(servers, rendezvous->stun_servers, sizeof(rendezvous->stun_servers));
	return rendezvous->n_stun_servers;
}

static struct request *request_new(struct rendezvous *rendezvous)
{
	struct request *request = calloc(1, sizeof(*request));

	if (!request)
		abort(); /* the answer that was promised could never be given */
	request->owner = rendezvous;
	request->next = rendezvous->requests;
	request->link = &rendezvous->requests;
	if (request->next)
		request->next->link = &request->next;
	rendezvous->requests = request;
	rendezvous->n_requests++;
	return request;
}

void rendezvous_request(struct rendezvous *rendezvous, struct rendezvous_client_frame *frame,
			rendezvous_answer answer, void *data)
{
	struct request *request;
	int r = -ENOTCONN;

	if (rendezvous->stopped)
		return;
	request = request_new(rendezvous);
	request->id = frame->request_id = ++rendezvous->next_id;
	request->answer = answer;
	request->data = data;
	if (rendezvous->n_requests > RENDEZVOUS_REQUESTS_MAX)
		r = -EBUSY;
	else if (rendezvous->state == CONTROL_SERVER_CONNECTED)
		r = rendezvous_send(rendezvous, frame);
	if (r < 0)
		request_fail_soon(request, r);
	else
		loop_timer_start(rendezvous->loop, &request->timeout, RENDEZVOUS_TIMEOUT_MS, 0,
				 request_timed_out, request);
}
