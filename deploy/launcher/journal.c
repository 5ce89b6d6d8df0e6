#include "deploy/launcher/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"

#define CHUNK 16384
/* A pipe holds at most 64 KiB; whoever still writes when its service is dead is not waited for. */
#define DETACH_CHUNKS 16
/* From here on a line is cut, so that a service without newlines is bounded too. */
#define LINE_ROOM 65536

static int open_file(struct journal *journal)
{
	char name[32];
	struct stat st;

	snprintf(name, sizeof(name), "%s.log", journal->name);
	journal->file =
		openat(journal->directory, name,
		       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0640);
	if (journal->file < 0)
		return -errno;
	if (fchown(journal->file, 0, journal->gid) != 0 || fchmod(journal->file, 0640) != 0 ||
	    fstat(journal->file, &st) != 0)
		return -errno;
	journal->size = st.st_size;
	return 0;
}

static void rotate(struct journal *journal)
{
	char name[32], old[36];

	snprintf(name, sizeof(name), "%s.log", journal->name);
	snprintf(old, sizeof(old), "%s.1", name);
	close(journal->file);
	if (renameat(journal->directory, name, journal->directory, old) != 0)
		unlinkat(journal->directory, name, 0);
	if (open_file(journal) != 0)
		log_err("log %s: cannot be opened again: %s", journal->name, strerror(errno));
}

static void append(struct journal *journal, const char *bytes, size_t length)
{
	if (journal->file < 0 || length == 0)
		return;
	if ((journal->size > JOURNAL_MAX && !journal->inside_line) ||
	    journal->size > JOURNAL_MAX + LINE_ROOM)
		rotate(journal);
	ssize_t n = journal->file >= 0 ? write(journal->file, bytes, length) : -1;
	if (n > 0)
		journal->size += n;
	journal->inside_line = bytes[length - 1] != '\n';
	if (journal->echo && write(STDERR_FILENO, bytes, length) < 0)
		journal->echo = false; /* nobody reads it any more */
}

int journal_open(struct journal *journal, int directory, const char *name, gid_t gid, bool echo,
		 struct error *error)
{
	*journal = (struct journal){.name = name,
				    .directory = directory,
				    .gid = gid,
				    .file = -1,
				    .pipe = -1,
				    .echo = echo};
	int r = open_file(journal);
	if (r != 0)
		return error_set(error, r, "cannot open logs/%s.log: %s", name, strerror(-r));
	if (journal->size > JOURNAL_MAX)
		rotate(journal);
	return 0;
}

void journal_close(struct journal *journal)
{
	if (journal->pipe >= 0)
		close(journal->pipe);
	if (journal->file >= 0)
		close(journal->file);
	journal->pipe = journal->file = -1;
}

int journal_attach(struct journal *journal, int *write_end)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	/* Ours only: the service may count on blocking writes. */
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	journal->pipe = ends[0];
	*write_end = ends[1];
	return 0;
}

/* False when there is nothing more for now. */
static bool move_chunk(struct journal *journal)
{
	char bytes[CHUNK];

	ssize_t n = read(journal->pipe, bytes, sizeof(bytes));
	if (n > 0) {
		append(journal, bytes, (size_t)n);
		return true;
	}
	if (n == 0) { /* the service has closed its end; poll() would report it for ever */
		close(journal->pipe);
		journal->pipe = -1;
	}
	return false;
}

void journal_move(struct journal *journal)
{
	move_chunk(journal);
}

void journal_detach(struct journal *journal)
{
	for (int i = 0; i < DETACH_CHUNKS && journal->pipe >= 0 && move_chunk(journal); i++)
		;
	if (journal->pipe >= 0)
		close(journal->pipe);
	journal->pipe = -1;
	if (journal->inside_line)
		append(journal, "\n", 1);
}

void journal_note(struct journal *journal, const char *text)
{
	char line[512], now[CLOCK_RFC3339_SIZE];
	bool echo = journal->echo;

	int n = snprintf(line, sizeof(line), "%s<%d>%s lanraged: %s",
			 journal->inside_line ? "\n" : "", LOG_LEVEL_NOTICE,
			 clock_rfc3339(clock_wall_us(), now), text);
	size_t length = n < 0 ? 0 : (size_t)n;
	if (length > sizeof(line) - 2)
		length = sizeof(line) - 2;
	line[length++] = '\n';
	journal->echo = false; /* our own log has it already */
	append(journal, line, length);
	journal->echo = echo;
}
