/* The rendezvous frames: what goes in comes out, and nothing else is let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "rendezvous.pb-c.h"
#include "svc-control/rendezvous_codec.h"

static uint8_t blob[RENDEZVOUS_SEALED_MAX];

static void fill(uint8_t *bytes, size_t length, uint8_t first)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(first + i);
}

/* Encodes, decodes, checks that encoding again gives the same bytes; *out is the caller's. */
static void client_round_trip(const struct rendezvous_client_frame *in,
			      struct rendezvous_client_frame *out)
{
	uint8_t *bytes, *again;
	ssize_t length = rendezvous_client_encode(in, &bytes);

	assert_true(length > 0);
	assert_int_equal(rendezvous_client_decode(out, bytes, (size_t)length), 0);
	assert_int_equal(out->request_id, in->request_id);
	assert_int_equal(out->type, in->type);
	assert_int_equal(rendezvous_client_encode(out, &again), length);
	assert_memory_equal(bytes, again, (size_t)length);
	free(bytes);
	free(again);
}

static void server_round_trip(const struct rendezvous_server_frame *in,
			      struct rendezvous_server_frame *out)
{
	uint8_t *bytes, *again;
	ssize_t length = rendezvous_server_encode(in, &bytes);

	assert_true(length > 0);
	assert_int_equal(rendezvous_server_decode(out, bytes, (size_t)length), 0);
	assert_int_equal(out->request_id, in->request_id);
	assert_int_equal(out->type, in->type);
	assert_int_equal(rendezvous_server_encode(out, &again), length);
	assert_memory_equal(bytes, again, (size_t)length);
	free(bytes);
	free(again);
}

static struct rendezvous_client_frame client_frame(enum rendezvous_client_type type)
{
	struct rendezvous_client_frame frame = {.request_id = 7, .type = type};

	fill(frame.party_id, sizeof(frame.party_id), 1);
	return frame;
}

static void test_login(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_LOGIN), out;

	(void)state;
	memset(in.party_id, 0, sizeof(in.party_id));
	fill(in.login.identity, 32, 3);
	fill(in.login.client_nonce, 32, 50);
	fill(in.login.signature, 64, 90);
	strcpy(in.login.server_address, "play.example.org:443");
	in.login.protocol = 1;
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
	rendezvous_client_clear(&out);
}

static void test_create_party(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_CREATE_PARTY), out;

	(void)state;
	assert_int_equal(addr_prefix_parse(&in.create_party.prefix, "10.66.0.0/16"), 0);
	in.create_party.generation = 1;
	fill(in.create_party.wireguard_key, 32, 9);
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
	rendezvous_client_clear(&out);
}

static void test_prefixes_out_of_range_are_refused(void **state)
{
	static const struct {
		uint32_t ip;
		uint8_t length;
	} table[] = {{0x0a420000, 7}, {0x0a420000, 25}, {0x0a420001, 16}, {0x0a420000, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct rendezvous_client_frame in = client_frame(RENDEZVOUS_CREATE_PARTY), out;
		uint8_t *bytes;
		ssize_t length;

		in.create_party.prefix.addr = addr_ipv4(table[i].ip, 0);
		in.create_party.prefix.length = table[i].length;
		length = rendezvous_client_encode(&in, &bytes);
		assert_true(length > 0);
		assert_int_equal(rendezvous_client_decode(&out, bytes, (size_t)length), -EBADMSG);
		free(bytes);
	}
}

static void test_invites(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_PUT_INVITE), out;

	(void)state;
	fill(in.put_invite.lookup_id, 16, 20);
	fill(in.put_invite.invite_key, 32, 40);
	in.put_invite.sealed.bytes = blob;
	in.put_invite.sealed.length = RENDEZVOUS_INVITE_MAX;
	in.put_invite.expires_s = 1900000000;
	in.put_invite.uses = 1;
	client_round_trip(&in, &out);
	assert_int_equal(out.put_invite.sealed.length, RENDEZVOUS_INVITE_MAX);
	assert_int_equal(out.put_invite.expires_s, 1900000000);
	assert_int_equal(out.put_invite.uses, 1);
	rendezvous_client_clear(&out);
	assert_null(out.put_invite.sealed.bytes);

	in = client_frame(RENDEZVOUS_REVOKE_INVITE);
	fill(in.revoke_invite.lookup_id, 16, 20);
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));

	in = client_frame(RENDEZVOUS_GET_INVITE);
	memset(in.party_id, 0, sizeof(in.party_id));
	fill(in.get_invite.lookup_id, 16, 20);
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void test_join_with_and_without_invite(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_JOIN_PARTY), out;

	(void)state;
	fill(in.join_party.wireguard_key, 32, 5);
	client_round_trip(&in, &out);
	assert_false(out.join_party.has_invite);
	in.join_party.has_invite = true;
	fill(in.join_party.invite_key, 32, 60);
	fill(in.join_party.signature, 64, 100);
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
}

static void test_announce_is_bounded(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_ANNOUNCE), out;
	uint8_t *large = calloc(1, RENDEZVOUS_SEALED_MAX + 1), *bytes;
	ssize_t length;

	(void)state;
	in.announce.sealed.bytes = large;
	in.announce.sealed.length = RENDEZVOUS_SEALED_MAX;
	client_round_trip(&in, &out);
	rendezvous_client_clear(&out);
	in.announce.sealed.length = RENDEZVOUS_SEALED_MAX + 1;
	length = rendezvous_client_encode(&in, &bytes);
	assert_int_equal(rendezvous_client_decode(&out, bytes, (size_t)length), -EBADMSG);
	free(bytes);
	in.announce.sealed.length = 0;
	length = rendezvous_client_encode(&in, &bytes);
	assert_int_equal(rendezvous_client_decode(&out, bytes, (size_t)length), -EBADMSG);
	free(bytes);
	free(large);
}

static void test_small_requests(void **state)
{
	static const enum rendezvous_client_type types[] = {
		RENDEZVOUS_LEAVE_PARTY, RENDEZVOUS_RESUME, RENDEZVOUS_GET_TICKETS};
	struct rendezvous_client_frame in, out;

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		in = client_frame(types[i]);
		if (types[i] == RENDEZVOUS_RESUME)
			in.resume.change = UINT64_MAX;
		client_round_trip(&in, &out);
		assert_memory_equal(&in, &out, sizeof(in));
	}
	in = client_frame(RENDEZVOUS_PING);
	client_round_trip(&in, &out);
}

static void test_relay_register(void **state)
{
	struct rendezvous_client_frame in = client_frame(RENDEZVOUS_RELAY_REGISTER), out;
	uint8_t *bytes;
	ssize_t length;

	(void)state;
	memset(in.party_id, 0, sizeof(in.party_id));
	fill(in.relay_register.relay_key, 32, 77);
	in.relay_register.port = 3478;
	in.relay_register.n_endpoints = 2;
	assert_int_equal(addr_parse(&in.relay_register.endpoints[0], "203.0.113.7:3478"), 0);
	assert_int_equal(addr_parse(&in.relay_register.endpoints[1], "[2001:db8::1]:3478"), 0);
	strcpy(in.relay_register.region, "eu-west");
	in.relay_register.load_permille = 1000;
	in.relay_register.members = 12;
	in.relay_register.draining = true;
	client_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));

	strcpy(in.relay_register.region, "eu\nwest");
	length = rendezvous_client_encode(&in, &bytes);
	assert_int_equal(rendezvous_client_decode(&out, bytes, (size_t)length), -EBADMSG);
	free(bytes);
	strcpy(in.relay_register.region, "eu");
	in.relay_register.endpoints[0] = addr_ipv4(0xffffffff, 1);
	length = rendezvous_client_encode(&in, &bytes);
	assert_int_equal(rendezvous_client_decode(&out, bytes, (size_t)length), -EBADMSG);
	free(bytes);
}

static void test_handshake_answers(void **state)
{
	struct rendezvous_server_frame in = {.type = RENDEZVOUS_CHALLENGE}, out;

	(void)state;
	fill(in.challenge.server_nonce, 32, 1);
	server_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));

	memset(&in, 0, sizeof(in));
	in.type = RENDEZVOUS_WELCOME;
	in.request_id = 1;
	fill(in.welcome.ticket_key, 32, 2);
	in.welcome.observed = addr_ipv4(0xc0000201, 40000);
	in.welcome.stun_port = 3478;
	in.welcome.time_s = 1800000000;
	server_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));

	memset(&in, 0, sizeof(in));
	in.type = RENDEZVOUS_ERROR;
	in.error.code = RENDEZVOUS_ERROR_TOO_MANY;
	in.error.retry_after_s = 30;
	strcpy(in.error.text, "too many guesses; wait 30 s");
	server_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));

	memset(&in, 0, sizeof(in));
	in.type = RENDEZVOUS_DONE;
	in.request_id = 5;
	server_round_trip(&in, &out);
}

static void test_full_party_frame_fits(void **state)
{
	struct rendezvous_server_frame *in = calloc(1, sizeof(*in)), *out = calloc(1, sizeof(*out));
	struct rendezvous_party *party = &in->party;

	(void)state;
	in->type = RENDEZVOUS_PARTY;
	fill(party->party_id, 16, 1);
	fill(party->host, 32, 2);
	addr_prefix_parse(&party->prefix, "10.66.0.0/16");
	party->generation = 3;
	party->change = UINT64_MAX;
	party->whole = party->more = true;
	party->n_members = RENDEZVOUS_MEMBERS_PER_FRAME;
	for (size_t i = 0; i < party->n_members; i++) {
		struct rendezvous_member *member = &party->members[i];

		fill(member->identity, 32, (uint8_t)i);
		fill(member->wireguard_key, 32, (uint8_t)(i + 9));
		member->number = (uint16_t)(65535 - i);
		member->lease = (uint32_t)i + 1;
		member->address = addr_ipv4(0x0a420001 + (uint32_t)i, 0);
		member->online = i % 2;
		member->left = i % 3 == 0;
		member->change = UINT64_MAX - i;
		member->has_invite_key = i > 0;
		if (i > 0)
			fill(member->invite_key, 32, 99);
		member->sealed.bytes = blob;
		member->sealed.length = sizeof(blob);
	}
	server_round_trip(in, out);
	assert_true(out->party.whole && out->party.more);
	assert_int_equal(out->party.members[11].number, 65524);
	assert_false(out->party.members[0].has_invite_key);
	assert_int_equal(out->party.members[3].sealed.length, sizeof(blob));
	rendezvous_server_clear(out);
	free(in);
	free(out);
}

static void test_invite_and_tickets(void **state)
{
	struct rendezvous_server_frame in = {.request_id = 2, .type = RENDEZVOUS_INVITE}, out;

	(void)state;
	fill(in.invite.party_id, 16, 1);
	fill(in.invite.invite_key, 32, 2);
	in.invite.sealed.bytes = blob;
	in.invite.sealed.length = 300;
	in.invite.expires_s = 5;
	server_round_trip(&in, &out);
	assert_int_equal(out.invite.sealed.length, 300);
	rendezvous_server_clear(&out);

	memset(&in, 0, sizeof(in));
	in.type = RENDEZVOUS_TICKETS;
	in.tickets.n_relays = RENDEZVOUS_RELAYS_MAX;
	for (size_t i = 0; i < RENDEZVOUS_RELAYS_MAX; i++) {
		struct rendezvous_relay *relay = &in.tickets.relays[i];

		fill(relay->relay_key, 32, (uint8_t)i);
		relay->n_endpoints = 1;
		relay->endpoints[0] = addr_ipv4(0xcb007107, 443);
		strcpy(relay->region, "eu");
		relay->ticket_length = i % 2 ? TICKET_SIZE : 0;
		if (i % 2)
			fill(relay->ticket, TICKET_SIZE, 1);
	}
	server_round_trip(&in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
}

/* Formats are for ever: these bytes are what every released program understands. */
static void test_golden_bytes(void **state)
{
	static const uint8_t ping[] = {0x08, 0x2a, 0x6a, 0x00};
	static const uint8_t get_invite[] = {0x08, 0x01, 0x2a, 0x12, 0x0a, 0x10, 1, 2,
					     3,	   4,	 5,    6,    7,	   8,	 9, 10,
					     11,   12,	 13,   14,   15,   16};
	struct rendezvous_client_frame frame = {.request_id = 42, .type = RENDEZVOUS_PING};
	uint8_t *bytes;

	(void)state;
	assert_int_equal(rendezvous_client_encode(&frame, &bytes), sizeof(ping));
	assert_memory_equal(bytes, ping, sizeof(ping));
	free(bytes);
	assert_int_equal(rendezvous_client_decode(&frame, get_invite, sizeof(get_invite)), 0);
	assert_int_equal(frame.type, RENDEZVOUS_GET_INVITE);
	assert_int_equal(frame.get_invite.lookup_id[15], 16);
}

static void test_malformed_client_frames(void **state)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t length;
	} table[] = {
		{"empty", "", 0},
		{"request id 0", "\x6a\x00", 2},
		{"no body", "\x08\x01", 2},
		{"unknown body", "\x08\x01\xa2\x06\x00", 5},
		{"truncated", "\x08\x01\x2a\x12\x0a\x10\x01", 7},
		{"short lookup id", "\x08\x01\x2a\x04\x0a\x02\x01\x02", 8},
		{"two bodies", "\x08\x01\x6a\x00\x6a\x00", 6},
		{"two request ids", "\x08\x01\x08\x01\x6a\x00", 6},
		{"overlong number", "\x08\x81\x00\x6a\x00", 5},
		{"garbage", "\xff\xff\xff\xff\xff\xff", 6},
	};
	struct rendezvous_client_frame frame;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (rendezvous_client_decode(&frame, (const uint8_t *)table[i].bytes,
					     table[i].length) != -EBADMSG)
			fail_msg("%s was accepted", table[i].what);
}

static void test_unknown_fields_are_ignored(void **state)
{
	/* field 100 of a later protocol beside a ping */
	static const uint8_t bytes[] = {0x08, 0x01, 0x6a, 0x00, 0xa0, 0x06, 0x05};
	struct rendezvous_client_frame frame;

	(void)state;
	assert_int_equal(rendezvous_client_decode(&frame, bytes, sizeof(bytes)), 0);
	assert_int_equal(frame.type, RENDEZVOUS_PING);
}

static void test_nul_inside_a_string_is_refused(void **state)
{
	struct rendezvous_client_frame frame = client_frame(RENDEZVOUS_LOGIN);
	uint8_t *bytes, *found;
	ssize_t length;

	(void)state;
	strcpy(frame.login.server_address, "abcdef:443");
	length = rendezvous_client_encode(&frame, &bytes);
	found = memmem(bytes, (size_t)length, "abcdef", 6);
	assert_non_null(found);
	found[3] = 0;
	assert_int_equal(rendezvous_client_decode(&frame, bytes, (size_t)length), -EBADMSG);
	free(bytes);
}

static void test_many_empty_members_stay_within_budget(void **state)
{
	enum { SIZE = RENDEZVOUS_FRAME_MAX };
	uint8_t *bytes = malloc(SIZE);
	struct rendezvous_server_frame frame;
	size_t body = SIZE - 4;

	(void)state;
	/* Party (field 5) of some 32000 empty members (field 8) */
	bytes[0] = 0x2a;
	bytes[1] = (uint8_t)(body | 0x80);
	bytes[2] = (uint8_t)(body >> 7 | 0x80);
	bytes[3] = (uint8_t)(body >> 14);
	for (size_t i = 4; i < SIZE; i += 2) {
		bytes[i] = 0x42;
		bytes[i + 1] = 0;
	}
	assert_int_equal(rendezvous_server_decode(&frame, bytes, SIZE), -EBADMSG);
	free(bytes);
}

static void test_unknown_error_code(void **state)
{
	/* Error with code 200 */
	static const uint8_t bytes[] = {0x22, 0x03, 0x08, 0xc8, 0x01};
	struct rendezvous_server_frame frame;

	(void)state;
	assert_int_equal(rendezvous_server_decode(&frame, bytes, sizeof(bytes)), 0);
	assert_int_equal(frame.error.code, RENDEZVOUS_ERROR_UNSPECIFIED);
	for (int i = 0; i < RENDEZVOUS_ERRORS; i++)
		assert_non_null(rendezvous_error_text((enum rendezvous_error)i));
	assert_non_null(rendezvous_error_text((enum rendezvous_error)1000));
}

static void test_error_codes_match_the_protocol(void **state)
{
	(void)state;
	assert_int_equal(RENDEZVOUS_ERROR_INTERNAL,
			 LANRAGE__RENDEZVOUS__ERROR_CODE__ERROR_INTERNAL);
	assert_int_equal(RENDEZVOUS_ERROR_TOO_MANY,
			 LANRAGE__RENDEZVOUS__ERROR_CODE__ERROR_TOO_MANY);
}

static void test_signed_texts(void **state)
{
	uint8_t a[32], b[32], text[RENDEZVOUS_LOGIN_TEXT_MAX], join[RENDEZVOUS_JOIN_TEXT_SIZE];

	(void)state;
	fill(a, 32, 0);
	fill(b, 32, 100);
	assert_int_equal(rendezvous_login_text("host:1", a, b, text), 15 + 2 + 6 + 64);
	assert_memory_equal(text, "lanrage login 1\x00\x06host:1", 23);
	assert_memory_equal(text + 23, a, 32);
	assert_memory_equal(text + 55, b, 32);
	rendezvous_join_text(a, b, a, join);
	assert_memory_equal(join, "lanrage join 1", 14);
	assert_memory_equal(join + 14, a, 16);
	assert_memory_equal(join + 30, b, 32);
	assert_memory_equal(join + 62, a, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_create_party),
		cmocka_unit_test(test_prefixes_out_of_range_are_refused),
		cmocka_unit_test(test_invites),
		cmocka_unit_test(test_join_with_and_without_invite),
		cmocka_unit_test(test_announce_is_bounded),
		cmocka_unit_test(test_small_requests),
		cmocka_unit_test(test_relay_register),
		cmocka_unit_test(test_handshake_answers),
		cmocka_unit_test(test_full_party_frame_fits),
		cmocka_unit_test(test_invite_and_tickets),
		cmocka_unit_test(test_golden_bytes),
		cmocka_unit_test(test_malformed_client_frames),
		cmocka_unit_test(test_unknown_fields_are_ignored),
		cmocka_unit_test(test_nul_inside_a_string_is_refused),
		cmocka_unit_test(test_many_empty_members_stay_within_budget),
		cmocka_unit_test(test_unknown_error_code),
		cmocka_unit_test(test_error_codes_match_the_protocol),
		cmocka_unit_test(test_signed_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
