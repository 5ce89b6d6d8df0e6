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
static struct dataplane_path path;
static struct dataplane_peer peer;
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
	desired = (struct nat_desired){.active = true, .n_members = 1, .members = &member};
	memset(&peer_plan, 0, sizeof(peer_plan));
	peer_plan.public_key[0] = 1;
	peer_plan.n_candidates = peer_plan.n_relays = 1;
	peer_plan.relays[0][0] = 'A';
	plan = (struct dataplane_plan){.n_peers = 1, .peers = &peer_plan};
	path = (struct dataplane_path){.kind = DATAPLANE_PATH_RELAY};
	peer = (struct dataplane_peer){
		.state = DATAPLANE_PEER_CONNECTED, .n_paths = 1, .paths = &path};
	peer.public_key[0] = 1;
	memset(&relay, 0, sizeof(relay));
	relay.public_key[0] = 'A';
	relay.state = DATAPLANE_RELAY_BOUND;
	dataplane = (struct dataplane_state){
		.n_peers = 1, .peers = &peer, .n_relays = 1, .relays = &relay};
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
	path.kind = reached == DIRECT ? DATAPLANE_PATH_DIRECT : DATAPLANE_PATH_RELAY;
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
		{RELAYED, true, false, true, EASY, EASY, NAT_CAUSE_NO_CANDIDATES},
		{NOT, true, false, false, EASY, EASY, NAT_CAUSE_NO_CANDIDATES},
		{NOT, true, true, false, EASY, EASY, NAT_CAUSE_NO_RELAY},
		{NOT, true, true, false, SYMMETRIC, SYMMETRIC, NAT_CAUSE_NO_RELAY},
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
	assert_int_equal(cause_at(START + WHY_TRYING_US), NAT_CAUSE_NO_CANDIDATES);
}

static void test_texts(void **state)
{
	(void)state;
	assert_null(nat_cause_text(NAT_CAUSE_NONE));
	assert_null(nat_cause_text(NAT_CAUSES));
	for (int cause = NAT_CAUSE_NONE + 1; cause < NAT_CAUSES; cause++) {
		const char *text = nat_cause_text((enum nat_cause)cause);

		assert_non_null(text);
		assert_non_null(strchr(text, ';')); /* the cause; the remedy */
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
		cmocka_unit_test_setup_teardown(test_first_seconds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_no_state_yet, setup, teardown),
		cmocka_unit_test(test_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
