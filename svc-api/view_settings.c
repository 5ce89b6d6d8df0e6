/* view_settings.c - settings and codes. */
#include <string.h>

#include "common/clock.h"
#include "svc-api/view.h"
#include "svc-control/schema.h"

/* An empty value is a value here. */
static json_t *value_text(const char *text)
{
	return *text ? view_text(text) : json_string("");
}

static json_t *value_of(const struct control_setting *setting)
{
	return setting->secret ? json_null() : value_text(setting->value);
}

json_t *view_settings(const struct control_settings *settings, const char *key)
{
	json_t *json = json_object();

	for (size_t i = 0; i < settings->n_settings; i++)
		if (!key || strcmp(key, settings->settings[i].key) == 0)
			json_object_set_new(json, settings->settings[i].key,
					    value_of(&settings->settings[i]));
	if (key && json_object_size(json) == 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *choices_of(const struct control_setting *setting)
{
	json_t *json = setting->n_choices ? json_array() : json_null();

	for (size_t i = 0; i < setting->n_choices; i++)
		json_array_append_new(json, view_text(setting->choices[i]));
	return json;
}

static json_t *described(const struct control_setting *setting)
{
	json_t *min = setting->bounded ? json_integer(setting->min) : json_null();
	json_t *max = setting->bounded ? json_integer(setting->max) : json_null();

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b}", "key",
			 view_text(setting->key), "group", view_text(setting->group), "type",
			 view_text(setting->type), "value", value_of(setting), "default",
			 value_text(setting->fallback), "description",
			 view_text(setting->description), "choices", choices_of(setting), "min",
			 min, "max", max, "unit", view_text(setting->unit), "applies",
			 view_text(setting->applies), "secret", (int)setting->secret, "set",
			 (int)setting->set);
}

json_t *view_setting(const struct control_settings *settings, const char *key)
{
	for (size_t i = 0; i < settings->n_settings; i++)
		if (strcmp(settings->settings[i].key, key) == 0)
			return described(&settings->settings[i]);
	return NULL;
}

json_t *view_settings_described(const struct control_settings *settings)
{
	json_t *json = json_array();

	for (size_t i = 0; i < settings->n_settings; i++)
		json_array_append_new(json, described(&settings->settings[i]));
	return json;
}

json_t *view_changed(const struct control_settings *changed)
{
	json_t *later = json_object();

	for (size_t i = 0; i < changed->n_settings; i++)
		if (strcmp(changed->settings[i].applies, SCHEMA_AT_ONCE) != 0)
			json_object_set_new(later, changed->settings[i].key,
					    view_text(changed->settings[i].applies));
	return json_pack("{s:o, s:o}", "changed", view_settings(changed, NULL), "later", later);
}

json_t *view_export(const struct control_settings *settings)
{
	json_t *values = json_object(), *omitted = json_array();

	for (size_t i = 0; i < settings->n_settings; i++) {
		const struct control_setting *setting = &settings->settings[i];

		if (setting->secret && setting->set)
			json_array_append_new(omitted, view_text(setting->key));
		else if (!setting->secret && strcmp(setting->value, setting->fallback) != 0)
			json_object_set_new(values, setting->key, value_text(setting->value));
	}
	return json_pack("{s:s, s:i, s:o, s:o}", "format", VIEW_EXPORT_FORMAT, "version",
			 VIEW_EXPORT_VERSION, "settings", values, "omitted", omitted);
}

static json_t *configuration(const struct control_configuration *from)
{
	json_t *values = json_object();
	char saved[CLOCK_RFC3339_SIZE];

	for (size_t i = 0; i < from->settings.n_changes; i++)
		json_object_set_new(values, from->settings.changes[i].key,
				    value_text(from->settings.changes[i].value));
	clock_rfc3339(from->saved_s * CLOCK_SECOND, saved);
	return json_pack("{s:o, s:s, s:b, s:o}", "name", view_text(from->name), "saved_at", saved,
			 "active", (int)from->active, "settings", values);
}

json_t *view_configurations(const struct control_configurations *list)
{
	json_t *json = json_array();

	for (size_t i = 0; i < list->n_configurations; i++)
		json_array_append_new(json, configuration(&list->configurations[i]));
	return json;
}

json_t *view_invite(const struct control_invite *invite)
{
	char expires[CLOCK_RFC3339_SIZE];

	clock_rfc3339(invite->expires_s * CLOCK_SECOND, expires);
	return json_pack("{s:o, s:o, s:s}", "code", view_text(invite->code), "link",
			 view_text(invite->link), "expires_at", expires);
}
