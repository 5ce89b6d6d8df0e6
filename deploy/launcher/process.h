/* process.h - a service's process: from the launcher's root to what the service needs, then exec.
 *
 * What the new process has: its own user, group and session; lanrage-ipc and, where the roster says
 * so, lanrage as further groups; CAP_NET_ADMIN and CAP_NET_RAW as ambient capabilities, or none;
 * an empty bounding set; no_new_privs; no core dumps; umask 0027; stdin /dev/null, stdout and
 * stderr in its journal; descriptors from 3 on as sd_listen_fds(3) says; an environment with little
 * in it; and SIGKILL when the launcher dies.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_PROCESS_H
#define LANRAGE_DEPLOY_LAUNCHER_PROCESS_H

#include <limits.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/service.h"
#include "deploy/launcher/descriptors.h"
#include "deploy/launcher/users.h"

#define PROCESS_DIRECTORY_MAX (PATH_MAX - 64)

/* What all services' processes have in common. */
struct process_common {
	char directory[PROCESS_DIRECTORY_MAX]; /* of our own program: theirs are beside it */
	const char *run;		       /* borrowed, absolute */
	const char *state;		       /* borrowed, absolute */
	const char *config;		       /* borrowed, or NULL */
	const struct users *users;	       /* borrowed */
	const struct descriptors *descriptors; /* borrowed */
};

/* Fills in the directory. -ENOENT names the first program that is missing there. */
int process_find_programs(struct process_common *common, struct error *error);
/* Starts one service, with output as its stdout and stderr. Returns once the program runs, or with
 * the words why it does not. */
int process_start(const struct process_common *common, enum service_id id, int output, pid_t *pid,
		  struct error *error);

#endif
