/* The table of settings: nothing in it twice, nothing missing, and every default is a value. */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "svc-control/settings.h"

static const struct config *config;

static void each(void (*test)(const struct schema_setting *setting))
{
	assert_in_range(schema_count, 1, CONTROL_SETTINGS_MAX);
	for (size_t i = 0; i < schema_count; i++)
		test(&schema_settings[i]);
}

static void is_found_by_its_key(const struct schema_setting *setting)
{
	assert_in_range(strlen(setting->key), 1, CONTROL_NAME_MAX - 1);
	for (const char *c = setting->key; *c; c++)
		assert_true(islower(*c) || *c == '_' || *c == '.');
	if (schema_find(setting->key) != setting)
		fail_msg("%s is there twice", setting->key);
}

static void test_each_key_is_there_once(void **state)
{
	(void)state;
	each(is_found_by_its_key);
	assert_null(schema_find(""));
	assert_null(schema_find("no_such_setting"));
}

/* Paths of the API: `settings/export` is not a setting's. */
static void test_no_key_is_a_word_of_the_api_or_the_command(void **state)
{
	static const char *const words[] = {"export", "import", "reset", "configurations",
					    "save",   "use",	"saved", "forget"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_null(schema_find(words[i]));
}

static void test_groups_stand_together(void **state)
{
	(void)state;
	for (size_t i = 1; i < schema_count; i++)
		if (strcmp(schema_settings[i].group, schema_settings[i - 1].group) != 0)
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(schema_settings[k].group,
							schema_settings[i].group);
}

static void has_a_good_default(const struct schema_setting *setting)
{
	char value[CONTROL_SETTING_MAX];
	struct error error;

	schema_fallback(setting, config, value);
	if (*value && settings_check(setting, value, &error) < 0)
		fail_msg("%s", error.text);
	assert_true((setting->fallback != NULL) != (setting->find_fallback != NULL));
	assert_true((setting->origin != NULL) == (setting->find_fallback != NULL));
	if (setting->secret)
		assert_string_equal(value, "");
}

static void test_defaults_pass_their_own_check(void **state)
{
	(void)state;
	each(has_a_good_default);
}

static void is_described(const struct schema_setting *setting)
{
	size_t length = strlen(setting->description);
	int first = setting->description[0];

	if (length < 10 || length >= CONTROL_REASON_MAX || isupper(first) ||
	    setting->description[length - 1] == '.')
		fail_msg("%s: %s", setting->key, setting->description);
	assert_true(strcmp(setting->applies, SCHEMA_AT_ONCE) == 0 ||
		    strcmp(setting->applies, SCHEMA_NEXT_PARTY) == 0);
	assert_in_range(strlen(setting->group), 1, CONTROL_WORD_MAX - 1);
	assert_in_range(strlen(schema_type_names[setting->type]), 1, CONTROL_WORD_MAX - 1);
}

static void test_each_is_described(void **state)
{
	(void)state;
	each(is_described);
}

static void has_what_its_type_needs(const struct schema_setting *setting)
{
	bool chosen = setting->type == SCHEMA_SWITCH || setting->type == SCHEMA_CHOICE;
	size_t n = 0;

	assert_true(chosen == (setting->choices != NULL));
	while (chosen && setting->choices[n])
		assert_in_range(strlen(setting->choices[n++]), 1, CONTROL_WORD_MAX - 1);
	assert_in_range(n, chosen ? 2 : 0, CONTROL_CHOICES_MAX);
	switch (setting->type) {
	case SCHEMA_NAME:
	case SCHEMA_NETWORK:
	case SCHEMA_INTEGER:
	case SCHEMA_DURATION:
		assert_true(setting->min < setting->max);
		assert_non_null(setting->unit);
		break;
	default: assert_true(setting->min == 0 && setting->max == 0); break;
	}
}

static void test_each_has_what_its_type_needs(void **state)
{
	(void)state;
	each(has_what_its_type_needs);
}

/* ---- each type, by settings of this test's own */

static const char *const choices[] = {"auto", "on", "off", NULL};
static const char *const forms[] = {"https://a.example/#/*", "b*", NULL};
static const struct schema_setting
	text = {.key = "t", .type = SCHEMA_TEXT},
	name = {.key = "t", .type = SCHEMA_NAME, .min = 1, .max = 5},
	formed = {.key = "t", .type = SCHEMA_TEXT, .forms = forms},
	link = {.key = "t", .type = SCHEMA_URL, .forms = forms},
	server = {.key = "t", .type = SCHEMA_URL},
	network = {.key = "t", .type = SCHEMA_NETWORK, .min = 8, .max = 24},
	choice = {.key = "t", .type = SCHEMA_CHOICE, .choices = choices},
	integer = {.key = "t", .type = SCHEMA_INTEGER, .min = -5, .max = 100, .unit = "ms"},
	duration = {.key = "t", .type = SCHEMA_DURATION, .min = 60, .max = 7200, .unit = "s"};

static void test_types(void **state)
{
	static const struct {
		const struct schema_setting *setting;
		const char *value;
		const char *words; /* of the refusal; NULL: it is good */
	} rows[] = {
		{&text, "anything at all", NULL},
		{&name, "kira", NULL},
		{&name, "kirara", "1 to 5 bytes"},
		{&name, " ", "1 to 5 bytes"},
		{&formed, "https://a.example/12345678901234567890/Ab-_9", NULL},
		{&formed, "bX", NULL},
		{&formed, "b", "write https://a.example/NUMBER/CODE"},
		{&formed, "https://a.example//x", "write https://a.example/NUMBER/CODE"},
		{&formed, "https://a.example/1/", "write"},
		{&formed, "https://a.example/1/x/", "write"},
		{&formed, "https://a.example/1/x?y", "write"},
		{&formed, "https://a.example/123456789012345678901/x", "write"},
		{&formed, "https://a.example.evil/1/x", "write"},
		{&formed, "http://a.example/1/x", "write"},
		{&formed, " https://a.example/1/x", "write"},
		{&link, "https://a.example/1/x", NULL},
		{&link, "ws://a.example:1", "write https://a.example"},
		{&server, "ws://a.example:1", NULL},
		{&server, "https://a.example/1/x", "t: "},
		{&network, "10.0.0.0/8", NULL},
		{&network, "10.66.1.0/24", NULL},
		{&network, "10.66.1.0/25", "from /8 to /24"},
		{&network, "10.66.1.1/24", "from /8 to /24"},
		{&network, "fd00::/16", "from /8 to /24"},
		{&network, "10.66.1.0", "from /8 to /24"},
		{&choice, "auto", NULL},
		{&choice, "Auto", "say auto, on or off"},
		{&choice, "", "say auto, on or off"},
		{&integer, "-5", NULL},
		{&integer, "0", NULL},
		{&integer, "100", NULL},
		{&integer, "101", "from -5 to 100 ms"},
		{&integer, "-6", "from -5 to 100 ms"},
		{&integer, "+1", "whole number"},
		{&integer, " 1", "whole number"},
		{&integer, "1.5", "whole number"},
		{&integer, "1e1", "whole number"},
		{&integer, "-", "whole number"},
		{&integer, "99999999999999999999", "whole number"},
		{&duration, "60", NULL},
		{&duration, "2h", NULL},
		{&duration, "59s", "from 1m to 2h"},
		{&duration, "121m", "from 1m to 2h"},
		{&duration, "soon", "from 1m to 2h"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error error = {0};
		int r = settings_check(rows[i].setting, rows[i].value, &error);

		if (r != (rows[i].words ? -EINVAL : 0))
			fail_msg("%s: %d", rows[i].value, r);
		if (r < 0 && (!strstr(error.text, rows[i].words) || strncmp(error.text, "t: ", 3)))
			fail_msg("%s: said \"%s\"", rows[i].value, error.text);
	}
}

/* What looks like a secret never comes back in the words of its refusal. */
static void test_refusals_do_not_hold_the_value(void **state)
{
	struct error error;

	(void)state;
	for (size_t i = 0; i < schema_count; i++)
		if (schema_settings[i].secret) {
			assert_int_equal(
				settings_check(&schema_settings[i],
					       "https://discord.com/api/webhooks/1/hunter2/x",
					       &error),
				-EINVAL);
			assert_null(strstr(error.text, "hunter2"));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_key_is_there_once),
		cmocka_unit_test(test_no_key_is_a_word_of_the_api_or_the_command),
		cmocka_unit_test(test_groups_stand_together),
		cmocka_unit_test(test_defaults_pass_their_own_check),
		cmocka_unit_test(test_each_is_described),
		cmocka_unit_test(test_each_has_what_its_type_needs),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_refusals_do_not_hold_the_value),
	};
	struct error error;
	int failed;

	if (config_read((struct config **)&config, NULL, 0, &error) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free((struct config *)(uintptr_t)config);
	return failed;
}
