/* fake_service.c - stands in for any lanrage-NAME in the launcher's scenario tests.
 *
 * Writes what it was born with to RUN/NAME/report (`key=value` lines: arguments, environment,
 * descriptors), then does what the words in STATE/NAME/behaviour say, and waits for a signal:
 *     exit N        ends with that status
 *     stubborn      ignores SIGTERM
 *     family        has a child in its process group; its number goes to RUN/NAME/child
 *     flood N       writes N lines of 100 bytes
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void report_descriptors(FILE *file)
{
	char path[64], target[256];

	for (int fd = 0; fd < 256; fd++) {
		if (fd == fileno(file) || fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(path, target, sizeof(target) - 1);
		fprintf(file, "fd%d=%.*s\n", fd, n > 0 ? (int)n : 0, target);
	}
}

static void report(const char *path, int argc, char **argv)
{
	char temporary[600];

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	FILE *file = fopen(temporary, "w");
	if (file == NULL)
		exit(99);
	fprintf(file, "pid=%d\n", (int)getpid());
	for (int i = 0; i < argc; i++)
		fprintf(file, "arg%d=%s\n", i, argv[i]);
	for (char **variable = environ; *variable != NULL; variable++)
		fprintf(file, "env.%s\n", *variable);
	report_descriptors(file);
	fclose(file);
	rename(temporary, path);
}

static void have_child(const char *path)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	FILE *file = fopen(path, "w");
	if (file == NULL)
		exit(99);
	fprintf(file, "%d", (int)pid);
	fclose(file);
}

static void behave(const char *words, const char *own_run)
{
	char path[512];

	if (strncmp(words, "exit ", 5) == 0)
		exit(atoi(words + 5));
	if (strcmp(words, "stubborn") == 0)
		signal(SIGTERM, SIG_IGN);
	if (strcmp(words, "family") == 0) {
		snprintf(path, sizeof(path), "%s/child", own_run);
		have_child(path);
	}
	if (strncmp(words, "flood ", 6) == 0)
		for (int i = 0; i < atoi(words + 6); i++)
			printf("%099d\n", i);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	char own_run[256], own_state[256], path[512], words[64] = "";
	const char *name = strrchr(argv[0], '-');

	if (argc < 5 || name == NULL)
		return 98;
	printf("<6>fake %s begins\n", name + 1);
	fflush(stdout);
	snprintf(own_run, sizeof(own_run), "%s/%s", argv[2], name + 1);
	snprintf(own_state, sizeof(own_state), "%s/%s", argv[4], name + 1);
	/* As a real service: the launcher sees by it that one still lives. */
	snprintf(path, sizeof(path), "%s/lock", own_run);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0)
		return 97;
	snprintf(path, sizeof(path), "%s/behaviour", own_state);
	FILE *file = fopen(path, "r");
	if (file != NULL && fgets(words, sizeof(words), file) == NULL)
		words[0] = '\0';
	if (file != NULL)
		fclose(file);
	snprintf(path, sizeof(path), "%s/report", own_run);
	report(path, argc, argv);
	behave(words, own_run);
	for (;;)
		pause();
}
