/* What a relay keeps: keys are made where there are none, and never where there is damage. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/service.h"
#include "svc-nat/relay/statefile.h"

static char directory[] = "/tmp/lanrage-statefile-XXXXXX";
static struct statefile kept;
static struct error error;

static const char *file(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static int set_up(void **state)
{
	(void)state;
	memcpy(directory + sizeof(directory) - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(directory));
	memset(&error, 0, sizeof(error));
	return statefile_open(&kept, directory, &error);
}

static int tear_down(void **state)
{
	static const char *const names[] = {"lock", "wireguard.key", "identity.key", "ticket.key",
					    "bindings"};

	(void)state;
	statefile_close(&kept);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(file(names[i]));
	return rmdir(directory);
}

static void assert_damaged(int result, const char *name, const char *remedy)
{
	assert_true(result == -EBADMSG || result == -EFBIG);
	assert_non_null(strstr(error.text, file(name)));
	assert_non_null(strstr(error.text, "damaged"));
	assert_non_null(strstr(error.text, remedy));
}

static void test_keys_are_made_once(void **state)
{
	uint8_t first[STATEFILE_KEY_SIZE], second[STATEFILE_KEY_SIZE];

	(void)state;
	assert_int_equal(statefile_wireguard_key(&kept, first, &error), 0);
	assert_int_equal(statefile_wireguard_key(&kept, second, &error), 0);
	assert_memory_equal(first, second, sizeof(first));
	assert_int_equal(statefile_identity(&kept, second, &error), 0);
	assert_memory_not_equal(first, second, sizeof(first));
}

static void test_damaged_keys_are_refused(void **state)
{
	uint8_t key[STATEFILE_KEY_SIZE + 1];
	static const size_t lengths[] = {0, 1, STATEFILE_KEY_SIZE - 1, STATEFILE_KEY_SIZE + 1};

	(void)state;
	assert_int_equal(statefile_ticket_key(&kept, key, &error), -ENOENT);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint8_t bytes[STATEFILE_KEY_SIZE + 1] = {1, 2, 3};
		size_t length;

		service_write_file(file("wireguard.key"), bytes, lengths[i], 0600);
		assert_damaged(statefile_wireguard_key(&kept, key, &error), "wireguard.key",
			       "new key");
		service_write_file(file("identity.key"), bytes, lengths[i], 0600);
		assert_damaged(statefile_identity(&kept, key, &error), "identity.key", "new key");
		service_write_file(file("ticket.key"), bytes, lengths[i], 0600);
		assert_damaged(statefile_ticket_key(&kept, key, &error), "ticket.key", "trust");
		assert_int_equal(service_read_file(file("ticket.key"), key, sizeof(key), &length),
				 0);
		assert_int_equal(length, lengths[i]);
	}
}

static void test_a_directory_has_one_relay(void **state)
{
	struct statefile second;

	(void)state;
	assert_int_equal(statefile_open(&second, directory, &error), -EWOULDBLOCK);
	assert_non_null(strstr(error.text, "another relay"));
	assert_int_not_equal(statefile_open(&second, "/proc/nowhere", &error), 0);
	assert_non_null(strstr(error.text, "choose another --state"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_keys_are_made_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_damaged_keys_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_directory_has_one_relay, set_up, tear_down),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
