#include "svc-api/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/clean.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

bool setting_fetch(const struct request *request, struct control_settings *settings,
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

bool setting_is_on(const struct control_settings *settings, const char *key)
{
	const struct control_setting *setting = control_settings_find(settings, key);

	return setting && strcmp(setting->value, "on") == 0;
}

bool setting_fetch_secret(const struct request *request, const char *key,
			  struct control_secret *secret, struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_CONTROL,
				 .type = CONTROL_GET_SECRET,
				 .timeout_ms = BUS_TIMEOUT_MS,
				 .repeatable = true};
	struct control_title title;
	uint8_t *bytes = NULL;
	ssize_t length;
	bool good;

	(void)snprintf(title.name, sizeof(title.name), "%s", key);
	length = control_title_encode(&title, &bytes);
	*secret = (struct control_secret){0};
	if (!ask_one(request, reply, &ask, bytes, length))
		return false;
	good = control_secret_decode(secret, ask.answer, ask.answer_length) == 0;
	explicit_bzero(ask.answer, ask.answer_length);
	free(ask.answer);
	if (!good)
		ask_malformed(&ask, reply);
	return good;
}

void setting_say_unknown(struct reply *reply, const char *key)
{
	char said[64];

	reply_error(reply, 404, "not_found",
		    "%s: there is no setting of that name; `lanrage settings` lists them",
		    clean_name(key, said, sizeof(said)));
}

/* Null is written as the empty text, which stands for the default. */
static void take_value(const json_t *value, struct control_change *change)
{
	const char *text = json_string_value(value);

	if (json_is_boolean(value)) {
		change->kind = CONTROL_KIND_SWITCH;
		text = json_is_true(value) ? "on" : "off";
	}
	if (json_is_integer(value)) {
		change->kind = CONTROL_KIND_NUMBER;
		(void)snprintf(change->value, sizeof(change->value), "%" JSON_INTEGER_FORMAT,
			       json_integer_value(value));
	} else {
		(void)snprintf(change->value, sizeof(change->value), "%s", text ? text : "");
	}
}

bool setting_take(const json_t *values, struct control_changes *changes, struct reply *reply)
{
	const char *key;
	json_t *value;

	*changes = (struct control_changes){.changes = NULL};
	if (json_object_size(values) > CONTROL_SETTINGS_MAX) {
		reply_error(reply, 400, "bad_value",
			    "more settings than there are; name each once");
		return false;
	}
	changes->changes = calloc(CONTROL_SETTINGS_MAX, sizeof(*changes->changes));
	if (!changes->changes) {
		reply_json(reply, 500, NULL);
		return false;
	}
	json_object_foreach((json_t *)(uintptr_t)values, key, value)
	{
		struct control_change *change = &changes->changes[changes->n_changes++];

		/* None is like that; and in control's words the second would read as a hint. */
		if (strlen(key) >= sizeof(change->key) || strchr(key, ';')) {
			control_changes_clear(changes);
			setting_say_unknown(reply, key);
			return false;
		}
		(void)snprintf(change->key, sizeof(change->key), "%s", key);
		take_value(value, change);
	}
	return true;
}

/* True with the answer in *ask, to be freed; else the reply is made. */
static bool ask_change(const struct request *request, const struct control_changes *changes,
		       struct gather_ask *ask, struct reply *reply)
{
	uint8_t *bytes = NULL;
	ssize_t length = control_changes_encode(changes, &bytes);

	*ask = (struct gather_ask){
		.to = SERVICE_CONTROL, .type = CONTROL_SET_SETTINGS, .timeout_ms = BUS_TIMEOUT_MS};
	return ask_one(request, reply, ask, bytes, length);
}

void setting_reply_changed(struct gather_ask *ask, struct reply *reply)
{
	struct control_settings changed;

	if (control_settings_decode(&changed, ask->answer, ask->answer_length) == 0) {
		reply_json(reply, 200, view_changed(&changed));
		control_settings_clear(&changed);
	} else {
		ask_malformed(ask, reply);
	}
	free(ask->answer);
}

void setting_change(const struct request *request, const struct control_changes *changes,
		    struct reply *reply)
{
	struct gather_ask ask;

	if (ask_change(request, changes, &ask, reply))
		setting_reply_changed(&ask, reply);
}

bool setting_change_one(const struct request *request, const char *key, const char *value,
			struct reply *reply)
{
	struct control_change change = {.kind = CONTROL_KIND_TEXT};
	const struct control_changes changes = {.n_changes = 1, .changes = &change};
	struct gather_ask ask;
	bool done;

	(void)snprintf(change.key, sizeof(change.key), "%s", key);
	(void)snprintf(change.value, sizeof(change.value), "%s", value);
	done = ask_change(request, &changes, &ask, reply);
	explicit_bzero(&change, sizeof(change));
	if (done)
		free(ask.answer);
	return done;
}
