/* What must not be forgotten is on disk, whole or not at all, and never taken for something else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log.h"
#include "svc-control/database.h"
#include "tests/unit/old_database.h"

static char directory[] = "/tmp/lanrage-database-XXXXXX";
static char path[128];

static struct database *reopen(struct database *database)
{
	struct error error;

	database_close(database);
	assert_int_equal(database_open(&database, path, &error), 0);
	return database;
}

static int set_up(void **state)
{
	static unsigned number;

	snprintf(path, sizeof(path), "%s/%u.db", directory, number++);
	*state = reopen(NULL);
	return 0;
}

static int tear_down(void **state)
{
	database_close(*state);
	return 0;
}

static struct database_party sample_party(void)
{
	struct database_party party = {.has_proof = true, .change = UINT64_MAX / 4};

	memset(party.trust.party_id, 1, sizeof(party.trust.party_id));
	memset(party.trust.party_key, 2, 32);
	memset(party.trust.host, 3, 32);
	party.trust.generation = 0xfffffff0;
	strcpy(party.name, "Freitag \xf0\x9f\x8e\xae");
	strcpy(party.own_name, "kira");
	strcpy(party.server_url, "ws://198.51.100.7:8667");
	party.prefix.addr = addr_ipv4(0xc0a80000, 0);
	party.prefix.length = 16;
	memset(party.trust.signer, 4, 32);
	memset(party.trust.key_id, 8, 32);
	party.trust.has_key = true;
	party.local = true;
	memset(party.proof.invite_key, 5, 32);
	memset(party.proof.host_signature, 6, 64);
	memset(party.proof.invite_signature, 7, 64);
	party.proof.generation = 9;
	party.proof.expires_s = UINT64_MAX;
	party.proof.uses = 3;
	return party;
}

static struct database_member sample_member(uint8_t i)
{
	struct database_member member = {.number = (uint16_t)(65535 - i),
					 .lease = UINT32_MAX - i,
					 .address = addr_ipv4(0xc0a80001u + i, 0),
					 .present = i % 2,
					 .sequence = UINT64_MAX / 4 + i,
					 .listed = i % 2 == 0,
					 .said_length = 90u * i};

	memset(member.identity, i, 32);
	memset(member.wireguard_key, 100 + i, 32);
	memset(member.said, i, member.said_length);
	return member;
}

static void assert_party_equal(const struct database_party *a, const struct database_party *b)
{
	assert_memory_equal(&a->trust, &b->trust, sizeof(a->trust));
	assert_string_equal(a->name, b->name);
	assert_string_equal(a->own_name, b->own_name);
	assert_string_equal(a->server_url, b->server_url);
	assert_memory_equal(&a->prefix.addr, &b->prefix.addr, sizeof(a->prefix.addr));
	assert_int_equal(a->prefix.length, b->prefix.length);
	assert_int_equal(a->local, b->local);
	assert_int_equal(a->has_voucher, b->has_voucher);
	assert_memory_equal(a->voucher, b->voucher, 64);
	assert_int_equal(a->has_proof, b->has_proof);
	assert_int_equal(a->change, b->change);
	assert_memory_equal(a->proof.invite_key, b->proof.invite_key, 32);
	assert_memory_equal(a->proof.host_signature, b->proof.host_signature, 64);
	assert_memory_equal(a->proof.invite_signature, b->proof.invite_signature, 64);
	assert_int_equal(a->proof.generation, b->proof.generation);
	assert_int_equal(a->proof.expires_s, b->proof.expires_s);
	assert_int_equal(a->proof.uses, b->proof.uses);
}

static void test_party(void **state)
{
	struct database_party party = sample_party(), read;

	assert_int_equal(database_get_party(*state, &read), -ENOENT);
	assert_int_equal(database_set_party(*state, &party), 0);
	*state = reopen(*state);
	assert_int_equal(database_get_party(*state, &read), 0);
	assert_party_equal(&read, &party);
	party.has_proof = false; /* as its host */
	memset(&party.proof, 0, sizeof(party.proof));
	party.change = 0;
	assert_int_equal(database_set_party(*state, &party), 0);
	*state = reopen(*state);
	assert_int_equal(database_get_party(*state, &read), 0);
	assert_party_equal(&read, &party);
	assert_int_equal(database_remove_party(*state), 0);
	*state = reopen(*state);
	assert_int_equal(database_get_party(*state, &read), -ENOENT);
}

struct seen {
	size_t n;
};

static void see_member(void *data, const struct database_member *member)
{
	struct seen *seen = data;
	struct database_member expected = sample_member(member->identity[0]);

	assert_memory_equal(member, &expected, sizeof(expected));
	seen->n++;
}

static size_t count_members(struct database *database)
{
	struct seen seen = {0};

	assert_int_equal(database_each_member(database, see_member, &seen), 0);
	return seen.n;
}

static void test_members(void **state)
{
	struct database_party party = sample_party();
	struct database_member member;

	for (uint8_t i = 0; i < 20; i++) {
		member = sample_member(i);
		member.number = 1;
		assert_int_equal(database_set_member(*state, &member), 0);
		member = sample_member(i);
		assert_int_equal(database_set_member(*state, &member), 0);
	}
	*state = reopen(*state);
	assert_int_equal(count_members(*state), 20);
	member = sample_member(7);
	assert_int_equal(database_remove_member(*state, member.identity), 0);
	assert_int_equal(database_remove_member(*state, member.identity), 0);
	assert_int_equal(count_members(*state), 19);
	database_set_party(*state, &party);
	assert_int_equal(database_remove_party(*state), 0);
	assert_int_equal(count_members(*state), 0);
}

static void test_settings_and_cache(void **state)
{
	char value[CONTROL_SETTING_MAX];
	uint8_t bytes[100];
	size_t length = sizeof(bytes);

	assert_int_equal(database_get_setting(*state, "a", value), -ENOENT);
	assert_int_equal(database_set_setting(*state, "a", "x'; DROP TABLE party"), 0);
	*state = reopen(*state);
	assert_int_equal(database_get_setting(*state, "a", value), 0);
	assert_string_equal(value, "x'; DROP TABLE party");
	assert_int_equal(database_set_setting(*state, "a", NULL), 0);
	assert_int_equal(database_get_setting(*state, "a", value), -ENOENT);

	assert_int_equal(database_get_cache(*state, "c", bytes, &length), -ENOENT);
	assert_int_equal(database_set_cache(*state, "c", (const uint8_t *)"a\0b", 3), 0);
	assert_int_equal(database_remove_party(*state), 0); /* of no matter to the cache */
	*state = reopen(*state);
	assert_int_equal(database_get_cache(*state, "c", bytes, &length), 0);
	assert_int_equal(length, 3);
	assert_memory_equal(bytes, "a\0b", 3);
	length = 2;
	assert_int_equal(database_get_cache(*state, "c", bytes, &length), -EMSGSIZE);
	assert_int_equal(database_set_cache(*state, "c", NULL, 0), 0);
	length = sizeof(bytes);
	assert_int_equal(database_get_cache(*state, "c", bytes, &length), -ENOENT);
}

static void test_the_sequence_only_grows(void **state)
{
	static const struct {
		uint64_t floor, given;
	} rows[] = {{1000, 1000}, {1000, 1001}, {0, 1002},    {500, 1003},
		    {1004, 1004}, {9000, 9000}, {8000, 9001}, {9001, 9002}};
	uint64_t sequence;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(database_next_sequence(*state, rows[i].floor, &sequence), 0);
		assert_int_equal(sequence, rows[i].given);
		*state = reopen(*state);
		assert_int_equal(database_remove_party(*state), 0); /* it outlives parties */
	}
}

static bool has_setting(struct database *database, const char *key)
{
	char value[CONTROL_SETTING_MAX];

	return database_get_setting(database, key, value) == 0;
}

static void test_transactions_nest(void **state)
{
	struct database *database = *state;

	assert_int_equal(database_begin(database), 0);
	database_set_setting(database, "outer", "1");
	assert_int_equal(database_begin(database), 0);
	database_set_setting(database, "inner", "1");
	assert_int_equal(database_commit(database), 0);
	assert_int_equal(database_commit(database), 0);
	*state = database = reopen(database);
	assert_true(has_setting(database, "outer") && has_setting(database, "inner"));
}

static void test_one_rollback_undoes_the_outermost(void **state)
{
	struct database *database = *state;

	assert_int_equal(database_begin(database), 0);
	database_set_setting(database, "outer", "1");
	assert_int_equal(database_begin(database), 0);
	database_set_setting(database, "inner", "1");
	database_rollback(database);
	/* nothing after it counts on its own */
	assert_true(database_set_setting(database, "late", "1") < 0);
	assert_true(database_remove_party(database) < 0);
	assert_true(database_commit(database) < 0);
	assert_false(has_setting(database, "outer") || has_setting(database, "inner") ||
		     has_setting(database, "late"));
	assert_int_equal(database_set_setting(database, "after", "1"), 0);
	assert_int_equal(database_begin(database), 0);
	database_set_setting(database, "plain", "1");
	database_rollback(database);
	*state = database = reopen(database);
	assert_true(has_setting(database, "after"));
	assert_false(has_setting(database, "plain"));
}

/* ---- kills, and files that are not ours */

/* Runs in a child that may do as it likes; returns its status. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int open_again(struct database **database, struct error *error)
{
	return database_open(database, path, error);
}

/* Pairs of settings that are only ever changed together. */
static int write_pairs_for_ever(void)
{
	struct database *database;
	struct error error;
	char value[32];

	if (open_again(&database, &error) < 0)
		return 1;
	for (unsigned i = 0;; i++) {
		snprintf(value, sizeof(value), "%u", i);
		if (database_begin(database) < 0 ||
		    database_set_setting(database, "left", value) < 0 ||
		    database_set_setting(database, "right", value) < 0 ||
		    database_commit(database) < 0)
			return 1;
	}
}

static void test_a_kill_leaves_before_or_after(void **state)
{
	database_close(*state);
	*state = NULL;
	for (unsigned round = 0; round < 25; round++) {
		char left[CONTROL_SETTING_MAX] = "", right[CONTROL_SETTING_MAX] = "";
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0)
			_exit(write_pairs_for_ever());
		usleep(10000 + randombytes_uniform(40000));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		*state = reopen(*state);
		database_get_setting(*state, "left", left);
		database_get_setting(*state, "right", right);
		assert_string_equal(left, right);
		database_close(*state);
		*state = NULL;
	}
}

static int die_inside_a_transaction(void)
{
	struct database_party party = sample_party();
	struct database_member member = sample_member(1);
	struct database *database;
	struct error error;

	if (open_again(&database, &error) < 0 || database_begin(database) < 0 ||
	    database_set_party(database, &party) < 0 || database_set_member(database, &member) < 0)
		return 1;
	kill(getpid(), SIGKILL);
	return 1;
}

static void test_a_death_inside_a_transaction(void **state)
{
	struct database_party read;

	database_close(*state);
	assert_int_equal(WTERMSIG(in_child(die_inside_a_transaction)), SIGKILL);
	*state = reopen(NULL);
	assert_int_equal(database_get_party(*state, &read), -ENOENT);
	assert_int_equal(count_members(*state), 0);
}

static void execute(const char *sql)
{
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(sqlite);
}

static size_t read_whole(uint8_t *bytes, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t n;

	assert_non_null(file);
	n = fread(bytes, 1, size, file);
	fclose(file);
	return n;
}

/* Refused with these words, and the file is as it was. */
static void assert_refused(int code, const char *words)
{
	static uint8_t before[1 << 16], after[1 << 16];
	size_t n = read_whole(before, sizeof(before));
	struct database *database;
	struct error error = {0};

	assert_int_equal(open_again(&database, &error), code);
	assert_null(database);
	assert_int_equal(error.code, code);
	assert_non_null(strstr(error.text, words));
	assert_non_null(strstr(error.text, path));
	assert_int_equal(read_whole(after, sizeof(after)), n);
	assert_memory_equal(before, after, n);
}

static void test_a_later_version_is_refused(void **state)
{
	database_close(*state);
	*state = NULL;
	execute("PRAGMA user_version = 4; CREATE TABLE later (x)");
	assert_refused(-EPROTONOSUPPORT, "later version");
	execute("PRAGMA journal_mode = DELETE");
	assert_refused(-EPROTONOSUPPORT, "later version");
	execute("PRAGMA user_version = 1");
	assert_refused(-EPROTONOSUPPORT, "earlier version");
}

static int version_of_file(void)
{
	sqlite3_stmt *statement;
	sqlite3 *sqlite;
	int version;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	sqlite3_prepare_v2(sqlite, "PRAGMA user_version", -1, &statement, NULL);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);
	sqlite3_close(sqlite);
	return version;
}

static void count_any(void *data, const struct database_member *member)
{
	(void)member;
	++*(size_t *)data;
}

static void test_an_old_one_is_brought_up_to_date(void **state)
{
	struct database_party party;
	char value[CONTROL_SETTING_MAX];
	uint64_t sequence;
	uint8_t bytes[8];
	size_t length = sizeof(bytes), members = 0;

	database_close(*state);
	*state = NULL;
	assert_int_equal(unlink(path), 0);
	old_database_make(path);
	assert_int_equal(version_of_file(), 2);
	for (int again = 0; again < 2; again++) {
		*state = reopen(*state);
		assert_int_equal(database_get_setting(*state, "peer_name", value), 0);
		assert_string_equal(value, "anna");
		assert_int_equal(database_get_party(*state, &party), 0);
		assert_string_equal(party.name, "friday");
		assert_int_equal(party.trust.generation, 7);
	}
	assert_int_equal(database_each_member(*state, count_any, &members), 0);
	assert_int_equal(members, 1);
	assert_int_equal(database_next_sequence(*state, 1, &sequence), 0);
	assert_int_equal(sequence, 42);
	assert_int_equal(database_get_cache(*state, "c", bytes, &length), 0);
	assert_int_equal(length, 3);
	assert_int_equal(database_set_configuration(*state, "lan", 1000), 0);
	database_close(*state);
	*state = NULL;
	assert_int_equal(version_of_file(), 3);
}

struct listed {
	char text[512];
};

static void list_title(void *data, const char *name, uint64_t saved_s)
{
	struct listed *listed = data;
	size_t used = strlen(listed->text);

	snprintf(listed->text + used, sizeof(listed->text) - used, "%s %u;", name,
		 (unsigned)saved_s);
}

static void list_configured(void *data, const char *key, const char *value)
{
	struct listed *listed = data;
	size_t used = strlen(listed->text);

	snprintf(listed->text + used, sizeof(listed->text) - used, "%s=%s;", key, value);
}

static void assert_configured(struct database *database, const char *name, const char *expected)
{
	struct listed listed = {""};

	assert_int_equal(database_each_configured(database, name, list_configured, &listed), 0);
	assert_string_equal(listed.text, expected);
}

static void test_configurations(void **state)
{
	struct listed listed = {""};

	assert_int_equal(database_remove_configuration(*state, "lan"), -ENOENT);
	assert_int_equal(database_set_configuration(*state, "lan'; --", 7), 0);
	assert_int_equal(database_set_configuration(*state, "home", 1000), 0);
	assert_int_equal(database_add_configured(*state, "home", "up", "off"), 0);
	assert_int_equal(database_add_configured(*state, "home", "lan.mdns", "on"), 0);
	assert_int_equal(database_add_configured(*state, "lan'; --", "up", "on"), 0);
	*state = reopen(*state);
	assert_int_equal(database_each_configuration(*state, list_title, &listed), 0);
	assert_string_equal(listed.text, "home 1000;lan'; -- 7;");
	assert_configured(*state, "home", "lan.mdns=on;up=off;");
	assert_configured(*state, "nobody", "");
	assert_int_equal(database_set_configuration(*state, "home", 2000), 0); /* anew */
	assert_configured(*state, "home", "");
	assert_int_equal(database_remove_configuration(*state, "lan'; --"), 0);
	assert_configured(*state, "lan'; --", "");
}

static void write_garbage(long at, size_t length)
{
	FILE *file = fopen(path, "r+");

	assert_non_null(file);
	fseek(file, at, SEEK_SET);
	for (size_t i = 0; i < length; i++)
		fputc((int)(i * 7 + 13) & 0xff, file);
	fclose(file);
}

static void test_garbage_is_refused(void **state)
{
	struct database_member member;

	for (uint8_t i = 0; i < 40; i++) {
		member = sample_member(i);
		database_set_member(*state, &member);
	}
	database_close(*state);
	*state = NULL;
	write_garbage(3 * 4096, 2 * 4096); /* in the middle */
	assert_refused(-EBADMSG, "damaged");
	write_garbage(0, 4096);
	assert_refused(-EBADMSG, "not a database");
}

/* Not a beginning: what was in it is gone. */
static void test_an_empty_file_is_refused(void **state)
{
	database_close(*state);
	*state = NULL;
	assert_int_equal(truncate(path, 0), 0);
	assert_refused(-EBADMSG, "damaged");
	execute("CREATE TABLE recipes (name TEXT)");
	assert_refused(-EBADMSG, "damaged");
}

/* As a user that may read but not write. */
static int open_as_nobody(void)
{
	struct database *database;
	struct error error;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 2;
	if (open_again(&database, &error) != -EACCES)
		return 1;
	return strstr(error.text, "mend its permissions") ? 0 : 3;
}

static void test_where_nothing_may_be_written(void **state)
{
	if (getuid() != 0)
		skip();
	database_close(*state);
	*state = NULL;
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(in_child(open_as_nobody), 0); /* 0600: not even readable */
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(in_child(open_as_nobody), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(in_child(open_as_nobody), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static void test_nobody_else_may_read_it(void **state)
{
	struct stat stat_buffer;

	(void)state;
	assert_int_equal(stat(path, &stat_buffer), 0);
	assert_int_equal(stat_buffer.st_mode & 0777, 0600);
}

/* Large changes on a small disk: each is whole or refused, and what was there stays. */
static int fill_a_small_disk(void)
{
	struct database_party party = sample_party(), read;
	struct database *database;
	struct error error;
	int r = 0;

	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("tmpfs", directory, "tmpfs", 0, "size=256k") < 0)
		return 77;
	if (open_again(&database, &error) < 0 || database_set_party(database, &party) < 0)
		return 1;
	for (uint8_t i = 1; r == 0 && i < 200; i++) {
		struct database_member member = sample_member(i % 40 + 1);

		r = database_begin(database);
		if (r < 0)
			break;
		memset(member.identity, i, 32);
		for (uint8_t k = 0; k < 4; k++) {
			member.identity[31] = k;
			database_set_member(database, &member);
		}
		r = database_commit(database);
	}
	if (r != -ENOSPC)
		return 2;
	if (database_get_party(database, &read) < 0 || read.change != party.change)
		return 3;
	database_close(database);
	if (open_again(&database, &error) < 0) /* a full disk is still readable */
		return error.code == -ENOSPC ? 0 : 4;
	database_close(database);
	return 0;
}

static void test_a_full_disk(void **state)
{
	int status = in_child(fill_a_small_disk);

	(void)state;
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_party),
		TEST(test_members),
		TEST(test_settings_and_cache),
		TEST(test_the_sequence_only_grows),
		TEST(test_transactions_nest),
		TEST(test_one_rollback_undoes_the_outermost),
		TEST(test_a_kill_leaves_before_or_after),
		TEST(test_a_death_inside_a_transaction),
		TEST(test_a_later_version_is_refused),
		TEST(test_an_old_one_is_brought_up_to_date),
		TEST(test_configurations),
		TEST(test_garbage_is_refused),
		TEST(test_an_empty_file_is_refused),
		TEST(test_where_nothing_may_be_written),
		TEST(test_nobody_else_may_read_it),
		TEST(test_a_full_disk),
	};
	char command[128];
	int failed;

	if (sodium_init() < 0 || !mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
