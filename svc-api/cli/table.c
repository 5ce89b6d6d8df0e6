#include "svc-api/cli/table.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "svc-api/clean.h"

#define WRAP_LEAST 30 /* columns; narrower is not read any more */

static const char ellipsis[] = "\xe2\x80\xa6";

void table_init_locale(void)
{
	(void)setlocale(LC_CTYPE, "C.UTF-8");
}

size_t table_width(const char *text)
{
	mbstate_t state = {0};
	size_t left = strlen(text), width = 0;

	while (left > 0) {
		wchar_t character = 0;
		size_t n = mbrtowc(&character, text, left, &state);
		int columns;

		if (n == 0 || n > left) /* not in this locale: one byte, one column */
			return width + left;
		columns = wcwidth(character);
		width += columns > 0 ? (size_t)columns : 0;
		text += n;
		left -= n;
	}
	return width;
}

void table_init(struct table *table, size_t n_columns)
{
	*table = (struct table){.n_columns = n_columns, .room = terminal_columns()};
}

void table_add(struct table *table, const char *const *cells)
{
	size_t used = table->n_rows * table->n_columns;
	void *grown = realloc(table->cells, (used + table->n_columns) * sizeof(*table->cells));

	if (!grown)
		return;
	table->cells = grown;
	table->n_rows++;
	for (size_t i = 0; i < table->n_columns; i++) {
		struct table_cell *cell = &table->cells[used + i];
		const char *text = cells[i] && *cells[i] ? cells[i] : "-";

		/* There is room for the ellipsis behind it. */
		clean_text(text, strlen(text), cell->text, sizeof(cell->text) - sizeof(ellipsis));
		cell->paint = PAINT_PLAIN;
	}
}

void table_add_title(struct table *table, const char *const *cells)
{
	table_add(table, cells);
	for (size_t i = 0; i < table->n_columns; i++)
		table_paint(table, i, PAINT_TITLE);
}

void table_paint(struct table *table, size_t column, enum paint paint)
{
	if (table->n_rows > 0)
		table->cells[(table->n_rows - 1) * table->n_columns + column].paint = paint;
}

/* ---- widths */

/* Of every column, what its longest text takes; returns their sum. */
static size_t measure(const struct table *table, size_t widths[TABLE_COLUMNS_MAX])
{
	size_t sum = 0;

	for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
		size_t width = table_width(table->cells[i].text);

		if (width > widths[i % table->n_columns])
			widths[i % table->n_columns] = width;
	}
	for (size_t i = 0; i < table->n_columns; i++)
		sum += widths[i];
	return sum;
}

/* The widest column that may still lose one; n_columns: none. */
static size_t find_widest(const struct table *table, const size_t *widths)
{
	size_t found = table->n_columns;

	for (size_t i = 0; i < table->n_columns; i++)
		if (table->least && table->least[i] > 0 && widths[i] > table->least[i] &&
		    (found == table->n_columns || widths[i] > widths[found]))
			found = i;
	return found;
}

/* Narrows by one column at a time, always the widest, until the rows fit or nothing may be cut.
 * What wraps gives way before, and takes what is left over. */
static void fit(const struct table *table, size_t indent, size_t widths[TABLE_COLUMNS_MAX])
{
	size_t taken = measure(table, widths) + indent + 2 * (table->n_columns - 1);
	size_t last = table->n_columns - 1, widest;
	bool wraps = table->wraps && taken > table->room && widths[last] > WRAP_LEAST;

	if (wraps) {
		taken -= widths[last] - WRAP_LEAST;
		widths[last] = WRAP_LEAST;
	}
	for (; taken > table->room; taken--) {
		widest = find_widest(table, widths);
		if (widest == table->n_columns)
			return;
		widths[widest]--;
	}
	if (wraps)
		widths[last] += table->room - taken;
}

/* ---- texts */

/* Shortens a text that takes more columns. There is room for the ellipsis behind it. */
static void cut(char *text, size_t width)
{
	size_t length = strlen(text);

	if (table_width(text) <= width)
		return;
	while (length > 0 && table_width(text) > width - 1) {
		do
			length--;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80);
		text[length] = '\0';
	}
	memcpy(text + length, ellipsis, sizeof(ellipsis));
}

/* Ends the text where a line of this width is full, between words; returns what is left, or NULL.
 * A word that is longer than the line stays whole. */
static char *break_line(char *text, size_t width)
{
	char *best = NULL;

	for (char *blank = strchr(text, ' '); blank; blank = strchr(blank + 1, ' ')) {
		bool fits;

		*blank = '\0';
		fits = table_width(text) <= width;
		*blank = ' ';
		if (fits || !best)
			best = blank;
		if (!fits)
			break;
	}
	if (table_width(text) <= width || !best)
		return NULL;
	*best = '\0';
	return best + 1;
}

static void print_cell(const struct table_cell *cell, const char *text, FILE *out)
{
	(void)fprintf(out, "%s%s%s", terminal_paint(cell->paint), text,
		      terminal_unpaint(cell->paint));
}

static void print_wrapped(const struct table_cell *cell, size_t start, size_t width, FILE *out)
{
	char copy[TABLE_CELL_MAX], *line = copy;

	memcpy(copy, cell->text, sizeof(copy));
	for (char *rest = break_line(line, width); rest; rest = break_line(line, width)) {
		print_cell(cell, line, out);
		(void)fprintf(out, "\n%*s", (int)start, "");
		line = rest;
	}
	print_cell(cell, line, out);
}

static void print_row(const struct table *table, size_t row, size_t indent, const size_t *widths,
		      FILE *out)
{
	size_t start = indent;

	(void)fprintf(out, "%*s", (int)indent, "");
	for (size_t i = 0; i < table->n_columns; i++) {
		const struct table_cell *cell = &table->cells[row * table->n_columns + i];
		bool last = i + 1 == table->n_columns;
		char text[TABLE_CELL_MAX];

		if (last && table->wraps) {
			print_wrapped(cell, start, widths[i], out);
			break;
		}
		memcpy(text, cell->text, sizeof(text));
		cut(text, widths[i]);
		print_cell(cell, text, out);
		if (!last)
			(void)fprintf(out, "%*s", (int)(widths[i] - table_width(text)) + 2, "");
		start += widths[i] + 2;
	}
	(void)fputc('\n', out);
}

void table_print_rows(const struct table *table, size_t from, size_t to, size_t indent, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	fit(table, indent, widths);
	for (size_t row = from; row < to; row++)
		print_row(table, row, indent, widths, out);
}

void table_print(const struct table *table, size_t indent, FILE *out)
{
	table_print_rows(table, 0, table->n_rows, indent, out);
}

void table_deinit(struct table *table)
{
	free(table->cells);
	*table = (struct table){0};
}
