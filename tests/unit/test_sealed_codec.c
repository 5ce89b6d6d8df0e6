/* The plaintexts that members seal for each other: a member that turned bad can say anything. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pb.h"
#include "control.pb-c.h"
#include "svc-control/sealed_codec.h"
#include "tests/unit/control_world.h"

static struct world world;
static struct person kira;

static int set_up(void **state)
{
	(void)state;
	world_init(&world);
	person_join(&kira, &world, "kira", 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	person_deinit(&kira);
	world_deinit(&world);
	return 0;
}

static void test_announcements(void **state)
{
	struct announcement in = person_announcement(&kira, &world), out;
	uint8_t bytes[ANNOUNCEMENT_SEALED_MAX];
	ssize_t n;

	(void)state;
	for (size_t i = 0; i <= DATAPLANE_CANDIDATES_MAX; i++) {
		in.n_candidates = i;
		in.n_relays = i % (NAT_MEMBER_RELAYS_MAX + 1);
		memset(in.relays, 0, sizeof(in.relays));
		memset(in.relays, 1, in.n_relays * DATAPLANE_KEY_SIZE);
		in.n_distances = i % (NAT_RELAYS_MAX + 1);
		memset(in.distances, 0, sizeof(in.distances));
		for (size_t k = 0; k < in.n_distances; k++)
			in.distances[k] = (struct nat_distance){
				{(uint8_t)k, 1}, (uint16_t)(k * NAT_DISTANCE_MAX_MS / i)};
		in.has_proof = i % 2;
		in.proof = in.has_proof ? kira.proof : (struct invite_proof){.uses = 0};
		in.backend = (enum dataplane_backend)(i % DATAPLANE_BACKEND_COUNT);
		if (i > 0) {
			addr_parse(&in.candidates[i - 1].address,
				   i % 2 ? "[2001:db8::1]:65535" : "203.0.113.9:1");
			in.candidates[i - 1].kind =
				(enum nat_candidate_kind)(i % NAT_CANDIDATE_KINDS);
		}
		n = sealed_announcement_pack(&in, bytes, sizeof(bytes));
		assert_true(n > 0);
		assert_int_equal(sealed_announcement_unpack(&out, bytes, (size_t)n), 0);
		assert_memory_equal(out.candidates, in.candidates, i * sizeof(in.candidates[0]));
		assert_memory_equal(out.relays, in.relays, sizeof(in.relays));
		assert_int_equal(out.n_distances, in.n_distances);
		assert_memory_equal(out.distances, in.distances, sizeof(in.distances));
		assert_string_equal(out.name, in.name);
		assert_int_equal(out.has_proof, in.has_proof);
		assert_memory_equal(&out.proof.invite_signature, &in.proof.invite_signature, 64);
		assert_int_equal(out.sequence, in.sequence);
		assert_int_equal(out.n_candidates, i);
		assert_int_equal(out.n_relays, in.n_relays);
		assert_int_equal(sealed_announcement_pack(&in, bytes, (size_t)n - 1), -EMSGSIZE);
	}
}

/* The longest that a member may say fits what is said. */
static void test_the_longest_announcement(void **state)
{
	struct announcement in = person_announcement(&kira, &world);
	uint8_t bytes[ANNOUNCEMENT_SAID_MAX];
	ssize_t n;

	(void)state;
	memset(in.name, 'x', sizeof(in.name) - 1);
	in.sequence = in.expires_s = UINT64_MAX;
	in.generation = in.lease = UINT32_MAX;
	in.number = UINT16_MAX;
	in.n_candidates = DATAPLANE_CANDIDATES_MAX;
	for (size_t i = 0; i < DATAPLANE_CANDIDATES_MAX; i++) {
		addr_parse(&in.candidates[i].address, "[2001:db8::1]:65535");
		in.candidates[i].kind = NAT_CANDIDATE_MAPPED;
	}
	in.n_relays = NAT_MEMBER_RELAYS_MAX;
	in.n_distances = NAT_RELAYS_MAX;
	for (size_t i = 0; i < NAT_RELAYS_MAX; i++)
		in.distances[i].rtt_ms = NAT_DISTANCE_MAX_MS;
	in.has_proof = true;
	in.proof.generation = in.proof.uses = UINT32_MAX;
	in.proof.expires_s = UINT64_MAX;
	in.shared_length = CONTROL_SHARED_MAX;
	in.left = true;
	n = sealed_announcement_pack(&in, bytes, sizeof(bytes));
	/* with the signature and its frame around it */
	assert_in_range(n, 1, ANNOUNCEMENT_SAID_MAX - 80);
}

struct sample {
	Lanrage__Control__Announcement said;
	Lanrage__Control__Candidate candidates[DATAPLANE_CANDIDATES_MAX + 1];
	Lanrage__Control__Candidate *list[DATAPLANE_CANDIDATES_MAX + 1];
	ProtobufCBinaryData relays[NAT_MEMBER_RELAYS_MAX + 1];
	Lanrage__Control__Distance distances[NAT_RELAYS_MAX + 1];
	Lanrage__Control__Distance *distance_list[NAT_RELAYS_MAX + 1];
	Lanrage__Control__InviteProof proof;
};

static const uint8_t ones[80] = {1, 1, 1, 1};
static uint8_t zeros[80];

static void sample(struct sample *s)
{
	lanrage__control__announcement__init(&s->said);
	lanrage__control__invite_proof__init(&s->proof);
	s->said.party_id = pb_view(ones, CONTROL_PARTY_ID_SIZE);
	s->said.identity = pb_view(ones, 32);
	s->said.wireguard_key = pb_view(ones, 32);
	s->said.name = pb_view_text("kira");
	s->said.number = 2;
	s->said.address = pb_view(ones, 4);
	for (size_t i = 0; i <= DATAPLANE_CANDIDATES_MAX; i++) {
		lanrage__control__candidate__init(&s->candidates[i]);
		s->candidates[i].ip = pb_view(ones, 4);
		s->candidates[i].port = 5555;
		s->list[i] = &s->candidates[i];
	}
	s->said.n_candidates = 2;
	s->said.candidates = s->list;
	for (size_t i = 0; i <= NAT_MEMBER_RELAYS_MAX; i++)
		s->relays[i] = pb_view(ones, 32);
	for (size_t i = 0; i <= NAT_RELAYS_MAX; i++) {
		lanrage__control__distance__init(&s->distances[i]);
		s->distances[i].relay = pb_view(ones, NAT_RELAY_ID_SIZE);
		s->distances[i].rtt_ms = NAT_DISTANCE_MAX_MS;
		s->distance_list[i] = &s->distances[i];
	}
	s->said.n_distances = NAT_RELAYS_MAX;
	s->said.distances = s->distance_list;
	s->said.n_relays = 2;
	s->said.relays = s->relays;
	s->proof.invite_key = pb_view(ones, 32);
	s->proof.host_signature = pb_view(ones, 64);
	s->proof.invite_signature = pb_view(ones, 64);
	s->said.proof = &s->proof;
}

static int unpack_sample(const struct sample *s)
{
	struct announcement out;
	uint8_t *bytes;
	ssize_t n = pb_pack(&s->said.base, &bytes);
	int r = sealed_announcement_unpack(&out, bytes, (size_t)n);

	free(bytes);
	return r;
}

static void test_each_field_of_an_announcement(void **state)
{
	struct sample s;

	(void)state;
	sample(&s);
	assert_int_equal(unpack_sample(&s), 0);
#define WRONG(field, value)                                    \
	do {                                                   \
		sample(&s);                                    \
		s.field = value;                               \
		assert_int_equal(unpack_sample(&s), -EBADMSG); \
	} while (0)
	WRONG(said.party_id.len, 15);
	WRONG(said.identity.len, 31);
	WRONG(said.wireguard_key.len, 33);
	WRONG(said.wireguard_key.data, zeros);
	WRONG(said.name, pb_view_text(""));
	WRONG(said.name, pb_view_text("  "));
	WRONG(said.name, pb_view_text("a\nb"));
	WRONG(said.name, pb_view_text("0123456789012345678901234567890123456789"
				      "012345678901234567890123"));
	WRONG(said.number, 0);
	WRONG(said.number, 65536);
	WRONG(said.address.len, 0);
	WRONG(said.address.len, 16);
	WRONG(said.backend, DATAPLANE_BACKEND_COUNT);
	WRONG(said.mapping, NAT_BEHAVIOURS);
	WRONG(said.filtering, NAT_BEHAVIOURS);
	WRONG(said.n_candidates, DATAPLANE_CANDIDATES_MAX + 1);
	WRONG(candidates[1].ip.len, 5);
	WRONG(candidates[1].ip.data, zeros);
	WRONG(candidates[1].port, 0);
	WRONG(candidates[1].port, 65536);
	WRONG(candidates[1].kind, NAT_CANDIDATE_KINDS);
	WRONG(said.n_relays, NAT_MEMBER_RELAYS_MAX + 1);
	WRONG(relays[1].len, 31);
	WRONG(relays[1].data, zeros);
	WRONG(said.n_distances, NAT_RELAYS_MAX + 1);
	WRONG(distances[15].relay.len, NAT_RELAY_ID_SIZE - 1);
	WRONG(distances[15].rtt_ms, NAT_DISTANCE_MAX_MS + 1);
	WRONG(proof.invite_key.len, 0);
	WRONG(proof.host_signature.len, 63);
	WRONG(proof.invite_signature.len, 65);
}

static void test_secrets(void **state)
{
	uint8_t bytes[RENDEZVOUS_INVITE_MAX];
	struct invite_secret out;
	ssize_t n = sealed_secret_pack(&world.secret, bytes, sizeof(bytes));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sealed_secret_unpack(&out, bytes, (size_t)n), 0);
	assert_memory_equal(&out, &world.secret, sizeof(out));
	assert_int_equal(sealed_secret_pack(&world.secret, bytes, (size_t)n - 1), -EMSGSIZE);
	for (ssize_t length = 0; length < n; length++)
		assert_int_equal(sealed_secret_unpack(&out, bytes, (size_t)length), -EBADMSG);
	assert_true(sodium_is_zero((const uint8_t *)&out, sizeof(out)));
}

static void test_each_field_of_a_secret(void **state)
{
	Lanrage__Control__InviteSecret m;
	struct invite_secret out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
#define SECRET(change, result)                                                          \
	do {                                                                            \
		lanrage__control__invite_secret__init(&m);                              \
		m.party_id = pb_view(ones, CONTROL_PARTY_ID_SIZE);                      \
		m.party_name = pb_view_text("friday");                                  \
		m.party_key = m.host = m.seed = m.beacon_key = pb_view(ones, 32);       \
		m.host_signature = m.prefix_signature = pb_view(ones, 64);              \
		m.prefix_ip = pb_view((const uint8_t *)"\x0a\x42\0\0", 4);              \
		m.prefix_length = 16;                                                   \
		change;                                                                 \
		n = pb_pack(&m.base, &bytes);                                           \
		assert_int_equal(sealed_secret_unpack(&out, bytes, (size_t)n), result); \
		free(bytes);                                                            \
	} while (0)
	SECRET(m.uses = 1, 0);
	SECRET(m.party_id.len = 17, -EBADMSG);
	SECRET(m.party_name = pb_view_text(" "), -EBADMSG);
	SECRET(m.party_key.len = 0, -EBADMSG);
	SECRET(m.beacon_key.len = 31, -EBADMSG);
	SECRET(m.host.len = 31, -EBADMSG);
	SECRET(m.seed.len = 33, -EBADMSG);
	SECRET(m.host_signature.len = 32, -EBADMSG);
	SECRET(m.prefix_signature.len = 0, -EBADMSG);
	SECRET(m.prefix_ip.len = 3, -EBADMSG);
	SECRET(m.prefix_length = 14, -EBADMSG); /* host bits */
	SECRET(m.prefix_length = 7, -EBADMSG);
	SECRET(m.prefix_length = 31, -EBADMSG);
	SECRET(m.prefix_length = UINT32_MAX, -EBADMSG);
}

static void test_proofs(void **state)
{
	uint8_t bytes[SEALED_PROOF_MAX];
	struct invite_proof out;
	ssize_t n = sealed_proof_pack(&kira.proof, bytes, sizeof(bytes));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sealed_proof_unpack(&out, bytes, (size_t)n), 0);
	assert_memory_equal(out.invite_key, kira.proof.invite_key, 32);
	assert_memory_equal(out.host_signature, kira.proof.host_signature, 64);
	assert_memory_equal(out.invite_signature, kira.proof.invite_signature, 64);
	assert_int_equal(out.expires_s, kira.proof.expires_s);
	assert_int_equal(sealed_proof_unpack(&out, bytes, (size_t)n - 1), -EBADMSG);
	assert_int_equal(sealed_proof_unpack(&out, bytes, 0), -EBADMSG);
}

static void test_signed(void **state)
{
	uint8_t bytes[256], payload[100], signature[64];
	size_t length;
	ssize_t n = sealed_signed_pack((const uint8_t *)"hello", 5, ones, bytes, sizeof(bytes));

	(void)state;
	assert_true(n > 0);
	assert_int_equal(sealed_signed_unpack(payload, 100, &length, signature, bytes, (size_t)n),
			 0);
	assert_int_equal(length, 5);
	assert_memory_equal(payload, "hello", 5);
	assert_memory_equal(signature, ones, 64);
	assert_int_equal(sealed_signed_unpack(payload, 4, &length, signature, bytes, (size_t)n),
			 -EBADMSG);
	assert_int_equal(length, 0);
	assert_int_equal(sealed_signed_unpack(payload, 100, &length, signature, bytes, 7),
			 -EBADMSG);
	n = sealed_signed_pack(NULL, 0, ones, bytes, sizeof(bytes)); /* nothing is signed */
	assert_int_equal(sealed_signed_unpack(payload, 100, &length, signature, bytes, (size_t)n),
			 0);
	assert_int_equal(length, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_longest_announcement),
		cmocka_unit_test(test_announcements),
		cmocka_unit_test(test_each_field_of_an_announcement),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_each_field_of_a_secret),
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_signed),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
