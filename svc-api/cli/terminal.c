#include "svc-api/cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_MAX 1000

static bool coloured;

int terminal_parse_color(const char *text, enum color_when *when)
{
	static const char *const words[] = {
		[COLOR_AUTO] = "auto", [COLOR_ALWAYS] = "always", [COLOR_NEVER] = "never"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], text) == 0) {
			*when = (enum color_when)i;
			return 0;
		}
	return -EINVAL;
}

bool terminal_wants_color(enum color_when when, bool terminal, const char *no_color,
			  const char *term)
{
	if (when != COLOR_AUTO)
		return when == COLOR_ALWAYS;
	return terminal && !(no_color && *no_color) && term && *term && strcmp(term, "dumb") != 0;
}

void terminal_use_color(enum color_when when)
{
	coloured = terminal_wants_color(when, isatty(STDOUT_FILENO) == 1, getenv("NO_COLOR"),
					getenv("TERM"));
}

const char *terminal_paint(enum paint paint)
{
	static const char *const codes[] = {[PAINT_PLAIN] = "",
					    [PAINT_GOOD] = "\033[32m",
					    [PAINT_FAIR] = "\033[33m",
					    [PAINT_BAD] = "\033[31m",
					    [PAINT_TITLE] = "\033[1m"};

	return coloured ? codes[paint] : "";
}

const char *terminal_unpaint(enum paint paint)
{
	return coloured && paint != PAINT_PLAIN ? "\033[0m" : "";
}

enum paint terminal_paint_of(const char *state)
{
	static const struct {
		const char *state;
		enum paint paint;
	} known[] = {
		{"connected", PAINT_GOOD}, {"running", PAINT_GOOD}, {"connecting", PAINT_FAIR},
		{"starting", PAINT_FAIR},  {"backoff", PAINT_BAD},  {"relay", PAINT_FAIR},
		{"failed", PAINT_BAD},	   {"offline", PAINT_BAD},  {"silent", PAINT_BAD},
		{"stopped", PAINT_BAD},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(known[i].state, state) == 0)
			return known[i].paint;
	return PAINT_PLAIN;
}

bool terminal_moves(int fd)
{
	return terminal_wants_color(COLOR_AUTO, isatty(fd) == 1, NULL, getenv("TERM"));
}

size_t terminal_columns(void)
{
	const char *variable = getenv("COLUMNS");
	struct winsize size = {0};
	unsigned long columns = 0;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		columns = size.ws_col;
	else if (variable && *variable >= '0' && *variable <= '9')
		columns = strtoul(variable, NULL, 10);
	if (columns > COLUMNS_MAX)
		columns = COLUMNS_MAX;
	return columns < TERMINAL_COLUMNS ? TERMINAL_COLUMNS : columns;
}
