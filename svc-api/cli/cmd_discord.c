/* cmd_discord.c - what a channel and a profile are told, and one message to see that it works. */
#include <stdio.h>

#include "svc-api/cli/commands.h"

static void print_channel(const json_t *setup)
{
	bool on = json_is_true(json_object_get(setup, "enabled"));
	bool set = json_is_true(json_object_get(setup, "webhook_set"));

	say_field("channel", "%s%s", on ? "on" : "off; lanrage settings discord.enabled on",
		  set ? "" : "; no webhook is set: lanrage settings discord.webhook -");
	say_field("told", "%lld, given up: %lld, waiting: %lld, last %s",
		  (long long)json_integer_value(json_object_get(setup, "sent")),
		  (long long)json_integer_value(json_object_get(setup, "dropped")),
		  (long long)json_integer_value(json_object_get(setup, "waiting")),
		  *text_at(setup, "last_sent_at") ? text_at(setup, "last_sent_at") : "never");
	if (*text_at(setup, "problem"))
		say_field("problem", "%s", text_at(setup, "problem"));
}

int command_discord(const struct invocation *invocation)
{
	struct answer answer;

	if (say_ask(invocation, "GET", "discord/status", NULL, &answer) != 0)
		return 1;
	if (wants_json(invocation)) {
		say_json(&answer);
	} else {
		print_channel(answer.json);
		say_field("profile", "%s",
			  json_is_true(json_object_get(answer.json, "presence"))
				  ? "on, while `lanrage presence` runs"
				  : "off; lanrage settings discord.presence on");
		say_field("invite", "%s", text_at(answer.json, "invite"));
	}
	client_clear(&answer);
	return 0;
}

int command_discord_test(const struct invocation *invocation)
{
	struct answer answer;
	bool sent;

	if (say_ask(invocation, "POST", "discord/test", NULL, &answer) != 0)
		return 1;
	sent = json_is_true(json_object_get(answer.json, "sent"));
	if (wants_json(invocation))
		say_json(&answer);
	else
		(void)puts(sent ? "Discord has taken the message."
				: text_at(answer.json, "problem"));
	client_clear(&answer);
	return sent ? 0 : 1;
}
