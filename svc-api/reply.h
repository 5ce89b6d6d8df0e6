/* reply.h - what goes back: a status and JSON, or an error in words.
 *
 * Errors are {"error": {"code": "…", "message": "what happened", "hint": "what to do" or null}};
 * code is a stable word for programs, the other two are for people. In the texts of the suite's
 * errors the hint follows the message after the first "; ".
 */
#ifndef LANRAGE_API_REPLY_H
#define LANRAGE_API_REPLY_H

#include <jansson.h>
#include <stdbool.h>

#include "common/error.h"
#include "common/service.h"
#include "svc-api/target.h"

struct reply {
	int status;   /* of HTTP */
	json_t *json; /* owned */
	char *text;   /* owned; instead of json, of `type` */
	const char *type;
	char allow[48]; /* the header of a 405; "" for none */
	bool paged;	/* json is a part of a list of `total` */
	size_t total;
};

/* Takes json over; NULL (out of memory while it was made) becomes a 500. */
void reply_json(struct reply *reply, int status, json_t *json);
/* Takes text over, likewise. type is a constant. */
void reply_text(struct reply *reply, const char *type, char *text);
/* One page of a list, which is taken over. */
void reply_page(struct reply *reply, json_t *list, const struct target_page *page);
void reply_error(struct reply *reply, int status, const char *code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* A service answered with an error, or not at all. */
void reply_failure(struct reply *reply, enum service_id from, const struct error *error);
void reply_clear(struct reply *reply);

#endif
