#include "svc-browser/order.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int by_id(const void *a, const void *b)
{
	const struct browser_server *x = a, *y = b;

	return strcmp(x->id, y->id);
}

static int by_name(const void *a, const void *b)
{
	const struct browser_server *x = a, *y = b;
	int r = strcasecmp(x->name, y->name);

	return r ? r : by_id(a, b);
}

static int by_game(const void *a, const void *b)
{
	const struct browser_server *x = a, *y = b;
	int r = strcasecmp(x->game, y->game);

	return r ? r : by_name(a, b);
}

/* Less is first. */
static int by_number(uint64_t x, uint64_t y, const void *a, const void *b)
{
	return x == y ? by_id(a, b) : x < y ? -1 : 1;
}

static uint64_t places_from_most(const struct browser_server *server)
{
	return server->players == BROWSER_UNKNOWN ? UINT64_MAX
						  : BROWSER_PLAYERS_MAX - server->players;
}

static int by_players(const void *a, const void *b)
{
	return by_number(places_from_most(a), places_from_most(b), a, b);
}

static uint64_t distance(const struct browser_server *server)
{
	return server->latency.measurements ? server->latency.ema_us : UINT64_MAX;
}

static int by_latency(const void *a, const void *b)
{
	return by_number(distance(a), distance(b), a, b);
}

void order_servers(struct browser_servers *servers, enum browser_sort sort)
{
	static int (*const orders[BROWSER_SORTS])(const void *a, const void *b) = {
		[BROWSER_SORT_NAME] = by_name,
		[BROWSER_SORT_GAME] = by_game,
		[BROWSER_SORT_PLAYERS] = by_players,
		[BROWSER_SORT_LATENCY] = by_latency,
	};

	if (orders[sort])
		qsort(servers->servers, servers->n_servers, sizeof(*servers->servers),
		      orders[sort]);
}
