#include "svc-api/cli/choice.h"

#include <string.h>
#include <strings.h>

#include "common/text.h"
#include "svc-api/cli/commands.h"

/* NAME@ and a member's id (text.h). */
static bool looks_like_id(const char *word)
{
	const char *at = strrchr(word, '@');

	return at && strlen(at + 1) == TEXT_ID_SIZE - 1 &&
	       strspn(at + 1, "0123456789abcdef") == TEXT_ID_SIZE - 1;
}

json_t *choice_servers(const json_t *servers, const char *word)
{
	json_t *of_id = json_array(), *of_name = json_array(), *server;
	size_t i;

	json_array_foreach(servers, i, server)
	{
		if (strcmp(text_at(server, "id"), word) == 0)
			json_array_append(of_id, server);
		if (!looks_like_id(word) && strcasecmp(text_at(server, "name"), word) == 0)
			json_array_append(of_name, server);
	}
	if (json_array_size(of_id) == 0) {
		json_decref(of_id);
		return of_name;
	}
	json_decref(of_name);
	return of_id;
}

bool choice_is_named(const json_t *servers, const json_t *server)
{
	json_t *meant = choice_servers(servers, text_at(server, "name"));
	bool alone = json_array_size(meant) == 1 && json_array_get(meant, 0) == server;

	json_decref(meant);
	return alone && *text_at(server, "name");
}

bool choice_runs(const json_t *session)
{
	return json_is_null(json_object_get(session, "ended_at"));
}

json_t *choice_running(const json_t *sessions)
{
	json_t *running = json_array(), *session;
	size_t i;

	json_array_foreach(sessions, i, session)
	{
		if (choice_runs(session))
			json_array_append(running, session);
	}
	return running;
}
