#include "deploy/launcher/process.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deploy/launcher/roster.h"

#define FIRST_PASSED 3
/* Our own descriptors move out of the way of the ones passed on. */
#define OUT_OF_THE_WAY 64
#define OPEN_FILES_MAX 4096
/* Room for keys that must not be swapped out. */
#define LOCKED_MEMORY_MAX (16 << 20)

/* What a new process could not do, sent to the launcher in place of running the program. */
struct failure {
	int code;
	char what[32];
};

/* What the child needs to know, gathered before the fork. */
struct birth {
	const struct process_common *common;
	enum service_id id;
	pid_t launcher;
	int output;
	int report; /* close-on-exec: end of file means that the program runs */
	int program;
	char path[PATH_MAX];
	struct descriptor passed[DESCRIPTORS_MAX];
	size_t passed_count;
};

/* ---- in the child ---- */

static _Noreturn void fail(const struct birth *birth, const char *what)
{
	struct failure failure = {.code = errno};

	snprintf(failure.what, sizeof(failure.what), "%s", what);
	ssize_t n = write(birth->report, &failure, sizeof(failure));
	_exit(n == (ssize_t)sizeof(failure) ? 126 : 125);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for SIGKILL and the like, as it may */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static int move_away(int *fd)
{
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	return *fd < 0 ? -1 : 0;
}

/* First everything to high numbers, then down to its place: nothing is overwritten on the way. */
static void place_descriptors(struct birth *birth)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (null < 0 || move_away(&birth->report) != 0 || move_away(&birth->output) != 0 ||
	    move_away(&birth->program) != 0 || move_away(&null) != 0)
		fail(birth, "open descriptors");
	for (size_t i = 0; i < birth->passed_count; i++)
		if (move_away(&birth->passed[i].fd) != 0)
			fail(birth, "open descriptors");
	if (dup2(null, STDIN_FILENO) < 0 || dup2(birth->output, STDOUT_FILENO) < 0 ||
	    dup2(birth->output, STDERR_FILENO) < 0)
		fail(birth, "set up stdin and stdout");
	for (size_t i = 0; i < birth->passed_count; i++)
		if (dup2(birth->passed[i].fd, FIRST_PASSED + (int)i) < 0)
			fail(birth, "pass descriptors on");
	if (close_range(FIRST_PASSED + (unsigned int)birth->passed_count, ~0U,
			CLOSE_RANGE_CLOEXEC) != 0)
		fail(birth, "close descriptors");
}

/* Lowers to value, or raises as far as allowed. */
static void set_limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limit = {value, value};

	if (setrlimit(resource, &limit) == 0 || getrlimit(resource, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static void keep_variable(char *copies[], size_t i, const char *const names[])
{
	const char *value = getenv(names[i]);

	copies[i] = value != NULL ? strdup(value) : NULL;
}

/* Root's environment is not the services' affair. What stays is for time zones, for private
 * certificate authorities and for instrumented builds. */
static void set_environment(const struct birth *birth)
{
	static const char *const kept[] = {"TZ",	   "LANG",	   "SSL_CERT_FILE",
					   "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
					   "LSAN_OPTIONS", "TSAN_OPTIONS", "LLVM_PROFILE_FILE"};
	char *copies[sizeof(kept) / sizeof(kept[0])];
	char number[24], names[128] = "";
	size_t length = 0;

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		keep_variable(copies, i, kept);
	clearenv();
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (copies[i] != NULL)
			setenv(kept[i], copies[i], 1);
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	snprintf(number, sizeof(number), "%ld", (long)birth->launcher);
	setenv("LANRAGE_PARENT", number, 1);
	if (birth->passed_count == 0)
		return;
	for (size_t i = 0; i < birth->passed_count; i++)
		length += (size_t)snprintf(names + length, sizeof(names) - length, "%s%s",
					   i > 0 ? ":" : "", birth->passed[i].name);
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%zu", birth->passed_count);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%ld", (long)getpid());
	setenv("LISTEN_PID", number, 1);
}

/* Ambient capabilities must be inheritable, and what is not in the bounding set cannot become so
 * any more: first of all, while we still have everything. */
static void make_inheritable(const struct birth *birth)
{
	if (capng_get_caps_process() != 0 ||
	    capng_updatev(CAPNG_ADD, CAPNG_INHERITABLE, CAP_NET_ADMIN, CAP_NET_RAW, -1) != 0 ||
	    capng_apply(CAPNG_SELECT_CAPS) != 0)
		fail(birth, "make capabilities inheritable");
}

static void change_user(const struct birth *birth)
{
	const struct users *users = birth->common->users;
	uid_t uid = users->uid[birth->id];
	gid_t gid = users->gid[birth->id];
	gid_t groups[2] = {users->ipc_gid, users->token_gid};

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0 ||
	    setgroups(roster[birth->id].reads_token ? 2 : 1, groups) != 0 ||
	    setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0 ||
	    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) != 0)
		fail(birth, "change to its user");
}

/* Emptying the bounding set needs root's CAP_SETPCAP, and ambient capabilities vanish with the
 * change of user: hence the order. */
static void drop_privileges(const struct birth *birth)
{
	bool network_admin = roster[birth->id].network_admin;

	if (network_admin)
		make_inheritable(birth);
	capng_clear(CAPNG_SELECT_ALL);
	if (network_admin &&
	    capng_updatev(CAPNG_ADD,
			  CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_AMBIENT,
			  CAP_NET_ADMIN, CAP_NET_RAW, -1) != 0)
		fail(birth, "choose capabilities");
	if (capng_apply(CAPNG_SELECT_BOUNDS) != 0)
		fail(birth, "empty the bounding set");
	change_user(birth);
	if (capng_apply(CAPNG_SELECT_CAPS) != 0 || capng_apply(CAPNG_SELECT_AMBIENT) != 0)
		fail(birth, "set capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		fail(birth, "give up new privileges");
}

/* After the change of user, which clears the setting. The launcher may have died just before. */
static void tie_to_launcher(const struct birth *birth)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		fail(birth, "be tied to lanraged");
	if (getppid() != birth->launcher)
		_exit(125);
}

static _Noreturn void run_program(const struct birth *birth)
{
	const struct process_common *common = birth->common;
	const char *const argv[] = {roster[birth->id].user,
				    "--run",
				    common->run,
				    "--state",
				    common->state,
				    common->config != NULL ? "--config" : NULL,
				    common->config,
				    NULL};

	execve(birth->path, (char *const *)argv, environ);
	/* A build directory in a home that is closed to others: root has opened the program. */
	if (errno == EACCES)
		execveat(birth->program, "", (char *const *)argv, environ, AT_EMPTY_PATH);
	fail(birth, "run its program");
}

static _Noreturn void child(struct birth *birth)
{
	setsid();
	place_descriptors(birth);
	reset_signals();
	umask(0027);
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, OPEN_FILES_MAX);
	set_limit(RLIMIT_MEMLOCK, LOCKED_MEMORY_MAX);
	set_environment(birth);
	drop_privileges(birth);
	tie_to_launcher(birth);
	run_program(birth);
}

/* ---- in the launcher ---- */

static int program_path(const struct process_common *common, enum service_id id,
			char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", common->directory, roster[id].user);

	return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

int process_find_programs(struct process_common *common, struct error *error)
{
	char path[PATH_MAX];

	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n < 0)
		return error_set(error, -errno, "cannot read /proc/self/exe: mount /proc");
	path[n] = '\0';
	*strrchr(path, '/') = '\0';
	if ((size_t)snprintf(common->directory, sizeof(common->directory), "%s", path) >=
	    sizeof(common->directory))
		return error_set(error, -ENAMETOOLONG, "the path of lanraged is too long");
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (program_path(common, (enum service_id)id, path) != 0 || access(path, X_OK) != 0)
			return error_set(error, -ENOENT,
					 "program %.160s is missing: install or build the whole "
					 "suite",
					 path);
	return 0;
}

/* Waits for the program to run: the pipe closes. A failure comes as bytes instead. */
static int read_report(int fd, pid_t pid, enum service_id id, struct error *error)
{
	struct failure failure;
	ssize_t n;

	do
		n = read(fd, &failure, sizeof(failure));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	if (n != (ssize_t)sizeof(failure))
		return error_set(error, -EIO, "%s did not start", roster[id].user);
	return error_set(error, -failure.code, "%s cannot %s: %s", roster[id].user, failure.what,
			 strerror(failure.code));
}

int process_start(const struct process_common *common, enum service_id id, int output, pid_t *pid,
		  struct error *error)
{
	struct birth birth = {.common = common, .id = id, .launcher = getpid(), .output = output};
	int report[2];

	birth.passed_count = descriptors_for(common->descriptors, id, birth.passed);
	int r = program_path(common, id, birth.path);
	birth.program = r == 0 ? open(birth.path, O_PATH | O_CLOEXEC) : -1;
	if (birth.program < 0)
		return error_set(error, r != 0 ? r : -errno, "cannot open %.160s: %s", birth.path,
				 strerror(r != 0 ? -r : errno));
	if (pipe2(report, O_CLOEXEC) != 0) {
		r = error_set(error, -errno, "cannot make a pipe: %s", strerror(errno));
		close(birth.program);
		return r;
	}
	birth.report = report[1];
	*pid = fork();
	if (*pid == 0)
		child(&birth);
	r = *pid < 0 ? error_set(error, -errno, "cannot fork: %s", strerror(errno)) : 0;
	close(report[1]);
	close(birth.program);
	if (r == 0)
		r = read_report(report[0], *pid, id, error);
	close(report[0]);
	return r;
}
