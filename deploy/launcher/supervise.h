/* supervise.h - the life of the six services: started, restarted, stopped.
 *
 * A service that ends, however, is started again after a back-off (backoff.h), until lanraged is
 * told to stop. Stopping goes in reverse order: each gets SIGTERM when the one before has ended, or
 * half a second after the one before got it, and SIGKILL 3 s later. What a service leaves of its
 * process group is killed before the service is reaped, so the group's number is still its own.
 *
 * One loop: a signalfd, the journals' pipes, launcher.sock. services.json is written after each
 * turn in which something changed.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_SUPERVISE_H
#define LANRAGE_DEPLOY_LAUNCHER_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "deploy/launcher/backoff.h"
#include "deploy/launcher/clients.h"
#include "deploy/launcher/folders.h"
#include "deploy/launcher/journal.h"
#include "deploy/launcher/process.h"
#include "deploy/launcher/settings.h"
#include "deploy/launcher/status.h"
#include "deploy/launcher/users.h"

struct supervised {
	struct journal journal;
	struct backoff backoff;
	pid_t pid;	  /* 0: none */
	uint64_t due_us;  /* in back-off: start at */
	uint64_t kill_us; /* has had SIGTERM: SIGKILL at; else CLOCK_NEVER */
	bool asked;	  /* somebody asked for this end: no back-off */
	bool started;	  /* at least once */
};

struct supervisor {
	const struct folders *folders;
	const struct process_common *common;
	struct status status; /* the states live here, ready to be written */
	bool changed;	      /* status is newer than services.json */
	struct supervised services[SERVICE_COUNT];
	struct clients clients;
	int signals; /* signalfd, borrowed */
	bool stopping;
	int stop_next;	       /* stopping: the service whose turn it is; -1: all had theirs */
	uint64_t stop_next_us; /* stopping: when the next one's turn comes at the latest */
};

/* Blocks SIGTERM, SIGINT, SIGHUP and SIGCHLD and returns a signalfd for them. Call it first: a
 * signal that comes while things are being set up is then seen by supervise_run(). */
int supervise_signals(void);
/* All arguments but signals are borrowed until supervise_deinit(). */
int supervise_init(struct supervisor *supervisor, int signals, const struct settings *settings,
		   const struct folders *folders, const struct process_common *common,
		   struct error *error);
/* Starts all, returns when all have ended after SIGTERM, SIGINT or SIGHUP. */
void supervise_run(struct supervisor *supervisor);
void supervise_deinit(struct supervisor *supervisor);

#endif
