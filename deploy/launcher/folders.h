/* folders.h - the run and the state directory: who may do what in them, and leaving them clean.
 *
 *     RUN            0755  root                      services.json 0644, lanraged.lock,
 *                                                    token and scrape-token 0640 :lanrage,
 *                                                    lanraged.conf 0640 :lanrage-ipc,
 *                                                    launcher.sock 0660 :lanrage-api
 *     RUN/NAME       2750  lanrage-NAME:lanrage-ipc  the service's sockets
 *     RUN/logs       0755  root                      NAME.log 0640 :lanrage
 *     RUN/wireguard  0755  root                      IF.sock 0600
 *     STATE          0711  root                      port, lanraged.lock
 *     STATE/NAME     0700  lanrage-NAME              the service's own affair
 *
 * Services own directories in here, so everything goes by descriptor and never through a symbolic
 * link. One launcher at a time has a run directory, and one a state directory, by an flock on
 * lanraged.lock.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_FOLDERS_H
#define LANRAGE_DEPLOY_LAUNCHER_FOLDERS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"
#include "deploy/launcher/users.h"

/* So that RUN/dataplane/rep.sock and RUN/wireguard/INTERFACE.sock fit into a sockaddr_un. */
#define FOLDERS_RUN_MAX 76

struct folders {
	char run[PATH_MAX];   /* absolute, without symbolic links */
	char state[PATH_MAX]; /* likewise */
	int run_fd;
	int state_fd;
	int logs_fd;
	int run_lock;
	int state_lock;
	bool unclean; /* an earlier launcher did not stop cleanly here: its services may be dying */
	bool prepared; /* folders_prepare() found nobody else here: what is in RUN is ours */
};

/* Creates both directories and takes both locks. On error nothing is held. */
int folders_open(struct folders *folders, const char *run, const char *state, struct error *error);
/* Waits (at most 5 s) until no service of an earlier launcher runs here, throws away what those
 * left in RUN and makes the directories of all services. */
int folders_prepare(struct folders *folders, const struct users *users, struct error *error);
/* Removes all of ours from RUN but the logs. Call only after folders_open(). */
void folders_clean(struct folders *folders);
/* Lets go of both directories. */
void folders_close(struct folders *folders);

/* Writes RUN/NAME or STATE/NAME (by directory descriptor) whole or not at all. */
int folders_write(int directory, const char *name, const void *bytes, size_t length, mode_t mode,
		  gid_t gid);
/* A new random RUN/token, and RUN/scrape-token, which is for reading the metrics text only. */
int folders_write_tokens(const struct folders *folders, const struct users *users,
			 struct error *error);
/* The administrator's file may be closed to the services: RUN/lanraged.conf is a copy for them. */
int folders_copy_config(const struct folders *folders, const struct users *users, const char *path,
			struct error *error);

#endif
