#include "svc-browser/statistics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The sum is known once one server has told; a list without servers has no players. */
static void add(uint32_t *sum, uint32_t players)
{
	if (players != BROWSER_UNKNOWN)
		*sum = *sum == BROWSER_UNKNOWN ? players : *sum + players;
}

static struct browser_game *game_of(struct browser_statistics *statistics, const char *name)
{
	struct browser_game *game = statistics->games;

	while (game < statistics->games + statistics->n_games && strcasecmp(game->name, name) != 0)
		game++;
	if (game == statistics->games + statistics->n_games) {
		statistics->n_games++;
		*game = (struct browser_game){.players = BROWSER_UNKNOWN};
		memcpy(game->name, name, strlen(name));
	}
	return game;
}

static void count(struct browser_statistics *statistics, const struct browser_server *server)
{
	struct browser_game *game = game_of(statistics, server->game);

	game->servers++;
	add(&game->players, server->players);
	add(&statistics->players, server->players);
	add(&statistics->max_players, server->max_players);
	statistics->favourites += server->favourite;
	statistics->full += browser_server_is_full(server);
	statistics->empty += server->players == 0;
	statistics->with_password += server->password;
}

static int by_servers(const void *a, const void *b)
{
	const struct browser_game *x = a, *y = b;

	if (x->servers != y->servers)
		return x->servers > y->servers ? -1 : 1;
	return strcasecmp(x->name, y->name);
}

int statistics_count(struct browser_statistics *statistics, const struct browser_servers *servers)
{
	uint32_t none = servers->n_servers ? BROWSER_UNKNOWN : 0;

	*statistics = (struct browser_statistics){
		.servers = (uint32_t)servers->n_servers, .players = none, .max_players = none};
	statistics->games = calloc(servers->n_servers + 1, sizeof(*statistics->games));
	if (!statistics->games)
		return -ENOMEM;
	for (size_t i = 0; i < servers->n_servers; i++)
		count(statistics, &servers->servers[i]);
	qsort(statistics->games, statistics->n_games, sizeof(*statistics->games), by_servers);
	return 0;
}
