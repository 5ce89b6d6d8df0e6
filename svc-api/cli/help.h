/* help.h - what --help and wrong usage print, out of the tables. Pure: writes to out only.
 *
 * Made for 80 columns, whatever the terminal has.
 */
#ifndef LANRAGE_CLI_HELP_H
#define LANRAGE_CLI_HELP_H

#include <stdbool.h>
#include <stdio.h>

#include "svc-api/cli/arguments.h"

extern const char *const help_groups[GROUPS]; /* their titles */

/* All commands by group. */
void help_overview(const struct command *table, FILE *out);
/* One command: usage, what it does, its options, examples. */
void help_command(const struct command *table, const struct command *command, FILE *out);
/* Those commands alone whose words begin with this word (NULL: none); false: there are none. */
bool help_family(const struct command *table, const char *word, FILE *out);
/* `usage: lanrage ping PEER [-c N]` and a newline. command NULL: of all. */
void help_usage(const struct command *command, FILE *out);
/* One option as usage shows it: `-c N`, `--name ME`, `--once`. Returns text. */
char *help_option(const struct option_entry *entry, char text[48]);

#endif
