/* The one cause of a peer's state: svc-nat's word, or what explains it better. */
#include "svc-api/explain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

static struct control_member member;
static struct dataplane_path path;
static struct dataplane_peer peer;
static struct nat_reason reason;
static struct snapshot snapshot;

/* All is well, but the peer is not reached, and svc-nat says `cause`. */
static void unreached(enum nat_cause cause)
{
	memset(&snapshot, 0, sizeof(snapshot));
	member = (struct control_member){.wireguard_key = {1}, .online = true, .announced = true};
	path = (struct dataplane_path){.kind = DATAPLANE_PATH_RELAY};
	peer = (struct dataplane_peer){.public_key = {1},
				       .state = DATAPLANE_PEER_CONNECTING,
				       .active_path = -1,
				       .n_paths = 1,
				       .paths = &path};
	reason = (struct nat_reason){.public_key = {1}, .cause = cause};
	snapshot.control_status = (struct control_status){
		.in_party = true, .up = true, .server_state = CONTROL_SERVER_CONNECTED};
	snapshot.dataplane_state = (struct dataplane_state){.n_peers = 1, .peers = &peer};
	snapshot.nat_state = (struct nat_state){.n_reasons = 1, .reasons = &reason};
	snapshot.control = &snapshot.control_status;
	snapshot.dataplane = &snapshot.dataplane_state;
	snapshot.nat = &snapshot.nat_state;
}

static void reach(enum dataplane_path_kind kind)
{
	peer.state = DATAPLANE_PEER_CONNECTED;
	peer.active_path = 0;
	path.kind = kind;
}

static void server_is_away(enum control_server_trouble trouble)
{
	snapshot.control_status.server_state = CONTROL_SERVER_AWAY;
	snapshot.control_status.server_trouble = trouble;
}

static void what_nat_says(void **state)
{
	(void)state;
	unreached(NAT_CAUSE_NO_RELAY);
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_NO_RELAY);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_NONE);
	reach(DATAPLANE_PATH_RELAY);
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_NO_RELAY);
	/* it has become direct since */
	reach(DATAPLANE_PATH_DIRECT);
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_NONE);
	reason.cause = NAT_CAUSE_LOSSY;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_LOSSY);
	snapshot.nat = NULL;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_NONE);
	snapshot.control = NULL;
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_NONE);
}

static void without_the_server(void **state)
{
	static const struct {
		enum control_server_trouble trouble;
		enum nat_cause cause;
	} cases[] = {{CONTROL_TROUBLE_SILENT, NAT_CAUSE_SERVER_AWAY},
		     {CONTROL_TROUBLE_NAME, NAT_CAUSE_SERVER_NAME},
		     {CONTROL_TROUBLE_FOREIGN, NAT_CAUSE_SERVER_FOREIGN}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unreached(NAT_CAUSE_OFFLINE);
		server_is_away(cases[i].trouble);
		assert_int_equal(explain_peer(&snapshot, &member), cases[i].cause);
		assert_int_equal(explain_self(&snapshot), cases[i].cause);
		snapshot.control_status.local = true; /* then it is a member that is away */
		assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_OFFLINE);
		/* who is reached nevertheless is not the server's affair */
		reason.cause = NAT_CAUSE_BOTH_SYMMETRIC;
		reach(DATAPLANE_PATH_RELAY);
		assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_BOTH_SYMMETRIC);
	}
}

static void when_nothing_answers(void **state)
{
	(void)state;
	unreached(NAT_CAUSE_OFFLINE);
	server_is_away(CONTROL_TROUBLE_NAME);
	snapshot.nat_state.mapping = NAT_BLOCKED; /* it was the server alone that was asked */
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_SERVER_NAME);
	snapshot.nat_state.n_relays = 1;
	snapshot.nat_state.relays[0].state = DATAPLANE_RELAY_SILENT;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_NETWORK_HERE);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_NETWORK_HERE);
	snapshot.nat_state.relays[0].state = DATAPLANE_RELAY_BOUND;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_SERVER_NAME);
}

static void with_a_wrong_clock(void **state)
{
	static const int64_t harmful[] = {CONTROL_CLOCK_HARMFUL_S, -CONTROL_CLOCK_HARMFUL_S,
					  INT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
		unreached(NAT_CAUSE_OFFLINE);
		snapshot.control_status.clock_ahead_s = harmful[i];
		assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_CLOCK_HERE);
		assert_int_equal(explain_absence(&snapshot), NAT_CAUSE_CLOCK_HERE);
	}
	unreached(NAT_CAUSE_BLOCKED_BETWEEN);
	snapshot.control_status.clock_ahead_s = CONTROL_CLOCK_WRONG_S; /* no harm to peers yet */
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_BLOCKED_BETWEEN);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_CLOCK_HERE);
	member.clock_wrong = true;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_CLOCK_THERE);
	/* whose of the two it is can be told only by the server's */
	snapshot.control_status.clock_ahead_s = CONTROL_CLOCK_UNKNOWN;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_BLOCKED_BETWEEN);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_NONE);
}

static void outside_the_party(void **state)
{
	(void)state;
	unreached(NAT_CAUSE_NONE);
	snapshot.control_status.up = false;
	assert_int_equal(explain_peer(&snapshot, &member), NAT_CAUSE_DISCONNECTED);
	assert_int_equal(explain_absence(&snapshot), NAT_CAUSE_NONE); /* a wrong name */
	snapshot.control_status.in_party = false;
	assert_int_equal(explain_absence(&snapshot), NAT_CAUSE_NO_PARTY);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_NONE);
	snapshot.control_status.removed = true;
	assert_int_equal(explain_absence(&snapshot), NAT_CAUSE_KICKED);
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_KICKED);
}

static void what_keeps_everybody_away(void **state)
{
	(void)state;
	unreached(NAT_CAUSE_FIREWALL_HERE);
	snapshot.nat_state.here = NAT_CAUSE_FIREWALL_HERE;
	assert_int_equal(explain_self(&snapshot), NAT_CAUSE_FIREWALL_HERE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nat_says),	cmocka_unit_test(without_the_server),
		cmocka_unit_test(when_nothing_answers), cmocka_unit_test(with_a_wrong_clock),
		cmocka_unit_test(outside_the_party),	cmocka_unit_test(what_keeps_everybody_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
