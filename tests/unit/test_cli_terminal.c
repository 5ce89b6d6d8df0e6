/* When there are colours, and how wide the terminal is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-api/cli/terminal.h"

static void colours_are_for_terminals_that_want_them(void **state)
{
	static const struct {
		enum color_when when;
		bool terminal;
		const char *no_color, *term;
		bool wanted;
	} cases[] = {
		{COLOR_AUTO, true, NULL, "xterm", true},
		{COLOR_AUTO, true, "", "xterm", true}, /* set, but empty */
		{COLOR_AUTO, true, "1", "xterm", false},
		{COLOR_AUTO, true, NULL, "dumb", false},
		{COLOR_AUTO, true, NULL, "", false},
		{COLOR_AUTO, true, NULL, NULL, false},
		{COLOR_AUTO, false, NULL, "xterm", false},
		{COLOR_ALWAYS, false, "1", "dumb", true}, /* who says so knows */
		{COLOR_NEVER, true, NULL, "xterm", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (terminal_wants_color(cases[i].when, cases[i].terminal, cases[i].no_color,
					 cases[i].term) != cases[i].wanted)
			fail_msg("case %zu", i);
}

static void words_of_the_option(void **state)
{
	enum color_when when = COLOR_AUTO;

	(void)state;
	assert_int_equal(terminal_parse_color("always", &when), 0);
	assert_int_equal(when, COLOR_ALWAYS);
	assert_int_equal(terminal_parse_color("never", &when), 0);
	assert_int_equal(when, COLOR_NEVER);
	assert_int_equal(terminal_parse_color("auto", &when), 0);
	assert_int_equal(when, COLOR_AUTO);
	assert_int_equal(terminal_parse_color("", &when), -22);
	assert_int_equal(terminal_parse_color("Always", &when), -22);
}

static void states_and_their_colours(void **state)
{
	(void)state;
	assert_int_equal(terminal_paint_of("connected"), PAINT_GOOD);
	assert_int_equal(terminal_paint_of("relay"), PAINT_FAIR);
	assert_int_equal(terminal_paint_of("failed"), PAINT_BAD);
	assert_int_equal(terminal_paint_of("offline"), PAINT_BAD);
	assert_int_equal(terminal_paint_of("a new word"), PAINT_PLAIN);
	assert_int_equal(terminal_paint_of(""), PAINT_PLAIN);
}

static void nothing_is_coloured_before_it_is_decided(void **state)
{
	(void)state;
	assert_string_equal(terminal_paint(PAINT_BAD), "");
	assert_string_equal(terminal_unpaint(PAINT_BAD), "");
	terminal_use_color(COLOR_ALWAYS);
	assert_string_equal(terminal_paint(PAINT_BAD), "\033[31m");
	assert_string_equal(terminal_unpaint(PAINT_BAD), "\033[0m");
	assert_string_equal(terminal_paint(PAINT_PLAIN), "");
	assert_string_equal(terminal_unpaint(PAINT_PLAIN), "");
	terminal_use_color(COLOR_NEVER);
	assert_string_equal(terminal_paint(PAINT_BAD), "");
}

/* `make unit` writes into a file: COLUMNS alone counts. By hand at a terminal this is skipped. */
static void width_without_a_terminal(void **state)
{
	static const struct {
		const char *columns;
		size_t width;
	} cases[] = {{"132", 132}, {"40", 80}, {"", 80}, {"wide", 80}, {"-5", 80}, {"99999", 1000}};

	(void)state;
	if (isatty(STDOUT_FILENO))
		skip();
	(void)unsetenv("COLUMNS");
	assert_int_equal(terminal_columns(), 80);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)setenv("COLUMNS", cases[i].columns, 1);
		assert_int_equal(terminal_columns(), cases[i].width);
	}
	(void)unsetenv("COLUMNS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(colours_are_for_terminals_that_want_them),
		cmocka_unit_test(words_of_the_option),
		cmocka_unit_test(states_and_their_colours),
		cmocka_unit_test(nothing_is_coloured_before_it_is_decided),
		cmocka_unit_test(width_without_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
