/* STUN against a made-up NAT: servers, a mapping rule and delays by table, time moved by hand. */
#include "svc-nat/behaviour.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "common/clock.h"

#define START	    (1000 * CLOCK_SECOND)
#define MS	    CLOCK_MS
#define FLIGHT_MAX  256
#define SERVERS_MAX 8

/* How the world answers. */
enum filter_rule { CANNOT, LETS_IN, KEEPS_OUT }; /* an answer from another port */
enum nat_rule { NO_NAT, ENDPOINT_INDEPENDENT, ADDRESS, ADDRESS_PORT, BLOCKED };

struct flight {
	uint64_t sent_us, arrives_us;
	struct addr server;
	uint8_t bytes[STUN_MESSAGE_MAX];
	size_t length;
};

static struct {
	uint64_t now_us;
	enum nat_rule rule;
	enum filter_rule filter;
	unsigned wishes; /* for another port */
	uint16_t port;	 /* first mapped one; a rebinding NAT takes another */
	uint16_t drift;	 /* mappings nobody keeps have gone; new ones are this much on */
	uint64_t rtt_us;
	struct addr dead;   /* a server that does not answer */
	struct addr in_lan; /* a server that sees our own address */
	unsigned lose;	    /* so many requests to come */
	unsigned sent;
	uint64_t sent_us[FLIGHT_MAX];
	struct flight flights[FLIGHT_MAX];
	size_t n;
	uint32_t seed;
	struct behaviour behaviour;
} world;

static struct addr own;

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static bool is_primary(const struct addr *server)
{
	for (size_t i = 0; i < world.behaviour.n_servers; i++) {
		if (addr_equal(&world.behaviour.servers[i].addr, server))
			return world.behaviour.servers[i].primary;
	}
	return false;
}

static struct addr mapped_for(const struct addr *server)
{
	struct addr mapped = parse("198.51.100.9:0");
	uint16_t port = world.port;

	if (world.rule == NO_NAT || addr_equal(server, &world.in_lan))
		return own;
	if (world.rule == ADDRESS || world.rule == ADDRESS_PORT)
		port = (uint16_t)(port + server->ip[3]);
	if (world.rule == ADDRESS_PORT)
		port = (uint16_t)(port + 1000 * (server->port % 7));
	if (world.drift && !is_primary(server))
		port = (uint16_t)(port + world.drift);
	mapped.port = port;
	return mapped;
}

static void world_send(void *data, const struct addr *to, const uint8_t *bytes, size_t length)
{
	struct flight *flight = &world.flights[world.n];
	struct stun_message request, answer = {.class = STUN_SUCCESS, .method = 1};
	int n;

	(void)data;
	assert_int_equal(stun_parse(&request, bytes, length), 0);
	assert_int_equal(request.class, STUN_REQUEST);
	if (request.change_port)
		world.wishes++;
	else
		world.sent_us[world.sent++ % FLIGHT_MAX] = world.now_us;
	if (world.rule == BLOCKED || addr_equal(to, &world.dead))
		return;
	if (world.lose) {
		world.lose--;
		return;
	}
	assert_true(world.n < FLIGHT_MAX);
	memcpy(answer.transaction_id, request.transaction_id, sizeof(answer.transaction_id));
	answer.mapped = mapped_for(to);
	if (request.change_port && world.filter == KEEPS_OUT)
		return;
	if (request.change_port && world.filter == CANNOT) {
		answer.class = STUN_ERROR;
		answer.error_code = 420;
	}
	n = stun_write(&answer, flight->bytes, sizeof(flight->bytes));
	assert_true(n > 0);
	flight->length = (size_t)n;
	flight->server = *to;
	flight->server.port =
		(uint16_t)(to->port + (request.change_port && world.filter == LETS_IN));
	flight->sent_us = world.now_us;
	flight->arrives_us = world.now_us + world.rtt_us;
	world.n++;
}

static void world_random(void *data, void *bytes, size_t length)
{
	(void)data;
	for (size_t i = 0; i < length; i++) {
		world.seed = world.seed * 1664525 + 1013904223;
		((uint8_t *)bytes)[i] = (uint8_t)(world.seed >> 24);
	}
}

static void deliver(size_t i)
{
	struct flight flight = world.flights[i];

	world.flights[i] = world.flights[--world.n];
	behaviour_receive(&world.behaviour, world.now_us, &flight.server, flight.sent_us,
			  world.now_us, flight.bytes, flight.length);
}

/* Time goes on, from event to event. */
static void run(uint64_t us)
{
	uint64_t end_us = world.now_us + us;

	for (;;) {
		uint64_t next_us = behaviour_poll(&world.behaviour, world.now_us);
		size_t first = FLIGHT_MAX;

		assert_true(next_us > world.now_us);
		for (size_t i = 0; i < world.n; i++) {
			if (world.flights[i].arrives_us < next_us) {
				next_us = world.flights[i].arrives_us;
				first = i;
			}
		}
		if (next_us > end_us) {
			world.now_us = end_us;
			return;
		}
		world.now_us = next_us;
		if (first < FLIGHT_MAX)
			deliver(first);
	}
}

static void set_servers(bool active, const char *const *texts)
{
	struct addr servers[SERVERS_MAX];
	size_t n = 0;

	for (; texts[n]; n++)
		servers[n] = parse(texts[n]);
	behaviour_set_servers(&world.behaviour, world.now_us, active, servers, n);
}

static int setup(void **state)
{
	const struct behaviour_ops ops = {.send = world_send, .random = world_random};

	(void)state;
	memset(&world, 0, sizeof(world));
	world.now_us = START;
	world.port = 5000;
	world.rtt_us = 20 * MS;
	own = parse("192.168.1.5:4000");
	behaviour_init(&world.behaviour, &ops);
	behaviour_set_own(&world.behaviour, world.now_us, &own, 1);
	return 0;
}

static struct addr public_address(void)
{
	struct addr list[BEHAVIOUR_FAMILIES] = {0};

	return behaviour_public(&world.behaviour, list) ? list[0] : (struct addr){0};
}

static enum nat_behaviour mapping(void)
{
	return behaviour_mapping_overall(&world.behaviour);
}

static const char *const two_hosts[] = {"203.0.113.1:3478", "203.0.113.2:3478", NULL};
static const char *const one_host[] = {"203.0.113.1:3478", "203.0.113.1:3479", NULL};
static const char *const three[] = {"203.0.113.1:3478", "203.0.113.1:3479", "203.0.113.2:3478",
				    NULL};
static const char *const one[] = {"203.0.113.1:3478", NULL};

static void test_conclusions(void **state)
{
	static const struct {
		enum nat_rule rule;
		const char *const *servers;
		enum nat_behaviour mapping, filtering;
	} cases[] = {
		{NO_NAT, one, NAT_NONE, NAT_NONE},
		{NO_NAT, three, NAT_NONE, NAT_NONE},
		{ENDPOINT_INDEPENDENT, one, NAT_UNKNOWN, NAT_UNKNOWN},
		{ENDPOINT_INDEPENDENT, two_hosts, NAT_ENDPOINT_INDEPENDENT, NAT_UNKNOWN},
		{ENDPOINT_INDEPENDENT, one_host, NAT_ENDPOINT_INDEPENDENT, NAT_UNKNOWN},
		{ENDPOINT_INDEPENDENT, three, NAT_ENDPOINT_INDEPENDENT, NAT_UNKNOWN},
		{ADDRESS, two_hosts, NAT_ADDRESS_DEPENDENT, NAT_UNKNOWN},
		{ADDRESS, three, NAT_ADDRESS_DEPENDENT, NAT_UNKNOWN},
		{ADDRESS_PORT, two_hosts, NAT_ADDRESS_DEPENDENT, NAT_UNKNOWN}, /* not proven */
		{ADDRESS_PORT, one_host, NAT_ADDRESS_AND_PORT_DEPENDENT, NAT_UNKNOWN},
		{ADDRESS_PORT, three, NAT_ADDRESS_AND_PORT_DEPENDENT, NAT_UNKNOWN},
		{BLOCKED, one, NAT_BLOCKED, NAT_UNKNOWN},
		{BLOCKED, three, NAT_BLOCKED, NAT_UNKNOWN},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		world.rule = cases[i].rule;
		set_servers(true, cases[i].servers);
		assert_int_equal(mapping(), NAT_UNKNOWN);
		run(3100 * MS);
		assert_int_equal(mapping(), cases[i].mapping);
		assert_int_equal(behaviour_filtering_overall(&world.behaviour), cases[i].filtering);
		assert_int_equal(public_address().family,
				 cases[i].rule == BLOCKED ? ADDR_NONE : ADDR_IPV4);
	}
}

/* A join waits for this: one round trip, whatever else is slow. */
static void test_quick(void **state)
{
	struct addr mapped;

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	world.dead = parse("203.0.113.1:3479");
	set_servers(true, three);
	run(21 * MS);
	mapped = public_address();
	assert_int_equal(mapped.port, 5000);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	assert_true(behaviour_rtt_us(&world.behaviour, &(struct addr){0}) == DATAPLANE_UNKNOWN);
	assert_false(behaviour_is_silent(&world.behaviour, &world.dead));
	run(3 * CLOCK_SECOND);
	assert_true(behaviour_is_silent(&world.behaviour, &world.dead));
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
}

static void test_copies(void **state)
{
	static const uint64_t expected_ms[BEHAVIOUR_TRIES] = {0, 100, 300, 700, 1500, 2300};

	(void)state;
	world.rule = BLOCKED;
	set_servers(true, one);
	run(2999 * MS);
	assert_int_equal(world.sent, BEHAVIOUR_TRIES);
	for (size_t i = 0; i < BEHAVIOUR_TRIES; i++)
		assert_int_equal(world.sent_us[i], START + expected_ms[i] * MS);
	assert_int_equal(mapping(), NAT_UNKNOWN);
	run(1 * MS);
	assert_int_equal(mapping(), NAT_BLOCKED);
	/* 5, 10, 15 … s apart, and never more often than every half minute */
	run(60 * CLOCK_SECOND);
	assert_in_range(world.sent, 4 * BEHAVIOUR_TRIES, 5 * BEHAVIOUR_TRIES);
}

/* Said before any server is given up, taken back by the first answer, and never of one server. */
static void test_mute(void **state)
{
	(void)state;
	assert_false(behaviour_is_mute(&world.behaviour));
	world.rule = BLOCKED;
	set_servers(true, two_hosts);
	run(699 * MS);
	assert_false(behaviour_is_mute(&world.behaviour));
	run(2 * MS);
	assert_true(behaviour_is_mute(&world.behaviour));
	run(20 * CLOCK_SECOND);
	assert_true(behaviour_is_mute(&world.behaviour));
	world.rule = ENDPOINT_INDEPENDENT;
	run(31 * CLOCK_SECOND);
	assert_false(behaviour_is_mute(&world.behaviour));
	world.dead = parse(two_hosts[0]);
	run(90 * CLOCK_SECOND);
	assert_true(behaviour_is_silent(&world.behaviour, &world.dead));
	assert_false(behaviour_is_mute(&world.behaviour));
}

/* A round trip beyond the first copy's time-out is still measured exactly. */
static void test_round_trip(void **state)
{
	struct addr server = parse(one[0]);

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	world.rtt_us = 250 * MS;
	set_servers(true, one);
	run(260 * MS);
	assert_int_equal(behaviour_rtt_us(&world.behaviour, &server), 250 * MS);
	assert_int_equal(world.sent, 2);
	/* a shorter one is believed, a longer one smoothed in; three are asked for within a second
	 */
	world.rtt_us = 50 * MS;
	run(350 * MS);
	assert_int_equal(behaviour_rtt_us(&world.behaviour, &server), 50 * MS);
	world.rtt_us = 250 * MS;
	run(1 * CLOCK_SECOND);
	assert_int_equal(behaviour_rtt_us(&world.behaviour, &server), 100 * MS);
	run(10 * CLOCK_SECOND);
	assert_int_equal(behaviour_rtt_us(&world.behaviour, &server), 100 * MS);
}

static void test_losses(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	world.lose = 4;
	set_servers(true, two_hosts);
	run(330 * MS);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
}

/* An answer counts only from the address asked, with an id under way, once. */
static void test_forgeries(void **state)
{
	struct flight flight;
	struct addr other = parse("203.0.113.66:3478");

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, one);
	behaviour_poll(&world.behaviour, world.now_us);
	assert_int_equal(world.n, 1);
	flight = world.flights[0];
#define GIVE(from, bytes) \
	behaviour_receive(&world.behaviour, world.now_us, from, 0, 0, bytes, flight.length)
	assert_false(GIVE(&other, flight.bytes));
	flight.bytes[STUN_HEADER_SIZE - 1] ^= 1; /* a copy not sent yet, and a broken FINGERPRINT */
	assert_false(GIVE(&flight.server, flight.bytes));
	flight.bytes[STUN_HEADER_SIZE - 1] ^= 1;
	flight.bytes[0] = 0; /* a request */
	assert_false(GIVE(&flight.server, flight.bytes));
	flight.bytes[0] = 1;
	assert_true(GIVE(&flight.server, flight.bytes));
	assert_false(GIVE(&flight.server, flight.bytes));
#undef GIVE
	assert_false(behaviour_receive(&world.behaviour, world.now_us, &flight.server, 0, 0,
				       flight.bytes, 3));
	/* without the dataplane's stamps there is no round trip */
	assert_true(behaviour_rtt_us(&world.behaviour, &flight.server) == DATAPLANE_UNKNOWN);
}

/* One server per family keeps the mapping; the rest is asked about once a minute. */
static void test_keepalive(void **state)
{
	unsigned before;

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, three);
	run(CLOCK_SECOND);
	before = world.sent;
	run(600 * CLOCK_SECOND);
	assert_in_range(world.sent - before, 600 / 25 + 2 * 600 / 75, 600 / 15 + 2 * 600 / 60);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
}

static void test_rebinding(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, three);
	run(CLOCK_SECOND);
	world.port = 6000;
	world.behaviour.changed = false;
	for (int i = 0; i < 260 && !world.behaviour.changed; i++) {
		run(100 * MS);
		/* the same router: never taken for a symmetric one meanwhile */
		assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
		if (public_address().port == 6000)
			break;
	}
	assert_int_equal(public_address().port, 6000);
	run(CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	/* and if one of the others notices first */
	for (uint16_t port = 7000; port < 7040; port++) {
		world.port = port;
		for (int i = 0; i < 300; i++) {
			run(100 * MS);
			assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
		}
		assert_int_equal(public_address().port, port);
	}
}

/* Symmetric: the others' mappings come and go, ours to the primary stays; nothing churns. */
static void test_symmetric_is_stable(void **state)
{
	struct addr before, now;
	unsigned sent;

	(void)state;
	world.rule = ADDRESS_PORT;
	set_servers(true, three);
	run(CLOCK_SECOND);
	before = public_address();
	sent = world.sent;
	for (int i = 0; i < 60; i++) {
		world.drift += 7;
		run(10 * CLOCK_SECOND);
		assert_true(behaviour_is_dependent(mapping()));
		now = public_address();
		assert_memory_equal(&before, &now, sizeof(before));
	}
	assert_in_range(world.sent - sent, 1, 600 / 15 + 2 * 600 / 60);
}

static void test_new_network(void **state)
{
	struct addr there = parse("10.1.2.3:4000");

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, two_hosts);
	run(CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	world.rule = ADDRESS;
	world.port = 8000;
	behaviour_set_own(&world.behaviour, world.now_us, &there, 1);
	assert_true(world.behaviour.changed);
	run(30 * MS);
	assert_int_equal(mapping(), NAT_ADDRESS_DEPENDENT);
	assert_in_range(public_address().port, 8000, 8010);
	/* to a network without a way out: what the old one said is not believed for long */
	world.rule = BLOCKED;
	behaviour_set_own(&world.behaviour, world.now_us, &own, 1);
	run(3100 * MS);
	assert_int_equal(mapping(), NAT_BLOCKED);
	assert_int_equal(public_address().port, 0);
	/* no network at all */
	behaviour_set_own(&world.behaviour, world.now_us, NULL, 0);
	assert_int_equal(mapping(), NAT_UNKNOWN);
	assert_true(behaviour_poll(&world.behaviour, world.now_us) == CLOCK_NEVER);
}

/* The servers go, the network stays: the mapping is believed for a while. */
static void test_servers_gone(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, two_hosts);
	run(CLOCK_SECOND);
	world.rule = BLOCKED;
	run(40 * CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_BLOCKED);
	assert_int_equal(public_address().port, 5000);
	run(180 * CLOCK_SECOND);
	assert_int_equal(public_address().port, 0);
	/* Control has contact again and says so: asked at once, whatever the back-off. */
	world.rule = ENDPOINT_INDEPENDENT;
	run(4 * CLOCK_SECOND);
	set_servers(true, two_hosts);
	run(30 * MS);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(public_address().port, 5000);
}

static void test_primary_goes(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(true, two_hosts);
	run(CLOCK_SECOND);
	world.dead = parse(world.behaviour.servers[0].primary ? two_hosts[0] : two_hosts[1]);
	run(40 * CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	/* the other keeps the mapping now, and notices the new one */
	world.port = 6000;
	run(26 * CLOCK_SECOND);
	assert_int_equal(public_address().port, 6000);
	/* removed altogether */
	set_servers(true, (const char *const[]){"203.0.113.7:1", NULL});
	run(CLOCK_SECOND);
	assert_int_equal(public_address().port, 6000);
	set_servers(true, (const char *const[]){NULL});
	assert_int_equal(public_address().port, 0);
	assert_int_equal(mapping(), NAT_UNKNOWN);
}

/* A server in our own LAN sees no NAT; the world does. */
static void test_server_in_lan(void **state)
{
	static const char *const servers[] = {"192.168.1.2:3478", "203.0.113.1:3478",
					      "203.0.113.2:3478", NULL};

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	world.in_lan = parse(servers[0]);
	set_servers(true, servers);
	run(CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(public_address().port, 5000);
	set_servers(true, (const char *const[]){servers[0], NULL});
	run(CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_NONE);
}

/* In no party: asked once, so that a join knows already; then quiet. */
static void test_inactive(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	set_servers(false, two_hosts);
	run(CLOCK_SECOND);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	assert_int_equal(world.sent, 2);
	run(600 * CLOCK_SECOND);
	assert_int_equal(world.sent, 2);
	world.port = 6000;
	set_servers(true, two_hosts);
	run(30 * MS);
	assert_int_equal(public_address().port, 6000);
	run(60 * CLOCK_SECOND);
	assert_true(world.sent >= 6);
}

/* A peer saw us elsewhere: no need to wait for the keepalive. */
static void test_check(void **state)
{
	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	assert_false(behaviour_is_pending(&world.behaviour, ADDR_IPV4));
	set_servers(true, two_hosts);
	assert_true(behaviour_is_pending(&world.behaviour, ADDR_IPV4));
	run(2 * CLOCK_SECOND);
	assert_false(behaviour_is_pending(&world.behaviour, ADDR_IPV4));
	world.port = 6000;
	behaviour_check(&world.behaviour, world.now_us, ADDR_IPV6);
	run(100 * MS);
	assert_int_equal(public_address().port, 5000);
	behaviour_check(&world.behaviour, world.now_us, ADDR_IPV4);
	run(100 * MS);
	assert_int_equal(public_address().port, 6000);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT);
	world.port = 7000;
	behaviour_check(&world.behaviour, world.now_us, ADDR_IPV4); /* too soon after */
	run(100 * MS);
	assert_int_equal(public_address().port, 6000);
}

static void test_families(void **state)
{
	struct addr both[2] = {own, parse("[2001:db8::5]:6000")};
	static const char *const servers[] = {"203.0.113.1:3478", "203.0.113.2:3478",
					      "[2001:db8:1::1]:3478", NULL};

	(void)state;
	world.rule = BLOCKED;
	set_servers(true, servers);
	/* no IPv6 address: nobody is asked by it */
	behaviour_poll(&world.behaviour, world.now_us);
	assert_int_equal(world.sent, 2);
	behaviour_set_own(&world.behaviour, world.now_us, both, 2);
	behaviour_poll(&world.behaviour, world.now_us);
	assert_int_equal(world.sent, 5);
	run(4 * CLOCK_SECOND);
	assert_int_equal(behaviour_mapping(&world.behaviour, ADDR_IPV4), NAT_BLOCKED);
	assert_int_equal(behaviour_mapping(&world.behaviour, ADDR_IPV6), NAT_BLOCKED);
	assert_int_equal(mapping(), NAT_BLOCKED);
}

static void test_filtering(void **state)
{
	static const struct {
		enum nat_rule rule;
		enum filter_rule filter;
		enum nat_behaviour filtering;
		unsigned wishes;
	} cases[] = {
		{ENDPOINT_INDEPENDENT, CANNOT, NAT_UNKNOWN, 1},
		{ENDPOINT_INDEPENDENT, LETS_IN, NAT_PORT_INDEPENDENT, 1},
		{ENDPOINT_INDEPENDENT, KEEPS_OUT, NAT_ADDRESS_AND_PORT_DEPENDENT, FILTERING_TRIES},
		{ADDRESS_PORT, KEEPS_OUT, NAT_ADDRESS_AND_PORT_DEPENDENT, FILTERING_TRIES},
		{NO_NAT, LETS_IN, NAT_NONE, 0},
		{BLOCKED, LETS_IN, NAT_UNKNOWN, 0}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		world.rule = cases[i].rule;
		world.filter = cases[i].filter;
		set_servers(true, two_hosts);
		run(5 * CLOCK_SECOND);
		assert_int_equal(behaviour_filtering_overall(&world.behaviour), cases[i].filtering);
		assert_false(behaviour_is_filtering(&world.behaviour));
		run(100 * CLOCK_SECOND);
		assert_int_equal(world.wishes, cases[i].wishes); /* once is enough */
	}
}

static void test_refresh(void **state)
{
	struct addr server = parse(one[0]);

	(void)state;
	world.rule = ENDPOINT_INDEPENDENT;
	world.filter = LETS_IN;
	set_servers(true, two_hosts);
	run(5 * CLOCK_SECOND);
	assert_int_equal(behaviour_filtering_overall(&world.behaviour), NAT_PORT_INDEPENDENT);
	/* another NAT: measured anew, and not smoothed with what was */
	world.rule = ADDRESS_PORT;
	world.filter = KEEPS_OUT;
	world.rtt_us = 60 * MS;
	behaviour_refresh(&world.behaviour, world.now_us);
	assert_int_equal(mapping(), NAT_ENDPOINT_INDEPENDENT); /* stands meanwhile */
	run(61 * MS);
	assert_int_equal(behaviour_rtt_us(&world.behaviour, &server), 60 * MS);
	assert_int_equal(mapping(), NAT_ADDRESS_DEPENDENT);
	assert_true(behaviour_is_filtering(&world.behaviour));
	run(2 * CLOCK_SECOND);
	assert_int_equal(behaviour_filtering_overall(&world.behaviour),
			 NAT_ADDRESS_AND_PORT_DEPENDENT);
	for (size_t i = 0; i < world.behaviour.n_servers; i++)
		assert_true(world.behaviour.servers[i].answered_us >
			    world.now_us - 3 * CLOCK_SECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_mute, setup),
		cmocka_unit_test_setup(test_filtering, setup),
		cmocka_unit_test_setup(test_refresh, setup),
		cmocka_unit_test_setup(test_conclusions, setup),
		cmocka_unit_test_setup(test_quick, setup),
		cmocka_unit_test_setup(test_copies, setup),
		cmocka_unit_test_setup(test_round_trip, setup),
		cmocka_unit_test_setup(test_losses, setup),
		cmocka_unit_test_setup(test_forgeries, setup),
		cmocka_unit_test_setup(test_keepalive, setup),
		cmocka_unit_test_setup(test_rebinding, setup),
		cmocka_unit_test_setup(test_symmetric_is_stable, setup),
		cmocka_unit_test_setup(test_new_network, setup),
		cmocka_unit_test_setup(test_servers_gone, setup),
		cmocka_unit_test_setup(test_primary_goes, setup),
		cmocka_unit_test_setup(test_server_in_lan, setup),
		cmocka_unit_test_setup(test_inactive, setup),
		cmocka_unit_test_setup(test_check, setup),
		cmocka_unit_test_setup(test_families, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
