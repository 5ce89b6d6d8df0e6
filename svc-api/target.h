/* target.h - what a request names: the path's segments and the query's parameters, decoded. Pure.
 *
 * Percent-escapes are decoded within each segment and value, so a `/` inside a name (%2F) stays in
 * its segment. Texts are clean (text.h). Dot segments mean nothing here: no file is ever looked up.
 */
#ifndef LANRAGE_API_TARGET_H
#define LANRAGE_API_TARGET_H

#include <stddef.h>

#define TARGET_SEGMENTS_MAX   8
#define TARGET_TEXT_MAX	      256 /* bytes with the NUL */
#define TARGET_PARAMETERS_MAX 16

struct target_parameter {
	char name[32];
	char value[TARGET_TEXT_MAX];
};

struct target {
	size_t n_segments;
	char segments[TARGET_SEGMENTS_MAX][TARGET_TEXT_MAX];
	size_t n_parameters;
	struct target_parameter parameters[TARGET_PARAMETERS_MAX];
};

/* path begins with `/`; query is what follows `?`, or NULL. -EINVAL: malformed, or too much. */
int target_parse(struct target *target, const char *path, const char *query);
/* The value of a parameter, borrowed, or fallback. */
const char *target_parameter(const struct target *target, const char *name, const char *fallback);
/* The value of a parameter that is a number; without it *number stays. -EINVAL: anything but
 * digits, or more than max. */
int target_number(const struct target *target, const char *name, unsigned long max,
		  unsigned long *number);

/* Which part of a list is wanted: `limit` (1 to TARGET_PAGE_MAX; all of it where absent) and
 * `offset`. */
#define TARGET_PAGE_MAX 1000
struct target_page {
	size_t limit, offset;
};
/* -EINVAL: malformed, or too much. */
int target_page(const struct target *target, struct target_page *page);

#endif
