/* A new generation reaches those who stay, and nobody else can read its share or make its record.
 */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/generation.h"
#include "svc-control/gossip_codec.h"
#include "tests/unit/control_world.h"

struct fixture {
	struct world world;
	struct person kira, leo;
	struct rendezvous_generation record;
	uint8_t key[32];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	world_init(&f->world);
	person_join(&f->kira, &f->world, "kira", 3);
	person_join(&f->leo, &f->world, "leo", 4);
	assert_int_equal(generation_make(&f->record, f->key, &f->world.trust,
					 f->leo.keyholder.identity, f->world.trust.host,
					 &f->world.host.keyholder),
			 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	person_deinit(&f->kira);
	person_deinit(&f->leo);
	world_deinit(&f->world);
	free(f);
	return 0;
}

static void test_a_record(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_generation read;
	uint8_t bytes[RENDEZVOUS_RECORD_SIZE];

	assert_int_equal(f->record.number, 2);
	assert_int_equal(generation_check(&f->record, &f->world.trust), 0);
	assert_true(generation_removes(&f->record, f->leo.keyholder.identity));
	assert_false(generation_removes(&f->record, f->kira.keyholder.identity));
	assert_true(generation_key_fits(f->key, f->record.key_id));
	rendezvous_generation_pack(&f->record, bytes);
	assert_int_equal(rendezvous_generation_unpack(&read, bytes, sizeof(bytes)), 0);
	assert_memory_equal(&read, &f->record, sizeof(read));
	assert_int_equal(rendezvous_generation_unpack(&read, bytes, sizeof(bytes) - 1), -EBADMSG);
	for (size_t i = 0; i < sizeof(bytes); i++) { /* every bit of it is signed */
		bytes[i] ^= 1;
		if (rendezvous_generation_unpack(&read, bytes, sizeof(bytes)) == 0)
			assert_int_not_equal(generation_check(&read, &f->world.trust), 0);
		bytes[i] ^= 1;
	}
	f->world.trust.party_id[0] ^= 1; /* another party's */
	assert_int_equal(generation_check(&f->record, &f->world.trust), -EKEYREJECTED);
}

static void test_a_share(void **state)
{
	struct fixture *f = *state;
	uint8_t box[RENDEZVOUS_SHARE_SIZE], voucher[64], key[32], read[64];

	assert_int_equal(generation_vouch(voucher, f->world.trust.party_id, 2,
					  f->kira.keyholder.identity, &f->world.host.keyholder),
			 0);
	assert_int_equal(generation_seal_share(box, f->key, voucher, f->kira.keyholder.identity),
			 0);
	assert_int_equal(generation_open_share(key, read, box, &f->kira.keyholder), 0);
	assert_memory_equal(key, f->key, 32);
	assert_memory_equal(read, voucher, 64);
	assert_int_equal(generation_open_share(key, read, box, &f->leo.keyholder), -EPERM);
	box[50] ^= 1;
	assert_int_equal(generation_open_share(key, read, box, &f->kira.keyholder), -EPERM);
}

static void test_a_voucher(void **state)
{
	struct fixture *f = *state;
	struct announcement_trust trust = f->world.trust;
	uint8_t voucher[64];

	trust.generation = 2;
	assert_int_equal(generation_vouch(voucher, trust.party_id, 2, f->kira.keyholder.identity,
					  &f->world.host.keyholder),
			 0);
	assert_true(generation_voucher_holds(voucher, &trust, f->kira.keyholder.identity));
	assert_false(generation_voucher_holds(voucher, &trust, f->leo.keyholder.identity));
	trust.generation = 3;
	assert_false(generation_voucher_holds(voucher, &trust, f->kira.keyholder.identity));
	trust.generation = 2; /* from somebody who is not the host */
	assert_int_equal(generation_vouch(voucher, trust.party_id, 2, f->kira.keyholder.identity,
					  &f->leo.keyholder),
			 0);
	assert_false(generation_voucher_holds(voucher, &trust, f->kira.keyholder.identity));
}

static void test_a_note(void **state)
{
	struct fixture *f = *state;
	struct gossip_note note = {.generation = 2, .wants_voucher = true, .has_summary = true};
	struct gossip_note read;
	uint8_t bytes[DATAPLANE_NOTE_MAX];
	ssize_t n;

	memcpy(note.party_id, f->world.trust.party_id, sizeof(note.party_id));
	note.n_heard = GOSSIP_HEARD_MAX; /* the largest summary fits a note */
	for (size_t i = 0; i < note.n_heard; i++) {
		memset(note.heard[i].id, (int)i, GOSSIP_ID_SIZE);
		note.heard[i].sequence = UINT64_MAX - i;
	}
	n = gossip_pack(&note, bytes);
	assert_in_range(n, 1, DATAPLANE_NOTE_MAX);
	assert_int_equal(gossip_unpack(&read, bytes, (size_t)n), 0);
	assert_memory_equal(&read, &note, sizeof(note));
	note.n_heard = 0;
	memset(note.heard, 0, sizeof(note.heard));
	note.n_records = GOSSIP_RECORDS_MAX; /* and so does the largest renewal */
	for (size_t i = 0; i < note.n_records; i++)
		note.records[i] = f->record;
	note.has_key = true;
	memcpy(note.key, f->key, 32);
	note.has_voucher = true;
	memset(note.voucher, 5, sizeof(note.voucher));
	n = gossip_pack(&note, bytes);
	assert_in_range(n, 1, DATAPLANE_NOTE_MAX);
	assert_int_equal(gossip_unpack(&read, bytes, (size_t)n), 0);
	assert_memory_equal(&read, &note, sizeof(note));
	for (ssize_t length = 0; length < n; length += 11)
		(void)gossip_unpack(&read, bytes, (size_t)length);
	bytes[n - 1] ^= 0xff;
	assert_int_equal(gossip_unpack(&read, bytes, (size_t)n + 1), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_share, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_voucher, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_note, set_up, tear_down),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
