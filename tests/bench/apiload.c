/*
 * apiload: GETs at a steady rate over connections that are kept, whatever the answers take.
 *
 *     apiload PORT TOKEN RATE SECONDS PATH...
 *
 * Each request is due at its own time and asks for the next of the paths; where all connections
 * wait for an answer it waits too, and that counts. Prints a line for each answer, "PATH
 * MICROSECONDS" with PATH counted from 0, from when the request was due to the last byte of the
 * answer, and at the end "failed N": without a 200, or not answered within WAIT_S of the end.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16
#define ANSWER_MAX  (4 << 20)
#define WAIT_S	    5

struct connection {
	int fd;
	bool waiting;
	size_t path;
	uint64_t due_ns;
	size_t length;
	char *bytes;
};

static const char *port, *token;
static char *const *paths;
static size_t n_paths;
static unsigned long failed;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void open_connection(struct connection *connection)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				      .sin_port = htons((uint16_t)atoi(port))};

	connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connection->fd < 0 ||
	    connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("apiload");
		exit(EXIT_FAILURE);
	}
}

static void ask(struct connection *connection, size_t path, uint64_t due_ns)
{
	char request[1024];
	int n = snprintf(
		request, sizeof(request),
		"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAuthorization: Bearer %s\r\n\r\n",
		paths[path], port, token);

	connection->waiting = true;
	connection->path = path;
	connection->due_ns = due_ns;
	connection->length = 0;
	if (send(connection->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
		connection->bytes[0] = '\0'; /* the answer will not come, and is found to fail */
}

/* 0: not all of it is here. */
static size_t answer_length(const struct connection *connection)
{
	const char *end, *length;

	connection->bytes[connection->length] = '\0';
	end = strstr(connection->bytes, "\r\n\r\n");
	length = strcasestr(connection->bytes, "\r\nContent-Length: ");
	if (!end || !length || length > end)
		return 0;
	return (size_t)(end - connection->bytes) + 4 + strtoul(length + 18, NULL, 10);
}

static void reopen(struct connection *connection)
{
	close(connection->fd);
	open_connection(connection);
}

static void give_up(struct connection *connection)
{
	failed++;
	connection->waiting = false;
	reopen(connection);
}

static void read_some(struct connection *connection)
{
	ssize_t n = recv(connection->fd, connection->bytes + connection->length,
			 ANSWER_MAX - connection->length, MSG_DONTWAIT);
	size_t wanted;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		give_up(connection);
		return;
	}
	connection->length += (size_t)n;
	wanted = answer_length(connection);
	if (wanted == 0 || connection->length < wanted)
		return;
	if (strncmp(connection->bytes, "HTTP/1.1 200", 12) != 0) {
		give_up(connection);
		return;
	}
	connection->waiting = false;
	printf("%zu %llu\n", connection->path,
	       (unsigned long long)(now_ns() - connection->due_ns) / 1000);
}

static struct connection *free_one(struct connection *connections)
{
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (!connections[i].waiting)
			return &connections[i];
	return NULL;
}

static void wait_until(struct connection *connections, uint64_t due_ns)
{
	struct pollfd polls[CONNECTIONS];
	uint64_t now = now_ns();
	struct timespec wait = {0};

	for (size_t i = 0; i < CONNECTIONS; i++)
		polls[i] = (struct pollfd){.fd = connections[i].fd, .events = POLLIN};
	if (due_ns > now) {
		wait.tv_sec = (time_t)((due_ns - now) / 1000000000u);
		wait.tv_nsec = (long)((due_ns - now) % 1000000000u);
	}
	if (ppoll(polls, CONNECTIONS, &wait, NULL) <= 0)
		return;
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (polls[i].revents && connections[i].waiting)
			read_some(&connections[i]);
		else if (polls[i].revents) /* kept idle for too long, it was closed */
			reopen(&connections[i]);
}

static void run(struct connection *connections, unsigned long rate, unsigned long seconds)
{
	uint64_t begin = now_ns() + 1000000;

	for (unsigned long i = 0; i < rate * seconds; i++) {
		uint64_t due_ns = begin + i * 1000000000u / rate;
		struct connection *connection;

		while (now_ns() < due_ns)
			wait_until(connections, due_ns);
		while (!(connection = free_one(connections)))
			wait_until(connections, now_ns() + 1000000);
		ask(connection, i % n_paths, due_ns);
	}
	for (uint64_t end = now_ns() + WAIT_S * 1000000000ull; now_ns() < end;)
		wait_until(connections, now_ns() + 10000000);
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS];

	if (argc < 6) {
		(void)fprintf(stderr, "usage: apiload PORT TOKEN RATE SECONDS PATH...\n");
		return 2;
	}
	port = argv[1];
	token = argv[2];
	paths = argv + 5;
	n_paths = (size_t)argc - 5;
	for (size_t i = 0; i < CONNECTIONS; i++) {
		connections[i].bytes = malloc(ANSWER_MAX + 1);
		if (!connections[i].bytes)
			return EXIT_FAILURE;
		open_connection(&connections[i]);
	}
	run(connections, strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
	for (size_t i = 0; i < CONNECTIONS; i++)
		failed += connections[i].waiting;
	printf("failed %lu\n", failed);
	return EXIT_SUCCESS;
}
