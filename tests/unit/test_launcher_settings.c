#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "deploy/launcher/settings.h"

static struct settings settings;
static struct error error;

/* Through a file, as in real life. */
static int read_text(const char *text)
{
	char path[] = "/tmp/lanrage-settings-XXXXXX";
	struct config *config = NULL;

	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	memset(&error, 0, sizeof(error));
	assert_int_equal(config_read(&config, path, 1, &error), 0);
	unlink(path);
	int r = launcher_settings_read(&settings, config, path, &error);
	config_free(config);
	return r;
}

static void refused(const char *text, const char *words)
{
	assert_int_equal(read_text(text), -EINVAL);
	if (strstr(error.text, words) == NULL)
		fail_msg("`%s` has no `%s`", error.text, words);
	/* The file is named, once, at the beginning. */
	assert_ptr_equal(strstr(error.text, "/tmp/lanrage-settings-"), error.text);
	assert_null(strstr(error.text + 1, "/tmp/lanrage-settings-"));
}

static void has_defaults(void **state)
{
	(void)state;
	assert_int_equal(read_text(""), 0);
	assert_string_equal(settings.interface, "lanrage0");
	assert_false(settings.kernel);
	assert_int_equal(settings.listen_port, 0);
	assert_string_equal(settings.api, "127.0.0.1:8666");
	assert_int_equal(settings.level, LOG_LEVEL_INFO);
}

static void reads_values(void **state)
{
	(void)state;
	assert_int_equal(read_text("[dataplane]\ninterface = game.1\nbackend=kernel\n"
				   "listen_port=51820\n[api]\nlisten=127.1.2.3:99\n"
				   "[log]\nlevel=debug\n[party]\nsubnet=10.9.0.0/16\n"
				   "[server]\nurl=ws://192.0.2.1:1\n[nat]\nrelays=a\n"),
			 0);
	assert_string_equal(settings.interface, "game.1");
	assert_true(settings.kernel);
	assert_int_equal(settings.listen_port, 51820);
	assert_string_equal(settings.api, "127.1.2.3:99");
	assert_int_equal(settings.level, LOG_LEVEL_DEBUG);
}

static void names_the_unknown_key(void **state)
{
	(void)state;
	refused("[dataplane]\ninterfaces=x\n", "interfaces");
	refused("[api]\nlisten=127.0.0.1:1\n[nonsense]\nport=1\n", "nonsense");
}

static void refuses_harmful_interface_names(void **state)
{
	static const char *const bad[] = {"all",
					  "default",
					  ".",
					  "..",
					  "-x",
					  "a/b",
					  "a b",
					  "lr%d",
					  "a:1",
					  "../../kernel/x",
					  "abcdefghijklmnop"};
	char text[80];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "[dataplane]\ninterface=%s\n", bad[i]);
		refused(text, "[dataplane] interface=");
	}
	assert_int_equal(read_text("[dataplane]\ninterface=abcdefghijklmno\n"), 0);
}

static void refuses_bad_values(void **state)
{
	(void)state;
	refused("[dataplane]\nbackend=fast\n", "engine or kernel");
	refused("[dataplane]\nlisten_port=70000\n", "listen_port");
	refused("[dataplane]\nlisten_port=0\n", "listen_port");
	refused("[dataplane]\nlisten_port=51820x\n", "listen_port");
	refused("[api]\nlisten=0.0.0.0:8666\n", "loopback");
	refused("[api]\nlisten=192.0.2.1:8666\n", "loopback");
	refused("[api]\nlisten=127.0.0.1\n", "ADDRESS:PORT");
	refused("[api]\nlisten=localhost:8666\n", "ADDRESS:PORT");
	refused("[api]\nlisten=[::1]:8666\n", "IPv4 loopback");
	refused("[server]\nurl=http://play.example:8667\n", "ws://ADDRESS:PORT");
	refused("[server]\nurl=play.example:8667\n", "ws://ADDRESS:PORT");
	refused("[server]\nurl=ws://\n", "ws://ADDRESS:PORT");
	refused("[server]\nurl=ws://a b:8667\n", "without blanks");
	refused("[log]\nlevel=loud\n", "[log] level=loud");
	refused("[party]\nsubnet=10.66.0.0\n", "[party] subnet=");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(reads_values),
		cmocka_unit_test(names_the_unknown_key),
		cmocka_unit_test(refuses_harmful_interface_names),
		cmocka_unit_test(refuses_bad_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
