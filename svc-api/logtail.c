#include "svc-api/logtail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "svc-api/clean.h"

#define STAMP	      24 /* 2026-01-31T12:00:00.123Z; the launcher's own lines are without .123 */
#define STAMP_SECONDS 19

static const char *const names[] = {"dataplane", "nat", "control", "metrics", "browser", "api"};
#define NAMES (sizeof(names) / sizeof(names[0]))

struct line {
	char stamp[STAMP + 1]; /* its own, or that of the line before */
	size_t number;
	char *text;
};

struct collection {
	size_t n, room;
	struct line *lines;
	char stamp[STAMP + 1];
};

/* Leaves the one before where the line has none. The launcher's "starting" comes before what the
 * program says. */
static void take_stamp(const char *text, size_t length, char stamp[STAMP + 1])
{
	if (length <= STAMP || text[4] != '-' || text[10] != 'T')
		return;
	if (text[STAMP - 1] == 'Z')
		(void)snprintf(stamp, STAMP + 1, "%.*s", STAMP, text);
	else if (text[STAMP_SECONDS] == 'Z')
		(void)snprintf(stamp, STAMP + 1, "%.*s.000Z", STAMP_SECONDS, text);
}

/* Cuts the level off; what there is to say of it, with a blank before. */
static const char *take_level(const char **text, size_t *length)
{
	char level;

	if (*length <= 3 || (*text)[0] != '<' || (*text)[2] != '>')
		return "";
	level = (*text)[1];
	*text += 3;
	*length -= 3;
	if (level < '0' || level > '4')
		return "";
	return level == '4' ? " warning" : " error"; /* as in syslog(3) */
}

/* Made clean; the caller's to free(). */
static char *write_line(const char *text, size_t length, const char *level)
{
	char cleaned[LOGTAIL_LINE_MAX], *line = NULL;
	const char *blank;

	clean_text(text, length, cleaned, sizeof(cleaned));
	blank = strchr(cleaned, ' ');
	if (!*level || !blank)
		return strdup(cleaned);
	if (asprintf(&line, "%.*s%s%s", (int)(blank - cleaned), cleaned, level, blank) < 0)
		return NULL;
	return line;
}

static int add_line(struct collection *all, const char *text, size_t length)
{
	const char *level = take_level(&text, &length);
	struct line *line;

	if (all->n == all->room) {
		size_t room = all->room ? 2 * all->room : 256;
		struct line *lines = realloc(all->lines, room * sizeof(*lines));

		if (!lines)
			return -ENOMEM;
		all->lines = lines;
		all->room = room;
	}
	take_stamp(text, length, all->stamp);
	line = &all->lines[all->n];
	memcpy(line->stamp, all->stamp, sizeof(line->stamp));
	line->number = all->n;
	line->text = write_line(text, length, level);
	if (!line->text)
		return -ENOMEM;
	all->n++;
	return 0;
}

/* The end of a file; a first line that is cut in half is left out. */
static ssize_t read_end(const char *path, char *bytes, size_t size)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
		off_t from = st.st_size > (off_t)size ? st.st_size - (off_t)size : 0;
		char *newline;

		n = pread(fd, bytes, size, from);
		newline = n > 0 && from > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
		if (newline) {
			n -= newline + 1 - bytes;
			memmove(bytes, newline + 1, (size_t)n);
		}
	}
	(void)close(fd);
	return n < 0 ? -EIO : n;
}

static int collect(struct collection *all, const char *path, size_t lines)
{
	char *bytes = malloc(LOGTAIL_BYTES_MAX);
	ssize_t length = bytes ? read_end(path, bytes, LOGTAIL_BYTES_MAX) : -ENOMEM;
	int r = length < 0 ? (int)length : 0;
	size_t start = length < 0 ? 0 : (size_t)length;

	/* Back to where the last `lines` begin. */
	for (size_t seen = 0; start > 0; start--)
		if (bytes[start - 1] == '\n' && start < (size_t)length && ++seen == lines)
			break;
	all->stamp[0] = '\0';
	for (size_t at = start; r == 0 && at < (size_t)length;) {
		const char *newline = memchr(bytes + at, '\n', (size_t)length - at);
		size_t end = newline ? (size_t)(newline - bytes) : (size_t)length;

		r = add_line(all, bytes + at, end - at);
		at = end + 1;
	}
	free(bytes);
	return r;
}

static int compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	int order = strcmp(x->stamp, y->stamp);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

/* Hands the last lines over and frees the rest. */
static int hand_over(struct collection *all, size_t lines, struct logtail *tail)
{
	size_t skip = all->n > lines ? all->n - lines : 0;

	if (all->n)
		qsort(all->lines, all->n, sizeof(*all->lines), compare);
	tail->lines = calloc(lines + 1, sizeof(*tail->lines));
	for (size_t i = 0; i < all->n; i++) {
		if (i >= skip && tail->lines)
			tail->lines[tail->n++] = all->lines[i].text;
		else
			free(all->lines[i].text);
	}
	free(all->lines);
	return tail->lines ? 0 : -ENOMEM;
}

int logtail_read(struct logtail *tail, const char *run, const char *service, size_t lines,
		 struct error *error)
{
	struct collection all = {0};
	char path[PATH_MAX];
	int r = 0, one, found = 0;

	*tail = (struct logtail){0};
	for (size_t i = 0; i < NAMES; i++) {
		if (service && strcmp(service, names[i]) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/logs/%s.log", run, names[i]);
		one = collect(&all, path, lines);
		found += one == 0;
		r = one < 0 ? one : r;
	}
	if (service && !found && r == 0)
		r = -ESRCH;
	one = hand_over(&all, lines, tail);
	if (found > 0 && one == 0)
		return 0;
	logtail_clear(tail);
	if (r == -ESRCH)
		return error_set(
			error, -ENOENT,
			"there is no service %.60s: name dataplane, nat, control, metrics, "
			"browser or api",
			service);
	return error_set(error, r, "cannot read the logs in %s/logs: %s", run, strerror(-r));
}

void logtail_clear(struct logtail *tail)
{
	for (size_t i = 0; i < tail->n; i++)
		free(tail->lines[i]);
	free(tail->lines);
	*tail = (struct logtail){0};
}
