/* A command line, its words apart by NUL; and each word as a duration, as a text to show and as a
 * cell of tables that are too narrow for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/text.h"
#include "svc-api/clean.h"
#include "svc-api/cli/arguments.h"
#include "svc-api/cli/client.h"
#include "svc-api/cli/table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define WORDS 24

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
	{.words = "invite",
	 .options = OPTION_ONCE | OPTION_TTL | OPTION_REVOKE,
	 .run = run_nothing},
	{.words = "ping",
	 .arguments = "PEER",
	 .least = 1,
	 .most = 1,
	 .options = OPTION_COUNT,
	 .run = run_nothing},
	{.words = "servers", .options = OPTION_GAME | OPTION_SORT, .run = run_nothing},
	{.words = "servers join", .arguments = "NAME", .least = 1, .most = 1, .run = run_nothing},
	{.words = "settings", .most = 2, .run = run_nothing},
	{.words = "logs", .most = 1, .options = OPTION_LINES, .run = run_nothing},
	{.words = NULL},
};

static void try_word(const char *word)
{
	char out[64], *escaped = client_escape(word);
	uint32_t number, again;

	clean_text(word, strlen(word), out, sizeof(out));
	if (!text_is_clean(out) || table_width(out) >= sizeof(out) ||
	    strlen(escaped) != 3 * strlen(word))
		abort();
	if (text_is_name(word, sizeof(out)) && strcmp(out, word) != 0)
		abort();
	if (duration_parse(word, &number) == 0 &&
	    (duration_parse(duration_write(number, out), &again) < 0 || again != number))
		abort();
	if (duration_parse_count(word, &number) == 0)
		duration_format(number, out);
	free(escaped);
}

/* What may be cut to this has this width, and nothing that moves the cursor. */
static void try_cell(const char *word, bool wraps)
{
	static const size_t least[] = {3, 0};
	const char *cells[] = {word, wraps ? word : "1"};
	char text[8 * TABLE_CELL_MAX] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	struct table table;

	table_init(&table, 2);
	table.room = 12;
	table.least = least;
	table.wraps = wraps;
	table_add(&table, cells);
	table_print(&table, 0, out);
	table_deinit(&table);
	(void)fclose(out);
	if (!wraps && (strcspn(text, "\n") + 1 != strlen(text) || strchr(text, '\033')))
		abort();
	text[strcspn(text, "\n")] = '\0';
	if (!wraps && (table_width(text) > 12 || strcmp(text + strlen(text) - 3, "  1") != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char program[] = "lanrage", *copy = malloc(length + 1);
	char *argv[WORDS + 2] = {program};
	struct invocation invocation;
	struct error error = {0};
	int argc = 1;

	table_init_locale();
	memcpy(copy, bytes, length);
	copy[length] = 0;
	for (size_t at = 0; at < length && argc <= WORDS; at += strlen(copy + at) + 1)
		argv[argc++] = copy + at;
	if (arguments_parse(table_of_commands, argc, argv, &invocation, &error) < 0) {
		if (error.code >= 0 || !*error.text)
			abort();
	} else if (!(invocation.given & OPTIONS_INSTEAD) &&
		   (!invocation.command || invocation.n_arguments > ARGUMENTS_MAX)) {
		abort();
	}
	for (int i = 1; i < argc; i++) {
		try_word(argv[i]);
		try_cell(argv[i], false);
		try_cell(argv[i], true);
	}
	free(copy);
	return 0;
}
