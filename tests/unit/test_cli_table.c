/* Columns that line up, and texts that do not push the others off the screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/cli/table.h"

static void print(const struct table *table, char text[4096])
{
	FILE *out = fmemopen(text, 4096, "w");

	table_print(table, 0, out);
	assert_int_equal(fclose(out), 0);
}

static void long_texts_are_cut(void **state)
{
	static const size_t least[] = {4, 3};
	const char *rows[][2] = {
		{"abcd", "xyz"},
		{"abcde", "\xc3\xa4\xc3\xb6\xc3\xbc\xc3\xa4"}, /* two bytes each, one column */
		{"\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad", "\033[31m"}, /* two columns each */
		{"", NULL},
	};
	struct table table;
	char text[4096] = "";

	(void)state;
	table_init(&table, 2);
	table.least = least;
	table.room = 9;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		table_add(&table, rows[i]);
	print(&table, text);
	assert_string_equal(text, "abcd  xyz\n"
				  "abc\xe2\x80\xa6  \xc3\xa4\xc3\xb6\xe2\x80\xa6\n"
				  "\xe4\xb8\xad\xe2\x80\xa6   ?[\xe2\x80\xa6\n"
				  "-     -\n");
	table_deinit(&table);
}

/* Marks that take no column make a text of any length narrow. */
static void a_cell_holds_what_is_cut(void **state)
{
	static const size_t least[] = {10};
	char marks[400] = "aaaaaaaaa";
	const char *cells[] = {marks};
	struct table table;
	char text[4096] = "";

	(void)state;
	for (size_t i = 0; i < 120; i++)
		strcat(marks, "\xcc\x81");
	strcat(marks, "bcdef");
	for (size_t i = 0; i < 8; i++) {
		memmove(marks + 1, marks, strlen(marks) + 1);
		table_init(&table, 1);
		table.least = least;
		table.room = 10;
		table_add(&table, cells);
		print(&table, text);
		assert_in_range(strlen(text), 10, TABLE_CELL_MAX);
		table_deinit(&table);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_cell_holds_what_is_cut),
	};

	table_init_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
