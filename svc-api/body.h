/* body.h - a request's JSON body, checked against the list of fields its route takes. Pure.
 *
 * The bytes come from outside: any content. At most BODY_MAX bytes and BODY_DEPTH_MAX levels, no
 * field twice, none that the route does not name. Texts are clean (text.h). An optional field that
 * is null counts as absent; a BODY_VALUE that is null is one.
 */
#ifndef LANRAGE_API_BODY_H
#define LANRAGE_API_BODY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define BODY_MAX       65536
#define BODY_DEPTH_MAX 4
#define BODY_ANY       "*" /* as the only field's name: any field, all of this kind */

enum body_kind {
	BODY_TEXT, /* max: bytes with the NUL */
	BODY_BOOL,
	BODY_NUMBER, /* a whole one from 0 to max */
	BODY_TEXTS,  /* a list of at most max texts, each below BODY_ITEM_MAX bytes */
	BODY_VALUE,  /* a text as above, true, false, a whole number or null */
	BODY_VALUES, /* an object of such */
};
#define BODY_ITEM_MAX 64

struct body_field {
	const char *name; /* NULL ends the list */
	enum body_kind kind;
	bool required;
	uint64_t max;
};

/* No bytes at all count as {}. *json is the caller's to json_decref(). -EINVAL with words that
 * name the field. */
int body_parse(json_t **json, const struct body_field *fields, const char *bytes, size_t length,
	       struct error *error);

/* Of a body that was checked: the value, or "", false, 0 where absent. Text is borrowed. */
const char *body_text(const json_t *json, const char *name);
bool body_bool(const json_t *json, const char *name);
uint64_t body_number(const json_t *json, const char *name);
/* Copies a text into a field of size bytes, which is at least what the route's table says. */
void body_copy(const json_t *json, const char *name, char *out, size_t size);

#endif
