/* complete.h - the words that a shell offers and only what runs now knows.
 *
 * For the completion scripts: `lanrage --complete WHAT` prints one word a line. It is asked while
 * somebody types: no complaint, and an answer within 300 ms or none.
 */
#ifndef LANRAGE_CLI_COMPLETE_H
#define LANRAGE_CLI_COMPLETE_H

#include <jansson.h>
#include <stdio.h>

#include "svc-api/cli/arguments.h"

/* The word for WHAT; NULL where nothing that runs is asked. */
const char *complete_name(enum completes completes);
/* What --complete names; returns the exit status: 2 where there is no such list. */
int complete_print(const struct invocation *invocation);
/* One word a line out of what the API, or services.json, said. A name that cannot be typed (it
 * looks like an option, or is not clean), or does not mean one alone, is replaced by the id. Pure.
 */
void complete_list(enum completes completes, const json_t *json, FILE *out);

#endif
