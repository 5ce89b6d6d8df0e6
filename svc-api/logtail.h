/* logtail.h - the last lines of the services' logs, RUN/logs/NAME.log, in order of time.
 *
 * Lines are `<level>2026-01-31T12:00:00.123Z program: text` (common/log.h); of the levels only
 * errors and warnings are shown, as a word behind the time.
 * What a crashing program or a library wrote in between keeps its place after the line before it.
 * Lines are made clean: what is in a log may come from the network.
 */
#ifndef LANRAGE_API_LOGTAIL_H
#define LANRAGE_API_LOGTAIL_H

#include <stddef.h>

#include "common/error.h"

#define LOGTAIL_LINES_MAX 2000
#define LOGTAIL_LINES	  200	      /* where nobody says how many */
#define LOGTAIL_LINE_MAX  1024	      /* bytes with the NUL; longer ones are cut */
#define LOGTAIL_BYTES_MAX (256 << 10) /* looked at, per service */

struct logtail {
	size_t n;
	char **lines;
};

/* service NULL: all of them. -ENOENT, -EACCES … with words. */
int logtail_read(struct logtail *tail, const char *run, const char *service, size_t lines,
		 struct error *error);
void logtail_clear(struct logtail *tail);

#endif
