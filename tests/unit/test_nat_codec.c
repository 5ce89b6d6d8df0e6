/* svc-nat's messages: what goes in comes out, and nothing wrong gets in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "svc-nat/codec.h"

#define SET_KEY(key, value) memset(key, value, DATAPLANE_KEY_SIZE)

static struct nat_relay relays[2];
static struct nat_member members[2];
static struct nat_desired desired;
static struct nat_reason reasons[2];
static struct nat_state current;

static struct addr parse(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	return addr;
}

static void make_relays(void)
{
	memset(relays, 0, sizeof(relays));
	for (unsigned i = 0; i < 2; i++) {
		SET_KEY(relays[i].public_key, 10 + (int)i);
		strcpy(relays[i].name, i ? "us1" : "eu1");
		relays[i].n_endpoints = i + 1;
		relays[i].endpoints[0] = parse("203.0.113.1:9000");
		if (i)
			relays[i].endpoints[1] = parse("[2001:db8::1]:9000");
		relays[i].ticket_length = i ? DATAPLANE_TICKET_MAX : 0;
		memset(relays[i].ticket, i ? 7 : 0, sizeof(relays[i].ticket));
	}
}

static void make_members(void)
{
	memset(members, 0, sizeof(members));
	for (unsigned i = 0; i < 2; i++) {
		SET_KEY(members[i].public_key, 20 + (int)i);
		members[i].number = (uint16_t)(i + 2);
		members[i].backend = i ? DATAPLANE_BACKEND_STOCK : DATAPLANE_BACKEND_ENGINE;
		strcpy(members[i].name, i ? "kira" : "zoë");
		members[i].online = i;
		members[i].mapping = i ? NAT_BLOCKED : NAT_UNKNOWN;
		members[i].filtering = i ? NAT_ENDPOINT_INDEPENDENT : NAT_NONE;
	}
	members[1].n_candidates = DATAPLANE_CANDIDATES_MAX;
	for (unsigned i = 0; i < DATAPLANE_CANDIDATES_MAX; i++)
		members[1].candidates[i] =
			(struct nat_candidate){addr_ipv4(0xc0000200 + i, (uint16_t)(1 + i)),
					       (enum nat_candidate_kind)(i % NAT_CANDIDATE_KINDS)};
	members[1].n_relays = NAT_MEMBER_RELAYS_MAX;
	SET_KEY(members[1].relays[0], 10);
	SET_KEY(members[1].relays[1], 99);
	members[1].n_distances = NAT_RELAYS_MAX;
	for (unsigned i = 0; i < NAT_RELAYS_MAX; i++)
		members[1].distances[i] = (struct nat_distance){
			{(uint8_t)i, 7}, (uint16_t)(i ? i : NAT_DISTANCE_MAX_MS)};
}

/* A desired state that is right; each test makes one thing wrong. */
static void make_desired(void)
{
	make_relays();
	make_members();
	desired = (struct nat_desired){
		.revision = {UINT64_MAX, 3},
		.active = true,
		.n_stun_servers = 2,
		.stun_servers = {parse("203.0.113.1:3478"), parse("[2001:db8::2]:3478")},
		.n_relays = 2,
		.relays = relays,
		.n_members = 2,
		.members = members,
	};
	assert_int_equal(addr_prefix_parse(&desired.virtual_prefix, "10.66.0.0/16"), 0);
}

static int redecode_desired(struct nat_desired *got)
{
	uint8_t *bytes;
	ssize_t length = nat_desired_encode(&desired, &bytes);
	int result;

	assert_true(length >= 0);
	result = nat_desired_decode(got, bytes, (size_t)length);
	free(bytes);
	return result;
}

static void assert_desired_refused(void)
{
	struct nat_desired got;

	assert_int_equal(redecode_desired(&got), -EBADMSG);
	assert_null(got.members);
	assert_null(got.relays);
	make_desired();
}

static void test_desired(void **state)
{
	struct nat_desired got;

	(void)state;
	make_desired();
	assert_int_equal(redecode_desired(&got), 0);
	assert_int_equal(dataplane_revision_compare(&got.revision, &desired.revision), 0);
	assert_true(got.active);
	assert_int_equal(got.n_stun_servers, 2);
	assert_memory_equal(got.stun_servers, desired.stun_servers, sizeof(got.stun_servers));
	assert_int_equal(got.n_relays, 2);
	assert_memory_equal(got.relays, relays, sizeof(relays));
	assert_int_equal(got.n_members, 2);
	assert_memory_equal(got.members, members, sizeof(members));
	assert_true(addr_equal(&got.virtual_prefix.addr, &desired.virtual_prefix.addr));
	assert_int_equal(got.virtual_prefix.length, 16);
	nat_desired_clear(&got);
}

static void test_nothing_desired(void **state)
{
	struct nat_desired got;

	(void)state;
	assert_int_equal(nat_desired_decode(&got, NULL, 0), 0);
	assert_false(got.active);
	assert_int_equal(got.n_members + got.n_relays + got.n_stun_servers, 0);
	assert_true(addr_is_none(&got.virtual_prefix.addr));
	desired = (struct nat_desired){0};
	assert_int_equal(redecode_desired(&got), 0);
	nat_desired_clear(&got);
}

static void test_wrong_desired(void **state)
{
	(void)state;
	make_desired();
	desired.stun_servers[0].port = 0;
	assert_desired_refused();
	desired.stun_servers[1] = parse("224.0.0.1:3478");
	assert_desired_refused();
	SET_KEY(relays[1].public_key, 0);
	assert_desired_refused();
	relays[0].endpoints[0] = (struct addr){0};
	assert_desired_refused();
	SET_KEY(members[0].public_key, 0);
	assert_desired_refused();
	members[1].number = 0;
	assert_desired_refused();
	members[1].backend = DATAPLANE_BACKEND_COUNT;
	assert_desired_refused();
	members[1].candidates[5].kind = NAT_CANDIDATE_KINDS;
	assert_desired_refused();
	SET_KEY(members[1].relays[1], 0);
	assert_desired_refused();
	members[0].mapping = NAT_BEHAVIOURS;
	assert_desired_refused();
	members[0].filtering = NAT_BEHAVIOURS;
	assert_desired_refused();
	members[1].distances[3].rtt_ms = NAT_DISTANCE_MAX_MS + 1;
	assert_desired_refused();
	desired.virtual_prefix.length = 33;
	assert_desired_refused();
	desired.virtual_prefix = (struct addr_prefix){.length = 1};
	assert_desired_refused();
}

/* A member may announce anything: that must not cost the others their handover. */
static void test_odd_candidates(void **state)
{
	static const char *const odd[] = {"0.0.0.0:0", "255.255.255.255:1", "[::1]:5",
					  "[fe80::1%7]:4000", "[2001:db8::1]:0"};
	struct nat_desired got;

	(void)state;
	make_desired();
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		members[1].candidates[i].address = parse(odd[i]);
	members[1].candidates[5].address = (struct addr){0};
	assert_int_equal(redecode_desired(&got), 0);
	assert_memory_equal(got.members, members, sizeof(members));
	nat_desired_clear(&got);
}

static void test_too_many(void **state)
{
	struct nat_member *many = calloc(DATAPLANE_MEMBERS_MAX + 1, sizeof(*many));
	struct nat_desired got;

	(void)state;
	assert_non_null(many);
	make_desired();
	for (size_t i = 0; i <= DATAPLANE_MEMBERS_MAX; i++)
		many[i] = members[0];
	desired.members = many;
	desired.n_members = DATAPLANE_MEMBERS_MAX;
	assert_int_equal(redecode_desired(&got), 0);
	assert_int_equal(got.n_members, DATAPLANE_MEMBERS_MAX);
	nat_desired_clear(&got);
	desired.n_members++;
	assert_desired_refused();
	free(many);
}

static void make_state(void)
{
	memset(reasons, 0, sizeof(reasons));
	SET_KEY(reasons[0].public_key, 20);
	SET_KEY(reasons[1].public_key, 21);
	reasons[1].cause = NAT_CAUSE_NO_RELAY;
	memset(&current, 0, sizeof(current));
	current.desired = (struct dataplane_revision){5, 6};
	current.n_candidates = 2;
	current.candidates[0] =
		(struct nat_candidate){parse("192.168.1.5:4000"), NAT_CANDIDATE_HOST};
	current.candidates[1] =
		(struct nat_candidate){parse("[2001:db8::5]:4000"), NAT_CANDIDATE_PEER};
	current.n_chosen_relays = 1;
	SET_KEY(current.chosen_relays[0], 10);
	current.mapping = NAT_ADDRESS_AND_PORT_DEPENDENT;
	current.n_distances = 2;
	current.distances[0] = (struct nat_distance){{1, 2, 3}, 20};
	current.distances[1] = (struct nat_distance){{1, 2, 4}, 0};
	current.n_public = 1;
	current.public[0] = parse("198.51.100.5:7000");
	current.n_relays = 2;
	for (unsigned i = 0; i < 2; i++) {
		SET_KEY(current.relays[i].public_key, 10 + (int)i);
		strcpy(current.relays[i].name, i ? "us1" : "eu1");
		current.relays[i].state = i ? DATAPLANE_RELAY_REFUSED : DATAPLANE_RELAY_BOUND;
		current.relays[i].rtt_us = i ? DATAPLANE_UNKNOWN : 12345;
		current.relays[i].chosen = !i;
		current.relays[i].by_tcp = i;
	}
	current.relays[0].endpoint = parse("203.0.113.1:9000");
	strcpy(current.relays[1].reason, "the ticket has expired");
	current.n_reasons = 2;
	current.reasons = reasons;
	current.announce_counter = 77;
	current.here = NAT_CAUSE_UDP_BLOCKED_HERE;
}

static int redecode_state(struct nat_state *got)
{
	uint8_t *bytes;
	ssize_t length = nat_state_encode(&current, &bytes);
	int result;

	assert_true(length >= 0);
	result = nat_state_decode(got, bytes, (size_t)length);
	free(bytes);
	return result;
}

static void assert_state_refused(void)
{
	struct nat_state got;

	assert_int_equal(redecode_state(&got), -EBADMSG);
	assert_null(got.reasons);
	make_state();
}

static void test_state(void **state)
{
	struct nat_state got;

	(void)state;
	make_state();
	assert_int_equal(redecode_state(&got), 0);
	assert_memory_equal(got.reasons, reasons, sizeof(reasons));
	free(got.reasons);
	got.reasons = reasons;
	assert_memory_equal(&got, &current, sizeof(got));
	assert_int_equal(nat_state_decode(&got, NULL, 0), 0);
	nat_state_clear(&got);
}

static void test_wrong_state(void **state)
{
	(void)state;
	make_state();
	current.mapping = NAT_BEHAVIOURS;
	assert_state_refused();
	current.candidates[0].kind = NAT_CANDIDATE_KINDS;
	assert_state_refused();
	SET_KEY(current.chosen_relays[0], 0);
	assert_state_refused();
	current.distances[1].rtt_ms = UINT16_MAX;
	assert_state_refused();
	current.public[0].port = 0;
	assert_state_refused();
	current.relays[1].state = DATAPLANE_RELAY_STATES;
	assert_state_refused();
	current.here = NAT_CAUSES;
	assert_state_refused();
	reasons[1].cause = NAT_CAUSES;
	assert_state_refused();
	SET_KEY(reasons[0].public_key, 0);
	assert_state_refused();
}

/* Every prefix, and every byte made another: refused or decoded, never anything else. */
static void test_damage(void **state)
{
	struct nat_desired got;
	uint8_t *bytes, *copy;
	ssize_t length;

	(void)state;
	make_desired();
	length = nat_desired_encode(&desired, &bytes);
	assert_true(length > 0);
	for (size_t i = 0; i < (size_t)length; i++) {
		copy = malloc(i + 1);
		assert_non_null(copy);
		memcpy(copy, bytes, i);
		(void)nat_desired_decode(&got, copy, i);
		nat_desired_clear(&got);
		free(copy);
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1u << bit);
			(void)nat_desired_decode(&got, bytes, (size_t)length);
			nat_desired_clear(&got);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	}
	free(bytes);
}

/* Half a million empty members are a megabyte on the wire and far more in memory. */
static void test_bomb(void **state)
{
	const size_t length = 1 << 20;
	uint8_t *bytes = malloc(length);
	struct nat_desired got;

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < length; i += 2) {
		bytes[i] = 5 << 3 | 2;
		bytes[i + 1] = 0;
	}
	assert_int_equal(nat_desired_decode(&got, bytes, length), -EBADMSG);
	free(bytes);
}

static void make_check(struct nat_netcheck *check)
{
	memset(check, 0, sizeof(*check));
	check->n_servers = 2;
	check->servers[0].endpoint = parse("203.0.113.1:8667");
	check->servers[0].rtt_us = 12345;
	check->servers[0].mapped = parse("198.51.100.5:7000");
	check->servers[1].endpoint = parse("[2001:db8::1]:51820");
	strcpy(check->servers[1].relay, "eu1");
	check->servers[1].rtt_us = DATAPLANE_UNKNOWN;
	check->answered = true;
	check->mapping = NAT_ENDPOINT_INDEPENDENT;
	check->filtering = NAT_PORT_INDEPENDENT;
	check->n_public = 1;
	check->public[0] = parse("198.51.100.5:7000");
	check->has_ipv4 = true;
	check->mtu = 1492;
	check->here = NAT_CAUSE_FIREWALL_HERE;
}

static int redecode_check(const struct nat_netcheck *check, struct nat_netcheck *got)
{
	uint8_t *bytes;
	ssize_t length = nat_netcheck_encode(check, &bytes);
	int result;

	assert_true(length >= 0);
	result = nat_netcheck_decode(got, bytes, (size_t)length);
	free(bytes);
	return result;
}

static void test_check(void **state)
{
	static struct nat_netcheck check, got;

	(void)state;
	make_check(&check);
	assert_int_equal(redecode_check(&check, &got), 0);
	assert_memory_equal(&got, &check, sizeof(got));
	assert_int_equal(nat_netcheck_decode(&got, NULL, 0), 0);
	check.mapping = NAT_BEHAVIOURS;
	assert_int_equal(redecode_check(&check, &got), -EBADMSG);
	make_check(&check);
	check.here = NAT_CAUSES;
	assert_int_equal(redecode_check(&check, &got), -EBADMSG);
	make_check(&check);
	check.servers[1].endpoint.port = 0;
	assert_int_equal(redecode_check(&check, &got), -EBADMSG);
	make_check(&check);
	strcpy(check.servers[0].relay, "\n");
	assert_int_equal(redecode_check(&check, &got), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_desired),	      cmocka_unit_test(test_nothing_desired),
		cmocka_unit_test(test_wrong_desired), cmocka_unit_test(test_odd_candidates),
		cmocka_unit_test(test_too_many),      cmocka_unit_test(test_state),
		cmocka_unit_test(test_check),	      cmocka_unit_test(test_wrong_state),
		cmocka_unit_test(test_damage),	      cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
