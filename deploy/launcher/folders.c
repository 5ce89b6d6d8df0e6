#include "deploy/launcher/folders.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/config.h"
#include "common/log.h"
#include "deploy/launcher/roster.h"

#define LOCK_NAME	 "lanraged.lock"
#define LEFTOVER_WAIT_US (5 * CLOCK_SECOND)
#define TREE_DEPTH_MAX	 8
#define TOKEN_BYTES	 32

/* What RUN holds besides the services' directories, for as long as we run. */
static const char *const volatile_names[] = {"wireguard",     "token",	       "scrape-token",
					     "services.json", "launcher.sock", "lanraged.conf"};
#define VOLATILE_COUNT (sizeof(volatile_names) / sizeof(volatile_names[0]))

/* ---- making directories ---- */

/* mkdir -p; the parents are everybody's to pass through. */
static int make_path(const char *path)
{
	char copy[PATH_MAX];

	if ((size_t)snprintf(copy, sizeof(copy), "%s", path) >= sizeof(copy))
		return -ENAMETOOLONG;
	for (char *slash = strchr(copy + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(copy, 0755) != 0 && errno != EEXIST ? -errno : 0;
}

static bool is_empty(int directory)
{
	int copy = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
	int entries = 0;

	if (stream == NULL)
		return false;
	while (readdir(stream) != NULL)
		entries++;
	closedir(stream);
	return entries <= 2; /* "." and ".." */
}

static bool has_entry(int directory, const char *name)
{
	return faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Whether one of the names we remove is there. */
static bool has_volatile(int directory)
{
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (has_entry(directory, roster[id].name))
			return true;
	for (size_t i = 0; i < VOLATILE_COUNT; i++)
		if (has_entry(directory, volatile_names[i]))
			return true;
	return false;
}

/* Takes a directory over, unless it is plainly meant for something else: --run /etc must not cost
 * anybody /etc/wireguard. Ours carry a lock file, or hold nothing that we would remove. */
static int take_over(int directory, const char *path, mode_t mode, bool is_run, struct error *error)
{
	struct stat st;

	if (fstat(directory, &st) != 0)
		return error_set(error, -errno, "cannot use %.120s: %s; name another directory",
				 path, strerror(errno));
	bool empty = is_empty(directory);
	bool ours = empty || has_entry(directory, LOCK_NAME);
	if ((st.st_mode & S_ISVTX) != 0 || (st.st_uid != 0 && !empty))
		return error_set(error, -EPERM,
				 "%.120s is not root's alone: name an empty directory or a new one",
				 path);
	if (!ours && ((is_run && has_volatile(directory)) || (st.st_mode & 0033) != 0011))
		return error_set(error, -EPERM,
				 "%.120s holds other things: name an empty directory or a new one",
				 path);
	if (ours && (fchown(directory, 0, 0) != 0 || fchmod(directory, mode) != 0))
		return error_set(error, -errno,
				 "cannot take over %.120s: %s; name another directory", path,
				 strerror(errno));
	return 0;
}

/* The services must be able to go through every directory above theirs. */
static int check_reachable(const char *path, struct error *error)
{
	char copy[PATH_MAX];
	struct stat st;

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *slash = strrchr(copy, '/'); slash != NULL && slash != copy;
	     slash = strrchr(copy, '/')) {
		*slash = '\0';
		if (stat(copy, &st) == 0 && (st.st_mode & S_IXOTH) == 0)
			return error_set(error, -EACCES,
					 "the services, which are other users, cannot pass through "
					 "%.100s: name another directory, or chmod o+x it",
					 copy);
	}
	return 0;
}

static int open_root(const char *path, mode_t mode, bool is_run, char resolved[PATH_MAX], int *fd,
		     struct error *error)
{
	int r = make_path(path);

	if (r != 0)
		return error_set(error, r, "cannot create %.120s: %s; name another directory", path,
				 strerror(-r));
	if (realpath(path, resolved) == NULL)
		return error_set(error, -errno, "cannot use %.120s: %s; name another directory",
				 path, strerror(errno));
	*fd = open(resolved, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*fd < 0)
		return error_set(error, -errno, "cannot use %.120s: %s; name another directory",
				 path, strerror(errno));
	r = check_reachable(resolved, error);
	return r != 0 ? r : take_over(*fd, resolved, mode, is_run, error);
}

/* A directory inside RUN or STATE. Owner before mode: a change of owner may clear mode bits. */
static int make_directory(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	int r = 0;

	if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
		return -errno;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fchown(fd, uid, gid) != 0 || fchmod(fd, mode) != 0)
		r = -errno;
	close(fd);
	return r;
}

/* ---- removing them ---- */

static void remove_tree(int parent, const char *name, int depth)
{
	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *stream = fd >= 0 ? fdopendir(fd) : NULL;
	if (stream == NULL) {
		if (fd >= 0)
			close(fd);
		return;
	}
	for (const struct dirent *e = readdir(stream); e != NULL; e = readdir(stream))
		if (depth > 0 && strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_tree(fd, e->d_name, depth - 1);
	closedir(stream);
	if (unlinkat(parent, name, AT_REMOVEDIR) != 0)
		log_warning("directory %s: cannot be removed: %s", name, strerror(errno));
}

static void remove_leftovers(const struct folders *folders)
{
	for (int id = 0; id < SERVICE_COUNT; id++)
		remove_tree(folders->run_fd, roster[id].name, TREE_DEPTH_MAX);
	for (size_t i = 0; i < VOLATILE_COUNT; i++)
		remove_tree(folders->run_fd, volatile_names[i], TREE_DEPTH_MAX);
}

/* ---- locks ---- */

/* The holder removes the file at its end; so whoever gets the lock checks that the file is still
 * the one of that name, and tries again if not. */
static int take_lock(int directory, const char *path, struct error *error)
{
	struct stat ours, named;

	for (;;) {
		int fd = openat(directory, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
				0600);
		if (fd < 0)
			return error_set(error, -errno, "cannot create %.120s/%s: %s", path,
					 LOCK_NAME, strerror(errno));
		if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
			close(fd);
			return error_set(
				error, -EBUSY,
				"another lanraged runs on %.120s: stop it, or name another "
				"directory",
				path);
		}
		if (fstat(fd, &ours) == 0 && fstatat(directory, LOCK_NAME, &named, 0) == 0 &&
		    ours.st_dev == named.st_dev && ours.st_ino == named.st_ino)
			return fd;
		close(fd);
	}
}

/* Whether a service still runs on RUN/NAME: it keeps a lock there for as long as it lives. The
 * service owns the directory, so the "lock" may be anything: no fifo may hold us up. */
static bool is_alive(const struct folders *folders, const char *name)
{
	char path[32];

	snprintf(path, sizeof(path), "%s/lock", name);
	int fd = openat(folders->run_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool alive = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return alive;
}

static int wait_for_leftovers(const struct folders *folders, struct error *error)
{
	uint64_t until_us = clock_now_us() + LEFTOVER_WAIT_US;

	for (int id = 0; id < SERVICE_COUNT; id++)
		while (is_alive(folders, roster[id].name)) {
			if (clock_now_us() >= until_us)
				return error_set(error, -EBUSY,
						 "a %s still runs on %.80s: end it (fuser "
						 "%.80s/%s/lock names it) and start again",
						 roster[id].user, folders->run, folders->run,
						 roster[id].name);
			usleep(20000);
		}
	return 0;
}

/* ---- the whole ---- */

int folders_open(struct folders *folders, const char *run, const char *state, struct error *error)
{
	*folders = (struct folders){
		.run_fd = -1, .state_fd = -1, .logs_fd = -1, .run_lock = -1, .state_lock = -1};
	int r = open_root(state, 0711, false, folders->state, &folders->state_fd, error);

	if (r == 0)
		r = open_root(run, 0755, true, folders->run, &folders->run_fd, error);
	if (r == 0 && strlen(folders->run) > FOLDERS_RUN_MAX)
		r = error_set(error, -ENAMETOOLONG,
			      "the path of the run directory is longer than %d bytes, too long for "
			      "sockets: name a shorter one",
			      FOLDERS_RUN_MAX);
	if (r == 0 && strcmp(folders->run, folders->state) == 0)
		r = error_set(error, -EINVAL, "--run and --state are one directory: name two");
	if (r == 0)
		r = folders->state_lock = take_lock(folders->state_fd, folders->state, error);
	if (r >= 0)
		r = folders->run_lock = take_lock(folders->run_fd, folders->run, error);
	if (r < 0) {
		folders_close(folders);
		return r;
	}
	folders->unclean = faccessat(folders->run_fd, "services.json", F_OK, 0) == 0;
	return 0;
}

int folders_prepare(struct folders *folders, const struct users *users, struct error *error)
{
	int r = wait_for_leftovers(folders, error);
	if (r != 0)
		return r;

	folders->prepared = true;
	remove_leftovers(folders);
	r = make_directory(folders->run_fd, "logs", 0755, 0, 0);
	if (r == 0)
		r = make_directory(folders->run_fd, "wireguard", 0755, 0, 0);
	for (int id = 0; r == 0 && id < SERVICE_COUNT; id++) {
		r = make_directory(folders->run_fd, roster[id].name, 02750, users->uid[id],
				   users->ipc_gid);
		if (r == 0)
			r = make_directory(folders->state_fd, roster[id].name, 0700, users->uid[id],
					   users->gid[id]);
	}
	if (r == 0) {
		folders->logs_fd =
			openat(folders->run_fd, "logs", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = folders->logs_fd < 0 ? -errno : 0;
	}
	if (r != 0)
		error_set(error, r, "cannot make the directories in %.80s and %.80s: %s",
			  folders->run, folders->state, strerror(-r));
	return r;
}

void folders_clean(struct folders *folders)
{
	if (folders->prepared)
		remove_leftovers(folders);
	/* It marks what is left as ours, so it goes last; and while it is held: see take_lock(). */
	if (!has_volatile(folders->run_fd))
		unlinkat(folders->run_fd, LOCK_NAME, 0);
}

void folders_close(struct folders *folders)
{
	const int fds[] = {folders->logs_fd, folders->run_lock, folders->state_lock,
			   folders->run_fd, folders->state_fd};

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* ---- files ---- */

static int write_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, bytes, length);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

int folders_write(int directory, const char *name, const void *bytes, size_t length, mode_t mode,
		  gid_t gid)
{
	char temporary[64];

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	unlinkat(directory, temporary, 0);
	int fd = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, bytes, length);
	if (r == 0 && (fchown(fd, 0, gid) != 0 || fchmod(fd, mode) != 0))
		r = -errno;
	close(fd);
	if (r == 0 && renameat(directory, temporary, directory, name) != 0)
		r = -errno;
	if (r != 0)
		unlinkat(directory, temporary, 0);
	return r;
}

static int write_secret(const struct folders *folders, const struct users *users, const char *name,
			struct error *error)
{
	unsigned char secret[TOKEN_BYTES];
	char text[2 * TOKEN_BYTES + 2];

	if (getrandom(secret, sizeof(secret), 0) != (ssize_t)sizeof(secret))
		return error_set(error, -EIO, "the kernel gives no random bytes");
	for (size_t i = 0; i < sizeof(secret); i++)
		snprintf(text + 2 * i, 3, "%02x", secret[i]);
	text[2 * TOKEN_BYTES] = '\n';
	int r = folders_write(folders->run_fd, name, text, 2 * TOKEN_BYTES + 1, 0640,
			      users->token_gid);
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
	if (r != 0)
		error_set(error, r, "cannot write %.120s/%s: %s", folders->run, name, strerror(-r));
	return r;
}

int folders_write_tokens(const struct folders *folders, const struct users *users,
			 struct error *error)
{
	int r = write_secret(folders, users, "token", error);

	return r < 0 ? r : write_secret(folders, users, "scrape-token", error);
}

int folders_copy_config(const struct folders *folders, const struct users *users, const char *path,
			struct error *error)
{
	static char bytes[CONFIG_FILE_MAX];
	size_t length = 0;
	ssize_t n = 1;

	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set(error, -errno, "cannot read %.120s: %s", path, strerror(errno));
	while (n > 0 && length < sizeof(bytes)) {
		n = read(fd, bytes + length, sizeof(bytes) - length);
		if (n > 0)
			length += (size_t)n;
	}
	int r = n < 0 ? -errno : 0;
	close(fd);
	if (r == 0)
		r = folders_write(folders->run_fd, "lanraged.conf", bytes, length, 0640,
				  users->ipc_gid);
	if (r != 0)
		error_set(error, r, "cannot copy %.80s to %.80s/lanraged.conf: %s", path,
			  folders->run, strerror(-r));
	return r;
}
