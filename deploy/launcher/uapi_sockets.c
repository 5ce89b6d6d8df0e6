#include "deploy/launcher/uapi_sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

#define SYSTEM_DIRECTORY "/var/run/wireguard"
#define BACKLOG		 16
#define LOCK_TRIES	 100

static int make_socket(const char *path, struct sockaddr_un *name)
{
	*name = (struct sockaddr_un){.sun_family = AF_UNIX};
	if ((size_t)snprintf(name->sun_path, sizeof(name->sun_path), "%s", path) >=
	    sizeof(name->sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	return fd < 0 ? -errno : fd;
}

static int listen_at(const char *path)
{
	struct sockaddr_un name;
	int fd = make_socket(path, &name);
	int r = 0;

	if (fd < 0)
		return fd;
	/* The mode is there before anybody can connect. */
	mode_t old = umask(0177);
	if (bind(fd, (const struct sockaddr *)&name, sizeof(name)) != 0 || listen(fd, BACKLOG) != 0)
		r = -errno;
	umask(old);
	if (r != 0)
		close(fd);
	return r != 0 ? r : fd;
}

/* A socket with a process behind it; a full backlog counts too. */
static bool is_live(const char *path)
{
	struct sockaddr_un name;
	int fd = make_socket(path, &name);

	if (fd < 0)
		return false;
	bool live =
		connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 || errno == EAGAIN;
	close(fd);
	return live;
}

/* Held while looking and taking, so that of two launchers one wins and the other sees it. */
static int lock_system(void)
{
	if (mkdir(SYSTEM_DIRECTORY, 0755) != 0 && errno != EEXIST)
		return -errno;
	int fd = open(SYSTEM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Everybody may lock a directory that everybody may read: nobody is waited for for long. */
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return fd;
		usleep(20000);
	}
	close(fd);
	return -EAGAIN;
}

static int take_system(struct uapi_sockets *sockets)
{
	struct stat st;

	if (is_live(sockets->system_path))
		return -EBUSY;
	if (unlink(sockets->system_path) != 0 && errno != ENOENT)
		return -errno;
	int fd = listen_at(sockets->system_path);
	if (fd >= 0 && lstat(sockets->system_path, &st) == 0) {
		sockets->device = st.st_dev;
		sockets->inode = st.st_ino;
	}
	return fd;
}

static void open_system(struct uapi_sockets *sockets, const char *interface)
{
	snprintf(sockets->system_path, sizeof(sockets->system_path), SYSTEM_DIRECTORY "/%s.sock",
		 interface);
	int lock = lock_system();
	sockets->system = lock < 0 ? lock : take_system(sockets);
	if (lock >= 0)
		close(lock);
	if (sockets->system == -EBUSY)
		log_warning("uapi: %s belongs to a running process: wg(8) will show that one",
			    sockets->system_path);
	else if (sockets->system < 0)
		log_warning("uapi: cannot listen on %s: %s: wg(8) will not find %s",
			    sockets->system_path, strerror(-sockets->system), interface);
	if (sockets->system < 0)
		sockets->system = -1;
}

int uapi_sockets_open(struct uapi_sockets *sockets, const char *run, const char *interface,
		      bool system, struct error *error)
{
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];

	snprintf(path, sizeof(path), "%.76s/wireguard/%.15s.sock", run, interface);
	sockets->own = listen_at(path);
	if (sockets->own < 0) {
		int r = sockets->own;
		sockets->own = -1;
		return error_set(error, r, "cannot listen on %s: %s", path, strerror(-r));
	}
	if (system)
		open_system(sockets, interface);
	return 0;
}

void uapi_sockets_close(struct uapi_sockets *sockets)
{
	struct stat st;

	if (sockets->own >= 0)
		close(sockets->own);
	if (sockets->system < 0)
		return;
	int lock = lock_system();
	if (lstat(sockets->system_path, &st) == 0 && st.st_dev == sockets->device &&
	    st.st_ino == sockets->inode)
		unlink(sockets->system_path);
	close(sockets->system);
	if (lock >= 0)
		close(lock);
}
