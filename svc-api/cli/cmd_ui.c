/* cmd_ui.c - the page's link, and the browser that opens it. */
#include <stdio.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/webbrowser.h"

int command_ui(const struct invocation *invocation)
{
	struct answer answer;
	struct place place;
	struct error error;
	char url[256];
	int r = place_find(&place, invocation->run, &error) < 0
			? say_error(&error)
			: say_ask(invocation, "POST", "login", NULL, &answer);

	if (r == 0)
		(void)snprintf(url, sizeof(url), "http://%s%s", place.api,
			       text_at(answer.json, "path"));
	place_clear(&place);
	if (r != 0)
		return 1;
	if (wants_json(invocation))
		say_own_json(json_pack("{s:s, s:s}", "url", url, "expires_at",
				       text_at(answer.json, "expires_at")));
	else
		(void)puts(url);
	if (!wants_json(invocation) && !(invocation->given & OPTION_NO_OPEN))
		webbrowser_open(url);
	client_clear(&answer);
	return 0;
}
