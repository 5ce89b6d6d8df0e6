#include "svc-api/cli/desktop.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "svc-api/clean.h"
#include "svc-api/cli/activity.h"

#define SOCKETS_MAX 10

void desktop_init(struct desktop *desktop, const char *folder)
{
	memset(desktop, 0, sizeof(*desktop));
	desktop->folder = folder;
	desktop->fd = -1;
	desktop->wait_us = DESKTOP_RETRY_US;
}

static void disconnect(struct desktop *desktop)
{
	if (desktop->fd >= 0)
		(void)close(desktop->fd);
	desktop->fd = -1;
	desktop->ready = false;
	desktop->n_updates = 0;
	json_decref(desktop->shown);
	desktop->shown = NULL;
	desktop->reader.length = desktop->reader.taken = 0;
}

static void fail(struct desktop *desktop, uint64_t now_us, const char *why)
{
	disconnect(desktop);
	(void)fprintf(stderr, "lanrage: Discord: %s\n", why);
	desktop->next_us = now_us + desktop->wait_us;
	desktop->wait_us *= 2;
	if (desktop->wait_us > DESKTOP_RETRY_MAX_US)
		desktop->wait_us = DESKTOP_RETRY_MAX_US;
}

void desktop_use(struct desktop *desktop, const char *client_id)
{
	if (strcmp(desktop->client_id, client_id) == 0)
		return;
	disconnect(desktop);
	(void)snprintf(desktop->client_id, sizeof(desktop->client_id), "%s", client_id);
	desktop->next_us = 0;
}

/* ---- sending */

/* A frame is small; one that does not fit at once has nobody who reads. */
static bool send_frame(struct desktop *desktop, enum ipc_opcode opcode, const char *body,
		       size_t length)
{
	uint8_t header[IPC_HEADER_SIZE];
	struct iovec parts[] = {{header, sizeof(header)}, {(void *)(uintptr_t)body, length}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

	ipc_header(opcode, (uint32_t)length, header);
	return sendmsg(desktop->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	       (ssize_t)(sizeof(header) + length);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		(void)close(fd);
		return -ENOTCONN;
	}
	return fd;
}

/* As a package of its own, and in the boxes of Flatpak and Snap. */
static int find(const char *folder)
{
	static const char *const within[] = {"", "app/com.discordapp.Discord/", "snap.discord/"};

	for (size_t i = 0; i < sizeof(within) / sizeof(within[0]); i++)
		for (int number = 0; number < SOCKETS_MAX; number++) {
			char path[512];
			int fd;

			(void)snprintf(path, sizeof(path), "%s/%sdiscord-ipc-%d", folder, within[i],
				       number);
			fd = connect_to(path);
			if (fd >= 0)
				return fd;
		}
	return -ENOENT;
}

/* That there is no Discord is nothing to complain of. */
static void greet(struct desktop *desktop, uint64_t now_us)
{
	char body[64];

	desktop->fd = find(desktop->folder);
	if (desktop->fd < 0) {
		desktop->fd = -1;
		desktop->next_us = now_us + DESKTOP_RETRY_US;
		return;
	}
	(void)snprintf(body, sizeof(body), "{\"v\":1,\"client_id\":\"%s\"}", desktop->client_id);
	desktop->greeted_us = now_us;
	if (!send_frame(desktop, IPC_HANDSHAKE, body, strlen(body)))
		fail(desktop, now_us, "its socket takes nothing");
}

static void update(struct desktop *desktop, const json_t *activity, uint64_t now_us)
{
	char *command = activity_command(activity, (int)getpid(), desktop->n_updates + 1);
	bool good = command && send_frame(desktop, IPC_FRAME, command, strlen(command));

	free(command);
	if (!good) {
		fail(desktop, now_us, "its socket takes nothing");
		return;
	}
	json_decref(desktop->shown);
	desktop->shown = json_deep_copy(activity);
	desktop->updated_us[desktop->n_updates++ % DESKTOP_UPDATES] = now_us;
}

static bool may_update(const struct desktop *desktop, uint64_t now_us)
{
	return desktop->n_updates < DESKTOP_UPDATES ||
	       now_us >= desktop->updated_us[desktop->n_updates % DESKTOP_UPDATES] +
				 DESKTOP_UPDATES_US;
}

void desktop_show(struct desktop *desktop, const json_t *activity, uint64_t now_us)
{
	bool changed =
		desktop->shown ? !json_equal(desktop->shown, activity) : !json_is_null(activity);

	if (desktop->fd < 0 && now_us >= desktop->next_us && *desktop->client_id)
		greet(desktop, now_us);
	else if (desktop->fd >= 0 && !desktop->ready &&
		 now_us >= desktop->greeted_us + DESKTOP_GREETING_US)
		fail(desktop, now_us, "it does not answer");
	else if (desktop->ready && changed && may_update(desktop, now_us))
		update(desktop, activity, now_us);
}

/* ---- what it says */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Its words, for people. */
static void complain(struct desktop *desktop, const json_t *said, uint64_t now_us)
{
	char words[128], line[256];
	const char *text = text_of(said, "message");

	clean_text(text, strlen(text), words, sizeof(words));
	(void)snprintf(line, sizeof(line), "it says: %s; see the setting discord.app_id",
		       *words ? words : "good-bye");
	fail(desktop, now_us, line);
}

/* Its user said Join to a friend's party. Whether this machine does is for them to say here, too:
 * Discord is not trusted with it. */
static void offer(const char *link)
{
	if (!activity_is_link(link))
		return;
	(void)printf("A friend lets you in: lanrage join %s\n", link);
	(void)fflush(stdout);
}

static void take_command(struct desktop *desktop, const json_t *json)
{
	const json_t *data = json_object_get(json, "data");
	const char *event = text_of(json, "evt"), *text = text_of(data, "message");
	char words[128];

	if (strcmp(event, "READY") == 0) {
		desktop->ready = true;
		desktop->wait_us = DESKTOP_RETRY_US;
		(void)send_frame(desktop, IPC_FRAME, ACTIVITY_SUBSCRIBE,
				 strlen(ACTIVITY_SUBSCRIBE));
	} else if (strcmp(event, "ACTIVITY_JOIN") == 0) {
		offer(text_of(data, "secret"));
	} else if (strcmp(event, "ERROR") == 0) {
		clean_text(text, strlen(text), words, sizeof(words));
		(void)fprintf(stderr, "lanrage: Discord does not show it: %s\n", words);
	}
}

static void take_frame(struct desktop *desktop, const struct ipc_frame *frame, uint64_t now_us)
{
	json_t *json = json_loadb(frame->body, frame->length, 0, NULL);

	if (!json_is_object(json) && frame->opcode != IPC_PING && frame->opcode != IPC_PONG)
		fail(desktop, now_us, "its socket says what is not understood");
	else if (frame->opcode == IPC_FRAME)
		take_command(desktop, json);
	else if (frame->opcode == IPC_CLOSE)
		complain(desktop, json, now_us);
	else if (frame->opcode == IPC_PING &&
		 !send_frame(desktop, IPC_PONG, frame->body, frame->length))
		fail(desktop, now_us, "its socket takes nothing");
	json_decref(json);
}

void desktop_read(struct desktop *desktop, uint64_t now_us)
{
	struct ipc_frame frame;
	size_t room;
	uint8_t *to = ipc_room(&desktop->reader, &room);
	ssize_t n = recv(desktop->fd, to, room, MSG_DONTWAIT);
	int r = 0;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(desktop, now_us, "it is gone");
		return;
	}
	ipc_filled(&desktop->reader, (size_t)n);
	while (desktop->fd >= 0 && (r = ipc_next(&desktop->reader, &frame)) > 0)
		take_frame(desktop, &frame, now_us);
	if (r < 0)
		fail(desktop, now_us, "its socket says what is not understood");
}

void desktop_deinit(struct desktop *desktop)
{
	json_t *none = json_null();

	if (desktop->ready && desktop->shown && !json_is_null(desktop->shown))
		update(desktop, none, 0);
	disconnect(desktop);
}
