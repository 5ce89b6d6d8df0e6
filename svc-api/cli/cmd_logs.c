/* cmd_logs.c - logs [SERVICE]. Reads the files itself, because logs are wanted most when the API is
 * down; the files are readable for whoever may read the token. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/logtail.h"

static int show_json(const struct invocation *invocation, const char *service, uint32_t lines)
{
	char *escaped = client_escape(service ? service : ""), *path = NULL;
	struct answer answer;
	int r = 1;

	if (escaped &&
	    asprintf(&path, "logs%s%s?lines=%u", service ? "/" : "", escaped, lines) >= 0)
		r = say_ask(invocation, "GET", path, NULL, &answer);
	free(path);
	free(escaped);
	if (r != 0)
		return 1;
	say_json(&answer);
	client_clear(&answer);
	return 0;
}

int command_logs(const struct invocation *invocation)
{
	const char *service = invocation->n_arguments ? invocation->arguments[0] : NULL;
	const char *variable = getenv("LANRAGE_RUN");
	const char *run = invocation->run;
	uint32_t lines = LOGTAIL_LINES;
	struct logtail tail;
	struct error error;

	if (invocation->given & OPTION_LINES)
		lines = invocation->lines < LOGTAIL_LINES_MAX ? invocation->lines
							      : LOGTAIL_LINES_MAX;
	if (wants_json(invocation))
		return show_json(invocation, service, lines);
	if (!run)
		run = variable && *variable ? variable : PLACE_RUN_DEFAULT;
	if (logtail_read(&tail, run, service, lines, &error) < 0)
		return say_error(&error);
	for (size_t i = 0; i < tail.n; i++)
		(void)puts(tail.lines[i]);
	logtail_clear(&tail);
	return 0;
}
