/* status.h - RUN/services.json: what runs, for `lanrage status` and for people. Pure.
 *
 *     {"api": "127.0.0.1:8666",
 *      "launcher": {"pid": 1, "started_at": "2026-01-31T12:00:00Z"},
 *      "services": {"dataplane": {"state": "running", "pid": 2, "restarts": 0,
 *                                 "started_at_us": 3, "last_exit": null}, …}}
 *
 * started_at_us is CLOCK_BOOTTIME: uptime = (clock_now_us() - started_at_us) / 1e6. It and pid
 * are null unless the service runs. last_exit says in words how the process before ended.
 */
#ifndef LANRAGE_DEPLOY_LAUNCHER_STATUS_H
#define LANRAGE_DEPLOY_LAUNCHER_STATUS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/service.h"

#define STATUS_TEXT_MAX	 4096
#define STATUS_WORDS_MAX 64

enum status_state {
	STATUS_STARTING,
	STATUS_RUNNING,
	STATUS_BACKOFF, /* ended; waits to be started again */
	STATUS_STOPPED, /* ended; lanraged is stopping */
};

struct status_service {
	enum status_state state;
	pid_t pid;
	uint32_t restarts;
	uint64_t started_at_us;		  /* CLOCK_BOOTTIME */
	char last_exit[STATUS_WORDS_MAX]; /* "" before the first */
};

struct status {
	char api[64]; /* ADDR:PORT */
	pid_t launcher_pid;
	uint64_t launcher_wall_us;
	struct status_service services[SERVICE_COUNT];
};

const char *launcher_status_state_name(enum status_state state);
/* Writes the file's text. Returns its length, or -ENOSPC. */
int launcher_status_format(const struct status *status, char *text, size_t size);
/* code and value (si_code, si_status) of a SIGCHLD in words: `exited with status 1`, `killed by
 * SIGSEGV`. */
void launcher_status_exit_words(int code, int value, char words[STATUS_WORDS_MAX]);

#endif
