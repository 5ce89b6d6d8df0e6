/* handle_settings.c - reading and changing settings, and all of them as a file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/setting.h"
#include "svc-api/view.h"

static bool wants_description(const struct request *request)
{
	return strcmp(target_parameter(request->target, "describe", "0"), "1") == 0;
}

void handle_settings(const struct request *request, struct reply *reply)
{
	struct control_settings settings;

	if (!setting_fetch(request, &settings, reply))
		return;
	reply_json(reply, 200,
		   wants_description(request) ? view_settings_described(&settings)
					      : view_settings(&settings, NULL));
	control_settings_clear(&settings);
}

void handle_setting(const struct request *request, struct reply *reply)
{
	struct control_settings settings;
	json_t *json;

	if (!setting_fetch(request, &settings, reply))
		return;
	json = wants_description(request) ? view_setting(&settings, request->parameter)
					  : view_settings(&settings, request->parameter);
	if (json)
		reply_json(reply, 200, json);
	else
		setting_say_unknown(reply, request->parameter);
	control_settings_clear(&settings);
}

void handle_change_settings(const struct request *request, struct reply *reply)
{
	struct control_changes changes;

	if (!setting_take(request->body, &changes, reply))
		return;
	setting_change(request, &changes, reply);
	control_changes_clear(&changes);
}

/* Without keys everything, secrets too. */
void handle_reset_settings(const struct request *request, struct reply *reply)
{
	const json_t *keys = json_object_get(request->body, "keys");
	json_t *values = json_object(), *key;
	struct control_changes changes;
	size_t i;

	json_array_foreach(keys, i, key)
		json_object_set_new(values, json_string_value(key), json_null());
	if (setting_take(values, &changes, reply)) {
		if (!json_is_array(keys))
			changes.rest = CONTROL_REST_FORGOTTEN;
		setting_change(request, &changes, reply);
		control_changes_clear(&changes);
	}
	json_decref(values);
}

void handle_export_settings(const struct request *request, struct reply *reply)
{
	struct control_settings settings;

	if (!setting_fetch(request, &settings, reply))
		return;
	reply_json(reply, 200, view_export(&settings));
	control_settings_clear(&settings);
}

/* What the file does not name goes back to its default, as it was where the file was made. */
void handle_import_settings(const struct request *request, struct reply *reply)
{
	struct control_changes changes;

	if (strcmp(body_text(request->body, "format"), VIEW_EXPORT_FORMAT) != 0) {
		reply_error(reply, 400, "bad_value",
			    "format: these are no settings of LANrage; take a file that `lanrage "
			    "settings export` made");
		return;
	}
	if (body_number(request->body, "version") != VIEW_EXPORT_VERSION) {
		reply_error(reply, 400, "bad_value",
			    "version: only %d is read here; take a file that this version's "
			    "`lanrage settings export` made",
			    VIEW_EXPORT_VERSION);
		return;
	}
	if (!setting_take(json_object_get(request->body, "settings"), &changes, reply))
		return;
	changes.rest = CONTROL_REST_DEFAULT;
	setting_change(request, &changes, reply);
	control_changes_clear(&changes);
}
