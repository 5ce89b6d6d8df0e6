/* Why there is no direct path: a table of circumstances and the one cause for each. */
#include "svc-nat/why.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#define START (1000 * CLOCK_SECOND)

enum reached { NOT, RELAYED, DIRECT };

static struct nat_member member;
static struct nat_desired desired;
static struct dataplane_peer_plan peer_plan;
static struct dataplane_plan plan;
static struct dataplane_path paths[2];
static struct dataplane_peer peer;
static struct nat_relay known_relay;
static struct dataplane_relay_status relay;
static struct dataplane_state dataplane;
static struct why_input input;
static struct why why;

/* Online for long, nothing wrong, one candidate, one bound relay, but reached over it only. */
static int setup(void **state)
{
	(void)state;
	memset(&member, 0, sizeof(member));
	member.public_key[0] = 1;
	member.online = true;
	member.n_candidates = 1;
	desired = (struct nat_desired){.active = true,
				       .n_members = 1,
				       .members = &member,
				       .n_relays = 1,
				       .relays = &known_relay};
	memset(&peer_plan, 0, sizeof(peer_plan));
	peer_plan.public_key[0] = 1;
	peer_plan.n_candidates = peer_plan.n_relays = 1;
	peer_plan.relays[0][0] = 'A';
	plan = (struct dataplane_plan){.n_peers = 1, .peers = &peer_plan};
	paths[0] = (struct dataplane_path){.kind = DATAPLANE_PATH_RELAY,
					   .state = DATAPLANE_PATH_WORKING,
					   .relay = {'A'},
					   .rtt_us = DATAPLANE_UNKNOWN,
					   .jitter_us = DATAPLANE_UNKNOWN,
					   .loss_permille = DATAPLANE_UNKNOWN};
	paths[1] = paths[0];
	paths[1].kind = DATAPLANE_PATH_DIRECT;
	paths[1].state = DATAPLANE_PATH_DEAD;
	peer = (struct dataplane_peer){
		.state = DATAPLANE_PEER_CONNECTED, .n_paths = 2, .paths = paths};
	peer.public_key[0] = 1;
	memset(&relay, 0, sizeof(relay));
	relay.public_key[0] = 'A';
	relay.state = DATAPLANE_RELAY_BOUND;
	dataplane = (struct dataplane_state){.filtered_age_us = DATAPLANE_UNKNOWN_AGE,
					     .n_peers = 1,
					     .peers = &peer,
					     .n_relays = 1,
					     .relays = &relay};
	input = (struct why_input){.desired = &desired, .plan = &plan, .state = &dataplane};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	why_clear(&why);
	return 0;
}

static enum nat_cause cause_at(uint64_t now_us)
{
	struct nat_reason *reasons;
	enum nat_cause cause;

	assert_int_equal(why_explain(&why, now_us, &input, &reasons), 0);
	assert_memory_equal(reasons[0].public_key, member.public_key, DATAPLANE_KEY_SIZE);
	cause = reasons[0].cause;
	free(reasons);
	return cause;
}

static void reach(enum reached reached)
{
	peer.state = reached == NOT ? DATAPLANE_PEER_CONNECTING : DATAPLANE_PEER_CONNECTED;
	peer.active_path = reached == NOT ? -1 : 0;
	paths[0].kind = reached == DIRECT ? DATAPLANE_PATH_DIRECT : DATAPLANE_PATH_RELAY;
}

#define UNKNOWN	  NAT_UNKNOWN
#define EASY	  NAT_ENDPOINT_INDEPENDENT
#define SYMMETRIC NAT_ADDRESS_AND_PORT_DEPENDENT

static void test_causes(void **state)
{
	static const struct {
		enum reached reached;
		bool online, candidates, relay;
		enum nat_behaviour here, there;
		enum nat_cause cause;
	} cases[] = {
		{DIRECT, true, true, true, EASY, EASY, NAT_CAUSE_NONE},
		{DIRECT, false, false, false, NAT_BLOCKED, NAT_BLOCKED, NAT_CAUSE_NONE},
		{NOT, false, true, true, EASY, EASY, NAT_CAUSE_OFFLINE},
		{RELAYED, false, true, true, EASY, EASY, NAT_CAUSE_BLOCKED_BETWEEN},
		{NOT, true, true, false, NAT_BLOCKED, EASY, NAT_CAUSE_UDP_BLOCKED_HERE},
		{NOT, true, true, true, NAT_BLOCKED, EASY, NAT_CAUSE_BLOCKED_BETWEEN},
		{NOT, true, true, false, EASY, NAT_BLOCKED, NAT_CAUSE_UDP_BLOCKED_THERE},
		{RELAYED, true, false, true, EASY, EASY, NAT_CAUSE_NO_COMMON_FAMILY},
		{NOT, true, false, false, EASY, EASY, NAT_CAUSE_NO_COMMON_FAMILY},
		{NOT, true, true, false, EASY, EASY, NAT_CAUSE_RELAY_SILENT},
		{NOT, true, true, false, SYMMETRIC, SYMMETRIC, NAT_CAUSE_RELAY_SILENT},
		{RELAYED, true, true, true, SYMMETRIC, SYMMETRIC, NAT_CAUSE_BOTH_SYMMETRIC},
		{RELAYED, true, true, true, NAT_ADDRESS_DEPENDENT, SYMMETRIC,
		 NAT_CAUSE_BOTH_SYMMETRIC},
		{RELAYED, true, true, true, SYMMETRIC, EASY, NAT_CAUSE_SYMMETRIC_AND_FILTERED},
		{RELAYED, true, true, true, EASY, SYMMETRIC, NAT_CAUSE_SYMMETRIC_AND_FILTERED},
		{RELAYED, true, true, true, UNKNOWN, SYMMETRIC, NAT_CAUSE_SYMMETRIC_AND_FILTERED},
		{RELAYED, true, true, true, NAT_NONE, SYMMETRIC, NAT_CAUSE_BLOCKED_BETWEEN},
		{RELAYED, true, true, true, SYMMETRIC, NAT_NONE, NAT_CAUSE_BLOCKED_BETWEEN},
		{RELAYED, true, true, true, EASY, EASY, NAT_CAUSE_BLOCKED_BETWEEN},
		{RELAYED, true, true, true, UNKNOWN, UNKNOWN, NAT_CAUSE_BLOCKED_BETWEEN},
		{NOT, true, true, true, EASY, EASY, NAT_CAUSE_BLOCKED_BETWEEN},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		reach(cases[i].reached);
		member.online = cases[i].online;
		member.mapping = cases[i].there;
		input.mapping = cases[i].here;
		peer_plan.n_candidates = cases[i].candidates;
		dataplane.n_relays = cases[i].relay;
		(void)cause_at(START);
		if (cause_at(START + WHY_TRYING_US) != cases[i].cause)
			print_message("case %zu\n", i);
		assert_int_equal(cause_at(START + WHY_TRYING_US), cases[i].cause);
		assert_int_equal(cases[i].cause == NAT_CAUSE_NONE,
				 nat_cause_text(cases[i].cause) == NULL);
		why_clear(&why);
	}
}

static enum nat_cause settled(void)
{
	enum nat_cause cause;

	(void)cause_at(START);
	cause = cause_at(START + WHY_TRYING_US);
	why_clear(&why);
	return cause;
}

static void test_direct_but_not_well(void **state)
{
	static const struct {
		bool hole;
		uint32_t rtt_us, jitter_us, loss_permille;
		enum nat_cause cause;
	} cases[] = {
		{false, 20000, 1000, 0, NAT_CAUSE_NONE},
		{false, WHY_RTT_US - 1, WHY_JITTER_US - 1, WHY_LOSS_PERMILLE - 1, NAT_CAUSE_NONE},
		{false, DATAPLANE_UNKNOWN, DATAPLANE_UNKNOWN, DATAPLANE_UNKNOWN, NAT_CAUSE_NONE},
		{false, 20000, 1000, WHY_LOSS_PERMILLE, NAT_CAUSE_LOSSY},
		{false, WHY_RTT_US, 1000, WHY_LOSS_PERMILLE, NAT_CAUSE_LOSSY},
		{false, WHY_RTT_US, 1000, 0, NAT_CAUSE_SLOW},
		{false, 20000, WHY_JITTER_US, 0, NAT_CAUSE_SLOW},
		{true, 20000, 1000, 500, NAT_CAUSE_HOLE},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		setup(state);
		reach(DIRECT);
		paths[0].hole = cases[i].hole;
		paths[0].rtt_us = cases[i].rtt_us;
		paths[0].jitter_us = cases[i].jitter_us;
		paths[0].loss_permille = cases[i].loss_permille;
		assert_int_equal(settled(), cases[i].cause);
	}
}

static void test_direct_way_beside_the_relay(void **state)
{
	(void)state;
	assert_int_equal(settled(), NAT_CAUSE_BLOCKED_BETWEEN);
	paths[1].state = DATAPLANE_PATH_WORKING;
	assert_int_equal(settled(), NAT_CAUSE_RELAY_BETTER);
	paths[1].hole = true;
	assert_int_equal(settled(), NAT_CAUSE_HOLE);
	/* it is probed with long packets, which do not come through */
	paths[1].state = DATAPLANE_PATH_DEAD;
	assert_int_equal(settled(), NAT_CAUSE_HOLE);
}

static void test_why_no_relay_helps(void **state)
{
	(void)state;
	reach(NOT);
	input.mapping = member.mapping = SYMMETRIC;
	assert_int_equal(settled(), NAT_CAUSE_BOTH_SYMMETRIC);
	paths[0].unbound = true;
	assert_int_equal(settled(), NAT_CAUSE_NO_RELAY_THERE);
	relay.state = DATAPLANE_RELAY_REFUSED;
	assert_int_equal(settled(), NAT_CAUSE_RELAY_REFUSED);
	relay.full = true;
	assert_int_equal(settled(), NAT_CAUSE_RELAY_FULL);
	relay.state = DATAPLANE_RELAY_SILENT;
	assert_int_equal(settled(), NAT_CAUSE_RELAY_SILENT);
	desired.n_relays = 0;
	assert_int_equal(settled(), NAT_CAUSE_NO_RELAY);
	member.n_candidates = 0;
	assert_int_equal(settled(), NAT_CAUSE_NO_CANDIDATES);
}

static void test_own_firewall(void **state)
{
	(void)state;
	relay.state = DATAPLANE_RELAY_SILENT;
	input.mapping = NAT_BLOCKED;
	assert_int_equal(settled(), NAT_CAUSE_UDP_BLOCKED_HERE);
	assert_int_equal(why_here(&input), NAT_CAUSE_UDP_BLOCKED_HERE);
	dataplane.filtered_age_us = WHY_FILTERED_US;
	assert_int_equal(settled(), NAT_CAUSE_UDP_BLOCKED_HERE);
	dataplane.filtered_age_us = 0;
	assert_int_equal(settled(), NAT_CAUSE_FIREWALL_HERE);
	dataplane.filtered_age_us = DATAPLANE_UNKNOWN_AGE;
	input.drops = true;
	assert_int_equal(settled(), NAT_CAUSE_FIREWALL_HERE);
	assert_int_equal(why_here(&input), NAT_CAUSE_FIREWALL_HERE);
	/* something comes through after all */
	relay.state = DATAPLANE_RELAY_BOUND;
	assert_int_equal(why_here(&input), NAT_CAUSE_NONE);
	/* but not when that is by TCP */
	assert_int_equal(addr_parse(&relay.endpoint, "127.0.0.1:40000"), 0);
	assert_int_equal(why_here(&input), NAT_CAUSE_FIREWALL_HERE);
}

static void test_first_seconds(void **state)
{
	const uint64_t later_us = START + 100 * CLOCK_SECOND;

	(void)state;
	reach(NOT);
	assert_int_equal(cause_at(START), NAT_CAUSE_TRYING);
	assert_int_equal(why_due_us(&why, START), START + WHY_TRYING_US);
	assert_int_equal(cause_at(START + WHY_TRYING_US - 1), NAT_CAUSE_TRYING);
	assert_int_equal(cause_at(START + WHY_TRYING_US), NAT_CAUSE_BLOCKED_BETWEEN);
	assert_true(why_due_us(&why, START + WHY_TRYING_US) == CLOCK_NEVER);
	/* direct, and lost again: some seconds of grace */
	reach(DIRECT);
	assert_int_equal(cause_at(later_us), NAT_CAUSE_NONE);
	assert_true(why_due_us(&why, later_us) == CLOCK_NEVER);
	reach(RELAYED);
	assert_int_equal(cause_at(later_us + 1), NAT_CAUSE_TRYING);
	assert_int_equal(cause_at(later_us + 1 + WHY_TRYING_US), NAT_CAUSE_BLOCKED_BETWEEN);
	/* gone and back: likewise */
	reach(NOT);
	member.online = false;
	assert_int_equal(cause_at(later_us + 20 * CLOCK_SECOND), NAT_CAUSE_OFFLINE);
	member.online = true;
	assert_int_equal(cause_at(later_us + 30 * CLOCK_SECOND), NAT_CAUSE_TRYING);
}

static void test_no_state_yet(void **state)
{
	(void)state;
	input.state = NULL;
	plan.n_peers = 0;
	assert_int_equal(cause_at(START), NAT_CAUSE_TRYING);
	assert_int_equal(cause_at(START + WHY_TRYING_US), NAT_CAUSE_NO_COMMON_FAMILY);
}

static void test_texts(void **state)
{
	(void)state;
	assert_null(nat_cause_text(NAT_CAUSE_NONE));
	assert_null(nat_cause_text(NAT_CAUSES));
	assert_null(nat_cause_name(NAT_CAUSE_NONE));
	assert_null(nat_cause_sentence(NAT_CAUSES));
	for (int cause = NAT_CAUSE_NONE + 1; cause < NAT_CAUSES; cause++) {
		const char *name = nat_cause_name((enum nat_cause)cause);
		char whole[512];

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
		(void)snprintf(whole, sizeof(whole), "%s; %s",
			       nat_cause_text((enum nat_cause)cause),
			       nat_cause_remedy((enum nat_cause)cause));
		assert_string_equal(nat_cause_sentence((enum nat_cause)cause), whole);
		for (int other = NAT_CAUSE_NONE + 1; other < cause; other++)
			assert_string_not_equal(nat_cause_name((enum nat_cause)other), name);
	}
	for (int behaviour = 0; behaviour < NAT_BEHAVIOURS; behaviour++)
		for (int other = 0; other < behaviour; other++)
			assert_string_not_equal(nat_behaviour_text((enum nat_behaviour)behaviour),
						nat_behaviour_text((enum nat_behaviour)other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_causes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_direct_but_not_well, setup, teardown),
		cmocka_unit_test_setup_teardown(test_direct_way_beside_the_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_why_no_relay_helps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_own_firewall, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_state_yet, setup, teardown),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
