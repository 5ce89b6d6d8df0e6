#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/clock.h"

#define LINE_MAX_BYTES 1024

static const char *log_program = "lanrage";
static _Atomic int log_threshold = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
	log_program = program;
	atomic_store(&log_threshold, (int)level);
}

int log_level_parse(const char *text, enum log_level *level)
{
	static const struct {
		const char *name;
		enum log_level level;
	} levels[] = {
		{"err", LOG_LEVEL_ERR},	      {"warning", LOG_LEVEL_WARNING},
		{"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO},
		{"debug", LOG_LEVEL_DEBUG},
	};

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		if (strcmp(levels[i].name, text) == 0) {
			*level = levels[i].level;
			return 0;
		}
	}
	return -EINVAL;
}

/* `<6>2026-01-31T12:00:00.123Z program: `; returns its length. */
static size_t log_write_head(enum log_level level, char *line, size_t size)
{
	uint64_t wall_us = clock_wall_us();
	char when[CLOCK_RFC3339_SIZE];
	int n;

	clock_rfc3339(wall_us, when);
	when[strlen(when) - 1] = 0; /* the Z comes after the milliseconds */
	n = snprintf(line, size, "<%d>%s.%03uZ %s: ", (int)level, when,
		     (unsigned)(wall_us % CLOCK_SECOND / CLOCK_MS), log_program);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

void log_write(enum log_level level, const char *format, ...)
{
	char line[LINE_MAX_BYTES];
	va_list arguments;
	int saved = errno;
	size_t head, length;

	if ((int)level > atomic_load(&log_threshold))
		return;
	head = log_write_head(level, line, sizeof(line) - 2);
	va_start(arguments, format);
	vsnprintf(line + head, sizeof(line) - 1 - head, format, arguments);
	va_end(arguments);
	length = strlen(line);
	for (size_t i = head; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = '?';
	line[length++] = '\n';
	/* One write per line, so that lines of several threads do not mix. */
	if (write(STDERR_FILENO, line, length) < 0) {
		/* nobody is left to be told */
	}
	errno = saved;
}

bool log_limit_pass(struct log_limit *limit, uint64_t now_us, uint64_t interval_us)
{
	if (now_us < limit->next_us) {
		limit->held++;
		return false;
	}
	if (limit->held)
		log_write(LOG_LEVEL_NOTICE, "the next line stands for %u more that were held back",
			  limit->held);
	limit->held = 0;
	limit->next_us = now_us + interval_us;
	return true;
}
