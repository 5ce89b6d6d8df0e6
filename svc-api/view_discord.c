/* view_discord.c - Discord: what is set up, and how to do it. */
#include <string.h>

#include "common/clock.h"
#include "svc-api/view.h"
#include "svc-control/schema.h"

static const struct control_setting *find(const struct control_settings *settings, const char *key)
{
	static const struct control_setting none;
	const struct control_setting *found = control_settings_find(settings, key);

	return found ? found : &none;
}

static int is_on(const struct control_settings *settings, const char *key)
{
	return strcmp(find(settings, key)->value, "on") == 0;
}

static json_t *view_sent_at(const struct poster_state *state)
{
	char text[CLOCK_RFC3339_SIZE];

	return state->last_sent_us ? json_string(clock_rfc3339(state->last_sent_us, text))
				   : json_null();
}

json_t *view_discord(const struct control_settings *settings, const struct poster_state *state)
{
	return json_pack("{s:b, s:b, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "enabled",
			 is_on(settings, SETTING_DISCORD), "webhook_set",
			 (int)find(settings, SETTING_DISCORD_WEBHOOK)->set, "invite",
			 view_text(find(settings, SETTING_DISCORD_INVITE)->value), "presence",
			 is_on(settings, SETTING_DISCORD_PRESENCE), "app_id",
			 view_text(find(settings, SETTING_DISCORD_APP)->value), "sent",
			 view_count(state->sent), "dropped", view_count(state->dropped), "waiting",
			 view_count(state->waiting), "last_sent_at", view_sent_at(state), "problem",
			 view_text(state->problem));
}

json_t *view_discord_test(const struct answer *answer)
{
	char problem[ANSWER_PROBLEM_MAX];

	return json_pack("{s:b, s:o, s:o}", "sent", answer_is_good(answer), "status",
			 answer->status ? json_integer(answer->status) : json_null(), "problem",
			 view_text(answer_problem(answer, problem)));
}

json_t *view_discord_instructions(void)
{
	static const char *const steps[] = {
		"In Discord, open the settings of the channel that shall hear of the party. You "
		"need the right to manage webhooks there.",
		"Choose Integrations, then Webhooks, then New Webhook, and give it a name.",
		"Press Copy Webhook URL. Keep that address to yourself: whoever has it can write "
		"into the channel.",
		"Hand it over: lanrage settings discord.webhook -",
		"Switch it on: lanrage settings discord.enabled on",
		"See whether it arrives: lanrage discord test",
		"If you want friends to find your Discord server, make an invite there that does "
		"not expire: lanrage settings discord.invite URL",
	};
	json_t *json = json_array();

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		json_array_append_new(json, json_string(steps[i]));
	return json;
}
