/* What the dataplane stores: kept, checked, and refused when it is not what was written. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-dataplane/keystore.h"
#include "svc-dataplane/resume.h"

struct fixture {
	char directory[64];
	struct keystore keystore;
};

static int setup(void **state)
{
	static struct fixture fixture;

	strcpy(fixture.directory, "/tmp/lanrage-keystore-XXXXXX");
	if (sodium_init() < 0 || !mkdtemp(fixture.directory))
		return -1;
	keystore_init(&fixture.keystore, fixture.directory);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"private.key", "timestamp", "party", "plan", "paths"};
	struct fixture *fixture = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", fixture->directory, names[i]);
		unlink(path);
	}
	return rmdir(fixture->directory);
}

static char *path_of(const struct fixture *fixture, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", fixture->directory, name);
	return path;
}

static void flip_byte(const struct fixture *fixture, const char *name, off_t offset)
{
	int fd = open(path_of(fixture, name), O_RDWR);
	uint8_t byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void test_key_is_made_once(void **state)
{
	struct fixture *fixture = *state;
	uint8_t first[DATAPLANE_KEY_SIZE], second[DATAPLANE_KEY_SIZE];
	struct stat status;

	assert_int_equal(keystore_private_key(&fixture->keystore, first, NULL), 0);
	assert_int_equal(keystore_private_key(&fixture->keystore, second, NULL), 0);
	assert_memory_equal(first, second, sizeof(first));
	assert_int_equal(first[0] & 7, 0);
	assert_int_equal(first[31] & 0xc0, 0x40);
	assert_int_equal(stat(path_of(fixture, "private.key"), &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void test_damaged_key_is_refused(void **state)
{
	struct fixture *fixture = *state;
	uint8_t key[DATAPLANE_KEY_SIZE];
	struct stat before, after;
	struct error error = {0};

	assert_int_equal(keystore_private_key(&fixture->keystore, key, NULL), 0);
	assert_int_equal(stat(path_of(fixture, "private.key"), &before), 0);
	for (off_t i = 0; i < before.st_size; i++) {
		flip_byte(fixture, "private.key", i);
		assert_int_equal(keystore_private_key(&fixture->keystore, key, &error), -EBADMSG);
		assert_non_null(strstr(error.text, "private.key"));
		flip_byte(fixture, "private.key", i);
	}
	for (off_t size = 0; size < before.st_size; size++) {
		assert_int_equal(truncate(path_of(fixture, "private.key"), size), 0);
		assert_int_equal(keystore_private_key(&fixture->keystore, key, &error), -EBADMSG);
	}
	/* and it is left as it was found */
	assert_int_equal(stat(path_of(fixture, "private.key"), &after), 0);
	assert_int_equal(after.st_size, before.st_size - 1);
}

static void test_longer_and_foreign_files(void **state)
{
	struct fixture *fixture = *state;
	uint8_t key[DATAPLANE_KEY_SIZE], *body;
	char target[128];
	size_t length;
	int fd;

	assert_int_equal(
		keystore_save(&fixture->keystore, KEYSTORE_PLAN, (const uint8_t *)"plan", 4), 0);
	strcpy(target, path_of(fixture, "party"));
	assert_int_equal(rename(path_of(fixture, "plan"), target), 0);
	assert_int_equal(keystore_load(&fixture->keystore, KEYSTORE_PARTY, &body, &length),
			 -ENOENT);
	assert_null(body);

	assert_int_equal(keystore_private_key(&fixture->keystore, key, NULL), 0);
	fd = open(path_of(fixture, "private.key"), O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	assert_int_equal(keystore_private_key(&fixture->keystore, key, NULL), -EBADMSG);
}

static void test_bodies(void **state)
{
	struct fixture *fixture = *state;
	const uint8_t party[] = {1, 2, 3, 0, 5};
	uint8_t *body;
	size_t length;

	assert_int_equal(keystore_load(&fixture->keystore, KEYSTORE_PARTY, &body, &length),
			 -ENOENT);
	assert_int_equal(keystore_save(&fixture->keystore, KEYSTORE_PARTY, party, sizeof(party)),
			 0);
	assert_int_equal(keystore_load(&fixture->keystore, KEYSTORE_PARTY, &body, &length), 0);
	assert_int_equal(length, sizeof(party));
	assert_memory_equal(body, party, length);
	free(body);
	flip_byte(fixture, "party", 33);
	assert_int_equal(keystore_load(&fixture->keystore, KEYSTORE_PARTY, &body, &length),
			 -ENOENT);
	assert_int_equal(keystore_save(&fixture->keystore, KEYSTORE_PLAN, NULL, 0), 0);
	assert_int_equal(keystore_load(&fixture->keystore, KEYSTORE_PLAN, &body, &length), 0);
	assert_int_equal(length, 0);
	free(body);
}

static void test_mark(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(keystore_reserved(&fixture->keystore), 0);
	assert_int_equal(keystore_reserve(&fixture->keystore, 1234567890123), 0);
	assert_int_equal(keystore_reserved(&fixture->keystore), 1234567890123);
	assert_int_equal(truncate(path_of(fixture, "timestamp"), 10), 0);
	assert_int_equal(keystore_reserved(&fixture->keystore), 0);
}

/* Whatever the engine was allowed to use is on disk before it hears of it. */
static void test_mark_runs_ahead(void **state)
{
	struct fixture *fixture = *state;
	struct resume resume;
	uint64_t stored;

	resume_init(&resume, fixture->directory);
	assert_int_equal(resume_mark(&resume, 1000), 0);
	stored = keystore_reserved(&fixture->keystore);
	assert_int_equal(stored, 1000 + RESUME_AHEAD_S);
	assert_false(resume_reserve(&resume, 1060));
	assert_int_equal(keystore_reserved(&fixture->keystore), stored);
	assert_true(resume_reserve(&resume, 1061));
	resume_advance(&resume, 1061);
	assert_int_equal(keystore_reserved(&fixture->keystore), 1061 + RESUME_AHEAD_S);
	assert_true(resume_reserve(&resume, 5000)); /* the clock jumped: stored there and then */
	assert_int_equal(keystore_reserved(&fixture->keystore), 5000);
	resume_clear(&resume);

	/* the clock went back before the next start */
	resume_init(&resume, fixture->directory);
	assert_int_equal(resume_mark(&resume, 100), 5000);
	assert_int_equal(keystore_reserved(&fixture->keystore), 5000 + RESUME_AHEAD_S);
	resume_clear(&resume);
}

static void fill_state(struct dataplane_state *state, struct dataplane_peer *peers,
		       struct dataplane_path *paths)
{
	*state = (struct dataplane_state){.n_peers = 2, .peers = peers};
	memset(peers, 0, 2 * sizeof(*peers));
	memset(paths, 0, 3 * sizeof(*paths));
	peers[0] = (struct dataplane_peer){
		.public_key = {1}, .active_path = 1, .n_paths = 3, .paths = paths};
	peers[1] = (struct dataplane_peer){.public_key = {2}, .active_path = -1};
	for (unsigned i = 0; i < 3; i++) {
		paths[i].state = DATAPLANE_PATH_WORKING;
		paths[i].endpoint = addr_ipv4(0x0a000001 + i, 5000);
	}
	paths[2].state = DATAPLANE_PATH_DEAD;
}

/* A new process tries first where the old one reached its peers, the active path before all. */
static void test_paths_come_first(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_peer_plan planned = {.public_key = {1}, .n_candidates = 2};
	struct dataplane_plan plan = {.revision = {7, 8}, .n_peers = 1, .peers = &planned}, got;
	struct dataplane_state snapshot;
	struct dataplane_peer peers[2];
	struct dataplane_path paths[3];
	struct resume resume;
	uint8_t *body;
	ssize_t length;

	planned.candidates[0] = addr_ipv4(0x0a000009, 5000);
	planned.candidates[1] = addr_ipv4(0x0a000001, 5000);
	length = dataplane_plan_encode(&plan, &body);
	assert_true(length > 0);
	fill_state(&snapshot, peers, paths);
	resume_init(&resume, fixture->directory);
	assert_int_equal(resume_plan(&resume, &got), -ENOENT);
	resume_save(&resume, KEYSTORE_PLAN, body, (size_t)length);
	resume_save_paths(&resume, &snapshot);
	free(body);

	assert_int_equal(resume_plan(&resume, &got), 0);
	assert_int_equal(got.revision.counter, 8);
	assert_int_equal(got.n_peers, 1);
	assert_int_equal(got.peers[0].n_candidates, 3);
	assert_int_equal(addr_ipv4_value(&got.peers[0].candidates[0]), 0x0a000002);
	assert_int_equal(addr_ipv4_value(&got.peers[0].candidates[1]), 0x0a000001);
	assert_int_equal(addr_ipv4_value(&got.peers[0].candidates[2]), 0x0a000009);
	dataplane_plan_clear(&got);
	resume_clear(&resume);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_key_is_made_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_damaged_key_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_longer_and_foreign_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_runs_ahead, setup, teardown),
		cmocka_unit_test_setup_teardown(test_paths_come_first, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
