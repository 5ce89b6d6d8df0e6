/* The store in SQLite: changes, ranges, and what happens when numbers or addresses are used up. */
#include <errno.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-control/server/lease.h"
#include "svc-control/server/store_sqlite.h"

static char folder[32], path[64];
static struct store *store;
static struct store_party party;
static const uint64_t now = 1800000000;
static const uint8_t invite_key[32] = {7};

static void open_store(void)
{
	struct error error = {0};

	if (store_sqlite_open(&store, path, &error) < 0)
		fail_msg("%s", error.text);
}

static void close_store(void)
{
	store->operations->close(store);
	store = NULL;
}

static void execute(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* As somebody with the file in hands could. */
static void tamper(const char *sql)
{
	close_store();
	execute(sql);
	open_store();
}

static void identity_of(uint8_t identity[32], unsigned int who)
{
	memset(identity, 0, 32);
	memcpy(identity, &who, sizeof(who));
}

static int join(unsigned int who, uint64_t when)
{
	uint8_t identity[32], key[32];

	identity_of(identity, who);
	memcpy(key, identity, 32);
	return store->operations->join(store, party.id, identity, key, invite_key, when);
}

static int leave(unsigned int who, uint64_t when)
{
	uint8_t identity[32];

	identity_of(identity, who);
	return store->operations->leave(store, party.id, identity, when);
}

static struct rendezvous_member get(unsigned int who)
{
	struct rendezvous_member member;
	uint8_t identity[32];

	identity_of(identity, who);
	assert_int_equal(store->operations->get_member(store, party.id, identity, &member), 0);
	free(member.sealed.bytes);
	return member;
}

static uint32_t last_byte_of(unsigned int who)
{
	struct rendezvous_member member = get(who);

	return addr_ipv4_value(&member.address) & 0xff;
}

static int setup(void **state)
{
	struct store_invite invite = {.expires_s = now + 1000000};
	uint8_t key[32] = {1}, sealed[3] = {1, 2, 3};

	(void)state;
	strcpy(folder, "/tmp/test_store.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/server.db", folder);
	open_store();
	memset(&party, 0, sizeof(party));
	memset(party.id, 5, sizeof(party.id));
	identity_of(party.host, 1);
	addr_prefix_parse(&party.prefix, "192.168.77.0/24");
	party.generation = 1;
	assert_int_equal(store->operations->create_party(store, &party, key, now), 0);
	memcpy(invite.party_id, party.id, sizeof(party.id));
	memcpy(invite.invite_key, invite_key, 32);
	invite.sealed.bytes = sealed;
	invite.sealed.length = sizeof(sealed);
	return store->operations->put_invite(store, &invite, now);
}

static int teardown(void **state)
{
	char command[96];

	(void)state;
	if (store)
		close_store();
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static void test_each_change_has_its_number(void **state)
{
	struct rendezvous_bytes sealed = {(uint8_t *)folder, 4};
	struct store_party row;

	(void)state;
	assert_int_equal(get(1).change, 1);
	assert_int_equal(join(2, now), 0);
	assert_int_equal(get(2).change, 2);
	assert_int_equal(join(2, now), 0); /* nothing new */
	assert_int_equal(get(2).change, 2);
	assert_int_equal(store->operations->announce(store, party.id, party.host, &sealed), 0);
	assert_int_equal(get(1).change, 3);
	assert_int_equal(store->operations->set_online(store, party.id, party.host, true), 0);
	assert_int_equal(store->operations->set_online(store, party.id, party.host, false), 1);
	assert_int_equal(get(1).change, 4);
	assert_int_equal(leave(2, now), 0);
	assert_int_equal(leave(2, now), -ENOENT);
	assert_int_equal(get(2).change, 5);
	assert_int_equal(store->operations->get_party(store, party.id, &row), 0);
	assert_int_equal(row.change, 5);
}

static void test_ranges(void **state)
{
	struct store_range range = {0, 0};
	struct rendezvous_member members[4];
	size_t n;

	(void)state;
	for (unsigned int who = 2; who <= 6; who++)
		assert_int_equal(join(who, now), 0);
	assert_int_equal(leave(3, now), 0); /* change 7 */
	assert_int_equal(store->operations->get_members(store, party.id, &range, members, 4, &n),
			 0);
	assert_int_equal(n, 4);
	assert_int_equal(members[0].change, 1);
	assert_int_equal(members[3].change, 5);
	range.after = 5;
	assert_int_equal(store->operations->get_members(store, party.id, &range, members, 4, &n),
			 0);
	assert_int_equal(n, 2);
	assert_true(members[1].left);
	range.left_after = 7; /* it had left before the picture began */
	assert_int_equal(store->operations->get_members(store, party.id, &range, members, 4, &n),
			 0);
	assert_int_equal(n, 1);
	assert_false(members[0].left);
}

static void test_offline_after_opening(void **state)
{
	struct store_party row;

	(void)state;
	assert_int_equal(join(2, now), 0);
	assert_true(get(1).online && get(2).online);
	close_store();
	open_store();
	assert_false(get(1).online || get(2).online);
	assert_int_equal(store->operations->get_party(store, party.id, &row), 0);
	assert_int_equal(row.change, 4);
	assert_int_not_equal(get(1).change, get(2).change);
}

static void test_addresses_are_reused_last(void **state)
{
	(void)state;
	for (unsigned int who = 2; who <= 254; who++)
		assert_int_equal(join(who, now), 0);
	assert_int_equal(join(300, now), -ENOSPC);
	assert_int_equal(leave(20, now + 2), 0);
	assert_int_equal(leave(10, now + 1), 0);
	assert_int_equal(join(300, now + 3), 0);
	assert_int_equal(last_byte_of(300), 10);
	assert_int_equal(get(300).number, 255);
	assert_int_equal(get(300).lease, 255);
	/* 20 has its own as long as nobody needed it */
	assert_int_equal(join(20, now + 3), 0);
	assert_int_equal(last_byte_of(20), 20);
	assert_int_equal(join(10, now + 3), -ENOSPC);
}

static void test_numbers_are_reused_after_their_rest(void **state)
{
	(void)state;
	for (unsigned int who = 2; who <= 5; who++)
		assert_int_equal(join(who, now), 0);
	assert_int_equal(leave(3, now), 0);
	tamper("UPDATE parties SET next_number = 65535");
	assert_int_equal(join(6, now), 0);
	assert_int_equal(get(6).number, 65535);
	assert_int_equal(join(7, now + LEASE_NUMBER_REST_S - 1), -ENOSPC);
	assert_int_equal(join(7, now + LEASE_NUMBER_REST_S), 0);
	assert_int_equal(get(7).number, 3);
	assert_int_equal(get(7).lease, 7);
}

static void test_uses_are_counted(void **state)
{
	struct store_invite invite = {.expires_s = now + 10, .uses = 2, .lookup_id = {9}}, found;
	uint8_t sealed[1] = {1}, key[32] = {8}, identity[32];

	(void)state;
	memcpy(invite.party_id, party.id, sizeof(party.id));
	memcpy(invite.invite_key, key, 32);
	invite.sealed.bytes = sealed;
	invite.sealed.length = 1;
	assert_int_equal(store->operations->put_invite(store, &invite, now), 0);
	for (unsigned int who = 50; who < 53; who++) {
		identity_of(identity, who);
		for (int again = 0; again < 3; again++)
			assert_int_equal(
				store->operations->join(store, party.id, identity, key, key, now),
				who < 52 ? 0 : -ENOENT);
	}
	identity_of(identity, 50);
	assert_int_equal(store->operations->join(store, party.id, identity, key, key, now + 11), 0);
	assert_int_equal(store->operations->get_invite(store, invite.lookup_id, now, &found),
			 -ENOENT);
}

static void test_a_failed_join_spends_nothing(void **state)
{
	struct store_invite invite = {.expires_s = now + 10, .uses = 1, .lookup_id = {9}}, found;
	uint8_t sealed[1] = {1}, key[32] = {8}, identity[32];

	(void)state;
	for (unsigned int who = 2; who <= 254; who++)
		assert_int_equal(join(who, now), 0);
	memcpy(invite.party_id, party.id, sizeof(party.id));
	memcpy(invite.invite_key, key, 32);
	invite.sealed.bytes = sealed;
	invite.sealed.length = 1;
	assert_int_equal(store->operations->put_invite(store, &invite, now), 0);
	identity_of(identity, 400);
	assert_int_equal(store->operations->join(store, party.id, identity, key, key, now),
			 -ENOSPC);
	assert_int_equal(store->operations->get_invite(store, invite.lookup_id, now, &found), 0);
	free(found.sealed.bytes);
}

static void test_quotas(void **state)
{
	struct store_party other = party;
	struct store_invite invite = {.expires_s = now + 10};
	uint8_t sealed[1] = {1};

	(void)state;
	for (uint8_t i = 1; i < STORE_MEMBERSHIPS_MAX; i++) {
		other.id[0] = i + 10;
		assert_int_equal(store->operations->create_party(store, &other, party.host, now),
				 0);
	}
	other.id[0] = 99;
	assert_int_equal(store->operations->create_party(store, &other, party.host, now), -EDQUOT);
	assert_int_equal(store->operations->get_party(store, other.id, &other), -ENOENT);

	memcpy(invite.party_id, party.id, sizeof(party.id));
	invite.sealed.bytes = sealed;
	invite.sealed.length = 1;
	for (uint8_t i = 1; i < STORE_INVITES_MAX; i++) {
		invite.lookup_id[0] = i;
		assert_int_equal(store->operations->put_invite(store, &invite, now), 0);
	}
	invite.lookup_id[0] = 200;
	assert_int_equal(store->operations->put_invite(store, &invite, now), -EDQUOT);
	invite.lookup_id[0] = 3; /* the same again */
	assert_int_equal(store->operations->put_invite(store, &invite, now), 0);
	assert_int_equal(store->operations->put_invite(store, &invite, now + 11), 0);
}

static void test_sweep(void **state)
{
	struct store_party row;

	(void)state;
	assert_int_equal(join(2, now), 0);
	assert_int_equal(leave(1, now), 0);
	assert_int_equal(store->operations->sweep(store, now + 10 * STORE_PARTY_IDLE_S), 0);
	assert_int_equal(store->operations->get_party(store, party.id, &row), 0);
	assert_int_equal(leave(2, now + 5), 0);
	assert_int_equal(store->operations->sweep(store, now + STORE_PARTY_IDLE_S), 0);
	assert_int_equal(store->operations->get_party(store, party.id, &row), 0);
	assert_int_equal(store->operations->sweep(store, now + STORE_PARTY_IDLE_S + 5), 0);
	assert_int_equal(store->operations->get_party(store, party.id, &row), -ENOENT);
}

static void test_tampered_books_are_refused(void **state)
{
	struct store *second;
	struct error error = {0};

	(void)state;
	close_store();
	execute("UPDATE members SET address = 1");
	assert_int_equal(store_sqlite_open(&second, path, &error), -EUCLEAN);
	assert_null(second);
	assert_non_null(strstr(error.text, "outside of its party"));
}

static void assert_refused(const char *words)
{
	struct store *second;
	struct error error = {0};

	assert_int_equal(store_sqlite_open(&second, path, &error), -EUCLEAN);
	assert_null(second);
	assert_non_null(strstr(error.text, words));
	assert_non_null(strstr(error.text, path));
}

static void write_garbage(long at, int length)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	fseek(file, at, SEEK_SET);
	for (int i = 0; i < length; i++)
		fputc(i * 7 + 13, file);
	fclose(file);
}

static void test_damaged_files_are_refused(void **state)
{
	(void)state;
	close_store();
	write_garbage(3 * 4096, 2 * 4096);
	assert_refused("is damaged; restore a backup or move it away");
	write_garbage(0, 4096);
	assert_refused("file is not a database; restore a backup or move it away");
	assert_int_equal(truncate(path, 0), 0);
	assert_refused("empty; restore a backup");
}

/* Whole as a file, and not what we wrote. */
static void test_what_is_not_ours_is_refused(void **state)
{
	(void)state;
	close_store();
	execute("UPDATE members SET identity = x'00', online = 1");
	assert_refused("changed from outside; restore a backup");
	execute("DROP TABLE shares");
	assert_refused("no such table: shares; restore a backup");
	execute("PRAGMA user_version = 3");
	assert_refused("another version");
	execute("PRAGMA application_id = 1");
	assert_refused("another program");
}

/* What SQLite cannot do is -EIO, and leaves nothing of a change. */
static void test_a_failure_inside_a_change(void **state)
{
	struct store_party row;

	(void)state;
	close_store();
	execute("CREATE TRIGGER full AFTER INSERT ON members BEGIN SELECT raise(ABORT, 'x'); END");
	open_store();
	assert_int_equal(join(2, now), -EIO);
	assert_int_equal(store->operations->get_party(store, party.id, &row), 0);
	assert_int_equal(row.change, 2);
	close_store();
	execute("DROP TRIGGER full");
	open_store();
	assert_int_equal(join(2, now), 0);
}

int main(void)
{
#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		WITH_STORE(test_each_change_has_its_number),
		WITH_STORE(test_ranges),
		WITH_STORE(test_offline_after_opening),
		WITH_STORE(test_addresses_are_reused_last),
		WITH_STORE(test_numbers_are_reused_after_their_rest),
		WITH_STORE(test_uses_are_counted),
		WITH_STORE(test_a_failed_join_spends_nothing),
		WITH_STORE(test_quotas),
		WITH_STORE(test_sweep),
		WITH_STORE(test_tampered_books_are_refused),
		WITH_STORE(test_damaged_files_are_refused),
		WITH_STORE(test_what_is_not_ours_is_refused),
		WITH_STORE(test_a_failure_inside_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
