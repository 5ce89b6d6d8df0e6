/* Settings saved under a name: what is in them, which one is in force, and how many there may be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-control/configurations.h"

#define WEBHOOK "https://discord.com/api/webhooks/1/a"

static char directory[] = "/tmp/lanrage-configurations-XXXXXX";
static char path[128];

static int set_up(void **state)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	struct error error;

	snprintf(path, sizeof(path), "%s/control.db", directory);
	assert_int_equal(database_open(&settings->database, path, &error), 0);
	assert_int_equal(config_read((struct config **)&settings->config, NULL, 0, &error), 0);
	*state = settings;
	return 0;
}

static int tear_down(void **state)
{
	struct settings *settings = *state;

	database_close(settings->database);
	config_free((struct config *)(uintptr_t)settings->config);
	free(settings);
	return unlink(path);
}

static void set(struct settings *settings, const char *key, const char *value)
{
	struct error error;

	if (settings_set(settings, key, value, &error) < 0)
		fail_msg("%s", error.text);
}

static void save(struct settings *settings, const char *name)
{
	struct error error;

	if (configurations_save(settings, name, 1000, &error) < 0)
		fail_msg("%s", error.text);
}

static int use(struct settings *settings, const char *name, struct error *error)
{
	struct control_changes changes = {0};
	int r = configurations_read(settings, name, &changes, error);

	if (r == 0)
		r = settings_change(settings, &changes, error);
	control_changes_clear(&changes);
	return r;
}

static void assert_value(struct settings *settings, const char *key, const char *expected)
{
	char value[CONTROL_SETTING_MAX];

	settings_get(settings, key, value);
	assert_string_equal(value, expected);
}

/* All as `name*:key=value,key=value;`, a star behind those in force. */
static void assert_saved(struct settings *settings, const char *expected)
{
	struct control_configurations list;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	assert_non_null(out);
	assert_int_equal(configurations_list(settings, &list), 0);
	for (size_t i = 0; i < list.n_configurations; i++) {
		const struct control_configuration *one = &list.configurations[i];

		fprintf(out, "%s%s:", one->name, one->active ? "*" : "");
		for (size_t k = 0; k < one->settings.n_changes; k++)
			fprintf(out, "%s%s=%s", k ? "," : "", one->settings.changes[k].key,
				one->settings.changes[k].value);
		fputc(';', out);
	}
	fclose(out);
	control_configurations_clear(&list);
	assert_string_equal(text, expected);
}

static void test_saved_used_and_forgotten(void **state)
{
	struct settings *settings = *state;
	struct error error;

	assert_saved(settings, "");
	save(settings, "plain");
	assert_saved(settings, "plain*:;");
	set(settings, SETTING_INVITE_TTL, "2h");
	set(settings, SETTING_MDNS, "on");
	assert_saved(settings, "plain:;");
	save(settings, "lan");
	assert_saved(settings, "lan*:invite_ttl=2h,lan.mdns=on;plain:;");
	set(settings, SETTING_UP, "off");
	assert_saved(settings, "lan:invite_ttl=2h,lan.mdns=on;plain:;");
	assert_int_equal(use(settings, "lan", &error), 0); /* what it does not name goes back */
	assert_value(settings, SETTING_UP, "on");
	assert_int_equal(use(settings, "plain", &error), 0);
	assert_value(settings, SETTING_INVITE_TTL, "24h");
	assert_saved(settings, "lan:invite_ttl=2h,lan.mdns=on;plain*:;");
	assert_int_equal(configurations_forget(settings, "plain", &error), 0);
	assert_int_equal(configurations_forget(settings, "plain", &error), -ENOENT);
	assert_int_equal(use(settings, "plain", &error), -ENOENT);
	assert_non_null(strstr(error.text, "lanrage settings saved"));
	assert_saved(settings, "lan:invite_ttl=2h,lan.mdns=on;");
}

/* A value that is stored, and the default's, is no difference. */
static void test_equal_is_what_is_in_force(void **state)
{
	struct settings *settings = *state;

	save(settings, "plain");
	set(settings, SETTING_UP, "on");
	assert_saved(settings, "plain*:;");
	save(settings, "plain");
	assert_saved(settings, "plain*:;");
}

static void test_secrets_stay_as_they_are(void **state)
{
	struct settings *settings = *state;
	struct error error;

	set(settings, SETTING_DISCORD_WEBHOOK, WEBHOOK);
	set(settings, SETTING_DISCORD, "on");
	save(settings, "talk");
	assert_saved(settings, "talk*:discord.enabled=on;");
	set(settings, SETTING_DISCORD_WEBHOOK, "");
	assert_saved(settings, "talk*:discord.enabled=on;");
	assert_int_equal(use(settings, "talk", &error), 0);
	assert_value(settings, SETTING_DISCORD_WEBHOOK, "");
	set(settings, SETTING_DISCORD_WEBHOOK, WEBHOOK);
	assert_int_equal(use(settings, "talk", &error), 0);
	assert_value(settings, SETTING_DISCORD_WEBHOOK, WEBHOOK);
}

static void test_names(void **state)
{
	static const char *const bad[] = {"", "  ", "a\nb", "\xff", "\xe2\x80\xae"};
	char name[CONTROL_TITLE_MAX + 1] = "";
	struct error error;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(configurations_save(*state, bad[i], 1, &error), -EINVAL);
	memset(name, 'n', CONTROL_TITLE_MAX);
	assert_int_equal(configurations_save(*state, name, 1, &error), -EINVAL);
	name[CONTROL_TITLE_MAX - 1] = '\0';
	save(*state, name);
}

static void test_so_many_and_no_more(void **state)
{
	char name[16];
	struct error error;

	for (int i = 0; i < CONTROL_SAVED_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		save(*state, name);
	}
	assert_int_equal(configurations_save(*state, "more", 1, &error), -ENOSPC);
	assert_non_null(strstr(error.text, "forget"));
	save(*state, "n7"); /* in the place of itself */
	assert_int_equal(use(*state, "n31", &error), 0);
	assert_int_equal(use(*state, "more", &error), -ENOENT);
	assert_int_equal(configurations_forget(*state, "n7", &error), 0);
	save(*state, "more");
}

/* By a later version, or by one who edits databases: refused as a whole. */
static void test_what_is_no_longer_good(void **state)
{
	static const struct {
		const char *key, *value;
		int result;
	} rows[] = {{"colour", "red", -ENOENT},
		    {SETTING_INVITE_TTL, "soon", -EINVAL},
		    {SETTING_DISCORD_WEBHOOK, WEBHOOK, -EINVAL}};
	struct settings *settings = *state;
	struct error error;

	set(settings, SETTING_INVITE_TTL, "3h");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		database_set_configuration(settings->database, "odd", 1);
		database_add_configured(settings->database, "odd", SETTING_UP, "off");
		database_add_configured(settings->database, "odd", rows[i].key, rows[i].value);
		assert_int_equal(use(settings, "odd", &error), rows[i].result);
		assert_non_null(strstr(error.text, rows[i].key));
		assert_value(settings, SETTING_UP, "on");
		assert_value(settings, SETTING_INVITE_TTL, "3h");
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_saved_used_and_forgotten), TEST(test_equal_is_what_is_in_force),
		TEST(test_secrets_stay_as_they_are), TEST(test_names),
		TEST(test_so_many_and_no_more),	     TEST(test_what_is_no_longer_good),
	};
	char command[128];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
