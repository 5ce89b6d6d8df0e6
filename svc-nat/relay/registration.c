#include "svc-nat/relay/registration.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/login.h"

#define CLOCK_SKEW_S 300 /* tickets last a day; a clock this wrong still deserves a word */

enum state {
	AWAY,	    /* no connection */
	CHALLENGED, /* connected: the server's Challenge, then its Welcome, is awaited */
	WELCOME,    /* logged in */
	REGISTERED, /* announced to members */
	DRAINING,
	DRAINED,
};

static const char *const state_names[] = {"away",	"logging in", "logged in",
					  "registered", "draining",   "drained"};

struct registration {
	struct loop *loop;
	struct websocket_client *client;
	struct registration_config config;
	const struct registration_ops *ops;
	void *data;
	uint8_t identity[crypto_sign_PUBLICKEYBYTES];
	uint8_t secret[crypto_sign_SECRETKEYBYTES];
	enum state state;
	bool leaving;		  /* whatever is said to the server says so */
	bool away_said;		  /* once is enough until it has been there again */
	uint64_t request_id;	  /* the last one used, whose answer is awaited */
	struct loop_timer due;	  /* the next RelayRegister */
	struct loop_timer answer; /* the latest the answer may come */
};

static void set_state(struct registration *registration, enum state state, const char *why)
{
	if (registration->state == state)
		return;
	log_info("server %s: %s -> %s%s%s", registration->config.server,
		 state_names[registration->state], state_names[state], *why ? ": " : "", why);
	registration->state = state;
}

static void fail(struct registration *registration, const char *reason)
{
	websocket_client_fail(registration->client, reason);
}

static void answer_missing(void *data)
{
	fail(data, "the server does not answer");
}

static void ask(struct registration *registration, struct rendezvous_client_frame *frame)
{
	uint8_t *bytes;
	ssize_t length;

	length = rendezvous_client_encode(frame, &bytes);
	if (length < 0) {
		fail(registration, "out of memory");
		return;
	}
	/* When the queue is full the connection is closed, and reported. */
	websocket_client_send(registration->client, bytes, (size_t)length);
	free(bytes);
	loop_timer_start(registration->loop, &registration->answer, REGISTRATION_ANSWER_MS, 0,
			 answer_missing, registration);
}

static void announce(void *data)
{
	struct registration *registration = data;
	const struct registration_config *config = &registration->config;
	struct rendezvous_client_frame frame = {
		.type = RENDEZVOUS_RELAY_REGISTER,
		.request_id = ++registration->request_id,
	};

	memcpy(frame.relay_register.relay_key, config->relay_key, RENDEZVOUS_KEY_SIZE);
	frame.relay_register.n_endpoints = config->n_endpoints;
	memcpy(frame.relay_register.endpoints, config->endpoints, sizeof(config->endpoints));
	frame.relay_register.port = config->port;
	memcpy(frame.relay_register.region, config->region, sizeof(config->region));
	registration->ops->load(registration->data, &frame.relay_register.load_permille,
				&frame.relay_register.members);
	frame.relay_register.draining = registration->leaving;
	ask(registration, &frame);
}

/* --- what the server says --- */

static void on_challenge(struct registration *registration,
			 const struct rendezvous_server_frame *frame)
{
	const struct websocket_url *url = websocket_client_url(registration->client);
	uint8_t nonce[RENDEZVOUS_NONCE_SIZE];
	struct login login;

	if (registration->state != CHALLENGED) {
		fail(registration, "the server challenged twice");
		return;
	}
	randombytes_buf(nonce, sizeof(nonce));
	if (login_prepare(&login, ++registration->request_id, url->authority,
			  registration->identity, frame->challenge.server_nonce, nonce) != 0) {
		fail(registration, "the server's address is too long to log in");
		return;
	}
	login_sign(&login, registration->secret);
	ask(registration, &login.frame);
}

static void on_welcome(struct registration *registration,
		       const struct rendezvous_server_frame *frame)
{
	int64_t skew_s = (int64_t)(frame->welcome.time_s - clock_wall_us() / CLOCK_SECOND);

	if (registration->state != CHALLENGED) {
		fail(registration, "the server answered out of turn");
		return;
	}
	if (skew_s > CLOCK_SKEW_S || skew_s < -CLOCK_SKEW_S)
		log_warning("server %s: its clock and ours differ by %lld s; set this machine's "
			    "clock, or tickets end early or late",
			    registration->config.server, (long long)skew_s);
	if (registration->ops->ticket_key(registration->data, frame->welcome.ticket_key) != 0) {
		fail(registration, "the server's ticket key is refused");
		return;
	}
	set_state(registration, WELCOME, "");
	announce(registration);
}

static void on_done(struct registration *registration)
{
	if (registration->leaving) {
		set_state(registration, DRAINED, "");
		return;
	}
	if (registration->state != WELCOME && registration->state != REGISTERED)
		return;
	set_state(registration, REGISTERED, "");
	loop_timer_start(registration->loop, &registration->due, REGISTRATION_INTERVAL_MS, 0,
			 announce, registration);
}

static void on_error(struct registration *registration, const struct rendezvous_server_frame *frame)
{
	log_warning("server %s: refuses this relay: %s%s%s", registration->config.server,
		    rendezvous_error_text(frame->error.code), *frame->error.text ? ": " : "",
		    frame->error.text);
	fail(registration, "refused");
}

static void dispatch(struct registration *registration, const struct rendezvous_server_frame *frame)
{
	if (frame->type == RENDEZVOUS_CHALLENGE) {
		on_challenge(registration, frame);
		return;
	}
	if (frame->type == RENDEZVOUS_REVOKED && frame->request_id == 0 &&
	    registration->state >= WELCOME)
		registration->ops->revoked(registration->data, frame->revoked.revocations,
					   frame->revoked.n_revocations);
	/* Whatever else is pushed concerns members. */
	if (frame->request_id == 0 || frame->request_id != registration->request_id)
		return;
	loop_timer_stop(&registration->answer);
	if (frame->type == RENDEZVOUS_WELCOME)
		on_welcome(registration, frame);
	else if (frame->type == RENDEZVOUS_DONE)
		on_done(registration);
	else if (frame->type == RENDEZVOUS_ERROR)
		on_error(registration, frame);
	else
		fail(registration, "the server gave an answer to another question");
}

/* --- the connection --- */

static void on_open(void *data)
{
	set_state(data, CHALLENGED, "");
}

static void on_message(void *data, const uint8_t *bytes, size_t length)
{
	struct registration *registration = data;
	struct rendezvous_server_frame frame;

	if (rendezvous_server_decode(&frame, bytes, length) != 0) {
		fail(registration, "the server sent a malformed message");
		return;
	}
	dispatch(registration, &frame);
	rendezvous_server_clear(&frame);
}

static void on_closed(void *data, const char *reason, uint32_t retry_ms)
{
	struct registration *registration = data;

	loop_timer_stop(&registration->due);
	loop_timer_stop(&registration->answer);
	if (registration->state == AWAY && !registration->away_said)
		log_warning("server %s: cannot connect: %s; trying on", registration->config.server,
			    reason);
	else
		log_debug("server %s: %s; next attempt in %u ms", registration->config.server,
			  reason, retry_ms);
	registration->away_said = registration->state == AWAY;
	set_state(registration, AWAY, reason);
}

static const struct websocket_events events = {
	.open = on_open, .message = on_message, .closed = on_closed};

int registration_new(struct registration **out, struct loop *loop, struct websocket *websocket,
		     const struct registration_config *config, const struct registration_ops *ops,
		     void *data, struct error *error)
{
	struct registration *registration = calloc(1, sizeof(*registration));
	int result;

	if (!registration)
		return error_set(error, -ENOMEM, "out of memory");
	registration->loop = loop;
	registration->config = *config;
	registration->ops = ops;
	registration->data = data;
	crypto_sign_seed_keypair(registration->identity, registration->secret,
				 config->identity_seed);
	result = websocket_client_new(&registration->client, websocket, config->server, &events,
				      registration, error);
	if (result != 0) {
		registration_free(registration);
		return result;
	}
	*out = registration;
	return 0;
}

void registration_free(struct registration *registration)
{
	if (!registration)
		return;
	loop_timer_stop(&registration->due);
	loop_timer_stop(&registration->answer);
	websocket_client_free(registration->client);
	sodium_memzero(registration, sizeof(*registration));
	free(registration);
}

void registration_start(struct registration *registration)
{
	websocket_client_start(registration->client);
}

bool registration_drain(struct registration *registration)
{
	if (registration->state != REGISTERED && registration->state != WELCOME)
		return false;
	loop_timer_stop(&registration->due);
	registration->leaving = true;
	set_state(registration, DRAINING, "stopping");
	announce(registration);
	return true;
}

bool registration_drained(const struct registration *registration)
{
	/* A server that hung up knows as well. */
	return registration->state == DRAINED || registration->state == AWAY;
}
