/* diagnosis.h - what doctor finds, from what the API and the launcher say. Pure.
 *
 * A list of checks in the order in which a cause comes before its consequences. Each is fine, or a
 * problem with one remedy, or not looked at because something before it is missing.
 */
#ifndef LANRAGE_CLI_DIAGNOSIS_H
#define LANRAGE_CLI_DIAGNOSIS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define DIAGNOSIS_CHECKS_MAX 24
#define DIAGNOSIS_TEXT_MAX   256

struct check {
	char name[16];
	bool ok;
	char text[DIAGNOSIS_TEXT_MAX];
	char remedy[DIAGNOSIS_TEXT_MAX]; /* "" where fine */
};

struct diagnosis {
	size_t n;
	struct check checks[DIAGNOSIS_CHECKS_MAX];
};

/* remedy NULL: fine. */
void diagnosis_add(struct diagnosis *diagnosis, const char *name, const char *remedy,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
/* status and network: the API's documents of these names. */
void diagnosis_judge(struct diagnosis *diagnosis, const json_t *status, const json_t *network);
/* check: the document lan/check, or NULL with why there is none. */
void diagnosis_judge_lan(struct diagnosis *diagnosis, const json_t *check, const char *why);
bool diagnosis_is_fine(const struct diagnosis *diagnosis);
/* {ok, checks: [{name, ok, text, remedy}]}; a new reference. */
json_t *diagnosis_json(const struct diagnosis *diagnosis);

#endif
