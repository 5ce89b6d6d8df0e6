/* client.h - one question to the API over HTTP.
 *
 * Connects to this machine only: no proxy, no redirect, an answer of bounded size. */
#ifndef LANRAGE_CLI_CLIENT_H
#define LANRAGE_CLI_CLIENT_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-api/cli/place.h"

/* Create and join wait for the server and the interface, 12 s at most. */
#define CLIENT_TIMEOUT_MS 20000

struct answer {
	int status; /* of HTTP */
	char *text; /* as the API sent it */
	size_t length;
	json_t *json;
};

/* body may be NULL; it is taken over. path follows /api/v1/. 0 where the API agreed (2xx); else a
 * negative errno with the API's words, or with what to do where it did not answer; *answer may hold
 * the refusal. Clear it in any case. What progress_begin() named is over with it. */
int client_ask(const struct place *place, const char *method, const char *path, json_t *body,
	       struct answer *answer, struct error *error);
/* GET for who would rather have no answer than wait longer. */
int client_get_within(const struct place *place, const char *path, uint32_t timeout_ms,
		      struct answer *answer, struct error *error);
void client_clear(struct answer *answer);
/* Percent-encodes a name for a path. Free with free(). */
char *client_escape(const char *name);

#endif
