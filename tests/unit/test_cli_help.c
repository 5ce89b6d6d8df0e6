/* What --help, the manual and the shells say, out of one small table; and that the real one is
 * whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/version.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/complete.h"
#include "svc-api/cli/help.h"
#include "svc-api/cli/pages/pages.h"
#include "svc-api/cli/table.h"

static int run_nothing(const struct invocation *invocation)
{
	(void)invocation;
	return 0;
}

static const struct command small[] = {
	{.words = "ping",
	 .arguments = "PEER",
	 .help = "measures a friend's way",
	 .about = "Says `which` way -- and which not. It takes as long as the probes take, and one "
		  "that is lost takes longer.",
	 .examples = "lanrage ping kira\nlanrage ping \\e",
	 .group = GROUP_PEERS,
	 .least = 1,
	 .most = 1,
	 .completes = COMPLETES_PEERS,
	 .options = OPTION_COUNT,
	 .run = run_nothing},
	{.words = "party ping", .same_as = "ping"},
	{.words = "party create",
	 .arguments = "NAME",
	 .help = "begins a party",
	 .group = GROUP_PARTY,
	 .least = 1,
	 .most = 1,
	 .options = OPTION_LOCAL,
	 .run = run_nothing},
	{.words = NULL},
};

struct paper {
	FILE *out;
	char *text;
	size_t length;
};

static FILE *begin(struct paper *paper)
{
	paper->out = open_memstream(&paper->text, &paper->length);
	return paper->out;
}

static void expect(struct paper *paper, const char *golden)
{
	(void)fclose(paper->out);
	assert_string_equal(paper->text, golden);
	free(paper->text);
}

static void one_command(void **state)
{
	struct paper paper;

	(void)state;
	help_command(small, &small[0], begin(&paper));
	expect(&paper,
	       "usage: lanrage ping PEER [-c N]\n"
	       "   or: lanrage party ping\n"
	       "\n"
	       "measures a friend's way\n"
	       "\n"
	       "Says `which` way -- and which not. It takes as long as the probes take, and one\n"
	       "that is lost takes longer.\n"
	       "\n"
	       "Options\n"
	       "  -c, --count N  how many probes; 4 without it\n"
	       "\n"
	       "Examples\n"
	       "  lanrage ping kira\n"
	       "  lanrage ping \\e\n");
}

static void all_commands(void **state)
{
	struct paper paper;

	(void)state;
	help_overview(small, begin(&paper));
	expect(&paper,
	       "usage: lanrage [--run DIR] [--json] COMMAND\n"
	       "\n"
	       "Party\n"
	       "  party create NAME  begins a party\n"
	       "\n"
	       "Peers\n"
	       "  ping PEER          measures a friend's way\n"
	       "\n"
	       "With every command\n"
	       "  --json        prints JSON, for programs: its names and shapes stay, tables may\n"
	       "                change\n"
	       "  --run DIR     the instance that runs there; without it $LANRAGE_RUN, else\n"
	       "                /run/lanrage\n"
	       "  --color WHEN  auto (at a terminal, unless NO_COLOR is set), always or never\n"
	       "  -h, --help    explains the command\n"
	       "  --version     prints the version\n"
	       "\n"
	       "`lanrage help COMMAND` says more about one. Exit status: 0 success, 1 refused\n"
	       "or failed, 2 wrong usage.\n");
}

static void commands_of_one_first_word(void **state)
{
	struct paper paper;

	(void)state;
	assert_true(help_family(small, "party", begin(&paper)));
	expect(&paper, "usage: lanrage [--run DIR] [--json] COMMAND\n"
		       "\n"
		       "  party ping PEER    measures a friend's way\n"
		       "  party create NAME  begins a party\n");
	assert_false(help_family(small, "ping", begin(&paper)));
	expect(&paper, "");
	assert_false(help_family(small, NULL, begin(&paper)));
	expect(&paper, "");
}

static int fill(const char *template, struct paper *paper)
{
	FILE *in = fmemopen((void *)(uintptr_t) template, strlen(template), "r");
	int r = pages_fill(small, in, begin(paper));

	(void)fclose(in);
	return r;
}

static void manual(void **state)
{
	struct paper paper;

	(void)state;
	assert_int_equal(fill(".TH \"LANrage @version@\"\n@manual-commands@\n", &paper), 0);
	expect(&paper, ".TH \"LANrage " LANRAGE_VERSION "\"\n"
		       ".SS Party\n"
		       ".TP\n\\fBparty create\\fR \\fINAME\\fR [\\-\\-local]\n"
		       "begins a party.\n"
		       ".RS\n"
		       ".TP\n\\fB\\-\\-local\\fR\n"
		       "a party for this LAN: this machine is the meeting point, no server is "
		       "asked.\n"
		       ".RE\n"
		       ".SS Peers\n"
		       ".TP\n\\fBping\\fR \\fIPEER\\fR [\\-c N]\n"
		       "measures a friend\\(cqs way.\n"
		       "Also as \\fBparty ping\\fR.\n"
		       ".IP\nSays \\fBwhich\\fR way \\-\\- and which not. It takes as long as the "
		       "probes take, and one that is lost takes longer.\n"
		       ".RS\n"
		       ".TP\n\\fB\\-c\\fR, \\fB\\-\\-count\\fR \\fIN\\fR\n"
		       "how many probes; 4 without it.\n"
		       ".RE\n"
		       ".IP\n.nf\nlanrage ping kira\nlanrage ping \\ee\n.fi\n"
		       ".SS Games\n"
		       ".SS This machine\n");
}

static void rows_for_shells(void **state)
{
	struct paper paper;

	(void)state;
	assert_int_equal(fill("(\n@commands@\n)\n", &paper), 0);
	expect(&paper, "(\n"
		       "'ping|--count -c|peers|measures a friend'\\''s way'\n"
		       "'party ping|--count -c|peers|measures a friend'\\''s way'\n"
		       "'party create|--local||begins a party'\n"
		       ")\n");
	assert_int_equal(fill("@no-such-marker@\n", &paper), -22);
	expect(&paper, "");
}

static void lines_for_fish(void **state)
{
	static const char first[] = "complete -c lanrage -n '__lanrage_at ' -a ping -d 'measures a "
				    "friend'\\''s way'\n"
				    "complete -c lanrage -n '__lanrage_at ping' -a "
				    "'(__lanrage_live peers)'\n"
				    "complete -c lanrage -n '__lanrage_in ping' -l count -s c -x "
				    "-d 'how many probes; 4 without it'\n"
				    "complete -c lanrage -n '__lanrage_at ' -a party\n"
				    "complete -c lanrage -n '__lanrage_at party ' -a ping -d "
				    "'measures a friend'\\''s way'\n";
	struct paper paper;

	(void)state;
	assert_int_equal(fill("@fish@\n", &paper), 0);
	(void)fclose(paper.out);
	assert_non_null(strstr(paper.text, first));
	/* Once, however many commands begin with it. */
	assert_null(strstr(strstr(paper.text, " -a party\n") + 1, " -a party\n"));
	free(paper.text);
}

/* Others choose these names. */
static void words_that_can_be_typed(void **state)
{
	json_t *peers = json_pack("[{s:s,s:s}{s:s,s:s}{s:s,s:s}{s:s,s:s}{s:n,s:s}{s:s}]", "name",
				  "two words", "id", "01", "name", "--revoke", "id", "02", "name",
				  "a\033[31m", "id", "03", "name", "", "id", "04", "name", "id",
				  "05", "name", "no id\n");
	json_t *services = json_pack("{s:s, s:{s:{}, s:{}}}", "api", "127.0.0.1:1", "services",
				     "nat", "control");
	json_t *servers =
		json_pack("[{s:s,s:s}{s:s}{s:s,s:s}{s:s,s:s}{s:s,s:s}]", "id", "a@01", "name",
			  "Ana's arena", "id", "duel@02", "id", "b@03", "name", "Twins", "id",
			  "b@04", "name", "twins", "id", "c@05", "name", "--json");
	json_t *sessions = json_pack("[{s:i,s:n}{s:i,s:s}{s:s,s:n}]", "id", 12, "ended_at", "id",
				     11, "ended_at", "2026-01-01T00:00:00Z", "id", "x", "ended_at");
	struct paper paper;

	(void)state;
	complete_list(COMPLETES_PEERS, peers, begin(&paper));
	expect(&paper, "two words\n02\n03\n04\n05\n");
	complete_list(COMPLETES_SERVERS, servers, begin(&paper));
	expect(&paper, "Ana's arena\nduel@02\nb@03\nb@04\nc@05\n");
	complete_list(COMPLETES_SESSIONS, sessions, begin(&paper));
	expect(&paper, "12\n11\n");
	complete_list(COMPLETES_RUNNING, sessions, begin(&paper));
	expect(&paper, "12\n");
	complete_list(COMPLETES_RUNNING, NULL, begin(&paper));
	expect(&paper, "");
	complete_list(COMPLETES_SERVICES, services, begin(&paper));
	expect(&paper, "nat\ncontrol\n");
	complete_list(COMPLETES_SETTINGS, NULL, begin(&paper));
	expect(&paper, "");
	json_decref(peers);
	json_decref(services);
	json_decref(servers);
	json_decref(sessions);
}

/* ---- the real table */

static bool is_narrow(char *text)
{
	bool narrow = true;

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (table_width(line) > 80)
			narrow = false;
	return narrow;
}

static void every_command_is_whole(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->words; command++) {
		const struct command *meant = arguments_find(commands, command->words);
		const char *arguments = meant && meant->arguments ? meant->arguments : "";
		struct paper paper;

		if (!meant || !meant->run || !meant->help)
			fail_msg("`%s` is not whole", command->words);
		if ((meant->most > 0) != (*arguments != '\0') ||
		    (meant->least > 0) != (*arguments != '\0' && *arguments != '[') ||
		    meant->least > meant->most || meant->most > ARGUMENTS_MAX)
			fail_msg("`%s %s` takes %zu to %zu words", command->words, arguments,
				 meant->least, meant->most);
		if (strpbrk(meant->help, "|\n") || strlen(meant->help) > 60)
			fail_msg("`%s`: its one line of help is none", command->words);
		if (meant->about && (strlen(meant->about) + 8 > TABLE_CELL_MAX ||
				     meant->about[strlen(meant->about) - 1] != '.'))
			fail_msg("`%s`: what is said about it would be cut", command->words);
		help_command(commands, meant, begin(&paper));
		(void)fclose(paper.out);
		if (!is_narrow(paper.text))
			fail_msg("`%s`: its help is wider than 80 columns", command->words);
		free(paper.text);
	}
}

static void every_option_is_used_and_told_apart(void **state)
{
	unsigned int used = OPTIONS_EVERYWHERE, seen = 0;
	struct paper paper;

	(void)state;
	for (const struct command *command = commands; command->words; command++)
		used |= command->options;
	for (const struct option_entry *entry = options; entry->name; entry++) {
		if (seen & entry->option || !(used & entry->option))
			fail_msg("%s shares its bit, or no command takes it", entry->name);
		if (!entry->argument != !entry->set)
			fail_msg("%s: usage and parser disagree about its value", entry->name);
		if (entry->help && strpbrk(entry->help, "|\n"))
			fail_msg("%s: its help breaks the rows for shells", entry->name);
		seen |= entry->option;
	}
	assert_int_equal(seen, used);
	help_overview(commands, begin(&paper));
	(void)fclose(paper.out);
	assert_true(is_narrow(paper.text));
	free(paper.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_command),
		cmocka_unit_test(all_commands),
		cmocka_unit_test(commands_of_one_first_word),
		cmocka_unit_test(manual),
		cmocka_unit_test(rows_for_shells),
		cmocka_unit_test(lines_for_fish),
		cmocka_unit_test(words_that_can_be_typed),
		cmocka_unit_test(every_command_is_whole),
		cmocka_unit_test(every_option_is_used_and_told_apart),
	};

	table_init_locale();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
