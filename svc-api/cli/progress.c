#include "svc-api/cli/progress.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define NOTICED_US (500 * 1000) /* before that nobody wonders */

static struct {
	const char *what; /* NULL: nothing, or nobody to tell */
	uint64_t begun_us;
	bool shown;
} waiting;

/* The line is erased by a sequence that a dumb terminal would print. */
static bool can_erase(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) == 1 && term && *term && strcmp(term, "dumb") != 0;
}

void progress_begin(const char *what)
{
	waiting.what = can_erase() ? what : NULL;
	waiting.begun_us = clock_now_us();
}

void progress_tick(void)
{
	uint64_t now_us = clock_now_us();

	if (!waiting.what || now_us - waiting.begun_us < NOTICED_US)
		return;
	(void)fprintf(stderr, "\r\033[K%s (%.0f s)", waiting.what,
		      (double)(now_us - waiting.begun_us) / (double)CLOCK_SECOND);
	waiting.shown = true;
}

void progress_end(void)
{
	if (waiting.shown)
		(void)fputs("\r\033[K", stderr);
	waiting.shown = false;
	waiting.what = NULL;
}
