/* Who is believed: the chain from the host over an invite to a member, and the order of its words.
 */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-control/announcement.h"
#include "svc-control/invite.h"

#define NOW_S 1800000000u

static char directory[] = "/tmp/lanrage-announcement-XXXXXX";

struct world {
	struct keyholder host, friend, stranger;
	struct announcement_trust trust;
	struct invite_secret secret;
	struct invite_proof proof; /* the friend's */
	uint8_t wireguard_key[32];
	uint64_t last; /* what the receiver has from the sender */
};

static void start_keyholder(struct keyholder *keyholder, const char *name)
{
	struct error error;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	assert_int_equal(keyholder_start(keyholder, path, 1, &error), 0);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	start_keyholder(&world->host, "host");
	start_keyholder(&world->friend, "friend");
	start_keyholder(&world->stranger, "stranger");
	randombytes_buf(&world->trust.party_id, sizeof(world->trust.party_id));
	randombytes_buf(&world->trust.party_key, sizeof(world->trust.party_key));
	randombytes_buf(world->wireguard_key, sizeof(world->wireguard_key));
	world->trust.generation = 1;
	world->trust.has_key = true;
	memcpy(world->trust.host, world->host.identity, 32);
	memcpy(world->trust.signer, world->host.identity, 32);
	memcpy(world->secret.party_id, world->trust.party_id, sizeof(world->secret.party_id));
	memcpy(world->secret.party_key, world->trust.party_key, 32);
	memcpy(world->secret.host, world->host.identity, 32);
	strcpy(world->secret.party_name, "friday");
	assert_int_equal(addr_prefix_parse(&world->secret.prefix, "10.66.0.0/16"), 0);
	world->secret.proof.generation = 1;
	assert_int_equal(invite_sign_prefix(&world->secret, &world->host), 0);
	assert_int_equal(invite_make(&world->secret, &world->host, NOW_S + 3600, 0), 0);
	invite_use(&world->proof, &world->secret, world->friend.identity, world->wireguard_key);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	keyholder_stop(&world->host);
	keyholder_stop(&world->friend);
	keyholder_stop(&world->stranger);
	free(world);
	return 0;
}

static bool history(void *data, const uint8_t identity[32], uint64_t *sequence)
{
	(void)identity;
	*sequence = ((const struct world *)data)->last;
	return *sequence != 0;
}

static struct announcement sample(const struct world *world)
{
	struct announcement announcement = {
		.generation = 1,
		.sequence = 7,
		.expires_s = NOW_S + 100,
		.name = "kira",
		.number = 2,
		.address = addr_ipv4(0x0a420002, 0),
		.lease = 2,
		.n_candidates = 2,
		.n_relays = 1,
		.mapping = NAT_ENDPOINT_INDEPENDENT,
		.filtering = NAT_ADDRESS_AND_PORT_DEPENDENT,
		.has_proof = true,
		.proof = world->proof,
	};

	memcpy(announcement.party_id, world->trust.party_id, sizeof(announcement.party_id));
	memcpy(announcement.identity, world->friend.identity, 32);
	memcpy(announcement.wireguard_key, world->wireguard_key, 32);
	announcement.candidates[0].address = addr_ipv4(0xc6336407, 5555);
	announcement.candidates[0].kind = NAT_CANDIDATE_STUN;
	addr_parse(&announcement.candidates[1].address, "[2001:db8::7]:5555");
	memset(announcement.relays[0], 9, 32);
	return announcement;
}

/* Signs and seals; returns the length. */
static size_t say(const struct world *world, const struct announcement *announcement,
		  const struct keyholder *sender, uint8_t sealed[ANNOUNCEMENT_SEALED_MAX])
{
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	ssize_t n = announcement_say(announcement, sender, said);

	assert_true(n > 0);
	return announcement_seal(&world->trust, said, (size_t)n, sealed);
}

static enum announcement_verdict hear(struct world *world, const struct announcement_trust *trust,
				      const uint8_t *sealed, size_t length,
				      struct announcement *heard)
{
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	size_t n;

	if (announcement_unseal(trust, sealed, length, said, &n) < 0)
		return ANNOUNCEMENT_NOT_OURS;
	return announcement_judge(heard, trust, NOW_S, said, n, history, world);
}

static enum announcement_verdict pass_on(struct world *world, const struct announcement *said,
					 const struct keyholder *sender, struct announcement *heard)
{
	uint8_t sealed[ANNOUNCEMENT_SEALED_MAX];
	size_t n = say(world, said, sender, sealed);

	return hear(world, &world->trust, sealed, n, heard);
}

static void test_a_member_is_heard(void **state)
{
	struct world *world = *state;
	struct announcement said = sample(world), heard;

	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_GOOD);
	assert_memory_equal(&heard.address, &said.address, sizeof(said.address));
	assert_memory_equal(heard.candidates, said.candidates, sizeof(said.candidates));
	assert_memory_equal(heard.relays, said.relays, sizeof(said.relays));
	assert_string_equal(heard.name, "kira");
	assert_int_equal(heard.sequence, 7);
	assert_int_equal(heard.mapping, NAT_ENDPOINT_INDEPENDENT);
}

static void test_the_host_needs_no_proof(void **state)
{
	struct world *world = *state;
	struct announcement said = sample(world), heard;

	memcpy(said.identity, world->host.identity, 32);
	said.has_proof = false;
	assert_int_equal(pass_on(world, &said, &world->host, &heard), ANNOUNCEMENT_GOOD);
	assert_false(heard.has_proof);
}

static void test_lengths_tell_nothing_of_names(void **state)
{
	struct world *world = *state;
	struct announcement a = sample(world), b = sample(world);
	uint8_t sealed[ANNOUNCEMENT_SEALED_MAX];
	size_t n;

	strcpy(b.name, "a rather longer name than kira");
	n = say(world, &a, &world->friend, sealed);
	assert_int_equal(say(world, &b, &world->friend, sealed), n);
}

/* Everything a server, a stranger or a member that turned bad may try. */
static void test_order(void **state)
{
	static const struct {
		uint64_t last, sequence;
		enum announcement_verdict verdict;
	} rows[] = {
		{0, 1, ANNOUNCEMENT_GOOD},    {6, 7, ANNOUNCEMENT_GOOD},
		{6, 1000, ANNOUNCEMENT_GOOD}, {7, 7, ANNOUNCEMENT_OLD},
		{1000, 7, ANNOUNCEMENT_OLD},  {0, 0, ANNOUNCEMENT_OLD},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct announcement said = sample(world), heard;

		world->last = rows[i].last;
		said.sequence = rows[i].sequence;
		assert_int_equal(pass_on(world, &said, &world->friend, &heard), rows[i].verdict);
	}
}

static void test_lies(void **state)
{
	struct world *world = *state;
	struct announcement said, heard;

	said = sample(world); /* signed by somebody else */
	assert_int_equal(pass_on(world, &said, &world->stranger, &heard),
			 ANNOUNCEMENT_BAD_SIGNATURE);
	said = sample(world); /* a stranger with the friend's proof */
	memcpy(said.identity, world->stranger.identity, 32);
	assert_int_equal(pass_on(world, &said, &world->stranger, &heard), ANNOUNCEMENT_NOT_INVITED);
	said = sample(world); /* no proof at all */
	said.has_proof = false;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_NOT_INVITED);
	said = sample(world); /* another WireGuard key than the invite was used for */
	said.wireguard_key[0] ^= 1;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_NOT_INVITED);
	said = sample(world); /* an invite whose uses were changed */
	said.proof.uses = 5;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_NOT_INVITED);
	said = sample(world); /* an invite of another generation */
	said.proof.generation = 2;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_NOT_INVITED);
	said = sample(world);
	said.generation = 2;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_WRONG_PARTY);
	said = sample(world);
	said.party_id[0] ^= 1;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_WRONG_PARTY);
	said = sample(world);
	said.expires_s = NOW_S;
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_EXPIRED);
}

static void test_an_invite_that_expired_lets_nobody_new_in(void **state)
{
	struct world *world = *state;
	struct announcement said, heard;

	assert_int_equal(invite_make(&world->secret, &world->host, NOW_S, 0), 0);
	invite_use(&world->proof, &world->secret, world->friend.identity, world->wireguard_key);
	said = sample(world);
	assert_int_equal(pass_on(world, &said, &world->friend, &heard),
			 ANNOUNCEMENT_INVITE_EXPIRED);
	world->last = 3; /* known since before */
	assert_int_equal(pass_on(world, &said, &world->friend, &heard), ANNOUNCEMENT_GOOD);
}

static void test_damage_does_not_open(void **state)
{
	struct world *world = *state;
	struct announcement said = sample(world), heard;
	struct announcement_trust other = world->trust;
	uint8_t sealed[ANNOUNCEMENT_SEALED_MAX];
	size_t n = say(world, &said, &world->friend, sealed);

	for (size_t i = 0; i < n; i += 7) {
		sealed[i] ^= 0x40;
		assert_int_equal(hear(world, &world->trust, sealed, n, &heard),
				 ANNOUNCEMENT_NOT_OURS);
		sealed[i] ^= 0x40;
	}
	for (size_t length = 0; length < n; length += 13)
		assert_int_equal(hear(world, &world->trust, sealed, length, &heard),
				 ANNOUNCEMENT_NOT_OURS);
	other.party_key[0] ^= 1;
	assert_int_equal(hear(world, &other, sealed, n, &heard), ANNOUNCEMENT_NOT_OURS);
	other = world->trust;
	other.has_key = false; /* of a generation whose key did not come yet */
	assert_int_equal(hear(world, &other, sealed, n, &heard), ANNOUNCEMENT_NOT_OURS);
}

static void test_an_invite_opens_with_its_code_only(void **state)
{
	struct world *world = *state;
	struct code_keys keys = {.lookup_id = {1}, .key = {2}}, wrong = keys;
	uint8_t sealed[RENDEZVOUS_INVITE_MAX];
	struct invite_secret opened;
	ssize_t n = invite_seal(&world->secret, &keys, sealed);

	assert_true(n > 0);
	assert_int_equal(invite_open(&opened, &keys, NOW_S, sealed, (size_t)n), 0);
	assert_memory_equal(opened.party_key, world->secret.party_key, 32);
	assert_memory_equal(opened.seed, world->secret.seed, 32);
	assert_memory_equal(opened.proof.invite_key, world->secret.proof.invite_key, 32);
	assert_string_equal(opened.party_name, "friday");
	wrong.key[5] ^= 1;
	assert_int_equal(invite_open(&opened, &wrong, NOW_S, sealed, (size_t)n), -EBADMSG);
	wrong = keys;
	wrong.lookup_id[5] ^= 1;
	assert_int_equal(invite_open(&opened, &wrong, NOW_S, sealed, (size_t)n), -EBADMSG);
	assert_int_equal(invite_open(&opened, &keys, NOW_S + 3600, sealed, (size_t)n),
			 -EKEYEXPIRED);
}

static void test_an_invite_the_host_did_not_sign(void **state)
{
	struct world *world = *state;
	struct code_keys keys = {.lookup_id = {1}, .key = {2}};
	uint8_t sealed[RENDEZVOUS_INVITE_MAX];
	struct invite_secret secret, opened;
	ssize_t n;

	secret = world->secret; /* another network than the host signed */
	secret.prefix.length = 17;
	n = invite_seal(&secret, &keys, sealed);
	assert_int_equal(invite_open(&opened, &keys, NOW_S, sealed, (size_t)n), -EKEYREJECTED);
	secret = world->secret; /* a longer life than the host signed */
	secret.proof.expires_s++;
	n = invite_seal(&secret, &keys, sealed);
	assert_int_equal(invite_open(&opened, &keys, NOW_S, sealed, (size_t)n), -EKEYREJECTED);
	secret = world->secret; /* somebody else's seed */
	secret.seed[0] ^= 1;
	n = invite_seal(&secret, &keys, sealed);
	assert_int_equal(invite_open(&opened, &keys, NOW_S, sealed, (size_t)n), -EKEYREJECTED);
}

static void test_the_key_holder_signs_nothing_else(void **state)
{
	struct world *world = *state;
	uint8_t signature[64];

	assert_int_equal(
		keyholder_sign(&world->host, (const uint8_t *)"transfer all", 12, signature),
		-EPERM);
	assert_int_equal(
		keyholder_sign(&world->host, (const uint8_t *)"lanrage login 1", 15, signature),
		-EPERM);
	assert_int_equal(
		keyholder_sign(&world->host, (const uint8_t *)"lanrage login 1x", 16, signature),
		0);
}

static void test_an_identity_lasts(void **state)
{
	struct world *world = *state;
	struct keyholder again;
	struct error error;
	char path[128];
	FILE *file;

	start_keyholder(&again, "host");
	assert_memory_equal(again.identity, world->host.identity, 32);
	keyholder_stop(&again);
	snprintf(path, sizeof(path), "%s/damaged", directory);
	file = fopen(path, "w");
	fputs("short", file);
	fclose(file);
	assert_int_equal(keyholder_start(&again, path, 1, &error), -EBADMSG);
	snprintf(path, sizeof(path), "%s/missing", directory);
	assert_int_equal(keyholder_start(&again, path, 0, &error), -ENOENT);
	assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_member_is_heard, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_the_host_needs_no_proof, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lengths_tell_nothing_of_names, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_invite_that_expired_lets_nobody_new_in,
						set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage_does_not_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_invite_opens_with_its_code_only, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_an_invite_the_host_did_not_sign, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_the_key_holder_signs_nothing_else, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_an_identity_lasts, set_up, tear_down),
	};
	char command[128];
	int failed;

	if (sodium_init() < 0 || !mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
