/* Engines against each other over a made-up network (simnet.h). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/log.h"
#include "svc-dataplane/context.h"
#include "svc-dataplane/reach.h"
#include "tests/unit/simnet.h"

#define MS CLOCK_MS
#define S  CLOCK_SECOND

/* Connected, with the active path of this kind; told with the caller's line. */
static void check_connected(struct sim_node *node, const struct sim_node *peer,
			    enum dataplane_path_kind kind, int line)
{
	struct sim_view view = sim_look(node, peer);

	if (view.state != DATAPLANE_PEER_CONNECTED || !view.has_path || view.path.kind != kind ||
	    view.path.state != DATAPLANE_PATH_WORKING)
		fail_msg("line %d: state %d, path %s, kind %d, path state %d", line,
			 (int)view.state, view.has_path ? "yes" : "no", (int)view.path.kind,
			 (int)view.path.state);
}
#define assert_connected(node, peer, kind) check_connected(node, peer, kind, __LINE__)

static void assert_at(struct sim_node *node, const struct sim_node *peer)
{
	struct sim_view view = sim_look(node, peer);

	assert_true(view.has_path);
	assert_memory_equal(&view.path.endpoint, &peer->address, sizeof(struct addr));
}

/* Two members that know each other's address are connected, both ways, before any data. */
static void test_two_direct(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there, *back;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	sim_run(&net, 500 * MS);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	there = sim_stream_start(a, b, 10 * MS, 10 * S);
	back = sim_stream_start(b, a, 10 * MS, 10 * S);
	sim_run(&net, 11 * S);
	assert_int_equal(there->arrived, 1000);
	assert_int_equal(back->arrived, 1000);
	assert_int_equal(there->duplicates + back->duplicates, 0);
	assert_in_range(sim_look(a, b).path.rtt_us, 20 * MS - 100, 20 * MS + 100);
	assert_int_equal(sim_look(a, b).path.loss_permille, 0);
	sim_deinit(&net);
}

/* Both start in the same instant, 60 ms apart: neither throws the other's handshake away. */
static void test_crossing(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;

	(void)unused;
	for (int round = 0; round < 10; round++) {
		sim_init(&net);
		net.random += (uint64_t)round;
		net.delay_us = 60 * MS;
		a = sim_node_new(&net, 1, "203.0.113.1:1000");
		b = sim_node_new(&net, 2, "203.0.113.2:2000");
		sim_meet(a, b, true, false);
		sim_run(&net, 500 * MS);
		assert_connected(a, b, DATAPLANE_PATH_DIRECT);
		assert_connected(b, a, DATAPLANE_PATH_DIRECT);
		sim_deinit(&net);
	}
}

/* What the hooks below cut: everything between two non-relay addresses from `from` to `until`. */
struct cut {
	uint64_t from_us, until_us;
	const struct addr *relay;
	double loss;
	bool one_way;
	const struct addr *victim; /* one_way: only what it sends */
	bool relay_too;
};

static uint64_t cut_hook(struct simnet *net, const struct addr *from, const struct addr *to,
			 const uint8_t *bytes, size_t length)
{
	const struct cut *cut = net->data;
	bool relayed = cut->relay && (addr_equal(from, cut->relay) || addr_equal(to, cut->relay));
	bool hit =
		net->now_us >= cut->from_us && net->now_us < cut->until_us &&
		(!relayed || (cut->relay_too && (cut->loss == 0 || addr_equal(to, cut->relay)))) &&
		(!cut->one_way || addr_equal(from, cut->victim));

	(void)bytes;
	(void)length;
	if (hit && (cut->loss == 0 || sim_random(net) < cut->loss))
		return CLOCK_NEVER;
	return relayed ? 15 * MS : net->delay_us;
}

/*  a ---- (cut until 3 s) ---- b     The relay carries the game at once; direct takes over when it
 *   \________ relay _________/       answers, and not a packet of 1000 a second is lost or doubled.
 */
static void test_relay_then_direct(void **unused)
{
	struct simnet net;
	struct cut cut = {.from_us = 0, .until_us = SIM_START_US + 3 * S};
	struct sim_node *a, *b;
	struct sim_relay *relay;
	struct sim_stream *there, *back;

	(void)unused;
	sim_init(&net);
	net.hook = cut_hook;
	net.data = &cut;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	relay = sim_relay_new(&net, "198.51.100.1:7777");
	cut.relay = &relay->address;
	sim_meet(a, b, true, true);
	sim_run(&net, 500 * MS);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	assert_connected(b, a, DATAPLANE_PATH_RELAY);
	there = sim_stream_start(a, b, 1 * MS, 8 * S);
	back = sim_stream_start(b, a, 1 * MS, 8 * S);
	sim_run(&net, 2 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	sim_run(&net, 7 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	assert_int_equal(there->arrived, 8000);
	assert_int_equal(back->arrived, 8000);
	assert_int_equal(there->duplicates + back->duplicates, 0);
	assert_int_equal(sim_look(a, b).path_changes, 1);
	sim_deinit(&net);
}

/* The active path turns into a black hole in the middle of a game and comes back later. */
static void black_hole(uint64_t delay_us, bool one_way, enum dataplane_doubling doubling,
		       uint64_t gap_limit_us)
{
	struct simnet net;
	struct cut cut = {.from_us = CLOCK_NEVER, .until_us = CLOCK_NEVER, .one_way = one_way};
	struct sim_node *a, *b;
	struct sim_relay *relay;
	struct sim_stream *there, *back;

	sim_init(&net);
	net.hook = cut_hook;
	net.data = &cut;
	net.delay_us = delay_us;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	a->doubling = b->doubling = doubling;
	relay = sim_relay_new(&net, "198.51.100.1:7777");
	cut.relay = &relay->address;
	cut.victim = &a->address;
	sim_meet(a, b, true, true);
	sim_run(&net, 5 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	for (int round = 0; round < 5; round++) {
		uint64_t at_us;

		there = sim_stream_start(a, b, 10 * MS, 30 * S);
		back = sim_stream_start(b, a, 10 * MS, 30 * S);
		sim_run(&net, 5 * S + (uint64_t)round * 53 * MS);
		assert_connected(a, b, DATAPLANE_PATH_DIRECT);
		at_us = net.now_us;
		cut.from_us = at_us;
		cut.until_us = at_us + 10 * S;
		there->longest_gap_us = back->longest_gap_us = 0;
		sim_run(&net, 5 * S);
		assert_connected(a, b, DATAPLANE_PATH_RELAY);
		if (getenv("V"))
			print_message("round trip %d ms: gaps %d, %d ms\n",
				      (int)(2 * delay_us / MS), (int)(there->longest_gap_us / MS),
				      (int)(back->longest_gap_us / MS));
		assert_in_range(there->longest_gap_us, 0, gap_limit_us);
		assert_in_range(back->longest_gap_us, 0, gap_limit_us);
		sim_run(&net, 60 * S);
		assert_connected(a, b, DATAPLANE_PATH_DIRECT);
		assert_connected(b, a, DATAPLANE_PATH_DIRECT);
		free(there->seen);
		free(back->seen);
		memset(there, 0, sizeof(*there));
		memset(back, 0, sizeof(*back));
		sim_run(&net, 300 * S); /* the deaths are forgotten */
	}
	sim_deinit(&net);
}

static void test_black_hole(void **unused)
{
	(void)unused;
	black_hole(10 * MS, false, DATAPLANE_DOUBLING_OFF, 400 * MS);
	black_hole(50 * MS, false, DATAPLANE_DOUBLING_OFF, 500 * MS);
	black_hole(10 * MS, true, DATAPLANE_DOUBLING_OFF, 400 * MS);
	black_hole(50 * MS, true, DATAPLANE_DOUBLING_OFF, 500 * MS);
	black_hole(10 * MS, false, DATAPLANE_DOUBLING_AUTO, 250 * MS);
	black_hole(10 * MS, true, DATAPLANE_DOUBLING_AUTO, 250 * MS);
	black_hole(10 * MS, false, DATAPLANE_DOUBLING_ON, 30 * MS);
	black_hole(10 * MS, true, DATAPLANE_DOUBLING_ON, 30 * MS);
}

/* Two that play at 100 packets a second, directly, with a relay beside; what a story does to them.
 */
struct pair {
	struct simnet net;
	struct cut cut;
	struct sim_node *a, *b;
	struct sim_stream *there, *back;
};

static void pair_start(struct pair *pair, enum dataplane_doubling doubling, size_t size)
{
	*pair = (struct pair){.cut = {.from_us = CLOCK_NEVER, .until_us = CLOCK_NEVER}};
	sim_init(&pair->net);
	pair->net.hook = cut_hook;
	pair->net.data = &pair->cut;
	pair->a = sim_node_new(&pair->net, 1, "203.0.113.1:1000");
	pair->b = sim_node_new(&pair->net, 2, "203.0.113.2:2000");
	pair->a->doubling = pair->b->doubling = doubling;
	pair->cut.relay = &sim_relay_new(&pair->net, "198.51.100.1:7777")->address;
	sim_meet(pair->a, pair->b, true, true);
	sim_run(&pair->net, 5 * S);
	pair->there = sim_stream_start(pair->a, pair->b, 10 * MS, 3600 * S);
	pair->back = sim_stream_start(pair->b, pair->a, 10 * MS, 3600 * S);
	pair->there->size = size;
	sim_run(&pair->net, 5 * S);
	assert_connected(pair->a, pair->b, DATAPLANE_PATH_DIRECT);
	assert_connected(pair->b, pair->a, DATAPLANE_PATH_DIRECT);
	pair->there->longest_gap_us = pair->back->longest_gap_us = 0;
}

static uint32_t lost(const struct sim_stream *stream)
{
	return stream->sent - stream->arrived;
}

/* Every way loses 5 %, independently: two copies lose a quarter of a percent, and no game gets one
 * twice. */
static void test_doubling_a_lossy_path(void **unused)
{
	static const enum dataplane_doubling modes[] = {DATAPLANE_DOUBLING_ON,
							DATAPLANE_DOUBLING_AUTO};
	struct pair pair;
	uint32_t before;

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		pair_start(&pair, modes[i], 100);
		pair.cut.from_us = pair.net.now_us;
		pair.cut.loss = 0.05;
		pair.cut.relay_too = true;
		sim_run(&pair.net, 5 * S); /* auto has to notice */
		before = lost(pair.there);
		sim_run(&pair.net, 300 * S);
		if (getenv("V"))
			print_message("lost %u of %u\n", lost(pair.there) - before,
				      pair.there->sent);
		assert_in_range(lost(pair.there) - before, 0, 30000 * 4 / 1000);
		assert_int_equal(pair.there->duplicates + pair.back->duplicates, 0);
		sim_deinit(&pair.net);
	}
}

/* Long packets are not doubled, nor more than so many. */
static void test_doubling_is_bounded(void **unused)
{
	struct pair pair;
	uint64_t before;
	struct sim_stream *fast;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_ON, REACH_DOUBLE_MAX + 1);
	pair.back->on = false;
	before = pair.net.relays[0]->forwarded;
	sim_run(&pair.net, 10 * S);
	assert_in_range(pair.net.relays[0]->forwarded - before, 0, 40); /* probes */
	fast = sim_stream_start(pair.a, pair.b, 1 * MS, 20 * S);
	before = pair.net.relays[0]->forwarded;
	sim_run(&pair.net, 10 * S);
	assert_in_range(pair.net.relays[0]->forwarded - before, 1900, 2100);
	assert_int_equal(fast->duplicates, 0);
	sim_deinit(&pair.net);
}

static uint64_t hole_hook(struct simnet *net, const struct addr *from, const struct addr *to,
			  const uint8_t *bytes, size_t length)
{
	const struct cut *cut = net->data;
	bool relayed = addr_equal(from, cut->relay) || addr_equal(to, cut->relay);

	(void)bytes;
	if (!relayed && length > 600 && net->now_us >= cut->from_us && net->now_us < cut->until_us)
		return CLOCK_NEVER;
	return relayed ? 15 * MS : net->delay_us;
}

/* Probes pass, and all that is long does not: the path is left, and taken again when it is whole.
 */
static void test_hole(void **unused)
{
	static const size_t sizes[] = {700, 1200, ENGINE_MTU};
	struct pair pair;

	(void)unused;
	for (size_t i = 0; i < 3; i++) {
		pair_start(&pair, DATAPLANE_DOUBLING_AUTO, sizes[i]);
		pair.net.hook = hole_hook;
		pair.cut.from_us = pair.net.now_us;
		pair.cut.until_us = pair.net.now_us + 60 * S;
		sim_run(&pair.net, 5 * S);
		assert_connected(pair.a, pair.b, DATAPLANE_PATH_RELAY);
		assert_in_range(pair.there->longest_gap_us, 0, 800 * MS);
		sim_run(&pair.net, 40 * S);
		assert_connected(pair.a, pair.b, DATAPLANE_PATH_RELAY);
		assert_in_range(lost(pair.there), 0, 80);
		assert_in_range(lost(pair.back), 0, 2); /* short ones never stopped */
		sim_run(&pair.net, 20 * S);
		assert_connected(pair.a, pair.b, DATAPLANE_PATH_DIRECT);
		sim_deinit(&pair.net);
	}
}

static uint64_t only_hole_hook(struct simnet *net, const struct addr *from, const struct addr *to,
			       const uint8_t *bytes, size_t length)
{
	const struct cut *cut = net->data;

	if (net->now_us >= cut->from_us &&
	    (addr_equal(from, cut->relay) || addr_equal(to, cut->relay)))
		return CLOCK_NEVER;
	return hole_hook(net, from, to, bytes, length);
}

/* With no other way left the path with the hole stays in use. A ping, short as the player's own
 * packets may be, does not make it whole. */
static void test_ping_into_a_hole(void **unused)
{
	struct pair pair;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_OFF, 900);
	pair.net.hook = only_hole_hook;
	pair.cut.from_us = pair.net.now_us;
	pair.cut.until_us = pair.net.now_us + 60 * S;
	sim_run(&pair.net, 5 * S);
	for (uint64_t i = 1; i <= 3; i++) {
		assert_true(sim_look(pair.a, pair.b).path.hole);
		assert_int_equal(engine_probe(pair.a->engine, pair.net.now_us, pair.b->key, i), 0);
		sim_run(&pair.net, 1 * S);
		assert_int_equal(pair.a->ping.error, -ETIMEDOUT);
	}
	assert_true(sim_look(pair.a, pair.b).path.hole);
	sim_deinit(&pair.net);
}

/* A path that loses 5 % each way may be left for a better one, but each time it is taken again
 * later: a few changes in ten minutes, not one in each. */
static void test_no_flapping(void **unused)
{
	struct pair pair;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_OFF, 100);
	pair.cut.from_us = pair.net.now_us;
	pair.cut.loss = 0.05;
	sim_run(&pair.net, 600 * S);
	assert_in_range(sim_look(pair.a, pair.b).path_changes, 0, 6);
	sim_deinit(&pair.net);
}

/* a's machine gets another address, and its NAT's filter and b's know nothing of it. */
static void test_moving(void **unused)
{
	struct pair pair;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_AUTO, 100);
	pair.a->nat = pair.b->nat = true;
	sim_run(&pair.net, 5 * S);
	pair.there->longest_gap_us = pair.back->longest_gap_us = 0;
	assert_int_equal(addr_parse(&pair.a->address, "198.51.100.77:4242"), 0);
	engine_moved(pair.a->engine, pair.net.now_us);
	pair.a->due_us = 0;
	sim_run(&pair.net, 5 * S);
	assert_connected(pair.a, pair.b, DATAPLANE_PATH_RELAY);
	assert_in_range(pair.there->longest_gap_us, 0, 100 * MS);
	assert_in_range(pair.back->longest_gap_us, 0, 150 * MS);
	sim_deinit(&pair.net);
}

/* An interface more, and nothing else: not a packet is lost, and no path is left for good. */
static void test_moving_nowhere(void **unused)
{
	struct pair pair;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_AUTO, 100);
	for (int i = 0; i < 10; i++) {
		engine_moved(pair.a->engine, pair.net.now_us);
		pair.a->due_us = 0;
		sim_run(&pair.net, 300 * MS);
	}
	sim_run(&pair.net, 5 * S);
	assert_connected(pair.a, pair.b, DATAPLANE_PATH_DIRECT);
	assert_in_range(lost(pair.there), 0, 2);
	assert_int_equal(sim_look(pair.a, pair.b).path_changes, 0);
	sim_deinit(&pair.net);
}

/* A game that begins on a path that died while nothing was sent. */
static void test_dead_while_idle(void **unused)
{
	struct simnet net;
	struct cut cut = {.from_us = CLOCK_NEVER, .until_us = CLOCK_NEVER};
	struct sim_node *a, *b;
	struct sim_relay *relay;
	struct sim_stream *there;

	(void)unused;
	sim_init(&net);
	net.hook = cut_hook;
	net.data = &cut;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	relay = sim_relay_new(&net, "198.51.100.1:7777");
	cut.relay = &relay->address;
	sim_meet(a, b, true, true);
	sim_run(&net, 301 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	cut.from_us = net.now_us;
	there = sim_stream_start(a, b, 10 * MS, 5 * S);
	sim_run(&net, 6 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	assert_in_range(there->arrived, 450, 500);
	sim_deinit(&net);
}

/* A member's address changes under a game (another network, or its NAT forgot). */
static void test_roaming(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there, *back;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	sim_run(&net, 2 * S);
	there = sim_stream_start(a, b, 10 * MS, 10 * S);
	back = sim_stream_start(b, a, 10 * MS, 10 * S);
	sim_run(&net, 5 * S);
	assert_int_equal(addr_parse(&b->address, "198.51.100.77:4242"), 0);
	sim_run(&net, 6 * S);
	assert_at(a, b);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_in_range(there->longest_gap_us, 0, 600 * MS);
	assert_int_equal(back->arrived, 1000); /* b's own path did not change */
	sim_deinit(&net);
}

struct spying {
	const struct addr *from, *to;
	uint64_t frames, to_count;
	uint8_t copy[2048];
	size_t length;
	struct addr copy_from;
	bool record;
};

static void spy(struct simnet *net, const struct addr *from, const struct addr *to,
		const uint8_t *bytes, size_t length)
{
	struct spying *spying = net->data;

	if (spying->from && addr_equal(from, spying->from) && bytes[0] == MESSAGE_DATA &&
	    length != 32 && length != 64)
		spying->frames++; /* neither a keepalive nor one of our 32-byte packets */
	if (spying->to && addr_equal(to, spying->to)) {
		spying->to_count++;
		if (spying->record && bytes[0] == MESSAGE_DATA && length == 64) {
			memcpy(spying->copy, bytes, length);
			spying->length = length;
			spying->copy_from = *from;
		}
	}
}

/* A guest's stock client: one path, which follows its packets; no frame is ever sent to it. Both
 * ends here treat the other as stock. */
static void test_stock(void **unused)
{
	struct simnet net;
	struct spying spying = {0};
	struct sim_node *a, *b;
	struct sim_stream *there, *back;
	struct sim_peer to_b, to_a;
	struct sim_plan plan;

	(void)unused;
	sim_init(&net);
	net.watch = spy;
	net.data = &spying;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	spying.from = &a->address;
	to_b = (struct sim_peer){b, DATAPLANE_BACKEND_STOCK, NULL};
	to_a = (struct sim_peer){a, DATAPLANE_BACKEND_STOCK, NULL};
	plan = (struct sim_plan){.node = a, .candidates = {"203.0.113.1:1000"}};
	sim_party(a, &to_b, 1);
	sim_party(b, &to_a, 1);
	sim_plan(b, &plan, 1);
	sim_run(&net, 1 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	there = sim_stream_start(a, b, 10 * MS, 10 * S);
	back = sim_stream_start(b, a, 10 * MS, 10 * S);
	sim_run(&net, 5 * S);
	assert_int_equal(addr_parse(&b->address, "198.51.100.77:4242"), 0);
	sim_run(&net, 6 * S);
	assert_at(a, b);
	assert_in_range(there->arrived, 996, 1000);
	assert_int_equal(back->arrived, 1000);
	sim_run(&net, 600 * S); /* keepalives hold it */
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_int_equal(spying.frames, 0);
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 1), -EOPNOTSUPP);
	sim_deinit(&net);
}

/* Nothing a stranger sends is answered or changes anything. */
static void test_garbage(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b, *stranger;
	struct sim_peer peer;
	struct sim_plan plan;
	uint8_t bytes[256];
	uint64_t sent;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	stranger = sim_node_new(&net, 3, "203.0.113.3:3000");
	sim_meet(a, b, true, false);
	sim_run(&net, 1 * S);
	sent = stranger->received;
	for (int i = 0; i < 2000; i++) {
		size_t length = (size_t)(sim_random(&net) * sizeof(bytes));

		for (size_t k = 0; k < length; k++)
			bytes[k] = (uint8_t)(sim_random(&net) * 256);
		if (length > 4 && i % 2)
			memcpy(bytes, (uint8_t[]){(uint8_t)(1 + i % 4), 0, 0, 0}, 4);
		sim_inject(&net, &stranger->address, &a->address, bytes,
			   i % 8 == 1	? 148
			   : i % 8 == 3 ? 92
			   : i % 8 == 5 ? 64
					: length);
	}
	/* A well-formed handshake from a key that a does not know. */
	peer = (struct sim_peer){a, DATAPLANE_BACKEND_ENGINE, NULL};
	plan = (struct sim_plan){.node = a, .candidates = {"203.0.113.1:1000"}};
	sim_party(stranger, &peer, 1);
	sim_plan(stranger, &plan, 1);
	sim_run(&net, 25 * S);
	assert_int_equal(stranger->received, sent);
	assert_int_equal(sim_look(stranger, a).state, DATAPLANE_PEER_FAILED);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_int_equal(sim_look(a, b).n_paths, 1);
	sim_deinit(&net);
}

/* A packet heard on the wire and sent again, from its own address or another, does nothing. */
static void test_replay(void **unused)
{
	struct simnet net;
	struct spying spying = {0};
	struct sim_node *a, *b;
	struct sim_stream *there;
	struct addr elsewhere;

	(void)unused;
	sim_init(&net);
	net.watch = spy;
	net.data = &spying;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	sim_run(&net, 1 * S);
	spying.to = &b->address;
	spying.record = true;
	there = sim_stream_start(a, b, 10 * MS, 1 * S);
	sim_run(&net, 2 * S);
	spying.record = false;
	assert_int_equal(spying.length, 64);
	assert_int_equal(addr_parse(&elsewhere, "192.0.2.66:6666"), 0);
	sim_inject(&net, &spying.copy_from, &b->address, spying.copy, spying.length);
	sim_inject(&net, &elsewhere, &b->address, spying.copy, spying.length);
	sim_run(&net, 1 * S);
	assert_int_equal(there->duplicates, 0);
	assert_int_equal(sim_look(b, a).n_paths, 1);
	sim_deinit(&net);
}

static void test_psk(void **unused)
{
	static const uint8_t one[32] = {1}, two[32] = {2};
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_peer to_b, to_a;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	to_b = (struct sim_peer){b, DATAPLANE_BACKEND_ENGINE, one};
	to_a = (struct sim_peer){a, DATAPLANE_BACKEND_ENGINE, two};
	sim_party(a, &to_b, 1);
	sim_party(b, &to_a, 1);
	sim_run(&net, 30 * S);
	assert_int_equal(sim_look(a, b).state, DATAPLANE_PEER_FAILED);
	to_a.psk = one;
	sim_party(b, &to_a, 1);
	sim_run(&net, 16 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	sim_deinit(&net);
}

/* One member among a hundred others; some of them away. */
static void test_large_party(void **unused)
{
	enum { COUNT = 100, AWAY = 10 };
	static struct sim_peer peers[COUNT];
	static struct sim_plan plans[COUNT];
	static char texts[COUNT][ADDR_TEXT_SIZE];
	struct simnet net;
	struct sim_node *hub;
	struct sim_peer to_hub;
	struct sim_plan plan;
	struct dataplane_state state;

	(void)unused;
	sim_init(&net);
	hub = sim_node_new(&net, 1, "203.0.113.1:1000");
	to_hub = (struct sim_peer){hub, DATAPLANE_BACKEND_ENGINE, NULL};
	plan = (struct sim_plan){.node = hub, .candidates = {"203.0.113.1:1000"}};
	for (int i = 0; i < COUNT; i++) {
		snprintf(texts[i], sizeof(texts[i]), "198.51.100.%d:5000", i + 1);
		peers[i].node = sim_node_new(&net, (uint16_t)(i + 2), texts[i]);
		plans[i] = (struct sim_plan){.node = peers[i].node, .candidates = {texts[i]}};
		if (i < AWAY)
			continue;
		sim_party(net.nodes[i + 1], &to_hub, 1);
		sim_plan(net.nodes[i + 1], &plan, 1);
	}
	sim_party(hub, peers, COUNT);
	sim_plan(hub, plans, COUNT);
	sim_run(&net, 25 * S);
	assert_int_equal(engine_state(hub->engine, net.now_us, &state), 0);
	assert_int_equal(state.n_peers, COUNT);
	for (size_t i = 0; i < state.n_peers; i++) {
		bool away = false;

		for (int k = 0; k < AWAY; k++)
			away |= memcmp(state.peers[i].public_key, peers[k].node->key, 32) == 0;
		assert_int_equal(state.peers[i].state,
				 away ? DATAPLANE_PEER_FAILED : DATAPLANE_PEER_CONNECTED);
	}
	dataplane_state_clear(&state);
	/* Idle, the whole party costs little. */
	sim_run(&net, 30 * S);
	hub->sent = 0;
	sim_run(&net, 100 * S);
	assert_in_range(hub->sent / 100, 0, 25);
	sim_party(hub, peers, 10);
	assert_int_equal(engine_state(hub->engine, net.now_us, &state), 0);
	assert_int_equal(state.n_peers, 10);
	dataplane_state_clear(&state);
	sim_deinit(&net);
}

/* Dead candidates get at most 20 packets a second each, a peer's probes stay under 10 a second. */
static void test_rates(void **unused)
{
	struct simnet net;
	struct spying spying = {0};
	struct sim_node *a, *b;
	struct sim_plan plan;
	struct addr dead;
	uint64_t frames;

	(void)unused;
	sim_init(&net);
	net.watch = spy;
	net.data = &spying;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	assert_int_equal(addr_parse(&dead, "192.0.2.1:1"), 0);
	spying.from = &a->address;
	spying.to = &dead;
	sim_meet(a, b, true, false);
	plan = (struct sim_plan){
		.node = b,
		.candidates = {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1", "203.0.113.2:2000"}};
	sim_plan(a, &plan, 1);
	for (int second = 0; second < 10; second++) {
		uint64_t before = spying.to_count;

		sim_run(&net, 1 * S);
		assert_in_range(spying.to_count - before, 0, 20);
	}
	assert_in_range(spying.to_count, 8, 40);
	/* The game runs: probes of ours and replies to b's are the frames a sends. */
	sim_stream_start(a, b, 5 * MS, 60 * S);
	sim_stream_start(b, a, 5 * MS, 60 * S);
	sim_run(&net, 20 * S);
	frames = spying.frames;
	sim_run(&net, 30 * S);
	assert_in_range(spying.frames - frames, 30, 300);
	sim_deinit(&net);
}

/* Data to a member that is away goes nowhere fast: no address gets more than its 20 a second. */
static void test_data_to_nobody(void **unused)
{
	struct simnet net;
	struct spying spying = {0};
	struct sim_node *a, *b;
	struct addr old;

	(void)unused;
	sim_init(&net);
	net.watch = spy;
	net.data = &spying;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	sim_run(&net, 1 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	engine_free(b->engine);
	net.n_nodes--;
	sim_stream_start(a, b, 5 * MS, 200 * S);
	sim_run(&net, 90 * S);
	assert_int_not_equal(sim_look(a, b).state, DATAPLANE_PEER_CONNECTED);
	old = sim_look(a, b).path.endpoint;
	spying.to = &old;
	spying.to_count = 0;
	sim_run(&net, 10 * S);
	assert_in_range(spying.to_count, 0, 210);
	free(b);
	sim_deinit(&net);
}

/* An hour of play, thirty renewals of the keys, and nothing lost. */
static void test_hour(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there, *back;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_relay_new(&net, "198.51.100.1:7777");
	sim_meet(a, b, true, true);
	sim_run(&net, 5 * S);
	there = sim_stream_start(a, b, 50 * MS, 3600 * S);
	back = sim_stream_start(b, a, 50 * MS, 3600 * S);
	for (int i = 0; i < 36; i++) {
		sim_run(&net, 100 * S);
		assert_in_range(sim_look(a, b).handshake_age_us, 0, 126 * S);
		assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	}
	sim_run(&net, 1 * S);
	assert_int_equal(there->arrived, 72000);
	assert_int_equal(back->arrived, 72000);
	assert_int_equal(there->duplicates + back->duplicates, 0);
	assert_in_range(sim_look(a, b).path_changes, 0, 1);
	sim_deinit(&net);
}

/* Both behind NATs that let in only who was written to: relay first, then the hole. */
static void test_punch(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct dataplane_state state;

	(void)unused;
	sim_init(&net);
	net.delay_us = 40 * MS;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	a->nat = b->nat = true;
	sim_relay_new(&net, "198.51.100.1:7777");
	sim_meet(a, b, true, true);
	sim_run(&net, 2 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	assert_int_equal(engine_state(a->engine, net.now_us, &state), 0);
	assert_int_equal(state.n_reflexive, 1);
	assert_true(addr_equal(&state.reflexive[0], &a->address));
	assert_int_equal(state.n_relays, 1);
	assert_int_equal(state.relays[0].state, DATAPLANE_RELAY_BOUND);
	assert_in_range(state.relays[0].rtt_us, 80 * MS - 10, 80 * MS + 10);
	dataplane_state_clear(&state);
	assert_int_equal(a->changes[DATAPLANE_EVENT_REFLEXIVE], 1);
	/* An idle hour does not close the hole. */
	sim_run(&net, 3600 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_in_range(sim_look(a, b).path_changes, 0, 1);
	sim_deinit(&net);
}

/* The other side comes to the relay later: our packets there are answered UNBOUND meanwhile. */
static void test_late_joiner(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_peer to_b;
	struct sim_plan plan;
	struct sim_relay *relay;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	relay = sim_relay_new(&net, "198.51.100.1:7777");
	to_b = (struct sim_peer){b, DATAPLANE_BACKEND_ENGINE, NULL};
	plan = (struct sim_plan){.node = b, .with_relays = true};
	sim_party(a, &to_b, 1);
	sim_plan(a, &plan, 1);
	sim_run(&net, 60 * S);
	assert_in_range(relay->unbound, 3, 60);
	to_b.node = a;
	plan.node = a;
	sim_party(b, &to_b, 1);
	sim_plan(b, &plan, 1);
	sim_run(&net, 400 * MS);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	assert_connected(b, a, DATAPLANE_PATH_RELAY);
	sim_deinit(&net);
}

/*  a ---- r1 (20 ms) ---- b      Two relays and no direct way. */
/*   \---- r2 (30 ms) ----/                                      */
struct two_relays {
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_relay *r1, *r2;
	struct sim_stream *there, *back;
};

static uint64_t two_relays_hook(struct simnet *net, const struct addr *from, const struct addr *to,
				const uint8_t *bytes, size_t length)
{
	const struct two_relays *two = net->data;

	(void)bytes;
	(void)length;
	if (addr_equal(from, &two->r1->address) || addr_equal(to, &two->r1->address))
		return 10 * MS;
	return 15 * MS;
}

/* The plan of both: "12" r1, then r2. */
static void two_relays_plan(struct two_relays *two, const char *relays)
{
	const struct sim_plan to_b = {.node = two->b, .with_relays = true, .relays = relays};
	const struct sim_plan to_a = {.node = two->a, .with_relays = true, .relays = relays};

	sim_plan(two->a, &to_b, 1);
	sim_plan(two->b, &to_a, 1);
}

static void two_relays_start(struct two_relays *two)
{
	*two = (struct two_relays){0};
	sim_init(&two->net);
	two->net.hook = two_relays_hook;
	two->net.data = two;
	two->a = sim_node_new(&two->net, 1, "203.0.113.1:1000");
	two->b = sim_node_new(&two->net, 2, "203.0.113.2:2000");
	two->a->doubling = two->b->doubling = DATAPLANE_DOUBLING_OFF;
	two->r1 = sim_relay_new(&two->net, "198.51.100.1:7777");
	two->r2 = sim_relay_new(&two->net, "198.51.100.2:7777");
	sim_meet(two->a, two->b, false, true);
	sim_run(&two->net, 5 * S);
	two->there = sim_stream_start(two->a, two->b, 10 * MS, 3600 * S);
	two->back = sim_stream_start(two->b, two->a, 10 * MS, 3600 * S);
	sim_run(&two->net, 5 * S);
}

static void assert_over(struct two_relays *two, const struct sim_relay *relay)
{
	struct sim_view a = sim_look(two->a, two->b), b = sim_look(two->b, two->a);

	assert_connected(two->a, two->b, DATAPLANE_PATH_RELAY);
	assert_connected(two->b, two->a, DATAPLANE_PATH_RELAY);
	assert_memory_equal(a.path.relay, relay->key, 32);
	assert_memory_equal(b.path.relay, relay->key, 32);
}

/* What the plan prefers is taken; what it names no more is left; and nothing is lost by it. */
static void test_relay_by_plan(void **unused)
{
	static const char *const plans[] = {"12", "2", "21", "1", "12"};
	struct two_relays two;

	(void)unused;
	two_relays_start(&two);
	assert_over(&two, two.r1);
	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++) {
		two_relays_plan(&two, plans[i]);
		sim_run(&two.net, 20 * S);
		/* r2 measures 20 ms more: no reason to go there as long as r1 is named */
		assert_over(&two, strchr(plans[i], '1') ? two.r1 : two.r2);
	}
	two.there->on = two.back->on = false;
	sim_run(&two.net, 1 * S);
	assert_int_equal(lost(two.there) + lost(two.back), 0);
	assert_int_equal(two.there->duplicates + two.back->duplicates, 0);
	sim_deinit(&two.net);
}

/* One plan comes before the other: whoever is first there is bound at both until the other is. */
static void test_relay_by_plan_of_one(void **unused)
{
	struct two_relays two;
	struct sim_plan plan;

	(void)unused;
	two_relays_start(&two);
	plan = (struct sim_plan){.node = two.b, .with_relays = true, .relays = "2"};
	sim_plan(two.a, &plan, 1);
	sim_run(&two.net, 25 * S);
	assert_memory_equal(sim_look(two.a, two.b).path.relay, two.r2->key, 32);
	assert_memory_equal(sim_look(two.b, two.a).path.relay, two.r1->key, 32);
	plan.node = two.a;
	sim_plan(two.b, &plan, 1);
	sim_run(&two.net, 25 * S);
	assert_over(&two, two.r2);
	two.there->on = two.back->on = false;
	sim_run(&two.net, 1 * S);
	assert_int_equal(lost(two.there) + lost(two.back), 0);
	sim_deinit(&two.net);
}

/* The relay in use dies: the spare has the game within a second; it comes back, and is used. */
static void test_relay_dies(void **unused)
{
	struct two_relays two;

	(void)unused;
	two_relays_start(&two);
	two.there->longest_gap_us = two.back->longest_gap_us = 0;
	two.r1->off = true;
	sim_run(&two.net, 3 * S);
	assert_over(&two, two.r2);
	assert_in_range(two.there->longest_gap_us, 0, 1 * S);
	assert_in_range(two.back->longest_gap_us, 0, 1 * S);
	two.there->longest_gap_us = two.back->longest_gap_us = 0;
	memset(two.r1->members, 0, sizeof(two.r1->members));
	two.r1->off = false;
	sim_run(&two.net, 60 * S);
	assert_over(&two, two.r1);
	assert_in_range(two.there->longest_gap_us, 0, 100 * MS);
	sim_deinit(&two.net);
}

/* All UDP stops in the middle of a game: that the relay does not answer is known long before it is
 * given up, so that it can be reached by TCP. */
static void test_relay_unanswered(void **unused)
{
	struct dataplane_state state;
	struct pair pair;

	(void)unused;
	pair_start(&pair, DATAPLANE_DOUBLING_OFF, 100);
	assert_int_equal(engine_state(pair.a->engine, pair.net.now_us, &state), 0);
	assert_false(state.relays[0].unanswered);
	dataplane_state_clear(&state);
	pair.cut.from_us = pair.net.now_us;
	pair.cut.relay_too = true;
	sim_run(&pair.net, 700 * MS);
	assert_int_equal(engine_state(pair.a->engine, pair.net.now_us, &state), 0);
	assert_int_equal(state.relays[0].state, DATAPLANE_RELAY_BOUND);
	assert_true(state.relays[0].unanswered);
	dataplane_state_clear(&state);
	sim_deinit(&pair.net);
}

static void test_relay_states(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_relay *relay;
	struct dataplane_state state;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	relay = sim_relay_new(&net, "198.51.100.1:7777");
	relay->refuse = 4;
	sim_meet(a, b, false, true);
	sim_run(&net, 1 * S);
	assert_int_equal(engine_state(a->engine, net.now_us, &state), 0);
	assert_int_equal(state.relays[0].state, DATAPLANE_RELAY_REFUSED);
	assert_string_equal(state.relays[0].reason, "the ticket has expired");
	dataplane_state_clear(&state);
	relay->refuse = 0; /* presented anew after a minute */
	sim_run(&net, 62 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	relay->off = true;
	sim_run(&net, 12 * S);
	assert_int_equal(engine_state(a->engine, net.now_us, &state), 0);
	assert_int_equal(state.relays[0].state, DATAPLANE_RELAY_SILENT);
	dataplane_state_clear(&state);
	assert_int_not_equal(sim_look(a, b).state, DATAPLANE_PEER_CONNECTED);
	/* Restarted: it knows nobody any more. */
	memset(relay->members, 0, sizeof(relay->members));
	relay->off = false;
	sim_run(&net, 20 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	sim_deinit(&net);
}

/* The process ends and starts again with the same key: the others take it back at once. */
static void test_restart(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_meet(a, b, true, false);
	sim_run(&net, 5 * S);
	there = sim_stream_start(a, b, 10 * MS, 4 * S);
	sim_run(&net, 1 * S);
	sim_node_restart(b);
	{
		struct sim_peer to_a = {a, DATAPLANE_BACKEND_ENGINE, NULL};
		struct sim_plan plan = {.node = a, .candidates = {"203.0.113.1:1000"}};

		sim_party(b, &to_a, 1);
		sim_plan(b, &plan, 1);
	}
	there->longest_gap_us = 0;
	sim_run(&net, 4 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_in_range(there->longest_gap_us, 0, 150 * MS);
	assert_in_range(b->reserved_s, SIM_WALL_US / S + 1000, SIM_WALL_US / S + 1200);
	sim_deinit(&net);
}

static void test_ping(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 7), -ENOENT);
	sim_meet(a, b, true, false);
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 7), -ENETUNREACH);
	sim_run(&net, 1 * S);
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 7), 0);
	sim_run(&net, 25 * MS);
	assert_int_equal(a->ping.count, 1);
	assert_int_equal(a->ping.cookie, 7);
	assert_int_equal(a->ping.error, 0);
	assert_int_equal(a->ping.result.rtt_us, 20 * MS);
	assert_true(addr_equal(&a->ping.result.endpoint, &b->address));
	assert_int_equal(addr_parse(&b->address, "203.0.113.9:9"), 0);
	b->nat = true; /* and nobody may reach it */
	memset(b->permits, 0, sizeof(b->permits));
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 8), 0);
	sim_run(&net, 1 * S);
	assert_int_equal(a->ping.count, 2);
	assert_int_equal(a->ping.error, -ETIMEDOUT);
	/* Who goes meanwhile does not leave the question open. */
	assert_int_equal(engine_probe(a->engine, net.now_us, b->key, 9), 0);
	sim_party(a, NULL, 0);
	assert_int_equal(a->ping.count, 3);
	assert_int_equal(a->ping.cookie, 9);
	assert_int_equal(a->ping.error, -ENOENT);
	sim_deinit(&net);
}

/* A flood of handshakes: strangers are asked for a cookie, and a member still gets through. */
static void test_under_load(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b, *flooder;
	struct sim_peer peer;
	struct sim_plan plan;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	flooder = sim_node_new(&net, 3, "203.0.113.3:3000");
	peer = (struct sim_peer){a, DATAPLANE_BACKEND_ENGINE, NULL};
	plan = (struct sim_plan){.node = a, .candidates = {"203.0.113.1:1000"}};
	for (int i = 0; i < 2000; i++) {
		struct message_initiation message = {.header.type = MESSAGE_INITIATION};
		struct mac_keys keys;

		message.sender[0] = (uint8_t)i;
		message.sender[1] = (uint8_t)(i >> 8);
		mac_keys_init(&keys, a->key);
		mac1_write(&keys, &message, sizeof(message));
		sim_inject(&net, &flooder->address, &a->address, (uint8_t *)&message,
			   sizeof(message));
	}
	sim_run(&net, 11 * MS);
	assert_in_range(flooder->received + net.n_queue, 1000, 2000);
	sim_meet(a, b, true, false);
	net.hook = NULL;
	sim_party(b, &peer, 1);
	sim_plan(b, &plan, 1);
	sim_run(&net, 500 * MS);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	sim_deinit(&net);
}

/* --- floods of handshakes --- */

/* Primes: whatever rhythm the limits have, it favours none of them. */
#define FLOOD_MEMBERS	101
#define FLOOD_ADDRESSES 41
#define FLOOD_NEWCOMERS 4
#define FLOOD_PER_MS	2
#define FLOOD_QUESTIONS 32768

/* An initiation with the right mac1 that is on its way to a, or was. */
struct question {
	struct addr from;
	uint8_t sender[4];
	uint8_t mac1[MAC_SIZE];
	bool answered; /* by a cookie */
};

/*  flooder ────┐    asks by the thousand, as so many members in turn: each handshake that is taken
 *              │    up shows by its response
 *       c ─────┼─ a    play at 100 packets a second each way
 *  newcomers ──┘    come to the party in the middle of it, one after the other
 */
struct flood {
	struct simnet net;
	struct sim_node *a, *c, *newcomers[FLOOD_NEWCOMERS];
	struct sim_stream *there, *back;
	struct mac_keys keys; /* of a */
	struct question *questions;
	size_t n_questions;
	uint32_t responses, cookies;		 /* that a sent; and of the cookies: */
	uint32_t to_newcomers, to_c;		 /* those */
	const struct addr *wrong;		 /* never sent a anything worth an answer */
	struct addr own[FLOOD_ADDRESSES];	 /* where the flooder really is */
	struct cookie_jar jars[FLOOD_ADDRESSES]; /* and what it was told there */
	struct noise_identity members[FLOOD_MEMBERS];
	struct noise_remote remotes[FLOOD_MEMBERS]; /* a, as each of them sees it */
	uint32_t made;
};

/* A cookie goes where a question came from, once for each, is smaller, and opens for who asked. */
static void check_cookie(struct flood *flood, const struct addr *to, const uint8_t *bytes,
			 size_t length)
{
	const struct message_cookie *reply = (const void *)bytes;
	struct question *question = flood->questions + flood->n_questions;
	struct cookie_jar jar = {.mac1_valid = true};

	assert_int_equal(length, sizeof(*reply));
	assert_true(length < sizeof(struct message_initiation));
	do
		assert_true(question-- > flood->questions);
	while (memcmp(question->sender, reply->receiver, sizeof(question->sender)) != 0 ||
	       !addr_equal(&question->from, to));
	assert_false(question->answered);
	question->answered = true;
	memcpy(jar.mac1_sent, question->mac1, sizeof(jar.mac1_sent));
	assert_int_equal(cookie_jar_accept(&jar, flood->net.now_us, &flood->keys, reply), 0);
	for (size_t i = 0; i < FLOOD_ADDRESSES; i++)
		if (addr_equal(to, &flood->own[i]))
			flood->jars[i] = jar;
	flood->cookies++;
	flood->to_c += addr_equal(to, &flood->c->address);
	for (size_t i = 0; i < FLOOD_NEWCOMERS; i++)
		flood->to_newcomers += addr_equal(to, &flood->newcomers[i]->address);
}

static void note_question(struct flood *flood, const struct addr *from,
			  const struct message_initiation *message)
{
	struct question *question = &flood->questions[flood->n_questions];

	if (!mac1_check(&flood->keys, message, sizeof(*message)))
		return;
	assert_true(flood->n_questions++ < FLOOD_QUESTIONS);
	*question = (struct question){.from = *from};
	memcpy(question->sender, message->sender, sizeof(question->sender));
	memcpy(question->mac1, message->macs.mac1, sizeof(question->mac1));
}

static void watch_flood(struct simnet *net, const struct addr *from, const struct addr *to,
			const uint8_t *bytes, size_t length)
{
	struct flood *flood = net->data;

	if (addr_equal(to, &flood->a->address) && message_type(bytes, length) == MESSAGE_INITIATION)
		note_question(flood, from, (const void *)bytes);
	if (!addr_equal(from, &flood->a->address))
		return;
	assert_false(flood->wrong && addr_equal(to, flood->wrong));
	flood->responses += bytes[0] == MESSAGE_RESPONSE;
	if (bytes[0] == MESSAGE_COOKIE)
		check_cookie(flood, to, bytes, length);
}

static struct sim_node *flood_node(struct flood *flood, uint16_t number, const char *network,
				   struct sim_peer *peer)
{
	struct sim_node *node;
	char text[ADDR_TEXT_SIZE];

	snprintf(text, sizeof(text), "%s.%d:2000", network, number);
	node = sim_node_new(&flood->net, number, text);
	*peer = (struct sim_peer){node, DATAPLANE_BACKEND_ENGINE, NULL};
	return node;
}

static void flood_members(struct flood *flood, struct sim_peer *peers)
{
	for (uint16_t i = 0; i < FLOOD_MEMBERS; i++) {
		struct sim_node *node = flood_node(flood, 100 + i, "198.51.100", &peers[i]);

		assert_int_equal(noise_identity_init(&flood->members[i], node->private_key), 0);
		assert_int_equal(noise_remote_init(&flood->remotes[i], &flood->members[i],
						   flood->a->key, NULL),
				 0);
	}
}

/* a knows its key already, and not where it is: so it is up to the node to be let in. */
static void flood_join(struct flood *flood, struct sim_node *node)
{
	const struct sim_peer to_a = {flood->a, DATAPLANE_BACKEND_ENGINE, NULL};
	const struct sim_plan plan = {.node = flood->a, .candidates = {"203.0.113.1:1000"}};

	sim_party(node, &to_a, 1);
	sim_plan(node, &plan, 1);
}

/* The keys of a and c are nearly two minutes old when the flood begins. a rests by the time that c
 * comes, so the handshake is c's, and so is its renewal. */
static void flood_start(struct flood *flood)
{
	static struct question questions[FLOOD_QUESTIONS];
	struct sim_peer peers[1 + FLOOD_NEWCOMERS + FLOOD_MEMBERS];

	*flood = (struct flood){.questions = questions};
	sim_init(&flood->net);
	flood->net.data = flood;
	flood->net.watch = watch_flood;
	flood->a = sim_node_new(&flood->net, 1, "203.0.113.1:1000");
	mac_keys_init(&flood->keys, flood->a->key);
	for (uint32_t i = 0; i < FLOOD_ADDRESSES; i++)
		flood->own[i] = addr_ipv4(0xc0000200u + i, 6666);
	flood->c = flood_node(flood, 2, "203.0.113", &peers[0]);
	for (uint16_t i = 0; i < FLOOD_NEWCOMERS; i++)
		flood->newcomers[i] = flood_node(flood, 10 + i, "203.0.113", &peers[1 + i]);
	flood_members(flood, peers + 1 + FLOOD_NEWCOMERS);
	sim_party(flood->a, peers, 1 + FLOOD_NEWCOMERS + FLOOD_MEMBERS);
	sim_run(&flood->net, 92 * S);
	flood_join(flood, flood->c);
	sim_run(&flood->net, 116 * S);
	flood->there = sim_stream_start(flood->a, flood->c, 10 * MS, 60 * S);
	flood->back = sim_stream_start(flood->c, flood->a, 10 * MS, 60 * S);
	sim_run(&flood->net, MS - 50); /* c's packets come right behind the flood's */
}

/* The game went on as if nothing were. */
static void flood_end(struct flood *flood)
{
	assert_connected(flood->a, flood->c, DATAPLANE_PATH_DIRECT);
	assert_connected(flood->c, flood->a, DATAPLANE_PATH_DIRECT);
	flood->there->on = flood->back->on = false;
	sim_run(&flood->net, 100 * MS);
	assert_int_equal(lost(flood->there) + lost(flood->back), 0);
	assert_int_equal(flood->there->duplicates + flood->back->duplicates, 0);
	sim_deinit(&flood->net);
}

static void flood_send(struct flood *flood, const struct addr *from,
		       const struct message_initiation *message)
{
	sim_inject(&flood->net, from, &flood->a->address, (const uint8_t *)message,
		   sizeof(*message));
}

/* The next member's, true in every respect. */
static struct message_initiation true_initiation(struct flood *flood)
{
	size_t who = flood->made++ % FLOOD_MEMBERS;
	struct message_initiation message;
	struct noise_initiator initiator;
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE] = {0};

	for (int i = 0; i < 4; i++)
		timestamp[i] = (uint8_t)(flood->made >> (24 - 8 * i));
	assert_int_equal(noise_initiation_create(&initiator, &message, &flood->members[who],
						 &flood->remotes[who], flood->made, timestamp,
						 NULL),
			 0);
	mac1_write(&flood->keys, &message, sizeof(message));
	return message;
}

/* Nobody's, but for mac1; every other one claims a mac2. */
static struct message_initiation made_up_initiation(struct flood *flood)
{
	struct message_initiation message = {.header.type = MESSAGE_INITIATION};

	for (size_t i = sizeof(message.header); i < offsetof(struct message_initiation, macs); i++)
		((uint8_t *)&message)[i] = (uint8_t)(sim_random(&flood->net) * 256);
	mac1_write(&flood->keys, &message, sizeof(message));
	message.macs.mac2[0] = message.sender[0] & 1;
	return message;
}

static struct addr made_up_address(struct flood *flood)
{
	uint32_t number = (uint32_t)(sim_random(&flood->net) * (1 << 24));
	struct addr from = addr_ipv4(0x64000000u | number, 4000);

	if (number % 4 == 0) {
		from.family = ADDR_IPV6;
		from.ip[0] = 0x20;
	}
	return from;
}

static void send_made_up(struct flood *flood, const struct addr *from)
{
	const struct message_initiation message = made_up_initiation(flood);

	flood_send(flood, from, &message);
}

static void stamp(struct flood *flood, size_t own, struct message_initiation *message)
{
	if (flood->jars[own].cookie_valid)
		cookie_jar_stamp(&flood->jars[own], flood->net.now_us, message, sizeof(*message));
}

/* With the right mac2 as soon as there is a cookie. The flooder uses that for other addresses as
 * well, where it is worth nothing, but makes a ask for cookies all the time. */
static void from_own_address(struct flood *flood, size_t own)
{
	const struct addr made_up = made_up_address(flood);
	struct message_initiation here = true_initiation(flood), there = made_up_initiation(flood);

	stamp(flood, own, &here);
	stamp(flood, own, &there);
	flood_send(flood, &flood->own[own], &here);
	flood_send(flood, &made_up, &there);
}

static void from_one_address(struct flood *flood)
{
	from_own_address(flood, 0);
}

static void from_many_addresses(struct flood *flood)
{
	from_own_address(flood, flood->made % FLOOD_ADDRESSES);
}

static void from_made_up_addresses(struct flood *flood)
{
	const struct addr made_up = made_up_address(flood);
	const struct message_initiation message = true_initiation(flood);

	flood_send(flood, &made_up, &message);
}

/* Those of everybody who matters here are among them. */
static void from_our_addresses(struct flood *flood)
{
	from_made_up_addresses(flood);
	send_made_up(flood, &flood->newcomers[flood->made % FLOOD_NEWCOMERS]->address);
	send_made_up(flood, &flood->c->address);
}

static void flood_run(struct flood *flood, uint64_t for_us, void (*each)(struct flood *flood))
{
	for (uint64_t until_us = flood->net.now_us + for_us; flood->net.now_us < until_us;) {
		for (int i = 0; i < FLOOD_PER_MS; i++)
			each(flood);
		sim_run(&flood->net, 1 * MS);
	}
}

/* How many handshakes a takes up of these in two seconds. */
static uint32_t flood_taken_up(struct flood *flood, void (*each)(struct flood *flood))
{
	uint32_t before;

	flood_run(flood, 1 * S, each); /* the bursts are used up */
	before = flood->responses;
	flood_run(flood, 2 * S, each);
	return flood->responses - before;
}

/* Each newcomer proves where it is, and is there within half a second. */
static void flood_joined(struct flood *flood, void (*each)(struct flood *flood))
{
	for (size_t i = 0; i < FLOOD_NEWCOMERS; i++) {
		uint32_t before = flood->to_newcomers;

		flood_join(flood, flood->newcomers[i]);
		flood_run(flood, 500 * MS, each);
		assert_connected(flood->newcomers[i], flood->a, DATAPLANE_PATH_DIRECT);
		assert_connected(flood->a, flood->newcomers[i], DATAPLANE_PATH_DIRECT);
		assert_true(flood->to_newcomers > before);
	}
	/* Meanwhile the old friends have new keys. */
	assert_in_range(sim_look(flood->a, flood->c).handshake_age_us, 0, 2 * S);
}

static uint32_t a_second(struct bucket_limit limit)
{
	return (uint32_t)(CLOCK_SECOND / limit.interval_us);
}

/* Who answers cookies has the rate of one address. What it asks for beyond that is not taken from
 * others who answer theirs, and c, which is known, is not asked at all. */
static void test_flood_from_one_address(void **unused)
{
	const uint32_t allowed = 2 * a_second(CONTEXT_HANDSHAKES_SOURCE);
	struct flood flood;

	(void)unused;
	flood_start(&flood);
	assert_in_range(flood_taken_up(&flood, from_one_address), allowed - 1, allowed + 1);
	flood_joined(&flood, from_one_address);
	assert_int_equal(flood.to_c, 0);
	flood_end(&flood);
}

/* Many that answer cookies and keep to the rate of one address have the rate of all together. */
static void test_flood_from_many_addresses(void **unused)
{
	const uint32_t allowed = 2 * a_second(CONTEXT_HANDSHAKES_PROVEN);
	struct flood flood;

	(void)unused;
	flood_start(&flood);
	assert_in_range(flood_taken_up(&flood, from_many_addresses), allowed - 1, allowed + 1);
	flood_end(&flood);
}

/* Who makes up addresses has one rate for all of them, and uses up nothing that the addresses'
 * owners may ask for. */
static void test_flood_from_made_up_addresses(void **unused)
{
	const uint32_t allowed = 2 * a_second(CONTEXT_HANDSHAKES);
	struct flood flood;

	(void)unused;
	flood_start(&flood);
	assert_in_range(flood_taken_up(&flood, from_made_up_addresses), allowed - 1, allowed + 1);
	flood_joined(&flood, from_our_addresses);
	flood_end(&flood);
}

static void from_a_friends_address(struct flood *flood)
{
	const struct addr made_up = made_up_address(flood);
	const struct message_initiation message = true_initiation(flood);

	flood_send(flood, &flood->c->address, &message);
	send_made_up(flood, &made_up); /* so that newcomers are asked for cookies */
}

/* A friend's address is known to be its own, and still not everything that claims to come from
 * there is taken up. */
static void test_flood_from_a_friends_address(void **unused)
{
	const uint32_t allowed =
		2 * (a_second(CONTEXT_HANDSHAKES) + a_second(CONTEXT_HANDSHAKES_KNOWN));
	struct flood flood;

	(void)unused;
	flood_start(&flood);
	assert_in_range(flood_taken_up(&flood, from_a_friends_address), 0, allowed);
	flood_joined(&flood, from_a_friends_address);
	flood_end(&flood);
}

/* A handshake with one bit wrong that mac1 covers, or in mac1 itself; and what is none. */
static void send_wrong(struct flood *flood, const struct addr *from, size_t at)
{
	struct message_initiation message = made_up_initiation(flood);
	struct message_response response = {.header.type = MESSAGE_RESPONSE};

	((uint8_t *)&message)[at] ^= 0x20;
	flood_send(flood, from, &message);
	memcpy(response.sender, message.sender, sizeof(response.sender));
	mac1_write(&flood->keys, &response, sizeof(response));
	sim_inject(&flood->net, from, &flood->a->address, (uint8_t *)&response, sizeof(response));
}

/* Only a handshake with the right mac1 is worth a cookie, and only where there are many.
 * check_cookie() looks at each of them, here and in the floods above. */
static void test_cookies_are_answers(void **unused)
{
	const size_t from = sizeof(struct message_header);
	struct flood flood;
	struct addr wrong;

	(void)unused;
	flood_start(&flood);
	assert_int_equal(addr_parse(&wrong, "192.0.2.67:6767"), 0);
	flood_run(&flood, CONTEXT_HANDSHAKES.burst / FLOOD_PER_MS * MS / 2, from_made_up_addresses);
	assert_int_equal(flood.cookies, 0);
	flood_run(&flood, 1 * S, from_made_up_addresses);
	assert_in_range(flood.cookies, 1000, flood.n_questions);
	flood.wrong = &wrong;
	for (size_t at = from; at < offsetof(struct message_initiation, macs.mac2); at++) {
		send_wrong(&flood, &wrong, at);
		flood_run(&flood, 1 * MS, from_made_up_addresses);
	}
	flood_run(&flood, 50 * MS, from_made_up_addresses);
	flood.wrong = NULL;
	flood.own[0] = wrong;
	send_made_up(&flood, &wrong); /* all is right with this one */
	flood_run(&flood, 50 * MS, from_made_up_addresses);
	assert_true(flood.jars[0].cookie_valid);
	flood_end(&flood);
}

/* A lossy line is no dead line: at 10 % each way the path is left seldom, if at all. */
static void test_lossy(void **unused)
{
	struct simnet net;
	struct cut cut = {.from_us = 0, .until_us = CLOCK_NEVER, .loss = 0.05, .relay_too = true};
	struct sim_node *a, *b;
	struct sim_stream *there;

	(void)unused;
	sim_init(&net);
	net.hook = cut_hook;
	net.data = &cut;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	cut.relay = &sim_relay_new(&net, "198.51.100.1:7777")->address;
	sim_meet(a, b, true, true);
	sim_run(&net, 5 * S);
	there = sim_stream_start(a, b, 10 * MS, 600 * S);
	sim_run(&net, 601 * S);
	assert_in_range(there->arrived, 60000 * 93 / 100, 60000);
	assert_in_range(sim_look(a, b).path_changes, 0, 12);
	assert_in_range(sim_look(a, b).path.loss_permille, 1, 300);
	sim_deinit(&net);
}

/* A member that is away is tried for ever, but cheaply; it is back as soon as it is there. */
static void test_away(void **unused)
{
	struct simnet net;
	struct spying spying = {0};
	struct sim_node *a, *b;
	struct sim_peer to_b;
	struct sim_plan plan;
	uint64_t before;

	(void)unused;
	sim_init(&net);
	net.watch = spy;
	net.data = &spying;
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	spying.to = &b->address;
	to_b = (struct sim_peer){b, DATAPLANE_BACKEND_ENGINE, NULL};
	plan = (struct sim_plan){.node = b, .candidates = {"203.0.113.2:2000"}};
	sim_party(a, &to_b, 1);
	sim_plan(a, &plan, 1);
	sim_run(&net, 200 * S);
	before = spying.to_count;
	sim_run(&net, 600 * S);
	assert_in_range(spying.to_count - before, 38, 42);
	assert_int_equal(sim_look(a, b).state, DATAPLANE_PEER_FAILED);
	/* b knows a, but not where it is: a's next try finds it. */
	to_b.node = a;
	sim_party(b, &to_b, 1);
	sim_run(&net, 16 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	sim_deinit(&net);
}

/* A new plan changes what it names differently and nothing else. */
static void test_plan_change(void **unused)
{
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there;
	struct sim_plan plan;
	struct dataplane_plan old = {.revision = {0, 9}};
	struct dataplane_party stale = {.revision = {0, 9}};

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_relay_new(&net, "198.51.100.1:7777");
	sim_meet(a, b, false, true);
	sim_run(&net, 2 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	there = sim_stream_start(a, b, 10 * MS, 60 * S);
	sim_plan(a, NULL, 0); /* the relay still carries the game */
	sim_run(&net, 20 * S);
	assert_connected(a, b, DATAPLANE_PATH_RELAY);
	plan = (struct sim_plan){.node = b, .candidates = {"192.0.2.1:1", "203.0.113.2:2000"}};
	sim_plan(a, &plan, 1);
	sim_run(&net, 30 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	sim_plan(a, NULL, 0); /* and so does the address that answers */
	sim_run(&net, 11 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	assert_int_equal(there->arrived, 6000);
	assert_int_equal(engine_set_plan(a->engine, net.now_us, &old), -ESTALE);
	assert_int_equal(engine_set_party(a->engine, net.now_us, &stale), -ESTALE);
	sim_party(a, NULL, 0);
	assert_false(sim_look(a, b).has_path);
	sim_deinit(&net);
}

static void test_party_conflict(void **unused)
{
	struct dataplane_member members[2] = {{.number = 2}, {.number = 2}};
	struct dataplane_party party = {
		.revision = {9, 9}, .up = true, .n_members = 2, .members = members};
	struct simnet net;
	struct sim_node *a;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	members[0].public_key[0] = 9;
	members[1].public_key[0] = 8;
	members[0].address = addr_ipv4(0x0a420002, 0);
	members[1].address = addr_ipv4(0x0a420003, 0);
	assert_int_equal(engine_set_party(a->engine, net.now_us, &party), -EEXIST);
	sim_deinit(&net);
}

static void count_peer(void *data, const struct engine_peer_info *info)
{
	struct engine_peer_info *last = data;

	last->n_allowed_ips += info->n_allowed_ips;
	last->endpoint = info->endpoint;
	last->persistent_keepalive_s = info->persistent_keepalive_s;
	last->last_handshake_wall_us = info->last_handshake_wall_us;
}

/* Peers of `wg set`: plain WireGuard, quiet until there is something to send. */
static void test_manual(void **unused)
{
	struct addr_prefix everything = {.addr = addr_ipv4(0, 0), .length = 0};
	struct engine_peer_change change = {.n_allowed_ips = 1, .allowed_ips = &everything};
	struct engine_peer_info sum = {0};
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_stream *there, *back;
	uint16_t keepalive = 25;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	memcpy(change.public_key, a->key, 32);
	assert_int_equal(engine_change_peer(b->engine, net.now_us, &change), 0);
	memcpy(change.public_key, b->key, 32);
	change.endpoint = &b->address;
	assert_int_equal(engine_change_peer(a->engine, net.now_us, &change), 0);
	sim_run(&net, 10 * S);
	assert_int_equal(a->sent + b->sent, 0);
	there = sim_stream_start(a, b, 10 * MS, 1 * S);
	sim_run(&net, 500 * MS);
	back = sim_stream_start(b, a, 10 * MS, 1 * S);
	sim_run(&net, 5 * S);
	assert_int_equal(there->arrived, 100); /* the first ones waited for the handshake */
	assert_int_equal(back->arrived, 100);
	change.persistent_keepalive_s = &keepalive;
	assert_int_equal(engine_change_peer(a->engine, net.now_us, &change), 0);
	engine_each_peer(a->engine, net.now_us, count_peer, &sum);
	assert_int_equal(sum.n_allowed_ips, 1);
	assert_int_equal(sum.persistent_keepalive_s, 25);
	assert_true(sum.last_handshake_wall_us > SIM_WALL_US);
	assert_true(addr_equal(&sum.endpoint, &b->address));
	sim_run(&net, 1000 * S);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	engine_replace_peers(a->engine);
	sum.n_allowed_ips = 0;
	engine_each_peer(a->engine, net.now_us, count_peer, &sum);
	assert_int_equal(sum.n_allowed_ips, 0);
	sim_deinit(&net);
}

/* A new own key: the old sessions end, and who knows the new one is reached under it. */
static void test_new_key(void **unused)
{
	static const uint8_t private_key[32] = {42};
	struct simnet net;
	struct sim_node *a, *b;
	struct sim_peer to_b;

	(void)unused;
	sim_init(&net);
	a = sim_node_new(&net, 1, "203.0.113.1:1000");
	b = sim_node_new(&net, 2, "203.0.113.2:2000");
	sim_relay_new(&net, "198.51.100.1:7777");
	sim_meet(a, b, true, true);
	sim_run(&net, 5 * S);
	assert_int_equal(engine_set_private_key(b->engine, private_key), 0);
	engine_public_key(b->engine, b->key);
	b->due_us = 0;
	to_b = (struct sim_peer){b, DATAPLANE_BACKEND_ENGINE, NULL};
	sim_party(a, &to_b, 1);
	sim_run(&net, 10 * S);
	assert_connected(b, a, DATAPLANE_PATH_DIRECT);
	assert_connected(a, b, DATAPLANE_PATH_DIRECT);
	sim_deinit(&net);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_direct),
		cmocka_unit_test(test_crossing),
		cmocka_unit_test(test_relay_then_direct),
		cmocka_unit_test(test_black_hole),
		cmocka_unit_test(test_doubling_a_lossy_path),
		cmocka_unit_test(test_doubling_is_bounded),
		cmocka_unit_test(test_hole),
		cmocka_unit_test(test_ping_into_a_hole),
		cmocka_unit_test(test_no_flapping),
		cmocka_unit_test(test_moving),
		cmocka_unit_test(test_moving_nowhere),
		cmocka_unit_test(test_dead_while_idle),
		cmocka_unit_test(test_roaming),
		cmocka_unit_test(test_stock),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_psk),
		cmocka_unit_test(test_large_party),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_data_to_nobody),
		cmocka_unit_test(test_hour),
		cmocka_unit_test(test_punch),
		cmocka_unit_test(test_late_joiner),
		cmocka_unit_test(test_relay_by_plan),
		cmocka_unit_test(test_relay_by_plan_of_one),
		cmocka_unit_test(test_relay_dies),
		cmocka_unit_test(test_relay_unanswered),
		cmocka_unit_test(test_relay_states),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_ping),
		cmocka_unit_test(test_under_load),
		cmocka_unit_test(test_flood_from_one_address),
		cmocka_unit_test(test_flood_from_many_addresses),
		cmocka_unit_test(test_flood_from_made_up_addresses),
		cmocka_unit_test(test_flood_from_a_friends_address),
		cmocka_unit_test(test_cookies_are_answers),
		cmocka_unit_test(test_lossy),
		cmocka_unit_test(test_away),
		cmocka_unit_test(test_plan_change),
		cmocka_unit_test(test_party_conflict),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_new_key),
	};

	if (sodium_init() < 0)
		return 1;
	log_init("test_engine", getenv("V") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
