/* handle_configurations.c - settings saved under a name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/setting.h"
#include "svc-api/view.h"

void handle_configurations(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_CONTROL,
				 .type = CONTROL_GET_SAVED,
				 .timeout_ms = BUS_TIMEOUT_MS,
				 .repeatable = true};
	struct control_configurations list;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return;
	if (control_configurations_decode(&list, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_configurations(&list));
		control_configurations_clear(&list);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* Asks about the one that the path names. True with the answer in *ask; else the reply is made. */
static bool ask_about(const struct request *request, uint32_t type, struct gather_ask *ask,
		      struct reply *reply)
{
	struct control_title title;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (strlen(request->parameter) >= sizeof(title.name)) {
		reply_error(reply, 400, "bad_value", "a configuration's name has at most %zu bytes",
			    sizeof(title.name) - 1);
		return false;
	}
	(void)snprintf(title.name, sizeof(title.name), "%s", request->parameter);
	length = control_title_encode(&title, &bytes);
	*ask = (struct gather_ask){
		.to = SERVICE_CONTROL, .type = type, .timeout_ms = BUS_TIMEOUT_MS};
	return ask_one(request, reply, ask, bytes, length);
}

static void reply_name(const struct request *request, uint32_t type, struct reply *reply)
{
	struct gather_ask ask;

	if (!ask_about(request, type, &ask, reply))
		return;
	free(ask.answer);
	reply_json(reply, 200, json_pack("{s:o}", "name", view_text(request->parameter)));
}

void handle_save_configuration(const struct request *request, struct reply *reply)
{
	reply_name(request, CONTROL_SAVE, reply);
}

void handle_forget_configuration(const struct request *request, struct reply *reply)
{
	reply_name(request, CONTROL_FORGET_SAVED, reply);
}

void handle_use_configuration(const struct request *request, struct reply *reply)
{
	struct gather_ask ask;

	if (ask_about(request, CONTROL_USE_SAVED, &ask, reply))
		setting_reply_changed(&ask, reply);
}
