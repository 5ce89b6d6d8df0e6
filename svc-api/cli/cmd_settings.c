/* cmd_settings.c - settings [KEY [VALUE]], and what is done with all of them: export, import,
 * reset, save, use, saved, forget. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"
#include "svc-api/cli/terminal.h"

#define KEY_WIDTH  18
#define TEXT_MAX   1100	 /* a setting's longest value, cleaned */
#define FILE_MAX   65536 /* what the API takes */
#define WORDS_LEFT 6	 /* where a description begins */

/* ---- printing */

/* Words from column `left` on, broken at blanks. A single word may be longer than the line. */
static void print_wrapped(size_t left, const char *text)
{
	size_t at = 0;

	while (*text) {
		size_t length = strcspn(text, " ");
		char word[TEXT_MAX];
		size_t width;

		(void)snprintf(word, sizeof(word), "%.*s", (int)length, text);
		width = table_width(word);
		if (at > 0 && at + 1 + width > terminal_columns()) {
			(void)putchar('\n');
			at = 0;
		}
		at += (size_t)(at == 0 ? printf("%*s", (int)left, "") : printf(" "));
		(void)fputs(word, stdout);
		at += width;
		text += length + (text[length] == ' ');
	}
	if (at > 0)
		(void)putchar('\n');
}

/* What a person sees as a setting's value: a secret one is only said to be there. */
static const char *value_words(const json_t *setting, char text[TEXT_MAX])
{
	const char *value = text_at(setting, "value");

	if (json_is_true(json_object_get(setting, "secret")))
		return json_is_true(json_object_get(setting, "set")) ? "(set)" : "(not set)";
	return *value ? clean_text(value, strlen(value), text, TEXT_MAX) : "(none)";
}

static const char *default_words(const json_t *setting, char text[TEXT_MAX])
{
	const char *value = text_at(setting, "default");

	return *value ? clean_text(value, strlen(value), text, TEXT_MAX) : "(none)";
}

static void print_row(const json_t *setting)
{
	char value[TEXT_MAX], fallback[TEXT_MAX], line[2 * TEXT_MAX + 64];
	bool differs = strcmp(text_at(setting, "value"), text_at(setting, "default")) != 0 &&
		       !json_is_true(json_object_get(setting, "secret"));
	int indent;

	indent = printf("  %-*s", KEY_WIDTH, text_at(setting, "key"));
	(void)snprintf(line, sizeof(line), "%s%s%s%s", value_words(setting, value),
		       differs ? " (default: " : "",
		       differs ? default_words(setting, fallback) : "", differs ? ")" : "");
	if ((size_t)indent + table_width(line) < terminal_columns()) {
		(void)printf(" %s\n", line);
	} else {
		(void)putchar('\n');
		print_wrapped(WORDS_LEFT, line);
	}
	print_wrapped(WORDS_LEFT, text_at(setting, "description"));
}

static void print_all(const json_t *settings)
{
	const char *group = "";
	size_t i;
	json_t *setting;

	json_array_foreach(settings, i, setting)
	{
		if (strcmp(group, text_at(setting, "group")) != 0) {
			group = text_at(setting, "group");
			(void)printf("%s%s\n", i ? "\n" : "", group);
		}
		print_row(setting);
	}
}

/* `1 to 63 bytes`, `on, off`; "" where anything goes. */
static const char *range_words(const json_t *setting, char text[TEXT_MAX])
{
	const json_t *choices = json_object_get(setting, "choices");
	const json_t *min = json_object_get(setting, "min"), *max = json_object_get(setting, "max");
	char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
	size_t i, used = 0;
	json_t *choice;

	*text = '\0';
	json_array_foreach(choices, i, choice) used += (size_t)snprintf(
		text + used, TEXT_MAX - used, "%s%s", i ? ", " : "", json_string_value(choice));
	if (strcmp(text_at(setting, "type"), "duration") == 0)
		(void)snprintf(text, TEXT_MAX, "%s to %s",
			       duration_write((uint64_t)json_integer_value(min), least),
			       duration_write((uint64_t)json_integer_value(max), most));
	else if (json_is_integer(min) && json_is_integer(max))
		(void)snprintf(
			text, TEXT_MAX, "%" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT " %s",
			json_integer_value(min), json_integer_value(max), text_at(setting, "unit"));
	return text;
}

static void print_one(const json_t *setting)
{
	char text[TEXT_MAX];

	say_field("setting", "%s", text_at(setting, "key"));
	say_field("value", "%s", value_words(setting, text));
	say_field("default", "%s", default_words(setting, text));
	say_field("type", "%s", text_at(setting, "type"));
	if (*range_words(setting, text))
		say_field("range", "%s", text);
	say_field("applies", "%s", text_at(setting, "applies"));
	(void)putchar('\n');
	print_wrapped(0, text_at(setting, "description"));
}

/* Beside what was asked for: on stderr. */
static void print_later(const json_t *answer)
{
	const char *key;
	json_t *when;

	json_object_foreach(json_object_get(answer, "later"), key, when)(void)
		fprintf(stderr, "%s takes effect with the %s\n", key, json_string_value(when));
}

static void print_changed(const json_t *answer)
{
	const char *key;
	json_t *value;
	char text[TEXT_MAX];

	json_object_foreach(json_object_get(answer, "changed"), key, value)
	{
		const char *words = json_string_value(value);

		(void)printf("%-*s %s\n", KEY_WIDTH, key,
			     !words   ? "(secret)"
			     : *words ? clean_text(words, strlen(words), text, sizeof(text))
				      : "(none)");
	}
	print_later(answer);
}

/* ---- one, and all */

/* `-` is a line from stdin, so that a secret need not be in the list of processes. */
static const char *take_value(const char *value, char line[TEXT_MAX], struct error *error)
{
	if (strcmp(value, "-") != 0)
		return value;
	if (!fgets(line, TEXT_MAX, stdin)) {
		error_set(error, -ENODATA, "nothing was given on the standard input");
		return NULL;
	}
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static void print_value(const json_t *answer)
{
	const char *key;
	json_t *value;
	char text[TEXT_MAX];

	json_object_foreach(json_object_get(answer, "changed"), key, value)
	{
		const char *words = json_string_value(value);

		(void)puts(words ? clean_text(words, strlen(words), text, sizeof(text))
				 : "(not shown)");
	}
	print_later(answer);
}

static int change(const struct invocation *invocation, const char *key, const char *argument)
{
	json_t *body = json_object();
	char line[TEXT_MAX];
	struct error error;
	const char *value = take_value(argument, line, &error);
	bool good;

	if (!value) {
		json_decref(body);
		return say_error(&error);
	}
	good = add_text(body, key, value);
	explicit_bzero(line, sizeof(line));
	return good ? say_answer(invocation, "PATCH", "settings", body, print_value) : 1;
}

int command_settings(const struct invocation *invocation)
{
	const char *const *arguments = invocation->arguments;
	bool json = wants_json(invocation);

	if (invocation->n_arguments == 0)
		return say_answer(invocation, "GET", json ? "settings" : "settings?describe=1",
				  NULL, print_all);
	if (invocation->n_arguments == 1)
		return say_answer_of(invocation, "GET", "settings/", arguments[0],
				     json ? "" : "?describe=1", print_one);
	return change(invocation, arguments[0], arguments[1]);
}

/* A request without a body would reset them all. */
int command_settings_reset(const struct invocation *invocation)
{
	const char *key = invocation->arguments[0];
	json_t *body = key ? json_pack("{s:[s]}", "keys", key) : json_object();

	if (key && !body)
		return say_no_utf8(key);
	return say_answer(invocation, "POST", "settings/reset", body, print_changed);
}

/* ---- as a file */

static void print_file(const json_t *json)
{
	(void)json_dumpf(json, stdout, JSON_INDENT(2));
	(void)putchar('\n');
}

int command_settings_export(const struct invocation *invocation)
{
	return say_answer(invocation, "GET", "settings/export", NULL, print_file);
}

static json_t *read_file(const char *path, struct error *error)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *bytes = malloc(FILE_MAX + 1);
	json_t *json = NULL;
	json_error_t wrong;
	size_t length;

	if (file && bytes) {
		length = fread(bytes, 1, FILE_MAX + 1, file);
		json = length > FILE_MAX
			       ? NULL
			       : json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &wrong);
		if (!json)
			error_set(error, -EINVAL,
				  "%.100s: this is no file of settings; take one that `lanrage "
				  "settings export` made",
				  path);
	} else {
		error_set(error, -errno, "%.100s: %s", path, strerror(errno));
	}
	if (file && file != stdin)
		(void)fclose(file);
	free(bytes);
	return json;
}

int command_settings_import(const struct invocation *invocation)
{
	struct error error;
	json_t *body = read_file(invocation->arguments[0], &error);

	return body ? say_answer(invocation, "POST", "settings/import", body, print_changed)
		    : say_error(&error);
}

/* ---- saved under a name */

static void print_saved(const json_t *list)
{
	static const char *const title[] = {"NAME", "SAVED", "IN FORCE", "SETTINGS"};
	static const size_t least[] = {16, 0, 0, 0};
	struct table table;
	size_t i;
	json_t *item;

	table_init(&table, 4);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(list, i, item)
	{
		char count[32];
		const char *cells[] = {text_at(item, "name"), text_at(item, "saved_at"),
				       json_is_true(json_object_get(item, "active")) ? "yes" : "-",
				       count};

		(void)snprintf(count, sizeof(count), "%zu",
			       json_object_size(json_object_get(item, "settings")));
		table_add(&table, cells);
	}
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

int command_settings_saved(const struct invocation *invocation)
{
	return say_answer(invocation, "GET", "settings/configurations", NULL, print_saved);
}

int command_settings_save(const struct invocation *invocation)
{
	return say_answer_of(invocation, "PUT", "settings/configurations/",
			     invocation->arguments[0], "", NULL);
}

int command_settings_use(const struct invocation *invocation)
{
	return say_answer_of(invocation, "POST", "settings/configurations/",
			     invocation->arguments[0], "/activate", print_changed);
}

int command_settings_forget(const struct invocation *invocation)
{
	return say_answer_of(invocation, "DELETE", "settings/configurations/",
			     invocation->arguments[0], "", NULL);
}
