/* The list of game servers: who is heard of stays, who is silent goes, and nobody takes another's
 * place. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/text.h"
#include "svc-browser/registry.h"

#define S 1000000ull

static struct registry registry;
static struct favourites favourites;
static const uint8_t self[DATAPLANE_KEY_SIZE] = {0x11, 0x22};

static int set_up(void **state)
{
	(void)state;
	memset(&registry, 0, sizeof(registry));
	memset(&favourites, 0, sizeof(favourites));
	memcpy(registry.self.identity, self, sizeof(self));
	snprintf(registry.self.name, sizeof(registry.self.name), "ana");
	return 0;
}

static struct browser_server server(const char *id, const char *game)
{
	struct browser_server server = {.name = "a server",
					.address = {.port = 27015},
					.players = BROWSER_UNKNOWN,
					.max_players = BROWSER_UNKNOWN};

	snprintf(server.id, sizeof(server.id), "%s", id);
	snprintf(server.game, sizeof(server.game), "%s", game);
	return server;
}

static int put(const char *id, const char *game, uint64_t now_s)
{
	struct browser_server new = server(id, game);

	return registry_register(&registry, &new, now_s * S, 1000 + now_s);
}

static int put_other(const char *id, uint64_t heard_s)
{
	struct browser_server new = server(id, "quake");

	new.address = addr_ipv4(0x0a420003, 27015);
	return registry_add_other(&registry, &new, heard_s * S);
}

/* The ids that match, with blanks between. */
static const char *found(const struct browser_filter *filter, uint64_t now_s)
{
	static char ids[256];
	struct browser_servers servers;

	assert_int_equal(registry_list(&registry, &favourites, filter, now_s * S, &servers), 0);
	ids[0] = 0;
	for (size_t i = 0; i < servers.n_servers; i++) {
		strcat(ids, i ? " " : "");
		strcat(ids, servers.servers[i].id);
	}
	browser_servers_clear(&servers);
	return ids;
}

static const char *list(uint64_t now_s)
{
	return found(&(struct browser_filter){.game = ""}, now_s);
}

static void test_filters(void **state)
{
	struct browser_server new;

	(void)state;
	assert_string_equal(list(0), "");
	new = server("a", "Quake");
	new.n_tags = 2;
	strcpy(new.tags[0], "FFA");
	strcpy(new.tags[1], "eu");
	strcpy(new.map, "q3dm17");
	new.players = new.max_players = 8;
	assert_int_equal(registry_register(&registry, &new, S, 1), 0);
	new = server("b", "Minecraft");
	strcpy(new.name, "Friday");
	new.players = 0;
	new.max_players = 4;
	new.password = true;
	assert_int_equal(registry_register(&registry, &new, S, 1), 0);
	new = server("c@99", "quake");
	strcpy(new.host_name, "ben");
	new.n_tags = 1;
	strcpy(new.tags[0], "ctf");
	assert_int_equal(registry_add_other(&registry, &new, S), 0);
	assert_int_equal(favourites_add(&favourites, "c@99"), 0);
#define FINDS(ids, ...) assert_string_equal(found(&(struct browser_filter){__VA_ARGS__}, 1), ids)
	FINDS("a b c@99", .game = "");
	FINDS("a c@99", .game = "quake");
	FINDS("b", .game = "MINECRAFT");
	FINDS("", .game = "q");
	FINDS("a", .search = "Q3DM");
	FINDS("b", .search = "friday");
	FINDS("c@99", .search = "BEN");
	FINDS("a b", .search = "ana"); /* the own ones are ours */
	FINDS("a c@99", .search = "quak");
	FINDS("a c@99", .n_tags = 2, .tags = {"ctf", "ffa"});
	FINDS("", .n_tags = 1, .tags = {"ff"});
	FINDS("b c@99", .hide_full = true);
	FINDS("a c@99", .hide_empty = true);
	FINDS("a c@99", .hide_password = true);
	FINDS("c@99", .favourites = true);
	FINDS("", .favourites = true, .hide_full = true, .game = "Minecraft");
}

static void test_news_of_a_known_server(void **state)
{
	struct browser_server new = server("a", "quake");
	const struct browser_server *known = &registry.own[0].server;

	(void)state;
	assert_int_equal(put("a", "quake", 1), 0);
	assert_int_equal(put("a", "quake", 2), REGISTRY_SAME);
	new.players = 7;
	new.created_s = 5; /* not for others to say */
	assert_int_equal(registry_register(&registry, &new, 20 * S, 1020), 0);
	assert_int_equal(registry.n_own, 1);
	assert_int_equal(known->players, 7);
	assert_int_equal(known->created_s, 1001);
	assert_int_equal(registry_set_players(&registry, "a", 7, BROWSER_UNKNOWN, 21 * S),
			 REGISTRY_SAME);
	assert_int_equal(registry_set_players(&registry, "a", 8, 16, 22 * S), 0);
	assert_int_equal(registry_set_players(&registry, "a", 9, BROWSER_UNKNOWN, 23 * S), 0);
	assert_int_equal(known->players, 9);
	assert_int_equal(known->max_players, 16);
	assert_int_equal(registry.own[0].heard_us, 23 * S);
}

static void test_descriptions_that_are_refused(void **state)
{
	static const char *const ids[] = {"", " ", "a@b", "a\n"};
	struct browser_server new;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(put(ids[i], "quake", 1), -EINVAL);
	assert_int_equal(put("a", " ", 1), -EINVAL);
	new = server("a", "quake");
	memset(new.id, 'x', BROWSER_OWN_ID_MAX); /* as long as only a full one may be */
	assert_int_equal(registry_register(&registry, &new, S, 1), -EINVAL);
	new = server("a", "quake");
	new.name[0] = 0;
	assert_int_equal(registry_register(&registry, &new, S, 1), -EINVAL);
	new = server("a", "quake");
	new.address.port = 0;
	assert_int_equal(registry_register(&registry, &new, S, 1), -EINVAL);
	new = server("a", "quake");
	new.n_tags = 1;
	assert_int_equal(registry_register(&registry, &new, S, 1), -EINVAL);
	assert_int_equal(registry.n_own, 0);
}

static void test_the_own_address(void **state)
{
	struct browser_server new = server("b", "quake"), shown;

	(void)state;
	put("a", "quake", 1);
	new.address = addr_ipv4(0xc0a80005, 1);
	assert_int_equal(registry_register(&registry, &new, S, 1), 0); /* in no party yet */
	assert_int_equal(registry_get(&registry, &favourites, "a", S, &shown), 0);
	assert_true(addr_is_none(&shown.address));
	assert_int_equal(shown.address.port, 27015);
	registry.self.address = addr_ipv4(0x0a420002, 0);
	assert_int_equal(registry_get(&registry, &favourites, "a", S, &shown), 0);
	new.address = addr_ipv4(0x0a420002, 27015);
	assert_true(addr_equal(&shown.address, &new.address));
	assert_true(shown.own);
	assert_memory_equal(shown.host, self, sizeof(self));
	assert_string_equal(shown.host_name, "ana");
	assert_int_equal(registry_register(&registry, &new, S, 1), 0); /* that very one */
	new.address = addr_ipv4(0x0a420003, 27015);
	assert_int_equal(registry_register(&registry, &new, S, 1), -EADDRNOTAVAIL);
}

/* The same id chosen by two members makes two servers, and neither can touch the other's. */
static void test_two_members_choose_one_id(void **state)
{
	static const uint8_t ben[DATAPLANE_KEY_SIZE] = {0x99, 0xaa};
	char text[TEXT_ID_SIZE];
	struct browser_server shown;

	(void)state;
	assert_string_equal(text_id(ben, text), "99aa000000000000");
	put("a", "quake", 1);
	assert_int_equal(put_other("a@99aa000000000000", 1), 0);
	assert_int_equal(put_other("a@99aa000000000000", 1), -EEXIST);
	assert_string_equal(list(1), "a a@99aa000000000000");
	assert_int_equal(registry_heartbeat(&registry, "a@99aa000000000000", S), -EPERM);
	assert_int_equal(registry_set_players(&registry, "a@99aa000000000000", 1, 1, S), -EPERM);
	assert_int_equal(registry_remove(&registry, "a@99aa000000000000", S), -EPERM);
	assert_int_equal(registry_get(&registry, &favourites, "a@99aa000000000000", S, &shown), 0);
	assert_false(shown.own);
	/* The full form of an own id is as good as the short one. */
	assert_int_equal(registry_get(&registry, &favourites, "a@1122000000000000", S, &shown), 0);
	assert_true(shown.own);
	assert_int_equal(registry_remove(&registry, "a@1122000000000000", S), 0);
	assert_string_equal(list(1), "a@99aa000000000000");
	assert_int_equal(registry_remove(&registry, "a", S), -ENOENT);
}

/* Who has to be measured: members with servers that are listed. */
static void test_who_has_servers(void **state)
{
	static const uint8_t ben[DATAPLANE_KEY_SIZE] = {0x99, 0xaa};
	struct browser_server new = server("a@99aa000000000000", "quake");

	(void)state;
	put("a", "quake", 1);
	assert_false(registry_has_of(&registry, self, S)); /* the own ones are not another's */
	assert_false(registry_has_of(&registry, ben, S));
	memcpy(new.host, ben, sizeof(ben));
	assert_int_equal(registry_add_other(&registry, &new, S), 0);
	assert_true(registry_has_of(&registry, ben, 90 * S));
	assert_false(registry_has_of(&registry, ben, 91 * S));
}

static void test_silence(void **state)
{
	struct browser_server shown;

	(void)state;
	put("a", "quake", 0);
	put("b", "quake", 10);
	put_other("c@1", 12);
	put("a", "quake", 20);
	assert_string_equal(list(99), "a b c@1");
	assert_string_equal(list(100), "a c@1"); /* not shown, even before it is swept */
	assert_int_equal(registry_get(&registry, &favourites, "b", 100 * S, &shown), -ENOENT);
	assert_int_equal(registry_heartbeat(&registry, "b", 100 * S), -ENOENT);
	assert_int_equal(registry.n_own, 2);
	assert_int_equal(registry_expire(&registry, 99 * S), 0);
	assert_int_equal(registry_expire(&registry, 100 * S), 1);
	assert_int_equal(registry.n_others, 1);
	assert_int_equal(registry_expire(&registry, 102 * S), 0);
	assert_int_equal(registry.n_others, 0);
	assert_int_equal(registry_heartbeat(&registry, "a", 109 * S), 0);
	assert_int_equal(registry_get(&registry, &favourites, "a", 198 * S, &shown), 0);
	assert_int_equal(shown.heartbeat_age_s, 89);
	assert_int_equal(registry_expire(&registry, 199 * S), 1);
	assert_int_equal(registry.n_own, 0);
	put("a", "quake", 220); /* a new life */
	assert_int_equal(registry.own[0].server.created_s, 1220);
}

/* A restart costs a server the time that passed, also soon after the machine came up. */
static void test_restoring(void **state)
{
	struct browser_server old = server("a", "quake"), shown;

	(void)state;
	old.heartbeat_age_s = 80;
	old.created_s = 7;
	assert_int_equal(registry_restore(&registry, &old, 5 * S), 0);
	assert_int_equal(registry_get(&registry, &favourites, "a", 5 * S, &shown), 0);
	assert_int_equal(shown.heartbeat_age_s, 80);
	assert_int_equal(shown.created_s, 7);
	assert_string_equal(list(14), "a");
	assert_string_equal(list(15), "");
}

static void test_removing(void **state)
{
	(void)state;
	put("a", "quake", 1);
	put("b", "quake", 1);
	put("c", "quake", 1);
	assert_int_equal(registry_remove(&registry, "x", S), -ENOENT);
	assert_int_equal(registry_remove(&registry, "a", S), 0);
	assert_int_equal(registry_remove(&registry, "a", S), -ENOENT);
	assert_string_equal(list(1), "b c");
	assert_int_equal(registry_remove(&registry, "c", S), 0);
	assert_int_equal(registry_remove(&registry, "b", S), 0);
	assert_string_equal(list(1), "");
}

static void test_the_limits(void **state)
{
	struct browser_server old = server("old", "quake");
	char id[16];

	(void)state;
	for (unsigned i = 0; i < BROWSER_OWN_MAX; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		assert_int_equal(put(id, "quake", i < 10 ? 0 : 50), 0);
	}
	assert_int_equal(put("more", "quake", 50), -ENOSPC);
	assert_int_equal(registry_restore(&registry, &old, 50 * S), -ENOSPC);
	assert_int_equal(put("s3", "quake", 50), REGISTRY_SAME);
	assert_int_equal(put("more", "quake", 90), 0); /* the silent ones made room */
	assert_int_equal(registry.n_own, BROWSER_OWN_MAX - 9 + 1);
	for (unsigned i = 0; i < REGISTRY_OTHERS_MAX; i++) {
		snprintf(id, sizeof(id), "s%u@1", i);
		assert_int_equal(put_other(id, 50), 0);
	}
	assert_int_equal(put_other("more@1", 50), -ENOSPC);
	registry_clear_others(&registry);
	assert_int_equal(put_other("more@1", 50), 0);
}

static void test_favourites(void **state)
{
	char id[16];

	(void)state;
	favourites_remove(&favourites, "a");
	assert_int_equal(favourites_add(&favourites, "a"), 0);
	assert_int_equal(favourites_add(&favourites, "b"), 0);
	assert_int_equal(favourites_add(&favourites, "a"), 0);
	assert_int_equal(favourites.n, 2);
	favourites_remove(&favourites, "a");
	assert_false(favourites_has(&favourites, "a"));
	assert_true(favourites_has(&favourites, "b"));
	for (unsigned i = 1; i < BROWSER_FAVOURITES_MAX; i++) {
		snprintf(id, sizeof(id), "s%u", i);
		assert_int_equal(favourites_add(&favourites, id), 0);
	}
	assert_int_equal(favourites_add(&favourites, "more"), -ENOSPC);
	assert_int_equal(favourites_add(&favourites, "b"), 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_filters),
		TEST(test_news_of_a_known_server),
		TEST(test_descriptions_that_are_refused),
		TEST(test_the_own_address),
		TEST(test_two_members_choose_one_id),
		TEST(test_who_has_servers),
		TEST(test_silence),
		TEST(test_restoring),
		TEST(test_removing),
		TEST(test_the_limits),
		TEST(test_favourites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
