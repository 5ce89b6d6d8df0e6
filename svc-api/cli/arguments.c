#include "svc-api/cli/arguments.h"

#include <errno.h>
#include <string.h>

#include "svc-api/cli/duration.h"

#define WORDS_MAX 8
#define COUNT_MAX 100000

struct parser {
	int argc;
	char **argv;
	int at;
	const char *words[WORDS_MAX];
	size_t n_words;
};

static int take_number(const char *name, const char *text, uint32_t least, uint32_t *number,
		       struct error *error)
{
	uint32_t value;

	if (duration_parse_count(text, &value) == 0 && value >= least && value <= COUNT_MAX) {
		*number = value;
		return 0;
	}
	return error_set(error, -EINVAL, "%s: a number from %u to %d", name, least, COUNT_MAX);
}

static int set_run(struct invocation *to, const char *text, struct error *error)
{
	to->run = text;
	return *text ? 0 : error_set(error, -EINVAL, "--run: name a directory");
}

static int set_name(struct invocation *to, const char *text, struct error *error)
{
	to->name = text;
	return *text ? 0 : error_set(error, -EINVAL, "--name: say a name");
}

static int set_game(struct invocation *to, const char *text, struct error *error)
{
	(void)error;
	to->game = text;
	return 0;
}

static int set_sort(struct invocation *to, const char *text, struct error *error)
{
	to->sort = text;
	return *text ? 0 : error_set(error, -EINVAL, "--sort: by name, game, players or latency");
}

static int set_revoke(struct invocation *to, const char *text, struct error *error)
{
	to->revoke = text;
	return *text ? 0 : error_set(error, -EINVAL, "--revoke: name the code");
}

static int set_ttl(struct invocation *to, const char *text, struct error *error)
{
	if (duration_parse(text, &to->ttl_s) == 0 && to->ttl_s > 0)
		return 0;
	return error_set(error, -EINVAL, "--ttl: say how long, for example 30m, 2h or 7d");
}

static int set_count(struct invocation *to, const char *text, struct error *error)
{
	return take_number("-c", text, 1, &to->count, error);
}

static int set_lines(struct invocation *to, const char *text, struct error *error)
{
	return take_number("-n", text, 0, &to->lines, error);
}

static const struct known {
	enum option option;
	const char *name;
	const char *letter;							  /* or NULL */
	int (*set)(struct invocation *to, const char *text, struct error *error); /* or NULL */
} known[] = {
	{OPTION_RUN, "--run", NULL, set_run},	       {OPTION_JSON, "--json", NULL, NULL},
	{OPTION_HELP, "--help", "-h", NULL},	       {OPTION_NAME, "--name", NULL, set_name},
	{OPTION_LOCAL, "--local", NULL, NULL},	       {OPTION_ONCE, "--once", NULL, NULL},
	{OPTION_TTL, "--ttl", NULL, set_ttl},	       {OPTION_COUNT, "--count", "-c", set_count},
	{OPTION_GAME, "--game", NULL, set_game},       {OPTION_LINES, "--lines", "-n", set_lines},
	{OPTION_REVOKE, "--revoke", NULL, set_revoke}, {OPTION_WATCH, "--watch", NULL, NULL},
	{OPTION_SORT, "--sort", NULL, set_sort},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

/* The option that word is; *value points behind `=` or behind the letter, or is NULL. */
static const struct known *find_option(const char *word, const char **value)
{
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < KNOWN; i++) {
		const char *letter = known[i].letter;

		*value = word[length] ? word + length + 1 : NULL;
		if (strlen(known[i].name) == length && strncmp(known[i].name, word, length) == 0)
			return &known[i];
		*value = word[1] && word[2] ? word + 2 : NULL;
		if (letter && word[1] == letter[1] && (known[i].set || !*value))
			return &known[i];
	}
	return NULL;
}

static int parse_option(struct parser *parser, struct invocation *to, struct error *error)
{
	const char *word = parser->argv[parser->at++];
	const char *value;
	const struct known *option = find_option(word, &value);

	if (!option)
		return error_set(error, -EINVAL, "%.40s: no such option", word);
	to->given |= option->option;
	if (!option->set)
		return value ? error_set(error, -EINVAL, "%s takes no value", option->name) : 0;
	if (!value && parser->at == parser->argc)
		return error_set(error, -EINVAL, "%s: a value is missing", option->name);
	return option->set(to, value ? value : parser->argv[parser->at++], error);
}

static int parse_words(struct parser *parser, struct invocation *to, struct error *error)
{
	bool options = true;
	int r = 0;

	while (r == 0 && parser->at < parser->argc) {
		const char *word = parser->argv[parser->at];

		if (options && strcmp(word, "--") == 0) {
			options = false;
			parser->at++;
		} else if (options && word[0] == '-' && word[1]) {
			r = parse_option(parser, to, error);
		} else if (parser->n_words == WORDS_MAX) {
			r = error_set(error, -EINVAL,
				      "too many words; put names with blanks into "
				      "quotes");
		} else {
			parser->words[parser->n_words++] = word;
			parser->at++;
		}
	}
	return r;
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

static int choose(const struct command *commands, const struct parser *parser,
		  struct invocation *to, struct error *error)
{
	size_t best = 0;

	for (const struct command *command = commands; command->words; command++) {
		size_t n = match(command->words, parser);

		if (n > best) {
			best = n;
			to->command = command;
		}
	}
	if (!to->command)
		return parser->n_words ? error_set(error, -EINVAL, "%.40s: no such command",
						   parser->words[0])
				       : error_set(error, -EINVAL, "say what to do");
	for (size_t i = best; i < parser->n_words; i++) {
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

	for (size_t i = 0; i < KNOWN; i++)
		if (wrong & known[i].option)
			return error_set(error, -EINVAL, "%s does not go with `%s`", known[i].name,
					 to->command->words);
	if (to->n_arguments < to->command->least)
		return error_set(error, -EINVAL, "`%s` needs %s", to->command->words,
				 to->command->usage);
	/* A later one may be empty: `settings KEY ""` goes back to the default. */
	if (to->n_arguments > 0 && !*to->arguments[0])
		return error_set(error, -EINVAL, "`%s` needs %s, not an empty word",
				 to->command->words, to->command->usage);
	return 0;
}

int arguments_parse(const struct command *commands, int argc, char **argv,
		    struct invocation *invocation, struct error *error)
{
	struct parser parser = {.argc = argc, .argv = argv, .at = 1};
	int r;

	*invocation = (struct invocation){0};
	r = parse_words(&parser, invocation, error);
	if (r < 0)
		return r;
	r = choose(commands, &parser, invocation, error);
	if (invocation->given & OPTION_HELP)
		return 0;
	return r < 0 ? r : check(invocation, error);
}
