#include "deploy/launcher/users.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/log.h"
#include "deploy/launcher/roster.h"

#define TOKEN_GROUP "lanrage"
#define IPC_GROUP   "lanrage-ipc"
/* One for the machine, not for a run directory. It stays: removing a lock file is a race. */
#define LOCK_PATH "/run/lanrage-users.lock"

static bool find_group(const char *name, gid_t *gid)
{
	const struct group *group = getgrnam(name);

	if (group != NULL)
		*gid = group->gr_gid;
	return group != NULL;
}

static int find_user(const char *name, uid_t *uid, gid_t *gid, struct error *error)
{
	const struct passwd *user = getpwnam(name);

	if (user == NULL)
		return -ENOENT;
	if (user->pw_uid == 0 || user->pw_gid == 0)
		return error_set(error, -EINVAL,
				 "user %s has the ids of root: remove it (userdel %s), lanraged "
				 "makes a proper one",
				 name, name);
	*uid = user->pw_uid;
	*gid = user->pw_gid;
	return 0;
}

/* -ENOENT when one is missing. */
static int find_all(struct users *users, struct error *error)
{
	for (int id = 0; id < SERVICE_COUNT; id++) {
		int r = find_user(roster[id].user, &users->uid[id], &users->gid[id], error);
		if (r != 0)
			return r;
	}
	if (!find_group(TOKEN_GROUP, &users->token_gid) || !find_group(IPC_GROUP, &users->ipc_gid))
		return -ENOENT;
	return 0;
}

static void tool_child(const char *const argv[], int output)
{
	static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C",
						  NULL};
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	dup2(output, STDERR_FILENO);
	environ = (char **)environment;
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "%s: %s", argv[0], strerror(errno));
	_exit(127);
}

/* Keeps the beginning of what the program says, as one line, and reads the rest away. */
static void read_words(int fd, char *words, size_t size)
{
	char bytes[512];
	size_t length = 0;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n && length + 1 < size; i++)
			words[length++] = bytes[i] < ' ' ? ' ' : bytes[i];
	while (length > 0 && words[length - 1] == ' ')
		length--;
	words[length] = '\0';
}

static int run_tool(const char *const argv[], const char *name, struct error *error)
{
	char words[128] = "";
	int output[2];
	int status = 0;

	if (pipe2(output, O_CLOEXEC) != 0)
		return error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
	pid_t pid = fork();
	if (pid == 0)
		tool_child(argv, output[1]);
	close(output[1]);
	if (pid > 0)
		read_words(output[0], words, sizeof(words));
	close(output[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		log_notice("%s %s: created (%s)", argv[0][0] == 'u' ? "user" : "group", name,
			   argv[0]);
		return 0;
	}
	return error_set(error, -EIO, "cannot create %s: %s; create it by hand: %s --system %s",
			 name, words[0] != '\0' ? words : "no reason given", argv[0], name);
}

static int create_group(const char *name, struct error *error)
{
	const char *const argv[] = {"groupadd", "--system", name, NULL};
	gid_t gid;

	return find_group(name, &gid) ? 0 : run_tool(argv, name, error);
}

static int create_user(const char *name, struct error *error)
{
	/* The group first: useradd --user-group fails where only the group is left over. */
	const char *const argv[] = {"useradd",
				    "--system",
				    "--no-create-home",
				    "--home-dir",
				    "/nonexistent",
				    "--shell",
				    "/usr/sbin/nologin",
				    "--gid",
				    name,
				    name,
				    NULL};

	if (getpwnam(name) != NULL)
		return 0;
	int r = create_group(name, error);
	return r != 0 ? r : run_tool(argv, name, error);
}

static int create_missing(struct error *error)
{
	int r = create_group(TOKEN_GROUP, error);

	if (r == 0)
		r = create_group(IPC_GROUP, error);
	for (int id = 0; r == 0 && id < SERVICE_COUNT; id++)
		r = create_user(roster[id].user, error);
	return r;
}

int users_ensure(struct users *users, struct error *error)
{
	int r = find_all(users, error);
	if (r != -ENOENT)
		return r;

	int lock = open(LOCK_PATH, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0 || flock(lock, LOCK_EX) != 0) {
		r = error_set(error, -errno, "cannot lock %s: %s", LOCK_PATH, strerror(errno));
	} else {
		r = create_missing(error);
		if (r == 0 && find_all(users, error) == -ENOENT)
			r = error_set(error, -ENOENT,
				      "the users just created are not found: look at "
				      "/etc/nsswitch.conf");
	}
	if (lock >= 0)
		close(lock);
	return r;
}
