/* manual.h - the parts of lanrage(1) that the tables say, in man(7). Pure. */
#ifndef LANRAGE_CLI_MANUAL_H
#define LANRAGE_CLI_MANUAL_H

#include <stdio.h>

#include "svc-api/cli/arguments.h"

void manual_commands(const struct command *table, FILE *out);
void manual_options(const struct command *table, FILE *out);

#endif
