#include "svc-api/cli/activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_LEAST 2 /* characters; Discord refuses shorter ones */
#define TEXT_MAX   128
#define SECRET_MAX 128

static json_t *details_of(const char *name)
{
	char text[TEXT_MAX];
	size_t characters = 0;

	for (const char *at = name; *at; at++)
		characters += (*at & 0xc0) != 0x80;
	(void)snprintf(text, sizeof(text), "%s%s", characters < TEXT_LEAST ? "Party " : "", name);
	return json_string(text);
}

json_t *activity_make(const json_t *status, uint64_t since_s, const char *link)
{
	const json_t *party = json_object_get(status, "party");
	const char *id = json_string_value(json_object_get(party, "id"));
	const char *name = json_string_value(json_object_get(party, "name"));
	json_int_t members = json_integer_value(json_object_get(party, "members"));
	json_t *activity;

	if (json_is_null(party) &&
	    json_is_string(json_object_get(json_object_get(status, "self"), "id")))
		return json_null();
	if (!id || !name)
		return NULL;
	activity = json_pack("{s:o, s:s, s:{s:I}, s:{s:s, s:[I, i]}}", "details", details_of(name),
			     "state", members > 1 ? "Playing together" : "Waiting for friends",
			     "timestamps", "start", (json_int_t)since_s, "party", "id", id, "size",
			     members > 0 ? members : 1, ACTIVITY_MEMBERS_MAX);
	if (activity && activity_is_link(link))
		(void)json_object_set_new(activity, "secrets", json_pack("{s:s}", "join", link));
	return activity;
}

char *activity_command(const json_t *activity, int pid, uint64_t nonce)
{
	char text[24];
	json_t *command;
	char *written;

	(void)snprintf(text, sizeof(text), "%" PRIu64, nonce);
	command = json_pack("{s:s, s:{s:i, s:O}, s:s}", "cmd", "SET_ACTIVITY", "args", "pid", pid,
			    "activity", (json_t *)(uintptr_t)activity, "nonce", text);
	written = command ? json_dumps(command, JSON_COMPACT) : NULL;
	json_decref(command);
	return written;
}

bool activity_is_link(const char *text)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-:/[]";

	return (strncmp(text, "lanrage://", 10) == 0 || strncmp(text, "lanrages://", 11) == 0) &&
	       strlen(text) < SECRET_MAX && strspn(text, allowed) == strlen(text);
}
