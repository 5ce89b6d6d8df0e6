/* service.h - what every lanrage service does between main() and its loop.
 *
 * A service is started as
 *     lanrage-NAME --run DIR --state DIR [--config FILE]
 * by the launcher or by any supervisor, as the user lanrage-NAME. Long-lived descriptors come in by
 * the LISTEN_FDS / LISTEN_FDNAMES convention of sd_listen_fds(3). DIRs are the suite's roots: the
 * service's own run directory is RUN/NAME (its two sockets are there), its own state directory
 * STATE/NAME; both must exist and be writable for it, and it keeps an flock on RUN/NAME/lock so
 * that two instances never share sockets. Defaults: LANRAGE_RUN, LANRAGE_STATE, else /run/lanrage
 * and /var/lib/lanrage. When the launcher dies, so does the service (PR_SET_PDEATHSIG, and a check
 * of getppid against LANRAGE_PARENT where that is set).
 */
#ifndef LANRAGE_COMMON_SERVICE_H
#define LANRAGE_COMMON_SERVICE_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/config.h"
#include "common/error.h"

enum service_id {
	SERVICE_DATAPLANE,
	SERVICE_NAT,
	SERVICE_CONTROL,
	SERVICE_METRICS,
	SERVICE_BROWSER,
	SERVICE_API,
	SERVICE_COUNT,
};

/* "dataplane", "nat", … */
extern const char *const service_names[SERVICE_COUNT];

struct service {
	enum service_id id;
	char run[PATH_MAX];	  /* RUN */
	char state[PATH_MAX];	  /* STATE */
	char own_run[PATH_MAX];	  /* RUN/NAME */
	char own_state[PATH_MAX]; /* STATE/NAME */
	struct config *config;
	uint64_t instance; /* wall-clock microseconds at start: later instances are larger */
	uid_t uids[SERVICE_COUNT]; /* who may be on the other end; (uid_t)-1 where no such user */
	int lock_fd;
};

/* Parses the command line, sets up logging, takes the lock, reads the configuration, ties our
 * life to the parent's, calls sodium_init(). Prints usage and exits 2 on wrong usage; returns a
 * negative errno with words for the rest. LANRAGE_SAME_UID=1 (tests, single-user supervision)
 * makes every uid of the table our own. */
int service_init(struct service *service, enum service_id id, int argc, char **argv,
		 struct error *error);
void service_deinit(struct service *service);

/* The descriptor passed under this name, or -ENOENT. */
int service_fd(const char *name);

/* RUN/NAME/rep.sock and RUN/NAME/pub.sock of any service, as nng URLs (ipc://…). */
#define SERVICE_URL_MAX (PATH_MAX + 16)
void service_url(const struct service *service, enum service_id id, const char *socket,
		 char url[SERVICE_URL_MAX]);

/* Writes a file whole or not at all: temporary name (PATH.new), fsync, rename, fsync of the
 * directory. One writer for a path at a time. */
int service_write_file(const char *path, const void *bytes, size_t length, mode_t mode);
/* fsync of the directory that path is in: what was renamed there stays so after a power cut. */
int service_sync_directory(const char *path);
/* Reads a file of at most max bytes; *length is set. -ENOENT, -EFBIG, … */
int service_read_file(const char *path, void *bytes, size_t max, size_t *length);

#endif
