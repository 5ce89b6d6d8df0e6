/* supervision.h - what the launcher says about the services: RUN/services.json, read and checked.
 *
 * The file is written by rename, so it is whole whenever it is there. Under another supervisor it
 * does not exist, and nothing is known.
 */
#ifndef LANRAGE_API_SUPERVISION_H
#define LANRAGE_API_SUPERVISION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/service.h"

#define SUPERVISION_UNKNOWN UINT64_MAX
#define SUPERVISION_MAX	    8192 /* bytes of the file */

struct supervised {
	char state[16];		/* "" for unknown */
	uint64_t pid;		/* SUPERVISION_UNKNOWN unless running; likewise the next two */
	uint64_t started_at_us; /* of clock_now_us() */
	uint64_t restarts;
};

struct supervision {
	bool known;
	struct supervised services[SERVICE_COUNT];
};

/* Pure; any bytes. What is malformed is unknown. */
void supervision_parse(struct supervision *supervision, const char *bytes, size_t length);
/* From RUN/services.json. */
void supervision_read(struct supervision *supervision, const char *run);

#endif
