/* cmd_help.c - help [COMMAND]. */
#include <stdio.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/help.h"

int command_help(const struct invocation *invocation)
{
	const struct command *command;
	char words[256] = "";
	struct error error;

	for (size_t i = 0; i < invocation->n_arguments; i++) {
		size_t used = strlen(words);

		(void)snprintf(words + used, sizeof(words) - used, "%s%s", i ? " " : "",
			       invocation->arguments[i]);
	}
	command = arguments_find(commands, words);
	if (!*words)
		help_overview(commands, stdout);
	else if (command)
		help_command(commands, command, stdout);
	else if (!help_family(commands, words, stdout)) {
		error_set(&error, -1, "%.40s: no such command; `lanrage help` lists them", words);
		(void)say_error(&error);
		return 2;
	}
	return 0;
}
