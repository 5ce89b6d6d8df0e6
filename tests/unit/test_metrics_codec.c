/* svc-metrics' interface: what goes in comes out, and nothing else is let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/bus.h"
#include "common/pb.h"
#include "metrics.pb-c.h"
#include "svc-metrics/codec.h"

static void test_round_trip(void **state)
{
	struct metrics_system in = {.age_us = UINT64_MAX,
				    .cpu_permille = 1000,
				    .memory_total = 1ull << 40,
				    .memory_available = 1},
			      out;
	uint8_t *bytes;

	(void)state;
	for (size_t i = 0; i <= METRICS_INTERFACES_MAX; i++) {
		ssize_t n = metrics_system_encode(&in, &bytes);

		assert_true(n > 0);
		assert_int_equal(metrics_system_decode(&out, bytes, (size_t)n), 0);
		assert_memory_equal(&in, &out, sizeof(in));
		free(bytes);
		if (i == METRICS_INTERFACES_MAX)
			break;
		snprintf(in.interfaces[i].name, sizeof(in.interfaces[i].name), "eth%zu", i);
		in.interfaces[i].rx_bytes = i;
		in.interfaces[i].tx_bytes_per_s = METRICS_UNKNOWN;
		in.n_interfaces = i + 1;
		in.cpu_permille = METRICS_UNKNOWN_PERMILLE;
	}
}

static int decode(const Lanrage__Metrics__System *message)
{
	struct metrics_system out;
	uint8_t *bytes;
	ssize_t n = pb_pack(&message->base, &bytes);
	int r = metrics_system_decode(&out, bytes, (size_t)n);

	free(bytes);
	return r;
}

static void test_each_field(void **state)
{
	static const char *const bad_names[] = {"", "0123456789abcdef", "a\nb", "\xff"};
	Lanrage__Metrics__Interface interface = LANRAGE__METRICS__INTERFACE__INIT;
	Lanrage__Metrics__Interface *list[METRICS_INTERFACES_MAX + 1];
	Lanrage__Metrics__System system = LANRAGE__METRICS__SYSTEM__INIT;
	struct metrics_system out;

	(void)state;
	for (size_t i = 0; i <= METRICS_INTERFACES_MAX; i++)
		list[i] = &interface;
	interface.name = pb_view_text("eth0");
	system.interfaces = list;
	system.n_interfaces = METRICS_INTERFACES_MAX;
	assert_int_equal(decode(&system), 0);
	system.n_interfaces = METRICS_INTERFACES_MAX + 1;
	assert_int_equal(decode(&system), -EBADMSG);
	system.n_interfaces = 1;
	for (size_t i = 0; i < sizeof(bad_names) / sizeof(bad_names[0]); i++) {
		interface.name = pb_view_text(bad_names[i]);
		assert_int_equal(decode(&system), -EBADMSG);
	}
	interface.name = pb_view_text("eth0");
	system.cpu_permille = 1001;
	assert_int_equal(decode(&system), -EBADMSG);
	assert_int_equal(metrics_system_decode(&out, (const uint8_t *)"\xff", 1), -EBADMSG);
}

static void test_wishes(void **state)
{
	static const struct metrics_wish wishes[] = {
		{.points = METRICS_POINTS_MIN},
		{.from_s = UINT64_MAX, .to_s = UINT64_MAX, .points = METRICS_POINTS_MAX},
		{.public_key = {[31] = 1}, .from_s = 7, .to_s = 60, .points = 300},
	};
	static const struct metrics_wish wrong[] = {
		{.points = METRICS_POINTS_MIN - 1},
		{.points = METRICS_POINTS_MAX + 1},
		{.from_s = 8, .to_s = 7, .points = 300},
	};
	Lanrage__Metrics__Wish message = LANRAGE__METRICS__WISH__INIT;
	struct metrics_wish out;
	uint8_t *bytes, key[33] = {1};
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		n = metrics_wish_encode(&wishes[i], &bytes);
		assert_true(n >= 0);
		assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n), 0);
		assert_memory_equal(out.public_key, wishes[i].public_key, DATAPLANE_KEY_SIZE);
		assert_true(out.from_s == wishes[i].from_s && out.to_s == wishes[i].to_s &&
			    out.points == wishes[i].points);
		free(bytes);
		n = metrics_wish_encode(&wrong[i], &bytes);
		assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n), -EBADMSG);
		free(bytes);
	}
	message.points = 300;
	for (size_t length = 0; length <= 33; length++) {
		message.public_key = pb_view(key, length);
		n = pb_pack(&message.base, &bytes);
		assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n),
				 length == 0 || length == 32 ? 0 : -EBADMSG);
		free(bytes);
	}
}

/* Names that people may see, ids that are some, pages that fit. */
static void test_small_ones(void **state)
{
	static const struct {
		const char *game, *server;
		int result;
	} rows[] = {
		{"Quake", "", 0},    {"Quake", "ana's", 0},  {"", "", -EBADMSG},
		{" ", "", -EBADMSG}, {"a\nb", "", -EBADMSG}, {"Quake", "\x1b", -EBADMSG},
	};
	struct metrics_game game, game_out;
	struct metrics_key key = {.public_key = {1}}, key_out;
	struct metrics_page page = {.limit = METRICS_SESSIONS_MAX, .offset = UINT32_MAX}, page_out;
	struct metrics_id id = {.id = 0}, id_out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(game.game, sizeof(game.game), "%s", rows[i].game);
		snprintf(game.server, sizeof(game.server), "%s", rows[i].server);
		n = metrics_game_encode(&game, &bytes);
		assert_int_equal(metrics_game_decode(&game_out, bytes, (size_t)n), rows[i].result);
		free(bytes);
	}
	n = metrics_key_encode(&key, &bytes);
	assert_int_equal(metrics_key_decode(&key_out, bytes, (size_t)n), 0);
	assert_memory_equal(&key, &key_out, sizeof(key));
	assert_int_equal(metrics_key_decode(&key_out, bytes, (size_t)n - 1), -EBADMSG);
	free(bytes);
	for (; id.id < 2; id.id++) {
		n = metrics_id_encode(&id, &bytes);
		assert_int_equal(metrics_id_decode(&id_out, bytes, (size_t)n),
				 id.id ? 0 : -EBADMSG);
		assert_true(id_out.id == id.id);
		free(bytes);
	}
	for (int i = 0; i < 2; i++, page.limit++) {
		n = metrics_page_encode(&page, &bytes);
		assert_int_equal(metrics_page_decode(&page_out, bytes, (size_t)n),
				 i == 0 ? 0 : -EBADMSG);
		free(bytes);
	}
}

static void fill_sample(struct metrics_sample *sample, size_t i)
{
	*sample = (struct metrics_sample){
		.age_us = i,
		.state = (enum metrics_peer_state)(i % METRICS_PEER_STATES),
		.path = (enum metrics_peer_path)(i % METRICS_PATH_KINDS),
		.measures = {.rtt_us = (uint32_t)i,
			     .jitter_us = DATAPLANE_UNKNOWN,
			     .loss_permille = i % 2 ? DATAPLANE_UNKNOWN : 1000,
			     .rx_bytes = UINT64_MAX - i,
			     .tx_bytes = i,
			     .rx_bytes_per_s = METRICS_UNKNOWN,
			     .tx_bytes_per_s = i},
	};
}

static void assert_same(const struct metrics_sample *a, const struct metrics_sample *b)
{
	assert_true(a->age_us == b->age_us && a->state == b->state && a->path == b->path);
	assert_int_equal(a->measures.rtt_us, b->measures.rtt_us);
	assert_int_equal(a->measures.jitter_us, b->measures.jitter_us);
	assert_int_equal(a->measures.loss_permille, b->measures.loss_permille);
	assert_true(a->measures.rx_bytes == b->measures.rx_bytes);
	assert_true(a->measures.tx_bytes == b->measures.tx_bytes);
	assert_true(a->measures.rx_bytes_per_s == b->measures.rx_bytes_per_s);
	assert_true(a->measures.tx_bytes_per_s == b->measures.tx_bytes_per_s);
}

/* As many as there may be come through and fit into a message; one more is refused. */
static void test_peers(void **state)
{
	struct metrics_peers in = {.n_peers = METRICS_PEERS_MAX + 1}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.peers = calloc(in.n_peers, sizeof(*in.peers));
	for (size_t i = 0; i < in.n_peers; i++) {
		in.peers[i].public_key[0] = (uint8_t)i;
		fill_sample(&in.peers[i].now, i);
	}
	n = metrics_peers_encode(&in, &bytes);
	assert_int_equal(metrics_peers_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.peers);
	free(bytes);
	in.n_peers--;
	n = metrics_peers_encode(&in, &bytes);
	assert_in_range(n, 1, BUS_BODY_MAX);
	assert_int_equal(metrics_peers_decode(&out, bytes, (size_t)n), 0);
	assert_int_equal(out.n_peers, in.n_peers);
	for (size_t i = 0; i < in.n_peers; i++) {
		assert_memory_equal(out.peers[i].public_key, in.peers[i].public_key,
				    DATAPLANE_KEY_SIZE);
		assert_same(&out.peers[i].now, &in.peers[i].now);
	}
	metrics_peers_clear(&out);
	free(bytes);
	free(in.peers);
}

static void make_detail(struct metrics_peer_detail *detail)
{
	*detail = (struct metrics_peer_detail){.n_paths = METRICS_PATHS_MAX};
	detail->peer.public_key[31] = 9;
	detail->peer.quality =
		(struct metrics_quality){100, 1, 2, METRICS_UNKNOWN_SCORE, METRICS_TREND_WORSE};
	fill_sample(&detail->peer.now, 7);
	detail->paths = calloc(detail->n_paths + 1, sizeof(*detail->paths));
	for (size_t i = 0; i <= detail->n_paths; i++) {
		struct metrics_path *path = &detail->paths[i];
		struct metrics_sample sample;

		fill_sample(&sample, i);
		path->active = i == 3;
		path->kind = (enum dataplane_path_kind)(i % DATAPLANE_PATH_KINDS);
		path->state = (enum dataplane_path_state)(i % DATAPLANE_PATH_STATES);
		path->relay[0] = (uint8_t)(i % 2);
		path->measures = sample.measures;
	}
	addr_parse(&detail->paths[0].endpoint, "203.0.113.7:5555");
	addr_parse(&detail->paths[1].endpoint, "[fe80::1%2]:5555");
	addr_parse(&detail->paths[2].endpoint, "[2001:db8::1]:1");
}

/* Encodes what was made, and decodes it. */
static int redecode(struct metrics_peer_detail *in, struct metrics_peer_detail *out)
{
	uint8_t *bytes;
	ssize_t n = metrics_peer_detail_encode(in, &bytes);
	int r;

	assert_in_range(n, 1, BUS_BODY_MAX);
	r = metrics_peer_detail_decode(out, bytes, (size_t)n);
	free(bytes);
	return r;
}

static void test_peer_detail(void **state)
{
	struct metrics_peer_detail in, out;

	(void)state;
	make_detail(&in);
	assert_int_equal(redecode(&in, &out), 0);
	assert_int_equal(out.n_paths, in.n_paths);
	assert_same(&out.peer.now, &in.peer.now);
	assert_memory_equal(&out.peer.quality, &in.peer.quality, sizeof(in.peer.quality));
	assert_memory_equal(out.peer.public_key, in.peer.public_key, DATAPLANE_KEY_SIZE);
	for (size_t i = 0; i < in.n_paths; i++) {
		assert_int_equal(out.paths[i].active, in.paths[i].active);
		assert_int_equal(out.paths[i].kind, in.paths[i].kind);
		assert_int_equal(out.paths[i].state, in.paths[i].state);
		assert_true(addr_equal(&out.paths[i].endpoint, &in.paths[i].endpoint));
		assert_memory_equal(out.paths[i].relay, in.paths[i].relay, DATAPLANE_KEY_SIZE);
		assert_true(out.paths[i].measures.rx_bytes == in.paths[i].measures.rx_bytes);
		assert_int_equal(out.paths[i].measures.rtt_us, in.paths[i].measures.rtt_us);
	}
	metrics_peer_detail_clear(&out);
	in.n_paths = 0;
	assert_int_equal(redecode(&in, &out), 0);
	assert_int_equal(out.n_paths, 0);
	metrics_peer_detail_clear(&out);
	metrics_peer_detail_clear(&in);
}

static void test_wrong_details(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} rows[] = {
		{offsetof(struct metrics_peer, now.state), METRICS_PEER_STATES},
		{offsetof(struct metrics_peer, now.path), METRICS_PATH_KINDS},
		{offsetof(struct metrics_peer, now.measures.loss_permille), 1001},
		{offsetof(struct metrics_peer, quality.score), 101},
		{offsetof(struct metrics_peer, quality.jitter), 101},
		{offsetof(struct metrics_peer, quality.trend), METRICS_TRENDS},
	};
	struct metrics_peer_detail in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_detail(&in);
		memcpy((uint8_t *)&in.peer + rows[i].offset, &rows[i].value, sizeof(uint32_t));
		assert_int_equal(redecode(&in, &out), -EBADMSG);
		metrics_peer_detail_clear(&in);
	}
	for (int i = 0; i < 5; i++) {
		make_detail(&in);
		if (i == 0)
			in.paths[5].kind = DATAPLANE_PATH_KINDS;
		else if (i == 1)
			in.paths[5].state = DATAPLANE_PATH_STATES;
		else if (i == 2)
			in.paths[0].endpoint.scope = 1; /* only where an address has scopes */
		else if (i == 3)
			in.paths[5].endpoint.port = 1; /* of nothing */
		else
			in.paths[5].measures.loss_permille = 1001;
		assert_int_equal(redecode(&in, &out), -EBADMSG);
		metrics_peer_detail_clear(&in);
	}
}

/* Encodes the longest list, which must fit into a message, and one longer, which is refused. */
static void test_system_history(void **state)
{
	struct metrics_system_history in = {.n_buckets = METRICS_POINTS_MAX + 1}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.buckets = malloc(in.n_buckets * sizeof(*in.buckets));
	memset(in.buckets, 0xff, in.n_buckets * sizeof(*in.buckets));
	n = metrics_system_history_encode(&in, &bytes);
	assert_int_equal(metrics_system_history_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.buckets);
	free(bytes);
	in.n_buckets--;
	n = metrics_system_history_encode(&in, &bytes);
	assert_in_range(n, 1, BUS_BODY_MAX);
	assert_int_equal(metrics_system_history_decode(&out, bytes, (size_t)n), 0);
	assert_int_equal(out.n_buckets, in.n_buckets);
	assert_true(out.buckets[999].at_s == UINT64_MAX &&
		    out.buckets[0].cpu_permille == UINT32_MAX);
	metrics_system_history_clear(&out);
	free(bytes);
	in.buckets[5].cpu_permille = 1001;
	n = metrics_system_history_encode(&in, &bytes);
	assert_int_equal(metrics_system_history_decode(&out, bytes, (size_t)n), -EBADMSG);
	free(bytes);
	free(in.buckets);
}

static int redecode_history(struct metrics_peer_history *in, struct metrics_peer_history *out)
{
	uint8_t *bytes;
	ssize_t n = metrics_peer_history_encode(in, &bytes);
	int r;

	assert_in_range(n, 1, BUS_BODY_MAX);
	r = metrics_peer_history_decode(out, bytes, (size_t)n);
	free(bytes);
	return r;
}

static void test_peer_history(void **state)
{
	struct metrics_bucket bucket = {.at_s = UINT64_MAX,
					.seconds = UINT32_MAX,
					.state = METRICS_PEER_FAILED,
					.path = METRICS_PATH_RELAY,
					.rtt_us = 1,
					.rtt_min_us = UINT32_MAX,
					.rtt_max_us = UINT32_MAX,
					.jitter_us = UINT32_MAX,
					.loss_permille = 1000,
					.rx_bytes_per_s = UINT64_MAX,
					.tx_bytes_per_s = UINT64_MAX - 1,
					.quality = 100};
	struct metrics_peer_history in = {.n_buckets = METRICS_POINTS_MAX + 1}, out;

	(void)state;
	in.buckets = calloc(in.n_buckets, sizeof(*in.buckets));
	for (size_t i = 0; i < in.n_buckets; i++)
		in.buckets[i] = bucket;
	assert_int_equal(redecode_history(&in, &out), -EBADMSG);
	in.n_buckets--;
	assert_int_equal(redecode_history(&in, &out), 0);
	assert_int_equal(out.n_buckets, in.n_buckets);
	assert_true(out.buckets[7].at_s == UINT64_MAX && out.buckets[7].rtt_us == 1 &&
		    out.buckets[7].tx_bytes_per_s == UINT64_MAX - 1);
	assert_int_equal(out.buckets[7].quality, 100);
	assert_int_equal(out.buckets[7].path, METRICS_PATH_RELAY);
	metrics_peer_history_clear(&out);
	for (int i = 0; i < 4; i++) {
		in.buckets[5] = bucket;
		in.buckets[5].state = i == 0 ? METRICS_PEER_STATES : METRICS_PEER_FAILED;
		in.buckets[5].path = i == 1 ? METRICS_PATH_KINDS : METRICS_PATH_NONE;
		in.buckets[5].loss_permille = i == 2 ? 1001 : 0;
		in.buckets[5].quality = i == 3 ? 101 : 0;
		assert_int_equal(redecode_history(&in, &out), -EBADMSG);
		assert_null(out.buckets);
	}
	free(in.buckets);
}

static struct metrics_session session_of(size_t n_peers)
{
	struct metrics_session session = {.id = UINT64_MAX,
					  .started_s = UINT64_MAX,
					  .ended_s = METRICS_UNKNOWN,
					  .duration_s = UINT64_MAX,
					  .n_peers = n_peers,
					  .peers = calloc(n_peers + 1, sizeof(*session.peers))};

	memset(session.game.game, 'g', METRICS_GAME_MAX - 1);
	memset(session.game.server, 's', METRICS_GAME_MAX - 1);
	memset(session.peers, 0xff, n_peers * sizeof(*session.peers));
	return session;
}

static int redecode_session(const struct metrics_session *in, struct metrics_session *out)
{
	uint8_t *bytes;
	ssize_t n = metrics_session_encode(in, &bytes);
	int r = metrics_session_decode(out, bytes, (size_t)n);

	free(bytes);
	return r;
}

static void test_session(void **state)
{
	struct metrics_session in = session_of(METRICS_SESSION_PEERS_MAX + 1), out;

	(void)state;
	assert_int_equal(redecode_session(&in, &out), -EBADMSG);
	in.n_peers--;
	assert_int_equal(redecode_session(&in, &out), 0);
	assert_int_equal(out.n_peers, METRICS_SESSION_PEERS_MAX);
	assert_string_equal(out.game.server, in.game.server);
	assert_memory_equal(out.peers, in.peers, in.n_peers * sizeof(*in.peers));
	metrics_session_clear(&out);
	in.peers[3].loss_permille = 1001;
	assert_int_equal(redecode_session(&in, &out), -EBADMSG);
	assert_null(out.peers);
	in.peers[3].loss_permille = 0;
	in.peers[3].quality = 101;
	assert_int_equal(redecode_session(&in, &out), -EBADMSG);
	in.peers[3].quality = 0;
	in.id = 0;
	assert_int_equal(redecode_session(&in, &out), -EBADMSG);
	metrics_session_clear(&in);
}

static void test_sessions(void **state)
{
	struct metrics_sessions in = {.total = 5, .n_sessions = METRICS_SESSIONS_MAX + 1}, out;
	struct metrics_session one = session_of(0);
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	free(one.peers);
	one.peers = NULL;
	in.sessions = calloc(in.n_sessions, sizeof(*in.sessions));
	for (size_t i = 0; i < in.n_sessions; i++)
		in.sessions[i] = one;
	n = metrics_sessions_encode(&in, &bytes);
	assert_int_equal(metrics_sessions_decode(&out, bytes, (size_t)n), -EBADMSG);
	free(bytes);
	in.n_sessions--;
	n = metrics_sessions_encode(&in, &bytes);
	assert_in_range(n, 1, BUS_BODY_MAX);
	assert_int_equal(metrics_sessions_decode(&out, bytes, (size_t)n), 0);
	assert_int_equal(out.n_sessions, METRICS_SESSIONS_MAX);
	assert_int_equal(out.total, 5);
	assert_string_equal(out.sessions[999].game.game, one.game.game);
	metrics_sessions_clear(&out);
	free(bytes);
	free(in.sessions);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_wishes),	      cmocka_unit_test(test_small_ones),
		cmocka_unit_test(test_peers),	      cmocka_unit_test(test_peer_detail),
		cmocka_unit_test(test_wrong_details), cmocka_unit_test(test_system_history),
		cmocka_unit_test(test_peer_history),  cmocka_unit_test(test_session),
		cmocka_unit_test(test_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
