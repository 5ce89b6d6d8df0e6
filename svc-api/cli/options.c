/* options.c - the table of options, and how each one's value is read. */
#include <errno.h>
#include <string.h>

#include "common/duration.h"
#include "svc-api/cli/arguments.h"

#define COUNT_MAX 100000

static int take_number(const char *name, const char *text, uint32_t least, uint32_t *number,
		       struct error *error)
{
	uint32_t value;

	if (duration_parse_count(text, &value) == 0 && value >= least && value <= COUNT_MAX) {
		*number = value;
		return 0;
	}
	return error_set(error, -EINVAL, "%s: a number from %u to %d", name, least, COUNT_MAX);
}

static int set_complete(struct invocation *to, const char *text, struct error *error)
{
	(void)error;
	to->complete = text;
	return 0;
}

static int set_color(struct invocation *to, const char *text, struct error *error)
{
	if (terminal_parse_color(text, &to->color) == 0)
		return 0;
	return error_set(error, -EINVAL, "--color: say auto, always or never");
}

static int set_run(struct invocation *to, const char *text, struct error *error)
{
	to->run = text;
	return *text ? 0 : error_set(error, -EINVAL, "--run: name a directory");
}

static int set_name(struct invocation *to, const char *text, struct error *error)
{
	to->name = text;
	return *text ? 0 : error_set(error, -EINVAL, "--name: say a name");
}

static int set_game(struct invocation *to, const char *text, struct error *error)
{
	(void)error;
	to->game = text;
	return 0;
}

static int set_sort(struct invocation *to, const char *text, struct error *error)
{
	to->sort = text;
	return *text ? 0 : error_set(error, -EINVAL, "--sort: by name, game, players or latency");
}

static int set_server(struct invocation *to, const char *text, struct error *error)
{
	to->server = text;
	return *text ? 0 : error_set(error, -EINVAL, "--server: name the game server");
}

static int set_revoke(struct invocation *to, const char *text, struct error *error)
{
	to->revoke = text;
	return *text ? 0 : error_set(error, -EINVAL, "--revoke: name the code");
}

static int set_ttl(struct invocation *to, const char *text, struct error *error)
{
	if (duration_parse(text, &to->ttl_s) == 0 && to->ttl_s > 0)
		return 0;
	return error_set(error, -EINVAL, "--ttl: say how long, for example 30m, 2h or 7d");
}

static int set_count(struct invocation *to, const char *text, struct error *error)
{
	return take_number("-c", text, 1, &to->count, error);
}

static int set_lines(struct invocation *to, const char *text, struct error *error)
{
	return take_number("-n", text, 0, &to->lines, error);
}

const struct option_entry options[] = {
	{.option = OPTION_NAME,
	 .name = "--name",
	 .argument = "ME",
	 .help = "your name in the party; without it the setting peer_name",
	 .set = set_name},
	{.option = OPTION_LOCAL,
	 .name = "--local",
	 .help = "a party for this LAN: this machine is the meeting point, no server is asked"},
	{.option = OPTION_ONCE, .name = "--once", .help = "the code lets in one friend only"},
	{.option = OPTION_TTL,
	 .name = "--ttl",
	 .argument = "TIME",
	 .help = "how long the code is good (30m, 2h, 7d); without it the setting invite_ttl",
	 .set = set_ttl},
	{.option = OPTION_REVOKE,
	 .name = "--revoke",
	 .argument = "CODE",
	 .help = "ends this code instead of making one",
	 .set = set_revoke},
	{.option = OPTION_WATCH,
	 .name = "--watch",
	 .help = "again every second until Ctrl-C; away from a terminal, when something changed"},
	{.option = OPTION_COUNT,
	 .name = "--count",
	 .letter = "-c",
	 .argument = "N",
	 .help = "how many probes; 4 without it",
	 .set = set_count},
	{.option = OPTION_GAME,
	 .name = "--game",
	 .argument = "GAME",
	 .help = "only servers of this game",
	 .set = set_game},
	{.option = OPTION_SORT,
	 .name = "--sort",
	 .argument = "BY",
	 .help = "by name, game, players or latency",
	 .set = set_sort},
	{.option = OPTION_SERVER,
	 .name = "--server",
	 .argument = "NAME",
	 .help = "where it is played",
	 .set = set_server},
	{.option = OPTION_INVITE,
	 .name = "--invite",
	 .help = "the host's profile has a code in it, by which friends can join; it ends with the "
		 "command"},
	{.option = OPTION_NO_OPEN, .name = "--no-open", .help = "only prints the link"},
	{.option = OPTION_LINES,
	 .name = "--lines",
	 .letter = "-n",
	 .argument = "N",
	 .help = "how many lines; 200 without it, 2000 at most",
	 .set = set_lines},
	{.option = OPTION_JSON,
	 .name = "--json",
	 .help = "prints JSON, for programs: its names and shapes stay, tables may change"},
	{.option = OPTION_RUN,
	 .name = "--run",
	 .argument = "DIR",
	 .help = "the instance that runs there; without it $LANRAGE_RUN, else /run/lanrage",
	 .completes = COMPLETES_DIRECTORIES,
	 .set = set_run},
	{.option = OPTION_COLOR,
	 .name = "--color",
	 .argument = "WHEN",
	 .help = "auto (at a terminal, unless NO_COLOR is set), always or never",
	 .completes = COMPLETES_COLORS,
	 .set = set_color},
	{.option = OPTION_HELP, .name = "--help", .letter = "-h", .help = "explains the command"},
	{.option = OPTION_VERSION, .name = "--version", .help = "prints the version"},
	{.option = OPTION_COMPLETE, .name = "--complete", .argument = "WHAT", .set = set_complete},
	{.name = NULL},
};
