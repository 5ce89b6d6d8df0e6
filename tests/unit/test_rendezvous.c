/* The session with the server: nothing before the login, every request ends once and never from
 * inside, and what belongs to a connection that is gone does not count for the next.
 *
 * The WebSocket (websocket.h) is made up here; look-ups of numeric addresses are real. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/rendezvous.h"
#include "tests/unit/control_world.h"

#define URL "ws://198.51.100.7:8667"

struct websocket_client {
	struct websocket_url url;
	const struct websocket_events *events;
	void *data;
	bool open, stranded;
	char failed[CONTROL_REASON_MAX];
	enum websocket_trouble trouble;
	size_t n_sent;
	struct rendezvous_client_frame sent; /* the last one */
};

static struct websocket_client *client; /* the present one */

int websocket_client_new(struct websocket_client **out, struct websocket *websocket,
			 const char *url, const struct websocket_events *events, void *data,
			 struct error *error)
{
	(void)websocket;
	if (strncmp(url, "ws://", 5) != 0)
		return error_set(error, -EINVAL, "no");
	*out = client = calloc(1, sizeof(*client));
	strcpy(client->url.host, "198.51.100.7");
	snprintf(client->url.authority, sizeof(client->url.authority), "%.100s", url + 5);
	client->events = events;
	client->data = data;
	return 0;
}

void websocket_client_start(struct websocket_client *c)
{
	(void)c;
}

static void clear_sent(struct websocket_client *c)
{
	if (c->n_sent)
		rendezvous_client_clear(&c->sent);
	c->n_sent = 0;
}

void websocket_client_free(struct websocket_client *c)
{
	clear_sent(c);
	if (c == client)
		client = NULL;
	free(c);
}

void websocket_client_fail(struct websocket_client *c, const char *reason)
{
	snprintf(c->failed, sizeof(c->failed), "%s", reason);
}

enum websocket_trouble websocket_client_trouble(const struct websocket_client *c)
{
	return c->trouble;
}

bool websocket_client_is_stranded(const struct websocket_client *c)
{
	return c->stranded;
}

bool websocket_client_is_open(const struct websocket_client *c)
{
	return c->open;
}

const struct websocket_url *websocket_client_url(const struct websocket_client *c)
{
	return &c->url;
}

int websocket_client_send(struct websocket_client *c, const uint8_t *bytes, size_t length)
{
	size_t n = c->n_sent;

	if (!c->open)
		return -ENOTCONN;
	clear_sent(c);
	assert_int_equal(rendezvous_client_decode(&c->sent, bytes, length), 0);
	c->n_sent = n + 1;
	return 0;
}

struct fixture {
	struct world world;
	struct loop loop;
	struct rendezvous *rendezvous;
	unsigned ready, parties, relays, states, generations;
	enum control_server_state state;
	/* answers */
	unsigned answers;
	int code;
	char text[ERROR_TEXT_MAX];
	bool inside; /* a function of rendezvous.h is running */
	bool ask_again;
};

static void on_state(void *data, enum control_server_state state, const char *reason)
{
	struct fixture *f = data;

	(void)reason;
	f->states++;
	f->state = state;
}

static void on_ready(void *data)
{
	((struct fixture *)data)->ready++;
}

static void on_party(void *data, const struct rendezvous_party *party)
{
	(void)party;
	((struct fixture *)data)->parties++;
}

static void on_generations(void *data, const struct rendezvous_generations *generations)
{
	(void)generations;
	((struct fixture *)data)->generations++;
}

static void on_relays(void *data)
{
	((struct fixture *)data)->relays++;
}

static const struct rendezvous_events events = {on_state, on_ready, on_party, on_generations,
						on_relays};

static void ask(struct fixture *f, enum rendezvous_client_type type);

static void on_answer(void *data, const struct error *error,
		      const struct rendezvous_server_frame *frame)
{
	struct fixture *f = data;

	assert_false(f->inside);
	assert_true((error == NULL) == (frame != NULL));
	f->answers++;
	f->code = error ? error->code : 0;
	snprintf(f->text, sizeof(f->text), "%s", error ? error->text : "");
	if (f->ask_again) {
		f->ask_again = false;
		ask(f, RENDEZVOUS_PING);
	}
}

static void ask(struct fixture *f, enum rendezvous_client_type type)
{
	struct rendezvous_client_frame frame = {.type = type};
	bool before = f->inside;

	f->inside = true;
	rendezvous_request(f->rendezvous, &frame, on_answer, f);
	f->inside = before;
}

static void set_true(void *data)
{
	*(bool *)data = true;
}

static void run_for(struct fixture *f, unsigned ms)
{
	struct loop_timer timer = {0};
	bool done = false;

	loop_timer_start(&f->loop, &timer, ms, 0, set_true, &done);
	while (!done)
		uv_run(&f->loop.uv, UV_RUN_ONCE);
}

static void say(const struct rendezvous_server_frame *frame)
{
	uint8_t *bytes;
	ssize_t n = rendezvous_server_encode(frame, &bytes);

	assert_true(n > 0);
	client->events->message(client->data, bytes, (size_t)n);
	free(bytes);
}

static void say_challenge(void)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_CHALLENGE};

	say(&frame);
}

static uint64_t server_s; /* its clock; 0: says none */

static void say_welcome(uint16_t stun_port)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_WELCOME,
						.request_id = client->sent.request_id};

	frame.welcome.observed = addr_ipv4(0x7f000001, 1234);
	frame.welcome.stun_port = stun_port;
	frame.welcome.time_s = server_s;
	say(&frame);
}

static void say_party(struct fixture *f, uint64_t request_id, bool more)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_PARTY, .request_id = request_id};

	frame_init(&frame.party, &f->world, 1);
	frame.party.more = more;
	say(&frame);
}

static void say_error(uint64_t request_id, enum rendezvous_error code, const char *text)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_ERROR, .request_id = request_id};

	frame.error.code = code;
	strcpy(frame.error.text, text);
	say(&frame);
}

static void say_done(uint64_t request_id)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_DONE, .request_id = request_id};

	say(&frame);
}

static void open_connection(void)
{
	client->open = true;
	client->events->open(client->data);
}

static void close_connection(void)
{
	client->open = false;
	client->events->closed(client->data, "connection lost", 250);
}

static void log_in(struct fixture *f)
{
	open_connection();
	say_challenge();
	say_welcome(8667);
	run_for(f, 50);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct error error;

	world_init(&f->world);
	assert_int_equal(loop_init(&f->loop), 0);
	assert_int_equal(rendezvous_new(&f->rendezvous, &f->loop, NULL, &f->world.host.keyholder,
					&events, f),
			 0);
	assert_int_equal(rendezvous_connect(f->rendezvous, URL, &error), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	unsigned answers = f->answers, states = f->states;

	rendezvous_stop(f->rendezvous);
	run_for(f, 20);
	assert_int_equal(f->answers, answers);
	assert_int_equal(f->states, states);
	loop_deinit(&f->loop);
	rendezvous_free(f->rendezvous);
	world_deinit(&f->world);
	free(f);
	return 0;
}

static void test_login(void **state)
{
	struct fixture *f = *state;
	uint8_t text[RENDEZVOUS_LOGIN_TEXT_MAX], nonce[RENDEZVOUS_NONCE_SIZE] = {0};
	struct addr stun[RENDEZVOUS_STUN_SERVERS_MAX];
	size_t n;

	assert_int_equal(f->state, CONTROL_SERVER_CONNECTING);
	open_connection();
	say_challenge();
	assert_int_equal(client->n_sent, 1);
	assert_int_equal(client->sent.type, RENDEZVOUS_LOGIN);
	n = rendezvous_login_text("198.51.100.7:8667", nonce, client->sent.login.client_nonce,
				  text);
	assert_int_equal(crypto_sign_verify_detached(client->sent.login.signature, text, n,
						     f->world.host.keyholder.identity),
			 0);
	say_welcome(8667);
	assert_int_equal(f->ready, 0);
	run_for(f, 50);
	assert_int_equal(f->ready, 1);
	assert_int_equal(f->state, CONTROL_SERVER_CONNECTED);
	assert_int_equal(rendezvous_stun_servers(f->rendezvous, stun), 1);
	assert_int_equal(stun[0].port, 8667);
	assert_string_equal(rendezvous_url(f->rendezvous), URL);
}

static void test_a_server_without_stun(void **state)
{
	struct fixture *f = *state;
	struct addr stun[RENDEZVOUS_STUN_SERVERS_MAX];

	open_connection();
	say_challenge();
	say_welcome(0);
	run_for(f, 50);
	assert_int_equal(f->ready, 1);
	assert_int_equal(rendezvous_stun_servers(f->rendezvous, stun), 0);
}

/* Addresses changed: a connection from one that is gone is given up, another one kept. */
static void test_moving(void **state)
{
	struct fixture *f = *state;

	open_connection();
	rendezvous_moved(f->rendezvous);
	assert_string_equal(client->failed, "");
	client->stranded = true;
	rendezvous_moved(f->rendezvous);
	assert_non_null(strstr(client->failed, "address"));
	rendezvous_disconnect(f->rendezvous);
	rendezvous_moved(f->rendezvous);
}

static void test_nothing_counts_before_the_login(void **state)
{
	struct fixture *f = *state;

	open_connection();
	say_party(f, 0, false);
	say_welcome(8667); /* to a login that was not sent */
	say_challenge();
	say_party(f, 0, false);
	say_party(f, client->sent.request_id + 1, false);
	run_for(f, 30);
	assert_int_equal(f->parties + f->ready, 0);
	say_welcome(8667);
	run_for(f, 50);
	say_challenge(); /* a second login is not for it to ask */
	assert_int_equal(client->n_sent, 1);
	say_party(f, 0, false);
	assert_int_equal(f->parties, 1);
}

static void test_a_refused_login(void **state)
{
	(void)state;
	open_connection();
	say_challenge();
	say_error(client->sent.request_id, RENDEZVOUS_ERROR_BAD_SIGNATURE, "");
	assert_string_equal(client->failed, rendezvous_error_text(RENDEZVOUS_ERROR_BAD_SIGNATURE));
	client->events->message(client->data, (const uint8_t *)"\xff", 1);
	assert_string_equal(client->failed, "the server sent a malformed message");
}

static void test_requests(void **state)
{
	static const struct {
		enum rendezvous_error error;
		int code;
	} rows[] = {
		{RENDEZVOUS_ERROR_NO_SUCH_INVITE, -ENOENT}, {RENDEZVOUS_ERROR_NOT_A_MEMBER, -EPERM},
		{RENDEZVOUS_ERROR_FULL, -ENOSPC},	    {RENDEZVOUS_ERROR_TOO_MANY, -EAGAIN},
		{RENDEZVOUS_ERROR_EXISTS, -EEXIST},	    {RENDEZVOUS_ERROR_INTERNAL, -EPROTO},
	};
	struct fixture *f = *state;
	unsigned n = 0;

	log_in(f);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ask(f, RENDEZVOUS_PING);
		say_error(client->sent.request_id, rows[i].error, i ? "" : "in words");
		assert_int_equal(f->answers, ++n);
		assert_int_equal(f->code, rows[i].code);
		assert_non_null(
			strstr(f->text, i ? rendezvous_error_text(rows[i].error) : "in words"));
		say_done(client->sent.request_id); /* a second answer, and one nobody asked for */
		say_done(77777);
		assert_int_equal(f->answers, n);
	}
	ask(f, RENDEZVOUS_RESUME); /* an answer in several frames is one */
	say_party(f, client->sent.request_id, true);
	say_party(f, client->sent.request_id, true);
	assert_int_equal(f->answers, n);
	say_party(f, client->sent.request_id, false);
	assert_int_equal(f->answers, ++n);
	assert_int_equal(f->code, 0);
	assert_int_equal(f->parties, 3);
}

static void test_requests_without_a_connection(void **state)
{
	struct fixture *f = *state;

	ask(f, RENDEZVOUS_PING);
	assert_int_equal(f->answers, 0);
	run_for(f, 10);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->code, -ENOTCONN);
}

static void test_requests_that_are_cut_off(void **state)
{
	struct fixture *f = *state;
	struct error error;
	uint64_t id;

	log_in(f);
	for (int i = 0; i < 3; i++)
		ask(f, RENDEZVOUS_PING);
	id = client->sent.request_id;
	f->ask_again = true;
	close_connection();
	assert_int_equal(f->answers, 0);
	run_for(f, 20);
	assert_int_equal(f->answers, 4); /* with the one that was asked in an answer */
	assert_int_equal(f->code, -ENOTCONN);
	log_in(f);
	assert_int_equal(f->ready, 2);
	say_done(id);
	assert_int_equal(f->answers, 4);

	ask(f, RENDEZVOUS_PING);
	ask(f, RENDEZVOUS_PING);
	f->inside = true; /* another server */
	assert_int_equal(rendezvous_connect(f->rendezvous, "ws://127.0.0.2:1", &error), 0);
	rendezvous_disconnect(f->rendezvous);
	f->inside = false;
	run_for(f, 20);
	assert_int_equal(f->answers, 6);
	assert_int_equal(f->code, -ENOTCONN);
	assert_int_equal(f->state, CONTROL_SERVER_NONE);
}

static void test_too_many_at_once(void **state)
{
	struct fixture *f = *state;

	log_in(f);
	for (unsigned i = 0; i < RENDEZVOUS_REQUESTS_MAX; i++)
		ask(f, RENDEZVOUS_PING);
	run_for(f, 10);
	assert_int_equal(f->answers, 0);
	ask(f, RENDEZVOUS_PING);
	run_for(f, 10);
	assert_int_equal(f->answers, 1);
	assert_int_equal(f->code, -EBUSY);
	say_done(client->sent.request_id);
	assert_int_equal(f->code, 0);
	ask(f, RENDEZVOUS_PING);
	run_for(f, 10);
	assert_int_equal(f->answers, 2);
}

/* The connection breaks while the server's address is looked up, and another one comes. */
static void test_a_look_up_for_a_connection_that_is_gone(void **state)
{
	struct fixture *f = *state;

	open_connection();
	say_challenge();
	say_welcome(8667);
	close_connection();
	open_connection();
	run_for(f, 50);
	assert_int_equal(f->ready, 0);
	assert_int_equal(f->state, CONTROL_SERVER_CONNECTING);
	say_challenge();
	say_welcome(8667);
	close_connection();
	open_connection();
	say_challenge();
	say_welcome(8667); /* before the look-up of the one before is through */
	run_for(f, 50);
	assert_int_equal(f->ready, 1);
}

static void test_stopping_with_all_under_way(void **state)
{
	struct fixture *f = *state;

	open_connection();
	say_challenge();
	say_welcome(8667);
	ask(f, RENDEZVOUS_PING);
	/* tear_down checks that no answer comes */
}

static void test_urls(void **state)
{
	struct fixture *f = *state;
	struct websocket_client *before = client;
	struct error error;

	assert_int_equal(rendezvous_connect(f->rendezvous, URL, &error), 0);
	assert_ptr_equal(client, before);
	assert_int_equal(rendezvous_connect(f->rendezvous, "http://x", &error), -EINVAL);
	assert_ptr_equal(client, before);
	assert_int_equal(rendezvous_connect(f->rendezvous, "ws://127.0.0.2:1", &error), 0);
	assert_string_equal(client->url.authority, "127.0.0.2:1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static void test_clock(void **state)
{
	struct fixture *f = *state;
	uint64_t now_s = clock_wall_us() / CLOCK_SECOND;
	static const struct {
		int64_t ahead_s; /* the server's clock is that much behind ours */
	} cases[] = {{0}, {1000000}, {-1000000}};

	assert_true(rendezvous_clock_ahead_s(f->rendezvous) == CONTROL_CLOCK_UNKNOWN);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t ahead_s;

		server_s = (uint64_t)((int64_t)now_s - cases[i].ahead_s);
		log_in(f);
		ahead_s = rendezvous_clock_ahead_s(f->rendezvous);
		assert_in_range(ahead_s - cases[i].ahead_s + 60, 0, 120);
		close_connection();
	}
	for (int i = 0; i < 2; i++) {
		server_s = i ? UINT64_MAX : 0;
		log_in(f);
		assert_true(rendezvous_clock_ahead_s(f->rendezvous) == CONTROL_CLOCK_UNKNOWN);
		close_connection();
	}
	server_s = 0;
}

static void test_trouble(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(rendezvous_trouble(f->rendezvous), CONTROL_TROUBLE_NONE);
	client->trouble = WEBSOCKET_TROUBLE_NAME;
	close_connection();
	assert_int_equal(rendezvous_trouble(f->rendezvous), CONTROL_TROUBLE_NAME);
	client->trouble = WEBSOCKET_TROUBLE_FOREIGN;
	assert_int_equal(rendezvous_trouble(f->rendezvous), CONTROL_TROUBLE_FOREIGN);
	client->trouble = WEBSOCKET_TROUBLE_SILENT;
	assert_int_equal(rendezvous_trouble(f->rendezvous), CONTROL_TROUBLE_SILENT);
	log_in(f);
	assert_int_equal(rendezvous_trouble(f->rendezvous), CONTROL_TROUBLE_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_clock, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_trouble, set_up, tear_down),
		TEST(test_login),
		TEST(test_moving),
		TEST(test_a_server_without_stun),
		TEST(test_nothing_counts_before_the_login),
		TEST(test_a_refused_login),
		TEST(test_requests),
		TEST(test_requests_without_a_connection),
		TEST(test_requests_that_are_cut_off),
		TEST(test_too_many_at_once),
		TEST(test_a_look_up_for_a_connection_that_is_gone),
		TEST(test_stopping_with_all_under_way),
		TEST(test_urls),
	};

	if (sodium_init() < 0)
		return 1;
	log_init("test_rendezvous", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
