#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"

bool wants_json(const struct invocation *invocation)
{
	return (invocation->given & OPTION_JSON) != 0;
}

int say_error(const struct error *error)
{
	char text[ERROR_TEXT_MAX];

	(void)fprintf(stderr, "lanrage: %s\n",
		      clean_text(error->text, strlen(error->text), text, sizeof(text)));
	return 1;
}

int say_ask(const struct invocation *invocation, const char *method, const char *path, json_t *body,
	    struct answer *answer)
{
	struct place place;
	struct error error;
	int r = place_find(&place, invocation->run, &error);

	*answer = (struct answer){0};
	if (r == 0)
		r = place_read_token(&place, &error);
	if (r == 0)
		r = client_ask(&place, method, path, body, answer, &error);
	else
		json_decref(body);
	place_clear(&place);
	if (r == 0)
		return 0;
	client_clear(answer);
	return say_error(&error);
}

int say_answer(const struct invocation *invocation, const char *method, const char *path,
	       json_t *body, void (*print)(const json_t *json))
{
	struct answer answer;

	if (say_ask(invocation, method, path, body, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else if (print)
		print(answer.json);
	client_clear(&answer);
	return 0;
}

int say_answer_of(const struct invocation *invocation, const char *method, const char *before,
		  const char *word, const char *after, void (*print)(const json_t *json))
{
	char *escaped = client_escape(word), *path = NULL;
	int status = 1;

	if (escaped && asprintf(&path, "%s%s%s", before, escaped, after) >= 0)
		status = say_answer(invocation, method, path, NULL, print);
	free(path);
	free(escaped);
	return status;
}

void say_json(const struct answer *answer)
{
	(void)fwrite(answer->text, 1, answer->length, stdout);
	(void)putchar('\n');
}

void say_own_json(json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));

	(void)puts(text ? text : "null");
	free(text);
	json_decref(json);
}

void say_field(const char *label, const char *format, ...)
{
	char text[512], cleaned[512];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	clean_text(text, strlen(text), cleaned, sizeof(cleaned));
	(void)printf("%-10s %s\n", label, *cleaned ? cleaned : "-");
}

int say_no_utf8(const char *key)
{
	struct error error;

	error_set(&error, -EILSEQ,
		  "%.100s: this is not valid UTF-8; type it in a terminal set to UTF-8", key);
	return say_error(&error);
}

bool add_text(json_t *body, const char *key, const char *word)
{
	if (!word || json_object_set_new(body, key, json_string(word)) == 0)
		return true;
	json_decref(body);
	(void)say_no_utf8(key);
	return false;
}

const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

const char *name_of(const json_t *peer)
{
	return *text_at(peer, "name") ? text_at(peer, "name") : text_at(peer, "key");
}

char *integer_at(const json_t *object, const char *key, char text[24])
{
	const json_t *value = json_object_get(object, key);

	*text = '\0';
	if (json_is_integer(value))
		(void)snprintf(text, 24, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	return text;
}

char *measure_at(const json_t *object, const char *key, const char *unit, char text[32])
{
	const json_t *value = json_object_get(object, key);

	(void)snprintf(text, 32, "-");
	if (json_is_number(value))
		(void)snprintf(text, 32, "%.1f %s", json_number_value(value), unit);
	return text;
}
