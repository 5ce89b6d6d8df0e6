/* arguments.h - the command line taken apart: one table of commands, one of options. Pure.
 *
 * Options may come before or after words; `--` ends them. `--name ME`, `--name=ME`, `-c 3`, `-c3`.
 */
#ifndef LANRAGE_CLI_ARGUMENTS_H
#define LANRAGE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define ARGUMENTS_MAX 4

enum option {
	OPTION_RUN = 1 << 0, /* this one, json and help go with every command */
	OPTION_JSON = 1 << 1,
	OPTION_HELP = 1 << 2,
	OPTION_NAME = 1 << 3,
	OPTION_LOCAL = 1 << 4,
	OPTION_ONCE = 1 << 5,
	OPTION_TTL = 1 << 6,
	OPTION_COUNT = 1 << 7,
	OPTION_GAME = 1 << 8,
	OPTION_LINES = 1 << 9,
	OPTION_REVOKE = 1 << 10,
	OPTION_WATCH = 1 << 11,
	OPTION_SORT = 1 << 12,
};
#define OPTIONS_EVERYWHERE (OPTION_RUN | OPTION_JSON | OPTION_HELP)

struct invocation {
	const struct command *command;
	unsigned int given; /* enum option | … */
	const char *run;    /* texts are borrowed from argv */
	const char *name;
	const char *game;
	const char *sort;
	const char *revoke; /* a code */
	uint32_t ttl_s;
	uint32_t count;
	uint32_t lines;
	size_t n_arguments;
	const char *arguments[ARGUMENTS_MAX]; /* what follows the command's words */
};

struct command {
	const char *words; /* NULL ends the table */
	const char *usage; /* what follows the words */
	const char *help;
	size_t least, most;				 /* how many arguments */
	unsigned int options;				 /* besides those that go everywhere */
	int (*run)(const struct invocation *invocation); /* returns the exit status */
};

/* -EINVAL with words for wrong usage. With OPTION_HELP, command may stay NULL. */
int arguments_parse(const struct command *commands, int argc, char **argv,
		    struct invocation *invocation, struct error *error);

#endif
