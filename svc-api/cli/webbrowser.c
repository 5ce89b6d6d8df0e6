#include "svc-api/cli/webbrowser.h"

#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENER "xdg-open"

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

const struct passwd *webbrowser_user(void)
{
	const char *number = getenv("SUDO_UID");
	char *end = NULL;
	unsigned long uid = getuid();

	if (uid == 0 && number)
		uid = strtoul(number, &end, 10);
	if (uid == 0 || uid > INT32_MAX || (end && *end != '\0') ||
	    (!is_set("DISPLAY") && !is_set("WAYLAND_DISPLAY")))
		return NULL;
	return getpwuid((uid_t)uid);
}

/* In the child; what belongs to root stays behind. */
static bool become(const struct passwd *user)
{
	char folder[64];

	if (geteuid() != 0)
		return true;
	(void)snprintf(folder, sizeof(folder), "/run/user/%u", (unsigned)user->pw_uid);
	return initgroups(user->pw_name, user->pw_gid) == 0 &&
	       setresgid(user->pw_gid, user->pw_gid, user->pw_gid) == 0 &&
	       setresuid(user->pw_uid, user->pw_uid, user->pw_uid) == 0 &&
	       setenv("HOME", user->pw_dir, 1) == 0 && setenv("USER", user->pw_name, 1) == 0 &&
	       setenv("LOGNAME", user->pw_name, 1) == 0 &&
	       setenv("XDG_RUNTIME_DIR", folder, 1) == 0 && chdir("/") == 0;
}

/* The browser goes on after us, and says nothing here. */
static _Noreturn void open_detached(const struct passwd *user, const char *url)
{
	int nothing = open("/dev/null", O_RDWR);

	if (setsid() < 0 || fork() != 0)
		_exit(0);
	if (nothing >= 0) {
		(void)dup2(nothing, STDIN_FILENO);
		(void)dup2(nothing, STDOUT_FILENO);
		(void)dup2(nothing, STDERR_FILENO);
		(void)close_range(STDERR_FILENO + 1, ~0U, 0);
	}
	if (become(user))
		(void)execlp(OPENER, OPENER, url, (char *)NULL);
	_exit(127);
}

void webbrowser_open(const struct passwd *user, const char *url)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0)
		open_detached(user, url);
	if (pid > 0)
		(void)waitpid(pid, NULL, 0);
}
