/* A database in a file: what is kept, and what is said where that cannot be. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
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
#include "common/sql.h"

enum { ADD, COUNT, GET, NEXT, STATEMENTS };

static const struct sql_command statements[STATEMENTS] = {
	[ADD] = {"add a thing", "INSERT INTO thing VALUES (?1, ?2, ?3)"},
	[COUNT] = {"count things", "SELECT count(*) FROM thing"},
	[GET] = {"read a thing", "SELECT id, name, bytes FROM thing WHERE id = ?1"},
	[NEXT] = {"count on", "UPDATE thing SET id = id + 1 WHERE name = ?1 RETURNING id"},
};
static const char schema[] =
	"CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT NOT NULL, bytes BLOB);"
	"PRAGMA user_version = 7";
static const struct sql_kind kind = {"things", schema, statements, STATEMENTS, 0};
static const struct sql_kind vague_kind = {"things", schema, statements, STATEMENTS, -EIO};

static char directory[] = "/tmp/lanrage-sql-XXXXXX";
static char path[64];
static struct error error;

static int open_kind(struct sql **sql, const struct sql_kind *as)
{
	int r = sql_open(sql, as, path, &error);

	if (r == 0)
		r = sql_execute(*sql, "PRAGMA journal_mode = WAL", &error);
	return r < 0 ? r : sql_prepare(*sql, &error);
}

static int open_again(struct sql **sql)
{
	return open_kind(sql, &kind);
}

static int set_up(void **state)
{
	struct sql *sql;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf %s/*", directory);
	if (system(command) != 0 || open_again(&sql) < 0)
		return -1;
	memset(&error, 0, sizeof(error));
	*state = sql;
	return 0;
}

static int tear_down(void **state)
{
	sql_close(*state);
	return 0;
}

static int add(struct sql *sql, uint64_t id)
{
	return sql_do(sql, ADD, sql_number(id), sql_text("it's"), sql_blob("\0b", 2));
}

static uint64_t count(struct sql *sql)
{
	uint64_t n = 0;

	assert_int_equal(sql_find_number(sql_use(sql, COUNT), 99, &n), 0);
	return n;
}

/* Its exit status, or 256 and more. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + status;
}

static void test_values(void **state)
{
	struct sql_statement *row;
	char name[5], bytes[2];
	uint64_t version;
	size_t length;

	assert_int_equal(add(*state, UINT64_MAX), 0);
	assert_int_equal(sql_do(*state, ADD, sql_number(2), sql_text(""), sql_null()), 0);
	assert_int_equal(sql_do(*state, ADD, sql_null(), sql_text("x"), sql_blob(NULL, 0)), 0);
	assert_int_equal(sql_last_row(*state), 3);
	sql_close(*state);
	assert_int_equal(open_again((struct sql **)state), 0);
	assert_int_equal(sql_ask(*state, "PRAGMA user_version", &version, NULL), 0);
	assert_int_equal(version, 7);

	row = sql_bind(*state, GET, sql_number(UINT64_MAX));
	assert_int_equal(sql_find(row), 0);
	assert_true(sql_get_number(row, 0) == UINT64_MAX);
	assert_true(sql_get_text(row, 1, name, 5));
	assert_string_equal(name, "it's");
	assert_false(sql_get_text(row, 1, name, 4));
	assert_true(sql_get_blob(row, 2, bytes, 2));
	assert_memory_equal(bytes, "\0b", 2);
	assert_false(sql_get_blob(row, 2, bytes, 1));

	row = sql_bind(*state, GET, sql_number(2));
	assert_int_equal(sql_find(row), 0);
	assert_string_equal(sql_borrow_text(row, 1), "");
	assert_true(sql_is_null(row, 2));
	row = sql_bind(*state, GET, sql_number(3)); /* empty is not nothing */
	assert_int_equal(sql_find(row), 0);
	assert_false(sql_is_null(row, 2));
	(void)sql_get_bytes(row, 2, &length);
	assert_int_equal(length, 0);
	assert_int_equal(sql_step(row), 0);
	assert_int_equal(sql_find(sql_bind(*state, GET, sql_number(4))), -ENOENT);
}

/* A change that returns something is whole. */
static void test_a_change_that_returns(void **state)
{
	uint64_t id;

	assert_int_equal(add(*state, 5), 0);
	assert_int_equal(sql_find_number(sql_bind(*state, NEXT, sql_text("it's")), 0, &id), 0);
	assert_int_equal(id, 6);
	assert_int_equal(sql_find_number(sql_bind(*state, NEXT, sql_text("none")), 0, &id), 0);
	assert_int_equal(id, 0);
	sql_close(*state);
	assert_int_equal(open_again((struct sql **)state), 0);
	assert_int_equal(sql_find(sql_bind(*state, GET, sql_number(6))), 0);
}

static void test_groups(void **state)
{
	assert_int_equal(sql_begin(*state), 0);
	assert_int_equal(sql_begin(*state), 0);
	assert_int_equal(add(*state, 1), 0);
	assert_int_equal(sql_commit(*state), 0);
	assert_int_equal(add(*state, 2), 0);
	assert_int_equal(sql_commit(*state), 0);
	assert_int_equal(count(*state), 2);

	assert_int_equal(sql_begin(*state), 0);
	assert_int_equal(add(*state, 3), 0);
	assert_int_equal(sql_begin(*state), 0);
	sql_rollback(*state);
	assert_int_equal(add(*state, 4), -ECANCELED); /* not on its own */
	assert_int_equal(sql_commit(*state), -ECANCELED);
	assert_false(sql_why(*state, &error));
	assert_int_equal(count(*state), 2);
}

/* One failure inside undoes all, whatever comes then. */
static void test_a_failure_in_a_group(void **state)
{
	assert_int_equal(sql_begin(*state), 0);
	assert_int_equal(add(*state, 1), 0);
	assert_int_equal(add(*state, 1), -EIO); /* there is one */
	assert_int_equal(add(*state, 2), -EIO);
	assert_int_equal(count(*state), 1); /* reading goes on */
	assert_int_equal(sql_commit(*state), -EIO);
	assert_true(sql_why(*state, &error));
	assert_non_null(strstr(error.text, "UNIQUE"));
	assert_int_equal(count(*state), 0);
	assert_int_equal(add(*state, 2), 0);
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

static void assert_said(const char *words)
{
	assert_non_null(strstr(error.text, words));
	assert_non_null(strstr(error.text, path));
}

static void test_damaged_files(void **state)
{
	struct sql **sql = (struct sql **)state;
	uint64_t version;

	assert_int_equal(sql_begin(*sql), 0);
	for (uint64_t i = 0; i < 1000; i++)
		assert_int_equal(add(*sql, i), 0);
	assert_int_equal(sql_commit(*sql), 0);
	sql_close(*sql);
	write_garbage(2 * 4096, 4096); /* in the middle */
	assert_int_equal(open_again(sql), 0);
	assert_int_equal(sql_check(*sql, &error), -EBADMSG);
	assert_int_equal(error.code, -EBADMSG);
	assert_said("is damaged");
	assert_int_equal(sql_find_number(sql_use(*sql, COUNT), 0, &version), -EBADMSG);
	sql_close(*sql);
	write_garbage(0, 4096);
	assert_int_equal(sql_open(sql, &kind, path, &error), 0);
	assert_int_equal(sql_ask(*sql, "PRAGMA user_version", &version, &error), -EBADMSG);
	assert_said("not a database");
	sql_close(*sql);

	assert_int_equal(truncate(path, 0), 0); /* not a beginning */
	assert_int_equal(open_again(sql), -EBADMSG);
	assert_said("no such table");
	assert_int_equal(sql_ask(*sql, "PRAGMA user_version", &version, &error), 0);
	assert_int_equal(version, 0);
}

static void test_another_has_it(void **state)
{
	struct sql *other;

	assert_int_equal(sql_begin(*state), 0);
	assert_int_equal(open_again(&other), 0);
	assert_int_equal(count(other), 0);
	assert_int_equal(sql_begin(other), -EBUSY);
	assert_int_equal(sql_commit(other), -EBUSY);
	assert_true(sql_why(other, &error));
	assert_said("in use by another program");
	assert_int_equal(sql_commit(*state), 0);
	assert_int_equal(add(other, 1), 0);
	sql_close(other);
}

/* As a user that may read but not write, or neither. */
static int open_as_nobody(void)
{
	struct sql *sql;

	if (setresgid(65534, 65534, 65534) < 0 || setresuid(65534, 65534, 65534) < 0)
		return 2;
	return open_again(&sql) == -EACCES && error.code == -EACCES && strstr(error.text, path) ? 0
												: 1;
}

static void test_where_nothing_may_be_written(void **state)
{
	struct sql **sql = (struct sql **)state;
	struct stat stat_buffer;

	assert_int_equal(stat(path, &stat_buffer), 0);
	assert_int_equal(stat_buffer.st_mode & 0777, 0600);
	sql_close(*sql);
	*sql = NULL;
	if (getuid() != 0)
		skip();
	assert_int_equal(chmod(directory, 0755), 0);
	assert_int_equal(in_child(open_as_nobody), 0); /* 0600: not even readable */
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(in_child(open_as_nobody), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(in_child(open_as_nobody), 0); /* the folder is not theirs */
	assert_int_equal(access(path, F_OK), -1);
}

static void test_no_folder(void **state)
{
	struct sql *sql;

	(void)state;
	assert_int_equal(sql_open(&sql, &kind, "/tmp/lanrage-none/x.db", &error), -ENOENT);
	assert_string_equal(error.text,
			    "cannot create /tmp/lanrage-none/x.db: No such file or directory");
	sql_close(sql);
}

static bool mount_small_disk(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", directory, "tmpfs", 0, "size=128k") == 0;
}

static int fill(const struct sql_kind *as, int expected)
{
	static const uint8_t bytes[3000];
	struct sql *sql;
	uint64_t i = 0, n;
	int r = 0;

	if (!mount_small_disk())
		return 77;
	if (open_kind(&sql, as) < 0)
		return 1;
	while (r == 0 && i < 200)
		r = sql_do(sql, ADD, sql_number(i++), sql_text("x"),
			   sql_blob(bytes, sizeof(bytes)));
	if (r != expected || !sql_why(sql, &error) || error.code != -ENOSPC ||
	    !strstr(error.text, "the disk is full"))
		return 2;
	if (sql_find_number(sql_use(sql, COUNT), 0, &n) < 0 || n != i - 1)
		return 3;
	sql_close(sql);
	return 0;
}

static int fill_a_small_disk(void)
{
	return fill(&kind, -ENOSPC);
}

static int fill_it_vaguely(void)
{
	return fill(&vague_kind, -EIO);
}

/* Nothing half made is left where there is no room for a beginning. */
static int begin_on_a_full_disk(void)
{
	static uint8_t bytes[120 * 1024];
	char other[80];
	struct sql *sql;
	int fd;

	if (!mount_small_disk())
		return 77;
	snprintf(other, sizeof(other), "%s/other", directory);
	fd = open(other, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || write(fd, bytes, sizeof(bytes)) <= 0)
		return 1;
	if (open_again(&sql) != -ENOSPC || error.code != -ENOSPC ||
	    !strstr(error.text, "the disk is full"))
		return 2;
	snprintf(other, sizeof(other), "%s.new", path);
	return access(path, F_OK) < 0 && access(other, F_OK) < 0 ? 0 : 3;
}

static void test_a_full_disk(void **state)
{
	int (*const children[])(void) = {fill_a_small_disk, fill_it_vaguely, begin_on_a_full_disk};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		int status = in_child(children[i]);

		if (status == 77)
			skip();
		assert_int_equal(status, 0);
	}
}

static void test_in_memory(void **state)
{
	struct sql *sql;

	assert_int_equal(sql_open(&sql, &kind, NULL, &error), 0);
	assert_int_equal(sql_prepare(sql, &error), 0);
	assert_int_equal(add(sql, 1), 0);
	assert_int_equal(count(sql), 1);
	sql_close(sql);
	assert_int_equal(count(*state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_a_change_that_returns),
		TEST(test_groups),
		TEST(test_a_failure_in_a_group),
		TEST(test_damaged_files),
		TEST(test_another_has_it),
		TEST(test_where_nothing_may_be_written),
		TEST(test_no_folder),
		TEST(test_a_full_disk),
		TEST(test_in_memory),
	};
	char command[96];
	int failed;

	log_init("test", LOG_LEVEL_ERR);
	if (!mkdtemp(directory))
		return 1;
	snprintf(path, sizeof(path), "%s/things.db", directory);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
