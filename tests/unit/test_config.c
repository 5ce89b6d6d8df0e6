#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/config.h"

static char path[] = "/tmp/lanrage-config-XXXXXX";

static int read_bytes(struct config **config, const char *bytes, size_t length, struct error *error)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, length, file), length);
	assert_int_equal(fclose(file), 0);
	return config_read(config, path, 1, error);
}

static int read_text(struct config **config, const char *text, struct error *error)
{
	return read_bytes(config, text, strlen(text), error);
}

static void test_values(void **state)
{
	struct config *config;
	struct error error;
	long number;

	(void)state;
	assert_int_equal(read_text(&config,
				   "# comment\n[api]\nlisten = 127.0.0.1:8666\n; more\n"
				   "[dataplane]\nlisten_port=70000\ninterface =\n",
				   &error),
			 0);
	assert_string_equal(config_get(config, "api", "listen", "x"), "127.0.0.1:8666");
	assert_string_equal(config_get(config, "dataplane", "interface", "lanrage0"), "lanrage0");
	assert_null(config_get(config, "api", "other", NULL));
	assert_int_equal(
		config_get_number(config, "dataplane", "listen_port", 0, 65535, 5, &number, &error),
		-EINVAL);
	assert_non_null(strstr(error.text, "listen_port"));
	assert_int_equal(config_get_number(config, "dataplane", "absent", 0, 9, 5, &number, &error),
			 0);
	assert_int_equal(number, 5);
	assert_int_equal(config_check(config, config_lanraged_keys, &error), 0);
	config_free(config);
}

static void test_unknown_key(void **state)
{
	struct config *config;
	struct error error;

	(void)state;
	assert_int_equal(read_text(&config, "[api]\nlisen = 1\n", &error), 0);
	assert_int_equal(config_check(config, config_lanraged_keys, &error), -EINVAL);
	assert_non_null(strstr(error.text, "lisen"));
	config_free(config);
}

static void test_refused_files(void **state)
{
	static char big[CONFIG_FILE_MAX + 1];
	struct config *config;
	struct error error;

	(void)state;
	assert_true(read_text(&config, "[api]\nfine = 1\nwhat is this\n", &error) < 0);
	assert_non_null(strstr(error.text, ":3"));
	assert_null(config);
	assert_true(read_bytes(&config, "[api]\na = \0b\n", 13, &error) < 0);
	memset(big, '\n', sizeof(big));
	assert_int_equal(read_bytes(&config, big, sizeof(big), &error), -EFBIG);
}

static void test_absent_file(void **state)
{
	struct config *config;
	struct error error;

	(void)state;
	assert_int_equal(config_read(&config, "/nonexistent/x.conf", 1, &error), -ENOENT);
	assert_non_null(strstr(error.text, "/nonexistent/x.conf"));
	assert_int_equal(config_read(&config, "/nonexistent/x.conf", 0, &error), 0);
	config_free(config);
	assert_int_equal(config_read(&config, NULL, 1, &error), 0);
	assert_string_equal(config_get(config, "api", "listen", "default"), "default");
	config_free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_unknown_key),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_absent_file),
	};
	int fd = mkstemp(path);
	int rc;

	if (fd < 0)
		return 1;
	(void)close(fd);
	rc = cmocka_run_group_tests_name("config", tests, NULL, NULL);
	(void)unlink(path);
	return rc;
}
