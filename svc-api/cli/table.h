/* table.h - aligned columns for a terminal.
 *
 * Widths are counted in columns of the terminal, not in bytes, so names in any script line up.
 * Every cell is made clean: no control character from elsewhere reaches the terminal.
 */
#ifndef LANRAGE_CLI_TABLE_H
#define LANRAGE_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 8
#define TABLE_CELL_MAX	  256

struct table {
	size_t n_columns;
	size_t n_rows;
	const size_t *limits; /* of each column, in columns of the terminal; NULL: none. Set by the
			       * caller after table_init(): longer texts are cut */
	char (*cells)[TABLE_CELL_MAX]; /* n_rows * n_columns */
};

/* For wcwidth(3) to know the characters; once, before the first table. */
void table_init_locale(void);
/* How many columns a clean text takes. */
size_t table_width(const char *text);

void table_init(struct table *table, size_t n_columns);
/* One row, n_columns texts, copied. NULL and "" become `-`. */
void table_add(struct table *table, const char *const *cells);
/* Two blanks between columns; no trailing blanks. Rows begin with indent blanks. */
void table_print(const struct table *table, size_t indent, FILE *out);
void table_deinit(struct table *table);

#endif
