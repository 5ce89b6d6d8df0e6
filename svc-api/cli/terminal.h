/* terminal.h - what the other end of stdout shows: how many columns, and whether in colours.
 *
 * Colours say one thing: good, not quite, bad; and which line is a title. Nothing is told by colour
 * alone. They are never part of a text whose width is counted, nor of JSON.
 */
#ifndef LANRAGE_CLI_TERMINAL_H
#define LANRAGE_CLI_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

#define TERMINAL_COLUMNS \
	80 /* where nothing else is known, and the least that tables are made for */

enum color_when {
	COLOR_AUTO,
	COLOR_ALWAYS,
	COLOR_NEVER,
};

enum paint {
	PAINT_PLAIN,
	PAINT_GOOD,  /* green */
	PAINT_FAIR,  /* yellow */
	PAINT_BAD,   /* red */
	PAINT_TITLE, /* bold */
};

/* `auto`, `always` or `never`; -EINVAL. */
int terminal_parse_color(const char *text, enum color_when *when);
/* no_color and term: the variables NO_COLOR (no-color.org: set and not empty) and TERM, or NULL.
 * Pure. */
bool terminal_wants_color(enum color_when when, bool terminal, const char *no_color,
			  const char *term);
/* Decides for this process by its stdout and environment; before that nothing is coloured. */
void terminal_use_color(enum color_when when);

/* What switches the colour on and, after the text, off again; "" where there are no colours. */
const char *terminal_paint(enum paint paint);
const char *terminal_unpaint(enum paint paint);
/* The colour of a state as the API names it: of a peer, a path or a service. Pure. */
enum paint terminal_paint_of(const char *state);

/* Is the descriptor a terminal on which the cursor can be moved and lines erased? */
bool terminal_moves(int fd);

/* The width of stdout where it is a terminal, else what COLUMNS says; TERMINAL_COLUMNS at least. */
size_t terminal_columns(void);

#endif
