/* Create, join, invite, leave: every way ends with one answer, and a failure leaves nothing behind:
 * not in memory, not in the database, not at the server, not at the neighbours.
 *
 * Real are svc-control's nouns, its database, its key holder, its loop and Argon2id. Made up here
 * are the rendezvous session (rendezvous.h) and the bus (bus.h), with a server, a dataplane and a
 * nat at their other ends that do as told. Answers come when the loop turns, as the real ones do.
 */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/service.h"
#include "tests/unit/control_world.h"

#define SERVER_URL  "ws://198.51.100.7:8667"
#define LOCAL_URL   "ws://127.0.0.1:8667"
#define PENDING_MAX 32

struct bus_call {
	unsigned answers;
	int code;
	char text[ERROR_TEXT_MAX];
	uint8_t body[1024];
	size_t length;
};

struct bus_pending {
	enum service_id to;
	uint32_t type;
	uint8_t *body;
	size_t length;
	bus_answer answer;
	void *data;
};

struct server_pending {
	struct rendezvous_client_frame frame;
	rendezvous_answer answer;
	void *data;
	int early;
};

/* The other ends, and what they were told. */
static struct {
	struct control *control;
	struct world *world;
	/* the session */
	enum control_server_state state;
	char url[CONTROL_URL_MAX];
	struct server_pending requests[PENDING_MAX];
	size_t n_requests;
	/* the server */
	bool reachable;
	enum rendezvous_client_type fails; /* 0: none */
	int failure;
	bool accepts_first; /* a failing join is accepted all the same: only the answer is lost */
	bool gives_no_lease;
	bool member;
	unsigned seen[RENDEZVOUS_PING + 1];
	struct rendezvous_bytes invite; /* what PutInvite stored */
	uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
	/* the neighbours */
	struct bus_pending pending[PENDING_MAX];
	size_t n_pending;
	struct dataplane_revision dataplane_has, nat_has;
	bool dataplane_up;
	enum dataplane_interface_state interface;
	unsigned refuse; /* how many requests each answer with refusal */
	int refusal;
	unsigned sets, gets, nat_gets;
	bus_event events[SERVICE_COUNT];
	void *event_data[SERVICE_COUNT];
	bool mute; /* the neighbours do not answer */
	bool choosing_failed;
	/* the local network */
	bool engine_fails;
	unsigned hosts, found;
	const char *holder; /* the only one that knows the code; NULL: everybody */
} other;

/* ---- the made-up bus */

void bus_reply(struct bus_call *call, const uint8_t *body, size_t length)
{
	assert_non_null(call);
	call->answers++;
	call->code = 0;
	call->length = length;
	assert_true(length <= sizeof(call->body));
	if (length)
		memcpy(call->body, body, length);
}

void bus_reply_error(struct bus_call *call, int code, const char *text)
{
	assert_non_null(call);
	call->answers++;
	call->code = code;
	snprintf(call->text, sizeof(call->text), "%s", text);
}

void bus_publish(struct bus *bus, uint32_t type, const uint8_t *body, size_t length)
{
	(void)bus;
	(void)type;
	(void)body;
	(void)length;
}

int bus_subscribe(struct bus *bus, enum service_id to, bus_event event, void *data)
{
	(void)bus;
	other.events[to] = event;
	other.event_data[to] = data;
	return 0;
}

void bus_request(struct bus *bus, enum service_id to, uint32_t type, const uint8_t *body,
		 size_t length, uint32_t timeout_ms, bus_answer answer, void *data)
{
	struct bus_pending *pending = &other.pending[other.n_pending++];

	(void)bus;
	(void)timeout_ms;
	assert_true(other.n_pending <= PENDING_MAX);
	*pending = (struct bus_pending){to, type, malloc(length + 1), length, answer, data};
	if (length)
		memcpy(pending->body, body, length);
}

static void answer_dataplane_state(const struct bus_pending *pending)
{
	struct dataplane_state state = {
		.party = other.dataplane_has,
		.interface = "lanrage0",
		.interface_state = other.dataplane_up ? other.interface : DATAPLANE_INTERFACE_DOWN,
		.interface_reason = "no such device"};
	uint8_t *bytes;
	ssize_t n = dataplane_state_encode(&state, &bytes);

	assert_true(n > 0);
	pending->answer(pending->data, NULL, bytes, (size_t)n);
	free(bytes);
}

static void answer_nat_state(const struct bus_pending *pending)
{
	struct nat_state state = {.desired = other.nat_has};
	uint8_t *bytes;
	ssize_t n = nat_state_encode(&state, &bytes);

	assert_true(n >= 0);
	pending->answer(pending->data, NULL, bytes, (size_t)n);
	free(bytes);
}

static void take_party(const struct bus_pending *pending)
{
	struct dataplane_party party;

	assert_int_equal(dataplane_party_decode(&party, pending->body, pending->length), 0);
	other.dataplane_has = party.revision;
	other.dataplane_up = party.up;
	dataplane_party_clear(&party);
	other.sets++;
	pending->answer(pending->data, NULL, NULL, 0);
}

static void take_desired(const struct bus_pending *pending)
{
	struct nat_desired desired;

	assert_int_equal(nat_desired_decode(&desired, pending->body, pending->length), 0);
	other.nat_has = desired.revision;
	nat_desired_clear(&desired);
	pending->answer(pending->data, NULL, NULL, 0);
}

static void serve_neighbours(void)
{
	while (!other.mute && other.n_pending > 0) {
		struct bus_pending pending = other.pending[0];
		struct error error = {.code = other.refusal, .text = "no"};

		other.n_pending--;
		memmove(other.pending, other.pending + 1, other.n_pending * sizeof(pending));
		if (other.refuse && other.refuse--) {
			pending.answer(pending.data, &error, NULL, 0);
		} else if (pending.to == SERVICE_DATAPLANE && pending.type == DATAPLANE_SET_PARTY) {
			take_party(&pending);
		} else if (pending.to == SERVICE_NAT && pending.type == NAT_SET_DESIRED) {
			take_desired(&pending);
		} else if (pending.to == SERVICE_NAT) {
			other.nat_gets++;
			answer_nat_state(&pending);
		} else {
			other.gets++;
			answer_dataplane_state(&pending);
		}
		free(pending.body);
	}
}

/* ---- the made-up session and server */

enum control_server_state rendezvous_state(const struct rendezvous *rendezvous)
{
	(void)rendezvous;
	return other.state;
}

const char *rendezvous_reason(const struct rendezvous *rendezvous)
{
	(void)rendezvous;
	return "connection refused";
}

int64_t rendezvous_clock_ahead_s(const struct rendezvous *rendezvous)
{
	(void)rendezvous;
	return CONTROL_CLOCK_UNKNOWN;
}

const char *rendezvous_url(const struct rendezvous *rendezvous)
{
	(void)rendezvous;
	return other.url;
}

void rendezvous_moved(struct rendezvous *rendezvous)
{
	(void)rendezvous;
}

void rendezvous_hurry(struct rendezvous *rendezvous)
{
	(void)rendezvous;
}

size_t rendezvous_stun_servers(const struct rendezvous *rendezvous,
			       struct addr servers[RENDEZVOUS_STUN_SERVERS_MAX])
{
	(void)rendezvous;
	servers[0] = addr_ipv4(0xc6336407, 8667);
	return other.state == CONTROL_SERVER_CONNECTED;
}

void rendezvous_request(struct rendezvous *rendezvous, struct rendezvous_client_frame *frame,
			rendezvous_answer answer, void *data)
{
	struct server_pending *pending = &other.requests[other.n_requests++];

	(void)rendezvous;
	assert_true(other.n_requests <= PENDING_MAX);
	*pending = (struct server_pending){*frame, answer, data, 0};
	if (other.state != CONTROL_SERVER_CONNECTED)
		pending->early = -ENOTCONN;
	else if (frame->type == RENDEZVOUS_PUT_INVITE) { /* the bytes are borrowed */
		free(other.invite.bytes);
		rendezvous_bytes_set(&other.invite, frame->put_invite.sealed.bytes,
				     frame->put_invite.sealed.length);
		memcpy(other.lookup_id, frame->put_invite.lookup_id, sizeof(other.lookup_id));
	}
}

static void set_session(enum control_server_state state)
{
	other.state = state;
	if (state != CONTROL_SERVER_CONNECTED) {
		for (size_t i = 0; i < other.n_requests; i++)
			other.requests[i].early = -ENOTCONN;
		party_set_offline(&other.control->party);
		return;
	}
	handover_push(other.control);
	farewell_server_ready(other.control);
	tickets_fetch(other.control);
	announce_soon(other.control);
	operation_server_ready(other.control);
}

static void give_lease(const uint8_t party_id[16])
{
	struct control *control = other.control;
	struct rendezvous_party frame = {.change = 1, .whole = true, .n_members = 1};

	memcpy(frame.party_id, party_id, 16);
	memcpy(frame.members[0].identity, control->keyholder.identity, 32);
	memcpy(frame.members[0].wireguard_key, control->wireguard_key, 32);
	frame.members[0].number = 1;
	frame.members[0].lease = 1;
	frame.members[0].online = true;
	frame.members[0].address = addr_ipv4(other.gives_no_lease ? 0x01020304 : 0x0a420001, 0);
	party_apply(&control->party, &frame, clock_wall_us() / CLOCK_SECOND);
}

static void answer_request(const struct server_pending *pending)
{
	const struct rendezvous_client_frame *asked = &pending->frame;
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_DONE};
	bool fails = pending->early || asked->type == other.fails;
	struct error error = {pending->early ? pending->early : other.failure,
			      "the server says no"};

	if (!fails && asked->type == RENDEZVOUS_GET_INVITE && other.holder &&
	    strcmp(other.url, other.holder) != 0) {
		fails = true;
		error.code = -ENOENT;
	}

	other.seen[asked->type] += !pending->early;
	if (!fails || (other.accepts_first && !pending->early)) {
		if (asked->type == RENDEZVOUS_CREATE_PARTY || asked->type == RENDEZVOUS_JOIN_PARTY)
			other.member = true;
		if (asked->type == RENDEZVOUS_LEAVE_PARTY)
			other.member = false;
	}
	if (fails) {
		pending->answer(pending->data, &error, NULL);
		return;
	}
	if (asked->type == RENDEZVOUS_CREATE_PARTY || asked->type == RENDEZVOUS_JOIN_PARTY) {
		give_lease(asked->party_id);
	} else if (asked->type == RENDEZVOUS_GET_INVITE) {
		frame.type = RENDEZVOUS_INVITE;
		frame.invite.sealed = other.invite;
	} else if (asked->type == RENDEZVOUS_GET_TICKETS) {
		frame.type = RENDEZVOUS_TICKETS;
		memcpy(frame.tickets.party_id, asked->party_id, 16);
	}
	pending->answer(pending->data, NULL, &frame);
}

static void serve_requests(void)
{
	while (other.n_requests > 0) {
		struct server_pending pending = other.requests[0];

		other.n_requests--;
		memmove(other.requests, other.requests + 1, other.n_requests * sizeof(pending));
		answer_request(&pending);
	}
}

/* ---- what service.c does for the others */

void control_changed(struct control *control)
{
	(void)control;
}

void control_resume(struct control *control)
{
	(void)control;
}

void control_party_changed(struct control *control, unsigned changed)
{
	(void)control;
	(void)changed;
}

bool control_is_up(const struct control *control)
{
	char value[CONTROL_SETTING_MAX];

	return settings_get(&control->settings, SETTING_UP, value) == 0 && strcmp(value, "on") == 0;
}

void control_server_url(const struct control *control, char url[CONTROL_URL_MAX])
{
	char value[CONTROL_SETTING_MAX];

	settings_get(&control->settings, SETTING_SERVER_URL, value);
	if (control->party.joined)
		snprintf(value, sizeof(value), "%s", control->party.record.server_url);
	else if (*control->operation.server_url || control->operation.searching)
		snprintf(value, sizeof(value), "%s", control->operation.server_url);
	snprintf(url, CONTROL_URL_MAX, "%.*s", CONTROL_URL_MAX - 1, value);
}

void control_choose_server(struct control *control)
{
	char url[CONTROL_URL_MAX];

	control_server_url(control, url);
	if (*url == 0 || (control->party.settled && !control_is_up(control))) {
		set_session(CONTROL_SERVER_NONE);
	} else if (strcmp(url, other.url) != 0 || other.state == CONTROL_SERVER_NONE) {
		set_session(CONTROL_SERVER_AWAY);
		if (other.reachable)
			set_session(CONTROL_SERVER_CONNECTED);
	}
	strcpy(other.url, url);
}

/* ---- the local network: one host is found there, if it is to be */

void local_update(struct control *control)
{
	(void)control;
}

int local_start(struct control *control, char url[CONTROL_URL_MAX], struct error *error)
{
	(void)control;
	if (other.engine_fails)
		return error_set(error, -EADDRINUSE, "every port is in use");
	strcpy(url, LOCAL_URL);
	return 0;
}

void local_search(struct control *control)
{
	other.found = 0;
	local_next(control);
}

void local_next(struct control *control)
{
	other.found++;
	if (other.found <= other.hosts)
		snprintf(control->operation.server_url, CONTROL_URL_MAX, "ws://192.168.1.%u:8667",
			 other.found);
	else
		*control->operation.server_url = 0;
	control_choose_server(control);
	if (rendezvous_state(control->rendezvous) == CONTROL_SERVER_CONNECTED)
		operation_server_ready(control);
}

/* ---- running */

static void turn(void *data)
{
	(void)data;
	serve_requests();
	serve_neighbours();
}

struct fixture {
	struct world world;
	struct control *control;
	struct service service;
	struct loop_timer ticker;
};

static void start_control(struct fixture *f)
{
	struct control *control = f->control = calloc(1, sizeof(*control));
	struct error error;
	char path[128];

	other.control = control;
	f->service.instance = 1000;
	control->service = &f->service;
	control->settings.config = f->service.config;
	world_path(&f->world, "self", path);
	assert_int_equal(keyholder_start(&control->keyholder, path, 1, &error), 0);
	world_path(&f->world, "control.db", path);
	assert_int_equal(database_open(&control->database, path, &error), 0);
	control->settings.database = control->database;
	assert_int_equal(party_init(&control->party, control->database, control->keyholder.identity,
				    clock_wall_us() / CLOCK_SECOND),
			 0);
	memset(control->wireguard_key, 7, sizeof(control->wireguard_key));
	control->has_wireguard_key = true;
	assert_int_equal(loop_init(&control->loop), 0);
	handover_init(control);
	announce_init(control);
	operation_init(control);
	arrival_init(control);
	farewell_init(control);
	tickets_init(control);
	handover_start(control);
	control_choose_server(control);
	loop_timer_start(&control->loop, &f->ticker, 1, 1, turn, NULL);
}

/* In the order of control_stop(); the bus ends its requests with an error. */
static void stop_control(struct fixture *f)
{
	struct control *control = f->control;
	struct error error = {.code = -ECANCELED};

	operation_deinit(control);
	other.n_requests = 0;
	other.state = CONTROL_SERVER_NONE;
	for (size_t i = 0; i < other.n_pending; i++) {
		other.pending[i].answer(other.pending[i].data, &error, NULL, 0);
		free(other.pending[i].body);
	}
	other.n_pending = 0;
	arrival_cancel(control);
	announce_deinit(control);
	handover_deinit(control);
	tickets_deinit(control);
	loop_timer_stop(&f->ticker);
	loop_deinit(&control->loop);
	assert_int_equal(other.n_pending, 0);
	party_deinit(&control->party);
	database_close(control->database);
	keyholder_stop(&control->keyholder);
	free(control);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error error;

	memset(&other, 0, sizeof(other));
	other.interface = DATAPLANE_INTERFACE_UP;
	other.reachable = true;
	other.world = &f->world;
	world_init(&f->world);
	assert_int_equal(config_read(&f->service.config, NULL, 0, &error), 0);
	start_control(f);
	settings_set(&f->control->settings, SETTING_SERVER_URL, SERVER_URL, NULL);
	settings_set(&f->control->settings, SETTING_PEER_NAME, "mia", NULL);
	control_choose_server(f->control);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	stop_control(f);
	config_free(f->service.config);
	world_deinit(&f->world);
	free(other.invite.bytes);
	free(f);
	return 0;
}

static void stop_loop(void *data)
{
	*(bool *)data = true;
}

static void run_for(struct fixture *f, unsigned ms)
{
	struct loop_timer timer = {0};
	bool done = false;

	loop_timer_start(&f->control->loop, &timer, ms, 0, stop_loop, &done);
	while (!done)
		uv_run(&f->control->loop.uv, UV_RUN_ONCE);
}

/* Until the call has its answer, and a little longer, in which no second one may come. */
static void finish(struct fixture *f, struct bus_call *call)
{
	for (unsigned i = 0; i < 800 && call->answers == 0; i++)
		run_for(f, 10);
	run_for(f, 60);
	assert_int_equal(call->answers, 1);
	assert_int_equal(f->control->operation.kind, OPERATION_NONE);
	assert_null(f->control->operation.call);
}

static void create(struct fixture *f, struct bus_call *call)
{
	const struct control_create wish = {.name = "friday", .own_name = "kira"};

	*call = (struct bus_call){0};
	membership_create(f->control, call, &wish);
}

static void join(struct fixture *f, struct bus_call *call, const char *code)
{
	struct control_join wish = {.own_name = "kira"};

	*call = (struct bus_call){0};
	snprintf(wish.code, sizeof(wish.code), "%s", code);
	membership_join(f->control, call, &wish);
}

/* The world's host puts its invite at the server, under this code. */
static const char *put_invite(struct fixture *f, const char *server)
{
	static char link[CONTROL_CODE_MAX];
	static struct code_keys keys;
	static struct code code;
	uint8_t sealed[RENDEZVOUS_INVITE_MAX];
	ssize_t n;

	if (!code.text[0]) {
		code_parse(&code, NULL, "KQ7M-3ZT9-HX2F");
		assert_int_equal(code_derive(&code, &keys), 0);
	}
	assert_int_equal(invite_make(&f->world.secret, &f->world.host.keyholder,
				     clock_wall_us() / CLOCK_SECOND + 3600, 0),
			 0);
	n = invite_seal(&f->world.secret, &keys, sealed);
	assert_true(n > 0);
	free(other.invite.bytes);
	rendezvous_bytes_set(&other.invite, sealed, (size_t)n);
	if (!server)
		return code.text;
	return code_link(&code, server, link);
}

static void assert_setting(struct fixture *f, const char *key, const char *expected)
{
	char value[CONTROL_SETTING_MAX];

	settings_get(&f->control->settings, key, value);
	assert_string_equal(value, expected);
}

static void assert_no_party(struct fixture *f)
{
	struct database_party record;

	assert_false(f->control->party.joined);
	assert_int_equal(database_get_party(f->control->database, &record), -ENOENT);
	assert_false(other.member);
	assert_false(other.dataplane_up);
	assert_true(handover_is_complete(f->control));
	assert_setting(f, SETTING_SERVER_URL, SERVER_URL);
	assert_string_equal(other.url, SERVER_URL);
	assert_true(sodium_is_zero((const uint8_t *)&f->control->operation.secret,
				   sizeof(f->control->operation.secret)));
	assert_true(sodium_is_zero((const uint8_t *)&f->control->party.record,
				   sizeof(f->control->party.record)));
}

static void assert_party(struct fixture *f)
{
	struct database_party record;

	assert_true(f->control->party.settled);
	assert_int_equal(database_get_party(f->control->database, &record), 0);
	assert_string_equal(record.name, "friday");
	assert_string_equal(record.own_name, "kira");
	assert_true(other.member);
	assert_true(other.dataplane_up);
	assert_true(other.seen[RENDEZVOUS_ANNOUNCE] > 0);
	assert_true(other.seen[RENDEZVOUS_GET_TICKETS] > 0);
	assert_setting(f, SETTING_PEER_NAME, "kira");
	assert_setting(f, SETTING_UP, "on");
}

/* ---- the ways that end well */

static void test_create(void **state)
{
	struct fixture *f = *state;
	struct control_invite invite;
	struct bus_call call;
	struct code code;
	char url[CONTROL_URL_MAX];

	create(f, &call);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_int_equal(control_invite_decode(&invite, call.body, call.length), 0);
	assert_int_equal(code_parse(&code, url, invite.link), 0);
	assert_string_equal(url, SERVER_URL);
	assert_string_equal(code.text, invite.code);
	assert_party(f);
	assert_true(party_is_host(&f->control->party));
	create(f, &call); /* one party at a time */
	finish(f, &call);
	assert_int_equal(call.code, -EALREADY);
	assert_non_null(strstr(call.text, "lanrage leave"));
	assert_party(f);
	join(f, &call, "KQ7M-3ZT9-HX2F");
	finish(f, &call);
	assert_int_equal(call.code, -EALREADY);
	assert_party(f);
}

static void test_join(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	join(f, &call, put_invite(f, NULL));
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_false(party_is_host(&f->control->party));
	assert_setting(f, SETTING_SERVER_URL, SERVER_URL);
}

/* A link brings its server; it becomes the setting only when it proved right. */
static void test_join_by_link(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	other.fails = RENDEZVOUS_GET_INVITE;
	other.failure = -ENOENT;
	join(f, &call, put_invite(f, "ws://203.0.113.9:1234"));
	finish(f, &call);
	assert_int_equal(call.code, -ENOENT);
	assert_non_null(strstr(call.text, "mistyped"));
	assert_no_party(f);
	assert_setting(f, SETTING_PEER_NAME, "mia");
	other.fails = 0;
	join(f, &call, put_invite(f, "ws://203.0.113.9:1234"));
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_setting(f, SETTING_SERVER_URL, "ws://203.0.113.9:1234");
	assert_string_equal(other.url, "ws://203.0.113.9:1234");
}

static void test_invite(void **state)
{
	const struct control_invite_wish once = {.once = true, .ttl_s = 60}, wrong = {.ttl_s = 59};
	struct fixture *f = *state;
	struct control_invite invite;
	struct bus_call call;

	call = (struct bus_call){0};
	hosting_invite(f->control, &call, &once);
	finish(f, &call);
	assert_int_equal(call.code, -ENOENT); /* in no party */
	create(f, &call);
	finish(f, &call);
	call = (struct bus_call){0};
	hosting_invite(f->control, &call, &once);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_int_equal(control_invite_decode(&invite, call.body, call.length), 0);
	assert_in_range(invite.expires_s, clock_wall_us() / CLOCK_SECOND + 50,
			clock_wall_us() / CLOCK_SECOND + 60);
	call = (struct bus_call){0};
	hosting_invite(f->control, &call, &wrong);
	finish(f, &call);
	assert_int_equal(call.code, -EINVAL);
	other.fails = RENDEZVOUS_PUT_INVITE; /* failing to invite does not leave the party */
	other.failure = -EAGAIN;
	call = (struct bus_call){0};
	hosting_invite(f->control, &call, &once);
	finish(f, &call);
	assert_int_equal(call.code, -EAGAIN);
	assert_party(f);
}

/* ---- the ways that do not */

static void break_tables(struct fixture *f)
{
	char path[128];
	sqlite3 *sqlite;

	world_path(&f->world, "control.db", path);
	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite,
				      "CREATE TRIGGER no BEFORE INSERT ON member BEGIN SELECT "
				      "RAISE(ABORT, 'the disk is odd'); END",
				      NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(sqlite);
}

enum trouble { NO_TROUBLE, NO_LEASE, NO_DISK, NO_INTERFACE, LOST_ANSWER };

static void test_failures_leave_nothing_behind(void **state)
{
	static const struct {
		bool join;
		enum rendezvous_client_type fails;
		int failure;
		enum trouble trouble;
		int code;
	} rows[] = {
		{false, RENDEZVOUS_CREATE_PARTY, -ENOSPC, NO_TROUBLE, -ENOSPC},
		{false, RENDEZVOUS_CREATE_PARTY, -ETIMEDOUT, LOST_ANSWER, -ETIMEDOUT},
		{false, RENDEZVOUS_PUT_INVITE, -EAGAIN, NO_TROUBLE, -EAGAIN},
		{false, 0, 0, NO_LEASE, -EPROTO},
		{false, 0, 0, NO_INTERFACE, -EIO},
		{true, RENDEZVOUS_GET_INVITE, -ENOENT, NO_TROUBLE, -ENOENT},
		{true, RENDEZVOUS_JOIN_PARTY, -EPROTO, NO_TROUBLE, -EPROTO},
		{true, RENDEZVOUS_JOIN_PARTY, -ETIMEDOUT, LOST_ANSWER, -ETIMEDOUT},
		{true, 0, 0, NO_LEASE, -EPROTO},
		{true, 0, 0, NO_INTERFACE, -EIO},
		{false, 0, 0, NO_DISK, -EIO},
		{true, 0, 0, NO_DISK, -EIO},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct bus_call call;

		other.fails = rows[i].fails;
		other.failure = rows[i].failure;
		other.accepts_first = rows[i].trouble == LOST_ANSWER;
		other.gives_no_lease = rows[i].trouble == NO_LEASE;
		other.interface = rows[i].trouble == NO_INTERFACE ? DATAPLANE_INTERFACE_FAILED
								  : DATAPLANE_INTERFACE_UP;
		if (rows[i].trouble == NO_DISK && rows[i - 1].trouble != NO_DISK)
			break_tables(f);
		if (rows[i].join)
			join(f, &call, put_invite(f, NULL));
		else
			create(f, &call);
		finish(f, &call);
		if (call.code != rows[i].code)
			fail_msg("row %zu: %d %s", i, call.code, call.text);
		assert_true(strlen(call.text) > 0);
		assert_no_party(f);
		assert_false(f->control->farewell.owed);
	}
}

static void test_wishes_that_cannot_be(void **state)
{
	static const struct {
		struct control_create wish;
		int code;
	} creates[] = {
		{{.name = ""}, -EINVAL},
		{{.name = "  "}, -EINVAL},
		{{.name = "friday", .own_name = " "}, -EINVAL},
		{{.name = "friday", .local = true}, -EADDRINUSE},
	};
	static const char *const codes[] = {"",
					    "KQ7M",
					    "lanrage://local/x",
					    "lanrage://h:99999/KQ7M-3ZT9-HX2F",
					    "lanrage://h/x",
					    "http://h/KQ7M-3ZT9-HX2F"};
	struct fixture *f = *state;
	struct bus_call call;

	other.engine_fails = true;
	for (size_t i = 0; i < sizeof(creates) / sizeof(creates[0]); i++) {
		call = (struct bus_call){0};
		membership_create(f->control, &call, &creates[i].wish);
		finish(f, &call);
		assert_int_equal(call.code, creates[i].code);
		assert_no_party(f);
	}
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		join(f, &call, codes[i]);
		finish(f, &call);
		assert_int_equal(call.code, -EINVAL);
		assert_no_party(f);
	}
	call = (struct bus_call){0};
	membership_leave(f->control, &call);
	finish(f, &call);
	assert_int_equal(call.code, -ENOENT);
}

/* The party meets at this machine; its links say so. */
static void test_create_without_a_server(void **state)
{
	struct fixture *f = *state;
	struct control_invite invite;
	struct bus_call call;

	settings_set(&f->control->settings, SETTING_SERVER_URL, "", NULL);
	control_choose_server(f->control);
	create(f, &call);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_true(f->control->party.record.local);
	assert_string_equal(other.url, LOCAL_URL);
	assert_setting(f, SETTING_SERVER_URL, "");
	assert_int_equal(control_invite_decode(&invite, call.body, call.length), 0);
	assert_non_null(strstr(invite.link, "lanrage://local/"));
	call = (struct bus_call){0};
	membership_leave(f->control, &call);
	finish(f, &call);
	assert_false(f->control->farewell.owed); /* to itself */
}

/* The third host that is found has the code; the others do not, or lie. */
static void test_join_on_the_lan(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;
	struct database_party record;

	settings_set(&f->control->settings, SETTING_SERVER_URL, "", NULL);
	control_choose_server(f->control);
	other.holder = "ws://192.168.1.3:8667";
	other.hosts = 3;
	join(f, &call, put_invite(f, NULL));
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_int_equal(database_get_party(f->control->database, &record), 0);
	assert_true(record.local);
	assert_string_equal(record.server_url, other.holder);
	assert_setting(f, SETTING_SERVER_URL, "");
}

/* A code that the server does not know is looked for nearby; one that is nowhere is said so. */
static void test_a_code_the_server_does_not_know(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	other.holder = "ws://192.168.1.1:8667";
	join(f, &call, put_invite(f, NULL));
	finish(f, &call);
	assert_int_equal(call.code, -ENOENT);
	assert_non_null(strstr(call.text, "mistyped"));
	assert_no_party(f);
	other.hosts = 1;
	join(f, &call, put_invite(f, NULL));
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_true(f->control->party.record.local);
	assert_setting(f, SETTING_SERVER_URL, SERVER_URL);
}

/* `lanrage://local/…` is for no server, whatever is configured. */
static void test_a_local_link(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	other.hosts = 1;
	join(f, &call, put_invite(f, CODE_LOCAL));
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_true(f->control->party.record.local);
	assert_string_equal(other.url, "ws://192.168.1.1:8667");
}

/* Away, and then there within the time one waits. */
static void test_a_server_that_comes_late(void **state)
{
	struct fixture *f = *state;
	struct bus_call call, second = {0};

	set_session(CONTROL_SERVER_AWAY);
	create(f, &call);
	run_for(f, 400);
	assert_int_equal(call.answers, 0);
	membership_leave(f->control, &second); /* one at a time */
	assert_int_equal(second.code, -EBUSY);
	second = (struct bus_call){0};
	hosting_invite(f->control, &second, &(struct control_invite_wish){0});
	assert_int_equal(second.code, -EBUSY);
	set_session(CONTROL_SERVER_CONNECTED);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
}

static void test_a_server_that_does_not_come(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;
	uint64_t began_us = clock_now_us();

	set_session(CONTROL_SERVER_AWAY);
	create(f, &call);
	finish(f, &call);
	assert_int_equal(call.code, -ENOTCONN);
	assert_non_null(strstr(call.text, "198.51.100.7:8667 does not answer"));
	assert_in_range(clock_now_us() - began_us, 4900000, 6000000);
	assert_no_party(f);
	set_session(CONTROL_SERVER_CONNECTED); /* it comes back: nobody waits any more */
	run_for(f, 50);
	assert_no_party(f);
}

/* The connection breaks with a request under way, at each of them. */
static void test_a_connection_that_breaks(void **state)
{
	static const enum rendezvous_client_type at[] = {
		RENDEZVOUS_CREATE_PARTY, RENDEZVOUS_PUT_INVITE, RENDEZVOUS_GET_INVITE,
		RENDEZVOUS_JOIN_PARTY};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		struct bus_call call;

		other.fails = at[i];
		other.failure = -ENOTCONN;
		other.accepts_first = true;
		if (i < 2)
			create(f, &call);
		else
			join(f, &call, put_invite(f, NULL));
		while (other.seen[at[i]] == 0 && call.answers == 0)
			run_for(f, 1);
		set_session(CONTROL_SERVER_AWAY);
		finish(f, &call);
		assert_int_equal(call.code, -ENOTCONN);
		assert_false(f->control->party.joined);
		set_session(CONTROL_SERVER_CONNECTED); /* what is owed is paid */
		run_for(f, 30);
		assert_no_party(f);
		assert_false(f->control->farewell.owed);
		memset(other.seen, 0, sizeof(other.seen));
	}
}

/* Both neighbours restart while a join waits for the interface, which is slow besides. */
static void test_neighbours_that_restart_meanwhile(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	other.interface = DATAPLANE_INTERFACE_DOWN;
	join(f, &call, put_invite(f, NULL));
	for (unsigned i = 0; i < 200 && !other.dataplane_up; i++)
		run_for(f, 10);
	assert_true(other.dataplane_up);
	other.dataplane_has = (struct dataplane_revision){0, 0}; /* the new ones know nothing */
	other.nat_has = other.dataplane_has;
	other.dataplane_up = false;
	other.mute = true;
	run_for(f, 50);
	other.refuse = 2; /* what was asked of the old ones is lost */
	other.refusal = -ETIMEDOUT;
	other.mute = false;
	other.events[SERVICE_DATAPLANE](other.event_data[SERVICE_DATAPLANE], 0, true, NULL, 0);
	other.events[SERVICE_NAT](other.event_data[SERVICE_NAT], 0, true, NULL, 0);
	run_for(f, 700);
	assert_int_equal(call.answers, 0);
	assert_true(other.dataplane_up);
	other.interface = DATAPLANE_INTERFACE_UP;
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
}

static void test_an_interface_that_does_not_come(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	other.interface = DATAPLANE_INTERFACE_DOWN;
	create(f, &call);
	finish(f, &call);
	assert_int_equal(call.code, -ETIMEDOUT);
	assert_non_null(strstr(call.text, "lanrage doctor"));
	assert_no_party(f);
}

/* ---- stopping at every moment */

static void test_stopping(void **state)
{
	struct fixture *f = *state;

	for (unsigned ms = 0; ms < 500; ms += 20) {
		struct bus_call call;

		if (ms % 40 == 0)
			create(f, &call);
		else
			join(f, &call, put_invite(f, NULL));
		run_for(f, ms);
		stop_control(f);
		assert_int_equal(call.answers, 1);
		start_control(f);
		if (call.code == 0) {
			assert_true(f->control->party.settled);
			call = (struct bus_call){0};
			membership_leave(f->control, &call);
			finish(f, &call);
		}
		run_for(f, 100);
		assert_no_party(f);
	}
}

/* ---- leaving */

static void test_leave(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	create(f, &call);
	finish(f, &call);
	call = (struct bus_call){0};
	membership_leave(f->control, &call);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_no_party(f);
	assert_false(f->control->farewell.owed);
	create(f, &call); /* and again */
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_party(f);
}

/* The server hears of it when it is back, even after a restart of ours. */
static void test_leaving_while_the_server_is_away(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	create(f, &call);
	finish(f, &call);
	other.reachable = false;
	set_session(CONTROL_SERVER_AWAY);
	call = (struct bus_call){0};
	membership_leave(f->control, &call);
	finish(f, &call);
	assert_int_equal(call.code, 0);
	assert_false(f->control->party.joined);
	assert_true(other.member);
	stop_control(f);
	start_control(f);
	assert_true(f->control->farewell.owed);
	set_session(CONTROL_SERVER_CONNECTED);
	run_for(f, 30);
	assert_no_party(f);
	assert_false(f->control->farewell.owed);
}

static void test_no_farewell_to_where_one_is_back(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;
	const char *code = put_invite(f, NULL);

	join(f, &call, code);
	finish(f, &call);
	set_session(CONTROL_SERVER_AWAY);
	call = (struct bus_call){0};
	membership_leave(f->control, &call);
	finish(f, &call);
	set_session(CONTROL_SERVER_CONNECTED);
	join(f, &call, code);
	finish(f, &call);
	run_for(f, 50);
	assert_int_equal(call.code, 0);
	assert_party(f);
	assert_false(f->control->farewell.owed);
}

static void test_inviting_while_disconnected(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;

	create(f, &call);
	finish(f, &call);
	settings_set(&f->control->settings, SETTING_UP, "off", NULL);
	control_choose_server(f->control);
	handover_push(f->control);
	run_for(f, 50);
	assert_false(other.dataplane_up);
	call = (struct bus_call){0};
	hosting_invite(f->control, &call, &(struct control_invite_wish){0});
	finish(f, &call);
	assert_int_equal(call.code, -ENOTCONN);
	assert_non_null(strstr(call.text, "lanrage up"));
}

/* ---- handing over */

static void test_handing_over_goes_on(void **state)
{
	struct fixture *f = *state;
	unsigned before;

	run_for(f, 50);
	assert_true(handover_is_complete(f->control));
	other.refuse = 6; /* whatever is asked fails for a while, with more to say meanwhile */
	other.refusal = -ETIMEDOUT;
	handover_push(f->control);
	run_for(f, 100);
	handover_push(f->control);
	run_for(f, 1500);
	assert_true(handover_is_complete(f->control));
	assert_true(handover_is_latest(f->control, &other.dataplane_has));

	other.mute = true; /* nat has news just while it is being asked something else */
	handover_push(f->control);
	run_for(f, 20);
	other.events[SERVICE_NAT](other.event_data[SERVICE_NAT], NAT_EVENT_CANDIDATES, false, NULL,
				  0);
	before = other.nat_gets;
	other.mute = false;
	run_for(f, 50);
	assert_true(other.nat_gets > before);
}

/* The clock was set back: the neighbours have something of a later instance. */
static void test_outranking_an_earlier_self(void **state)
{
	struct fixture *f = *state;

	run_for(f, 50);
	other.dataplane_has = (struct dataplane_revision){9000, 77};
	other.refuse = 2;
	other.refusal = -ESTALE;
	handover_push(f->control);
	run_for(f, 1000);
	assert_true(other.dataplane_has.instance > 9000);
	assert_true(handover_is_complete(f->control));
	assert_int_equal(other.nat_has.instance, other.dataplane_has.instance);
}

static void test_announcements_keep_their_rate(void **state)
{
	struct fixture *f = *state;
	struct bus_call call;
	unsigned before;

	create(f, &call);
	finish(f, &call);
	run_for(f, 200);
	before = other.seen[RENDEZVOUS_ANNOUNCE];
	for (unsigned i = 0; i < 50; i++) {
		announce_soon(f->control);
		run_for(f, 10);
	}
	assert_in_range(other.seen[RENDEZVOUS_ANNOUNCE] - before, 3, 7);
	run_for(f, 300);
	before = other.seen[RENDEZVOUS_ANNOUNCE];
	run_for(f, 300);
	assert_int_equal(other.seen[RENDEZVOUS_ANNOUNCE], before);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create),
		TEST(test_join),
		TEST(test_join_by_link),
		TEST(test_invite),
		TEST(test_failures_leave_nothing_behind),
		TEST(test_wishes_that_cannot_be),
		TEST(test_create_without_a_server),
		TEST(test_join_on_the_lan),
		TEST(test_a_code_the_server_does_not_know),
		TEST(test_a_local_link),
		TEST(test_a_server_that_comes_late),
		TEST(test_a_server_that_does_not_come),
		TEST(test_a_connection_that_breaks),
		TEST(test_neighbours_that_restart_meanwhile),
		TEST(test_an_interface_that_does_not_come),
		TEST(test_stopping),
		TEST(test_leave),
		TEST(test_leaving_while_the_server_is_away),
		TEST(test_no_farewell_to_where_one_is_back),
		TEST(test_inviting_while_disconnected),
		TEST(test_handing_over_goes_on),
		TEST(test_outranking_an_earlier_self),
		TEST(test_announcements_keep_their_rate),
	};

	if (sodium_init() < 0)
		return 1;
	log_init("test_membership", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
