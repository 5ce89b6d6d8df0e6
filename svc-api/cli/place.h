/* place.h - where the suite runs: its run directory, its launcher, its API and the token. */
#ifndef LANRAGE_CLI_PLACE_H
#define LANRAGE_CLI_PLACE_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"

#define PLACE_RUN_DEFAULT "/run/lanrage"

struct place {
	const char *run;
	char api[64]; /* ADDR:PORT */
	char token[160];
	json_t *services; /* the whole services.json */
};

/* run: of --run, or NULL for LANRAGE_RUN and the default. Reads services.json: -ESRCH with words
 * where no launcher runs. */
int place_find(struct place *place, const char *run, struct error *error);
/* The API's address out of services.json, which may hold anything. Pure. -EINVAL. */
int place_take_api(struct place *place, const json_t *services);
/* Reads RUN/token. -EACCES with words where this user may not. */
int place_read_token(struct place *place, struct error *error);
void place_clear(struct place *place);

#endif
