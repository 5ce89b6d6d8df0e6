/* cmd_why.c - why: one cause and one remedy. */
#include <stdio.h>
#include <string.h>

#include "svc-api/clean.h"
#include "svc-api/cli/commands.h"

static void print_why(const json_t *why)
{
	char name[256], text[512];
	const char *peer = text_at(why, "peer"), *path = text_at(why, "path"),
		   *cause = text_at(why, "text"), *remedy = text_at(why, "remedy");

	(void)printf("%s%s%s%s: %s\n", clean_text(peer, strlen(peer), name, sizeof(name)),
		     *path ? " (" : "", strcmp(path, "none") == 0 ? "not reached" : path,
		     *path ? ")" : "", clean_text(cause, strlen(cause), text, sizeof(text)));
	if (*remedy)
		(void)printf("-> %s\n", clean_text(remedy, strlen(remedy), text, sizeof(text)));
}

int command_why(const struct invocation *invocation)
{
	return say_answer_of(invocation, "GET", "peers/", invocation->arguments[0], "/why",
			     print_why);
}
