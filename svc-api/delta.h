/* delta.h - what changed from one JSON value to the next, as a JSON Patch (RFC 6902). Pure.
 *
 * Objects are compared member by member; everything else, lists too, is replaced whole. Only the
 * operations add, remove and replace are used, in an order in which they can be applied.
 */
#ifndef LANRAGE_API_DELTA_H
#define LANRAGE_API_DELTA_H

#include <jansson.h>

/* A list of operations, empty where nothing changed; the caller's. NULL: out of memory, or nested
 * deeper or named longer than anything of the API is. */
json_t *delta_make(const json_t *before, const json_t *after);

#endif
