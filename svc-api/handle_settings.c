/* handle_settings.c - reading and changing settings. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* False with the reply made. */
static bool get(const struct request *request, struct control_settings *settings,
		struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_CONTROL,
				 .type = CONTROL_GET_SETTINGS,
				 .timeout_ms = BUS_TIMEOUT_MS,
				 .repeatable = true};

	bool good;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return false;
	good = control_settings_decode(settings, ask.answer, ask.answer_length) == 0;
	free(ask.answer);
	if (!good)
		ask_malformed(&ask, reply);
	return good;
}

void handle_settings(const struct request *request, struct reply *reply)
{
	struct control_settings settings;
	bool describe = strcmp(target_parameter(request->target, "describe", "0"), "1") == 0;

	if (!get(request, &settings, reply))
		return;
	reply_json(reply, 200,
		   describe ? view_settings_described(&settings) : view_settings(&settings, NULL));
	control_settings_clear(&settings);
}

static void say_unknown(struct reply *reply, const char *key)
{
	reply_error(reply, 404, "not_found",
		    "%.60s: there is no setting of that name; `lanrage settings` lists them", key);
}

void handle_setting(const struct request *request, struct reply *reply)
{
	struct control_settings settings;
	json_t *json;

	if (!get(request, &settings, reply))
		return;
	json = view_settings(&settings, request->parameter);
	if (json)
		reply_json(reply, 200, json);
	else
		say_unknown(reply, request->parameter);
	control_settings_clear(&settings);
}

/* 0, or a negative errno with the reply made. */
static int change(const struct request *request, const char *key, const char *value,
		  struct reply *reply)
{
	struct gather_ask ask = {
		.to = SERVICE_CONTROL, .type = CONTROL_SET_SETTING, .timeout_ms = BUS_TIMEOUT_MS};
	struct control_setting setting = {0};
	struct error words;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (strlen(key) >= sizeof(setting.key)) {
		say_unknown(reply, key);
		return -ENOENT;
	}
	(void)snprintf(setting.key, sizeof(setting.key), "%s", key);
	(void)snprintf(setting.value, sizeof(setting.value), "%s", value);
	length = control_setting_encode(&setting, &bytes);
	if (length < 0) {
		reply_json(reply, 500, NULL);
		return (int)length;
	}
	ask.body = bytes;
	ask.length = (size_t)length;
	gather_run(request->api->gather, &ask, 1);
	free(bytes);
	free(ask.answer);
	if (ask.error.code == -EINVAL) {
		error_set(&words, -EINVAL, "%s: %.160s", key, ask.error.text);
		ask.error = words;
	}
	if (ask.error.code != 0)
		reply_failure(reply, SERVICE_CONTROL, &ask.error);
	return ask.error.code;
}

void handle_change_settings(const struct request *request, struct reply *reply)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)request->body, key, value)
	{
		if (change(request, key, json_string_value(value), reply) < 0)
			return;
	}
	handle_settings(request, reply);
}
