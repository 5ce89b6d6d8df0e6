#include "svc-api/cli/pages/manual.h"

#include <string.h>

#include "svc-api/cli/help.h"

/* Text as it stands: no character of it means anything to roff, but a pair of back-quotes makes
 * what is between them bold. */
static void print_text(const char *text, FILE *out)
{
	bool bold = false;

	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", out);
	for (; *text; text++)
		switch (*text) {
		case '\\': (void)fputs("\\e", out); break;
		case '-': (void)fputs("\\-", out); break;
		case '\'': (void)fputs("\\(cq", out); break;
		case '`':
			bold = !bold;
			(void)fputs(bold ? "\\fB" : "\\fR", out);
			break;
		default: (void)fputc(*text, out);
		}
}

static void print_option(const struct option_entry *entry, FILE *out)
{
	(void)fputs(".TP\n\\fB", out);
	if (entry->letter) {
		print_text(entry->letter, out);
		(void)fputs("\\fR, \\fB", out);
	}
	print_text(entry->name, out);
	(void)fprintf(out, "\\fR%s", entry->argument ? " \\fI" : "\n");
	if (entry->argument)
		(void)fprintf(out, "%s\\fR\n", entry->argument);
	print_text(entry->help, out);
	(void)fputs(".\n", out);
}

static void print_options(unsigned int mask, FILE *out)
{
	for (const struct option_entry *entry = options; entry->name; entry++)
		if ((entry->option & mask) && entry->help)
			print_option(entry, out);
}

static void print_usage(const struct command *command, FILE *out)
{
	char text[48];

	(void)fputs(".TP\n\\fB", out);
	print_text(command->words, out);
	(void)fputs("\\fR", out);
	if (command->arguments)
		(void)fprintf(out, " \\fI%s\\fR", command->arguments);
	for (const struct option_entry *entry = options; entry->name; entry++)
		if (entry->option & command->options) {
			(void)fputs(" [", out);
			print_text(help_option(entry, text), out);
			(void)fputs("]", out);
		}
	(void)fputc('\n', out);
}

static void print_examples(const char *examples, FILE *out)
{
	(void)fputs(".IP\n.nf\n", out);
	while (*examples) {
		size_t length = strcspn(examples, "\n");
		char line[256];

		(void)snprintf(line, sizeof(line), "%.*s", (int)length, examples);
		print_text(line, out);
		(void)fputc('\n', out);
		examples += length + (examples[length] == '\n');
	}
	(void)fputs(".fi\n", out);
}

static void print_command(const struct command *table, const struct command *command, FILE *out)
{
	print_usage(command, out);
	print_text(command->help, out);
	(void)fputs(".\n", out);
	for (const struct command *other = table; other->words; other++)
		if (other->same_as && strcmp(other->same_as, command->words) == 0)
			(void)fprintf(out, "Also as \\fB%s\\fR.\n", other->words);
	if (command->about) {
		(void)fputs(".IP\n", out);
		print_text(command->about, out);
		(void)fputc('\n', out);
	}
	if (command->options) {
		(void)fputs(".RS\n", out);
		print_options(command->options, out);
		(void)fputs(".RE\n", out);
	}
	if (command->examples)
		print_examples(command->examples, out);
}

void manual_commands(const struct command *table, FILE *out)
{
	for (enum group group = 0; group < GROUPS; group++) {
		(void)fprintf(out, ".SS %s\n", help_groups[group]);
		for (const struct command *command = table; command->words; command++)
			if (!command->same_as && command->group == group)
				print_command(table, command, out);
	}
}

void manual_options(const struct command *table, FILE *out)
{
	(void)table;
	print_options(OPTIONS_EVERYWHERE, out);
}
