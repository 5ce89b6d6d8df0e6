#include "common/service.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <libgen.h>
#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/version.h"

#define FIRST_PASSED_FD 3 /* sd_listen_fds(3) */
#define LOCK_TRIES	20
#define LOCK_PAUSE_US	50000

const char *const service_names[SERVICE_COUNT] = {
	[SERVICE_DATAPLANE] = "dataplane", [SERVICE_NAT] = "nat",
	[SERVICE_CONTROL] = "control",	   [SERVICE_METRICS] = "metrics",
	[SERVICE_BROWSER] = "browser",	   [SERVICE_API] = "api",
};

static char program_name[32]; /* the log borrows it for the life of the process */

struct options {
	const char *run;
	const char *state;
	const char *config;
};

static const char *from_environment(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

static void print_version(void)
{
	(void)printf("%s " LANRAGE_VERSION "\n", program_name);
	exit(0);
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{"run", required_argument, NULL, 'r'},
		{"state", required_argument, NULL, 's'},
		{"config", required_argument, NULL, 'c'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	bool wrong = false;
	int letter;

	options->run = from_environment("LANRAGE_RUN", "/run/lanrage");
	options->state = from_environment("LANRAGE_STATE", "/var/lib/lanrage");
	options->config = NULL;
	optind = 1;
	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (letter == 'r')
			options->run = optarg;
		else if (letter == 's')
			options->state = optarg;
		else if (letter == 'c')
			options->config = optarg;
		else if (letter == 'v')
			print_version();
		else
			wrong = true;
	}
	if (wrong || optind != argc) {
		(void)fprintf(stderr,
			      "usage: %s [--run DIR] [--state DIR] [--config FILE] | --version\n",
			      program_name);
		exit(2);
	}
}

/* ROOT as an absolute path, and ROOT/NAME, which must be ours to write. */
static int open_directory(const char *root, const char *name, char absolute[PATH_MAX],
			  char own[PATH_MAX], struct error *error)
{
	int n;

	if (!realpath(root, absolute))
		return error_set(error, -errno, "%s: %s; create it or name another", root,
				 strerror(errno));
	n = snprintf(own, PATH_MAX, "%s/%s", absolute, name);
	if (n < 0 || n >= PATH_MAX)
		return error_set(error, -ENAMETOOLONG, "%s: the path is too long", root);
	if (access(own, R_OK | W_OK | X_OK) < 0)
		return error_set(error, -errno,
				 "%s: %s; it must be a directory this user can write", own,
				 strerror(errno));
	return 0;
}

static int open_directories(struct service *service, const struct options *options,
			    struct error *error)
{
	const char *name = service_names[service->id];
	int rc = open_directory(options->run, name, service->run, service->own_run, error);

	if (rc == 0)
		rc = open_directory(options->state, name, service->state, service->own_state,
				    error);
	if (rc < 0)
		return rc;
	/* The longest of all, because we also dial the others. */
	if (strlen(service->run) + sizeof("/dataplane/rep.sock") >
	    sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(error, -ENAMETOOLONG,
				 "%s: too long for a socket; choose a shorter run directory",
				 service->run);
	return 0;
}

static int take_lock(struct service *service, struct error *error)
{
	char path[PATH_MAX + 8];

	(void)snprintf(path, sizeof(path), "%s/lock", service->own_run);
	service->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (service->lock_fd < 0)
		return error_set(error, -errno, "%s: %s", path, strerror(errno));
	/* A predecessor that was killed a moment ago may still be on its way out. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(service->lock_fd, LOCK_EX | LOCK_NB) == 0)
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(error, -errno, "%s: %s", path, strerror(errno));
		(void)usleep(LOCK_PAUSE_US);
	}
	return error_set(error, -EBUSY, "another %s is running in %s; stop it first", program_name,
			 service->own_run);
}

/* The order matters: a parent that died before the prctl is noticed by the comparison. */
static int follow_parent(struct error *error)
{
	const char *parent = getenv("LANRAGE_PARENT");

	if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0)
		return error_set(error, -errno, "PR_SET_PDEATHSIG: %s", strerror(errno));
	if (parent && *parent && strtol(parent, NULL, 10) != (long)getppid())
		return error_set(error, -ESRCH, "the launcher that started this is gone");
	return 0;
}

static int read_config(struct service *service, const char *path, struct error *error)
{
	enum log_level level = LOG_LEVEL_INFO;
	struct error unknown;
	const char *text;
	int rc = config_read(&service->config, path, path != NULL, error);

	if (rc < 0)
		return rc;
	/* The launcher refuses such a file; started alone we only say so. */
	if (config_check(service->config, config_lanraged_keys, &unknown) < 0)
		log_warning("config: %s", unknown.text);
	text = config_get(service->config, "log", "level", "info");
	if (log_level_parse(text, &level) < 0)
		return error_set(error, -EINVAL,
				 "%s: `level` in [log] must be err, warning, notice, info or debug",
				 path);
	log_init(program_name, level);
	return 0;
}

static void find_uids(struct service *service)
{
	bool same = strcmp(from_environment("LANRAGE_SAME_UID", "0"), "1") == 0;

	for (int id = 0; id < SERVICE_COUNT; id++) {
		const struct passwd *user;
		char name[32];

		(void)snprintf(name, sizeof(name), "lanrage-%s", service_names[id]);
		user = same ? NULL : getpwnam(name);
		service->uids[id] = user ? user->pw_uid : (uid_t)-1;
		if (same)
			service->uids[id] = geteuid();
	}
}

/* Wall-clock time, but always above the last instance's: a clock that was set back must not make
 * a restarted service look older than its predecessor. That takes two mishaps, so where the number
 * cannot be kept (the disk is full) the service starts all the same. */
static int choose_instance(struct service *service, struct error *error)
{
	char path[PATH_MAX + 16];
	char text[32] = "";
	size_t length = 0;
	uint64_t last = 0;
	int rc;

	(void)snprintf(path, sizeof(path), "%s/instance", service->own_state);
	rc = service_read_file(path, text, sizeof(text) - 1, &length);
	if (rc == 0)
		last = strtoull(text, NULL, 10);
	else if (rc != -ENOENT)
		log_warning("instance: %s: %s", path, strerror(-rc));
	service->instance = clock_wall_us();
	if (service->instance <= last && last < UINT64_MAX)
		service->instance = last + 1;
	(void)snprintf(text, sizeof(text), "%" PRIu64 "\n", service->instance);
	rc = service_write_file(path, text, strlen(text), 0600);
	if (rc == -ENOSPC || rc == -EDQUOT)
		log_warning("instance: cannot write %s: %s; make room there", path, strerror(-rc));
	else if (rc < 0)
		return error_set(error, rc, "%s: %s", path, strerror(-rc));
	return 0;
}

int service_init(struct service *service, enum service_id id, int argc, char **argv,
		 struct error *error)
{
	struct options options;
	int rc;

	*service = (struct service){.id = id, .lock_fd = -1};
	(void)snprintf(program_name, sizeof(program_name), "lanrage-%s", service_names[id]);
	log_init(program_name, LOG_LEVEL_INFO);
	(void)umask(077); /* what others may read says so with an explicit mode */
	parse_options(&options, argc, argv);

	rc = follow_parent(error);
	if (rc == 0)
		rc = open_directories(service, &options, error);
	if (rc == 0)
		rc = take_lock(service, error);
	if (rc == 0)
		rc = read_config(service, options.config, error);
	if (rc == 0)
		rc = choose_instance(service, error);
	if (rc == 0 && sodium_init() < 0)
		rc = error_set(error, -ENOSYS, "libsodium cannot start: no random source");
	if (rc < 0) {
		service_deinit(service);
		return rc;
	}
	find_uids(service);
	return 0;
}

void service_deinit(struct service *service)
{
	config_free(service->config);
	service->config = NULL;
	if (service->lock_fd >= 0)
		(void)close(service->lock_fd);
	service->lock_fd = -1;
}

/* How many descriptors were passed to this very process. */
static int passed_count(void)
{
	const char *pid = getenv("LISTEN_PID");
	const char *count = getenv("LISTEN_FDS");
	long n;

	/* The variables are inherited by children, the descriptors are not meant to be. */
	if (!count || (pid && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	n = strtol(count, NULL, 10);
	return n > 0 && n < 1024 ? (int)n : 0;
}

int service_fd(const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	int count = passed_count();
	size_t wanted = strlen(name);

	for (int i = 0; i < count && names; i++) {
		size_t length = strcspn(names, ":");
		int fd = FIRST_PASSED_FD + i;

		if (length == wanted && memcmp(names, name, length) == 0)
			return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -ENOENT : fd;
		names = names[length] ? names + length + 1 : NULL;
	}
	return -ENOENT;
}

void service_url(const struct service *service, enum service_id id, const char *socket,
		 char url[SERVICE_URL_MAX])
{
	/* open_directories has made sure that it fits. */
	if (snprintf(url, SERVICE_URL_MAX, "ipc://%s/%s/%s", service->run, service_names[id],
		     socket) >= SERVICE_URL_MAX)
		url[0] = '\0';
}

static int write_all(int fd, const void *bytes, size_t length)
{
	const uint8_t *at = bytes;

	while (length > 0) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

static int write_temporary(const char *path, const void *bytes, size_t length, mode_t mode)
{
	int fd;
	int rc;

	(void)unlink(path); /* left by one who died here */
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	rc = write_all(fd, bytes, length);
	if (rc == 0 && fchmod(fd, mode) < 0) /* not by open: the umask would take bits away */
		rc = -errno;
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	return rc;
}

/* Without this a power cut may undo the rename. */
int service_sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int rc = 0;
	int fd;

	(void)snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) < 0)
		rc = -errno;
	(void)close(fd);
	return rc;
}

int service_write_file(const char *path, const void *bytes, size_t length, mode_t mode)
{
	char temporary[PATH_MAX];
	int rc;

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return -ENAMETOOLONG;
	rc = write_temporary(temporary, bytes, length, mode);
	if (rc == 0 && rename(temporary, path) < 0)
		rc = -errno;
	if (rc < 0) {
		(void)unlink(temporary);
		return rc;
	}
	return service_sync_directory(path);
}

static int read_all(int fd, void *bytes, size_t max, size_t *length)
{
	uint8_t *at = bytes;
	uint8_t beyond;

	*length = 0;
	for (;;) {
		size_t left = max - *length;
		ssize_t n = read(fd, left ? at + *length : &beyond, left ? left : 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		if (left == 0)
			return -EFBIG;
		*length += (size_t)n;
	}
}

int service_read_file(const char *path, void *bytes, size_t max, size_t *length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int rc;

	*length = 0;
	if (fd < 0)
		return -errno;
	rc = read_all(fd, bytes, max, length);
	(void)close(fd);
	return rc;
}
