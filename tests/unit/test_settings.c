/* Settings: each is checked in words, kept, and has a default that may come from the configuration.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-control/settings.h"

static char directory[] = "/tmp/lanrage-settings-XXXXXX";

static int set_up(void **state)
{
	struct settings *settings = calloc(1, sizeof(*settings));
	struct error error;
	char path[128];

	snprintf(path, sizeof(path), "%s/control.db", directory);
	assert_int_equal(database_open(&settings->database, path, &error), 0);
	assert_int_equal(config_read((struct config **)&settings->config, NULL, 0, &error), 0);
	*state = settings;
	return 0;
}

static int tear_down(void **state)
{
	struct settings *settings = *state;
	char path[128];

	database_close(settings->database);
	config_free((struct config *)(uintptr_t)settings->config);
	free(settings);
	snprintf(path, sizeof(path), "%s/control.db", directory);
	return unlink(path);
}

static void read_config(struct settings *settings, const char *text)
{
	struct error error;
	struct config *config;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/conf", directory);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	assert_int_equal(config_read(&config, path, 1, &error), 0);
	config_free((struct config *)(uintptr_t)settings->config);
	settings->config = config;
}

static const char long_name[] = "0123456789012345678901234567890123456789012345678901234567890123";

static void test_checks(void **state)
{
	static const struct {
		const char *key, *value;
		int result;
	} rows[] = {
		{SETTING_PEER_NAME, "kira", 0},
		{SETTING_PEER_NAME, "Jörg von nebenan", 0},
		{SETTING_PEER_NAME, "   ", -EINVAL},
		{SETTING_PEER_NAME, "ki\nra", -EINVAL},
		{SETTING_PEER_NAME,
		 "\xe2\x80\xae"
		 "arik",
		 -EINVAL},
		{SETTING_PEER_NAME, "\xff", -EINVAL},
		{SETTING_PEER_NAME, long_name + 1, 0},
		{SETTING_PEER_NAME, long_name, -EINVAL},
		{SETTING_SERVER_URL, "ws://198.51.100.7:8667", 0},
		{SETTING_SERVER_URL, "wss://play.example.org", 0},
		{SETTING_SERVER_URL, "ws://[2001:db8::1]:8667", 0},
		{SETTING_SERVER_URL, "http://example.org", -EINVAL},
		{SETTING_SERVER_URL, "ws://", -EINVAL},
		{SETTING_SERVER_URL, "ws://host:0", -EINVAL},
		{SETTING_SERVER_URL, "ws://host:70000", -EINVAL},
		{SETTING_SERVER_URL, "ws://ho st:1", -EINVAL},
		{SETTING_SERVER_URL, "ws://host:1/a\nb", -EINVAL},
		{SETTING_UP, "on", 0},
		{SETTING_UP, "off", 0},
		{SETTING_UP, "On", -EINVAL},
		{SETTING_UP, "1", -EINVAL},
		{SETTING_INVITE_TTL, "1m", 0},
		{SETTING_INVITE_TTL, "30d", 0},
		{SETTING_INVITE_TTL, "59s", -EINVAL},
		{SETTING_INVITE_TTL, "31d", -EINVAL},
		{SETTING_INVITE_TTL, "soon", -EINVAL},
		{SETTING_DOUBLING, "on", 0},
		{SETTING_DOUBLING, "auto", 0},
		{SETTING_DOUBLING, "twice", -EINVAL},
		{SETTING_SUBNET, "10.77.4.0/24", 0},
		{SETTING_SUBNET, "10.77.4.0/25", -EINVAL},
		{SETTING_DISCORD, "on", 0},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/123/a_B-c", 0},
		{SETTING_DISCORD_WEBHOOK, "https://discordapp.com/api/webhooks/123/a_B-c", 0},
		{SETTING_DISCORD_WEBHOOK, "http://discord.com/api/webhooks/123/a", -EINVAL},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com.evil/api/webhooks/1/a", -EINVAL},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/a/b", -EINVAL},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/1", -EINVAL},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/1/a@b", -EINVAL},
		{SETTING_DISCORD_INVITE, "https://discord.gg/abc-DEF1", 0},
		{SETTING_DISCORD_INVITE, "https://discord.com/invite/abc", 0},
		{SETTING_DISCORD_INVITE, "https://discord.gg/", -EINVAL},
		{SETTING_DISCORD_INVITE, "https://example.org/abc", -EINVAL},
		{SETTING_DISCORD_APP, "1234567890123456789", 0},
		{SETTING_DISCORD_APP, "12a", -EINVAL},
		{"no_such_setting", "x", -ENOENT},
		{"", "x", -ENOENT},
	};
	struct settings *settings = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char before[CONTROL_SETTING_MAX] = "", after[CONTROL_SETTING_MAX] = "";
		struct error error = {0};
		int r;

		settings_get(settings, rows[i].key, before);
		r = settings_set(settings, rows[i].key, rows[i].value, &error);
		settings_get(settings, rows[i].key, after);
		if (r != rows[i].result)
			fail_msg("%s=%s: %d", rows[i].key, rows[i].value, r);
		assert_string_equal(after, r == 0 ? rows[i].value : before);
		if (r < 0) {
			assert_int_equal(error.code, r);
			assert_true(strlen(error.text) > 10);
		}
	}
}

static void test_a_url_too_long(void **state)
{
	char url[CONTROL_URL_MAX + 20] = "ws://";
	struct error error;

	memset(url + 5, 'h', CONTROL_URL_MAX);
	assert_int_equal(settings_set(*state, SETTING_SERVER_URL, url, &error), -EINVAL);
}

static void test_defaults(void **state)
{
	struct settings *settings = *state;
	char value[CONTROL_SETTING_MAX], host[64] = "";

	gethostname(host, sizeof(host) - 1);
	assert_int_equal(settings_get(settings, SETTING_PEER_NAME, value), 0);
	assert_string_equal(value, host);
	assert_int_equal(settings_get(settings, SETTING_UP, value), 0);
	assert_string_equal(value, "on");
	assert_int_equal(settings_get(settings, SETTING_INVITE_TTL, value), 0);
	assert_string_equal(value, "24h");
	assert_int_equal(settings_doubling(settings), DATAPLANE_DOUBLING_AUTO);
	assert_int_equal(settings_offloads_off(settings), 0);
	assert_int_equal(settings_get(settings, SETTING_SERVER_URL, value), 0);
	assert_string_equal(value, "");
	assert_int_equal(settings_get(settings, "no_such_setting", value), -ENOENT);
}

static void test_the_configuration_gives_the_server(void **state)
{
	struct settings *settings = *state;
	char value[CONTROL_SETTING_MAX];
	struct error error;

	read_config(settings, "[server]\nurl = ws://198.51.100.7:8667\n");
	settings_get(settings, SETTING_SERVER_URL, value);
	assert_string_equal(value, "ws://198.51.100.7:8667");
	assert_int_equal(settings_set(settings, SETTING_SERVER_URL, "ws://other:1", &error), 0);
	settings_get(settings, SETTING_SERVER_URL, value);
	assert_string_equal(value, "ws://other:1");
	assert_int_equal(settings_set(settings, SETTING_SERVER_URL, "", &error), 0);
	settings_get(settings, SETTING_SERVER_URL, value);
	assert_string_equal(value, "ws://198.51.100.7:8667");
	read_config(settings, "[server]\nurl = ws://\xff\xfe\n"); /* what cannot be shown */
	settings_get(settings, SETTING_SERVER_URL, value);
	assert_string_equal(value, "");
}

static void test_each_offload_is_switched_off_by_its_own(void **state)
{
	static const struct {
		const char *key;
		unsigned bit;
	} keys[] = {
		{SETTING_TSO, DATAPLANE_OFFLOAD_TSO},
		{SETTING_USO, DATAPLANE_OFFLOAD_USO},
		{SETTING_GSO, DATAPLANE_OFFLOAD_GSO},
		{SETTING_GRO, DATAPLANE_OFFLOAD_GRO},
	};
	struct settings *settings = *state;
	struct error error;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_int_equal(settings_set(settings, keys[i].key, "maybe", &error), -EINVAL);
		assert_int_equal(settings_set(settings, keys[i].key, "off", &error), 0);
		assert_int_equal(settings_offloads_off(settings), keys[i].bit);
		assert_int_equal(settings_set(settings, keys[i].key, "on", &error), 0);
		assert_int_equal(settings_offloads_off(settings), 0);
	}
}

static void test_each_part_of_lan_discovery_is_switched_by_its_own(void **state)
{
	static const struct {
		const char *key;
		unsigned bit;
		bool on;
	} keys[] = {
		{SETTING_LAN, DATAPLANE_LAN_DISCOVERY, true},
		{SETTING_MDNS, DATAPLANE_LAN_MDNS, false},
		{SETTING_SSDP, DATAPLANE_LAN_SSDP, false},
	};
	struct settings *settings = *state;
	struct error error;

	assert_int_equal(settings_lan(settings), DATAPLANE_LAN_DISCOVERY);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		unsigned before = settings_lan(settings);

		assert_int_equal(settings_set(settings, keys[i].key, "maybe", &error), -EINVAL);
		assert_int_equal(
			settings_set(settings, keys[i].key, keys[i].on ? "off" : "on", &error), 0);
		assert_int_equal(settings_lan(settings), before ^ keys[i].bit);
	}
}

/* Several at once, by key and value. */
static int change(const struct settings *settings, enum control_rest rest, size_t n,
		  const struct control_change *several, struct error *error)
{
	const struct control_changes changes = {rest, n,
						(struct control_change *)(uintptr_t)several};

	return settings_change(settings, &changes, error);
}

static void assert_value(const struct settings *settings, const char *key, const char *expected)
{
	char value[CONTROL_SETTING_MAX];

	assert_int_equal(settings_get(settings, key, value), 0);
	assert_string_equal(value, expected);
}

#define WEBHOOK "https://discord.com/api/webhooks/1/a"

static void test_several_are_changed_or_none(void **state)
{
	static const struct control_change good[] = {{SETTING_PEER_NAME, "kira", 0},
						     {SETTING_INVITE_TTL, "2h", 0},
						     {SETTING_DISCORD_WEBHOOK, WEBHOOK, 0}};
	static const struct control_change one_is_wrong[] = {{SETTING_PEER_NAME, "lee", 0},
							     {SETTING_INVITE_TTL, "soon", 0},
							     {SETTING_UP, "off", 0}};
	static const struct control_change one_is_unknown[] = {{SETTING_PEER_NAME, "lee", 0},
							       {"colour", "red", 0}};
	struct settings *settings = *state;
	struct error error;

	assert_int_equal(change(settings, CONTROL_REST_STAYS, 3, good, &error), 0);
	assert_value(settings, SETTING_PEER_NAME, "kira");
	assert_value(settings, SETTING_INVITE_TTL, "2h");
	assert_int_equal(change(settings, CONTROL_REST_STAYS, 3, one_is_wrong, &error), -EINVAL);
	assert_int_equal(strncmp(error.text, SETTING_INVITE_TTL ": ", 12), 0);
	assert_int_equal(change(settings, CONTROL_REST_STAYS, 2, one_is_unknown, &error), -ENOENT);
	assert_int_equal(strncmp(error.text, "colour: ", 8), 0);
	assert_value(settings, SETTING_PEER_NAME, "kira");
	assert_value(settings, SETTING_UP, "on");
}

static void test_what_becomes_of_the_rest(void **state)
{
	static const struct control_change before[] = {{SETTING_PEER_NAME, "kira", 0},
						       {SETTING_INVITE_TTL, "2h", 0},
						       {SETTING_DISCORD_WEBHOOK, WEBHOOK, 0}};
	static const struct control_change one[] = {{SETTING_INVITE_TTL, "3h", 0}};
	struct settings *settings = *state;
	char host[CONTROL_SETTING_MAX];
	struct error error;

	schema_fallback(schema_find(SETTING_PEER_NAME), settings->config, host);
	assert_int_equal(change(settings, CONTROL_REST_STAYS, 3, before, &error), 0);
	assert_int_equal(change(settings, CONTROL_REST_STAYS, 1, one, &error), 0);
	assert_value(settings, SETTING_PEER_NAME, "kira");
	assert_int_equal(change(settings, CONTROL_REST_DEFAULT, 1, before + 2, &error), -EINVAL);
	assert_null(strstr(error.text, "webhooks/1"));
	assert_value(settings, SETTING_PEER_NAME, "kira");
	assert_int_equal(change(settings, CONTROL_REST_DEFAULT, 1, one, &error), 0);
	assert_value(settings, SETTING_PEER_NAME, host);
	assert_value(settings, SETTING_INVITE_TTL, "3h");
	assert_value(settings, SETTING_DISCORD_WEBHOOK, WEBHOOK);
	assert_int_equal(change(settings, CONTROL_REST_FORGOTTEN, 0, NULL, &error), 0);
	assert_value(settings, SETTING_INVITE_TTL, "24h");
	assert_value(settings, SETTING_DISCORD_WEBHOOK, "");
}

static void test_truth_values_and_numbers(void **state)
{
	static const struct {
		struct control_change change;
		int result;
	} rows[] = {
		{{SETTING_UP, "off", CONTROL_KIND_SWITCH}, 0},
		{{SETTING_DOUBLING, "on", CONTROL_KIND_SWITCH}, 0},
		{{SETTING_INVITE_TTL, "7200", CONTROL_KIND_NUMBER}, 0},
		{{SETTING_DISCORD_APP, "77", CONTROL_KIND_NUMBER}, 0},
		{{SETTING_PEER_NAME, "on", CONTROL_KIND_SWITCH}, -EINVAL},
		{{SETTING_PEER_NAME, "5", CONTROL_KIND_NUMBER}, -EINVAL},
		{{SETTING_PEER_NAME, "5", CONTROL_KIND_TEXT}, 0},
		{{SETTING_INVITE_TTL, "on", CONTROL_KIND_SWITCH}, -EINVAL},
		{{SETTING_UP, "1", CONTROL_KIND_NUMBER}, -EINVAL},
		{{SETTING_SERVER_URL, "1", CONTROL_KIND_NUMBER}, -EINVAL},
	};
	struct error error;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (change(*state, CONTROL_REST_STAYS, 1, &rows[i].change, &error) !=
		    rows[i].result)
			fail_msg("%s=%s: %s", rows[i].change.key, rows[i].change.value, error.text);
}

static void test_a_secret_is_in_no_list(void **state)
{
	struct settings *settings = *state;
	struct control_settings list;
	uint8_t *bytes;
	size_t seen = 0;
	ssize_t n;

	assert_int_equal(settings_set(settings, SETTING_DISCORD_WEBHOOK, WEBHOOK, NULL), 0);
	assert_int_equal(settings_list(settings, &list), 0);
	for (size_t i = 0; i < list.n_settings; i++)
		if (list.settings[i].secret) {
			assert_string_equal(list.settings[i].value, "");
			assert_true(list.settings[i].set);
			seen++;
		}
	assert_int_equal(seen, 1);
	n = control_settings_encode(&list, &bytes);
	assert_true(n > 0);
	assert_null(memmem(bytes, (size_t)n, "webhooks/1/a", 12));
	free(bytes);
	control_settings_clear(&list);
}

static void test_what_changed(void **state)
{
	static const struct control_change several[] = {{SETTING_PEER_NAME, "kira", 0},
							{SETTING_UP, "on", 0},
							{SETTING_DISCORD_WEBHOOK, WEBHOOK, 0}};
	const struct control_changes named = {0, 1,
					      (struct control_change *)(uintptr_t)several + 1};
	struct settings *settings = *state;
	struct control_settings before, after;
	struct error error;

	assert_int_equal(settings_list(settings, &before), 0);
	assert_int_equal(change(settings, CONTROL_REST_STAYS, 3, several, &error), 0);
	assert_int_equal(settings_list(settings, &after), 0);
	settings_keep_changed(&after, &before, &named); /* of these only `up` was named */
	assert_int_equal(after.n_settings, 3);
	assert_string_equal(after.settings[0].key, SETTING_PEER_NAME);
	assert_string_equal(after.settings[1].key, SETTING_UP);
	assert_string_equal(after.settings[2].key, SETTING_DISCORD_WEBHOOK);
	control_settings_clear(&before);
	control_settings_clear(&after);
}

static void test_the_configuration_gives_the_subnet(void **state)
{
	struct settings *settings = *state;

	assert_value(settings, SETTING_SUBNET, "10.66.0.0/16");
	read_config(settings, "[party]\nsubnet = 10.9.0.0/16\n");
	assert_value(settings, SETTING_SUBNET, "10.9.0.0/16");
	assert_int_equal(settings_set(settings, SETTING_SUBNET, "10.77.4.0/24", NULL), 0);
	assert_value(settings, SETTING_SUBNET, "10.77.4.0/24");
}

static void test_the_list_can_be_sent(void **state)
{
	struct settings *settings = *state;
	struct control_settings list, received;
	struct error error;
	uint8_t *bytes;
	ssize_t n;

	read_config(settings, "[server]\nurl = ws://198.51.100.7:8667\n");
	settings_set(settings, SETTING_PEER_NAME, "kira", &error);
	assert_int_equal(settings_list(settings, &list), 0);
	assert_int_equal(list.n_settings, schema_count);
	assert_string_equal(list.settings[0].key, SETTING_PEER_NAME);
	assert_string_equal(list.settings[0].value, "kira");
	assert_true(list.settings[0].set);
	assert_string_equal(list.settings[4].value, "ws://198.51.100.7:8667");
	assert_string_equal(list.settings[4].fallback, "ws://198.51.100.7:8667");
	assert_false(list.settings[4].set);
	n = control_settings_encode(&list, &bytes);
	assert_true(n > 0);
	assert_int_equal(control_settings_decode(&received, bytes, (size_t)n), 0);
	free(bytes);
	control_settings_clear(&list);
	control_settings_clear(&received);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_checks),
		TEST(test_a_url_too_long),
		TEST(test_defaults),
		TEST(test_the_configuration_gives_the_server),
		TEST(test_each_offload_is_switched_off_by_its_own),
		TEST(test_each_part_of_lan_discovery_is_switched_by_its_own),
		TEST(test_several_are_changed_or_none),
		TEST(test_what_becomes_of_the_rest),
		TEST(test_truth_values_and_numbers),
		TEST(test_a_secret_is_in_no_list),
		TEST(test_what_changed),
		TEST(test_the_configuration_gives_the_subnet),
		TEST(test_the_list_can_be_sent),
	};
	char command[128];
	int failed;

	if (!mkdtemp(directory))
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
