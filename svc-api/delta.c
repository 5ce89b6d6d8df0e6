#include "svc-api/delta.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_BYTES 1024
#define DEPTH_MAX      8

struct delta {
	json_t *operations;
	char path[PATH_MAX_BYTES]; /* JSON Pointer (RFC 6901) of what is being compared */
	size_t length;
	size_t depth;
	bool failed;
};

static void compare(struct delta *delta, const json_t *before, const json_t *after);

static void push_byte(struct delta *delta, char byte)
{
	if (delta->length + 1 < sizeof(delta->path))
		delta->path[delta->length++] = byte;
	else
		delta->failed = true;
	delta->path[delta->length] = '\0';
}

static void push_name(struct delta *delta, const char *name)
{
	push_byte(delta, '/');
	for (; *name; name++)
		if (*name == '~' || *name == '/') {
			push_byte(delta, '~');
			push_byte(delta, *name == '~' ? '0' : '1');
		} else {
			push_byte(delta, *name);
		}
}

/* value: NULL to remove. */
static void add_operation(struct delta *delta, const char *word, const json_t *value)
{
	json_t *operation = json_pack("{s:s, s:s}", "op", word, "path", delta->path);

	if (value && json_object_set(operation, "value", (json_t *)value) < 0)
		delta->failed = true;
	if (json_array_append_new(delta->operations, operation) < 0)
		delta->failed = true;
}

/* after NULL: it is gone; before NULL: it is new. */
static void compare_member(struct delta *delta, const char *name, const json_t *before,
			   const json_t *after)
{
	size_t length = delta->length;

	push_name(delta, name);
	if (!after)
		add_operation(delta, "remove", NULL);
	else if (!before)
		add_operation(delta, "add", after);
	else
		compare(delta, before, after);
	delta->length = length;
	delta->path[length] = '\0';
}

static void compare_objects(struct delta *delta, const json_t *before, const json_t *after)
{
	const char *name;
	json_t *value;

	if (++delta->depth > DEPTH_MAX) {
		delta->failed = true;
		return;
	}
	json_object_foreach((json_t *)before, name, value) if (!json_object_get(after, name))
		compare_member(delta, name, value, NULL);
	json_object_foreach((json_t *)after, name, value)
		compare_member(delta, name, json_object_get(before, name), value);
	delta->depth--;
}

static void compare(struct delta *delta, const json_t *before, const json_t *after)
{
	if (json_is_object(before) && json_is_object(after))
		compare_objects(delta, before, after);
	else if (!json_equal(before, after))
		add_operation(delta, "replace", after);
}

json_t *delta_make(const json_t *before, const json_t *after)
{
	struct delta delta = {.operations = json_array()};

	compare(&delta, before, after);
	if (!delta.failed)
		return delta.operations;
	json_decref(delta.operations);
	return NULL;
}
