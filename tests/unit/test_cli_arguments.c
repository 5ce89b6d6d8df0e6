/* The command line's pure parts: words and options, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-api/clean.h"
#include "svc-api/cli/arguments.h"
#include "svc-api/cli/pings.h"
#include "svc-api/cli/table.h"

static int run_nothing(const struct invocation *invocation)
{
	(void)invocation;
	return 0;
}

static const struct command table_of_commands[] = {
	{.words = "status", .run = run_nothing},
	{.words = "party create",
	 .arguments = "NAME",
	 .least = 1,
	 .most = 1,
	 .options = OPTION_NAME | OPTION_LOCAL,
	 .run = run_nothing},
	{.words = "invite", .options = OPTION_ONCE | OPTION_TTL, .run = run_nothing},
	{.words = "ping",
	 .arguments = "PEER",
	 .least = 1,
	 .most = 1,
	 .options = OPTION_COUNT,
	 .run = run_nothing},
	{.words = "peers", .options = OPTION_WATCH, .run = run_nothing},
	{.words = "servers", .options = OPTION_GAME | OPTION_SORT, .run = run_nothing},
	{.words = "servers join", .arguments = "NAME", .least = 1, .most = 1, .run = run_nothing},
	{.words = "settings", .most = 2, .run = run_nothing},
	{.words = "party ping", .same_as = "ping"},
	{.words = NULL},
};

/* A blank separates words. */
static int parse(const char *line, struct invocation *invocation, struct error *error)
{
	static char copy[256];
	char *argv[24] = {(char *)(uintptr_t) "lanrage"};
	int argc = 1;

	(void)snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return arguments_parse(table_of_commands, argc, argv, invocation, error);
}

static void watching_goes_with_peers_alone(void **state)
{
	struct invocation invocation;
	struct error error;

	(void)state;
	assert_int_equal(parse("peers --watch --json", &invocation, &error), 0);
	assert_true(invocation.given & OPTION_WATCH);
	assert_true(parse("status --watch", &invocation, &error) < 0);
	assert_true(parse("peers --watch=1", &invocation, &error) < 0);
}

static void a_command_of_two_words_wins(void **state)
{
	struct invocation invocation;
	struct error error;

	(void)state;
	assert_int_equal(parse("servers --sort latency", &invocation, &error), 0);
	assert_string_equal(invocation.command->words, "servers");
	assert_string_equal(invocation.sort, "latency");
	assert_int_equal(parse("servers join a@0123456789abcdef", &invocation, &error), 0);
	assert_string_equal(invocation.command->words, "servers join");
	assert_string_equal(invocation.arguments[0], "a@0123456789abcdef");
	assert_true(parse("servers join", &invocation, &error) < 0);
	assert_true(parse("servers arena", &invocation, &error) < 0);
	assert_true(parse("servers --sort=", &invocation, &error) < 0);
	assert_true(parse("servers join a --sort name", &invocation, &error) < 0);
}

static void options_may_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"--run /r --json party create lan --name kira --local",
		"party --name=kira create --json --local lan --run=/r",
		"--local --json party create --run /r -- lan --name kira", /* see below */
	};
	struct invocation invocation;
	struct error error;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(parse(lines[i], &invocation, &error), 0);
		assert_string_equal(invocation.command->words, "party create");
		assert_string_equal(invocation.arguments[0], "lan");
		assert_string_equal(invocation.name, "kira");
		assert_string_equal(invocation.run, "/r");
		assert_int_equal(invocation.given,
				 OPTION_RUN | OPTION_JSON | OPTION_NAME | OPTION_LOCAL);
	}
	/* After `--` everything is a word. */
	assert_int_equal(parse(lines[2], &invocation, &error), -22);
	assert_int_equal(parse("settings key -- -5", &invocation, &error), 0);
	assert_string_equal(invocation.arguments[1], "-5");
}

static void counts_and_times_are_read(void **state)
{
	struct invocation invocation;
	struct error error;

	(void)state;
	assert_int_equal(parse("ping kira -c 3", &invocation, &error), 0);
	assert_int_equal(invocation.count, 3);
	assert_int_equal(parse("ping -c3 kira", &invocation, &error), 0);
	assert_int_equal(invocation.count, 3);
	assert_int_equal(parse("invite --ttl 2h --once", &invocation, &error), 0);
	assert_int_equal(invocation.ttl_s, 7200);
	assert_int_equal(parse("--help", &invocation, &error), 0);
	assert_null(invocation.command);
	assert_int_equal(parse("ping --help", &invocation, &error), 0);
	assert_string_equal(invocation.command->words, "ping");
}

static void wrong_usage_is_named(void **state)
{
	static const struct {
		const char *line, *words;
	} wrong[] = {
		{"", "say what to do"},
		{"bogus", "bogus: no such command"},
		{"party", "party: no such command"},
		{"status now", "now: one word too many"},
		{"party create", "needs NAME"},
		{"party create a b", "b: one word too many"},
		{"status --colour", "--colour: no such option"},
		{"status --once", "--once does not go with `status`"},
		{"status --json=1", "--json takes no value"},
		{"ping kira -c", "--count: a value is missing"},
		{"ping kira -c 0", "-c: a number"},
		{"ping kira -c 1x", "-c: a number"},
		{"invite --ttl soon", "--ttl: say how long"},
		{"invite --ttl 0", "--ttl: say how long"},
		{"status --run", "--run: a value is missing"},
		{"status -x", "-x: no such option"},
		{"1 2 3 4 5 6 7 8 9", "too many words"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct invocation invocation;
		struct error error = {0};

		assert_int_equal(parse(wrong[i].line, &invocation, &error), -22);
		if (!strstr(error.text, wrong[i].words))
			fail_msg("`%s` said \"%s\"", wrong[i].line, error.text);
	}
}

/* What was meant is told even where something before it was wrong. */
static void the_command_meant_is_known(void **state)
{
	static const struct {
		const char *line, *command;
	} lines[] = {
		{"invite --ttl soon", "invite"},
		{"--bogus invite", "invite"},
		{"ping", "ping"},
		{"party ping", "ping"},
		{"party", NULL},
		{"--bogus", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct invocation invocation;
		struct error error = {0};

		assert_int_equal(parse(lines[i].line, &invocation, &error), -22);
		if (!lines[i].command)
			assert_null(invocation.command);
		else
			assert_string_equal(invocation.command->words, lines[i].command);
	}
}

static void the_first_mistake_is_told(void **state)
{
	struct invocation invocation;
	struct error error = {0};

	(void)state;
	assert_int_equal(parse("--bogus status --ttl", &invocation, &error), -22);
	assert_string_equal(error.text, "--bogus: no such option");
	assert_string_equal(invocation.word, "status");
}

static void what_is_asked_instead_of_a_command(void **state)
{
	struct invocation invocation;
	struct error error;

	(void)state;
	assert_int_equal(parse("--version", &invocation, &error), 0);
	assert_int_equal(parse("--complete peers --run /r", &invocation, &error), 0);
	assert_string_equal(invocation.complete, "peers");
	assert_string_equal(invocation.run, "/r");
	assert_int_equal(parse("party --help", &invocation, &error), 0);
	assert_null(invocation.command);
	assert_string_equal(invocation.word, "party");
	assert_int_equal(parse("status --color=never", &invocation, &error), 0);
	assert_int_equal(invocation.color, COLOR_NEVER);
	assert_int_equal(parse("status --color red", &invocation, &error), -22);
}

static void empty_words(void **state)
{
	char program[] = "lanrage", ping[] = "ping", settings[] = "settings", up[] = "up",
	     none[] = "";
	char *no_peer[] = {program, ping, none, NULL};
	char *no_key[] = {program, settings, none, NULL};
	char *no_value[] = {program, settings, up, none, NULL};
	struct invocation invocation;
	struct error error = {0};

	(void)state;
	assert_int_equal(arguments_parse(table_of_commands, 3, no_peer, &invocation, &error), -22);
	assert_non_null(strstr(error.text, "`ping` needs PEER"));
	assert_int_equal(arguments_parse(table_of_commands, 3, no_key, &invocation, &error), -22);
	assert_int_equal(arguments_parse(table_of_commands, 4, no_value, &invocation, &error), 0);
	assert_string_equal(invocation.arguments[1], "");
}

static void hostile_text_is_made_clean(void **state)
{
	char out[64];

	(void)state;
	assert_string_equal(clean_text("a\033[31mb\n", 7, out, sizeof(out)), "a?[31mb");
	assert_string_equal(clean_text("k\xc3\xa4se", 5, out, sizeof(out)), "k\xc3\xa4se");
	assert_string_equal(clean_text("\xc2\x9b\xe2\x80\xae", 5, out, sizeof(out)), "?????");
	assert_string_equal(clean_text("a\0b\xf0\x9f", 5, out, sizeof(out)), "a?b??");
	assert_string_equal(clean_text("x\ty", 3, out, sizeof(out)), "x y");
	/* Cut between characters. */
	assert_string_equal(clean_text("k\xc3\xa4", 3, out, 3), "k");
}

static void columns_line_up(void **state)
{
	static const char *const rows[][3] = {
		{"NAME", "PING", ""},
		{"\xe6\x97\xa5\xe6\x9c\xac", "5 ms", "x"}, /* two wide characters */
		{"z\xc3\xab\033", NULL, "y"},
	};
	static const char golden[] = "  NAME  PING  -\n"
				     "  \xe6\x97\xa5\xe6\x9c\xac  5 ms  x\n"
				     "  z\xc3\xab?   -     y\n";
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);
	struct table table;

	(void)state;
	table_init_locale();
	table_init(&table, 3);
	for (size_t i = 0; i < 3; i++)
		table_add(&table, rows[i]);
	table_print(&table, 2, out);
	table_deinit(&table);
	(void)fclose(out);
	assert_string_equal(text, golden);
	free(text);
}

static void pings_together(void **state)
{
	struct pings pings = {0};
	char text[PINGS_TEXT_SIZE];

	(void)state;
	assert_string_equal(pings_summary(&pings, text),
			    "0 sent, 0 received, - lost; - min / avg / max, jitter -");
	pings_missed(&pings);
	assert_string_equal(pings_summary(&pings, text),
			    "1 sent, 0 received, 100.0 % lost; - min / avg / max, jitter -");
	pings_answered(&pings, 20);
	assert_string_equal(
		pings_summary(&pings, text),
		"2 sent, 1 received, 50.0 % lost; 20.0 / 20.0 / 20.0 ms min / avg / max, "
		"jitter -");
	pings_answered(&pings, 10);
	pings_answered(&pings, 12);
	assert_string_equal(
		pings_summary(&pings, text),
		"4 sent, 3 received, 25.0 % lost; 10.0 / 14.0 / 20.0 ms min / avg / max, "
		"jitter 6.0 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pings_together),
		cmocka_unit_test(watching_goes_with_peers_alone),
		cmocka_unit_test(a_command_of_two_words_wins),
		cmocka_unit_test(options_may_stand_anywhere),
		cmocka_unit_test(counts_and_times_are_read),
		cmocka_unit_test(wrong_usage_is_named),
		cmocka_unit_test(the_command_meant_is_known),
		cmocka_unit_test(the_first_mistake_is_told),
		cmocka_unit_test(what_is_asked_instead_of_a_command),
		cmocka_unit_test(empty_words),
		cmocka_unit_test(hostile_text_is_made_clean),
		cmocka_unit_test(columns_line_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
