#include "svc-control/service.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define WIREGUARD_RETRY_MS 100
#define RESUME_RETRY_MS	   2000
#define LEASE_RETRY_MS	   5000
#define SWEEP_MS	   10000

void control_changed(struct control *control)
{
	bus_publish(control->bus, CONTROL_EVENT_STATUS, NULL, 0);
}

bool control_is_up(const struct control *control)
{
	char value[CONTROL_SETTING_MAX];

	return settings_get(&control->settings, SETTING_UP, value) == 0 && strcmp(value, "on") == 0;
}

void control_server_url(const struct control *control, char url[CONTROL_URL_MAX])
{
	char value[CONTROL_SETTING_MAX];

	if (control->party.joined) {
		snprintf(url, CONTROL_URL_MAX, "%s", control->party.record.server_url);
	} else if (*control->operation.server_url || control->operation.searching) {
		snprintf(url, CONTROL_URL_MAX, "%s", control->operation.server_url);
	} else {
		settings_get(&control->settings, SETTING_SERVER_URL, value);
		snprintf(url, CONTROL_URL_MAX, "%.*s", CONTROL_URL_MAX - 1, value);
	}
}

/* Somebody who disconnected from the party is not online for the others either. */
void control_choose_server(struct control *control)
{
	char url[CONTROL_URL_MAX];
	struct error error;

	local_update(control);
	control_server_url(control, url);
	if (*url == 0 || (control->party.settled && !control_is_up(control)))
		rendezvous_disconnect(control->rendezvous);
	else if (rendezvous_connect(control->rendezvous, url, &error) < 0)
		log_err("server: %s", error.text);
}

/* ---- what the server says */

static void on_server_state(void *data, enum control_server_state state, const char *reason)
{
	struct control *control = data;

	(void)reason;
	if (state != CONTROL_SERVER_CONNECTED) {
		party_set_offline(&control->party);
		renewal_forget_server(control);
	}
	local_update(control);
	control_changed(control);
}

static void control_resume_again(void *data)
{
	control_resume(data);
}

static void control_resume_later(struct control *control)
{
	if (!loop_timer_active(&control->resume_timer))
		loop_timer_start(&control->loop, &control->resume_timer, RESUME_RETRY_MS, 0,
				 control_resume_again, control);
}

static void control_resumed(void *data, const struct error *error,
			    const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	if (control->party.settled && complaint_is_new(&control->resume_complaint, error))
		log_warning("party %s: the server does not resume it: %s; going on with what is "
			    "known",
			    control->party.record.name, error->text);
	if (!error || error->code == -ENOTCONN || !control->party.settled)
		return; /* the next session resumes */
	if (error->code != -ENOENT && error->code != -EPERM)
		control_resume_later(control);
}

void control_resume(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_RESUME};

	if (!control->party.settled ||
	    rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED)
		return;
	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	/* Who is online is not in the numbered changes after our restart: all of it. */
	frame.resume.change = 0;
	frame.resume.generation = control->party.record.trust.generation;
	frame.resume.want_share = !party_can_announce(&control->party);
	rendezvous_request(control->rendezvous, &frame, control_resumed, control);
}

static void on_server_ready(void *data)
{
	struct control *control = data;

	control->session_us = clock_now_us();
	tickets_new_session(control);
	handover_push(control); /* the STUN servers are known now */
	farewell_server_ready(control);
	control_resume(control);
	tickets_fetch(control);
	announce_soon(control);
	operation_server_ready(control);
}

static void control_ask_lease(struct control *control);

static void control_ask_lease_again(void *data)
{
	control_ask_lease(data);
}

static void control_asked_lease(void *data, const struct error *error,
				const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	if (complaint_is_new(&control->lease_complaint, error))
		log_warning("party %s: no other address: %s", control->party.record.name,
			    error->text);
}

/* Somebody with an earlier lease has our address. */
static void control_ask_lease(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_MOVE_LEASE};

	if (!control->party.settled || party_self(&control->party) ||
	    loop_timer_active(&control->lease_timer) ||
	    rendezvous_state(control->rendezvous) != CONTROL_SERVER_CONNECTED)
		return;
	loop_timer_start(&control->loop, &control->lease_timer, LEASE_RETRY_MS, 0,
			 control_ask_lease_again, control);
	log_notice("party %s: the own address is another member's; asking for a new one",
		   control->party.record.name);
	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	rendezvous_request(control->rendezvous, &frame, control_asked_lease, control);
}

void control_party_changed(struct control *control, unsigned changed)
{
	/* what is not settled is nobody's affair; membership.c hands it over then */
	if (!control->party.settled)
		return;
	if (changed & PARTY_CHANGED_DOUBTS)
		gossip_doubt(control);
	if (changed & PARTY_CHANGED_DISORDER)
		control_resume_later(control);
	if (!(changed & (PARTY_CHANGED_MEMBERS | PARTY_CHANGED_ONLINE | PARTY_CHANGED_LEASE)))
		return;
	handover_push(control);
	control_changed(control);
	bus_publish(control->bus, CONTROL_EVENT_SHARED, NULL, 0);
	if ((changed & PARTY_CHANGED_LEASE) && party_self(&control->party))
		announce_soon(control);
	else if (changed & PARTY_CHANGED_LEASE)
		control_ask_lease(control);
}

static void on_server_party(void *data, const struct rendezvous_party *party)
{
	struct control *control = data;
	unsigned changed = party_apply(&control->party, party, clock_wall_us() / CLOCK_SECOND);

	control_party_changed(control, changed);
	if (control->party.settled && memcmp(party->party_id, control->party.record.trust.party_id,
					     sizeof(party->party_id)) == 0)
		renewal_server_has(control, party->generation);
}

static void on_server_generations(void *data, const struct rendezvous_generations *generations)
{
	renewal_pushed(data, generations);
}

static void control_sweep(void *data)
{
	struct control *control = data;

	control_party_changed(control,
			      party_sweep(&control->party, clock_wall_us() / CLOCK_SECOND));
}

static void on_server_relays(void *data)
{
	tickets_fetch(data);
}

static const struct rendezvous_events rendezvous_events = {
	.state = on_server_state,
	.ready = on_server_ready,
	.party = on_server_party,
	.generations = on_server_generations,
	.relays = on_server_relays,
};

/* ---- the dataplane's public key, without which nobody can be joined */

static void control_ask_wireguard_key(void *data);

static void control_got_wireguard_key(void *data, const struct error *error, const uint8_t *body,
				      size_t length)
{
	struct control *control = data;
	const struct party_member *self;
	struct dataplane_key key;

	if (error || dataplane_key_decode(&key, body, length) < 0) {
		loop_timer_start(&control->loop, &control->wireguard_timer, WIREGUARD_RETRY_MS, 0,
				 control_ask_wireguard_key, control);
		return;
	}
	memcpy(control->wireguard_key, key.public_key, sizeof(control->wireguard_key));
	control->has_wireguard_key = true;
	self = party_self(&control->party);
	if (self && memcmp(self->known.wireguard_key, control->wireguard_key, 32) != 0)
		log_err("party %s: this machine's WireGuard key is not the one it joined with; "
			"leave the party and join it again with a new code",
			control->party.record.name);
	announce_soon(control);
	operation_server_ready(control);
}

static void control_ask_wireguard_key(void *data)
{
	struct control *control = data;

	bus_request(control->bus, SERVICE_DATAPLANE, DATAPLANE_GET_KEY, NULL, 0, BUS_TIMEOUT_MS,
		    control_got_wireguard_key, control);
}

/* ---- starting and stopping */

/* An identity is 32 random bytes: nothing but this tells another one, or damage, from the right
 * one. Under it this machine would be a stranger to its own party. */
static int control_check_identity(struct control *control, const char *identity,
				  struct error *error)
{
	uint8_t known[32];
	size_t length = sizeof(known);
	int r = database_get_cache(control->database, "identity", known, &length);

	if (r == -ENOENT) {
		(void)database_set_cache(control->database, "identity", control->keyholder.identity,
					 sizeof(known));
		return 0;
	}
	if (r == 0 && length == sizeof(known) &&
	    memcmp(known, control->keyholder.identity, sizeof(known)) == 0)
		return 0;
	return error_set(error, -EBADMSG,
			 "%.120s is damaged or another machine's: put the right file back, or move "
			 "the whole directory away to start as a new machine",
			 identity);
}

/* Before any thread exists: the key holder is forked. */
static int control_open_state(struct control *control, struct error *error)
{
	char database[PATH_MAX + 16], identity[PATH_MAX + 16];
	int r;

	snprintf(database, sizeof(database), "%s/control.db", control->service->own_state);
	snprintf(identity, sizeof(identity), "%s/identity", control->service->own_state);
	r = keyholder_start(&control->keyholder, identity, access(database, F_OK) != 0, error);
	if (r < 0)
		return r;
	r = database_open(&control->database, database, error);
	if (r == 0)
		r = control_check_identity(control, identity, error);
	if (r < 0)
		return r;
	control->settings.database = control->database;
	control->settings.config = control->service->config;
	r = party_init(&control->party, control->database, control->keyholder.identity,
		       clock_wall_us() / CLOCK_SECOND);
	return r < 0 ? error_set(error, r, "cannot read the party from %s", database) : 0;
}

/* Without it nothing can be signed: only a restart helps. */
static void on_keyholder_gone(void *data)
{
	struct control *control = data;

	log_err("control: the key holder is gone; restarting");
	loop_poll_stop(&control->keyholder_poll);
	control->failed = true;
	loop_stop(&control->loop);
}

/* The nouns that need neither loop nor bus to be set up. */
static void control_init(struct control *control)
{
	handover_init(control);
	announce_init(control);
	operation_init(control);
	arrival_init(control);
	farewell_init(control);
	tickets_init(control);
	gossip_init(control);
	renewal_init(control);
	local_init(control);
}

static int control_start(struct control *control, struct error *error)
{
	int r = loop_init(&control->loop);

	if (r == 0)
		r = loop_poll_start(&control->loop, &control->keyholder_poll, control->keyholder.fd,
				    on_keyholder_gone, control);
	if (r < 0)
		return error_set(error, r, "cannot make the event loop: %s", strerror(-r));
	r = websocket_new(&control->websocket, &control->loop, error);
	if (r < 0)
		return r;
	r = bus_new(&control->bus, &control->loop, control->service);
	if (r < 0)
		return error_set(error, r, "cannot make the bus: %s", strerror(-r));
	r = rendezvous_new(&control->rendezvous, &control->loop, control->websocket,
			   &control->keyholder, &rendezvous_events, control);
	if (r < 0)
		return error_set(error, r, "out of memory");
	r = bus_serve(control->bus, control_methods, control, error);
	if (r < 0)
		return r;
	handover_start(control);
	control_ask_wireguard_key(control);
	control_choose_server(control);
	gossip_take(control);
	loop_timer_start(&control->loop, &control->sweep_timer, SWEEP_MS, SWEEP_MS, control_sweep,
			 control);
	return 0;
}

/* The server's answers end first, then the bus's, which may still start timers; then those. */
static void control_stop(struct control *control)
{
	operation_deinit(control);
	rendezvous_stop(control->rendezvous);
	bus_free(control->bus);
	arrival_cancel(control);
	announce_deinit(control);
	handover_deinit(control);
	tickets_deinit(control);
	gossip_deinit(control);
	renewal_deinit(control);
	local_deinit(control);
	loop_timer_stop(&control->lease_timer);
	loop_timer_stop(&control->sweep_timer);
	loop_timer_stop(&control->wireguard_timer);
	loop_timer_stop(&control->resume_timer);
	loop_poll_stop(&control->keyholder_poll);
	websocket_free(control->websocket);
	loop_deinit(&control->loop);
	rendezvous_free(control->rendezvous);
	party_deinit(&control->party);
	database_close(control->database);
	keyholder_stop(&control->keyholder);
}

int control_run(const struct service *service)
{
	struct control *control = calloc(1, sizeof(*control));
	struct error error;
	int status;

	if (!control)
		return EXIT_FAILURE;
	control->service = service;
	if (control_open_state(control, &error) < 0) {
		log_err("control: %s", error.text);
		database_close(control->database); /* the key holder ends by itself */
		free(control);
		return EXIT_FAILURE;
	}
	control_init(control);
	if (control_start(control, &error) < 0) {
		log_err("control: %s", error.text);
		return EXIT_FAILURE;
	}
	loop_run(&control->loop);
	status = control->failed ? EXIT_FAILURE : EXIT_SUCCESS;
	control_stop(control);
	free(control);
	return status;
}
