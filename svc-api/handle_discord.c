/* handle_discord.c - what is set up for Discord. The webhook's address goes in, and never out. */
#include <stdlib.h>
#include <string.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/setting.h"
#include "svc-api/view.h"
#include "svc-control/schema.h"

/* {enabled, …} or, of that, only one field, under a name of its own. */
static void reply_discord(const struct request *request, const char *field, const char *name,
			  struct reply *reply)
{
	struct control_settings settings;
	struct poster_state state;
	json_t *json;

	if (!setting_fetch(request, &settings, reply))
		return;
	poster_state(request->api->poster, &state);
	json = view_discord(&settings, &state);
	control_settings_clear(&settings);
	if (field) {
		reply_json(reply, 200, json_pack("{s:O}", name, json_object_get(json, field)));
		json_decref(json);
	} else {
		reply_json(reply, 200, json);
	}
}

void handle_discord_status(const struct request *request, struct reply *reply)
{
	reply_discord(request, NULL, NULL, reply);
}

void handle_discord_instructions(const struct request *request, struct reply *reply)
{
	(void)request;
	reply_json(reply, 200, view_discord_instructions());
}

void handle_discord_test(const struct request *request, struct reply *reply)
{
	struct control_secret webhook;
	struct answer *answer;

	if (!setting_fetch_secret(request, SETTING_DISCORD_WEBHOOK, &webhook, reply))
		return;
	answer = calloc(1, sizeof(*answer));
	if (!*webhook.value) {
		reply_error(reply, 409, "no_webhook",
			    "no webhook is set; set one: lanrage settings discord.webhook -");
	} else if (answer) {
		poster_test(request->api->poster, webhook.value, answer);
		reply_json(reply, 200, view_discord_test(answer));
	} else {
		reply_json(reply, 500, NULL);
	}
	explicit_bzero(&webhook, sizeof(webhook));
	free(answer);
}

/* The setting of this key from the body's field. Nothing is not a value: there is DELETE for that.
 */
static bool put(const struct request *request, const char *key, const char *field,
		struct reply *reply)
{
	const char *value = body_text(request->body, field);

	if (*value)
		return setting_change_one(request, key, value, reply);
	reply_error(reply, 400, "bad_value", "%s: nothing is in it; use DELETE to remove it",
		    field);
	return false;
}

void handle_webhook(const struct request *request, struct reply *reply)
{
	reply_discord(request, "webhook_set", "set", reply);
}

void handle_set_webhook(const struct request *request, struct reply *reply)
{
	if (put(request, SETTING_DISCORD_WEBHOOK, "webhook", reply))
		handle_webhook(request, reply);
}

void handle_remove_webhook(const struct request *request, struct reply *reply)
{
	if (setting_change_one(request, SETTING_DISCORD_WEBHOOK, "", reply))
		handle_webhook(request, reply);
}

void handle_discord_invite(const struct request *request, struct reply *reply)
{
	reply_discord(request, "invite", "invite", reply);
}

void handle_set_discord_invite(const struct request *request, struct reply *reply)
{
	if (put(request, SETTING_DISCORD_INVITE, "invite", reply))
		handle_discord_invite(request, reply);
}

void handle_remove_discord_invite(const struct request *request, struct reply *reply)
{
	if (setting_change_one(request, SETTING_DISCORD_INVITE, "", reply))
		handle_discord_invite(request, reply);
}
