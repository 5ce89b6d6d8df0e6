#include "svc-api/cli/table.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "svc-api/clean.h"

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
	*table = (struct table){.n_columns = n_columns};
}

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

void table_add(struct table *table, const char *const *cells)
{
	size_t used = table->n_rows * table->n_columns;
	void *grown = realloc(table->cells, (used + table->n_columns) * TABLE_CELL_MAX);

	if (!grown)
		return;
	table->cells = grown;
	table->n_rows++;
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *text = cells[i] && *cells[i] ? cells[i] : "-";

		clean_text(text, strlen(text), table->cells[used + i],
			   TABLE_CELL_MAX - sizeof(ellipsis));
		if (table->limits)
			cut(table->cells[used + i], table->limits[i]);
	}
}

static void print_row(const struct table *table, size_t row, const size_t *widths, FILE *out)
{
	for (size_t i = 0; i < table->n_columns; i++) {
		const char *cell = table->cells[row * table->n_columns + i];
		size_t width = table_width(cell);
		int pad = i + 1 < table->n_columns ? (int)(widths[i] - width) + 2 : 0;

		(void)fprintf(out, "%s%*s", cell, pad, "");
	}
	(void)fputc('\n', out);
}

void table_print(const struct table *table, size_t indent, FILE *out)
{
	size_t widths[TABLE_COLUMNS_MAX] = {0};

	for (size_t i = 0; i < table->n_rows * table->n_columns; i++) {
		size_t width = table_width(table->cells[i]);

		if (width > widths[i % table->n_columns])
			widths[i % table->n_columns] = width;
	}
	for (size_t row = 0; row < table->n_rows; row++) {
		(void)fprintf(out, "%*s", (int)indent, "");
		print_row(table, row, widths, out);
	}
}

void table_deinit(struct table *table)
{
	free(table->cells);
	*table = (struct table){0};
}
