#include "deploy/launcher/clients.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "deploy/launcher/request.h"

#define SILENCE_US (5 * CLOCK_SECOND)

int clients_open(struct clients *clients, const struct folders *folders, const struct users *users,
		 clients_restart restart, void *data, struct error *error)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	int r = 0;

	*clients = (struct clients){
		.api_uid = users->uid[SERVICE_API], .restart = restart, .data = data};
	for (int i = 0; i < CLIENTS_MAX; i++)
		clients->client[i].fd = -1;
	snprintf(name.sun_path, sizeof(name.sun_path), "%.80s/launcher.sock", folders->run);
	clients->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Closed to all until it has its group. */
	mode_t old = umask(0777);
	if (clients->listener < 0 ||
	    bind(clients->listener, (const struct sockaddr *)&name, sizeof(name)) != 0 ||
	    chown(name.sun_path, 0, users->gid[SERVICE_API]) != 0 ||
	    chmod(name.sun_path, 0660) != 0 || listen(clients->listener, CLIENTS_MAX) != 0)
		r = error_set(error, -errno, "cannot listen on %s: %s", name.sun_path,
			      strerror(errno));
	umask(old);
	return r;
}

static void drop(struct clients *clients, int i)
{
	close(clients->client[i].fd);
	clients->client[i].fd = -1;
}

void clients_close(struct clients *clients)
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (clients->client[i].fd >= 0)
			drop(clients, i);
	if (clients->listener >= 0)
		close(clients->listener);
	clients->listener = -1;
}

void clients_poll(const struct clients *clients, struct pollfd fds[CLIENTS_POLLFDS])
{
	for (int i = 0; i < CLIENTS_MAX; i++)
		fds[i] = (struct pollfd){.fd = clients->client[i].fd, .events = POLLIN};
	fds[CLIENTS_MAX] = (struct pollfd){.fd = clients->listener, .events = POLLIN};
}

uint64_t clients_next_us(const struct clients *clients)
{
	uint64_t next_us = CLOCK_NEVER;

	for (int i = 0; i < CLIENTS_MAX; i++)
		if (clients->client[i].fd >= 0 && clients->client[i].until_us < next_us)
			next_us = clients->client[i].until_us;
	return next_us;
}

/* Never waits: whoever does not read its answer does not get it. */
static void answer(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("launcher.sock: answer not sent: %s", strerror(errno));
}

static int may_ask(const struct clients *clients, int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
		return 0;
	if (peer.uid == 0 || peer.uid == clients->api_uid)
		return 1;
	static struct log_limit limit;
	if (log_limit_pass(&limit, clock_now_us(), CLOCK_SECOND))
		log_warning("launcher.sock: user %u (process %d) refused", peer.uid, peer.pid);
	return 0;
}

static void admit(struct clients *clients, uint64_t now_us)
{
	int slot = 0;

	int fd = accept4(clients->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0)
		return;
	if (!may_ask(clients, fd)) {
		char question[REQUEST_MAX];
		/* Closing with an unread message would reset the answer away. */
		if (recv(fd, question, sizeof(question), MSG_DONTWAIT) < 0 && errno != EAGAIN)
			log_debug("launcher.sock: %s", strerror(errno));
		answer(fd, "error: only root and the API may ask");
		close(fd);
		return;
	}
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (clients->client[i].fd < 0) {
			slot = i;
			break;
		}
		if (clients->client[i].until_us < clients->client[slot].until_us)
			slot = i;
	}
	if (clients->client[slot].fd >= 0)
		drop(clients, slot);
	clients->client[slot].fd = fd;
	clients->client[slot].until_us = now_us + SILENCE_US;
}

static void serve_one(struct clients *clients, int i, uint64_t now_us)
{
	uint8_t bytes[REQUEST_MAX + 1]; /* one more: a longer message is seen as too long */
	struct request request;
	struct error error;
	char text[ERROR_TEXT_MAX + 8];

	ssize_t n = recv(clients->client[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(clients, i);
		return;
	}
	clients->client[i].until_us = now_us + SILENCE_US;
	int r = launcher_request_parse(&request, bytes, (size_t)n, &error);
	if (r == 0)
		r = clients->restart(clients->data, request.service, &error);
	snprintf(text, sizeof(text), "error: %s", r != 0 ? error.text : "");
	answer(clients->client[i].fd, r == 0 ? "ok" : text);
}

void clients_serve(struct clients *clients, const struct pollfd fds[CLIENTS_POLLFDS],
		   uint64_t now_us)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (fds[i].fd >= 0 && fds[i].revents != 0)
			serve_one(clients, i, now_us);
		if (clients->client[i].fd >= 0 && now_us >= clients->client[i].until_us)
			drop(clients, i);
	}
	if (fds[CLIENTS_MAX].revents != 0)
		admit(clients, now_us);
}
