#include "svc-api/cli/arguments.h"

#include <errno.h>
#include <string.h>

#define WORDS_MAX 8

struct parser {
	int argc;
	char **argv;
	int at;
	const char *words[WORDS_MAX];
	size_t n_words;
};

/* The option that word is; *value points behind `=` or behind the letter, or is NULL. */
static const struct option_entry *find_option(const char *word, const char **value)
{
	size_t length = strcspn(word, "=");

	for (const struct option_entry *entry = options; entry->name; entry++) {
		*value = word[length] ? word + length + 1 : NULL;
		if (strlen(entry->name) == length && strncmp(entry->name, word, length) == 0)
			return entry;
		*value = word[1] && word[2] ? word + 2 : NULL;
		if (entry->letter && word[1] == entry->letter[1] && (entry->set || !*value))
			return entry;
	}
	return NULL;
}

static int parse_option(struct parser *parser, struct invocation *to, struct error *error)
{
	const char *word = parser->argv[parser->at++];
	const char *value;
	const struct option_entry *option = find_option(word, &value);

	if (!option)
		return error_set(error, -EINVAL, "%.40s: no such option", word);
	to->given |= option->option;
	if (!option->set)
		return value ? error_set(error, -EINVAL, "%s takes no value", option->name) : 0;
	if (!value && parser->at == parser->argc)
		return error_set(error, -EINVAL, "%s: a value is missing", option->name);
	return option->set(to, value ? value : parser->argv[parser->at++], error);
}

/* Goes on after a mistake, to learn which command was meant; the first mistake is told. */
static int parse_words(struct parser *parser, struct invocation *to, struct error *error)
{
	bool dashes = true;
	struct error more;
	int result = 0;

	while (parser->at < parser->argc) {
		const char *word = parser->argv[parser->at];
		struct error *told = result == 0 ? error : &more;
		int r = 0;

		if (dashes && strcmp(word, "--") == 0) {
			dashes = false;
			parser->at++;
		} else if (dashes && word[0] == '-' && word[1]) {
			r = parse_option(parser, to, told);
		} else if (parser->n_words == WORDS_MAX) {
			r = error_set(told, -EINVAL,
				      "too many words; put names with blanks into quotes");
			parser->at++;
		} else {
			parser->words[parser->n_words++] = word;
			parser->at++;
		}
		result = result == 0 ? r : result;
	}
	return result;
}

/* How many of the given words the command's own are; 0: it is another command. */
static size_t match(const char *words, const struct parser *parser)
{
	size_t n = 0;

	while (*words) {
		size_t length = strcspn(words, " ");

		if (n == parser->n_words || strlen(parser->words[n]) != length ||
		    strncmp(parser->words[n], words, length) != 0)
			return 0;
		n++;
		words += length + (words[length] == ' ');
	}
	return n;
}

const struct command *arguments_find(const struct command *table, const char *words)
{
	for (const struct command *command = table; command->words; command++)
		if (strcmp(command->words, words) == 0)
			return command->same_as ? arguments_find(table, command->same_as) : command;
	return NULL;
}

/* Returns how many words the command itself takes. */
static size_t choose(const struct command *table, const struct parser *parser,
		     struct invocation *to)
{
	size_t best = 0;

	for (const struct command *command = table; command->words; command++) {
		size_t n = match(command->words, parser);

		if (n > best) {
			best = n;
			to->command = arguments_find(table, command->words);
		}
	}
	return best;
}

static int take_arguments(const struct parser *parser, size_t from, struct invocation *to,
			  struct error *error)
{
	if (!to->command)
		return parser->n_words ? error_set(error, -EINVAL, "%.40s: no such command",
						   parser->words[0])
				       : error_set(error, -EINVAL, "say what to do");
	for (size_t i = from; i < parser->n_words; i++) {
		if (to->n_arguments == to->command->most || to->n_arguments == ARGUMENTS_MAX)
			return error_set(error, -EINVAL,
					 "%.40s: one word too many; put names with blanks into "
					 "quotes",
					 parser->words[i]);
		to->arguments[to->n_arguments++] = parser->words[i];
	}
	return 0;
}

static int check(const struct invocation *to, struct error *error)
{
	unsigned int wrong = to->given & ~(to->command->options | OPTIONS_EVERYWHERE);
	const char *needs = to->command->arguments ? to->command->arguments : "no words";

	for (const struct option_entry *entry = options; entry->name; entry++)
		if (wrong & entry->option)
			return error_set(error, -EINVAL, "%s does not go with `%s`", entry->name,
					 to->command->words);
	if (to->n_arguments < to->command->least)
		return error_set(error, -EINVAL, "`%s` needs %s", to->command->words, needs);
	/* A later one may be empty: `settings KEY ""` goes back to the default. */
	if (to->n_arguments > 0 && !*to->arguments[0])
		return error_set(error, -EINVAL, "`%s` needs %s, not an empty word",
				 to->command->words, needs);
	return 0;
}

int arguments_parse(const struct command *table, int argc, char **argv,
		    struct invocation *invocation, struct error *error)
{
	struct parser parser = {.argc = argc, .argv = argv, .at = 1};
	size_t own;
	int r;

	*invocation = (struct invocation){0};
	r = parse_words(&parser, invocation, error);
	invocation->word = parser.n_words > 0 ? parser.words[0] : NULL;
	own = choose(table, &parser, invocation);
	if (r < 0)
		return r;
	if (invocation->given & OPTIONS_INSTEAD)
		return 0;
	r = take_arguments(&parser, own, invocation, error);
	return r < 0 ? r : check(invocation, error);
}
