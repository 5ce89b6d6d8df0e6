/* clients.h - RUN/launcher.sock: who asks for a restart, and the answers.
 *
 * SOCK_SEQPACKET, mode 0660 root:lanrage-api; besides, every client's uid is looked at: root and
 * the API's only. At most CLIENTS_MAX at a time, each for at most 5 s of silence; a further one
 * takes the place of the one that has waited longest. The messages are those of request.h.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_CLIENTS_H
#define LANRAGE_DEPLOY_LAUNCHER_CLIENTS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/service.h"
#include "deploy/launcher/folders.h"
#include "deploy/launcher/users.h"

#define CLIENTS_MAX	8
#define CLIENTS_POLLFDS (CLIENTS_MAX + 1)

/* 0, or a negative errno with words. */
typedef int (*clients_restart)(void *data, enum service_id id, struct error *error);

struct clients {
	int listener;
	uid_t api_uid;
	struct {
		int fd; /* -1: free */
		uint64_t until_us;
	} client[CLIENTS_MAX];
	clients_restart restart;
	void *data;
};

int clients_open(struct clients *clients, const struct folders *folders, const struct users *users,
		 clients_restart restart, void *data, struct error *error);
void clients_close(struct clients *clients);
/* What to wait for; fd -1 where there is nothing. */
void clients_poll(const struct clients *clients, struct pollfd fds[CLIENTS_POLLFDS]);
/* After poll(): fds as filled in by clients_poll(). */
void clients_serve(struct clients *clients, const struct pollfd fds[CLIENTS_POLLFDS],
		   uint64_t now_us);
/* When clients_serve() must be called again at the latest, or CLOCK_NEVER. */
uint64_t clients_next_us(const struct clients *clients);

#endif
