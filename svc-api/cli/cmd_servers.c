/* cmd_servers.c - servers [--game G]. */
#include <stdio.h>
#include <stdlib.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

static void print_servers(const json_t *servers)
{
	static const char *const title[] = {"NAME", "GAME", "ADDRESS", "PLAYERS", "MAP"};
	struct table table;
	size_t i;
	json_t *server;

	table_init(&table, 5);
	table_add(&table, title);
	json_array_foreach(servers, i, server)
	{
		char players[64];
		const char *cells[] = {text_at(server, "name"), text_at(server, "game"),
				       text_at(server, "address"), players, text_at(server, "map")};

		(void)snprintf(
			players, sizeof(players), "%lld/%lld",
			(long long)json_integer_value(json_object_get(server, "players")),
			(long long)json_integer_value(json_object_get(server, "max_players")));
		table_add(&table, cells);
	}
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

int command_servers(const struct invocation *invocation)
{
	char *game = client_escape(invocation->game ? invocation->game : ""), *path = NULL;
	struct answer answer;
	int r = 1;

	if (game && asprintf(&path, "servers%s%s", *game ? "?game=" : "", game) >= 0)
		r = say_ask(invocation, "GET", path, NULL, &answer);
	free(path);
	free(game);
	if (r != 0)
		return 1;
	if (wants_json(invocation))
		say_json(&answer);
	else if (json_array_size(answer.json) == 0)
		(void)puts("No game servers.");
	else
		print_servers(answer.json);
	client_clear(&answer);
	return 0;
}
