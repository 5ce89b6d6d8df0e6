#include "svc-api/cli/progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "svc-api/cli/terminal.h"

#define NOTICED_US (500 * 1000) /* before that nobody wonders */

static struct {
	const char *what; /* NULL: nothing, or nobody to tell */
	uint64_t begun_us;
	bool shown;
} waiting;

void progress_begin(const char *what)
{
	waiting.what = terminal_moves(STDERR_FILENO) ? what : NULL;
	waiting.begun_us = clock_now_us();
}

void progress_tick(void)
{
	uint64_t waited_us = clock_now_us() - waiting.begun_us;

	if (!waiting.what || waited_us < NOTICED_US)
		return;
	(void)fprintf(stderr, "\r\033[K%s ...", waiting.what);
	if (waited_us >= CLOCK_SECOND)
		(void)fprintf(stderr, " %u s", (unsigned)(waited_us / CLOCK_SECOND));
	waiting.shown = true;
}

void progress_end(void)
{
	if (waiting.shown)
		(void)fputs("\r\033[K", stderr);
	waiting.shown = false;
	waiting.what = NULL;
}
