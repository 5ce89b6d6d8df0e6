/* The plan: what of a member's announcement is tried, in what order, over which relays. */
#include "svc-nat/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "svc-nat/distances.h"

#define MEMBERS_MAX 4

static struct host_address hosts[3];
static struct addr mapped[1];
static struct candidates_input own;
static struct nat_relay relays[4];
static struct nat_member members[MEMBERS_MAX];
static struct nat_desired desired;
static uint8_t chosen[NAT_MEMBER_RELAYS_MAX][DATAPLANE_KEY_SIZE];
static struct addr answering[4];
static struct plan_input input;

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static struct host_address host(const char *text, uint8_t prefix_length)
{
	struct host_address address = {
		.addr = parse(text), .prefix_length = prefix_length, .up = true};

	strcpy(address.interface, "eth0");
	return address;
}

static void make_relay(struct nat_relay *relay, char name, const char *endpoint)
{
	memset(relay, 0, sizeof(*relay));
	relay->public_key[0] = (uint8_t)name;
	relay->name[0] = name;
	relay->endpoints[relay->n_endpoints++] = parse(endpoint);
	relay->ticket_length = 3;
	memcpy(relay->ticket, "abc", 3);
}

/* A home with IPv4 behind a NAT and IPv6; four relays, of which A and B are ours. */
static int setup(void **state)
{
	(void)state;
	hosts[0] = host("192.168.1.5", 24);
	hosts[1] = host("2001:db8:5::5", 64);
	hosts[2] = host("172.17.0.1", 16);
	mapped[0] = parse("198.51.100.5:7000");
	own = (struct candidates_input){
		.n_addresses = 3,
		.addresses = hosts,
		.interface = "lanrage0",
		.port_ipv4 = 4000,
		.port_ipv6 = 4000,
		.n_mapped = 1,
		.mapped = mapped,
	};
	make_relay(&relays[0], 'A', "203.0.113.1:9000");
	make_relay(&relays[1], 'B', "203.0.113.2:9000");
	make_relay(&relays[2], 'C', "203.0.113.3:9000");
	make_relay(&relays[3], 'D', "[2001:db8:9::4]:9000");
	memset(members, 0, sizeof(members));
	for (unsigned i = 0; i < MEMBERS_MAX; i++) {
		members[i].public_key[0] = (uint8_t)(i + 1);
		members[i].number = (uint16_t)(i + 2);
	}
	desired = (struct nat_desired){
		.active = true,
		.n_relays = 4,
		.relays = relays,
		.n_members = 1,
		.members = members,
	};
	assert_int_equal(addr_prefix_parse(&desired.virtual_prefix, "10.66.0.0/16"), 0);
	memset(chosen, 0, sizeof(chosen));
	chosen[0][0] = 'A';
	chosen[1][0] = 'B';
	input = (struct plan_input){
		.desired = &desired,
		.own = &own,
		.n_chosen = 2,
		.chosen = (const uint8_t(*)[DATAPLANE_KEY_SIZE])chosen,
		.answering = answering,
	};
	return 0;
}

static void announce(struct nat_member *member, enum nat_candidate_kind kind, const char *text)
{
	member->candidates[member->n_candidates++] = (struct nat_candidate){parse(text), kind};
}

static void assert_candidates(const char *const *expected)
{
	struct dataplane_plan plan;
	char text[ADDR_TEXT_SIZE];
	size_t i = 0;

	assert_int_equal(plan_make(&plan, &input), 0);
	for (; i < plan.peers[0].n_candidates && expected[i]; i++)
		assert_string_equal(addr_format(&plan.peers[0].candidates[i], text), expected[i]);
	assert_int_equal(i, plan.peers[0].n_candidates);
	assert_null(expected[i]);
	dataplane_plan_clear(&plan);
}

static void test_order(void **state)
{
	struct nat_member *member = &members[0];

	(void)state;
	announce(member, NAT_CANDIDATE_PEER, "198.51.100.77:6");
	announce(member, NAT_CANDIDATE_STUN, "198.51.100.77:5");
	announce(member, NAT_CANDIDATE_MAPPED, "198.51.100.77:4");
	announce(member, NAT_CANDIDATE_HOST, "10.9.9.9:4000");
	announce(member, NAT_CANDIDATE_HOST, "203.0.113.77:3");
	announce(member, NAT_CANDIDATE_HOST, "[2001:db8:7::7]:2");
	announce(member, NAT_CANDIDATE_HOST, "192.168.1.77:1");
	announce(member, NAT_CANDIDATE_HOST, "[2001:db8:5::77]:1");
	assert_candidates((const char *const[]){
		"192.168.1.77:1", "[2001:db8:5::77]:1", "[2001:db8:7::7]:2", "203.0.113.77:3",
		"198.51.100.77:4", "198.51.100.77:5", "198.51.100.77:6", "10.9.9.9:4000", NULL});
	/* out of the same router: its private addresses are near */
	announce(member, NAT_CANDIDATE_STUN, "198.51.100.5:7001");
	assert_candidates((const char *const[]){
		"192.168.1.77:1", "[2001:db8:5::77]:1", "10.9.9.9:4000", "[2001:db8:7::7]:2",
		"203.0.113.77:3", "198.51.100.77:4", "198.51.100.77:5", "198.51.100.5:7001",
		"198.51.100.77:6", NULL});
}

static void test_left_out(void **state)
{
	static const char *const texts[] = {
		"127.0.0.1:4000",   "0.0.0.0:4000",	"255.255.255.255:9", "224.0.0.1:5353",
		"169.254.1.1:4000", "[fe80::1]:4000",	"[::1]:4000",	     "10.66.0.9:4000",
		"198.51.100.9:0",   "192.168.1.5:4000", "192.168.1.5:9999",  "[2001:db8:5::5]:1",
		"172.17.0.1:4001",  "198.51.100.5:7000"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		announce(&members[0], (enum nat_candidate_kind)(i % NAT_CANDIDATE_KINDS), texts[i]);
	announce(&members[0], NAT_CANDIDATE_HOST, "192.168.1.9:4000");
	announce(&members[0], NAT_CANDIDATE_STUN, "192.168.1.9:4000");
	members[0].candidates[members[0].n_candidates++] = (struct nat_candidate){0};
	assert_candidates((const char *const[]){"192.168.1.9:4000", NULL});
}

static void test_families(void **state)
{
	(void)state;
	announce(&members[0], NAT_CANDIDATE_HOST, "203.0.113.77:3");
	announce(&members[0], NAT_CANDIDATE_HOST, "[2001:db8:7::7]:2");
	own.port_ipv6 = 0;
	assert_candidates((const char *const[]){"203.0.113.77:3", NULL});
	own.port_ipv6 = 4000;
	own.port_ipv4 = 0;
	assert_candidates((const char *const[]){"[2001:db8:7::7]:2", NULL});
	own.port_ipv4 = 4000;
	hosts[1].up = false;
	assert_candidates((const char *const[]){"203.0.113.77:3", NULL});
}

/* "AB|peer:relays peer:relays" */
static void assert_relays(const char *expected)
{
	struct dataplane_plan plan;
	char text[128] = "";
	size_t n = 0;

	assert_int_equal(plan_make(&plan, &input), 0);
	for (size_t i = 0; i < plan.n_relays; i++)
		text[n++] = (char)plan.relays[i].public_key[0];
	for (size_t i = 0; i < plan.n_peers; i++) {
		text[n++] = i ? ' ' : '|';
		for (size_t k = 0; k < plan.peers[i].n_relays; k++)
			text[n++] = (char)plan.peers[i].relays[k][0];
	}
	assert_string_equal(text, expected);
	for (size_t i = 0; i < plan.n_relays; i++) {
		assert_int_equal(plan.relays[i].ticket_length, 3);
		assert_true(plan.relays[i].n_endpoints > 0);
	}
	dataplane_plan_clear(&plan);
}

static void bind_at(struct nat_member *member, const char *names)
{
	memset(member->relays, 0, sizeof(member->relays));
	for (member->n_relays = 0; names[member->n_relays]; member->n_relays++)
		member->relays[member->n_relays][0] = (uint8_t)names[member->n_relays];
}

static void test_relays(void **state)
{
	(void)state;
	desired.n_members = 4;
	bind_at(&members[0], "CA"); /* its order, not ours */
	bind_at(&members[1], "D");
	bind_at(&members[2], "");   /* announced none: where we are */
	bind_at(&members[3], "XB"); /* X is unknown here */
	assert_relays("ABCD|CA D AB B");
	bind_at(&members[3], "X");
	assert_relays("ABCD|CA D AB AB");
	own.port_ipv6 = 0; /* D is out of reach */
	assert_relays("ABC|CA AB AB AB");
	input.n_chosen = 0;
	assert_relays("CA|CA   ");
	desired.n_relays = 0;
	assert_relays("|   ");
}

static struct pair pair_list[MEMBERS_MAX];
static struct pairs pairs;

/* Where members[at] and we meet. */
static void meet_at(size_t at, const char *names)
{
	struct pair *pair = &pair_list[pairs.n++];

	memset(pair, 0, sizeof(*pair));
	memcpy(pair->member, members[at].public_key, DATAPLANE_KEY_SIZE);
	for (; names[pair->n_relays]; pair->n_relays++)
		pair->relays[pair->n_relays][0] = (uint8_t)names[pair->n_relays];
	pairs.list = pair_list;
	input.pairs = &pairs;
}

static void test_pairs(void **state)
{
	(void)state;
	pairs.n = 0;
	desired.n_members = 3;
	bind_at(&members[0], "CD");
	bind_at(&members[1], "DC");
	bind_at(&members[2], "BA");
	meet_at(0, "BC"); /* between us, then its own as far as they are bound anyway */
	meet_at(2, "DA");
	assert_relays("ABDC|BCD DC DAB"); /* members[1] tells no distances */
	input.n_chosen = 0;
	assert_relays("BDAC|BCD DC DAB");
	/* out of reach here, whatever the numbers say */
	own.port_ipv6 = 0;
	assert_relays("BAC|BC C AB");
}

/* Many relays, each the best for somebody: those for most of them are bound, and nobody is left
 * without one. */
static void test_bindings_are_bounded(void **state)
{
	enum { RELAYS = NAT_RELAYS_MAX, MEMBERS = 64 };
	struct nat_relay *many = calloc(RELAYS, sizeof(*many));
	struct nat_member *crowd = calloc(MEMBERS, sizeof(*crowd));
	struct pair *met = calloc(MEMBERS, sizeof(*met));
	struct dataplane_plan plan;

	(void)state;
	assert_true(many && crowd && met);
	for (unsigned i = 0; i < RELAYS; i++)
		make_relay(&many[i], (char)('A' + i), "203.0.113.1:9000");
	for (unsigned i = 0; i < MEMBERS; i++) {
		/* the later in the alphabet, the more members */
		unsigned best = i < RELAYS ? i : RELAYS - 1 - i % 6;

		crowd[i].public_key[0] = (uint8_t)(i + 1);
		memcpy(met[i].member, crowd[i].public_key, DATAPLANE_KEY_SIZE);
		met[i].n_relays = 2;
		met[i].relays[0][0] = (uint8_t)('A' + best);
		met[i].relays[1][0] = (uint8_t)('A' + (best + 1) % RELAYS);
		bind_at(&crowd[i], i < RELAYS / 2 ? "CD" : "AB");
	}
	pairs = (struct pairs){MEMBERS, met};
	input.pairs = &pairs;
	desired = (struct nat_desired){.active = true,
				       .n_relays = RELAYS,
				       .relays = many,
				       .n_members = MEMBERS,
				       .members = crowd};
	assert_int_equal(plan_make(&plan, &input), 0);
	/* A and B are ours, K to P serve most; C for those who lose theirs by that */
	assert_int_equal(plan.n_relays, PLAN_BINDINGS + 1);
	assert_int_equal(plan.relays[PLAN_BINDINGS].public_key[0], 'C');
	for (unsigned i = 0; i < MEMBERS; i++) {
		assert_true(plan.peers[i].n_relays > 0);
		if (i >= RELAYS)
			assert_memory_equal(plan.peers[i].relays[0], met[i].relays[0],
					    DATAPLANE_KEY_SIZE);
	}
	dataplane_plan_clear(&plan);
	free(many);
	free(crowd);
	free(met);
}

/* ---- a big party: 64 members and 16 relays, anywhere on a map ---- */

enum { CROWD = 64, MANY = NAT_RELAYS_MAX };

static struct crowd {
	int relay_at[MANY][2], member_at[CROWD][2];
	struct nat_relay relays[MANY];
	struct nat_member members[CROWD];
	struct dataplane_plan plans[CROWD];
} crowd;

/* Milliseconds, there and back. */
static uint16_t distance(size_t member, size_t relay)
{
	int x = crowd.member_at[member][0] - crowd.relay_at[relay][0];
	int y = crowd.member_at[member][1] - crowd.relay_at[relay][1];

	return (uint16_t)(2 + abs(x) + abs(y));
}

/* Its two nearest, and how far it is from each. */
static void place_member(size_t at)
{
	struct nat_member *member = &crowd.members[at];
	size_t nearest[NAT_MEMBER_RELAYS_MAX] = {0, 1};

	memset(member, 0, sizeof(*member));
	member->public_key[0] = (uint8_t)(at + 1);
	for (size_t i = 0; i < 2; i++)
		crowd.member_at[at][i] = rand() % 120;
	for (size_t i = 0; i < MANY; i++) {
		size_t far = distance(at, nearest[0]) > distance(at, nearest[1]) ? 0 : 1;
		struct nat_distance *told = &member->distances[member->n_distances++];

		memcpy(told->relay, crowd.relays[i].public_key, NAT_RELAY_ID_SIZE);
		told->rtt_ms = distance(at, i);
		if (i > 1 && distance(at, i) < distance(at, nearest[far]))
			nearest[far] = i;
	}
	for (; member->n_relays < NAT_MEMBER_RELAYS_MAX; member->n_relays++)
		memcpy(member->relays[member->n_relays],
		       crowd.relays[nearest[member->n_relays]].public_key, DATAPLANE_KEY_SIZE);
}

/* As the member itself makes it. */
static void plan_of(size_t at)
{
	struct nat_member *self = &crowd.members[at], others[CROWD];
	struct pairs met = {0};
	size_t n = 0;

	for (size_t i = 0; i < CROWD; i++) {
		if (i != at)
			others[n++] = crowd.members[i];
	}
	desired = (struct nat_desired){.active = true,
				       .n_relays = MANY,
				       .relays = crowd.relays,
				       .n_members = n,
				       .members = others};
	assert_int_equal(pairs_choose(&met, 1, &desired, self->distances, self->n_distances), 0);
	input.pairs = &met;
	input.n_chosen = self->n_relays;
	input.chosen = (const uint8_t(*)[DATAPLANE_KEY_SIZE])self->relays;
	assert_int_equal(plan_make(&crowd.plans[at], &input), 0);
	pairs_clear(&met);
}

static bool is_bound(const struct dataplane_plan *plan, const uint8_t *key)
{
	for (size_t i = 0; i < plan->n_relays; i++) {
		if (memcmp(plan->relays[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			return true;
	}
	return false;
}

/* The shortest way of those that one tries and both are bound to; 0: there is none. */
static unsigned way(size_t one, size_t other)
{
	const struct dataplane_plan *plan = &crowd.plans[one];
	/* its own place in its plan is left out */
	const struct dataplane_peer_plan *peer = &plan->peers[other - (other > one)];
	unsigned best = 0;

	for (size_t k = 0; k < peer->n_relays; k++) {
		size_t relay = (size_t)(peer->relays[k][0] - 'A');
		unsigned sum = distance(one, relay) + (unsigned)distance(other, relay);

		assert_true(is_bound(plan, peer->relays[k]));
		if (is_bound(&crowd.plans[other], peer->relays[k]) && (!best || sum < best))
			best = sum;
	}
	return best;
}

static unsigned shortest_way(size_t one, size_t other)
{
	unsigned best = UINT16_MAX;

	for (size_t relay = 0; relay < MANY; relay++) {
		unsigned sum = distance(one, relay) + (unsigned)distance(other, relay);

		best = sum < best ? sum : best;
	}
	return best;
}

/* Whoever is cut off from the best relay by the bound still meets everybody. */
static void test_a_crowd_meets(void **state)
{
	unsigned pairs_met = 0, best = 0, most = 0;

	(void)state;
	srand(5);
	for (size_t i = 0; i < MANY; i++) {
		make_relay(&crowd.relays[i], (char)('A' + i), "203.0.113.1:9000");
		crowd.relay_at[i][0] = rand() % 120;
		crowd.relay_at[i][1] = rand() % 120;
	}
	for (size_t i = 0; i < CROWD; i++)
		place_member(i);
	for (size_t i = 0; i < CROWD; i++) {
		plan_of(i);
		most = crowd.plans[i].n_relays > most ? (unsigned)crowd.plans[i].n_relays : most;
	}
	for (size_t i = 0; i < CROWD; i++) {
		for (size_t k = i + 1; k < CROWD; k++) {
			unsigned there = way(i, k), back = way(k, i);

			assert_true(there || back);
			there = !there || (back && back < there) ? back : there;
			pairs_met++;
			best += there <= shortest_way(i, k) + 5;
		}
	}
	if (getenv("V"))
		print_message("%u of %u pairs within 5 ms of the best, %u bindings at most\n", best,
			      pairs_met, most);
	assert_in_range(best, pairs_met * 98 / 100, pairs_met);
	assert_in_range(most, 1, PLAN_BINDINGS + 4);
	for (size_t i = 0; i < CROWD; i++)
		dataplane_plan_clear(&crowd.plans[i]);
}

static void test_endpoints(void **state)
{
	struct dataplane_plan plan;

	(void)state;
	relays[0].endpoints[relays[0].n_endpoints++] = parse("[2001:db8:9::1]:9000");
	answering[0] = relays[0].endpoints[1];
	input.n_answering = 1;
	assert_int_equal(plan_make(&plan, &input), 0);
	assert_int_equal(plan.relays[0].n_endpoints, 2);
	assert_true(addr_equal(&plan.relays[0].endpoints[0], &relays[0].endpoints[1]));
	dataplane_plan_clear(&plan);
	own.port_ipv6 = 0;
	assert_int_equal(plan_make(&plan, &input), 0);
	assert_int_equal(plan.relays[0].n_endpoints, 1);
	assert_true(addr_equal(&plan.relays[0].endpoints[0], &relays[0].endpoints[0]));
	dataplane_plan_clear(&plan);
}

/* A relay that is reached by TCP has one endpoint alone, whatever families there are. */
static void test_detours(void **state)
{
	struct plan_detour detour = {.relay = relays[1].public_key};
	struct dataplane_plan plan;

	(void)state;
	detour.endpoint = parse("127.0.0.1:777");
	input.n_detours = 1;
	input.detours = &detour;
	own.port_ipv4 = 0;
	assert_int_equal(plan_make(&plan, &input), 0);
	for (size_t i = 0; i < plan.n_relays; i++) {
		if (plan.relays[i].public_key[0] != 'B')
			continue;
		assert_int_equal(plan.relays[i].n_endpoints, 1);
		assert_true(addr_equal(&plan.relays[i].endpoints[0], &detour.endpoint));
		assert_int_equal(plan.relays[i].ticket_length, 3);
		dataplane_plan_clear(&plan);
		return;
	}
	fail();
}

static void test_inactive(void **state)
{
	struct dataplane_plan plan;

	(void)state;
	desired.active = false;
	assert_int_equal(plan_make(&plan, &input), 0);
	assert_int_equal(plan.n_relays + plan.n_peers, 0);
	dataplane_plan_clear(&plan);
}

static void test_equal(void **state)
{
	struct dataplane_plan a, b;

	(void)state;
	announce(&members[0], NAT_CANDIDATE_HOST, "203.0.113.77:3");
	assert_int_equal(plan_make(&a, &input), 0);
	a.revision.counter = 7;
	assert_int_equal(plan_make(&b, &input), 0);
	assert_true(plan_equal(&a, &b));
	dataplane_plan_clear(&b);
	members[0].candidates[0].address.port++;
	assert_int_equal(plan_make(&b, &input), 0);
	assert_false(plan_equal(&a, &b));
	dataplane_plan_clear(&b);
	members[0].candidates[0].address.port--;
	relays[0].ticket[0]++; /* a renewed one must go over */
	assert_int_equal(plan_make(&b, &input), 0);
	assert_false(plan_equal(&a, &b));
	dataplane_plan_clear(&b);
	dataplane_plan_clear(&a);
}

/* The dataplane must accept whatever comes out. */
static void test_decodes(void **state)
{
	struct dataplane_plan plan, got;
	uint8_t *bytes;
	ssize_t length;

	(void)state;
	desired.n_members = 4;
	bind_at(&members[0], "CD");
	announce(&members[0], NAT_CANDIDATE_HOST, "203.0.113.77:3");
	announce(&members[0], NAT_CANDIDATE_HOST, "[fe80::1%3]:4000");
	assert_int_equal(plan_make(&plan, &input), 0);
	length = dataplane_plan_encode(&plan, &bytes);
	assert_true(length > 0);
	assert_int_equal(dataplane_plan_decode(&got, bytes, (size_t)length), 0);
	assert_true(plan_equal(&plan, &got));
	dataplane_plan_clear(&got);
	dataplane_plan_clear(&plan);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_left_out, setup),
		cmocka_unit_test_setup(test_families, setup),
		cmocka_unit_test_setup(test_relays, setup),
		cmocka_unit_test_setup(test_pairs, setup),
		cmocka_unit_test_setup(test_bindings_are_bounded, setup),
		cmocka_unit_test_setup(test_a_crowd_meets, setup),
		cmocka_unit_test_setup(test_endpoints, setup),
		cmocka_unit_test_setup(test_detours, setup),
		cmocka_unit_test_setup(test_inactive, setup),
		cmocka_unit_test_setup(test_equal, setup),
		cmocka_unit_test_setup(test_decodes, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
