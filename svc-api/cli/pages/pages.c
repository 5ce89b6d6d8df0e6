#include "svc-api/cli/pages/pages.h"

#include <errno.h>
#include <string.h>

#include "common/version.h"
#include "svc-api/cli/complete.h"
#include "svc-api/cli/pages/manual.h"

#define LINE_MAX_BYTES 1024

static const char *completes_name(enum completes completes)
{
	const char *live = complete_name(completes);

	if (live)
		return live;
	switch (completes) {
	case COMPLETES_COMMANDS: return "commands";
	case COMPLETES_DIRECTORIES: return "directories";
	case COMPLETES_COLORS: return "colors";
	default: return "";
	}
}

/* What stands between single quotes in a shell. */
static void print_quoted(const char *text, FILE *out)
{
	for (; *text; text++)
		if (*text == '\'')
			(void)fputs("'\\''", out);
		else
			(void)fputc(*text, out);
}

/* ---- for bash and zsh */

static const struct command *meaning(const struct command *table, const struct command *command)
{
	return command->same_as ? arguments_find(table, command->same_as) : command;
}

static void print_commands(const struct command *table, FILE *out)
{
	for (const struct command *command = table; command->words; command++) {
		const struct command *meant = meaning(table, command);
		const char *blank = "";

		(void)fprintf(out, "'%s|", command->words);
		for (const struct option_entry *entry = options; entry->name; entry++) {
			if (!(entry->option & meant->options))
				continue;
			(void)fprintf(out, "%s%s%s%s", blank, entry->name, entry->letter ? " " : "",
				      entry->letter ? entry->letter : "");
			blank = " ";
		}
		(void)fprintf(out, "|%s|", completes_name(meant->completes));
		print_quoted(meant->help, out);
		(void)fputs("'\n", out);
	}
}

static void print_options(const struct command *table, FILE *out)
{
	(void)table;
	for (const struct option_entry *entry = options; entry->name; entry++) {
		if (!entry->help)
			continue;
		(void)fprintf(out, "'%s|%s|%s|%s|", entry->name, entry->letter ? entry->letter : "",
			      entry->argument ? entry->argument : "",
			      completes_name(entry->completes));
		print_quoted(entry->help, out);
		(void)fprintf(out, "|%d'\n", (entry->option & OPTIONS_EVERYWHERE) != 0);
	}
}

/* ---- for fish */

static void print_fish_option(const struct option_entry *entry, const char *words, FILE *out)
{
	(void)fputs("complete -c lanrage", out);
	if (words)
		(void)fprintf(out, " -n '__lanrage_in %s'", words);
	(void)fprintf(out, " -l %s", entry->name + 2);
	if (entry->letter)
		(void)fprintf(out, " -s %s", entry->letter + 1);
	if (entry->argument)
		(void)fputs(" -x", out);
	if (entry->completes == COMPLETES_DIRECTORIES)
		(void)fputs(" -a '(__fish_complete_directories)'", out);
	else if (entry->completes == COMPLETES_COLORS)
		(void)fputs(" -a 'auto always never'", out);
	(void)fputs(" -d '", out);
	print_quoted(entry->help, out);
	(void)fputs("'\n", out);
}

/* Is it the first command whose words begin with these? */
static bool is_first(const struct command *table, const struct command *command, size_t length)
{
	while (strncmp(table->words, command->words, length) != 0 ||
	       (table->words[length] != ' ' && table->words[length] != '\0'))
		table++;
	return table == command;
}

/* A word after those before it; what it does is said where a command ends with it. */
static void print_fish_words(const struct command *table, const struct command *command,
			     const char *help, FILE *out)
{
	const char *at = command->words;

	while (*at) {
		size_t length = strcspn(at, " "), before = (size_t)(at - command->words);
		bool whole = at[length] == '\0';

		if (whole || (is_first(table, command, before + length))) {
			(void)fprintf(out, "complete -c lanrage -n '__lanrage_at %.*s' -a %.*s",
				      (int)before, command->words, (int)length, at);
			if (whole) {
				(void)fputs(" -d '", out);
				print_quoted(help, out);
				(void)fputc('\'', out);
			}
			(void)fputc('\n', out);
		}
		at += length + !whole;
	}
}

static void print_fish_valued(const struct command *table, FILE *out)
{
	(void)table;
	(void)fputs("set -g __lanrage_valued", out);
	for (const struct option_entry *entry = options; entry->name; entry++)
		if (entry->argument)
			(void)fprintf(out, " %s%s%s", entry->name, entry->letter ? " " : "",
				      entry->letter ? entry->letter : "");
	(void)fputc('\n', out);
}

static void print_fish(const struct command *table, FILE *out)
{
	for (const struct option_entry *entry = options; entry->name; entry++)
		if ((entry->option & OPTIONS_EVERYWHERE) && entry->help)
			print_fish_option(entry, NULL, out);
	for (const struct command *command = table; command->words; command++) {
		const struct command *meant = meaning(table, command);

		print_fish_words(table, command, meant->help, out);
		if (complete_name(meant->completes))
			(void)fprintf(out,
				      "complete -c lanrage -n '__lanrage_at %s' -a "
				      "'(__lanrage_live %s)'\n",
				      command->words, complete_name(meant->completes));
		for (const struct option_entry *entry = options; entry->name; entry++)
			if (entry->option & meant->options)
				print_fish_option(entry, command->words, out);
	}
}

/* ---- templates */

static const struct marker {
	const char *line;
	void (*print)(const struct command *table, FILE *out);
} markers[] = {
	{"@manual-commands@\n", manual_commands}, {"@manual-options@\n", manual_options},
	{"@commands@\n", print_commands},	  {"@options@\n", print_options},
	{"@fish-valued@\n", print_fish_valued},	  {"@fish@\n", print_fish},
};

static void copy_line(const char *line, FILE *out)
{
	static const char version[] = "@version@";
	const char *at = strstr(line, version);

	if (at)
		(void)fprintf(out, "%.*s%s%s", (int)(at - line), line, LANRAGE_VERSION,
			      at + strlen(version));
	else
		(void)fputs(line, out);
}

int pages_fill(const struct command *table, FILE *in, FILE *out)
{
	char line[LINE_MAX_BYTES];

	while (fgets(line, sizeof(line), in)) {
		const struct marker *found = NULL;

		for (size_t i = 0; i < sizeof(markers) / sizeof(markers[0]); i++)
			if (strcmp(markers[i].line, line) == 0)
				found = &markers[i];
		if (found)
			found->print(table, out);
		else if (line[0] == '@' && strncmp(line, "@version@", 9) != 0)
			return -EINVAL;
		else
			copy_line(line, out);
	}
	return ferror(in) ? -EIO : 0;
}
