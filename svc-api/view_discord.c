/* view_discord.c - Discord: what is set up, and how to do it. */
#include <string.h>

#include "svc-api/view.h"
#include "svc-control/schema.h"

static const struct control_setting *find(const struct control_settings *settings, const char *key)
{
	static const struct control_setting none;

	for (size_t i = 0; i < settings->n_settings; i++)
		if (strcmp(settings->settings[i].key, key) == 0)
			return &settings->settings[i];
	return &none;
}

static int is_on(const struct control_settings *settings, const char *key)
{
	return strcmp(find(settings, key)->value, "on") == 0;
}

json_t *view_discord(const struct control_settings *settings)
{
	return json_pack("{s:b, s:b, s:o, s:b, s:o}", "enabled", is_on(settings, SETTING_DISCORD),
			 "webhook_set", (int)find(settings, SETTING_DISCORD_WEBHOOK)->set, "invite",
			 view_text(find(settings, SETTING_DISCORD_INVITE)->value), "presence",
			 is_on(settings, SETTING_DISCORD_PRESENCE), "app_id",
			 view_text(find(settings, SETTING_DISCORD_APP)->value));
}

json_t *view_discord_instructions(void)
{
	static const char *const steps[] = {
		"In Discord, open the settings of the channel that shall hear of the party. You "
		"need the right to manage webhooks there.",
		"Choose Integrations, then Webhooks, then New Webhook, and give it a name.",
		"Press Copy Webhook URL. Keep that address to yourself: whoever has it can write "
		"into the channel.",
		"Hand it over: lanrage settings discord.webhook URL",
		"Switch it on: lanrage settings discord.enabled on",
		"If you want friends to find your Discord server, make an invite there that does "
		"not expire: lanrage settings discord.invite URL",
	};
	json_t *json = json_array();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		json_array_append_new(json, json_string(steps[i]));
	return json;
}
