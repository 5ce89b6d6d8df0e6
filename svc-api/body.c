#include "svc-api/body.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "svc-api/clean.h"

/* Before the parser, which recurses. Brackets inside strings do not count. */
static bool is_shallow(const char *bytes, size_t length)
{
	bool inside = false;
	int depth = 0;

	for (size_t i = 0; i < length; i++) {
		if (inside && bytes[i] == '\\')
			i++;
		else if (bytes[i] == '"')
			inside = !inside;
		else if (!inside && (bytes[i] == '{' || bytes[i] == '['))
			depth++;
		else if (!inside && (bytes[i] == '}' || bytes[i] == ']'))
			depth--;
		if (depth > BODY_DEPTH_MAX)
			return false;
	}
	return true;
}

static int load(json_t **json, const char *bytes, size_t length, struct error *error)
{
	json_error_t wrong;
	char words[128];
	char *near;

	if (length > BODY_MAX)
		return error_set(error, -EINVAL, "the body is larger than %d bytes", BODY_MAX);
	if (!is_shallow(bytes, length))
		return error_set(error, -EINVAL, "the body is nested deeper than %d levels",
				 BODY_DEPTH_MAX);
	*json = json_loadb(bytes, length, JSON_REJECT_DUPLICATES, &wrong);
	if (*json)
		return 0;
	near = strstr(wrong.text, " near "); /* and then what was sent, which may be a secret */
	if (near)
		*near = '\0';
	clean_name(wrong.text, words, sizeof(words));
	return error_set(error, -EINVAL, "the body is not valid JSON: line %d, column %d: %s",
			 wrong.line, wrong.column, words);
}

static int check_text(const char *name, const json_t *value, uint64_t max, struct error *error)
{
	if (!json_is_string(value))
		return error_set(error, -EINVAL, "%s: must be a text", name);
	if (json_string_length(value) >= max)
		return error_set(error, -EINVAL, "%s: at most %" PRIu64 " bytes", name, max - 1);
	if (!text_is_clean(json_string_value(value)))
		return error_set(error, -EINVAL,
				 "%s: must not have control characters or direction marks", name);
	return 0;
}

static int check_texts(const char *name, const json_t *value, uint64_t max, struct error *error)
{
	size_t i;
	json_t *item;

	if (!json_is_array(value) || json_array_size(value) > max)
		return error_set(error, -EINVAL, "%s: must be a list of at most %" PRIu64 " texts",
				 name, max);
	json_array_foreach(value, i, item)
	{
		int r = check_text(name, item, BODY_ITEM_MAX, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_number(const char *name, const json_t *value, uint64_t max, struct error *error)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    (uint64_t)json_integer_value(value) > max)
		return error_set(error, -EINVAL, "%s: must be a whole number from 0 to %" PRIu64,
				 name, max);
	return 0;
}

static int check_setting(const char *name, const json_t *value, uint64_t max, struct error *error)
{
	if (json_is_null(value) || json_is_boolean(value) || json_is_integer(value))
		return 0;
	if (json_is_string(value))
		return check_text(name, value, max, error);
	return error_set(error, -EINVAL,
			 "%s: must be a text, true or false, a whole number, or null", name);
}

static int check_settings(const char *name, const json_t *value, uint64_t max, struct error *error)
{
	const char *key;
	json_t *item;
	int r = 0;

	if (!json_is_object(value))
		return error_set(error, -EINVAL, "%s: must be an object", name);
	json_object_foreach((json_t *)(uintptr_t)value, key, item)
	{
		char cleaned[64];

		clean_name(key, cleaned, sizeof(cleaned));
		r = check_setting(cleaned, item, max, error);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_value(const struct body_field *field, const char *name, const json_t *value,
		       struct error *error)
{
	if (json_is_null(value) && !field->required && strcmp(field->name, BODY_ANY) != 0)
		return 0;
	switch (field->kind) {
	case BODY_TEXT: return check_text(name, value, field->max, error);
	case BODY_TEXTS: return check_texts(name, value, field->max, error);
	case BODY_NUMBER: return check_number(name, value, field->max, error);
	case BODY_VALUE: return check_setting(name, value, field->max, error);
	case BODY_VALUES: return check_settings(name, value, field->max, error);
	case BODY_BOOL: break;
	}
	return json_is_boolean(value)
		       ? 0
		       : error_set(error, -EINVAL, "%s: must be true or false", name);
}

static const struct body_field *find_field(const struct body_field *fields, const char *name)
{
	for (const struct body_field *field = fields; field->name; field++)
		if (strcmp(field->name, name) == 0 || strcmp(field->name, BODY_ANY) == 0)
			return field;
	return NULL;
}

static int refuse_unknown(const struct body_field *fields, const char *name, struct error *error)
{
	char known[160] = "";

	for (const struct body_field *field = fields; field->name; field++) {
		size_t used = strlen(known);
		(void)snprintf(known + used, sizeof(known) - used, "%s%s", used ? ", " : "",
			       field->name);
	}
	return error_set(error, -EINVAL, "%s: no such field; %s%s", name,
			 *known ? "this takes " : "this takes none", known);
}

static int check_fields(const json_t *json, const struct body_field *fields, struct error *error)
{
	const char *key;
	json_t *value;
	int r = 0;

	/* The macro wants a pointer that is not const, and only reads. */
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		const struct body_field *field = find_field(fields, key);
		char name[64];

		clean_name(key, name, sizeof(name));
		r = field ? check_value(field, name, value, error)
			  : refuse_unknown(fields, name, error);
		if (r < 0)
			return r;
	}
	for (const struct body_field *field = fields; field->name; field++)
		if (field->required && !json_object_get(json, field->name))
			return error_set(error, -EINVAL, "%s: missing, this field is needed",
					 field->name);
	return 0;
}

int body_parse(json_t **json, const struct body_field *fields, const char *bytes, size_t length,
	       struct error *error)
{
	static const struct body_field none[] = {{NULL, BODY_TEXT, false, 0}};
	int r;

	*json = NULL;
	r = length ? load(json, bytes, length, error) : load(json, "{}", 2, error);
	if (r == 0 && !json_is_object(*json))
		r = error_set(error, -EINVAL, "the body must be a JSON object: {\"name\": value}");
	if (r == 0)
		r = check_fields(*json, fields ? fields : none, error);
	if (r < 0) {
		json_decref(*json);
		*json = NULL;
	}
	return r;
}

const char *body_text(const json_t *json, const char *name)
{
	const char *text = json_string_value(json_object_get(json, name));

	return text ? text : "";
}

bool body_bool(const json_t *json, const char *name)
{
	return json_is_true(json_object_get(json, name));
}

uint64_t body_number(const json_t *json, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(json, name));
}

void body_copy(const json_t *json, const char *name, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", body_text(json, name));
}
