/* cmd_settings.c - settings [KEY [VALUE]]. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

static void print_all(const json_t *settings)
{
	static const char *const title[] = {"SETTING", "VALUE", "DEFAULT", "WHAT IT IS"};
	static const size_t least[] = {0, 12, 8, 0};
	struct table table;
	size_t i;
	json_t *setting;

	table_init(&table, 4);
	table.least = least;
	table.wraps = true;
	table_add_title(&table, title);
	json_array_foreach(settings, i, setting)
	{
		const char *cells[] = {text_at(setting, "key"), text_at(setting, "value"),
				       text_at(setting, "default"),
				       text_at(setting, "description")};

		table_add(&table, cells);
	}
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

static int show_all(const struct invocation *invocation)
{
	struct answer answer;
	const char *path = wants_json(invocation) ? "settings" : "settings?describe=1";

	if (say_ask(invocation, "GET", path, NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		print_all(answer.json);
	client_clear(&answer);
	return 0;
}

static void print_one(const json_t *settings, const char *key)
{
	const char *value = text_at(settings, key);
	char text[1100];

	(void)puts(clean_text(value, strlen(value), text, sizeof(text)));
}

static int show_one(const struct invocation *invocation, const char *key)
{
	char *escaped = client_escape(key), *path = NULL;
	struct answer answer;
	int r = 1;

	if (escaped && asprintf(&path, "settings/%s", escaped) >= 0)
		r = say_ask(invocation, "GET", path, NULL, &answer);
	free(path);
	free(escaped);
	if (r != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		print_one(answer.json, key);
	client_clear(&answer);
	return 0;
}

static int change(const struct invocation *invocation, const char *key, const char *value)
{
	json_t *body = json_object();
	struct answer answer;
	struct error error;

	if (json_object_set_new(body, key, json_string(value)) < 0) {
		json_decref(body);
		error_set(&error, -1,
			  "%s: this is not valid UTF-8: type it in a terminal set to UTF-8", key);
		return say_error(&error);
	}
	if (say_ask(invocation, "PATCH", "settings", body, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else
		print_one(answer.json, key);
	client_clear(&answer);
	return 0;
}

int command_settings(const struct invocation *invocation)
{
	const char *const *arguments = invocation->arguments;

	if (invocation->n_arguments == 0)
		return show_all(invocation);
	return invocation->n_arguments == 1 ? show_one(invocation, arguments[0])
					    : change(invocation, arguments[0], arguments[1]);
}
