#include "svc-control/configurations.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

/* ---- reading */

static void take_title(void *data, const char *name, uint64_t saved_s)
{
	struct control_configurations *list = data;
	struct control_configuration *to = &list->configurations[list->n_configurations];

	if (list->n_configurations == CONTROL_SAVED_MAX || !name ||
	    strlen(name) >= sizeof(to->name))
		return;
	strcpy(to->name, name);
	to->saved_s = saved_s;
	list->n_configurations++;
}

static int read_titles(const struct settings *settings, struct control_configurations *list)
{
	list->n_configurations = 0;
	list->configurations = calloc(CONTROL_SAVED_MAX, sizeof(*list->configurations));
	if (!list->configurations)
		return -ENOMEM;
	return database_each_configuration(settings->database, take_title, list);
}

static void take_configured(void *data, const char *key, const char *value)
{
	struct control_changes *changes = data;
	struct control_change *to = &changes->changes[changes->n_changes];

	if (changes->n_changes == CONTROL_SETTINGS_MAX || !key || !value ||
	    strlen(key) >= sizeof(to->key) || strlen(value) >= sizeof(to->value))
		return;
	strcpy(to->key, key);
	strcpy(to->value, value);
	changes->n_changes++;
}

static int read_configured(const struct settings *settings, const char *name,
			   struct control_changes *changes)
{
	changes->rest = CONTROL_REST_DEFAULT;
	changes->n_changes = 0;
	changes->changes = calloc(CONTROL_SETTINGS_MAX, sizeof(*changes->changes));
	if (!changes->changes)
		return -ENOMEM;
	return database_each_configured(settings->database, name, take_configured, changes);
}

static const struct control_change *find_change(const struct control_changes *changes,
						const char *key)
{
	for (size_t i = 0; i < changes->n_changes; i++)
		if (strcmp(changes->changes[i].key, key) == 0)
			return &changes->changes[i];
	return NULL;
}

/* Whether using it would change nothing. */
static bool is_active(const struct control_settings *now, const struct control_changes *saved)
{
	size_t met = 0;

	for (size_t i = 0; i < now->n_settings; i++) {
		const struct control_setting *setting = &now->settings[i];
		const struct control_change *change = find_change(saved, setting->key);

		if (setting->secret)
			continue;
		if (strcmp(setting->value, change ? change->value : setting->fallback) != 0)
			return false;
		met += change != NULL;
	}
	return met == saved->n_changes; /* else it has a key of another version */
}

int configurations_list(const struct settings *settings, struct control_configurations *list)
{
	struct control_settings now = {0};
	int r = read_titles(settings, list);

	if (r == 0)
		r = settings_list(settings, &now);
	for (size_t i = 0; r == 0 && i < list->n_configurations; i++) {
		struct control_configuration *configuration = &list->configurations[i];

		r = read_configured(settings, configuration->name, &configuration->settings);
		configuration->active = r == 0 && is_active(&now, &configuration->settings);
	}
	control_settings_clear(&now);
	return r;
}

/* 1: there is one of that name; 0: none, and there is room; -ENOSPC: none, and no room. */
static int look_up(const struct settings *settings, const char *name)
{
	struct control_configurations list = {0};
	int r = read_titles(settings, &list);

	if (r == 0 && list.n_configurations == CONTROL_SAVED_MAX)
		r = -ENOSPC;
	for (size_t i = 0; i < list.n_configurations; i++)
		if (strcmp(list.configurations[i].name, name) == 0)
			r = 1;
	control_configurations_clear(&list);
	return r;
}

static int say_absent(struct error *error)
{
	return error_set(error, -ENOENT,
			 "nothing is saved under that name; `lanrage settings saved` lists what "
			 "is");
}

int configurations_read(const struct settings *settings, const char *name,
			struct control_changes *changes, struct error *error)
{
	int r = look_up(settings, name);

	if (r == 0 || r == -ENOSPC)
		return say_absent(error);
	if (r == 1)
		r = read_configured(settings, name, changes);
	return r < 0 ? error_set(error, r, "the configuration could not be read (%s)", strerror(-r))
		     : 0;
}

/* ---- writing */

/* In a transaction: failures are the commit's to tell. */
static void store(const struct settings *settings, const char *name, uint64_t wall_s,
		  const struct control_settings *now)
{
	(void)database_set_configuration(settings->database, name, wall_s);
	for (size_t i = 0; i < now->n_settings; i++) {
		const struct control_setting *setting = &now->settings[i];

		if (!setting->secret && strcmp(setting->value, setting->fallback) != 0)
			(void)database_add_configured(settings->database, name, setting->key,
						      setting->value);
	}
}

int configurations_save(const struct settings *settings, const char *name, uint64_t wall_s,
			struct error *error)
{
	struct control_settings now = {0};
	int r;

	if (!text_is_name(name, CONTROL_TITLE_MAX))
		return error_set(error, -EINVAL,
				 "this is no name; use 1 to %d bytes without control characters or "
				 "direction marks",
				 CONTROL_TITLE_MAX - 1);
	r = look_up(settings, name);
	if (r == -ENOSPC)
		return error_set(error, r,
				 "%d configurations are saved already; forget one with `lanrage "
				 "settings forget NAME`",
				 CONTROL_SAVED_MAX);
	if (r >= 0)
		r = settings_list(settings, &now);
	if (r == 0)
		r = database_begin(settings->database);
	if (r == 0) {
		store(settings, name, wall_s, &now);
		r = database_commit(settings->database);
	}
	control_settings_clear(&now);
	return r < 0 ? error_set(error, r,
				 "the configuration could not be stored (%s); check free disk "
				 "space and the state directory",
				 strerror(-r))
		     : 0;
}

int configurations_forget(const struct settings *settings, const char *name, struct error *error)
{
	int r = database_remove_configuration(settings->database, name);

	if (r == -ENOENT)
		return say_absent(error);
	return r < 0 ? error_set(error, r,
				 "the configuration could not be removed (%s); check free disk "
				 "space and the state directory",
				 strerror(-r))
		     : 0;
}
