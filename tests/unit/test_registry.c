/* The list of game servers: who is heard of stays, who is silent goes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-browser/registry.h"

#define S 1000000ull

static struct registry registry;

static int set_up(void **state)
{
	(void)state;
	memset(&registry, 0, sizeof(registry));
	return 0;
}

static struct browser_server server(const char *id, const char *game)
{
	struct browser_server server = {.address = addr_ipv4(0x0a420002, 27015)};

	snprintf(server.id, sizeof(server.id), "%s", id);
	snprintf(server.game, sizeof(server.game), "%s", game);
	return server;
}

static int put(const char *id, const char *game, uint64_t now_s)
{
	struct browser_server new = server(id, game);

	return registry_put(&registry, &new, now_s * S, 1000 + now_s);
}

/* The ids that match, in order of registration unless something was dropped, with blanks between.
 */
static const char *list(const char *game, uint64_t now_s)
{
	static char ids[256];
	struct browser_filter filter = {{0}};
	struct browser_servers servers;

	snprintf(filter.game, sizeof(filter.game), "%s", game);
	assert_int_equal(registry_list(&registry, &filter, now_s * S, &servers), 0);
	ids[0] = 0;
	for (size_t i = 0; i < servers.n_servers; i++) {
		strcat(ids, i ? " " : "");
		strcat(ids, servers.servers[i].id);
	}
	browser_servers_clear(&servers);
	return ids;
}

static void test_filters(void **state)
{
	(void)state;
	assert_string_equal(list("", 0), "");
	put("a", "Quake", 1);
	put("b", "Minecraft", 1);
	put("c", "quake", 1);
	assert_string_equal(list("", 1), "a b c");
	assert_string_equal(list("quake", 1), "a c");
	assert_string_equal(list("MINECRAFT", 1), "b");
	assert_string_equal(list("q", 1), "");
}

static void test_news_of_a_known_server(void **state)
{
	struct browser_server new = server("a", "quake");
	struct browser_server *known = &registry.entries[0].server;

	(void)state;
	put("a", "quake", 1);
	new.players = 7;
	new.created_s = 5; /* not for others to say */
	new.last_heartbeat_s = 9999999;
	assert_int_equal(registry_put(&registry, &new, 20 * S, 1020), 0);
	assert_int_equal(registry.n_entries, 1);
	assert_int_equal(known->players, 7);
	assert_int_equal(known->created_s, 1001);
	assert_int_equal(known->last_heartbeat_s, 1020);
}

static void test_silence(void **state)
{
	(void)state;
	put("a", "", 0);
	put("b", "", 10);
	put("a", "", 20);
	assert_string_equal(list("", 99), "a b");
	assert_string_equal(list("", 100), "a"); /* not shown, even before it is swept */
	assert_int_equal(registry.n_entries, 2);
	assert_int_equal(registry_expire(&registry, 99 * S), 0);
	assert_int_equal(registry_expire(&registry, 100 * S), 1);
	assert_int_equal(registry_expire(&registry, 110 * S), 1);
	assert_int_equal(registry.n_entries, 0);
	put("a", "", 120); /* a new life */
	assert_int_equal(registry.entries[0].server.created_s, 1120);
}

static void test_removing(void **state)
{
	(void)state;
	put("a", "", 1);
	put("b", "", 1);
	put("c", "", 1);
	assert_int_equal(registry_remove(&registry, "x"), -ENOENT);
	assert_int_equal(registry_remove(&registry, "a"), 0);
	assert_int_equal(registry_remove(&registry, "a"), -ENOENT);
	assert_string_equal(list("", 1), "c b");
	assert_int_equal(registry_remove(&registry, "b"), 0);
	assert_int_equal(registry_remove(&registry, "c"), 0);
	assert_string_equal(list("", 1), "");
}

static void test_the_limit(void **state)
{
	char id[16];

	(void)state;
	for (unsigned i = 0; i < BROWSER_SERVERS_MAX; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		assert_int_equal(put(id, "", i < 10 ? 0 : 50), 0);
	}
	assert_int_equal(put("more", "", 50), -ENOSPC);
	assert_int_equal(put("s3", "", 50), 0);
	assert_int_equal(put("more", "", 90), 0); /* the silent ones made room */
	assert_int_equal(registry.n_entries, BROWSER_SERVERS_MAX - 9 + 1);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters),   TEST(test_news_of_a_known_server),
		TEST(test_silence),   TEST(test_removing),
		TEST(test_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
