/* pages.h - the manual and the completion scripts, filled in from the tables of commands and of
 * options, so that they say what the program does.
 *
 * A template is copied. A line that is a marker and nothing else is replaced:
 *
 *   @manual-commands@   every command with its options and examples, in man(7)
 *   @manual-options@    the options that go with every command
 *   @commands@          `'WORDS|OPTIONS|COMPLETES|HELP'` for sh-like shells, a line for each
 *   @options@           `'NAME|LETTER|ARGUMENT|COMPLETES|HELP|EVERYWHERE'`, the last 1 or 0
 *   @fish-valued@       sets __lanrage_valued to the options that take a value
 *   @fish@              what fish calls complete with
 *
 * and @version@ anywhere in a line by the version. COMPLETES is a word of enum completes.
 */
#ifndef LANRAGE_CLI_PAGES_H
#define LANRAGE_CLI_PAGES_H

#include <stdio.h>

#include "svc-api/cli/arguments.h"

/* -EINVAL: a marker that is none of these. */
int pages_fill(const struct command *table, FILE *in, FILE *out);

#endif
