/* view_settings.c - settings and codes. */
#include <string.h>

#include "common/clock.h"
#include "svc-api/view.h"

/* An empty value is a value here. */
static json_t *value_text(const char *text)
{
	return *text ? view_text(text) : json_string("");
}

json_t *view_settings(const struct control_settings *settings, const char *key)
{
	json_t *json = json_object();

	for (size_t i = 0; i < settings->n_settings; i++)
		if (!key || strcmp(key, settings->settings[i].key) == 0)
			json_object_set_new(json, settings->settings[i].key,
					    value_text(settings->settings[i].value));
	if (key && json_object_size(json) == 0) {
		json_decref(json);
		return NULL;
	}
	return json;
}

json_t *view_settings_described(const struct control_settings *settings)
{
	json_t *json = json_array();

	for (size_t i = 0; i < settings->n_settings; i++) {
		const struct control_setting *setting = &settings->settings[i];

		json_array_append_new(json, json_pack("{s:o, s:o, s:o, s:o}", "key",
						      view_text(setting->key), "value",
						      value_text(setting->value), "default",
						      value_text(setting->fallback), "description",
						      view_text(setting->description)));
	}
	return json;
}

json_t *view_invite(const struct control_invite *invite)
{
	char expires[CLOCK_RFC3339_SIZE];

	clock_rfc3339(invite->expires_s * CLOCK_SECOND, expires);
	return json_pack("{s:o, s:o, s:s}", "code", view_text(invite->code), "link",
			 view_text(invite->link), "expires_at", expires);
}
