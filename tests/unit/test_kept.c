/* The file of svc-browser: what is saved comes back, what is damaged is set aside. */
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-browser/kept.h"

static char directory[64], path[80], aside[80];
static struct browser_kept in, out;

static int set_up(void **state)
{
	(void)state;
	strcpy(directory, "/tmp/lanrage-kept-XXXXXX");
	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/servers", directory);
	snprintf(aside, sizeof(aside), "%s/servers.bad", directory);
	memset(&in, 0, sizeof(in));
	in.saved_s = 1800000000;
	in.n_servers = 1;
	strcpy(in.servers[0].id, "s1");
	strcpy(in.servers[0].name, "arena");
	in.servers[0].address.port = 27960;
	in.n_favourites = 2;
	strcpy(in.favourites[0], "s1");
	strcpy(in.favourites[1], "s1@0123456789abcdef");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(aside);
	return rmdir(directory);
}

static void test_there_and_back(void **state)
{
	struct stat info;

	(void)state;
	assert_int_equal(kept_load(directory, &out), -ENOENT);
	assert_int_equal(kept_save(directory, &in), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(kept_load(directory, &out), 0);
	assert_memory_equal(&in, &out, sizeof(in));
}

/* Loading fails without harm, and the next save works. */
static void is_set_aside(void)
{
	struct browser_kept empty = {0};

	assert_int_equal(kept_load(directory, &out), -ENOENT);
	assert_memory_equal(&out, &empty, sizeof(out));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(kept_save(directory, &in), 0);
	assert_int_equal(kept_load(directory, &out), 0);
}

static void test_damage(void **state)
{
	struct stat info;
	FILE *file;

	(void)state;
	assert_int_equal(kept_save(directory, &in), 0);
	assert_int_equal(stat(path, &info), 0);
	for (off_t size = 0; size < info.st_size; size++) {
		assert_int_equal(truncate(path, size), 0);
		is_set_aside();
	}
	for (long at = 0; at < info.st_size; at++) {
		int byte;

		file = fopen(path, "r+");
		assert_non_null(file);
		fseek(file, at, SEEK_SET);
		byte = getc(file);
		fseek(file, at, SEEK_SET);
		putc(byte ^ 1, file);
		fclose(file);
		is_set_aside();
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("SQLite format 3", file);
	fclose(file);
	is_set_aside();
	assert_int_equal(truncate(path, 1 << 20), 0);
	is_set_aside();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_there_and_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
