#include "svc-api/supervision.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "svc-api/clean.h"

static uint64_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return SUPERVISION_UNKNOWN;
	return (uint64_t)json_integer_value(value);
}

void supervision_parse(struct supervision *supervision, const char *bytes, size_t length)
{
	json_t *json = json_loadb(bytes, length, 0, NULL);
	const json_t *services = json_object_get(json, "services");

	supervision->known = json_is_object(services);
	for (int id = 0; id < SERVICE_COUNT; id++) {
		const json_t *from = json_object_get(services, service_names[id]);
		const char *state = json_string_value(json_object_get(from, "state"));
		struct supervised *to = &supervision->services[id];

		clean_text(state ? state : "", state ? strlen(state) : 0, to->state,
			   sizeof(to->state));
		to->pid = number(from, "pid");
		to->started_at_us = number(from, "started_at_us");
		to->restarts = number(from, "restarts");
	}
	json_decref(json);
}

void supervision_read(struct supervision *supervision, const char *run)
{
	char path[PATH_MAX + 16], bytes[SUPERVISION_MAX];
	size_t length = 0;

	(void)snprintf(path, sizeof(path), "%s/services.json", run);
	if (service_read_file(path, bytes, sizeof(bytes), &length) < 0)
		length = 0;
	supervision_parse(supervision, bytes, length);
}
