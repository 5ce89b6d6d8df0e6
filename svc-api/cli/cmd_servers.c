/* cmd_servers.c - servers [--game G] [--sort S]; servers join NAME. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "svc-api/cli/choice.h"
#include "svc-api/cli/commands.h"
#include "svc-api/cli/table.h"

/* Names are others' choice; with two blanks between columns this makes 80 at most. */
static const size_t least[] = {12, 8, 9, 0, 0, 0};
#define COLUMNS (sizeof(least) / sizeof(least[0]))

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
	(void)snprintf(players, sizeof(players), "%s/%s",
		       *integer_at(server, "players", now) ? now : "?",
		       *integer_at(server, "max_players", most) ? most : "?");
	table_add(table, cells);
}

/* By what they are told apart: ids are whole, whatever the width. */
static void print_ids(const json_t *servers, FILE *out)
{
	static const size_t least_of_ids[] = {0, 12, 8};
	struct table table;
	size_t i;
	json_t *server;

	table_init(&table, 3);
	table.least = least_of_ids;
	json_array_foreach(servers, i, server)
	{
		const char *cells[] = {text_at(server, "id"), text_at(server, "name"),
				       text_at(json_object_get(server, "host"), "name")};

		table_add(&table, cells);
	}
	table_print(&table, 2, out);
	table_deinit(&table);
}

static void print_how_to_join(const json_t *servers)
{
	json_t *unnamed = json_array(), *server;
	size_t i;

	json_array_foreach(servers, i, server)
	{
		if (!choice_is_named(servers, server))
			json_array_append(unnamed, server);
	}
	(void)puts("\n`lanrage servers join NAME` says where to connect to.");
	if (json_array_size(unnamed) > 0) {
		(void)puts("A name is not enough for these; their ids:");
		print_ids(unnamed, stdout);
	}
	json_decref(unnamed);
}

static void print_servers(const json_t *servers)
{
	static const char *const title[COLUMNS] = {"NAME",    "GAME",	 "HOST",
						   "ADDRESS", "PLAYERS", "PING"};
	struct table table;
	size_t i;
	json_t *server;

	if (json_array_size(servers) == 0) {
		(void)puts("No game servers.");
		return;
	}
	table_init(&table, COLUMNS);
	table.least = least;
	table_add_title(&table, title);
	json_array_foreach(servers, i, server) add_server(&table, server);
	table_print(&table, 0, stdout);
	table_deinit(&table);
	print_how_to_join(servers);
}

int command_servers(const struct invocation *invocation)
{
	char *game = client_escape(invocation->game ? invocation->game : "");
	char *sort = client_escape(invocation->sort ? invocation->sort : ""), *path = NULL;
	int status = 1;

	if (game && sort &&
	    asprintf(&path, "servers?game=%s%s%s", game, *sort ? "&sort=" : "", sort) >= 0)
		status = say_answer(invocation, "GET", path, NULL, print_servers);
	free(path);
	free(sort);
	free(game);
	return status;
}

/* ---- joining */

/* The address is all there is on stdout, for scripts. */
static void print_join(const json_t *join)
{
	(void)puts(text_at(join, "address"));
	if (json_is_true(json_object_get(join, "password")))
		(void)fputs("The server asks for a password.\n", stderr);
}

/* None or several are meant. */
static int refuse(const char *word, const json_t *meant)
{
	struct error error;

	if (json_array_size(meant) == 0) {
		error_set(&error, -ENOENT,
			  "no game server is called %.100s; `lanrage servers` lists them", word);
		return say_error(&error);
	}
	error_set(&error, -EINVAL,
		  "several game servers are called %.100s; say which by its id:", word);
	(void)say_error(&error);
	print_ids(meant, stderr);
	return 1;
}

int command_servers_join(const struct invocation *invocation)
{
	const char *word = invocation->arguments[0];
	struct answer answer;
	json_t *meant;
	int status;

	if (say_ask(invocation, "GET", "servers", NULL, &answer) != 0)
		return 1;
	meant = choice_servers(answer.json, word);
	status = json_array_size(meant) == 1
			 ? say_answer_of(invocation, "POST", "servers/",
					 text_at(json_array_get(meant, 0), "id"), "/join",
					 print_join)
			 : refuse(word, meant);
	json_decref(meant);
	client_clear(&answer);
	return status;
}
