/* openapi.json says what routes.c does, whole and nothing else, and is well-formed in itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "svc-api/routes.h"
#include "svc-api/webfiles.h"
#include "svc-nat/codec.h"

/* May be answered before the table is looked at (http.c). */
static const struct {
	const char *method, *path;
} besides[] = {
	{"get", "/api/v1/events"},
	{"get", "/metrics"},
};

static json_t *file;

static int load(void **state)
{
	const struct webfile *openapi = webfiles_find("/api/openapi.json");
	json_error_t error;

	(void)state;
	assert_non_null(openapi);
	file = json_loadb(openapi->bytes, (size_t)(openapi->end - openapi->bytes),
			  JSON_REJECT_DUPLICATES, &error);
	if (!file)
		fail_msg("openapi.json:%d: %s", error.line, error.text);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	json_decref(file);
	return 0;
}

/* What `#/components/…` names; NULL. */
static json_t *resolve(const char *reference)
{
	char copy[128], *rest = copy + 2;
	json_t *at = file;

	if (snprintf(copy, sizeof(copy), "%s", reference) >= (int)sizeof(copy) ||
	    strncmp(copy, "#/", 2) != 0)
		return NULL;
	for (char *name = strtok_r(rest, "/", &rest); name; name = strtok_r(NULL, "/", &rest))
		at = json_object_get(at, name);
	return at;
}

/* The same, or what it refers to. */
static json_t *followed(json_t *json)
{
	const char *reference = json_string_value(json_object_get(json, "$ref"));

	return reference ? resolve(reference) : json;
}

static json_t *get(json_t *json, const char *way)
{
	char copy[128], *rest = copy;

	(void)snprintf(copy, sizeof(copy), "%s", way);
	for (char *name = strtok_r(rest, " ", &rest); name; name = strtok_r(NULL, " ", &rest))
		json = followed(json_object_get(json, name));
	return json;
}

/* `/a/{b}/c` as routes.c writes it, with `*`. */
static char *with_stars(const char *path, char out[128])
{
	size_t n = 0;

	for (; *path && n < 127; path++) {
		out[n++] = *path == '{' ? '*' : *path;
		if (*path == '{')
			path += strcspn(path, "}");
	}
	out[n] = '\0';
	return out;
}

static char *lower(const char *method, char out[16])
{
	size_t n = 0;

	for (; method[n] && n < 15; n++)
		out[n] = (char)(method[n] | 0x20);
	out[n] = '\0';
	return out;
}

static const struct route *route_of(const char *method, const char *path)
{
	char stars[128], word[16];

	with_stars(path, stars);
	for (const struct route *route = routes; route->method; route++)
		if (strcmp(route->path, stars) == 0 &&
		    strcmp(lower(route->method, word), method) == 0)
			return route;
	return NULL;
}

static bool is_besides(const char *method, const char *path)
{
	for (size_t i = 0; i < sizeof(besides) / sizeof(besides[0]); i++)
		if (strcmp(besides[i].method, method) == 0 && strcmp(besides[i].path, path) == 0)
			return true;
	return false;
}

static void for_each_operation(void (*see)(const char *method, const char *path, json_t *operation))
{
	const char *path, *method;
	json_t *methods, *operation;

	json_object_foreach(json_object_get(file, "paths"), path, methods)
		json_object_foreach(methods, method, operation) see(method, path, operation);
}

/* ---- the table and the file */

static size_t n_operations;

static void see_route(const char *method, const char *path, json_t *operation)
{
	(void)operation;
	n_operations++;
	if (!route_of(method, path) && !is_besides(method, path))
		fail_msg("%s %s is in openapi.json and nowhere else", method, path);
}

static void has_each_route_and_nothing_else(void **state)
{
	size_t n_routes = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(besides) / sizeof(besides[0]); i++)
		n_routes += route_of(besides[i].method, besides[i].path) == NULL;
	for (const struct route *route = routes; route->method; route++)
		n_routes++;
	n_operations = 0;
	for_each_operation(see_route);
	/* All of the file's are different and are routes, so as many are the same. */
	assert_int_equal(n_operations, n_routes);
}

static size_t count(const char *const *names)
{
	size_t n = 0;

	while (names && names[n])
		n++;
	return n;
}

static bool is_among(const char *const *names, const char *name)
{
	for (; names && *names; names++)
		if (strcmp(*names, name) == 0)
			return true;
	return false;
}

static void see_parameters(const char *method, const char *path, json_t *operation)
{
	const struct route *route = route_of(method, path);
	size_t i, n_query = 0, n_path = 0;
	json_t *item;

	json_array_foreach(json_object_get(operation, "parameters"), i, item)
	{
		json_t *parameter = followed(item);
		const char *name = json_string_value(json_object_get(parameter, "name"));
		const char *in = json_string_value(json_object_get(parameter, "in"));
		char braces[64];

		assert_non_null(name);
		assert_true(json_is_object(json_object_get(parameter, "schema")));
		(void)snprintf(braces, sizeof(braces), "{%s}", name);
		if (strcmp(in, "path") == 0) {
			n_path++;
			assert_non_null(strstr(path, braces));
			assert_true(json_is_true(json_object_get(parameter, "required")));
			assert_true(json_is_string(json_object_get(parameter, "example")));
		} else if (!route || !is_among(route->parameters, name)) {
			fail_msg("%s %s takes no parameter %s", method, path, name);
		} else {
			n_query++;
		}
	}
	assert_int_equal(n_path, strchr(path, '{') != NULL);
	assert_int_equal(n_query, route ? count(route->parameters) : 0);
}

static void has_the_parameters_that_are_taken(void **state)
{
	(void)state;
	for_each_operation(see_parameters);
}

static void has_type(json_t *schema, const char *type)
{
	assert_string_equal(json_string_value(json_object_get(schema, "type")), type);
}

static void has_number(json_t *schema, const char *name, uint64_t value)
{
	assert_int_equal(json_integer_value(json_object_get(schema, name)), value);
}

static void see_kind(json_t *schema, const struct body_field *field)
{
	switch (field->kind) {
	case BODY_TEXT:
		has_type(schema, "string");
		has_number(schema, "maxLength", field->max - 1);
		break;
	case BODY_BOOL: has_type(schema, "boolean"); break;
	case BODY_NUMBER:
		has_type(schema, "integer");
		has_number(schema, "minimum", 0);
		has_number(schema, "maximum", field->max);
		break;
	case BODY_TEXTS:
		has_type(schema, "array");
		has_number(schema, "maxItems", field->max);
		has_number(json_object_get(schema, "items"), "maxLength", BODY_ITEM_MAX - 1);
		break;
	case BODY_VALUE:
		assert_ptr_equal(schema, get(file, "components schemas SettingValue"));
		has_number(json_array_get(get(schema, "oneOf"), 0), "maxLength", field->max - 1);
		break;
	case BODY_VALUES:
		assert_ptr_equal(schema, get(file, "components schemas SettingValues"));
		has_number(json_array_get(get(schema, "additionalProperties oneOf"), 0),
			   "maxLength", field->max - 1);
		break;
	}
}

static bool is_in_list(json_t *list, const char *text)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i,
			   item) if (strcmp(json_string_value(item), text) == 0) return true;
	return false;
}

static void see_field(const char *path, json_t *schema, const struct body_field *field)
{
	json_t *property = get(get(schema, "properties"), field->name);
	bool nullable = json_is_true(json_object_get(property, "nullable"));

	if (!property)
		fail_msg("%s: openapi.json has no field %s", path, field->name);
	see_kind(property, field);
	/* null is as good as absent. */
	assert_int_equal(nullable, !field->required);
	assert_int_equal(is_in_list(json_object_get(schema, "required"), field->name),
			 field->required);
}

static void see_body(const char *method, const char *path, json_t *operation)
{
	const struct route *route = route_of(method, path);
	json_t *request = get(operation, "requestBody");
	json_t *content = get(request, "content application/json");
	json_t *schema = get(content, "schema");
	size_t n = 0, n_required = 0;

	assert_int_equal(request != NULL, route && route->body);
	if (!request)
		return;
	assert_true(json_is_object(json_object_get(content, "example")));
	has_type(schema, "object");
	if (strcmp(route->body->name, BODY_ANY) == 0) {
		see_kind(get(schema, "additionalProperties"), route->body);
		return;
	}
	assert_true(json_is_false(json_object_get(schema, "additionalProperties")));
	for (const struct body_field *field = route->body; field->name; field++, n++) {
		see_field(path, schema, field);
		n_required += field->required;
	}
	assert_int_equal(json_object_size(json_object_get(schema, "properties")), n);
	assert_int_equal(json_is_true(json_object_get(request, "required")), n_required > 0);
}

static void has_the_bodies_that_are_taken(void **state)
{
	(void)state;
	for_each_operation(see_body);
}

static void knows_every_cause(void **state)
{
	json_t *causes = get(file, "components schemas Cause enum");
	json_t *nullable = get(file, "components schemas Why properties cause enum");

	(void)state;
	assert_int_equal(json_array_size(causes), NAT_CAUSES - 1);
	for (enum nat_cause cause = NAT_CAUSE_NONE + 1; cause < NAT_CAUSES; cause++)
		assert_true(is_in_list(causes, nat_cause_name(cause)));
	assert_true(json_is_null(json_array_get(nullable, NAT_CAUSES - 1)));
	for (size_t i = 0; i < NAT_CAUSES - 1; i++)
		assert_true(json_equal(json_array_get(causes, i), json_array_get(nullable, i)));
}

/* ---- the file in itself */

static json_t *seen; /* operationIds, tags */

/* Of one type, with a schema. */
static bool is_content(json_t *content)
{
	json_t *only = json_object_iter_value(json_object_iter(content));

	return json_object_size(content) == 1 && json_is_object(json_object_get(only, "schema"));
}

static void see_operation(const char *method, const char *path, json_t *operation)
{
	const char *id = json_string_value(json_object_get(operation, "operationId"));
	const char *tag = json_string_value(
		get(operation, "tags") ? json_array_get(get(operation, "tags"), 0) : NULL);
	json_t *responses = json_object_get(operation, "responses"), *response;
	const char *status;
	size_t n_good = 0;

	n_operations++;
	if (!id || json_object_get(seen, id))
		fail_msg("%s %s has no operationId of its own", method, path);
	assert_non_null(tag);
	json_object_set_new(seen, id, json_true());
	json_object_set_new(seen, tag, json_true());
	assert_true(json_string_length(json_object_get(operation, "summary")) > 0);
	json_object_foreach(responses, status, response)
	{
		n_good += *status == '1' || *status == '2';
		assert_true(is_content(get(followed(response), "content")));
		assert_true(json_is_string(get(followed(response), "description")));
	}
	assert_int_equal(n_good, 1);
	assert_ptr_equal(get(responses, "default"), get(file, "components responses Error"));
}

static void each_operation_is_described(void **state)
{
	size_t i;
	json_t *tag;

	(void)state;
	assert_string_equal(json_string_value(json_object_get(file, "openapi")), "3.0.3");
	seen = json_object();
	n_operations = 0;
	for_each_operation(see_operation);
	json_array_foreach(json_object_get(file, "tags"), i, tag)
	{
		const char *name = json_string_value(json_object_get(tag, "name"));

		if (json_object_del(seen, name) < 0)
			fail_msg("nothing has the tag %s", name);
	}
	assert_int_equal(json_object_size(seen), n_operations); /* no other tags */
	json_decref(seen);
}

/* An object says all that it has, and which of it is always there. */
static void see_object(json_t *schema, const char *where)
{
	json_t *more = json_object_get(schema, "additionalProperties");
	json_t *properties = json_object_get(schema, "properties"), *name;
	size_t i;

	if (!json_is_false(more) && !json_is_object(more) && !json_object_get(schema, "enum"))
		fail_msg("%s: an object without bounds", where);
	json_array_foreach(json_object_get(schema, "required"), i, name)
		assert_non_null(json_object_get(properties, json_string_value(name)));
}

static void walk(json_t *json, const char *where)
{
	const char *reference = json_string_value(json_object_get(json, "$ref")), *name;
	const char *type = json_string_value(json_object_get(json, "type"));
	json_t *value;
	size_t i;

	if (reference && (!resolve(reference) || json_object_size(json) != 1))
		fail_msg("%s: %s leads nowhere", where, reference);
	if (reference)
		json_object_set_new(seen, reference, json_true());
	if (type && strcmp(type, "object") == 0)
		see_object(json, where);
	json_object_foreach(json, name, value) walk(value, name);
	json_array_foreach(json, i, value) walk(value, where);
}

static void everything_in_it_is_used_and_exists(void **state)
{
	const char *kind, *name;
	json_t *components, *value;
	char reference[128];

	(void)state;
	seen = json_object();
	walk(file, "openapi.json");
	json_object_foreach(json_object_get(file, "components"), kind, components)
	{
		if (strcmp(kind, "securitySchemes") == 0)
			continue;
		json_object_foreach(components, name, value)
		{
			(void)snprintf(reference, sizeof(reference), "#/components/%s/%s", kind,
				       name);
			if (!json_object_get(seen, reference))
				fail_msg("%s: not used", reference);
		}
	}
	json_decref(seen);
}

/* In an answer every member is there, and unknown is null. */
static void an_answer_has_all_members(void **state)
{
	json_t *schemas = get(file, "components schemas"), *schema;
	const char *name;

	(void)state;
	json_object_foreach(schemas, name, schema)
	{
		size_t n = json_object_size(json_object_get(schema, "properties"));

		n -= strcmp(name, "PatchOperation") == 0; /* `remove` has no value */
		if (json_array_size(json_object_get(schema, "required")) != n)
			fail_msg("%s: some may be missing", name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_each_route_and_nothing_else),
		cmocka_unit_test(has_the_parameters_that_are_taken),
		cmocka_unit_test(has_the_bodies_that_are_taken),
		cmocka_unit_test(knows_every_cause),
		cmocka_unit_test(each_operation_is_described),
		cmocka_unit_test(everything_in_it_is_used_and_exists),
		cmocka_unit_test(an_answer_has_all_members),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
