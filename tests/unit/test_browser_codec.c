/* svc-browser's interface: what goes in comes out, and nothing else is let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "browser.pb-c.h"
#include "common/pb.h"
#include "svc-browser/codec.h"

static char long_text[BROWSER_NAME_MAX + 1]; /* fits nowhere */

static struct browser_server sample(size_t i)
{
	struct browser_server server = {.name = "Kira's \xf0\x9f\x8e\xae",
					.game = "quake3",
					.address = addr_ipv4(0x0a420002, 27960),
					.players = (uint32_t)i,
					.max_players = BROWSER_UNKNOWN,
					.host = {0xaa, [31] = (uint8_t)i},
					.host_name = "ana",
					.map = "q3dm17",
					.mode = "ctf",
					.password = i % 2,
					.n_tags = i % (BROWSER_TAGS_MAX + 1),
					.created_s = 1800000000,
					.heartbeat_age_s = UINT32_MAX,
					.own = i % 2,
					.favourite = i % 3};

	if (i % 4)
		server.latency =
			(struct browser_latency){(uint32_t)i, 1, UINT32_MAX, 7, i % BROWSER_TRENDS};
	snprintf(server.id, sizeof(server.id), "s%zu", i);
	for (size_t k = 0; k < server.n_tags; k++)
		snprintf(server.tags[k], BROWSER_WORD_MAX, "tag%zu", k);
	if (i % 3 == 1)
		addr_parse(&server.address, "[2001:db8::7]:1");
	else if (i % 3 == 2)
		server.address = (struct addr){.port = 7}; /* not known yet */
	return server;
}

static void test_servers(void **state)
{
	struct browser_servers in = {0}, out;
	struct browser_server one;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.servers = calloc(BROWSER_SERVERS_MAX + 1, sizeof(*in.servers));
	for (size_t i = 0; i <= BROWSER_SERVERS_MAX; i++) {
		in.servers[i] = sample(i);
		n = browser_server_encode(&in.servers[i], &bytes);
		assert_true(n > 0);
		assert_int_equal(browser_server_decode(&one, bytes, (size_t)n), 0);
		assert_memory_equal(&one, &in.servers[i], sizeof(one));
		free(bytes);
	}
	for (in.n_servers = 0; in.n_servers <= BROWSER_SERVERS_MAX; in.n_servers += 64) {
		n = browser_servers_encode(&in, &bytes);
		assert_int_equal(browser_servers_decode(&out, bytes, (size_t)n), 0);
		assert_int_equal(out.n_servers, in.n_servers);
		assert_memory_equal(out.servers, in.servers, in.n_servers * sizeof(*in.servers));
		free(bytes);
		browser_servers_clear(&out);
	}
	in.n_servers = BROWSER_SERVERS_MAX + 1;
	n = browser_servers_encode(&in, &bytes);
	assert_int_equal(browser_servers_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.servers);
	free(bytes);
	browser_servers_clear(&in);
}

static int decode(const Lanrage__Browser__Server *message)
{
	struct browser_server out;
	uint8_t *bytes;
	ssize_t n = pb_pack(&message->base, &bytes);
	int r = browser_server_decode(&out, bytes, (size_t)n);

	free(bytes);
	return r;
}

static void test_each_field(void **state)
{
	static const char *const bad_texts[] = {long_text, "a\nb", "\xff", "\xe2\x80\xae"};
	Lanrage__Browser__Server good = LANRAGE__BROWSER__SERVER__INIT, m;
	static const uint8_t host[DATAPLANE_KEY_SIZE];
	char *tags[BROWSER_TAGS_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= BROWSER_TAGS_MAX; i++)
		tags[i] = pb_view_text("tag");
	good.id = pb_view_text("s1");
	good.tags = tags;
	good.n_tags = 2;
	good.host = pb_view(host, sizeof(host));
	good.ip = pb_view((const uint8_t *)"\x0a\x42\0\1", 4);
	good.port = 27015;
	assert_int_equal(decode(&good), 0);
#define WRONG(field, value)                             \
	do {                                            \
		m = good;                               \
		m.field = value;                        \
		assert_int_equal(decode(&m), -EBADMSG); \
	} while (0)
	WRONG(id, pb_view_text(""));
	WRONG(ip.len, 3);
	WRONG(host.len, 31);
	WRONG(players, BROWSER_PLAYERS_MAX + 1);
	WRONG(max_players, BROWSER_UNKNOWN - 1);
	WRONG(port, 65536);
	WRONG(n_tags, BROWSER_TAGS_MAX + 1);
	for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
		WRONG(id, pb_view_text(bad_texts[i]));
		WRONG(name, pb_view_text(bad_texts[i]));
		WRONG(game, pb_view_text(bad_texts[i]));
		WRONG(host_name, pb_view_text(bad_texts[i]));
		WRONG(map, pb_view_text(bad_texts[i]));
		WRONG(mode, pb_view_text(bad_texts[i]));
		tags[1] = pb_view_text(bad_texts[i]);
		assert_int_equal(decode(&good), -EBADMSG);
		tags[1] = pb_view_text("tag");
	}
}

static void test_latency(void **state)
{
	Lanrage__Browser__Latency latency = LANRAGE__BROWSER__LATENCY__INIT;
	Lanrage__Browser__Server m = LANRAGE__BROWSER__SERVER__INIT;
	static const uint8_t host[DATAPLANE_KEY_SIZE];

	(void)state;
	m.id = pb_view_text("s1");
	m.host = pb_view(host, sizeof(host));
	m.latency = &latency;
	assert_int_equal(decode(&m), -EBADMSG); /* one that was never measured is left out */
	latency.measurements = 1;
	assert_int_equal(decode(&m), 0);
	latency.trend = BROWSER_TRENDS;
	assert_int_equal(decode(&m), -EBADMSG);
}

static void test_measurements(void **state)
{
	struct browser_measurement in = {.sent = 3}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	for (in.answers = 0; in.answers <= 4; in.answers++) {
		in.latency.measurements = in.answers ? 9 : 0;
		n = browser_measurement_encode(&in, &bytes);
		assert_int_equal(browser_measurement_decode(&out, bytes, (size_t)n),
				 in.answers <= in.sent ? 0 : -EBADMSG);
		if (in.answers <= in.sent)
			assert_memory_equal(&in, &out, sizeof(in));
		free(bytes);
	}
}

static void test_favourites(void **state)
{
	static struct browser_favourites in, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.n_ids = BROWSER_FAVOURITES_MAX;
	for (size_t i = 0; i < in.n_ids; i++)
		snprintf(in.ids[i], BROWSER_ID_MAX, "s%zu@0123456789abcdef", i);
	in.servers.n_servers = 2;
	in.servers.servers = calloc(2, sizeof(*in.servers.servers));
	in.servers.servers[0] = sample(5);
	in.servers.servers[1] = sample(6);
	n = browser_favourites_encode(&in, &bytes);
	assert_int_equal(browser_favourites_decode(&out, bytes, (size_t)n), 0);
	assert_int_equal(out.n_ids, in.n_ids);
	assert_memory_equal(out.ids, in.ids, sizeof(in.ids));
	assert_int_equal(out.servers.n_servers, 2);
	assert_memory_equal(out.servers.servers, in.servers.servers,
			    2 * sizeof(*in.servers.servers));
	browser_favourites_clear(&out);
	assert_int_equal(browser_favourites_decode(&out, bytes, (size_t)n - 1), -EBADMSG);
	free(bytes);
	browser_favourites_clear(&in);
}

static void test_statistics(void **state)
{
	struct browser_statistics in = {1, 2, BROWSER_UNKNOWN, 4, 5, 6, 7, 0, NULL}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.games = calloc(BROWSER_SERVERS_MAX, sizeof(*in.games));
	for (; in.n_games < BROWSER_SERVERS_MAX; in.n_games++)
		snprintf(in.games[in.n_games].name, BROWSER_WORD_MAX, "game %zu", in.n_games);
	in.games[3].servers = 5;
	in.games[4].players = BROWSER_UNKNOWN;
	n = browser_statistics_encode(&in, &bytes);
	assert_int_equal(browser_statistics_decode(&out, bytes, (size_t)n), 0);
	assert_memory_equal(&in, &out, offsetof(struct browser_statistics, games));
	assert_memory_equal(in.games, out.games, in.n_games * sizeof(*in.games));
	browser_statistics_clear(&out);
	assert_int_equal(browser_statistics_decode(&out, bytes, (size_t)n - 1), -EBADMSG);
	assert_null(out.games);
	free(bytes);
	browser_statistics_clear(&in);
}

static void test_filters(void **state)
{
	struct browser_filter in = {.game = "quake3",
				    .search = "dm",
				    .n_tags = 2,
				    .tags = {"ffa", "ctf"},
				    .hide_full = true,
				    .hide_password = true,
				    .favourites = true,
				    .sort = BROWSER_SORT_LATENCY},
			      out;
	uint8_t *bytes;
	ssize_t n = browser_filter_encode(&in, &bytes);

	(void)state;
	assert_int_equal(browser_filter_decode(&out, bytes, (size_t)n), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(browser_filter_decode(&out, bytes, (size_t)n - 1), -EBADMSG);
	free(bytes);
	in.sort = BROWSER_SORTS;
	n = browser_filter_encode(&in, &bytes);
	assert_int_equal(browser_filter_decode(&out, bytes, (size_t)n), -EBADMSG);
	free(bytes);
	assert_int_equal(browser_filter_decode(&out, NULL, 0), 0);
	memset(&in, 0, sizeof(in));
	assert_memory_equal(&in, &out, sizeof(in));
}

static void test_wishes(void **state)
{
	struct browser_wish in = {"a@0123456789abcdef", 3, BROWSER_UNKNOWN, true}, out;
	uint8_t *bytes;
	ssize_t n = browser_wish_encode(&in, &bytes);

	(void)state;
	assert_int_equal(browser_wish_decode(&out, bytes, (size_t)n), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	free(bytes);
	assert_int_equal(browser_wish_decode(&out, NULL, 0), -EBADMSG); /* no id */
	in.players = BROWSER_PLAYERS_MAX + 1;
	n = browser_wish_encode(&in, &bytes);
	assert_int_equal(browser_wish_decode(&out, bytes, (size_t)n), -EBADMSG);
	free(bytes);
}

static void test_what_is_kept(void **state)
{
	static struct browser_kept in, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	memset(&in, 0, sizeof(in));
	in.saved_s = 1800000000;
	in.n_servers = BROWSER_OWN_MAX;
	for (size_t i = 0; i < BROWSER_OWN_MAX; i++)
		in.servers[i] = sample(i);
	in.n_favourites = BROWSER_FAVOURITES_MAX;
	for (size_t i = 0; i < BROWSER_FAVOURITES_MAX; i++)
		snprintf(in.favourites[i], BROWSER_ID_MAX, "s%zu@0123456789abcdef", i);
	n = browser_kept_encode(&in, &bytes);
	assert_int_equal(browser_kept_decode(&out, bytes, (size_t)n), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	assert_int_equal(browser_kept_decode(&out, bytes, (size_t)n - 1), -EBADMSG);
	free(bytes);
}

/* Unknown is not full; nor is what has places left. */
static void test_full(void **state)
{
	struct browser_server server = {.players = 8, .max_players = 8};

	(void)state;
	assert_true(browser_server_is_full(&server));
	server.players = 7;
	assert_false(browser_server_is_full(&server));
	server.players = BROWSER_UNKNOWN;
	assert_false(browser_server_is_full(&server));
	server = (struct browser_server){.players = 8, .max_players = BROWSER_UNKNOWN};
	assert_false(browser_server_is_full(&server));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_servers),	     cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_filters),	     cmocka_unit_test(test_wishes),
		cmocka_unit_test(test_what_is_kept), cmocka_unit_test(test_full),
		cmocka_unit_test(test_latency),	     cmocka_unit_test(test_measurements),
		cmocka_unit_test(test_favourites),   cmocka_unit_test(test_statistics),
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
