/* The bus on real sockets. Servers that must be stopped or killed are this program again, started
 * with arguments, because nng allows no fork without exec. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <nng/nng.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/clock.h"
#include "common/envelope.h"
#include "common/log.h"
#include "ipc.pb-c.h"

#define NOBODY 65534u

enum { ASK_ECHO = 1, ASK_LATE, ASK_COLLECT, ASK_KEEP, ASK_TOO_BIG, ASK_ONLY_METRICS };
enum { COLLECTED = 20 };

struct server {
	struct loop loop;
	struct service service;
	struct bus *bus;
	struct bus_call *calls[COLLECTED];
	unsigned count;
	struct loop_timer timer;
};

static void fill_service(struct service *service, enum service_id id, const char *dir,
			 uint64_t instance)
{
	*service = (struct service){.id = id, .lock_fd = -1, .instance = instance};
	(void)snprintf(service->run, sizeof(service->run), "%s", dir);
	(void)snprintf(service->own_run, sizeof(service->own_run), "%.3000s/%s", dir,
		       service_names[id]);
	for (int i = 0; i < SERVICE_COUNT; i++)
		service->uids[i] = geteuid();
	/* Somebody who is known, but not everything may be asked by. */
	service->uids[SERVICE_BROWSER] = NOBODY;
}

/* ---- the server's methods */

static void on_echo(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)data;
	bus_reply(call, body, length);
}

static void answer_late(void *data)
{
	struct server *server = data;

	bus_reply(server->calls[0], (const uint8_t *)"late", 4);
	server->count = 0;
}

static void on_late(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct server *server = data;

	(void)body;
	(void)length;
	server->calls[0] = call;
	loop_timer_start(&server->loop, &server->timer, 150, 0, answer_late, server);
}

/* Answers in the opposite order when all have come. The answer is the place in the order. */
static void on_collect(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct server *server = data;

	(void)body;
	(void)length;
	server->calls[server->count++] = call;
	if (server->count < COLLECTED)
		return;
	for (unsigned i = COLLECTED; i-- > 0;) {
		uint8_t place = (uint8_t)i;

		bus_reply(server->calls[i], &place, 1);
	}
	server->count = 0;
}

static void on_keep(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct server *server = data;

	(void)body;
	(void)length;
	(void)call;
	server->count++;
}

static void on_too_big(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	static uint8_t big[BUS_BODY_MAX + 1];

	(void)data;
	(void)body;
	(void)length;
	bus_reply(call, big, sizeof(big));
}

static const struct bus_method methods[] = {
	{ASK_ECHO, BUS_FROM_ANY, on_echo},
	{ASK_LATE, BUS_FROM_ANY, on_late},
	{ASK_COLLECT, BUS_FROM_ANY, on_collect},
	{ASK_KEEP, BUS_FROM_ANY, on_keep},
	{ASK_TOO_BIG, BUS_FROM_ANY, on_too_big},
	{ASK_ONLY_METRICS, BUS_FROM(SERVICE_METRICS), on_echo},
	{0, 0, NULL},
};

static void server_start(struct server *server, const char *dir, uint64_t instance)
{
	struct error error;

	memset(server, 0, sizeof(*server));
	fill_service(&server->service, SERVICE_NAT, dir, instance);
	if (loop_init(&server->loop) < 0 ||
	    bus_new(&server->bus, &server->loop, &server->service) < 0 ||
	    bus_serve(server->bus, methods, server, &error) < 0)
		abort();
}

static void server_stop(struct server *server)
{
	loop_timer_stop(&server->timer);
	bus_free(server->bus);
	loop_deinit(&server->loop);
}

static int run_server(const char *dir)
{
	struct server server;

	server_start(&server, dir, clock_wall_us());
	loop_run(&server.loop);
	server_stop(&server);
	return 0;
}

/* ---- the client */

struct client {
	struct loop loop;
	struct service service;
	struct bus *bus;
};

struct result {
	unsigned count;
	int code;
	size_t length;
	uint8_t first;
	char text[ERROR_TEXT_MAX];
};

static void client_start(struct client *client, const char *dir)
{
	memset(client, 0, sizeof(*client));
	fill_service(&client->service, SERVICE_CONTROL, dir, 1);
	assert_int_equal(loop_init(&client->loop), 0);
	assert_int_equal(bus_new(&client->bus, &client->loop, &client->service), 0);
}

static void client_stop(struct client *client)
{
	bus_free(client->bus);
	loop_deinit(&client->loop);
}

static void on_answer(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct result *result = data;

	result->count++;
	result->code = error ? error->code : 0;
	result->length = length;
	result->first = length > 0 ? body[0] : 0;
	(void)snprintf(result->text, sizeof(result->text), "%s", error ? error->text : "");
}

/* Turns up to two loops until *count reaches wanted; false after timeout_ms. */
static bool turn(struct loop *one, struct loop *two, const unsigned *count, unsigned wanted,
		 unsigned timeout_ms)
{
	uint64_t end_us = clock_now_us() + timeout_ms * CLOCK_MS;

	while (!count || *count < wanted) {
		if (clock_now_us() > end_us)
			return false;
		(void)uv_run(&one->uv, UV_RUN_NOWAIT);
		if (two)
			(void)uv_run(&two->uv, UV_RUN_NOWAIT);
		(void)usleep(200);
	}
	return true;
}

static int ask(struct client *client, struct loop *other, uint32_t type, const void *body,
	       size_t length, uint32_t timeout_ms)
{
	struct result result = {0};

	bus_request(client->bus, SERVICE_NAT, type, body, length, timeout_ms, on_answer, &result);
	assert_int_equal(result.count, 0); /* never before bus_request returns */
	assert_true(turn(&client->loop, other, &result.count, 1, timeout_ms + 3000));
	return result.code;
}

/* ---- the fixture: a run directory */

static int make_directory(void **state)
{
	char *dir = strdup("/tmp/lanrage-bus-XXXXXX");
	char path[128];

	if (!dir || !mkdtemp(dir) || chmod(dir, 0755) < 0)
		return -1;
	for (int i = 0; i < SERVICE_COUNT; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, service_names[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	*state = dir;
	return 0;
}

static int remove_directory(void **state)
{
	char *dir = *state;
	char path[128];

	for (int i = 0; i < SERVICE_COUNT; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s/rep.sock", dir, service_names[i]);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/%s/pub.sock", dir, service_names[i]);
		(void)unlink(path);
		(void)snprintf(path, sizeof(path), "%s/%s", dir, service_names[i]);
		(void)rmdir(path);
	}
	(void)rmdir(dir);
	free(dir);
	return 0;
}

/* This program again, with two arguments. */
static pid_t spawn(const char *role, const char *dir)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* A failed test leaves nothing behind. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (strcmp(role, "deaf") == 0 || strcmp(role, "restart") == 0)
			(void)setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
		(void)execl("/proc/self/exe", "test_bus", role, dir, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static void end(pid_t pid, int signal)
{
	assert_int_equal(kill(pid, signal), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* ---- requests */

static void test_request_and_answer(void **state)
{
	static uint8_t big[BUS_BODY_MAX];
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, "hello", 5, 2000), 0);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, NULL, 0, 2000), 0);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, big, sizeof(big), 2000), 0);
	assert_int_equal(ask(&client, &server.loop, ASK_LATE, NULL, 0, 2000), 0);
	assert_int_equal(ask(&client, &server.loop, BUS_REQUEST_PING, NULL, 0, 2000), 0);
	client_stop(&client);
	server_stop(&server);
}

static void test_sizes(void **state)
{
	static uint8_t big[BUS_BODY_MAX + 1];
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, big, sizeof(big), 2000), -EMSGSIZE);
	assert_int_equal(ask(&client, &server.loop, ASK_TOO_BIG, NULL, 0, 2000), -EMSGSIZE);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, "x", 1, 2000), 0);
	client_stop(&client);
	server_stop(&server);
}

static void test_answers_out_of_order(void **state)
{
	struct result results[COLLECTED] = {0};
	unsigned seen = 0;
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	for (unsigned i = 0; i < COLLECTED; i++)
		bus_request(client.bus, SERVICE_NAT, ASK_COLLECT, NULL, 0, 2000, on_answer,
			    &results[i]);
	for (unsigned i = 0; i < COLLECTED; i++)
		assert_true(turn(&client.loop, &server.loop, &results[i].count, 1, 3000));
	for (unsigned i = 0; i < COLLECTED; i++) {
		assert_int_equal(results[i].code, 0);
		assert_int_equal(results[i].count, 1);
		seen |= 1u << results[i].first;
	}
	assert_int_equal(seen, (1u << COLLECTED) - 1);
	client_stop(&client);
	server_stop(&server);
}

static void test_many_at_once(void **state)
{
	enum { MANY = 500 };
	static struct result results[MANY];
	uint8_t body[2];
	struct server server;
	struct client client;

	memset(results, 0, sizeof(results));
	server_start(&server, *state, 1);
	client_start(&client, *state);
	for (unsigned i = 0; i < MANY; i++) {
		body[0] = (uint8_t)i;
		body[1] = (uint8_t)(i >> 8);
		bus_request(client.bus, SERVICE_NAT, ASK_ECHO, body, 2, 10000, on_answer,
			    &results[i]);
	}
	for (unsigned i = 0; i < MANY; i++) {
		assert_true(turn(&client.loop, &server.loop, &results[i].count, 1, 12000));
		assert_int_equal(results[i].code, 0);
		assert_int_equal(results[i].first, (uint8_t)i);
	}
	client_stop(&client);
	server_stop(&server);
}

static void test_no_server(void **state)
{
	struct client client;

	client_start(&client, *state);
	assert_int_equal(ask(&client, NULL, ASK_ECHO, NULL, 0, 200), -EHOSTDOWN);
	client_stop(&client);
}

static void test_stopped_server(void **state)
{
	struct client client;
	pid_t pid = spawn("server", *state);
	uint64_t begin_us;

	client_start(&client, *state);
	assert_int_equal(ask(&client, NULL, ASK_ECHO, "x", 1, 5000), 0);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	begin_us = clock_now_us();
	assert_int_equal(ask(&client, NULL, ASK_ECHO, "x", 1, 300), -EHOSTDOWN);
	assert_in_range(clock_now_us() - begin_us, 250 * CLOCK_MS, 900 * CLOCK_MS);
	assert_int_equal(kill(pid, SIGCONT), 0);
	assert_int_equal(ask(&client, NULL, ASK_ECHO, "x", 1, 5000), 0);
	client_stop(&client);
	end(pid, SIGKILL);
}

/* A process of its own, without leak detection: now and then nng loses the message that it was
 * sending when the connection broke. */
static int run_restart(const char *dir)
{
	struct client client;
	struct result during = {0};
	pid_t pid = spawn("server", dir);

	client_start(&client, dir);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(ask(&client, NULL, ASK_ECHO, "x", 1, 15000), 0);
		end(pid, SIGKILL);
		/* One that is asked while nobody is there gets its answer from the successor. */
		memset(&during, 0, sizeof(during));
		bus_request(client.bus, SERVICE_NAT, ASK_ECHO, (const uint8_t *)"y", 1, 15000,
			    on_answer, &during);
		pid = spawn("server", dir);
		assert_true(turn(&client.loop, NULL, &during.count, 1, 16000));
		assert_int_equal(during.code, 0);
	}
	client_stop(&client);
	end(pid, SIGKILL);
	return 0;
}

/* Runs a role to its end; its exit status is the verdict. */
static void expect_success(const char *role, const char *dir)
{
	pid_t pid = spawn(role, dir);
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_restarted_server(void **state)
{
	expect_success("restart", *state);
}

static void test_denied_type(void **state)
{
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	assert_int_equal(ask(&client, &server.loop, 99, NULL, 0, 2000), -EACCES);
	client_stop(&client);
	server_stop(&server);
}

/* As nobody: the exit status holds one bit for each unexpected answer. */
static int run_nobody(const char *dir)
{
	struct client client;
	int wrong = 0;

	if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 100;
	client_start(&client, dir);
	wrong |= ask(&client, NULL, ASK_ECHO, NULL, 0, 3000) == 0 ? 0 : 1;
	wrong |= ask(&client, NULL, ASK_ONLY_METRICS, NULL, 0, 3000) == -EACCES ? 0 : 2;
	client_stop(&client);
	return wrong;
}

static int run_stranger(const char *dir)
{
	struct client client;
	int wrong = 0;

	if (setgid(NOBODY - 1) < 0 || setuid(NOBODY - 1) < 0)
		return 100;
	client_start(&client, dir);
	wrong |= ask(&client, NULL, ASK_ECHO, NULL, 0, 3000) == -EACCES ? 0 : 1;
	wrong |= ask(&client, NULL, BUS_REQUEST_PING, NULL, 0, 3000) == -EACCES ? 0 : 2;
	client_stop(&client);
	return wrong;
}

static void check_role(struct server *server, const char *role, const char *dir)
{
	uint64_t end_us = clock_now_us() + 10 * CLOCK_SECOND;
	pid_t pid = spawn(role, dir);
	int status = -1;

	while (waitpid(pid, &status, WNOHANG) == 0 && clock_now_us() < end_us)
		(void)turn(&server->loop, NULL, NULL, 0, 5);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_denied_uid(void **state)
{
	struct server server;
	char path[128];

	if (geteuid() != 0)
		skip();
	server_start(&server, *state, 1);
	(void)snprintf(path, sizeof(path), "%s/nat/rep.sock", (char *)*state);
	assert_int_equal(chmod(path, 0666), 0);
	check_role(&server, "nobody", *state);
	check_role(&server, "stranger", *state);
	server_stop(&server);
}

static void test_socket_mode(void **state)
{
	struct server server;
	struct stat st;
	char path[128];

	server_start(&server, *state, 1);
	(void)snprintf(path, sizeof(path), "%s/nat/pub.sock", (char *)*state);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0660);
	server_stop(&server);
}

/* Calls that are kept and requests that wait when everything ends. */
static void test_free_with_calls_open(void **state)
{
	struct result results[3] = {0};
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	for (int i = 0; i < 3; i++)
		bus_request(client.bus, SERVICE_NAT, ASK_KEEP, (const uint8_t *)"abc", 3, 5000,
			    on_answer, &results[i]);
	assert_true(turn(&client.loop, &server.loop, &server.count, 3, 3000));
	server_stop(&server);
	client_stop(&client);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(results[i].count, 1);
		assert_int_equal(results[i].code, -ECANCELED);
	}
}

/* ---- what a subscriber hears */

struct heard {
	unsigned count;
	unsigned resyncs;
	unsigned hellos;
	uint32_t last_type;
	bool last_resync;
	bool ordered;
};

static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	struct heard *heard = data;

	(void)body;
	(void)length;
	heard->ordered = heard->count == 0 || type == heard->last_type + 1;
	heard->count++;
	heard->resyncs += resync ? 1 : 0;
	heard->hellos += type == BUS_EVENT_HELLO ? 1 : 0;
	heard->last_type = type;
	heard->last_resync = resync;
}

/* ---- hostile connections */

static int connect_raw(const char *dir, const char *socket_name)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(un.sun_path, sizeof(un.sun_path), "%.60s/nat/%s", dir, socket_name);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* A proper handshake, then one message with a request header and the given body. */
static void send_raw(const char *dir, const void *body, size_t length)
{
	static const uint8_t hello[8] = {0, 'S', 'P', 0, 0, 0x30, 0, 0};
	uint8_t head[13] = {1};
	int fd = connect_raw(dir, "rep.sock");

	head[8] = (uint8_t)(length + 4);
	head[9] = 0x80;
	assert_true(fd >= 0);
	assert_int_equal(send(fd, hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	assert_int_equal(send(fd, head, sizeof(head), MSG_NOSIGNAL), sizeof(head));
	assert_int_equal(send(fd, body, length, MSG_NOSIGNAL), (ssize_t)length);
	(void)usleep(20000);
	(void)close(fd);
}

static void test_garbage(void **state)
{
	struct server server;
	struct client client;
	int fd;

	server_start(&server, *state, 1);
	for (int i = 0; i < 5; i++) {
		fd = connect_raw(*state, "rep.sock");
		if (fd < 0)
			continue;
		(void)send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
		(void)usleep(10000);
		(void)close(fd);
	}
	send_raw(*state, "\xff\xff\xff\xff\xff\xff", 6);
	client_start(&client, *state);
	assert_int_equal(ask(&client, &server.loop, ASK_ECHO, "x", 1, 20000), 0);
	client_stop(&client);
	server_stop(&server);
}

/* Runs in a process of its own, without leak detection: closing a deaf listener, nng loses the
 * connections that it had accepted but not handed over. 0 where all is well. */
static void make_deaf(const char *dir)
{
	static const char *const names[] = {"rep.sock", "pub.sock"};

	for (int i = 0; i < 200; i++) {
		int fd = connect_raw(dir, names[i % 2]);

		if (fd >= 0)
			(void)close(fd);
	}
}

/* With few descriptors left the service ends instead, for the launcher to start it afresh. */
static int run_out(const char *dir)
{
	struct rlimit few = {256, 256};
	struct server server;
	uint64_t begin_us = clock_now_us();
	bool stopped;

	server_start(&server, dir, 1);
	for (int i = 0; i < 150; i++) {
		if (dup(0) < 0)
			return 1;
	}
	if (setrlimit(RLIMIT_NOFILE, &few) != 0)
		return 1;
	while (!server.loop.stopping && clock_now_us() - begin_us < 60 * CLOCK_SECOND) {
		make_deaf(dir); /* each time it may have been quick enough */
		(void)turn(&server.loop, NULL, NULL, 0, 1000);
	}
	stopped = server.loop.stopping;
	server_stop(&server);
	return stopped ? 0 : 2;
}

/* Whether somebody who comes now is served, by both sockets, in so many milliseconds. */
static bool is_reached(struct server *server, const char *dir, unsigned within_ms)
{
	uint64_t end_us = clock_now_us() + within_ms * CLOCK_MS;
	struct result result = {0};
	struct heard heard = {0};
	struct client client;

	client_start(&client, dir);
	bus_request(client.bus, SERVICE_NAT, ASK_ECHO, (const uint8_t *)"x", 1, within_ms,
		    on_answer, &result);
	assert_int_equal(bus_subscribe(client.bus, SERVICE_NAT, on_event, &heard), 0);
	while ((result.count == 0 || heard.count == 0) && clock_now_us() < end_us) {
		bus_publish(server->bus, 1, NULL, 0);
		(void)turn(&client.loop, &server->loop, NULL, 0, 50);
	}
	client_stop(&client);
	return result.count == 1 && result.code == 0 && heard.count > 0;
}

/* Six seconds until they listen anew, and three for a dialer that has given up as well; the rest is
 * for a busy machine. */
#define REACHED_MS 20000
#define SETTLED_MS 6000

static int run_deaf(const char *dir)
{
	struct server server;
	bool reached;

	server_start(&server, dir, 1);
	make_deaf(dir);
	reached = is_reached(&server, dir, REACHED_MS);
	/* Again, to those made anew and when nothing has happened for a while. */
	(void)turn(&server.loop, NULL, NULL, 0, SETTLED_MS);
	make_deaf(dir);
	reached = reached && is_reached(&server, dir, REACHED_MS);
	server_stop(&server);
	return reached ? 0 : 2;
}

/* nng's listeners do not survive this; the self-check makes them anew. */
static void test_deaf_listener(void **state)
{
	expect_success("deaf", *state);
}

static void test_removed_sockets(void **state)
{
	static const char *const names[] = {"rep.sock", "pub.sock"};
	struct server server;
	char path[128];

	server_start(&server, *state, 1);
	(void)turn(&server.loop, NULL, NULL, 0, SETTLED_MS);
	for (int i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s/nat/%s", (char *)*state, names[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_true(is_reached(&server, *state, REACHED_MS));
	server_stop(&server);
}

static void test_descriptors_run_out(void **state)
{
	expect_success("out", *state);
}

static unsigned count_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* A check follows whoever comes. */
static int come_by(const char *dir)
{
	int fd = connect_raw(dir, "rep.sock");

	assert_int_equal(send(fd, "\0SP\0\0\x30\0\0", 8, MSG_NOSIGNAL), 8);
	return fd;
}

/* Publishes all the time while the service checks itself three times. */
static int run_busy(const char *dir)
{
	static uint8_t body[1000];
	struct server server;
	unsigned before, after, came = 0;
	uint64_t begin_us;
	int fds[3];

	(void)alarm(60); /* where it is not well, the closing hangs too */
	server_start(&server, dir, 1);
	(void)turn(&server.loop, NULL, NULL, 0, 1000);
	before = count_descriptors();
	begin_us = clock_now_us();
	while (clock_now_us() - begin_us < 19 * CLOCK_SECOND) {
		if (came < 3 && clock_now_us() - begin_us > came * 6 * CLOCK_SECOND)
			fds[came++] = come_by(dir);
		for (int i = 0; i < 200; i++)
			bus_publish(server.bus, 1, body, sizeof(body));
		(void)uv_run(&server.loop.uv, UV_RUN_NOWAIT);
	}
	while (came > 0)
		(void)close(fds[--came]);
	(void)turn(&server.loop, NULL, NULL, 0, 500);
	after = count_descriptors();
	server_stop(&server);
	return after > before ? 1 : 0;
}

/* nng closes nothing any more once a subscriber was closed while an event was on its way to it. */
static void test_checks_leave_no_descriptors(void **state)
{
	expect_success("busy", *state);
}

/* ---- rest */

/* Of all threads of this process. */
static unsigned context_switches(void)
{
	unsigned sum = 0, count;
	struct dirent *entry;
	char path[300], line[256];
	DIR *tasks = opendir("/proc/self/task");

	while (tasks && (entry = readdir(tasks))) {
		FILE *status;

		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		while (status && fgets(line, sizeof(line), status)) {
			if (sscanf(line, "voluntary_ctxt_switches: %u", &count) == 1 ||
			    sscanf(line, "nonvoluntary_ctxt_switches: %u", &count) == 1)
				sum += count;
		}
		if (status)
			(void)fclose(status);
	}
	if (tasks)
		(void)closedir(tasks);
	return sum;
}

static void stop(void *data)
{
	loop_stop(data);
}

static void run_for(struct loop *loop, unsigned ms)
{
	struct loop_timer timer = {0};

	loop->stopping = false;
	loop_timer_start(loop, &timer, ms, 0, stop, loop);
	loop_run(loop);
}

/* A service that is connected to itself, as to a neighbour. */
static int run_idle(const char *dir)
{
	struct result result = {0};
	struct heard heard = {0};
	struct server server;
	struct client client = {0};
	unsigned switches;

	server_start(&server, dir, 1);
	fill_service(&client.service, SERVICE_CONTROL, dir, 1);
	if (bus_new(&client.bus, &server.loop, &client.service) != 0 ||
	    bus_subscribe(client.bus, SERVICE_NAT, on_event, &heard) != 0)
		return 1;
	bus_request(client.bus, SERVICE_NAT, ASK_ECHO, (const uint8_t *)"x", 1, 5000, on_answer,
		    &result);
	/* The check that follows who came, and the event's last repeat, are over then. */
	run_for(&server.loop, 13000);
	switches = context_switches();
	run_for(&server.loop, 10000);
	switches = context_switches() - switches;
	bus_free(client.bus);
	server_stop(&server);
	if (switches > 25)
		(void)fprintf(stderr, "%u context switches in 10 s\n", switches);
	return result.count == 1 && heard.count == 1 && switches <= 25 ? 0 : 2;
}

static void test_rest(void **state)
{
	expect_success("idle", *state);
}

/* ---- events */

static void test_burst_of_events(void **state)
{
	struct heard heard = {0};
	struct server server;
	struct client client;

	server_start(&server, *state, 1);
	client_start(&client, *state);
	assert_int_equal(bus_subscribe(client.bus, SERVICE_NAT, on_event, &heard), 0);
	assert_true(turn(&client.loop, &server.loop, &heard.count, 1, 3000));
	assert_int_equal(heard.hellos, 1);
	assert_true(heard.last_resync);
	for (uint32_t i = 1; i <= 1000; i++)
		bus_publish(server.bus, i, (const uint8_t *)"body", 4);
	assert_true(turn(&client.loop, &server.loop, &heard.count, 1001, 5000));
	assert_true(heard.ordered);
	assert_int_equal(heard.last_type, 1000);
	assert_int_equal(heard.resyncs, 1);
	/* The repetitions of the last one are not delivered. */
	(void)turn(&client.loop, &server.loop, NULL, 0, 1300);
	assert_int_equal(heard.count, 1001);
	client_stop(&client);
	server_stop(&server);
}

/* A publisher of our own, to say what a bus would not. */
static void publish_raw(nng_socket pub, uint64_t instance, uint64_t sequence, bool repeat)
{
	Lanrage__Ipc__Event event = LANRAGE__IPC__EVENT__INIT;
	uint8_t bytes[64];

	event.instance = instance;
	event.sequence = sequence;
	event.type = (uint32_t)sequence;
	event.repeat = repeat;
	assert_int_equal(nng_send(pub, bytes, lanrage__ipc__event__pack(&event, bytes), 0), 0);
}

static void test_gaps_and_instances(void **state)
{
	static const struct {
		uint64_t instance, sequence;
		bool repeat, delivered, resync;
	} steps[] = {
		{7, 3, false, true, true},				/* the first that is seen */
		{7, 4, false, true, false}, {7, 4, true, false, false}, /* a repeat */
		{7, 6, false, true, true},				/* 5 is missing */
		{7, 7, true, true, false},  {7, 2, false, false, false},
		{9, 1, false, true, true},			      /* a new instance */
		{9, 1, true, false, false}, {8, 1, true, true, true}, /* any other one is new */
	};
	char url[160];
	struct heard heard = {0};
	struct client client;
	nng_socket pub;

	(void)snprintf(url, sizeof(url), "ipc://%s/nat/pub.sock", (char *)*state);
	assert_int_equal(nng_pub0_open(&pub), 0);
	assert_int_equal(nng_listen(pub, url, NULL, 0), 0);
	client_start(&client, *state);
	assert_int_equal(bus_subscribe(client.bus, SERVICE_NAT, on_event, &heard), 0);
	(void)turn(&client.loop, NULL, NULL, 0, 300);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		unsigned before = heard.count;

		publish_raw(pub, steps[i].instance, steps[i].sequence, steps[i].repeat);
		assert_int_equal(turn(&client.loop, NULL, &heard.count, before + 1,
				      steps[i].delivered ? 2000 : 80),
				 steps[i].delivered);
		if (steps[i].delivered)
			assert_int_equal(heard.last_resync, steps[i].resync);
	}
	assert_int_equal(nng_send(pub, (void *)(uintptr_t) "\xff garbage", 9, 0), 0);
	publish_raw(pub, 8, 0, false); /* there is no sequence number 0 */
	assert_false(turn(&client.loop, NULL, &heard.count, heard.count + 1, 80));
	client_stop(&client);
	(void)nng_close(pub);
}

static void test_new_instance_after_restart(void **state)
{
	struct heard heard = {0};
	struct client client;
	pid_t pid = spawn("server", *state);

	client_start(&client, *state);
	assert_int_equal(bus_subscribe(client.bus, SERVICE_NAT, on_event, &heard), 0);
	for (unsigned i = 1; i <= 3; i++) {
		assert_true(turn(&client.loop, NULL, &heard.resyncs, i, 15000));
		end(pid, SIGKILL);
		pid = spawn("server", *state);
	}
	client_stop(&client);
	end(pid, SIGKILL);
}

static void test_repeats(void **state)
{
	/* a clock's tick less than what they are due after; how much later is the machine's affair
	 */
	static const uint64_t least_ms[] = {0, 90, 1090};
	char url[160];
	struct server server;
	nng_socket sub;
	uint64_t begin_us;
	unsigned events = 0;

	server_start(&server, *state, 5);
	(void)snprintf(url, sizeof(url), "ipc://%s/nat/pub.sock", (char *)*state);
	assert_int_equal(nng_sub0_open(&sub), 0);
	assert_int_equal(nng_socket_set(sub, NNG_OPT_SUB_SUBSCRIBE, "", 0), 0);
	assert_int_equal(nng_dial(sub, url, NULL, 0), 0);
	(void)turn(&server.loop, NULL, NULL, 0, 50);
	bus_publish(server.bus, 77, NULL, 0);
	begin_us = clock_now_us();
	while (events < 3 && clock_now_us() - begin_us < 20 * CLOCK_SECOND) {
		struct envelope event;
		nng_msg *msg;

		(void)turn(&server.loop, NULL, NULL, 0, 2);
		if (nng_recvmsg(sub, &msg, NNG_FLAG_NONBLOCK) != 0)
			continue;
		assert_int_equal(envelope_decode_event(&event, nng_msg_body(msg), nng_msg_len(msg)),
				 0);
		if (event.type == 77) {
			assert_int_equal(event.repeat, events > 0);
			assert_true((clock_now_us() - begin_us) / CLOCK_MS >= least_ms[events]);
			events++;
		}
		envelope_free(&event);
		nng_msg_free(msg);
	}
	assert_int_equal(events, 3);
	(void)nng_close(sub);
	server_stop(&server);
}

/* ---- the envelope */

static void test_decode_limits(void **state)
{
	static uint8_t unknown[200000];
	Lanrage__Ipc__Reply reply = LANRAGE__IPC__REPLY__INIT;
	struct envelope envelope;
	uint8_t bytes[1024];
	char words[ERROR_TEXT_MAX + 1];

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(unknown); i += 2) {
		unknown[i] = 0x78; /* field 15, varint */
		unknown[i + 1] = 1;
	}
	assert_int_equal(envelope_decode_request(&envelope, unknown, sizeof(unknown)), -EBADMSG);
	assert_int_equal(envelope_decode_request(&envelope, NULL, 0), 0);
	assert_int_equal(envelope.length, 0);
	assert_non_null(envelope.body);
	envelope_free(&envelope);
	assert_int_equal(envelope_decode_event(&envelope, NULL, 0), -EBADMSG);

	reply.status = 5;
	assert_int_equal(
		envelope_decode_reply(&envelope, bytes, lanrage__ipc__reply__pack(&reply, bytes)),
		-EBADMSG);
	reply.status = -5000;
	assert_int_equal(
		envelope_decode_reply(&envelope, bytes, lanrage__ipc__reply__pack(&reply, bytes)),
		-EBADMSG);
	memset(words, 'w', ERROR_TEXT_MAX);
	words[ERROR_TEXT_MAX] = '\0';
	reply.status = -EPERM;
	reply.text = words;
	assert_int_equal(
		envelope_decode_reply(&envelope, bytes, lanrage__ipc__reply__pack(&reply, bytes)),
		-EBADMSG);
	words[ERROR_TEXT_MAX - 1] = '\0';
	assert_int_equal(
		envelope_decode_reply(&envelope, bytes, lanrage__ipc__reply__pack(&reply, bytes)),
		0);
	assert_int_equal(envelope.error.code, -EPERM);
	assert_string_equal(envelope.error.text, words);
	envelope_free(&envelope);
}

int main(int argc, char **argv)
{
#define BUS_TEST(f) cmocka_unit_test_setup_teardown(f, make_directory, remove_directory)
	const struct CMUnitTest tests[] = {
		BUS_TEST(test_request_and_answer),
		BUS_TEST(test_sizes),
		BUS_TEST(test_answers_out_of_order),
		BUS_TEST(test_many_at_once),
		BUS_TEST(test_no_server),
		BUS_TEST(test_stopped_server),
		BUS_TEST(test_restarted_server),
		BUS_TEST(test_denied_type),
		BUS_TEST(test_denied_uid),
		BUS_TEST(test_socket_mode),
		BUS_TEST(test_free_with_calls_open),
		BUS_TEST(test_garbage),
		BUS_TEST(test_deaf_listener),
		BUS_TEST(test_removed_sockets),
		BUS_TEST(test_descriptors_run_out),
		BUS_TEST(test_checks_leave_no_descriptors),
		BUS_TEST(test_rest),
		BUS_TEST(test_burst_of_events),
		BUS_TEST(test_gaps_and_instances),
		BUS_TEST(test_new_instance_after_restart),
		BUS_TEST(test_repeats),
		cmocka_unit_test(test_decode_limits),
	};

	if (argc == 3 && strcmp(argv[1], "server") == 0)
		return run_server(argv[2]);
	if (argc == 3 && strcmp(argv[1], "nobody") == 0)
		return run_nobody(argv[2]);
	if (argc == 3 && strcmp(argv[1], "stranger") == 0)
		return run_stranger(argv[2]);
	if (argc == 3 && strcmp(argv[1], "restart") == 0)
		return run_restart(argv[2]);
	if (argc == 3 && strcmp(argv[1], "deaf") == 0)
		return run_deaf(argv[2]);
	if (argc == 3 && strcmp(argv[1], "out") == 0)
		return run_out(argv[2]);
	if (argc == 3 && strcmp(argv[1], "busy") == 0)
		return run_busy(argv[2]);
	if (argc == 3 && strcmp(argv[1], "idle") == 0)
		return run_idle(argv[2]);
	log_init("test_bus", LOG_LEVEL_WARNING);
	return cmocka_run_group_tests_name("bus", tests, NULL, NULL);
}
