/* arguments.h - the command line taken apart: one table of commands (commands.c), one of options
 * (options.c). Pure.
 *
 * Options may come before or after words; `--` ends them. `--name ME`, `--name=ME`, `-c 3`, `-c3`.
 * The same two tables make the help, the manual and what shells complete.
 */
#ifndef LANRAGE_CLI_ARGUMENTS_H
#define LANRAGE_CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-api/cli/terminal.h"

#define ARGUMENTS_MAX 4

/* A new option of a command takes the next free bit from below. */
enum option {
	OPTION_NAME = 1 << 0,
	OPTION_LOCAL = 1 << 1,
	OPTION_ONCE = 1 << 2,
	OPTION_TTL = 1 << 3,
	OPTION_COUNT = 1 << 4,
	OPTION_GAME = 1 << 5,
	OPTION_LINES = 1 << 6,
	OPTION_REVOKE = 1 << 7,
	OPTION_WATCH = 1 << 8,
	OPTION_SORT = 1 << 9,
	OPTION_INVITE = 1 << 10,
	OPTION_NO_OPEN = 1 << 11,
	OPTION_SERVER = 1 << 12,
	OPTION_COMPLETE = 1 << 25, /* these go with every command */
	OPTION_COLOR = 1 << 26,
	OPTION_RUN = 1 << 27,
	OPTION_JSON = 1 << 28,
	OPTION_HELP = 1 << 29,
	OPTION_VERSION = 1 << 30,
};
#define OPTIONS_EVERYWHERE \
	(OPTION_COMPLETE | OPTION_COLOR | OPTION_RUN | OPTION_JSON | OPTION_HELP | OPTION_VERSION)
/* These need no command and ask for something else than it. */
#define OPTIONS_INSTEAD (OPTION_COMPLETE | OPTION_HELP | OPTION_VERSION)

/* What a shell offers for a word. */
enum completes {
	COMPLETES_NOTHING,
	COMPLETES_PEERS, /* asked of what runs now: complete.h */
	COMPLETES_SETTINGS,
	COMPLETES_SERVICES,
	COMPLETES_SERVERS,
	COMPLETES_SESSIONS,
	COMPLETES_RUNNING, /* those game sessions that run */
	COMPLETES_COMMANDS,
	COMPLETES_DIRECTORIES,
	COMPLETES_COLORS, /* what --color takes */
};

struct invocation {
	const struct command *command;
	unsigned int given; /* enum option | … */
	enum color_when color;
	const char *word; /* the first that was given, or NULL; texts are borrowed from argv */
	const char *complete;
	const char *run;
	const char *name;
	const char *game;
	const char *sort;
	const char *server;
	const char *revoke; /* a code */
	uint32_t ttl_s;
	uint32_t count;
	uint32_t lines;
	size_t n_arguments;
	const char *arguments[ARGUMENTS_MAX]; /* what follows the command's words */
};

/* In the order in which the overview shows them. */
enum group {
	GROUP_PARTY,
	GROUP_PEERS,
	GROUP_GAMES,
	GROUP_MACHINE,
	GROUPS,
};

struct command {
	const char *words;     /* NULL ends the table */
	const char *same_as;   /* the words of the command that this is another name of, or NULL;
				* nothing below is then said */
	const char *arguments; /* as usage shows them; NULL: none */
	const char *help;      /* one line */
	const char *about;     /* more sentences, on one line; may be NULL */
	const char *examples;  /* whole command lines, one a line; may be NULL */
	enum group group;
	size_t least, most;				 /* how many arguments */
	enum completes completes;			 /* the first argument */
	unsigned int options;				 /* besides those that go everywhere */
	int (*run)(const struct invocation *invocation); /* returns the exit status */
};

struct option_entry {
	enum option option;
	const char *name;     /* with its dashes; NULL ends the table */
	const char *letter;   /* or NULL */
	const char *argument; /* as usage shows it; NULL: takes none */
	const char *help;     /* NULL: not for people */
	enum completes completes;
	int (*set)(struct invocation *to, const char *text, struct error *error); /* or NULL */
};

extern const struct command commands[];
extern const struct option_entry options[];

/* The command of these words, and of another name the one that it stands for; NULL: none. */
const struct command *arguments_find(const struct command *table, const char *words);
/* -EINVAL with words for wrong usage; command is then the one meant, or NULL where none can be
 * told. With one of OPTIONS_INSTEAD, command may stay NULL. */
int arguments_parse(const struct command *table, int argc, char **argv,
		    struct invocation *invocation, struct error *error);

#endif
