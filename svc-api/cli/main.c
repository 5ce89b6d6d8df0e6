/* lanrage: the command line. Asks the REST API, or reads what the launcher writes. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

#define EXIT_USAGE 2

const struct command commands[] = {
	{"status", "", "how things are", 0, 0, 0, command_status},
	{"doctor", "", "checks everything and says what to do", 0, 0, 0, command_doctor},
	{"ui", "", "prints the address of the page", 0, 0, 0, command_ui},
	{"up", "", "connects to the party", 0, 0, 0, command_up},
	{"down", "", "disconnects, and stays a member", 0, 0, 0, command_down},
	{"party create", "NAME [--name ME] [--local]", "begins a party and prints its code", 1, 1,
	 OPTION_NAME | OPTION_LOCAL, command_create},
	{"party list", "", "shows the party you are in", 0, 0, 0, command_party_list},
	{"party invite", "[--once] [--ttl 2h] [--revoke CODE]", "prints a new code, or ends one", 0,
	 0, OPTION_ONCE | OPTION_TTL | OPTION_REVOKE, command_invite},
	{"party kick", "MEMBER", "removes a member; all codes so far end", 1, 1, 0, command_kick},
	{"party leave", "", "leaves the party", 0, 0, 0, command_leave},
	{"party join", "CODE [--name ME]", "comes to a friend's party", 1, 1, OPTION_NAME,
	 command_join},
	{"join", "CODE [--name ME]", "comes to a friend's party", 1, 1, OPTION_NAME, command_join},
	{"leave", "", "leaves the party", 0, 0, 0, command_leave},
	{"invite", "[--once] [--ttl 2h] [--revoke CODE]", "prints a new code, or ends one", 0, 0,
	 OPTION_ONCE | OPTION_TTL | OPTION_REVOKE, command_invite},
	{"kick", "MEMBER", "removes a member; all codes so far end", 1, 1, 0, command_kick},
	{"peers", "[--watch]", "who is there, and how they are reached", 0, 0, OPTION_WATCH,
	 command_peers},
	{"ping", "PEER [-c N]", "measures the way to a member", 1, 1, OPTION_COUNT, command_ping},
	{"why", "PEER", "why a member is not reached directly, and what helps", 1, 1, 0,
	 command_why},
	{"netcheck", "", "measures this network: router, addresses, relays, MTU", 0, 0, 0,
	 command_netcheck},
	{"servers", "[--game G]", "game servers in the party", 0, 0, OPTION_GAME, command_servers},
	{"metrics", "", "load of this machine, and the way to each member", 0, 0, 0,
	 command_metrics},
	{"settings", "[KEY [VALUE]]", "shows or changes settings", 0, 2, 0, command_settings},
	{"settings reset", "[KEY]", "back to the default, one setting or all", 0, 1, 0,
	 command_settings_reset},
	{"settings export", "", "prints the settings, for a file", 0, 0, 0,
	 command_settings_export},
	{"settings import", "FILE", "takes them from such a file", 1, 1, 0,
	 command_settings_import},
	{"settings save", "NAME", "keeps the settings of now under a name", 1, 1, 0,
	 command_settings_save},
	{"settings use", "NAME", "goes back to those", 1, 1, 0, command_settings_use},
	{"settings saved", "", "lists what is kept", 0, 0, 0, command_settings_saved},
	{"settings forget", "NAME", "no longer keeps it", 1, 1, 0, command_settings_forget},
	{"logs", "[SERVICE] [-n LINES]", "the last lines of the logs", 0, 1, OPTION_LINES,
	 command_logs},
	{NULL, NULL, NULL, 0, 0, 0, NULL},
};

static void print_usage(const struct command *only, FILE *out)
{
	struct table table;

	(void)fprintf(out, "usage: lanrage [--run DIR] [--json] COMMAND\n\n");
	table_init(&table, 2);
	for (const struct command *command = commands; command->words; command++) {
		char left[128];
		const char *cells[] = {left, command->help};

		if (only && only != command)
			continue;
		(void)snprintf(left, sizeof(left), "%s %s", command->words, command->usage);
		left[strlen(left) - (*command->usage ? 0 : 1)] = '\0';
		table_add(&table, cells);
	}
	table_print(&table, 2, out);
	table_deinit(&table);
}

/* A reader that went away (a pipe) or a full disk is a failure, not a success. */
static int flushed(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	(void)fprintf(stderr, "lanrage: the output could not be written\n");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct invocation invocation;
	struct error error;
	int status;

	table_init_locale();
	if (arguments_parse(commands, argc, argv, &invocation, &error) < 0) {
		(void)say_error(&error);
		(void)fputc('\n', stderr);
		print_usage(invocation.command, stderr);
		return EXIT_USAGE;
	}
	if (invocation.given & OPTION_HELP) {
		print_usage(invocation.command, stdout);
		return flushed(EXIT_SUCCESS);
	}
	if (curl_global_init(CURL_GLOBAL_NOTHING) != 0)
		return EXIT_FAILURE;
	status = invocation.command->run(&invocation);
	curl_global_cleanup();
	return flushed(status);
}
