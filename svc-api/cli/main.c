/* lanrage: the command line. Asks the REST API, or reads what the launcher writes. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/version.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/complete.h"
#include "svc-api/cli/help.h"
#include "svc-api/cli/table.h"

#define EXIT_USAGE 2

/* A reader that went away (a pipe) or a full disk is a failure, not a success. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	(void)fprintf(stderr, "lanrage: the output could not be written\n");
	return EXIT_FAILURE;
}

/* Shows the command that was meant and no other. */
static int say_usage(const struct invocation *invocation, const struct error *error)
{
	(void)say_error(error);
	if (invocation->command) {
		help_usage(invocation->command, stderr);
		(void)fprintf(stderr, "`lanrage help %s` says more\n", invocation->command->words);
	} else if (!help_family(commands, invocation->word, stderr)) {
		help_usage(NULL, stderr);
		(void)fprintf(stderr, "`lanrage --help` lists the commands\n");
	}
	return EXIT_USAGE;
}

static int print_help(const struct invocation *invocation)
{
	if (invocation->command)
		help_command(commands, invocation->command, stdout);
	else if (!help_family(commands, invocation->word, stdout))
		help_overview(commands, stdout);
	return EXIT_SUCCESS;
}

static int run(const struct invocation *invocation)
{
	int status;

	if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
		return EXIT_FAILURE;
	if (invocation->given & OPTION_COMPLETE)
		status = complete_print(invocation);
	else
		status = invocation->command->run(invocation);
	curl_global_cleanup();
	return status;
}

int main(int argc, char **argv)
{
	struct invocation invocation;
	struct error error;
	int r;

	table_init_locale();
	r = arguments_parse(commands, argc, argv, &invocation, &error);
	if (r < 0)
		return say_usage(&invocation, &error);
	terminal_use_color(invocation.color);
	if (invocation.given & OPTION_HELP)
		return flushed(print_help(&invocation));
	if (invocation.given & OPTION_VERSION) {
		(void)puts("lanrage " LANRAGE_VERSION);
		return flushed(EXIT_SUCCESS);
	}
	return flushed(run(&invocation));
}
