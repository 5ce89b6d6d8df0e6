/* A list of game servers: put into order, and counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "svc-browser/order.h"
#include "svc-browser/statistics.h"

#define NONE BROWSER_UNKNOWN

/* As they are listed: id, name, game, players, max_players, EMA (0: unknown). */
static const struct {
	const char *id, *name, *game;
	uint32_t players, max_players, ema_us;
} table[] = {
	{"e", "delta", "Quake", 2, 8, 0},	   {"d", "Alpha", "doom", 8, 8, 30000},
	{"c", "beta", "QUAKE", NONE, NONE, 10000}, {"b", "alpha", "cube", 0, NONE, 30000},
	{"a", "gamma", "cube", 2, 2, 0},	   {"f", "zeta", "solo", NONE, 4, 20000},
	{"g", "eta", "quake", 3, 8, 500000},
};
#define N (sizeof(table) / sizeof(table[0]))

static struct browser_servers list(struct browser_server servers[N])
{
	memset(servers, 0, N * sizeof(servers[0]));
	for (size_t i = 0; i < N; i++) {
		snprintf(servers[i].id, BROWSER_ID_MAX, "%s", table[i].id);
		snprintf(servers[i].name, BROWSER_NAME_MAX, "%s", table[i].name);
		snprintf(servers[i].game, BROWSER_WORD_MAX, "%s", table[i].game);
		servers[i].players = table[i].players;
		servers[i].max_players = table[i].max_players;
		servers[i].latency.measurements = table[i].ema_us ? 1 : 0;
		servers[i].latency.ema_us = table[i].ema_us;
	}
	return (struct browser_servers){N, servers};
}

static void test_orders(void **state)
{
	static const char *const expected[BROWSER_SORTS] = {
		[BROWSER_SORT_NONE] = "edcbafg",    [BROWSER_SORT_NAME] = "bdcegaf",
		[BROWSER_SORT_GAME] = "badcegf",    [BROWSER_SORT_PLAYERS] = "dgaebcf",
		[BROWSER_SORT_LATENCY] = "cfbdgae",
	};
	struct browser_server servers[N];

	(void)state;
	for (int sort = 0; sort < BROWSER_SORTS; sort++) {
		struct browser_servers all = list(servers);
		char ids[N + 1] = "";

		order_servers(&all, (enum browser_sort)sort);
		for (size_t i = 0; i < N; i++)
			strcat(ids, servers[i].id);
		assert_string_equal(ids, expected[sort]);
	}
}

static void test_counting(void **state)
{
	static const struct browser_game games[] = {
		{"Quake", 3, 5}, {"cube", 2, 2}, {"doom", 1, 8}, {"solo", 1, NONE}};
	struct browser_server servers[N];
	struct browser_servers all = list(servers);
	struct browser_statistics statistics;

	(void)state;
	servers[0].favourite = servers[2].favourite = true;
	servers[1].password = true;
	assert_int_equal(statistics_count(&statistics, &all), 0);
	assert_int_equal(statistics.servers, N);
	assert_int_equal(statistics.players, 15);
	assert_int_equal(statistics.max_players, 30);
	assert_int_equal(statistics.favourites, 2);
	assert_int_equal(statistics.full, 2);
	assert_int_equal(statistics.empty, 1); /* not those that do not tell */
	assert_int_equal(statistics.with_password, 1);
	assert_int_equal(statistics.n_games, sizeof(games) / sizeof(games[0]));
	assert_memory_equal(statistics.games, games, sizeof(games));
	browser_statistics_clear(&statistics);
}

/* Nobody plays where there is no server; how many do on one that does not tell is not known. */
static void test_unknown_players(void **state)
{
	struct browser_server server = {.game = "solo", .players = NONE, .max_players = NONE};
	struct browser_servers all = {0, &server};
	struct browser_statistics statistics;

	(void)state;
	assert_int_equal(statistics_count(&statistics, &all), 0);
	assert_int_equal(statistics.players, 0);
	assert_int_equal(statistics.max_players, 0);
	browser_statistics_clear(&statistics);
	all.n_servers = 1;
	assert_int_equal(statistics_count(&statistics, &all), 0);
	assert_int_equal(statistics.players, NONE);
	assert_int_equal(statistics.max_players, NONE);
	assert_int_equal(statistics.full + statistics.empty, 0);
	browser_statistics_clear(&statistics);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_counting),
		cmocka_unit_test(test_unknown_players),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
