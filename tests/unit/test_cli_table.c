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

static void fill(struct table *table, size_t room, const size_t *least)
{
	static const char *const rows[][3] = {
		{"NAME", "PING", "HOST"},
		{"a rather long name", "12345.6 ms", "somebody"},
		{"b", "1.0 ms", "e\xcc\x81\xe2\x82\xac"}, /* a combining mark */
	};

	table_init(table, 3);
	table->room = room;
	table->least = least;
	table_add_title(table, rows[0]);
	table_add(table, rows[1]);
	table_paint(table, 1, PAINT_BAD);
	table_add(table, rows[2]);
}

static void expect(size_t room, const size_t *least, const char *golden)
{
	struct table table;
	char text[4096] = "";

	fill(&table, room, least);
	print(&table, text);
	assert_string_equal(text, golden);
	table_deinit(&table);
}

static void names_give_way_and_numbers_do_not(void **state)
{
	static const size_t least[] = {6, 0, 4};

	(void)state;
	expect(80, least,
	       "NAME                PING        HOST\n"
	       "a rather long name  12345.6 ms  somebody\n"
	       "b                   1.0 ms      e\xcc\x81\xe2\x82\xac\n");
	/* The widest first, one column less at a time. */
	expect(36, least,
	       "NAME            PING        HOST\n"
	       "a rather long\xe2\x80\xa6  12345.6 ms  somebody\n"
	       "b               1.0 ms      e\xcc\x81\xe2\x82\xac\n");
	/* There is no room even so: nothing below the least, nothing of the numbers. */
	expect(10, least,
	       "NAME    PING        HOST\n"
	       "a rat\xe2\x80\xa6  12345.6 ms  som\xe2\x80\xa6\n"
	       "b       1.0 ms      e\xcc\x81\xe2\x82\xac\n");
	/* Nobody said that anything may be cut. */
	expect(10, NULL,
	       "NAME                PING        HOST\n"
	       "a rather long name  12345.6 ms  somebody\n"
	       "b                   1.0 ms      e\xcc\x81\xe2\x82\xac\n");
}

static void colours_take_no_room(void **state)
{
	static const size_t least[] = {6, 0, 4};

	(void)state;
	terminal_use_color(COLOR_ALWAYS);
	expect(36, least,
	       "\033[1mNAME\033[0m            \033[1mPING\033[0m        \033[1mHOST\033[0m\n"
	       "a rather long\xe2\x80\xa6  \033[31m12345.6 ms\033[0m  somebody\n"
	       "b               1.0 ms      e\xcc\x81\xe2\x82\xac\n");
	terminal_use_color(COLOR_NEVER);
}

/* Cut between characters, by what they take: never more than there is, at most one less. */
static void scripts_of_the_world_are_cut(void **state)
{
	static const char *const names[] = {
		"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e\xe3\x81\xae\xe5\x90\x8d\xe5"
		"\x89\x8d", /* CJK */
		"\xf0\x9f\x98\x80\xf0\x9f\x8e\xae\xf0\x9f\x98\x80\xf0\x9f\x8e\xae"
		"\xf0\x9f\x98\x80", /* emoji */
		"e\xcc\x81\xcc\x82"
		"a\xcc\x88\xcc\x8a"
		"o\xcc\x88"
		"bcdefghijklmnop", /* marks */
		"\xd0\xba\xd0\xb8\xd1\x80\xd0\xb0\xd0\xba\xd0\xb8\xd1\x80\xd0\xb0"
		"\xd0\xba\xd0\xb8", /* Cyrillic */
	};
	static const size_t least[] = {1, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (size_t room = 4; room < table_width(names[i]) + 3; room++) {
			const char *cells[] = {names[i], "7"};
			struct table table;
			char text[4096] = "";
			size_t width;

			table_init(&table, 2);
			table.room = room;
			table.least = least;
			table_add(&table, cells);
			print(&table, text);
			table_deinit(&table);
			text[strlen(text) - 1] = '\0';
			width = table_width(text);
			if (width != room || !strstr(text, "\xe2\x80\xa6") ||
			    strcmp(text + strlen(text) - 3, "  7") != 0)
				fail_msg("name %zu in %zu columns: \"%s\" takes %zu", i, room, text,
					 width);
		}
}

static void the_last_column_goes_on_below(void **state)
{
	const char *rows[][2] = {{"KEY", "WHAT IT IS"},
				 {"lan.mdns", "let it through to the party as well: on or off"},
				 {"x", "http://averylongwordthatcannotbebroken/ and more"}};
	struct table table;
	char text[4096] = "";

	(void)state;
	table_init(&table, 2);
	table.room = 40;
	table.wraps = true;
	for (size_t i = 0; i < 3; i++)
		table_add(&table, rows[i]);
	print(&table, text);
	assert_string_equal(text, "KEY       WHAT IT IS\n"
				  "lan.mdns  let it through to the party as\n"
				  "          well: on or off\n"
				  "x         http://averylongwordthatcannotbebroken/\n"
				  "          and more\n");
	table_deinit(&table);
}

/* The others are cut for it, as far as they may be. */
static void the_last_column_keeps_what_it_needs(void **state)
{
	static const size_t least[] = {0, 4, 0};
	const char *cells[] = {"server_url", "ws://server.example:8667",
			       "the server where parties meet, by its name"};
	struct table table;
	char text[4096] = "";

	(void)state;
	table_init(&table, 3);
	table.room = 54;
	table.least = least;
	table.wraps = true;
	table_add(&table, cells);
	print(&table, text);
	assert_string_equal(text,
			    "server_url  ws://serv\xe2\x80\xa6  the server where parties meet,\n"
			    "                        by its name\n");
	table_deinit(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(a_cell_holds_what_is_cut),
		cmocka_unit_test(names_give_way_and_numbers_do_not),
		cmocka_unit_test(colours_take_no_room),
		cmocka_unit_test(scripts_of_the_world_are_cut),
		cmocka_unit_test(the_last_column_goes_on_below),
		cmocka_unit_test(the_last_column_keeps_what_it_needs),
	};

	table_init_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
