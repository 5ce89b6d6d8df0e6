/* cmd_ui.c - the page's link, and the browser that opens it. */
#include <stdio.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/webbrowser.h"

/* Asks for a link, which only that user can use, or everybody who has it. */
static int ask_link(const struct invocation *invocation, const struct passwd *user, char url[256],
		    struct answer *answer)
{
	struct place place;
	struct error error;
	json_t *body = user ? json_pack("{s:I}", "uid", (json_int_t)user->pw_uid) : NULL;

	if (place_find(&place, invocation->run, &error) < 0) {
		json_decref(body);
		return say_error(&error);
	}
	if (say_ask(invocation, "POST", "login", body, answer) == 0) {
		(void)snprintf(url, 256, "http://%s%s", place.api, text_at(answer->json, "path"));
		place_clear(&place);
		return 0;
	}
	place_clear(&place);
	return 1;
}

int command_ui(const struct invocation *invocation)
{
	bool prints_only = wants_json(invocation) || (invocation->given & OPTION_NO_OPEN);
	const struct passwd *user = prints_only ? NULL : webbrowser_user();
	struct answer answer;
	char url[256];

	if (ask_link(invocation, user, url, &answer) != 0)
		return 1;
	if (wants_json(invocation))
		say_own_json(json_pack("{s:s, s:s}", "url", url, "expires_at",
				       text_at(answer.json, "expires_at")));
	else
		(void)puts(url);
	if (user)
		webbrowser_open(user, url);
	client_clear(&answer);
	return 0;
}
