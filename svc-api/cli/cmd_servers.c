/* cmd_servers.c - servers [--game G] [--sort S]; servers join ID. */
#include <stdio.h>
#include <stdlib.h>

#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

/* Names are others' choice; with two blanks between columns this makes 80 at most. */
static const size_t least[] = {12, 8, 9, 0, 0, 0};
#define COLUMNS (sizeof(least) / sizeof(least[0]))

static const char *number_at(const json_t *object, const char *key, char text[24])
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		return "?";
	(void)snprintf(text, 24, "%lld", (long long)json_integer_value(value));
	return text;
}

/* Milliseconds; `-` for unknown. */
static const char *ping_of(const json_t *server, char text[24])
{
	const json_t *value = json_object_get(server, "latency_ema_ms");

	(void)snprintf(text, 24, "-");
	if (json_is_number(value))
		(void)snprintf(text, 24, "%.0f", json_number_value(value));
	return text;
}

static void add_server(struct table *table, const json_t *server)
{
	bool favourite = json_is_true(json_object_get(server, "favourite"));
	char name[TABLE_CELL_MAX], players[64], now[24], most[24], ping[24];
	const char *cells[COLUMNS] = {name,
				      text_at(server, "game"),
				      text_at(json_object_get(server, "host"), "name"),
				      text_at(server, "address"),
				      players,
				      ping_of(server, ping)};

	(void)snprintf(name, sizeof(name), "%s%s", favourite ? "* " : "", text_at(server, "name"));
	(void)snprintf(players, sizeof(players), "%s/%s", number_at(server, "players", now),
		       number_at(server, "max_players", most));
	table_add(table, cells);
}

static void print_servers(const json_t *servers)
{
	static const char *const title[COLUMNS] = {"NAME",    "GAME",	 "HOST",
						   "ADDRESS", "PLAYERS", "PING"};
	struct table table;
	size_t i;
	json_t *server;

	table_init(&table, COLUMNS);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(servers, i, server) add_server(&table, server);
	table_print(&table, 0, stdout);
	table_deinit(&table);
}

int command_servers(const struct invocation *invocation)
{
	char *game = client_escape(invocation->game ? invocation->game : "");
	char *sort = client_escape(invocation->sort ? invocation->sort : ""), *path = NULL;
	struct answer answer;
	int r = 1;

	if (game && sort &&
	    asprintf(&path, "servers?game=%s%s%s", game, *sort ? "&sort=" : "", sort) >= 0)
		r = say_ask(invocation, "GET", path, NULL, &answer);
	free(path);
	free(sort);
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

/* The address is all there is on stdout, for scripts. */
int command_servers_join(const struct invocation *invocation)
{
	char *id = client_escape(invocation->arguments[0]), *path = NULL;
	struct answer answer;
	int r = 1;

	if (id && asprintf(&path, "servers/%s/join", id) >= 0)
		r = say_ask(invocation, "POST", path, NULL, &answer);
	free(path);
	free(id);
	if (r != 0)
		return 1;
	if (wants_json(invocation)) {
		say_json(&answer);
	} else {
		(void)puts(text_at(answer.json, "address"));
		if (json_is_true(json_object_get(answer.json, "password")))
			(void)fputs("The server asks for a password.\n", stderr);
	}
	client_clear(&answer);
	return 0;
}
