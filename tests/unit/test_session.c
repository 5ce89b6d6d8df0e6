/* Two sessions, a wire with delay and loss between them, and a clock set by hand.
 *
 *     kira ---- delay_us, jitter_us, loss, drop_nth ---- noel
 *
 * Each node plays the part of the engine: it owns indices, queues packets while there is no key,
 * and does what the events say. Every data packet that reaches a node and does not open is counted:
 * on a wire without loss there must be none, whatever the handshakes do. */
#include "svc-dataplane/aead.h"
#include "svc-dataplane/session.h"
#include "svc-dataplane/tai64n.h"

#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define MS	    1000ULL
#define SECOND	    1000000ULL
#define HOUR	    (3600 * SECOND)
#define START	    (500 * SECOND)
#define WALL_OFFSET 1700000000000000ULL
#define WINDOW	    2048
#define WIRE_MAX    256
#define INDEX_MAX   8
#define PACKET_SIZE 40
#define MESSAGE_MAX 256
#define DELAY_US    (30 * MS)
#define NO_PACKET   UINT64_MAX

struct node {
	struct session session;
	struct noise_identity identity;
	uint64_t replay_words[SESSION_REPLAY_WORDS(WINDOW)];
	struct tai64n clock;
	int64_t wall_shift_us;
	uint32_t indices[INDEX_MAX]; /* in use, 0: free */
	uint64_t app_interval_us;    /* a data packet every so often, 0: none */
	uint64_t app_next_us;

	unsigned queued;   /* data packets that wait for a key */
	unsigned wanted;   /* data packets the application sent */
	unsigned received; /* data packets that arrived in the clear */
	unsigned unopened; /* data messages that reached us and were refused */
	unsigned initiations, responses, failures, wipes;
	uint64_t ready_us; /* first SESSION_READY */
};

struct flight {
	uint64_t at_us; /* 0: free */
	int to;
	size_t length;
	uint8_t bytes[MESSAGE_MAX];
};

static struct node nodes[2];
static struct flight wire[WIRE_MAX];
static uint64_t now_us, delay_us, jitter_us, sent_count, drop_nth;
static unsigned loss_percent;
static bool cut;
static uint32_t last_index;

/* --- the wire --- */

static void wire_send(int from, const void *bytes, size_t length)
{
	struct flight *flight = wire;

	assert_in_range(length, 1, MESSAGE_MAX);
	if (sent_count++ == drop_nth || cut || (unsigned)random() % 100 < loss_percent)
		return;
	while (flight->at_us)
		assert_true(++flight < wire + WIRE_MAX);
	flight->at_us = now_us + delay_us + (jitter_us ? (uint64_t)random() % jitter_us : 0);
	flight->to = 1 - from;
	flight->length = length;
	memcpy(flight->bytes, bytes, length);
}

/* The earliest, in order of sending among equals. */
static struct flight *wire_next(void)
{
	struct flight *best = NULL;

	for (struct flight *f = wire; f < wire + WIRE_MAX; f++)
		if (f->at_us && (!best || f->at_us < best->at_us))
			best = f;
	return best;
}

/* --- a node --- */

static int id_of(const struct node *node)
{
	return (int)(node - nodes);
}

static uint32_t index_new(struct node *node)
{
	for (int i = 0; i < INDEX_MAX; i++)
		if (!node->indices[i])
			return node->indices[i] = ++last_index;
	fail_msg("indices leak");
	return 0;
}

static void index_free(struct node *node, uint32_t index)
{
	for (int i = 0; i < INDEX_MAX; i++)
		if (node->indices[i] == index) {
			node->indices[i] = 0;
			return;
		}
	fail_msg("index retired twice");
}

static unsigned indices_used(const struct node *node)
{
	unsigned used = 0;

	for (int i = 0; i < INDEX_MAX; i++)
		used += node->indices[i] != 0;
	return used;
}

static void node_events(struct node *node, const struct session_events *events);

static void node_initiate(struct node *node)
{
	struct message_initiation message;
	struct session_events events;
	uint32_t index = index_new(node);
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE];

	tai64n_next(&node->clock, (uint64_t)((int64_t)(WALL_OFFSET + now_us) + node->wall_shift_us),
		    timestamp);
	if (session_initiate(&node->session, now_us, index, timestamp, &message, &events) != 0) {
		index_free(node, index);
		return;
	}
	node->initiations++;
	wire_send(id_of(node), &message, sizeof(message));
	node_events(node, &events);
}

/* True when it went out. */
static bool node_seal(struct node *node, size_t length)
{
	uint8_t message[MESSAGE_MAX] = {0};
	struct session_events events;
	ptrdiff_t sealed =
		session_seal(&node->session, now_us, message, length, PACKET_SIZE, &events);

	if (sealed > 0)
		wire_send(id_of(node), message, (size_t)sealed);
	else
		assert_int_equal(sealed, -ENOKEY);
	node_events(node, &events);
	return sealed > 0;
}

static void node_events(struct node *node, const struct session_events *events)
{
	for (unsigned i = 0; i < events->retired_count; i++)
		index_free(node, events->retired[i]);
	if (events->flags & SESSION_READY && !node->ready_us)
		node->ready_us = now_us;
	if (events->flags & SESSION_FAILED) {
		node->failures++;
		node->queued = 0;
	}
	if (events->flags & SESSION_WIPED)
		node->wipes++;
	if (events->flags & (SESSION_READY | SESSION_KEEPALIVE)) {
		bool flushed = node->queued > 0;

		while (node->queued && node_seal(node, PACKET_SIZE))
			node->queued--;
		if (events->flags & SESSION_KEEPALIVE && !flushed)
			node_seal(node, 0);
	}
	if (events->flags & SESSION_INITIATE)
		node_initiate(node);
}

static void node_data(struct node *node)
{
	node->wanted++;
	if (!node_seal(node, PACKET_SIZE))
		node->queued++;
}

static int node_answer(struct node *node, const struct message_initiation *message)
{
	struct message_response response;
	struct noise_initiation opened;
	struct session_events events;
	uint32_t index;
	int result = noise_initiation_open(&opened, &node->identity, message);

	if (result != 0)
		return result;
	index = index_new(node);
	result = session_accept_initiation(&node->session, now_us, &opened, message, index,
					   &response, &events);
	if (result != 0) {
		index_free(node, index);
		return result;
	}
	node->responses++;
	wire_send(id_of(node), &response, sizeof(response));
	node_events(node, &events);
	return 0;
}

static int node_open(struct node *node, uint8_t *message, size_t length)
{
	struct session_opened opened;
	struct session_events events;
	int result = session_open(&node->session, now_us, message, length, &opened, &events);

	if (result != 0) {
		node->unopened++;
		return result;
	}
	node->received += !opened.keepalive;
	node_events(node, &events);
	return 0;
}

static void node_receive(struct node *node, uint8_t *message, size_t length)
{
	struct session_events events;
	struct mac_keys keys;

	mac_keys_init(&keys, node->identity.public_key);
	switch (message_type(message, length)) {
	case MESSAGE_INITIATION:
		assert_true(mac1_check(&keys, message, length));
		node_answer(node, (void *)message);
		break;
	case MESSAGE_RESPONSE:
		assert_true(mac1_check(&keys, message, length));
		if (session_accept_response(&node->session, now_us, (void *)message, &events) == 0)
			node_events(node, &events);
		break;
	case MESSAGE_DATA: node_open(node, message, length); break;
	default: fail_msg("unexpected message");
	}
}

/* --- time --- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void node_work(struct node *node)
{
	struct session_events events;

	if (session_deadline(&node->session) <= now_us) {
		session_poll(&node->session, now_us, &events);
		node_events(node, &events);
	}
	if (node->app_interval_us && node->app_next_us <= now_us) {
		node->app_next_us = now_us + node->app_interval_us;
		node_data(node);
	}
}

static uint64_t node_due(const struct node *node)
{
	uint64_t app = node->app_interval_us ? node->app_next_us : NO_PACKET;

	return earlier(session_deadline(&node->session), app);
}

/* Lets everything happen that is due up to and including the moment. */
static void run_until(uint64_t end_us)
{
	for (;;) {
		struct flight *flight = wire_next();
		uint64_t next = earlier(node_due(&nodes[0]), node_due(&nodes[1]));

		if (flight && flight->at_us <= next) {
			struct flight copy = *flight;

			if (copy.at_us > end_us)
				break;
			now_us = copy.at_us;
			flight->at_us = 0;
			node_receive(&nodes[copy.to], copy.bytes, copy.length);
			continue;
		}
		if (next > end_us)
			break;
		now_us = next > now_us ? next : now_us;
		node_work(&nodes[0]);
		node_work(&nodes[1]);
	}
	now_us = end_us;
}

static void run_for(uint64_t duration_us)
{
	run_until(now_us + duration_us);
}

/* --- setting up --- */

static void node_start(struct node *node, const struct node *other)
{
	assert_int_equal(session_init(&node->session, &node->identity, other->identity.public_key,
				      NULL, node->replay_words, SESSION_REPLAY_WORDS(WINDOW),
				      (uint64_t)random()),
			 0);
	memset(node->indices, 0, sizeof(node->indices));
}

/* kira's public key is the lower one if so asked. */
static void nodes_start(bool kira_lower)
{
	memset(nodes, 0, sizeof(nodes));
	memset(wire, 0, sizeof(wire));
	now_us = START;
	delay_us = DELAY_US;
	jitter_us = 0;
	loss_percent = 0;
	sent_count = 0;
	drop_nth = NO_PACKET;
	cut = false;
	for (int i = 0; i < 2; i++) {
		uint8_t key[32] = {[1] = (uint8_t)(i + 1)};

		noise_identity_init(&nodes[i].identity, key);
	}
	if ((memcmp(nodes[0].identity.public_key, nodes[1].identity.public_key, 32) < 0) !=
	    kira_lower) {
		struct noise_identity swap = nodes[0].identity;

		nodes[0].identity = nodes[1].identity;
		nodes[1].identity = swap;
	}
	node_start(&nodes[0], &nodes[1]);
	node_start(&nodes[1], &nodes[0]);
}

static struct node *const kira = &nodes[0], *const noel = &nodes[1];

static int setup(void **state)
{
	(void)state;
	srandom(7);
	nodes_start(true);
	return 0;
}

static void node_want(struct node *node)
{
	struct session_events events;

	session_want(&node->session, now_us, &events);
	node_events(node, &events);
}

static void connect_nodes(void)
{
	node_want(kira);
	run_for(SECOND);
	assert_true(session_can_send(&kira->session, now_us));
	assert_true(session_can_send(&noel->session, now_us));
}

/* Both send under the same keypair. */
static bool converged(void)
{
	const struct session_keypair *a = kira->session.current, *b = noel->session.current;

	return a && b && a->remote_index == b->local_index && b->remote_index == a->local_index;
}

static void assert_no_loss(void)
{
	/* What is on the way is not lost. */
	kira->app_interval_us = noel->app_interval_us = 0;
	run_for(SECOND);
	assert_int_equal(kira->unopened, 0);
	assert_int_equal(noel->unopened, 0);
	assert_int_equal(noel->received, kira->wanted);
	assert_int_equal(kira->received, noel->wanted);
}

static void both_talk(uint64_t interval_us)
{
	kira->app_interval_us = noel->app_interval_us = interval_us;
	kira->app_next_us = noel->app_next_us = now_us;
}

/* --- handshakes --- */

static void test_one_initiates(void **state)
{
	(void)state;
	node_want(kira);
	run_for(59 * MS);
	assert_false(session_can_send(&kira->session, now_us));
	assert_false(session_can_send(&noel->session, now_us)); /* not confirmed */
	run_for(MS);
	assert_true(session_can_send(&kira->session, now_us));
	assert_false(session_can_send(&noel->session, now_us));
	run_for(30 * MS);
	assert_true(session_can_send(&noel->session, now_us));
	assert_true(converged());
	assert_int_equal(kira->initiations, 1);
	assert_int_equal(noel->initiations, 0);
}

/* Both start at the same instant and talk at once: one round trip, nothing lost, one keypair. */
static void test_crossing(void **state)
{
	(void)state;
	for (int lower = 0; lower < 2; lower++) {
		nodes_start(lower);
		both_talk(10 * MS);
		run_for(60 * MS);
		assert_int_equal(kira->ready_us, START + 60 * MS);
		assert_int_equal(noel->ready_us, START + 60 * MS);
		run_for(60 * MS);
		assert_true(converged());
		assert_int_equal(kira->session.current->initiator, lower);
		assert_int_equal(kira->initiations + noel->initiations, 2);
		/* and stays so: one renewal in two minutes, by one side */
		both_talk(50 * MS);
		run_for(HOUR);
		assert_true(converged());
		assert_in_range(kira->initiations + noel->initiations, 28, 34);
		assert_no_loss();
	}
}

/* Both initiate anew over a live session, as after a change of path, on a wire that reorders. */
static void test_crossing_renewal(void **state)
{
	(void)state;
	for (int lower = 0; lower < 2; lower++) {
		nodes_start(lower);
		connect_nodes();
		jitter_us = 25 * MS;
		both_talk(5 * MS);
		for (int i = 0; i < 100; i++) {
			run_for(SECOND + (uint64_t)random() % (2 * SECOND));
			node_want(i % 2 ? kira : noel);
			run_for((uint64_t)random() % (150 * MS));
			node_want(i % 2 ? noel : kira);
		}
		run_for(3 * SECOND);
		assert_true(converged());
		assert_no_loss();
	}
}

/* Every offset between the two starts, with every one of the first messages lost: connected soon,
 * no data lost but on the wire, and one keypair in the end. */
static void crossing_case(int64_t offset_us, uint64_t lost, uint64_t jitter)
{
	nodes_start((offset_us / (int64_t)MS + (int64_t)lost) % 2);
	drop_nth = lost;
	jitter_us = jitter;
	node_want(offset_us < 0 ? noel : kira);
	run_for((uint64_t)(offset_us < 0 ? -offset_us : offset_us));
	node_want(offset_us < 0 ? kira : noel);
	run_for(400 * MS);
	assert_true(session_can_send(&kira->session, now_us));
	both_talk(20 * MS);
	run_for(5 * SECOND);
	assert_true(session_can_send(&noel->session, now_us));
	assert_true(converged());
	assert_int_equal(kira->unopened, 0);
	assert_int_equal(noel->unopened, 0);
	both_talk(SECOND);
	run_for(200 * SECOND);
	assert_true(converged());
	assert_int_equal(kira->unopened + noel->unopened, 0);
}

static void test_crossing_offsets_and_loss(void **state)
{
	(void)state;
	for (int64_t offset = -100; offset <= 100; offset += 5)
		for (uint64_t lost = 0; lost < 9; lost++) {
			crossing_case(offset * (int64_t)MS, lost < 8 ? lost : NO_PACKET, 0);
			crossing_case(offset * (int64_t)MS, lost < 8 ? lost : NO_PACKET, 15 * MS);
		}
}

/* The end that lost its half of the preferred keypair (a restart between two messages) is followed
 * to the other one within the grace. */
static void test_crossing_broken(void **state)
{
	(void)state;
	both_talk(10 * MS);
	run_for(70 * MS);
	assert_true(kira->session.held_us && noel->session.held_us);
	noel->session.next->local_index ^= 0x80000000; /* kira's packets find nothing */
	run_for(1100 * MS);
	assert_ptr_equal(kira->session.current->remote_index, noel->session.current->local_index);
	kira->unopened = noel->unopened = 0;
	noel->session.next->local_index ^= 0x80000000;
	run_for(10 * SECOND);
	assert_true(converged());
	assert_int_equal(kira->unopened + noel->unopened, 0);
}

/* --- hours --- */

static void test_hours(void **state)
{
	static const struct {
		uint64_t kira_us, noel_us;
	} cases[] = {
		{100 * MS, 100 * MS},
		{100 * MS, 0},
		{0, 100 * MS},
		{7 * SECOND, 11 * SECOND},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		nodes_start(i % 2);
		connect_nodes();
		kira->app_interval_us = cases[i].kira_us;
		noel->app_interval_us = cases[i].noel_us;
		kira->app_next_us = noel->app_next_us = now_us;
		run_for(4 * HOUR);
		/* by 120 s when the initiator sends, by 165 s when it only receives */
		assert_in_range(kira->initiations + noel->initiations, 80, 125);
		assert_no_loss();
		assert_in_range(indices_used(kira), 1, 4);
	}
}

/* A fifth of all packets lost and reordering: what arrives opens, handshakes always complete. */
static void test_hours_of_loss(void **state)
{
	(void)state;
	loss_percent = 20;
	jitter_us = 40 * MS;
	both_talk(100 * MS);
	run_for(2 * HOUR);
	assert_int_equal(kira->failures + noel->failures, 0);
	assert_int_equal(kira->unopened, 0);
	assert_int_equal(noel->unopened, 0);
	assert_in_range(noel->received, kira->wanted * 78 / 100, kira->wanted * 82 / 100);
	assert_in_range(kira->received, noel->wanted * 78 / 100, noel->wanted * 82 / 100);
}

/* The peer goes away for good: 90 s of trying, silence, and in the end no key is left. */
static void test_gone(void **state)
{
	(void)state;
	connect_nodes();
	kira->app_interval_us = SECOND;
	kira->app_next_us = now_us;
	run_for(10 * SECOND);
	cut = true;
	run_for(100 * SECOND);
	kira->app_interval_us = 0;
	run_for(100 * SECOND);
	assert_int_equal(kira->failures, 1);
	sent_count = 0;
	run_for(500 * SECOND);
	assert_int_equal(sent_count, 0);
	assert_int_equal(kira->wipes, 1);
	assert_int_equal(indices_used(kira), 0);
	assert_int_equal(indices_used(noel), 0);
	assert_true(sodium_is_zero((uint8_t *)&kira->session.keypairs[0].keys, 64));
	/* and comes back */
	cut = false;
	kira->wanted = kira->received = noel->received = 0;
	node_data(kira);
	run_for(SECOND);
	assert_int_equal(noel->received, 1);
}

static void test_persistent_keepalive(void **state)
{
	(void)state;
	session_set_persistent_keepalive(&kira->session, now_us, 25 * SECOND);
	run_for(SECOND);
	assert_true(session_can_send(&kira->session, now_us)); /* brings the session up */
	sent_count = 0;
	run_for(HOUR);
	/* one message in 25 s, and a handshake of three now and then */
	assert_in_range(sent_count, 144, 144 + 4 * 30);
	assert_true(session_can_send(&kira->session, now_us));
	/* goes on trying when nobody is there */
	cut = true;
	run_for(HOUR);
	cut = false;
	run_for(60 * SECOND);
	assert_true(session_can_send(&kira->session, now_us));
}

/* --- restarts and clocks --- */

static void restart(struct node *node, const struct node *other, uint64_t mark_ns)
{
	node_start(node, other);
	tai64n_init(&node->clock, mark_ns);
}

static void test_restart(void **state)
{
	(void)state;
	connect_nodes();
	kira->app_interval_us = 100 * MS;
	kira->app_next_us = now_us;
	run_for(5 * SECOND);
	/* initiates at once: a round trip later all is well, though kira noticed nothing */
	restart(noel, kira, noel->clock.mark_ns);
	noel->received = 0;
	node_want(noel);
	run_for(90 * MS);
	noel->unopened = 0;
	run_for(10 * SECOND);
	assert_true(converged());
	assert_int_equal(noel->unopened, 0);
	/* says nothing: kira notices after 15 s without an answer */
	restart(noel, kira, noel->clock.mark_ns);
	run_for(16 * SECOND);
	assert_true(converged());
}

/* The machine comes back with its clock a day behind. */
static void test_clock_set_back(void **state)
{
	uint64_t mark_ns;

	(void)state;
	node_want(noel);
	run_for(SECOND);
	mark_ns = noel->clock.mark_ns;
	noel->wall_shift_us = -86400 * (int64_t)SECOND;

	restart(noel, kira, 0); /* without the mark: locked out, as the whitepaper has it */
	node_want(noel);
	run_for(30 * SECOND);
	assert_false(session_can_send(&noel->session, now_us));

	restart(noel, kira, mark_ns);
	node_want(noel);
	run_for(SECOND);
	assert_true(session_can_send(&noel->session, now_us));
	assert_true(converged());
	/* and renews, and restarts again, still in the past */
	both_talk(100 * MS);
	run_for(HOUR);
	assert_no_loss();
	restart(noel, kira, noel->clock.mark_ns);
	node_want(noel);
	run_for(SECOND);
	assert_true(session_can_send(&noel->session, now_us));
}

static void test_preshared_key_changed(void **state)
{
	uint8_t psk[32] = {1, 2, 3};
	struct session_events events;

	(void)state;
	connect_nodes();
	both_talk(50 * MS);
	run_for(SECOND);
	session_set_preshared_key(&kira->session, now_us, psk, &events);
	assert_true(events.flags & SESSION_INITIATE);
	node_events(kira, &events);
	/* the other end is told seconds later; data flow all the while */
	run_for(7 * SECOND);
	session_set_preshared_key(&noel->session, now_us, psk, &events);
	node_events(noel, &events);
	run_for(SECOND);
	assert_true(converged());
	assert_in_range(now_us - kira->session.current->born_us, 0, SECOND);
	/* unchanged: nothing happens */
	session_set_preshared_key(&noel->session, now_us, psk, &events);
	assert_int_equal(events.flags, 0);
	run_for(300 * SECOND);
	assert_no_loss();
}

static void test_reset(void **state)
{
	struct session_events events;

	(void)state;
	connect_nodes();
	session_reset(&kira->session, &events);
	node_events(kira, &events);
	assert_int_equal(indices_used(kira), 0);
	assert_int_equal(session_deadline(&kira->session), TIMERS_NEVER);
	node_data(kira);
	run_for(200 * MS);
	assert_int_equal(noel->received, 1);
	session_deinit(&kira->session, &events);
	node_events(kira, &events);
	assert_true(sodium_is_zero((uint8_t *)&kira->session, sizeof(kira->session)));
	node_start(kira, noel);
}

/* --- single messages --- */

static void test_initiation_refused(void **state)
{
	struct message_initiation first, second, third;
	struct noise_initiation opened;
	struct message_response response;
	struct session_events events;
	uint8_t timestamp[NOISE_TIMESTAMP_SIZE];

	(void)state;
	tai64n_next(&kira->clock, WALL_OFFSET, timestamp);
	assert_int_equal(session_initiate(&kira->session, now_us, 1, timestamp, &first, &events),
			 0);
	assert_memory_equal(session_initiation(&kira->session), &first, sizeof(first));
	assert_int_equal(
		session_initiate(&kira->session, now_us + 24 * MS, 2, timestamp, &second, &events),
		-EAGAIN);
	tai64n_next(&kira->clock, WALL_OFFSET, timestamp);
	assert_int_equal(
		session_initiate(&kira->session, now_us + 25 * MS, 2, timestamp, &second, &events),
		0);
	assert_int_equal(events.retired_count, 1);
	assert_int_equal(events.retired[0], 1);
	tai64n_next(&kira->clock, WALL_OFFSET, timestamp);
	session_initiate(&kira->session, now_us + SECOND, 3, timestamp, &third, &events);

	assert_int_equal(node_answer(noel, &second), 0);
	assert_int_equal(node_answer(noel, &third), -EBUSY); /* too soon */
	now_us += 20 * MS;
	assert_int_equal(node_answer(noel, &second), -ESTALE); /* replayed */
	assert_int_equal(node_answer(noel, &first), -ESTALE);  /* late */
	assert_int_equal(node_answer(noel, &third), 0);
	/* somebody else's initiation at this session */
	assert_int_equal(noise_initiation_open(&opened, &noel->identity, &third), 0);
	opened.public_key[0] ^= 1;
	assert_int_equal(session_accept_initiation(&noel->session, now_us + SECOND, &opened, &third,
						   9, &response, &events),
			 -EBADMSG);
}

static void test_response_refused(void **state)
{
	struct message_response response;
	struct session_events events;
	struct flight *flight;

	(void)state;
	node_want(kira);
	run_for(30 * MS);
	flight = wire_next();
	assert_int_equal(flight->length, sizeof(response));
	memcpy(&response, flight->bytes, sizeof(response));
	response.empty[0] ^= 1;
	assert_int_equal(session_accept_response(&kira->session, now_us, &response, &events),
			 -EBADMSG);
	response.empty[0] ^= 1;
	response.receiver[0] ^= 1;
	assert_int_equal(session_accept_response(&kira->session, now_us, &response, &events),
			 -ENOENT);
	run_for(60 * MS); /* the true one still counts */
	assert_true(converged());
	response.receiver[0] ^= 1;
	assert_int_equal(session_accept_response(&kira->session, now_us, &response, &events),
			 -ENOENT);
}

static void test_data_refused(void **state)
{
	uint8_t message[MESSAGE_MAX] = {0}, copy[MESSAGE_MAX];
	struct session_events events;
	struct session_opened opened;
	size_t length;

	(void)state;
	connect_nodes();
	memcpy(message + 16, "lanrage", 7);
	length = (size_t)session_seal(&kira->session, now_us, message, 7, 1420, &events);
	assert_int_equal(length, 48);
	message_tag_set(message, 3, 700); /* a relay tag does not disturb */

	memcpy(copy, message, length);
	copy[20] ^= 1;
	assert_int_equal(session_open(&noel->session, now_us, copy, length, &opened, &events),
			 -EBADMSG);
	memcpy(copy, message, length);
	copy[4] ^= 1;
	assert_int_equal(session_open(&noel->session, now_us, copy, length, &opened, &events),
			 -ENOENT);
	assert_int_equal(session_open(&noel->session, now_us, copy, 31, &opened, &events),
			 -EBADMSG);
	memcpy(copy, message, length);
	assert_int_equal(session_open(&noel->session, now_us, copy, length, &opened, &events), 0);
	assert_memory_equal(opened.packet, "lanrage\0\0\0\0\0\0\0\0", 16);
	assert_int_equal(opened.length, 16);
	assert_false(opened.keepalive || opened.first);
	memcpy(copy, message, length);
	assert_int_equal(session_open(&noel->session, now_us, copy, length, &opened, &events),
			 -EALREADY);
	memcpy(copy, message, length);
	assert_int_equal(
		session_open(&noel->session, now_us + 180 * SECOND, copy, length, &opened, &events),
		-ESTALE);
}

static void test_padding(void **state)
{
	static const struct {
		size_t length, limit, message;
	} cases[] = {
		{0, 1420, 32},	    {1, 1420, 48},	{16, 1420, 48},
		{17, 1420, 64},	    {1408, 1420, 1440}, {1409, 1420, 1452},
		{1420, 1420, 1452}, {1421, 1420, 1453}, {20, 0, 52},
	};
	static uint8_t message[2048];
	struct session_events events;

	(void)state;
	connect_nodes();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(message, 0xff, sizeof(message));
		assert_int_equal(session_seal(&kira->session, now_us, message, cases[i].length,
					      cases[i].limit, &events),
				 cases[i].message);
		assert_int_equal(message[cases[i].message], 0xff);
	}
}

/* Counters near their ends (section 6.1). */
static void test_message_limits(void **state)
{
	uint8_t message[MESSAGE_MAX] = {0};
	struct session_events events;
	struct session_keypair *current;

	(void)state;
	connect_nodes();
	current = noel->session.current; /* the responder renews by count as well */
	current->send_counter = REKEY_AFTER_MESSAGES - 2;
	session_seal(&noel->session, now_us, message, 0, 0, &events);
	assert_int_equal(events.flags, 0);
	session_seal(&noel->session, now_us, message, 0, 0, &events);
	assert_int_equal(events.flags, SESSION_INITIATE);

	current->send_counter = REJECT_AFTER_MESSAGES - 1;
	assert_int_equal(session_seal(&noel->session, now_us, message, 0, 0, &events), 32);
	assert_int_equal(session_seal(&noel->session, now_us, message, 0, 0, &events), -ENOKEY);
	assert_int_equal(events.flags, SESSION_INITIATE);
	assert_false(session_can_send(&noel->session, now_us));
}

/* Batches: counters reserved under the lock, packets sealed and opened without. */
static void test_split(void **state)
{
	uint8_t messages[3][MESSAGE_MAX] = {0};
	struct session_events events;
	struct session_grant grant;
	struct session_claim claims[3];
	struct session_opened opened;

	(void)state;
	connect_nodes();
	assert_int_equal(session_seal_begin(&kira->session, now_us, 3, true, &grant, &events), 0);
	for (uint32_t n = 0; n < 3; n++) {
		messages[n][16] = (uint8_t)n;
		assert_int_equal(
			session_seal_packet(&grant, n, messages[n], messages[n] + 16, 5, 1420), 48);
	}
	for (int n = 2; n >= 0; n--) {
		assert_int_equal(
			session_open_begin(&noel->session, now_us, messages[n], 48, &claims[n]), 0);
		assert_int_equal(session_open_packet(&claims[n], messages[n], 48), 16);
		assert_int_equal(messages[n][16], n);
		assert_int_equal(session_open_commit(&noel->session, now_us, &claims[n], 16,
						     &opened, &events),
				 0);
	}
	/* two threads that both passed _begin with copies: the second commit loses */
	assert_int_equal(
		session_open_commit(&noel->session, now_us, &claims[0], 16, &opened, &events),
		-EALREADY);
	/* the keypair ended meanwhile */
	session_reset(&noel->session, &events);
	node_events(noel, &events);
	assert_int_equal(
		session_open_commit(&noel->session, now_us, &claims[1], 16, &opened, &events),
		-ENOENT);
}

/* A keepalive answers data after 10 s, and two idle peers then rest. */
static void test_rest(void **state)
{
	(void)state;
	connect_nodes();
	node_data(kira);
	sent_count = 0;
	run_for(100 * SECOND);
	assert_int_equal(sent_count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_one_initiates, setup),
		cmocka_unit_test_setup(test_crossing, setup),
		cmocka_unit_test_setup(test_crossing_renewal, setup),
		cmocka_unit_test_setup(test_crossing_offsets_and_loss, setup),
		cmocka_unit_test_setup(test_crossing_broken, setup),
		cmocka_unit_test_setup(test_hours, setup),
		cmocka_unit_test_setup(test_hours_of_loss, setup),
		cmocka_unit_test_setup(test_gone, setup),
		cmocka_unit_test_setup(test_persistent_keepalive, setup),
		cmocka_unit_test_setup(test_restart, setup),
		cmocka_unit_test_setup(test_clock_set_back, setup),
		cmocka_unit_test_setup(test_preshared_key_changed, setup),
		cmocka_unit_test_setup(test_reset, setup),
		cmocka_unit_test_setup(test_initiation_refused, setup),
		cmocka_unit_test_setup(test_response_refused, setup),
		cmocka_unit_test_setup(test_data_refused, setup),
		cmocka_unit_test_setup(test_padding, setup),
		cmocka_unit_test_setup(test_message_limits, setup),
		cmocka_unit_test_setup(test_split, setup),
		cmocka_unit_test_setup(test_rest, setup),
	};

	if (aead_init() != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
