/* The dataplane's messages: what goes in comes out, and nothing wrong gets in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants those first */
#include <cmocka.h>

#include "svc-dataplane/codec.h"

#define SET_KEY(key, value) memset(key, value, DATAPLANE_KEY_SIZE)

static struct dataplane_member members[2];
static struct dataplane_party party;

/* A party that is right; each test makes one thing wrong. */
static void make_party(void)
{
	memset(members, 0, sizeof(members));
	for (unsigned i = 0; i < 2; i++) {
		SET_KEY(members[i].public_key, (int)i + 1);
		members[i].address = addr_ipv4(0x0a420002 + i, 0);
		members[i].number = (uint16_t)(2 + i);
		members[i].backend = DATAPLANE_BACKEND_STOCK;
		strcpy(members[i].name, i ? "noel" : "kira");
	}
	SET_KEY(members[1].preshared_key, 9);
	party = (struct dataplane_party){
		.revision = {UINT64_MAX, 3},
		.up = true,
		.scope = {1, 2, 3},
		.address = addr_ipv4(0x0a420001, 0),
		.prefix_length = 24,
		.number = 1,
		.n_members = 2,
		.members = members,
	};
}

/* Decoding of the party as it is now. */
static int redecode(struct dataplane_party *got)
{
	uint8_t *bytes;
	ssize_t length = dataplane_party_encode(&party, &bytes);
	int result;

	assert_true(length >= 0);
	result = dataplane_party_decode(got, bytes, (size_t)length);
	free(bytes);
	return result;
}

static void assert_party_refused(void)
{
	struct dataplane_party got;

	assert_int_equal(redecode(&got), -EBADMSG);
	assert_null(got.members);
	make_party();
}

static void test_party(void **state)
{
	struct dataplane_party got;

	(void)state;
	make_party();
	assert_int_equal(redecode(&got), 0);
	assert_int_equal(dataplane_revision_compare(&got.revision, &party.revision), 0);
	assert_true(got.up);
	assert_memory_equal(got.scope, party.scope, sizeof(got.scope));
	assert_true(addr_equal(&got.address, &party.address));
	assert_int_equal(got.prefix_length, 24);
	assert_int_equal(got.number, 1);
	assert_int_equal(got.n_members, 2);
	assert_memory_equal(got.members, members, sizeof(members));
	dataplane_party_clear(&got);
	assert_null(got.members);
}

static void test_party_down_needs_nothing(void **state)
{
	struct dataplane_party got;

	(void)state;
	party = (struct dataplane_party){.revision = {5, 6}};
	assert_int_equal(redecode(&got), 0);
	assert_false(got.up);
	assert_int_equal(got.revision.counter, 6);
	dataplane_party_clear(&got);
	assert_int_equal(dataplane_party_decode(&got, NULL, 0), 0);
	dataplane_party_clear(&got);
	party.up = true;
	assert_party_refused();
}

static void test_wrong_parties(void **state)
{
	(void)state;
	make_party();
	party.prefix_length = 7;
	assert_party_refused();
	party.prefix_length = 31;
	assert_party_refused();
	party.number = 0;
	assert_party_refused();
	party.address = addr_ipv4(0xffffffff, 0);
	assert_party_refused();
	party.address.port = 1;
	assert_party_refused();
	memset(&party.address, 0, sizeof(party.address));
	assert_party_refused();
	memset(members[0].public_key, 0, DATAPLANE_KEY_SIZE);
	assert_party_refused();
	members[1].address = addr_ipv4(0x0a420102, 0); /* outside the prefix */
	assert_party_refused();
	members[1].number = 0;
	assert_party_refused();
	members[1].backend = DATAPLANE_BACKEND_COUNT;
	assert_party_refused();
	assert_int_equal(addr_parse(&members[1].address, "fd00::2"), 0);
	assert_party_refused();
}

/* Bytes of `from` in the encoded party, replaced by `to`; result of decoding. */
static int decode_patched(const char *from, const char *to, size_t length)
{
	struct dataplane_party got;
	uint8_t *bytes, *place;
	ssize_t encoded = dataplane_party_encode(&party, &bytes);
	int result;

	assert_true(encoded > 0);
	place = memmem(bytes, (size_t)encoded, from, length);
	assert_non_null(place);
	memcpy(place, to, length);
	result = dataplane_party_decode(&got, bytes, (size_t)encoded);
	if (result == 0)
		dataplane_party_clear(&got);
	free(bytes);
	return result;
}

static void test_names(void **state)
{
	(void)state;
	make_party();
	assert_int_equal(decode_patched("kira", "ki\xc3\xbc", 4), 0);
	assert_int_equal(decode_patched("kira", "ki\0a", 4), -EBADMSG);
	assert_int_equal(decode_patched("kira", "kir\0", 4), -EBADMSG);
	memset(members[0].name, 'x', sizeof(members[0].name) - 1);
	assert_int_equal(decode_patched("xxxx", "xxxy", 4), 0);
}

static void test_every_truncation(void **state)
{
	struct dataplane_party got;
	uint8_t *bytes;
	ssize_t length;

	(void)state;
	make_party();
	length = dataplane_party_encode(&party, &bytes);
	for (ssize_t i = 1; i < length; i++) {
		/* cut between two members it is still a party */
		if (dataplane_party_decode(&got, bytes, (size_t)i) == 0)
			dataplane_party_clear(&got);
		bytes[i] ^= 0x80;
		if (dataplane_party_decode(&got, bytes, (size_t)length) == 0)
			dataplane_party_clear(&got);
		bytes[i] ^= 0x80;
	}
	free(bytes);
}

/* A body of empty members takes two bytes each and would become a hundred megabytes. */
static void test_budget(void **state)
{
	size_t length = 1u << 20;
	uint8_t *bytes = malloc(length + 2);
	struct dataplane_party got;

	(void)state;
	for (size_t i = 0; i < length + 2; i += 2) {
		bytes[i] = 7 << 3 | 2;
		bytes[i + 1] = 0;
	}
	assert_int_equal(dataplane_party_decode(&got, bytes, length), -EBADMSG);
	assert_int_equal(dataplane_party_decode(&got, bytes, length + 2), -EBADMSG);
	free(bytes);
}

static void test_largest_party(void **state)
{
	struct dataplane_member *many = calloc(DATAPLANE_MEMBERS_MAX + 1, sizeof(*many));
	struct dataplane_party got;

	(void)state;
	make_party();
	for (unsigned i = 0; i <= DATAPLANE_MEMBERS_MAX; i++) {
		many[i] = members[1];
		many[i].address = addr_ipv4(0x0a420002 + i, 0);
		memset(many[i].name, 'n', DATAPLANE_NAME_MAX - 1);
	}
	party.prefix_length = 16;
	party.members = many;
	party.n_members = DATAPLANE_MEMBERS_MAX;
	assert_int_equal(redecode(&got), 0);
	assert_int_equal(got.n_members, DATAPLANE_MEMBERS_MAX);
	dataplane_party_clear(&got);
	party.n_members++;
	assert_party_refused();
	free(many);
}

static void test_plan(void **state)
{
	struct dataplane_relay relay = {.name = "eu1", .n_endpoints = 2, .ticket_length = 256};
	struct dataplane_peer_plan *peers = calloc(DATAPLANE_MEMBERS_MAX, sizeof(*peers));
	struct dataplane_plan plan = {
		.revision = {1, 2}, .n_relays = 1, .relays = &relay, .peers = peers};
	struct dataplane_plan got;
	uint8_t *bytes;
	ssize_t length;

	(void)state;
	SET_KEY(relay.public_key, 7);
	memset(relay.ticket, 8, sizeof(relay.ticket));
	relay.endpoints[0] = addr_ipv4(0xcb007101, 51820);
	addr_parse(&relay.endpoints[1], "[2001:db8::1]:51820");
	plan.n_peers = 300;
	for (size_t i = 0; i < plan.n_peers; i++) {
		SET_KEY(peers[i].public_key, (int)(i % 255) + 1);
		peers[i].n_candidates = DATAPLANE_CANDIDATES_MAX;
		for (unsigned k = 0; k < DATAPLANE_CANDIDATES_MAX; k++)
			peers[i].candidates[k] = addr_ipv4(0xcb007100 + k, 1000);
		addr_parse(&peers[i].candidates[3], "[fe80::1%4]:9");
		peers[i].n_relays = 1;
		SET_KEY(peers[i].relays[0], 7);
	}
	length = dataplane_plan_encode(&plan, &bytes);
	assert_true(length > 0);
	assert_int_equal(dataplane_plan_decode(&got, bytes, (size_t)length), 0);
	assert_int_equal(got.n_relays, 1);
	assert_memory_equal(got.relays, &relay, sizeof(relay));
	assert_int_equal(got.n_peers, plan.n_peers);
	assert_memory_equal(got.peers, peers, plan.n_peers * sizeof(*peers));
	dataplane_plan_clear(&got);
	free(bytes);
	free(peers);
}

static void test_wrong_plans(void **state)
{
	enum { RELAY_UNKNOWN, PORT_ZERO, MULTICAST, NO_ENDPOINT, RIGHT };
	(void)state;
	for (int wrong = RELAY_UNKNOWN; wrong <= RIGHT; wrong++) {
		struct dataplane_relay relay = {.public_key = {7}, .n_endpoints = 1};
		struct dataplane_peer_plan peer = {
			.public_key = {1}, .n_candidates = 1, .n_relays = 1, .relays = {{7}}};
		struct dataplane_plan got,
			plan = {.n_relays = 1, .relays = &relay, .n_peers = 1, .peers = &peer};
		uint8_t *bytes;
		ssize_t length;

		relay.endpoints[0] = addr_ipv4(0xcb007101, 51820);
		peer.candidates[0] = addr_ipv4(0xcb007102, 51820);
		if (wrong == RELAY_UNKNOWN)
			peer.relays[0][0] = 8;
		else if (wrong == PORT_ZERO)
			peer.candidates[0].port = 0;
		else if (wrong == MULTICAST)
			peer.candidates[0] = addr_ipv4(0xe0000001, 51820);
		else if (wrong == NO_ENDPOINT)
			relay.n_endpoints = 0;
		length = dataplane_plan_encode(&plan, &bytes);
		assert_true(length > 0);
		assert_int_equal(dataplane_plan_decode(&got, bytes, (size_t)length),
				 wrong == RIGHT ? 0 : -EBADMSG);
		dataplane_plan_clear(&got);
		free(bytes);
	}
}

static struct dataplane_path paths[2];
static struct dataplane_peer peer;
static struct dataplane_relay_status relay_status;
static struct dataplane_state snapshot;

static void make_state(void)
{
	memset(paths, 0, sizeof(paths));
	paths[0] = (struct dataplane_path){
		.kind = DATAPLANE_PATH_RELAY,
		.state = DATAPLANE_PATH_WORKING,
		.endpoint = addr_ipv4(0xcb007101, 51820),
		.relay = {7},
		.rtt_us = 0, /* measured as nothing is not the same as not measured */
		.jitter_us = DATAPLANE_UNKNOWN,
		.loss_permille = 1000,
		.last_receive_age_us = DATAPLANE_UNKNOWN_AGE,
		.rx_bytes = 1ULL << 60,
	};
	paths[1] = paths[0];
	paths[0].unbound = true;
	paths[1].kind = DATAPLANE_PATH_DIRECT;
	paths[1].hole = true;
	peer = (struct dataplane_peer){.public_key = {1},
				       .state = DATAPLANE_PEER_CONNECTED,
				       .active_path = -1,
				       .handshake_age_us = 5,
				       .n_paths = 2,
				       .paths = paths};
	relay_status = (struct dataplane_relay_status){.public_key = {7},
						       .name = "eu1",
						       .state = DATAPLANE_RELAY_REFUSED,
						       .rtt_us = DATAPLANE_UNKNOWN,
						       .handshake_age_us = DATAPLANE_UNKNOWN_AGE,
						       .reason = "the relay is full",
						       .full = true,
						       .unanswered = true};
	snapshot =
		(struct dataplane_state){.instance = 77,
					 .party = {1, 2},
					 .interface = "lanrage0",
					 .interface_state = DATAPLANE_INTERFACE_FAILED,
					 .interface_reason = "no such device",
					 .port_ipv4 = 51820,
					 .filtered_age_us = DATAPLANE_UNKNOWN_AGE,
					 .offloads = DATAPLANE_OFFLOAD_TSO | DATAPLANE_OFFLOAD_GRO,
					 .cipher = "ipsec-mb avx2",
					 .cipher_ns = 549,
					 .lan = DATAPLANE_LAN_DISCOVERY,
					 .lan_counters = {1, 2, 3, 4, 5, 6, 7},
					 .n_peers = 1,
					 .peers = &peer,
					 .n_relays = 1,
					 .relays = &relay_status,
					 .n_reflexive = 1};
	snapshot.reflexive[0] = addr_ipv4(0xcb007109, 4242);
}

static int redecode_state(struct dataplane_state *got)
{
	uint8_t *bytes;
	ssize_t length = dataplane_state_encode(&snapshot, &bytes);
	int result;

	assert_true(length > 0);
	result = dataplane_state_decode(got, bytes, (size_t)length);
	free(bytes);
	make_state();
	return result;
}

static void test_state(void **state)
{
	struct dataplane_state got;

	(void)state;
	make_state();
	assert_int_equal(redecode_state(&got), 0);
	assert_int_equal(got.instance, 77);
	assert_string_equal(got.interface, "lanrage0");
	assert_string_equal(got.interface_reason, "no such device");
	assert_int_equal(got.port_ipv4, 51820);
	assert_int_equal(got.port_ipv6, 0);
	assert_true(got.filtered_age_us == DATAPLANE_UNKNOWN_AGE);
	assert_int_equal(got.offloads, DATAPLANE_OFFLOAD_TSO | DATAPLANE_OFFLOAD_GRO);
	assert_string_equal(got.cipher, "ipsec-mb avx2");
	assert_int_equal(got.cipher_ns, 549);
	assert_int_equal(got.lan, DATAPLANE_LAN_DISCOVERY);
	assert_memory_equal(&got.lan_counters, &snapshot.lan_counters, sizeof(got.lan_counters));
	assert_int_equal(got.n_peers, 1);
	assert_int_equal(got.peers[0].active_path, -1);
	assert_int_equal(got.peers[0].handshake_age_us, 5);
	assert_memory_equal(got.peers[0].paths, paths, sizeof(paths));
	assert_memory_equal(got.relays, &relay_status, sizeof(relay_status));
	assert_memory_equal(got.reflexive, snapshot.reflexive, sizeof(got.reflexive));
	dataplane_state_clear(&got);
	snapshot.filtered_age_us = 0; /* just now is not never */
	assert_int_equal(redecode_state(&got), 0);
	assert_int_equal(got.filtered_age_us, 0);
	dataplane_state_clear(&got);
}

static void test_wrong_states(void **state)
{
	struct dataplane_state got;

	(void)state;
	make_state();
	paths[1].kind = DATAPLANE_PATH_KINDS;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	paths[1].origin = DATAPLANE_ORIGIN_COUNT;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	paths[1].state = DATAPLANE_PATH_STATES;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	paths[1].loss_permille = 1001;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	peer.state = DATAPLANE_PEER_STATES;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	peer.active_path = 2;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	peer.active_path = -2;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	relay_status.state = DATAPLANE_RELAY_STATES;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	snapshot.interface_state = DATAPLANE_INTERFACE_STATES;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	snapshot.reflexive[0].port = 0;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	snapshot.offloads = DATAPLANE_OFFLOADS + 1;
	assert_int_equal(redecode_state(&got), -EBADMSG);
	peer.active_path = 1;
	assert_int_equal(redecode_state(&got), 0);
	dataplane_state_clear(&got);
}

static void test_state_too_large(void **state)
{
	struct dataplane_path many[DATAPLANE_PATHS_MAX];
	struct dataplane_peer *peers = calloc(DATAPLANE_MEMBERS_MAX, sizeof(*peers));
	uint8_t *bytes;

	(void)state;
	make_state();
	for (unsigned i = 0; i < DATAPLANE_PATHS_MAX; i++)
		many[i] = paths[0];
	peer.n_paths = DATAPLANE_PATHS_MAX;
	peer.paths = many;
	for (unsigned i = 0; i < DATAPLANE_MEMBERS_MAX; i++)
		peers[i] = peer;
	snapshot.peers = peers;
	snapshot.n_peers = DATAPLANE_MEMBERS_MAX;
	assert_int_equal(dataplane_state_encode(&snapshot, &bytes), -EMSGSIZE);
	assert_null(bytes);
	free(peers);
}

static void test_small_messages(void **state)
{
	struct dataplane_key key = {{1, 2, 3}}, got_key;
	struct dataplane_probe_result result = {.rtt_us = 123,
						.kind = DATAPLANE_PATH_RELAY,
						.endpoint = addr_ipv4(0xcb007101, 9),
						.relay = {7}},
				      got;
	uint8_t *bytes;
	ssize_t length = dataplane_key_encode(&key, &bytes);

	(void)state;
	assert_int_equal(dataplane_key_decode(&got_key, bytes, (size_t)length), 0);
	assert_memory_equal(&got_key, &key, sizeof(key));
	assert_int_equal(dataplane_key_decode(&got_key, bytes, (size_t)length - 1), -EBADMSG);
	assert_int_equal(dataplane_key_decode(&got_key, NULL, 0), -EBADMSG);
	free(bytes);
	length = dataplane_probe_result_encode(&result, &bytes);
	assert_int_equal(dataplane_probe_result_decode(&got, bytes, (size_t)length), 0);
	assert_memory_equal(&got, &result, sizeof(got));
	free(bytes);
}

static void test_revisions(void **state)
{
	const struct dataplane_revision a = {1, 9}, b = {2, 1}, c = {2, 2};

	(void)state;
	assert_true(dataplane_revision_compare(&a, &b) < 0);
	assert_true(dataplane_revision_compare(&c, &b) > 0);
	assert_true(dataplane_revision_compare(&c, &a) > 0);
	assert_int_equal(dataplane_revision_compare(&c, &c), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_party),
		cmocka_unit_test(test_party_down_needs_nothing),
		cmocka_unit_test(test_wrong_parties),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_budget),
		cmocka_unit_test(test_largest_party),
		cmocka_unit_test(test_plan),
		cmocka_unit_test(test_wrong_plans),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_wrong_states),
		cmocka_unit_test(test_state_too_large),
		cmocka_unit_test(test_small_messages),
		cmocka_unit_test(test_revisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
