#include "svc-api/cli/help.h"

#include <string.h>

#include "svc-api/cli/table.h"

#define ROOM 80

const char *const help_groups[GROUPS] = {
	[GROUP_PARTY] = "Party",
	[GROUP_PEERS] = "Peers",
	[GROUP_GAMES] = "Games",
	[GROUP_MACHINE] = "This machine",
};

char *help_option(const struct option_entry *entry, char text[48])
{
	(void)snprintf(text, 48, "%s%s%s", entry->letter ? entry->letter : entry->name,
		       entry->argument ? " " : "", entry->argument ? entry->argument : "");
	return text;
}

void help_usage(const struct command *command, FILE *out)
{
	char text[48];

	if (!command) {
		(void)fputs("usage: lanrage [--run DIR] [--json] COMMAND\n", out);
		return;
	}
	(void)fprintf(out, "usage: lanrage %s", command->words);
	if (command->arguments)
		(void)fprintf(out, " %s", command->arguments);
	for (const struct option_entry *entry = options; entry->name; entry++)
		if (entry->option & command->options)
			(void)fprintf(out, " [%s]", help_option(entry, text));
	(void)fputc('\n', out);
}

static void init_pairs(struct table *table)
{
	table_init(table, 2);
	table->wraps = true;
	table->room = ROOM;
}

static void print_pairs(struct table *table, FILE *out)
{
	table_print(table, 2, out);
	table_deinit(table);
}

static void add_command(struct table *table, const struct command *command)
{
	char left[TABLE_CELL_MAX];
	const char *cells[] = {left, command->help};

	(void)snprintf(left, sizeof(left), "%s%s%s", command->words, command->arguments ? " " : "",
		       command->arguments ? command->arguments : "");
	table_add(table, cells);
}

static void print_title(const char *title, FILE *out)
{
	(void)fprintf(out, "\n%s%s%s\n", terminal_paint(PAINT_TITLE), title,
		      terminal_unpaint(PAINT_TITLE));
}

/* Those of the options that are for people and in the mask. */
static void print_options(unsigned int mask, const char *title, FILE *out)
{
	struct table table;

	init_pairs(&table);
	for (const struct option_entry *entry = options; entry->name; entry++) {
		char left[96];
		const char *cells[] = {left, entry->help};

		if (!(entry->option & mask) || !entry->help)
			continue;
		(void)snprintf(left, sizeof(left), "%s%s%s%s%s", entry->letter ? entry->letter : "",
			       entry->letter ? ", " : "", entry->name, entry->argument ? " " : "",
			       entry->argument ? entry->argument : "");
		table_add(&table, cells);
	}
	if (table.n_rows > 0)
		print_title(title, out);
	print_pairs(&table, out);
}

/* All groups in one table, so that they line up; printed group by group. */
static void print_groups(const struct command *table, FILE *out)
{
	size_t ends[GROUPS], begin = 0;
	struct table rows;

	init_pairs(&rows);
	for (enum group group = 0; group < GROUPS; group++) {
		for (const struct command *command = table; command->words; command++)
			if (!command->same_as && command->group == group)
				add_command(&rows, command);
		ends[group] = rows.n_rows;
	}
	for (enum group group = 0; group < GROUPS; begin = ends[group++])
		if (ends[group] > begin) {
			print_title(help_groups[group], out);
			table_print_rows(&rows, begin, ends[group], 2, out);
		}
	table_deinit(&rows);
}

void help_overview(const struct command *table, FILE *out)
{
	help_usage(NULL, out);
	print_groups(table, out);
	print_options(OPTIONS_EVERYWHERE, "With every command", out);
	(void)fputs(
		"\n`lanrage help COMMAND` says more about one. Exit status: 0 success, 1 refused\n"
		"or failed, 2 wrong usage.\n",
		out);
}

static void print_paragraph(const char *text, FILE *out)
{
	const char *cells[] = {text};
	struct table table;

	table_init(&table, 1);
	table.wraps = true;
	table.room = ROOM;
	table_add(&table, cells);
	table_print(&table, 0, out);
	table_deinit(&table);
}

static void print_examples(const char *examples, FILE *out)
{
	print_title("Examples", out);
	while (*examples) {
		size_t length = strcspn(examples, "\n");

		(void)fprintf(out, "  %.*s\n", (int)length, examples);
		examples += length + (examples[length] == '\n');
	}
}

void help_command(const struct command *table, const struct command *command, FILE *out)
{
	help_usage(command, out);
	for (const struct command *other = table; other->words; other++)
		if (other->same_as && strcmp(other->same_as, command->words) == 0)
			(void)fprintf(out, "   or: lanrage %s\n", other->words);
	(void)fputc('\n', out);
	print_paragraph(command->help, out);
	if (command->about) {
		(void)fputc('\n', out);
		print_paragraph(command->about, out);
	}
	print_options(command->options, "Options", out);
	if (command->examples)
		print_examples(command->examples, out);
}

bool help_family(const struct command *table, const char *word, FILE *out)
{
	size_t length = word ? strlen(word) : 0;
	struct table rows;
	bool found;

	init_pairs(&rows);
	for (const struct command *command = table; command->words; command++)
		if (length > 0 && strncmp(command->words, word, length) == 0 &&
		    command->words[length] == ' ') {
			const struct command *meant = arguments_find(table, command->words);
			struct command shown = *meant;

			shown.words = command->words;
			add_command(&rows, &shown);
		}
	found = rows.n_rows > 0;
	if (found)
		help_usage(NULL, out);
	if (found)
		(void)fputc('\n', out);
	print_pairs(&rows, out);
	return found;
}
