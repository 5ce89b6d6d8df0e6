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
		{.seconds = 0},
		{.seconds = METRICS_HISTORY_S},
		{.public_key = {[31] = 1}, .seconds = 60},
	};
	Lanrage__Metrics__Wish message = LANRAGE__METRICS__WISH__INIT;
	struct metrics_wish out;
	uint8_t *bytes, key[33] = {1};
	ssize_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		n = metrics_wish_encode(&wishes[i], &bytes);
		assert_true(n >= 0);
		assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n), 0);
		assert_memory_equal(&out, &wishes[i], sizeof(out));
		free(bytes);
	}
	for (size_t length = 0; length <= 33; length++) {
		message.public_key = pb_view(key, length);
		n = pb_pack(&message.base, &bytes);
		assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n),
				 length == 0 || length == 32 ? 0 : -EBADMSG);
		free(bytes);
	}
	message.public_key.len = 0;
	message.seconds = METRICS_HISTORY_S + 1;
	n = pb_pack(&message.base, &bytes);
	assert_int_equal(metrics_wish_decode(&out, bytes, (size_t)n), -EBADMSG);
	free(bytes);
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

static void make_history(struct metrics_peer_history *history)
{
	*history = (struct metrics_peer_history){.n_paths = METRICS_PATHS_MAX,
						 .n_samples = METRICS_SAMPLES_MAX};
	history->peer.public_key[31] = 9;
	fill_sample(&history->peer.now, 7);
	history->paths = calloc(history->n_paths + 1, sizeof(*history->paths));
	history->samples = calloc(history->n_samples + 1, sizeof(*history->samples));
	for (size_t i = 0; i <= history->n_samples; i++)
		fill_sample(&history->samples[i], i);
	for (size_t i = 0; i <= history->n_paths; i++) {
		struct metrics_path *path = &history->paths[i];

		path->active = i == 3;
		path->kind = (enum dataplane_path_kind)(i % DATAPLANE_PATH_KINDS);
		path->state = (enum dataplane_path_state)(i % DATAPLANE_PATH_STATES);
		path->relay[0] = (uint8_t)(i % 2);
		path->measures = history->samples[i].measures;
	}
	addr_parse(&history->paths[0].endpoint, "203.0.113.7:5555");
	addr_parse(&history->paths[1].endpoint, "[fe80::1%2]:5555");
	addr_parse(&history->paths[2].endpoint, "[2001:db8::1]:1");
}

/* Encodes what was made, and decodes it. */
static int redecode(struct metrics_peer_history *in, struct metrics_peer_history *out)
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
	struct metrics_peer_history in, out;

	(void)state;
	make_history(&in);
	assert_int_equal(redecode(&in, &out), 0);
	assert_int_equal(out.n_paths, in.n_paths);
	assert_int_equal(out.n_samples, in.n_samples);
	assert_same(&out.peer.now, &in.peer.now);
	assert_memory_equal(out.peer.public_key, in.peer.public_key, DATAPLANE_KEY_SIZE);
	for (size_t i = 0; i < in.n_samples; i++)
		assert_same(&out.samples[i], &in.samples[i]);
	for (size_t i = 0; i < in.n_paths; i++) {
		assert_int_equal(out.paths[i].active, in.paths[i].active);
		assert_int_equal(out.paths[i].kind, in.paths[i].kind);
		assert_int_equal(out.paths[i].state, in.paths[i].state);
		assert_true(addr_equal(&out.paths[i].endpoint, &in.paths[i].endpoint));
		assert_memory_equal(out.paths[i].relay, in.paths[i].relay, DATAPLANE_KEY_SIZE);
		assert_true(out.paths[i].measures.rx_bytes == in.paths[i].measures.rx_bytes);
		assert_int_equal(out.paths[i].measures.rtt_us, in.paths[i].measures.rtt_us);
	}
	metrics_peer_history_clear(&out);
	in.n_paths = in.n_samples = 0;
	assert_int_equal(redecode(&in, &out), 0);
	assert_int_equal(out.n_paths + out.n_samples, 0);
	metrics_peer_history_clear(&out);
	metrics_peer_history_clear(&in);
}

static void test_wrong_histories(void **state)
{
	static const struct {
		size_t offset;
		uint32_t value;
	} rows[] = {
		{offsetof(struct metrics_sample, state), METRICS_PEER_STATES},
		{offsetof(struct metrics_sample, path), METRICS_PATH_KINDS},
		{offsetof(struct metrics_sample, measures.loss_permille), 1001},
	};
	struct metrics_peer_history in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_history(&in);
		memcpy((uint8_t *)&in.samples[5] + rows[i].offset, &rows[i].value,
		       sizeof(uint32_t));
		assert_int_equal(redecode(&in, &out), -EBADMSG);
		assert_null(out.samples);
		in.samples[5] = in.samples[4];
		memcpy((uint8_t *)&in.peer.now + rows[i].offset, &rows[i].value, sizeof(uint32_t));
		assert_int_equal(redecode(&in, &out), -EBADMSG);
		metrics_peer_history_clear(&in);
	}
	for (int i = 0; i < 4; i++) {
		make_history(&in);
		if (i == 0)
			in.paths[5].kind = DATAPLANE_PATH_KINDS;
		else if (i == 1)
			in.paths[5].state = DATAPLANE_PATH_STATES;
		else if (i == 2)
			in.paths[0].endpoint.scope = 1; /* only where an address has scopes */
		else
			in.paths[5].endpoint.port = 1; /* of nothing */
		assert_int_equal(redecode(&in, &out), -EBADMSG);
		metrics_peer_history_clear(&in);
	}
}

static void test_system_history(void **state)
{
	struct metrics_system_history in = {.n_samples = METRICS_SAMPLES_MAX + 1}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	in.samples = calloc(in.n_samples, sizeof(*in.samples));
	for (size_t i = 0; i < in.n_samples; i++) {
		in.samples[i].age_us = UINT64_MAX - i; /* the longest there can be */
		in.samples[i].cpu_permille = METRICS_UNKNOWN_PERMILLE;
		in.samples[i].memory_total = in.samples[i].memory_available = UINT64_MAX;
		in.samples[i].n_interfaces = METRICS_INTERFACES_MAX;
		for (size_t k = 0; k < METRICS_INTERFACES_MAX; k++)
			in.samples[i].interfaces[k] = (struct metrics_interface){
				"fifteen-bytes-x", UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
	}
	n = metrics_system_history_encode(&in, &bytes);
	assert_int_equal(metrics_system_history_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.samples);
	free(bytes);
	in.n_samples--;
	n = metrics_system_history_encode(&in, &bytes);
	assert_in_range(n, 1, BUS_BODY_MAX);
	assert_int_equal(metrics_system_history_decode(&out, bytes, (size_t)n), 0);
	assert_int_equal(out.n_samples, in.n_samples);
	assert_memory_equal(out.samples, in.samples, in.n_samples * sizeof(*in.samples));
	metrics_system_history_clear(&out);
	free(bytes);
	free(in.samples);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_each_field),
		cmocka_unit_test(test_wishes),	       cmocka_unit_test(test_peers),
		cmocka_unit_test(test_peer_history),   cmocka_unit_test(test_wrong_histories),
		cmocka_unit_test(test_system_history),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
