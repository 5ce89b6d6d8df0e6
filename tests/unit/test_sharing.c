/* How game servers get from one member to another: what is packed on one side is listed on the
 * other, at the member's own address and for as long as it is news; and what a hostile member says
 * is not. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "browser.pb-c.h"
#include "common/clock.h"
#include "common/pb.h"
#include "svc-browser/sharing.h"

#define S 1000000ull

/* ana runs servers; ben looks at them. */
static struct registry anas, bens;
static struct sharing ana, ben;
static struct favourites favourites;
static struct control_member members[3];
static struct control_status status;
static struct control_shared shared[2];
static struct control_shared_list told;
static uint64_t edition;

static struct control_member member(const char *name, uint8_t first, uint32_t ip)
{
	struct control_member member = {
		.identity = {first}, .address = addr_ipv4(ip, 0), .online = true};

	snprintf(member.name, sizeof(member.name), "%s", name);
	return member;
}

static int set_up(void **state)
{
	(void)state;
	memset(&anas, 0, sizeof(anas));
	memset(&bens, 0, sizeof(bens));
	memset(&ana, 0, sizeof(ana));
	memset(&ben, 0, sizeof(ben));
	memset(&favourites, 0, sizeof(favourites));
	memset(shared, 0, sizeof(shared));
	members[0] = member("ben", 0xbb, 0x0a420002);
	members[0].self = true;
	members[1] = member("ana", 0xaa, 0x0a420001);
	members[2] = member("cleo", 0xcc, 0x0a420003);
	status = (struct control_status){.in_party = true, .n_members = 3, .members = members};
	told = (struct control_shared_list){.n_members = 1, .members = shared};
	anas.self.address = members[1].address;
	edition = 1;
	return 0;
}

static struct browser_server server(const char *id)
{
	struct browser_server server = {.name = "arena",
					.game = "quake3",
					.address = {.port = 27960},
					.players = 3,
					.max_players = 8,
					.map = "q3dm17",
					.mode = "ffa",
					.n_tags = 1,
					.tags = {"eu"}};

	snprintf(server.id, sizeof(server.id), "%s", id);
	return server;
}

static void run(const char *id, uint64_t now_s)
{
	struct browser_server new = server(id);

	assert_true(registry_register(&anas, &new, now_s * S, 5000 + now_s) >= 0);
}

/* ana's word reaches ben's svc-control. Clocks of the two need not agree. */
static void push(uint64_t now_s)
{
	assert_int_equal(sharing_pack(&ana, &anas, now_s * S, 5000 + now_s, edition++, &shared[0]),
			 0);
	memcpy(shared[0].identity, members[1].identity, sizeof(shared[0].identity));
}

static size_t look(uint64_t now_s, struct browser_servers *servers)
{
	struct browser_filter all = {.game = ""};

	sharing_take(&ben, &bens, &status, &told, now_s * S, 9000 + now_s);
	assert_int_equal(registry_list(&bens, &favourites, &all, now_s * S, servers), 0);
	return servers->n_servers;
}

static size_t seen(uint64_t now_s)
{
	struct browser_servers servers;
	size_t n = look(now_s, &servers);

	browser_servers_clear(&servers);
	return n;
}

static void test_from_one_to_the_other(void **state)
{
	struct addr where = addr_ipv4(0x0a420001, 27960);
	struct browser_servers servers;
	const struct browser_server *got;

	(void)state;
	run("s1", 100);
	push(110);
	assert_int_equal(look(30, &servers), 1);
	got = servers.servers;
	assert_string_equal(got->id, "s1@aa00000000000000");
	assert_string_equal(got->name, "arena");
	assert_string_equal(got->game, "quake3");
	assert_string_equal(got->host_name, "ana");
	assert_memory_equal(got->host, members[1].identity, sizeof(got->host));
	assert_true(addr_equal(&got->address, &where));
	assert_int_equal(got->players, 3);
	assert_int_equal(got->max_players, 8);
	assert_string_equal(got->map, "q3dm17");
	assert_string_equal(got->mode, "ffa");
	assert_int_equal(got->n_tags, 1);
	assert_string_equal(got->tags[0], "eu");
	assert_int_equal(got->heartbeat_age_s, 10);
	assert_int_equal(got->created_s, 9030 - 10);
	assert_false(got->own);
	browser_servers_clear(&servers);
	members[1].address = addr_ipv4(0x0a420009, 0); /* a new lease moves its servers */
	where = addr_ipv4(0x0a420009, 27960);
	look(31, &servers);
	assert_true(addr_equal(&servers.servers[0].address, &where));
	browser_servers_clear(&servers);
}

static void test_what_is_no_news_ages(void **state)
{
	(void)state;
	run("s1", 0);
	push(10);
	assert_int_equal(seen(100), 1);
	assert_int_equal(seen(179), 1); /* the heartbeat was at 90 */
	assert_int_equal(seen(180), 0);
	registry_heartbeat(&anas, "s1", 80 * S);
	push(80);
	assert_int_equal(seen(185), 1);
	assert_int_equal(seen(274), 1);
	assert_int_equal(seen(275), 0);
}

/* Gone from the party: at once. Offline: when it has been silent for long enough. */
static void test_members_that_go(void **state)
{
	(void)state;
	run("s1", 0);
	push(0);
	assert_int_equal(seen(10), 1);
	members[1].online = false;
	assert_int_equal(seen(50), 1);
	assert_int_equal(seen(100), 0);
	members[1].online = true;
	run("s1", 30);
	push(30);
	assert_int_equal(seen(101), 1);
	status.n_members = 1;
	assert_int_equal(seen(102), 0);
	status.n_members = 3;
	assert_int_equal(seen(103), 1);
	members[1].address = (struct addr){0}; /* no lease */
	assert_int_equal(seen(104), 0);
	members[1].address = addr_ipv4(0x0a420001, 0);
	told.n_members = 0;
	assert_int_equal(seen(105), 0);
}

/* What the server kept of somebody long gone is not a live game server. */
static void test_old_word_of_an_offline_member(void **state)
{
	(void)state;
	run("s1", 0);
	push(0);
	members[1].online = false;
	assert_int_equal(seen(10), 0);
	assert_int_equal(seen(20), 0);
	registry_heartbeat(&anas, "s1", 20 * S);
	push(20); /* came by other ways than the server's */
	assert_int_equal(seen(30), 1);
}

static void test_own_word_is_not_taken(void **state)
{
	(void)state;
	run("s1", 0);
	push(0);
	memcpy(shared[0].identity, members[0].identity, sizeof(shared[0].identity));
	assert_int_equal(seen(1), 0);
	shared[0].identity[0] = 0x77; /* a stranger */
	assert_int_equal(seen(1), 0);
}

static void test_the_same_id_of_two_members(void **state)
{
	struct browser_servers servers;

	(void)state;
	run("s1", 0);
	push(0);
	shared[1] = shared[0];
	memcpy(shared[1].identity, members[2].identity, sizeof(shared[1].identity));
	told.n_members = 2;
	assert_int_equal(look(1, &servers), 2);
	assert_string_equal(servers.servers[0].id, "s1@aa00000000000000");
	assert_string_equal(servers.servers[1].id, "s1@cc00000000000000");
	assert_string_equal(servers.servers[1].host_name, "cleo");
	browser_servers_clear(&servers);
}

/* A server that was registered elsewhere before there was a party is nobody else's affair. */
static void test_other_addresses_stay_here(void **state)
{
	struct browser_server new = server("s2");

	(void)state;
	anas.self.address = (struct addr){0};
	new.address = addr_ipv4(0xc0a80001, 1);
	assert_int_equal(registry_register(&anas, &new, 0, 1), 0);
	anas.self.address = members[1].address;
	push(0);
	assert_int_equal(shared[0].length, 0);
	run("s1", 0);
	push(0);
	assert_int_equal(seen(1), 1);
}

static void test_what_fits(void **state)
{
	struct browser_server big = server("big");
	char id[16];
	unsigned n = 0;

	(void)state;
	for (;; n++) {
		struct browser_server new;

		snprintf(id, sizeof(id), "s%u", n);
		new = server(id);
		if (n == BROWSER_OWN_MAX || sharing_check_room(&anas, &new) < 0)
			break;
		run(id, 0);
	}
	assert_true(n >= 8);
	push(89);
	assert_true(shared[0].length <= CONTROL_SHARED_MAX);
	assert_int_equal(seen(1), n);
	memset(big.name, 'x', BROWSER_NAME_MAX - 1);
	big.n_tags = BROWSER_TAGS_MAX;
	for (size_t i = 0; i < big.n_tags; i++)
		memset(big.tags[i], 'x', BROWSER_WORD_MAX - 1);
	assert_int_equal(sharing_check_room(&anas, &big), -EMSGSIZE);
	memset(&anas, 0, sizeof(anas));
	assert_int_equal(sharing_check_room(&anas, &big), 0);
}

static void test_when_to_push(void **state)
{
	(void)state;
	assert_int_equal(sharing_due_us(&ana), 0); /* what was left may be wrong */
	push(100);
	assert_int_equal(shared[0].length, 0);
	assert_true(sharing_due_us(&ana) == CLOCK_NEVER);
	sharing_note_heartbeat(&ana);
	assert_int_equal(sharing_due_us(&ana), 130 * S);
	sharing_note_change(&ana);
	assert_int_equal(sharing_due_us(&ana), 102 * S);
	push(102);
	assert_true(sharing_due_us(&ana) == CLOCK_NEVER);
}

/* ---- hostile members */

static char long_text[BROWSER_NAME_MAX + 1]; /* fits nowhere */

static size_t tell(const Lanrage__Browser__Shared *message)
{
	ssize_t n = pb_pack_into(&message->base, shared[0].bytes, sizeof(shared[0].bytes));

	assert_true(n > 0);
	shared[0].length = (size_t)n;
	memcpy(shared[0].identity, members[1].identity, sizeof(shared[0].identity));
	return seen(1);
}

static void test_hostile_words(void **state)
{
	static const char *const bad_texts[] = {"a\x1b[31m", "a\nb", "\xff", "\xe2\x80\xae",
						long_text};
	Lanrage__Browser__SharedServer good = LANRAGE__BROWSER__SHARED_SERVER__INIT, m;
	Lanrage__Browser__SharedServer *servers[BROWSER_OWN_MAX + 1] = {&m, &m};
	Lanrage__Browser__Shared message = LANRAGE__BROWSER__SHARED__INIT;
	char *tags[BROWSER_TAGS_MAX + 1];

	(void)state;
	memset(long_text, 'x', sizeof(long_text) - 1);
	for (size_t i = 0; i <= BROWSER_TAGS_MAX; i++)
		tags[i] = pb_view_text("tag");
	good.id = pb_view_text("s1");
	good.name = pb_view_text("arena");
	good.game = pb_view_text("quake3");
	good.port = 1;
	good.tags = tags;
	good.n_tags = 1;
	message.servers = servers;
	message.n_servers = 1;
	m = good;
	assert_int_equal(tell(&message), 1);
#define WRONG(field, value)                          \
	do {                                         \
		m = good;                            \
		m.field = value;                     \
		assert_int_equal(tell(&message), 0); \
	} while (0)
	WRONG(id, pb_view_text(""));
	WRONG(id, pb_view_text("s1@bb00000000000000")); /* another's */
	WRONG(name, pb_view_text(" "));
	WRONG(game, pb_view_text(""));
	WRONG(port, 0);
	WRONG(port, 65536);
	WRONG(players, BROWSER_PLAYERS_MAX + 1);
	WRONG(max_players, BROWSER_UNKNOWN - 1);
	WRONG(n_tags, BROWSER_TAGS_MAX + 1);
	WRONG(heartbeat_age_s, 90);
	WRONG(heartbeat_age_s, UINT32_MAX);
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		WRONG(id, pb_view_text(bad_texts[i]));
		WRONG(name, pb_view_text(bad_texts[i]));
		WRONG(game, pb_view_text(bad_texts[i]));
		WRONG(map, pb_view_text(bad_texts[i]));
		WRONG(mode, pb_view_text(bad_texts[i]));
		tags[0] = pb_view_text(bad_texts[i]);
		m = good;
		assert_int_equal(tell(&message), 0);
		tags[0] = pb_view_text("tag");
	}
	m = good;
	message.n_servers = 2; /* twins */
	assert_int_equal(tell(&message), 0);
	for (size_t i = 0; i <= BROWSER_OWN_MAX; i++)
		servers[i] = &good;
	message.n_servers = BROWSER_OWN_MAX + 1;
	assert_int_equal(tell(&message), 0);
	memset(shared[0].bytes, 0xff, shared[0].length = CONTROL_SHARED_MAX);
	assert_int_equal(seen(1), 0);
	m = good; /* one that lies about its age is shown without */
	m.age_s = UINT64_MAX;
	servers[0] = &m;
	message.n_servers = 1;
	assert_int_equal(tell(&message), 1);
	assert_int_equal(bens.others[0].server.created_s, 0);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_from_one_to_the_other),
		TEST(test_what_is_no_news_ages),
		TEST(test_members_that_go),
		TEST(test_old_word_of_an_offline_member),
		TEST(test_own_word_is_not_taken),
		TEST(test_the_same_id_of_two_members),
		TEST(test_other_addresses_stay_here),
		TEST(test_what_fits),
		TEST(test_when_to_push),
		TEST(test_hostile_words),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
