/* table.h - aligned columns for a terminal.
 *
 * Widths are counted in columns of the terminal, not in bytes, so names in any script line up.
 * Every cell is made clean: no control character from elsewhere reaches the terminal.
 * A table that is wider than the room for it is narrowed where its owner allows that: names may be
 * cut, with an ellipsis, numbers and addresses never. So it fits whatever others call themselves;
 * who needs the whole name asks for --json.
 */
#ifndef LANRAGE_CLI_TABLE_H
#define LANRAGE_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "svc-api/cli/terminal.h"

#define TABLE_COLUMNS_MAX 8
#define TABLE_CELL_MAX	  512

struct table_cell {
	char text[TABLE_CELL_MAX];
	enum paint paint;
};

struct table {
	size_t n_columns;
	size_t n_rows;
	/* Set by the caller after table_init(): */
	const size_t *least; /* of each column, the width below which it is never cut; 0: it is
			      * never cut at all. NULL: none is */
	bool wraps;  /* the last column goes on in the next line, between words, and is not cut */
	size_t room; /* columns of the terminal; at first what the terminal has */
	struct table_cell *cells; /* n_rows * n_columns */
};

/* For wcwidth(3) to know the characters; once, before the first table. */
void table_init_locale(void);
/* How many columns a clean text takes. */
size_t table_width(const char *text);

void table_init(struct table *table, size_t n_columns);
/* One row, n_columns texts, copied. NULL and "" become `-`. */
void table_add(struct table *table, const char *const *cells);
/* The same, as the line of titles. */
void table_add_title(struct table *table, const char *const *cells);
/* Colours one cell of the row added last. */
void table_paint(struct table *table, size_t column, enum paint paint);
/* Two blanks between columns; no trailing blanks. Rows begin with indent blanks. */
void table_print(const struct table *table, size_t indent, FILE *out);
/* The rows from one to before another, as wide as in the whole: for titles between them. */
void table_print_rows(const struct table *table, size_t from, size_t to, size_t indent, FILE *out);
void table_deinit(struct table *table);

#endif
