/* A kill at any step of a change of settings, and of what else is stored with them, leaves all as
 * it was or all as it should be: each is done again and again by a child that dies one step later
 * each time, with its last write done, left out, or torn in half. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "svc-control/configurations.h"
#include "tests/unit/dying_vfs.h"
#include "tests/unit/old_database.h"

#define STEPS_MAX 400 /* far more than any change takes */

/* In memory: what a kill leaves does not depend on the disk, and hundreds of syncs do. */
static char directory[] = "/dev/shm/lanrage-crash-XXXXXX";
static char path[128], template[128];
static const struct config *config;

#define CHILD_DONE   0
#define CHILD_FAILED 1

/* ---- what is done */

static int change(struct settings *settings, const struct control_changes *changes)
{
	struct error error;

	return settings_change(settings, changes, &error);
}

static int patch(struct settings *settings)
{
	static struct control_change several[] = {
		{SETTING_PEER_NAME, "kira", CONTROL_KIND_TEXT},
		{SETTING_INVITE_TTL, "", CONTROL_KIND_TEXT},
		{SETTING_LAN, "off", CONTROL_KIND_SWITCH},
		{SETTING_DOUBLING, "on", CONTROL_KIND_TEXT},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/2/b",
		 CONTROL_KIND_TEXT},
	};

	return change(settings, &(struct control_changes){CONTROL_REST_STAYS, 5, several});
}

static int reset(struct settings *settings)
{
	return change(settings, &(struct control_changes){.rest = CONTROL_REST_FORGOTTEN});
}

static int use(struct settings *settings)
{
	struct control_changes changes = {0};
	struct error error;
	int r = configurations_read(settings, "lan", &changes, &error);

	if (r == 0)
		r = change(settings, &changes);
	control_changes_clear(&changes);
	return r;
}

static int save_over(struct settings *settings)
{
	struct error error;

	return configurations_save(settings, "lan", 2000, &error);
}

static int forget(struct settings *settings)
{
	struct error error;

	return configurations_forget(settings, "lan", &error);
}

/* The opening itself is what is done: an old database is brought up to this version. */
static int nothing(struct settings *settings)
{
	(void)settings;
	return 0;
}

/* ---- what is there: a text of everything, for comparing */

#define STATE_MAX 16384

static void describe(const struct settings *settings, char text[STATE_MAX])
{
	struct control_configurations saved = {0};
	char value[CONTROL_SETTING_MAX];
	size_t used = 0;

	for (size_t i = 0; i < schema_count; i++) {
		assert_int_equal(settings_get(settings, schema_settings[i].key, value), 0);
		used += (size_t)sprintf(text + used, "%s=%s\n", schema_settings[i].key, value);
	}
	assert_int_equal(configurations_list(settings, &saved), 0);
	for (size_t i = 0; i < saved.n_configurations; i++) {
		const struct control_configuration *one = &saved.configurations[i];

		used += (size_t)sprintf(text + used, "[%s %u]\n", one->name,
					(unsigned)one->saved_s);
		for (size_t k = 0; k < one->settings.n_changes; k++)
			used += (size_t)sprintf(text + used, "%s=%s\n",
						one->settings.changes[k].key,
						one->settings.changes[k].value);
	}
	control_configurations_clear(&saved);
}

static void open_settings(struct settings *settings)
{
	struct error error;

	settings->config = config;
	if (database_open(&settings->database, path, &error) < 0)
		fail_msg("%s", error.text);
}

static void assert_undamaged(void)
{
	sqlite3_stmt *statement;
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(path, &sqlite), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(sqlite, "PRAGMA integrity_check", -1, &statement, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
	sqlite3_finalize(statement);
	sqlite3_close(sqlite);
}

static void read_state(char text[STATE_MAX])
{
	struct settings settings;

	open_settings(&settings);
	describe(&settings, text);
	database_close(settings.database);
	assert_undamaged();
}

/* ---- templates, and a fresh copy of one for each death */

static void copy_template(void)
{
	char command[1024];

	(void)snprintf(command, sizeof(command), "rm -f %s-wal %s-shm %s-journal && cp %s %s", path,
		       path, path, template, path);
	assert_int_equal(system(command), 0);
}

static void make_old(void)
{
	old_database_make(template);
}

static void make_present(void)
{
	static struct control_change before[] = {
		{SETTING_PEER_NAME, "anna", CONTROL_KIND_TEXT},
		{SETTING_INVITE_TTL, "2h", CONTROL_KIND_TEXT},
		{SETTING_DISCORD_WEBHOOK, "https://discord.com/api/webhooks/1/a",
		 CONTROL_KIND_TEXT},
	};
	static struct control_change other[] = {
		{SETTING_PEER_NAME, "lan-anna", CONTROL_KIND_TEXT},
		{SETTING_UP, "off", CONTROL_KIND_TEXT},
		{SETTING_MDNS, "on", CONTROL_KIND_TEXT},
	};
	struct settings settings = {.config = config};
	struct error error;

	assert_int_equal(database_open(&settings.database, template, &error), 0);
	assert_int_equal(
		change(&settings, &(struct control_changes){CONTROL_REST_DEFAULT, 3, other}), 0);
	assert_int_equal(configurations_save(&settings, "lan", 1000, &error), 0);
	assert_int_equal(
		change(&settings, &(struct control_changes){CONTROL_REST_FORGOTTEN, 3, before}), 0);
	database_close(settings.database);
}

/* ---- dying */

struct death {
	int (*run)(struct settings *settings);
	unsigned in_opening; /* the step to die at while the database is opened; 0: none */
	unsigned in_run;     /* or from then on, closing included */
	bool torn;
};

static int child(const struct death *death)
{
	struct settings settings = {.config = config};
	struct error error;

	dying_vfs_install();
	dying_vfs_arm(death->in_opening, death->torn);
	if (database_open(&settings.database, path, &error) < 0)
		return CHILD_FAILED;
	dying_vfs_arm(death->in_run, death->torn);
	if (death->run(&settings) < 0)
		return CHILD_FAILED;
	database_close(settings.database);
	return CHILD_DONE;
}

/* True: it died; false: it came to its end. */
static bool dies(const struct death *death)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(child(death));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), CHILD_DONE);
	return false;
}

/* Both must come to pass: else the steps were not those of the change. */
struct outcomes {
	char before[STATE_MAX], after[STATE_MAX];
	unsigned n_before, n_after;
};

static void look(struct outcomes *outcomes, const struct death *death)
{
	char now[STATE_MAX];

	read_state(now);
	if (strcmp(now, outcomes->before) == 0)
		outcomes->n_before++;
	else if (strcmp(now, outcomes->after) == 0)
		outcomes->n_after++;
	else
		fail_msg("step %u/%u%s: neither as before nor as after:\n%s", death->in_opening,
			 death->in_run, death->torn ? " torn" : "", now);
}

static void learn(struct outcomes *outcomes, int (*run)(struct settings *settings))
{
	memset(outcomes, 0, sizeof(*outcomes));
	copy_template();
	read_state(outcomes->before);
	copy_template();
	assert_false(dies(&(struct death){.run = run}));
	read_state(outcomes->after);
}

static void die_everywhere(int (*run)(struct settings *settings))
{
	static struct outcomes outcomes;

	learn(&outcomes, run);
	assert_string_not_equal(outcomes.before, outcomes.after);
	for (int torn = 0; torn < 2; torn++) {
		struct death death = {.run = run, .in_run = 1, .torn = torn};

		for (;; death.in_run++) {
			bool died;

			assert_in_range(death.in_run, 1, STEPS_MAX);
			copy_template();
			died = dies(&death);
			look(&outcomes, &death);
			if (!died)
				break;
		}
		assert_true(death.in_run > 5);
	}
	assert_true(outcomes.n_before > 2 && outcomes.n_after > 2);
}

static void test_a_change_of_several(void **state)
{
	(void)state;
	die_everywhere(patch);
}

static void test_a_reset(void **state)
{
	(void)state;
	die_everywhere(reset);
}

static void test_using_a_saved_configuration(void **state)
{
	(void)state;
	die_everywhere(use);
}

static void test_saving_one_over_another(void **state)
{
	(void)state;
	die_everywhere(save_over);
}

static void test_forgetting_one(void **state)
{
	(void)state;
	die_everywhere(forget);
}

/* Who comes after the first death has its log to read, and may die of that, too. */
static void test_a_second_death_while_opening(void **state)
{
	static struct outcomes outcomes;
	struct death first = {.run = patch, .in_run = 1};
	unsigned seconds = 0;

	(void)state;
	learn(&outcomes, patch);
	for (bool died = true; died; first.in_run++) {
		struct death second = {.run = nothing, .in_opening = 1, .torn = true};

		copy_template();
		died = dies(&first);
		while (dies(&second)) {
			seconds++;
			assert_in_range(++second.in_opening, 1, STEPS_MAX);
		}
		look(&outcomes, &first);
	}
	assert_true(seconds > 0);
	assert_true(outcomes.n_before > 0 && outcomes.n_after > 0);
}

static void test_bringing_up_an_old_database(void **state)
{
	static struct outcomes outcomes;

	(void)state;
	learn(&outcomes, nothing); /* to a reader, nothing changes */
	assert_string_equal(outcomes.before, outcomes.after);
	for (int torn = 0; torn < 2; torn++) {
		struct death death = {.run = nothing, .in_opening = 1, .torn = torn};

		for (bool died = true; died; death.in_opening++) {
			assert_in_range(death.in_opening, 1, STEPS_MAX);
			copy_template();
			died = dies(&death);
			look(&outcomes, &death);
		}
		assert_true(death.in_opening > 5);
	}
}

static int set_up(void **state)
{
	static unsigned number;

	(void)state;
	(void)snprintf(template, sizeof(template), "%s/%u.template", directory, number);
	(void)snprintf(path, sizeof(path), "%s/%u.db", directory, number++);
	make_present();
	return 0;
}

static int set_up_old(void **state)
{
	(void)state;
	(void)snprintf(template, sizeof(template), "%s/old.template", directory);
	(void)snprintf(path, sizeof(path), "%s/old.db", directory);
	make_old();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_change_of_several),
		TEST(test_a_reset),
		TEST(test_using_a_saved_configuration),
		TEST(test_saving_one_over_another),
		TEST(test_forgetting_one),
		TEST(test_a_second_death_while_opening),
		cmocka_unit_test_setup(test_bringing_up_an_old_database, set_up_old),
	};
	char command[128];
	struct error error;
	int failed;

	if (!mkdtemp(directory) || config_read((struct config **)&config, NULL, 0, &error) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	config_free((struct config *)(uintptr_t)config);
	(void)snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command) == 0 ? failed : 1;
}
