/* The party as a member knows it: only those who are invited, announced and rightly leased count,
 * whatever the server says; and a restart knows the same ones. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/log.h"
#include "svc-control/generation.h"
#include "svc-control/party.h"
#include "tests/unit/control_world.h"

/* We are mia, member 2; kira is 3 and leo 4. */
struct fixture {
	struct world world;
	struct person mia, kira, leo;
	struct database *database;
	struct party party;
	struct rendezvous_party frame;
	uint64_t change;
};

static void open_party(struct fixture *f)
{
	struct error error;
	char path[128];

	world_path(&f->world, "control.db", path);
	assert_int_equal(database_open(&f->database, path, &error), 0);
	assert_int_equal(party_init(&f->party, f->database, f->mia.keyholder.identity, WORLD_NOW_S),
			 0);
}

static void close_party(struct fixture *f)
{
	party_deinit(&f->party);
	database_close(f->database);
}

static void next_frame(struct fixture *f)
{
	frame_clear(&f->frame);
	frame_init(&f->frame, &f->world, ++f->change);
}

static unsigned apply(struct fixture *f)
{
	return party_apply(&f->party, &f->frame, WORLD_NOW_S);
}

/* Everybody has joined; we know of everybody's lease, and heard nobody but ourselves. */
static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct database_party record;

	world_init(&f->world);
	person_join(&f->mia, &f->world, "mia", 2);
	person_join(&f->kira, &f->world, "kira", 3);
	person_join(&f->leo, &f->world, "leo", 4);
	open_party(f);
	record = person_record(&f->mia, &f->world);
	party_enter(&f->party, &record);
	next_frame(f);
	f->frame.whole = true;
	frame_announce(&f->frame, &f->mia, &f->world);
	frame_add(&f->frame, &f->world.host);
	frame_add(&f->frame, &f->kira);
	frame_add(&f->frame, &f->leo);
	assert_int_equal(apply(f),
			 PARTY_CHANGED_MEMBERS | PARTY_CHANGED_ONLINE | PARTY_CHANGED_LEASE);
	assert_int_equal(party_settle(&f->party), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	frame_clear(&f->frame);
	close_party(f);
	person_deinit(&f->mia);
	person_deinit(&f->kira);
	person_deinit(&f->leo);
	world_deinit(&f->world);
	free(f);
	return 0;
}

static void restart(struct fixture *f)
{
	close_party(f);
	open_party(f);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(((const struct dataplane_member *)a)->name,
		      ((const struct dataplane_member *)b)->name);
}

/* The names handed on, sorted, with a blank between; dataplane and nat must hear the same. */
static const char *handed_on(const struct fixture *f)
{
	static char names[1024];
	struct dataplane_party desired = {0};
	struct nat_desired nat = {0};

	assert_int_equal(party_fill_dataplane(&f->party, &desired), 0);
	assert_int_equal(party_fill_nat(&f->party, &nat), 0);
	assert_int_equal(nat.n_members, desired.n_members);
	for (size_t i = 0; i < desired.n_members; i++) {
		assert_string_equal(desired.members[i].name, nat.members[i].name);
		assert_memory_equal(desired.members[i].public_key, nat.members[i].public_key, 32);
	}
	qsort(desired.members, desired.n_members, sizeof(*desired.members), compare_names);
	names[0] = 0;
	for (size_t i = 0; i < desired.n_members; i++) {
		strcat(names, i ? " " : "");
		strcat(names, desired.members[i].name);
	}
	dataplane_party_clear(&desired);
	nat_desired_clear(&nat);
	return names;
}

/* The same frame to both, in the form that the neighbours accept. */
static void assert_neighbours_accept(const struct fixture *f)
{
	struct dataplane_party desired = {0}, taken;
	struct nat_desired nat = {0}, nat_taken;
	uint8_t *bytes;
	ssize_t n;

	assert_int_equal(party_fill_dataplane(&f->party, &desired), 0);
	n = dataplane_party_encode(&desired, &bytes);
	assert_true(n > 0);
	assert_int_equal(dataplane_party_decode(&taken, bytes, (size_t)n), 0);
	free(bytes);
	dataplane_party_clear(&desired);
	dataplane_party_clear(&taken);
	assert_int_equal(party_fill_nat(&f->party, &nat), 0);
	n = nat_desired_encode(&nat, &bytes);
	assert_true(n > 0);
	assert_int_equal(nat_desired_decode(&nat_taken, bytes, (size_t)n), 0);
	free(bytes);
	nat_desired_clear(&nat);
	nat_desired_clear(&nat_taken);
}

static void announce_all(struct fixture *f)
{
	next_frame(f);
	frame_announce(&f->frame, &f->world.host, &f->world);
	frame_announce(&f->frame, &f->kira, &f->world);
	frame_announce(&f->frame, &f->leo, &f->world);
	assert_int_equal(apply(f), PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

static void test_a_lease_alone_makes_no_member(void **state)
{
	struct fixture *f = *state;
	struct control_status status = {0};

	assert_string_equal(handed_on(f), "");
	assert_int_equal(party_fill_status(&f->party, WORLD_NOW_S, &status), 0);
	assert_int_equal(status.n_members, 1);
	assert_string_equal(status.members[0].name, "mia");
	assert_true(status.members[0].self);
	control_status_clear(&status);
	announce_all(f);
	assert_int_equal(party_fill_status(&f->party, WORLD_NOW_S, &status), 0);
	assert_int_equal(status.n_members, 4);
	assert_true(status.members[1].host);
	assert_string_equal(status.members[2].name, "kira");
	control_status_clear(&status);
}

static void test_announcements_make_members(void **state)
{
	struct fixture *f = *state;
	struct dataplane_party desired = {0};

	announce_all(f);
	assert_neighbours_accept(f);
	assert_int_equal(party_fill_dataplane(&f->party, &desired), 0);
	assert_true(desired.up);
	assert_memory_equal(&desired.address, &f->mia.address, sizeof(desired.address));
	assert_int_equal(desired.prefix_length, 16);
	assert_int_equal(desired.number, 2);
	assert_memory_equal(desired.members[1].public_key, f->kira.wireguard_key, 32);
	assert_memory_equal(&desired.members[1].address, &f->kira.address, sizeof(struct addr));
	dataplane_party_clear(&desired);
}

static void test_a_repeat_changes_nothing(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	f->frame.change++;
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

/* Sequences in the order they arrive, and the candidate's port that counts at the end. */
static void test_only_newer_words_count(void **state)
{
	static const struct {
		uint64_t sequences[4];
		uint64_t kept;
	} rows[] = {
		{{1, 2, 3, 4}, 4}, {{4, 3, 2, 1}, 4}, {{2, 2, 1, 3}, 3},
		{{9, 1, 9, 8}, 9}, {{1, 5, 3, 5}, 5},
	};
	struct fixture *f = *state;

	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		uint64_t base = 100 * row;

		for (size_t i = 0; i < 4; i++) {
			struct announcement said = person_announcement(&f->kira, &f->world);

			said.sequence = base + rows[row].sequences[i];
			said.candidates[0].address.port = (uint16_t)said.sequence;
			next_frame(f);
			person_seal(&f->kira, &f->world, &said,
				    &frame_add(&f->frame, &f->kira)->sealed);
			apply(f);
		}
		assert_string_equal(handed_on(f), "kira");
		assert_int_equal(f->party.members[2].announcement.candidates[0].address.port,
				 base + rows[row].kept);
	}
}

static void test_a_stranger_is_not_handed_on(void **state)
{
	struct fixture *f = *state;
	struct person stranger;

	announce_all(f);
	person_init(&stranger, &f->world, "stranger", 5);
	next_frame(f);
	frame_announce(&f->frame, &stranger, &f->world); /* in no way invited */
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
	stranger.has_proof = true; /* with kira's invitation */
	stranger.proof = f->kira.proof;
	next_frame(f);
	frame_announce(&f->frame, &stranger, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
	person_deinit(&stranger);
}

/* A right announcement under somebody else's lease. */
static void test_words_count_for_their_speaker_only(void **state)
{
	struct fixture *f = *state;
	struct announcement said = person_announcement(&f->kira, &f->world);

	next_frame(f);
	person_seal(&f->kira, &f->world, &said, &frame_add(&f->frame, &f->leo)->sealed);
	apply(f);
	assert_string_equal(handed_on(f), "");
}

static void test_of_two_claims_the_earlier_lease_wins(void **state)
{
	struct fixture *f = *state;
	struct person late, early;

	announce_all(f);
	person_join(&late, &f->world, "late", 5);
	late.address = f->kira.address;
	next_frame(f);
	frame_announce(&f->frame, &late, &f->world);
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "hanna kira leo");
	late.address = addr_ipv4(0x0a420005, 0);
	late.number = f->kira.number;
	next_frame(f);
	frame_announce(&f->frame, &late, &f->world);
	assert_int_equal(apply(f), 0);

	person_join(&early, &f->world, "early", 6); /* the one who was first is heard of last */
	early.address = f->leo.address;
	early.lease = 3;
	next_frame(f);
	frame_announce(&f->frame, &early, &f->world);
	assert_true(apply(f) & PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "early hanna kira");
	next_frame(f); /* leo asked again */
	f->leo.address = addr_ipv4(0x0a420007, 0);
	f->leo.lease = 7;
	frame_announce(&f->frame, &f->leo, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "early hanna kira leo");
	person_deinit(&late);
	person_deinit(&early);
}

static void test_addresses_outside_the_party(void **state)
{
	static const uint32_t bad[] = {0x0a430003, 0x0a420000, 0x0a42ffff, 0x08080808, 0};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct person foreign;

		person_join(&foreign, &f->world, "foreign", (uint16_t)(10 + i));
		foreign.address = addr_ipv4(bad[i], 0);
		next_frame(f);
		frame_announce(&f->frame, &foreign, &f->world);
		assert_int_equal(apply(f), 0);
		addr_parse(&foreign.address, "fd00::3");
		next_frame(f);
		frame_add(&f->frame, &foreign);
		assert_int_equal(apply(f), 0);
		assert_string_equal(handed_on(f), "");
		person_deinit(&foreign);
	}
}

static void test_a_key_is_a_member_s_own(void **state)
{
	struct fixture *f = *state;
	struct person thief;
	uint8_t own[32];

	announce_all(f);
	memcpy(own, f->kira.wireguard_key, 32);
	next_frame(f); /* the server says kira has another key */
	frame_add(&f->frame, &f->kira)->wireguard_key[0] ^= 1;
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "hanna kira leo");
	f->kira.wireguard_key[0] ^= 2; /* and now she says so herself */
	person_accept(&f->kira, &f->world);
	next_frame(f);
	frame_announce(&f->frame, &f->kira, &f->world);
	assert_int_equal(apply(f), PARTY_CHANGED_MEMBERS);
	assert_memory_not_equal(
		party_member(&f->party, f->kira.keyholder.identity)->announcement.wireguard_key,
		own, 32);
	assert_string_equal(handed_on(f), "hanna kira leo");

	person_init(&thief, &f->world, "thief", 5); /* a member that claims hers, or none */
	memcpy(own, thief.wireguard_key, 32);
	memcpy(thief.wireguard_key, f->kira.wireguard_key, 32);
	thief.lease = 1;
	person_accept(&thief, &f->world);
	next_frame(f);
	f->frame.whole = true;
	frame_announce(&f->frame, &thief, &f->world);
	frame_add(&f->frame, &f->kira);
	frame_add(&f->frame, &f->leo);
	frame_add(&f->frame, &f->mia);
	apply(f);
	party_end_doubts(&f->party);
	assert_string_equal(handed_on(f), "kira leo");
	memset(thief.wireguard_key, 0, 32);
	next_frame(f);
	frame_add(&f->frame, &thief);
	assert_int_equal(apply(f), 0);
	memcpy(thief.wireguard_key, own, 32);
	person_deinit(&thief);
}

/* A member alone must not be able to have the whole party refused by the neighbours. */
static void test_one_bad_announcement_harms_nobody_else(void **state)
{
	struct fixture *f = *state;
	struct announcement said;

	announce_all(f);
	for (size_t i = 0; i < 4; i++) {
		said = person_announcement(&f->leo, &f->world);
		if (i == 0)
			memset(said.relays[0], 0, DATAPLANE_KEY_SIZE);
		else if (i == 1)
			said.candidates[0].address = addr_ipv4(0, 5555);
		else if (i == 2)
			said.candidates[0].address = addr_ipv4(0xffffffff, 5555);
		else
			said.candidates[0].address.port = 0;
		next_frame(f);
		person_seal(&f->leo, &f->world, &said, &frame_add(&f->frame, &f->leo)->sealed);
		assert_int_equal(apply(f), 0);
		assert_string_equal(handed_on(f), "hanna kira leo");
		assert_neighbours_accept(f);
	}
}

static void test_a_single_use_invite_brings_in_one(void **state)
{
	struct fixture *f = *state;
	struct invite_secret any = f->world.secret;
	struct person first, second;

	assert_int_equal(
		invite_make(&f->world.secret, &f->world.host.keyholder, WORLD_NOW_S + 60, 1), 0);
	person_join(&first, &f->world, "first", 5);
	person_join(&second, &f->world, "second", 6);
	next_frame(f);
	frame_announce(&f->frame, &first, &f->world);
	frame_announce(&f->frame, &second, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "first");
	next_frame(f); /* whoever used it may speak again */
	frame_announce(&f->frame, &first, &f->world);
	frame_announce(&f->frame, &second, &f->world);
	apply(f);
	close_party(f); /* nor does a restart forget it */
	open_party(f);
	next_frame(f);
	frame_announce(&f->frame, &second, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "first");
	f->world.secret = any;
	person_deinit(&first);
	person_deinit(&second);
}

static void test_leaving(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_bytes old = {0};

	announce_all(f);
	next_frame(f);
	frame_announce(&f->frame, &f->kira, &f->world);
	apply(f);
	rendezvous_bytes_set(&old, f->frame.members[0].sealed.bytes,
			     f->frame.members[0].sealed.length);
	next_frame(f);
	frame_announce(&f->frame, &f->kira, &f->world);
	apply(f);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->left = true;
	assert_int_equal(apply(f), PARTY_CHANGED_DOUBTS);
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "hanna kira leo"); /* until she was asked */
	assert_int_equal(party_end_doubts(&f->party), PARTY_CHANGED_MEMBERS);
	assert_int_equal(party_end_doubts(&f->party), 0);
	assert_string_equal(handed_on(f), "hanna leo");

	next_frame(f); /* back again, but the server repeats what she said before */
	frame_add(&f->frame, &f->kira)->sealed = old;
	f->kira.address = addr_ipv4(0x0a420009, 0);
	f->frame.members[0].address = f->kira.address;
	apply(f);
	assert_string_equal(handed_on(f), "hanna leo");
	next_frame(f);
	frame_announce(&f->frame, &f->kira, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
	next_frame(f); /* somebody unknown leaves */
	frame_add(&f->frame, &f->kira)->left = true;
	f->frame.members[0].identity[0] ^= 1;
	assert_int_equal(apply(f), 0);
}

static void test_a_whole_picture_drops_the_unnamed(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	f->frame.whole = true;
	f->frame.more = true;
	frame_add(&f->frame, &f->mia);
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "hanna kira leo"); /* not yet */
	next_frame(f);
	f->frame.more = true;
	frame_add(&f->frame, &f->leo);
	assert_int_equal(apply(f), 0);
	next_frame(f);
	frame_add(&f->frame, &f->world.host);
	assert_int_equal(apply(f), PARTY_CHANGED_DOUBTS);
	assert_int_equal(party_end_doubts(&f->party), PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "hanna leo");
	next_frame(f); /* named again, she needs to say nothing new */
	frame_add(&f->frame, &f->kira);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

/* The connection broke in the middle: what comes next is no end of that picture. */
static void test_a_picture_that_was_cut_off(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	f->frame.whole = true;
	f->frame.more = true;
	frame_add(&f->frame, &f->mia);
	apply(f);
	party_set_offline(&f->party);
	next_frame(f);
	frame_announce(&f->frame, &f->leo, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

/* An address that was given on while we were away: its new holder may be named before the old one
 * is found to be gone. */
static void test_an_address_given_on(void **state)
{
	struct fixture *f = *state;
	struct person heir;

	announce_all(f);
	person_join(&heir, &f->world, "heir", 5);
	heir.address = f->kira.address;
	next_frame(f);
	f->frame.whole = true;
	frame_announce(&f->frame, &heir, &f->world);
	frame_add(&f->frame, &f->mia);
	frame_add(&f->frame, &f->leo);
	assert_int_equal(apply(f) & PARTY_CHANGED_MEMBERS, PARTY_CHANGED_MEMBERS);
	party_end_doubts(&f->party);
	assert_string_equal(handed_on(f), "heir leo");
	person_deinit(&heir);
}

static void test_frames_of_another_party(void **state)
{
	struct fixture *f = *state;

	next_frame(f);
	f->frame.party_id[0] ^= 1;
	f->frame.whole = true;
	frame_announce(&f->frame, &f->kira, &f->world);
	assert_int_equal(apply(f), 0);
	assert_string_equal(handed_on(f), "");
	party_forget(&f->party);
	f->frame.party_id[0] ^= 1;
	assert_int_equal(apply(f), 0);
}

static void test_the_own_lease(void **state)
{
	struct fixture *f = *state;

	next_frame(f);
	f->mia.address = addr_ipv4(0x0a420063, 0);
	frame_add(&f->frame, &f->mia);
	assert_int_equal(apply(f), PARTY_CHANGED_MEMBERS | PARTY_CHANGED_LEASE);
	assert_memory_equal(&party_self(&f->party)->known.address, &f->mia.address,
			    sizeof(struct addr));
	next_frame(f);
	/* only the host's record removes anybody here */
	frame_add(&f->frame, &f->mia)->left = true;
	assert_int_equal(apply(f), 0);
	assert_non_null(party_self(&f->party));
	next_frame(f);
	f->frame.whole = true; /* nor does a picture without it */
	assert_int_equal(apply(f) & PARTY_CHANGED_LEASE, 0);
	assert_non_null(party_self(&f->party));
}

/* Somebody with an earlier lease has its address: it needs another one. */
static void test_the_own_address_is_another_s(void **state)
{
	struct fixture *f = *state;

	next_frame(f);
	f->kira.address = f->mia.address;
	f->kira.lease = 0;
	frame_announce(&f->frame, &f->kira, &f->world);
	assert_int_equal(apply(f), PARTY_CHANGED_MEMBERS | PARTY_CHANGED_LEASE);
	assert_null(party_self(&f->party));
}

/* ---- lies: none is believed, each is named once */

/* Applies the frame three times: nobody comes or goes, and it is named once, by these words. */
static void assert_lie(struct fixture *f, const char *why)
{
	size_t lies = f->party.n_lies;

	for (int i = 0; i < 3; i++)
		apply(f);
	assert_int_equal(f->party.n_lies, lies + 1);
	assert_string_equal(f->party.lies[lies].why, why);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

/* Nobody that the server alone knows pushes a member out, however early its lease. */
static void test_a_stranger_pushes_nobody_out(void **state)
{
	struct fixture *f = *state;
	struct person stranger;

	announce_all(f);
	for (int i = 0; i < 4; i++) {
		person_init(&stranger, &f->world, "stranger", (uint16_t)(20 + i));
		stranger.lease = 0;
		if (i % 2 == 0)
			stranger.address = f->kira.address;
		else
			stranger.number = f->kira.number;
		next_frame(f);
		f->frame.whole = i >= 2; /* also while she is not named yet */
		frame_add(&f->frame, &stranger);
		if (f->frame.whole) {
			frame_add(&f->frame, &f->world.host);
			frame_add(&f->frame, &f->mia);
			frame_add(&f->frame, &f->kira);
			frame_add(&f->frame, &f->leo);
		}
		assert_lie(f, "an address or number that is taken");
		person_deinit(&stranger);
	}
}

/* A word that was copied, an old one and garbage: one lie each, and the stranger is not named again
 * for having said nothing. */
static void test_false_words_are_named_once(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_bytes old = {0};
	struct person stranger;
	size_t lies;

	announce_all(f);
	rendezvous_bytes_set(&old, f->frame.members[1].sealed.bytes,
			     f->frame.members[1].sealed.length);
	announce_all(f);
	person_init(&stranger, &f->world, "stranger", 9);
	next_frame(f);
	rendezvous_bytes_set(&frame_add(&f->frame, &stranger)->sealed, old.bytes, old.length);
	assert_lie(f, "it is another member's");
	lies = f->party.n_lies;
	party_sweep(&f->party, WORLD_NOW_S + 60);
	assert_int_equal(f->party.n_lies, lies);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->sealed = old;
	assert_lie(f, announcement_verdict_text(ANNOUNCEMENT_OLD));
	next_frame(f);
	rendezvous_bytes_set(&frame_add(&f->frame, &f->leo)->sealed, (const uint8_t *)"garbage", 7);
	assert_lie(f, announcement_verdict_text(ANNOUNCEMENT_NOT_OURS));
	person_deinit(&stranger);
}

static void test_what_a_member_says_holds(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->wireguard_key[0] ^= 1;
	assert_lie(f, "another WireGuard key than it says itself");
	next_frame(f);
	frame_add(&f->frame, &f->kira)->address = addr_ipv4(0x0a420063, 0);
	assert_lie(f, "another address or number than it says itself");
	next_frame(f);
	frame_add(&f->frame, &f->leo)->address = addr_ipv4(0x08080808, 0);
	assert_lie(f, "an address outside the party's prefix");
}

static void test_frames_out_of_place(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	f->frame.change = 1;
	frame_add(&f->frame, &f->kira)->left = true;
	assert_int_equal(apply(f), PARTY_CHANGED_DISORDER);
	f->party.n_lies = 0;
	assert_lie(f, "stale");
	next_frame(f);
	f->frame.party_id[0] ^= 1;
	frame_add(&f->frame, &f->kira)->left = true;
	assert_lie(f, "another party");
	next_frame(f); /* but a picture begins anew */
	f->frame.change = 1;
	f->frame.whole = true;
	frame_add(&f->frame, &f->world.host);
	frame_add(&f->frame, &f->kira);
	frame_add(&f->frame, &f->leo);
	frame_add(&f->frame, &f->mia);
	assert_int_equal(apply(f), 0);
	assert_int_equal(f->party.record.change, 1);
}

static void test_who_is_said_to_have_left(void **state)
{
	struct fixture *f = *state;
	struct party_member *kira;

	announce_all(f);
	kira = party_member(&f->party, f->kira.keyholder.identity);
	for (int i = 0; i < 3; i++) {
		next_frame(f);
		frame_add(&f->frame, &f->kira)->left = true;
		frame_add(&f->frame, &f->mia)->left = true;
		apply(f);
		party_still_here(&f->party, kira);
		next_frame(f);
		f->frame.whole = true;
		apply(f);
		party_still_here(&f->party, kira);
	}
	assert_int_equal(f->party.n_lies, 2);
	assert_int_equal(party_end_doubts(&f->party), PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "kira");
	restart(f);
	assert_string_equal(handed_on(f), "kira");
}

/* ---- through the tunnel, and generations */

static unsigned hear(struct fixture *f, struct person *person)
{
	struct announcement announcement = person_announcement(person, &f->world);
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	ssize_t n = announcement_say(&announcement, &person->keyholder, said);

	assert_true(n > 0);
	return party_hear(&f->party, said, (size_t)n, WORLD_NOW_S);
}

static void test_a_member_the_server_hides(void **state)
{
	struct fixture *f = *state;
	struct person other, thief;

	announce_all(f);
	person_join(&other, &f->world, "nora", 9);
	assert_int_equal(hear(f, &other), PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "hanna kira leo nora");
	next_frame(f); /* the server goes on hiding it */
	f->frame.whole = true;
	frame_add(&f->frame, &f->world.host);
	frame_add(&f->frame, &f->mia);
	frame_add(&f->frame, &f->kira);
	frame_add(&f->frame, &f->leo);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo nora");
	/* whoever is not listed cannot take what the server gave to another, whatever it claims */
	person_join(&thief, &f->world, "thea", 10);
	thief.address = f->kira.address;
	thief.lease = 0;
	assert_int_equal(hear(f, &thief), 0);
	assert_string_equal(handed_on(f), "hanna kira leo nora");
	other.has_proof = false; /* nor is anybody let in without a proof */
	assert_int_equal(hear(f, &other), 0);
	person_deinit(&other);
	person_deinit(&thief);
}

/* What the server still sends of a member that has said farewell does not bring it back, and is no
 * lie either. */
static void test_a_farewell_overtakes_the_server(void **state)
{
	struct fixture *f = *state;
	struct announcement farewell;
	uint8_t said[ANNOUNCEMENT_SAID_MAX];
	struct rendezvous_bytes latest = {0};
	ssize_t n;

	announce_all(f);
	rendezvous_bytes_set(&latest, f->frame.members[1].sealed.bytes,
			     f->frame.members[1].sealed.length);
	farewell = person_announcement(&f->kira, &f->world);
	farewell.left = true;
	n = announcement_say(&farewell, &f->kira.keyholder, said);
	assert_int_equal(party_hear(&f->party, said, (size_t)n, WORLD_NOW_S),
			 PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "hanna leo");
	next_frame(f);
	frame_add(&f->frame, &f->kira)->sealed = latest;
	apply(f);
	assert_string_equal(handed_on(f), "hanna leo");
	restart(f);
	assert_string_equal(handed_on(f), "hanna leo");
	assert_int_equal(f->party.n_lies, 0);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->left = true;
	assert_int_equal(apply(f) & PARTY_CHANGED_DOUBTS, 0);
	next_frame(f); /* but she may come again */
	frame_announce(&f->frame, &f->kira, &f->world);
	apply(f);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

/* What the host begins: `removed` goes, the world follows. */
static struct rendezvous_generation begin(struct fixture *f, const uint8_t *removed,
					  const struct person *host, uint8_t key[32])
{
	struct rendezvous_generation record;

	assert_int_equal(generation_make(&record, key, &f->world.trust, removed,
					 host->keyholder.identity, &f->world.host.keyholder),
			 0);
	return record;
}

static void follow(struct fixture *f, const struct rendezvous_generation *record,
		   const uint8_t key[32], struct person *stays)
{
	struct announcement_trust *trust = &f->world.trust;

	memcpy(trust->signer, trust->host, 32);
	memcpy(trust->host, record->host, 32);
	memcpy(trust->key_id, record->key_id, 32);
	memcpy(trust->party_key, key, 32);
	trust->generation = record->number;
	stays->has_proof = false;
	stays->has_voucher = true;
	assert_int_equal(generation_vouch(stays->voucher, trust->party_id, record->number,
					  stays->keyholder.identity, &f->world.host.keyholder),
			 0);
}

static void test_a_kick(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_generation record;
	uint8_t key[32], voucher[64];
	size_t n;

	announce_all(f);
	record = begin(f, f->kira.keyholder.identity, &f->world.host, key);
	assert_int_equal(party_renew(&f->party, &record), 0);
	assert_string_equal(handed_on(f), "hanna leo"); /* the others stay until they speak again */
	assert_int_equal(party_renew(&f->party, &record), -EALREADY);
	assert_false(party_can_announce(&f->party));
	assert_ptr_equal(party_records(&f->party, 1, &n), f->party.records);
	assert_int_equal(n, 1);
	/* the key it named and no other, and a voucher for this member */
	memset(voucher, 0, sizeof(voucher));
	key[0] ^= 1;
	assert_false(party_take_key(&f->party, key, voucher));
	key[0] ^= 1;
	assert_true(party_take_key(&f->party, key, voucher));
	assert_false(party_can_announce(&f->party));
	follow(f, &record, key, &f->mia);
	assert_true(party_take_key(&f->party, key, f->mia.voucher));
	assert_true(party_can_announce(&f->party));
	/* kira has her invite and nothing else: not enough any more */
	assert_int_equal(hear(f, &f->kira), 0);
	follow(f, &record, key, &f->leo);
	assert_int_equal(hear(f, &f->leo), PARTY_CHANGED_MEMBERS);
	assert_string_equal(handed_on(f), "hanna leo");
}

static void test_records_that_lie(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_generation record, forged;
	uint8_t key[32];

	record = begin(f, f->kira.keyholder.identity, &f->world.host, key);
	forged = record; /* another one removed than the host signed */
	memcpy(forged.removed, f->leo.keyholder.identity, 32);
	assert_int_equal(party_renew(&f->party, &forged), -EKEYREJECTED);
	forged = record; /* a number skipped */
	forged.number++;
	assert_int_equal(party_renew(&f->party, &forged), -ENOENT);
	/* signed by somebody who is not the host */
	assert_int_equal(generation_make(&forged, key, &f->world.trust, NULL,
					 f->kira.keyholder.identity, &f->kira.keyholder),
			 0);
	assert_int_equal(party_renew(&f->party, &forged), -EKEYREJECTED);
	assert_int_equal(f->party.record.trust.generation, 1);
	/* the host removes this very machine: nothing here changes by itself */
	record = begin(f, f->mia.keyholder.identity, &f->world.host, key);
	assert_int_equal(party_renew(&f->party, &record), PARTY_REMOVED);
	assert_int_equal(f->party.record.trust.generation, 1);
}

static void test_a_new_host(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_generation record;
	uint8_t key[32];

	announce_all(f);
	assert_string_equal(party_successor(&f->party)->announcement.name, "hanna");
	record = begin(f, f->world.host.keyholder.identity, &f->kira, key);
	assert_int_equal(party_renew(&f->party, &record), 0);
	assert_memory_equal(f->party.record.trust.host, f->kira.keyholder.identity, 32);
	assert_string_equal(handed_on(f), "kira leo");
	assert_true(party_take_key(&f->party, key, NULL));
	follow(f, &record, key, &f->leo);
	f->kira.has_proof = false; /* the host needs none */
	assert_int_equal(hear(f, &f->kira), PARTY_CHANGED_MEMBERS);
	assert_int_equal(hear(f, &f->leo), PARTY_CHANGED_MEMBERS);
	/* the old host does not sign for anybody any more */
	record = begin(f, NULL, &f->world.host, key);
	assert_int_equal(party_renew(&f->party, &record), -EKEYREJECTED);
}

static void test_online_is_only_the_server_s_word(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->online = false;
	assert_int_equal(apply(f), PARTY_CHANGED_ONLINE);
	assert_string_equal(handed_on(f), "hanna kira leo");
	party_set_offline(&f->party);
	assert_false(f->party.members[3].online);
	assert_string_equal(handed_on(f), "hanna kira leo");
}

static void test_a_restart_gives_the_same_picture(void **state)
{
	struct fixture *f = *state;

	announce_all(f);
	next_frame(f);
	frame_add(&f->frame, &f->leo)->left = true;
	apply(f);
	party_end_doubts(&f->party);
	restart(f);
	assert_true(f->party.joined && f->party.settled);
	assert_memory_equal(&f->party.record.trust, &f->world.trust, sizeof(f->world.trust));
	assert_memory_equal(&f->party.record.proof.invite_signature, &f->mia.proof.invite_signature,
			    64);
	assert_int_equal(f->party.record.change, f->change);
	assert_memory_equal(&party_self(&f->party)->known.address, &f->mia.address,
			    sizeof(struct addr));
	assert_string_equal(handed_on(f), "hanna kira");
	assert_neighbours_accept(f);
	for (int i = 0; i < 3; i++) /* sequence 1 is known, too, and no invite is asked for again */
		restart(f);
	party_deinit(&f->party);
	assert_int_equal(
		party_init(&f->party, f->database, f->mia.keyholder.identity, WORLD_NOW_S + 7200),
		0);
	assert_string_equal(handed_on(f), "hanna kira");
	party_deinit(&f->party);
	assert_int_equal(
		party_init(&f->party, f->database, f->mia.keyholder.identity, WORLD_NOW_S + 86400),
		0);
	assert_string_equal(handed_on(f), ""); /* what expired is not believed */
}

static void test_old_words_are_refused_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct rendezvous_bytes old = {0};

	announce_all(f);
	rendezvous_bytes_set(&old, f->frame.members[1].sealed.bytes,
			     f->frame.members[1].sealed.length);
	announce_all(f);
	restart(f);
	next_frame(f);
	frame_add(&f->frame, &f->kira)->sealed = old;
	apply(f);
	assert_int_equal(f->party.members[0].known.sequence > 0, 1);
	for (size_t i = 0; i < f->party.n_members; i++)
		if (memcmp(f->party.members[i].known.identity, f->kira.keyholder.identity, 32) == 0)
			assert_int_equal(f->party.members[i].known.sequence, f->kira.sequence);
}

/* What was not settled leaves no trace, and what a former party left does not count. */
static void test_entering_is_kept_only_when_settled(void **state)
{
	struct fixture *f = *state;
	struct database_party record = person_record(&f->mia, &f->world);

	announce_all(f);
	assert_int_equal(party_forget(&f->party), 0);
	restart(f);
	assert_false(f->party.joined);
	party_enter(&f->party, &record);
	next_frame(f);
	f->frame.whole = true;
	frame_announce(&f->frame, &f->mia, &f->world);
	frame_announce(&f->frame, &f->kira, &f->world);
	assert_true(apply(f) & PARTY_CHANGED_LEASE);
	restart(f);
	assert_false(f->party.joined);
	assert_int_equal(f->party.n_members, 0);

	party_enter(&f->party, &record);
	assert_true(apply(f) & PARTY_CHANGED_LEASE);
	assert_int_equal(party_settle(&f->party), 0);
	restart(f);
	assert_string_equal(handed_on(f), "kira");
	assert_int_equal(f->party.n_members, 2);
}

/* Fills the party with people whose key holders need not go on living. */
static void crowd(struct fixture *f, uint16_t first, size_t n, bool announced)
{
	for (size_t i = 0; i < n;) {
		next_frame(f);
		f->frame.more = true;
		for (size_t k = 0; k < RENDEZVOUS_MEMBERS_PER_FRAME && i < n; k++, i++) {
			struct person person;
			char name[32];

			snprintf(name, sizeof(name), "p%zu", i);
			person_join(&person, &f->world, name, (uint16_t)(first + i));
			if (announced)
				frame_announce(&f->frame, &person, &f->world);
			else
				frame_add(&f->frame, &person);
			person_deinit(&person);
		}
		apply(f);
	}
}

static void test_three_hundred_members(void **state)
{
	struct fixture *f = *state;
	struct dataplane_party desired = {0};

	crowd(f, 10, 300, true);
	restart(f);
	assert_int_equal(party_fill_dataplane(&f->party, &desired), 0);
	assert_int_equal(desired.n_members, 300);
	dataplane_party_clear(&desired);
	assert_neighbours_accept(f);
}

/* Cheap people: only their leases. */
static void claim_number(struct fixture *f, uint32_t number, bool left)
{
	struct rendezvous_member *member;
	struct person person = {.number = (uint16_t)number, .lease = number};

	memcpy(person.keyholder.identity, &number, sizeof(number));
	memcpy(person.wireguard_key, &number, sizeof(number));
	person.address = addr_ipv4(0x0a420000u + number, 0);
	next_frame(f);
	member = frame_add(&f->frame, &person);
	member->left = left;
	apply(f);
}

static void test_the_limit(void **state)
{
	struct fixture *f = *state;

	database_begin(f->database); /* one write for all */
	for (uint32_t i = 5; i < PARTY_MEMBERS_MAX + 20; i++)
		claim_number(f, i, false);
	assert_int_equal(f->party.n_members, PARTY_MEMBERS_MAX);
	claim_number(f, 77, true);
	claim_number(f, 2000, false); /* takes the place of the one that left */
	database_commit(f->database);
	restart(f);
	assert_int_equal(f->party.n_members, PARTY_MEMBERS_MAX);
	for (size_t i = 0; i < f->party.n_members; i++)
		assert_true(f->party.members[i].known.present);
	claim_number(f, 2000, true);
	claim_number(f, 2001, false);
	assert_int_equal(f->party.n_members, PARTY_MEMBERS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_lease_alone_makes_no_member),
		TEST(test_announcements_make_members),
		TEST(test_a_repeat_changes_nothing),
		TEST(test_only_newer_words_count),
		TEST(test_a_stranger_is_not_handed_on),
		TEST(test_words_count_for_their_speaker_only),
		TEST(test_of_two_claims_the_earlier_lease_wins),
		TEST(test_addresses_outside_the_party),
		TEST(test_a_key_is_a_member_s_own),
		TEST(test_one_bad_announcement_harms_nobody_else),
		TEST(test_a_single_use_invite_brings_in_one),
		TEST(test_leaving),
		TEST(test_a_whole_picture_drops_the_unnamed),
		TEST(test_a_picture_that_was_cut_off),
		TEST(test_an_address_given_on),
		TEST(test_frames_of_another_party),
		TEST(test_the_own_lease),
		TEST(test_the_own_address_is_another_s),
		TEST(test_a_stranger_pushes_nobody_out),
		TEST(test_false_words_are_named_once),
		TEST(test_what_a_member_says_holds),
		TEST(test_frames_out_of_place),
		TEST(test_who_is_said_to_have_left),
		TEST(test_a_farewell_overtakes_the_server),
		TEST(test_a_member_the_server_hides),
		TEST(test_a_kick),
		TEST(test_records_that_lie),
		TEST(test_a_new_host),
		TEST(test_online_is_only_the_server_s_word),
		TEST(test_a_restart_gives_the_same_picture),
		TEST(test_old_words_are_refused_after_a_restart),
		TEST(test_entering_is_kept_only_when_settled),
		TEST(test_three_hundred_members),
		TEST(test_the_limit),
	};

	if (sodium_init() < 0)
		return 1;
	log_init("test_party", LOG_LEVEL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
