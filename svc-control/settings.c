#include "svc-control/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/duration.h"
#include "common/text.h"
#include "svc-control/websocket.h"

/* ---- checks, one for each type */

static int check_name(const struct schema_setting *setting, const char *value, struct error *error)
{
	if (strlen(value) >= (size_t)setting->min && text_is_name(value, (size_t)setting->max + 1))
		return 0;
	return error_set(error, -EINVAL,
			 "%s: this is no name; use %" PRId64 " to %" PRId64
			 " bytes without control characters or direction marks",
			 setting->key, setting->min, setting->max);
}

/* Pure; `#` and `*` as in schema.h. */
static bool matches(const char *form, const char *value)
{
	static const char digits[] = "0123456789";
	static const char word[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789-_";

	for (; *form; form++) {
		size_t length = *form == '#'   ? strspn(value, digits)
				: *form == '*' ? strspn(value, word)
					       : (size_t)(*value == *form);

		if (length == 0 || (*form == '#' && length > 20))
			return false;
		value += length;
	}
	return *value == '\0';
}

/* How a form looks to a person. */
static const char *form_words(const char *form, char words[CONTROL_REASON_MAX])
{
	size_t used = 0;

	words[0] = '\0';
	for (; *form && used + 8 < CONTROL_REASON_MAX; form++)
		used += (size_t)sprintf(words + used,
					*form == '#'   ? "NUMBER"
					: *form == '*' ? "CODE"
						       : "%c",
					*form);
	return words;
}

static int check_forms(const struct schema_setting *setting, const char *value, struct error *error)
{
	char words[CONTROL_REASON_MAX];

	for (const char *const *form = setting->forms; *form; form++)
		if (matches(*form, value))
			return 0;
	return error_set(error, -EINVAL, "%s: this does not look as it should; write %s",
			 setting->key, form_words(setting->forms[0], words));
}

static int check_url(const struct schema_setting *setting, const char *value, struct error *error)
{
	struct websocket_url url;

	if (strlen(value) >= CONTROL_URL_MAX)
		return error_set(error, -EINVAL, "%s: too long; write at most %d bytes",
				 setting->key, CONTROL_URL_MAX - 1);
	if (setting->forms)
		return check_forms(setting, value, error);
	if (websocket_url_parse(&url, value, NULL) == 0)
		return 0;
	return error_set(error, -EINVAL,
			 "%s: this is no server's address; write ws://HOST:PORT or "
			 "wss://HOST:PORT",
			 setting->key);
}

static int check_network(const struct schema_setting *setting, const char *value,
			 struct error *error)
{
	struct addr_prefix prefix;

	if (addr_prefix_parse(&prefix, value) == 0 && prefix.addr.family == ADDR_IPV4 &&
	    prefix.length >= setting->min && prefix.length <= setting->max)
		return 0;
	return error_set(error, -EINVAL,
			 "%s: this is no IPv4 network from /%" PRId64 " to /%" PRId64
			 "; write for example 10.66.0.0/16",
			 setting->key, setting->min, setting->max);
}

static int check_choice(const struct schema_setting *setting, const char *value,
			struct error *error)
{
	char words[CONTROL_REASON_MAX] = "";

	for (const char *const *choice = setting->choices; *choice; choice++) {
		size_t used = strlen(words);

		if (strcmp(value, *choice) == 0)
			return 0;
		(void)snprintf(words + used, sizeof(words) - used, "%s%s",
			       used == 0   ? ""
			       : choice[1] ? ", "
					   : " or ",
			       *choice);
	}
	return error_set(error, -EINVAL, "%s: this is none of its values; say %s", setting->key,
			 words);
}

static int check_integer(const struct schema_setting *setting, const char *value,
			 struct error *error)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(value, &end, 10);
	if (errno == 0 && *end == '\0' && strchr("-0123456789", *value) && number >= setting->min &&
	    number <= setting->max)
		return 0;
	return error_set(
		error, -EINVAL,
		"%s: out of range; write a whole number from %" PRId64 " to %" PRId64 "%s%s",
		setting->key, setting->min, setting->max, *setting->unit ? " " : "", setting->unit);
}

static int check_duration(const struct schema_setting *setting, const char *value,
			  struct error *error)
{
	char least[DURATION_TEXT_SIZE], most[DURATION_TEXT_SIZE];
	uint32_t seconds;

	if (duration_parse(value, &seconds) == 0 && seconds >= setting->min &&
	    seconds <= setting->max)
		return 0;
	return error_set(error, -EINVAL,
			 "%s: this is no such time; say how long, from %s to %s, for example 2h",
			 setting->key, duration_write((uint64_t)setting->min, least),
			 duration_write((uint64_t)setting->max, most));
}

int settings_check(const struct schema_setting *setting, const char *value, struct error *error)
{
	switch (setting->type) {
	case SCHEMA_NAME: return check_name(setting, value, error);
	case SCHEMA_URL: return check_url(setting, value, error);
	case SCHEMA_NETWORK: return check_network(setting, value, error);
	case SCHEMA_SWITCH:
	case SCHEMA_CHOICE: return check_choice(setting, value, error);
	case SCHEMA_INTEGER: return check_integer(setting, value, error);
	case SCHEMA_DURATION: return check_duration(setting, value, error);
	case SCHEMA_TEXT:
	case SCHEMA_TYPES: break;
	}
	return setting->forms ? check_forms(setting, value, error) : 0;
}

/* A type that takes nearly anything would take the text of `true` for a name. */
static bool fits_kind(const struct schema_setting *setting, enum control_kind kind)
{
	return kind == CONTROL_KIND_TEXT ||
	       (setting->type != SCHEMA_NAME && (setting->type != SCHEMA_TEXT || setting->forms));
}

static int check_change(const struct control_change *change, enum control_rest rest,
			struct error *error)
{
	const struct schema_setting *setting = schema_find(change->key);

	if (!setting)
		return error_set(
			error, -ENOENT,
			"%s: there is no setting of that name; `lanrage settings` lists them",
			change->key);
	if (setting->secret && rest == CONTROL_REST_DEFAULT)
		return error_set(error, -EINVAL,
				 "%s: a secret is not taken from a file; set it by itself",
				 change->key);
	if (!*change->value)
		return 0;
	if (!fits_kind(setting, change->kind))
		return error_set(error, -EINVAL, "%s: must be a text", change->key);
	return settings_check(setting, change->value, error);
}

/* ---- reading and changing */

int settings_get(const struct settings *settings, const char *key, char value[CONTROL_SETTING_MAX])
{
	const struct schema_setting *setting = schema_find(key);

	if (!setting)
		return -ENOENT;
	if (database_get_setting(settings->database, key, value) < 0)
		schema_fallback(setting, settings->config, value);
	return 0;
}

/* In a transaction: failures are the commit's to tell. */
static void store(const struct settings *settings, const struct control_changes *changes)
{
	for (size_t i = 0; changes->rest != CONTROL_REST_STAYS && i < schema_count; i++)
		if (!schema_settings[i].secret || changes->rest == CONTROL_REST_FORGOTTEN)
			(void)database_set_setting(settings->database, schema_settings[i].key,
						   NULL);
	for (size_t i = 0; i < changes->n_changes; i++) {
		const struct control_change *change = &changes->changes[i];

		(void)database_set_setting(settings->database, change->key,
					   *change->value ? change->value : NULL);
	}
}

int settings_change(const struct settings *settings, const struct control_changes *changes,
		    struct error *error)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < changes->n_changes; i++)
		r = check_change(&changes->changes[i], changes->rest, error);
	if (r < 0)
		return r;
	r = database_begin(settings->database);
	if (r == 0) {
		store(settings, changes);
		r = database_commit(settings->database);
	}
	if (r < 0)
		error_set(error, r,
			  "the settings could not be stored (%s); check free disk space and the "
			  "state directory",
			  strerror(-r));
	return r;
}

int settings_set(const struct settings *settings, const char *key, const char *value,
		 struct error *error)
{
	struct control_change change = {.kind = CONTROL_KIND_TEXT};
	struct control_changes changes = {.n_changes = 1, .changes = &change};

	if (strlen(key) >= sizeof(change.key) || strlen(value) >= sizeof(change.value))
		return error_set(error, -EINVAL, "%.60s: too long", key);
	strcpy(change.key, key);
	strcpy(change.value, value);
	return settings_change(settings, &changes, error);
}

static void describe(const struct settings *settings, const struct schema_setting *from,
		     struct control_setting *to)
{
	(void)snprintf(to->key, sizeof(to->key), "%s", from->key);
	(void)snprintf(to->group, sizeof(to->group), "%s", from->group);
	(void)snprintf(to->type, sizeof(to->type), "%s", schema_type_names[from->type]);
	(void)snprintf(to->description, sizeof(to->description), "%s", from->description);
	(void)snprintf(to->applies, sizeof(to->applies), "%s", from->applies);
	(void)snprintf(to->unit, sizeof(to->unit), "%s", from->unit ? from->unit : "");
	for (size_t i = 0; from->choices && from->choices[i]; i++)
		(void)snprintf(to->choices[to->n_choices++], sizeof(to->choices[0]), "%s",
			       from->choices[i]);
	to->min = from->min;
	to->max = from->max;
	to->bounded = from->min != 0 || from->max != 0;
	to->secret = from->secret;
	schema_fallback(from, settings->config, to->fallback);
	to->set = database_get_setting(settings->database, from->key, to->value) == 0;
	if (from->secret)
		explicit_bzero(to->value, sizeof(to->value));
	else if (!to->set)
		memcpy(to->value, to->fallback, sizeof(to->value));
}

int settings_list(const struct settings *settings, struct control_settings *list)
{
	list->n_settings = 0;
	list->settings = calloc(schema_count, sizeof(*list->settings));
	if (!list->settings)
		return -ENOMEM;
	for (size_t i = 0; i < schema_count; i++)
		describe(settings, &schema_settings[i], &list->settings[list->n_settings++]);
	return 0;
}

static bool is_named(const struct control_changes *changes, const char *key)
{
	for (size_t i = 0; changes->rest == CONTROL_REST_STAYS && i < changes->n_changes; i++)
		if (strcmp(changes->changes[i].key, key) == 0)
			return true;
	return false;
}

void settings_keep_changed(struct control_settings *after, const struct control_settings *before,
			   const struct control_changes *changes)
{
	size_t kept = 0;

	for (size_t i = 0; i < after->n_settings; i++) {
		const struct control_setting *old = &before->settings[i],
					     *new = &after->settings[i];

		if (is_named(changes, new->key) || strcmp(old->value, new->value) != 0 ||
		    (new->secret && old->set != new->set))
			after->settings[kept++] = *new;
	}
	after->n_settings = kept;
}

/* ---- what some of them mean */

enum dataplane_doubling settings_doubling(const struct settings *settings)
{
	const char *const *choices = schema_find(SETTING_DOUBLING)->choices;
	char value[CONTROL_SETTING_MAX];

	settings_get(settings, SETTING_DOUBLING, value);
	for (int i = 0; i < DATAPLANE_DOUBLINGS; i++)
		if (strcmp(value, choices[i]) == 0)
			return (enum dataplane_doubling)i;
	return DATAPLANE_DOUBLING_AUTO;
}

static bool is_off(const struct settings *settings, const char *key)
{
	char value[CONTROL_SETTING_MAX];

	return settings_get(settings, key, value) == 0 && strcmp(value, "off") == 0;
}

unsigned settings_offloads_off(const struct settings *settings)
{
	return (is_off(settings, SETTING_TSO) ? DATAPLANE_OFFLOAD_TSO : 0u) |
	       (is_off(settings, SETTING_USO) ? DATAPLANE_OFFLOAD_USO : 0u) |
	       (is_off(settings, SETTING_GSO) ? DATAPLANE_OFFLOAD_GSO : 0u) |
	       (is_off(settings, SETTING_GRO) ? DATAPLANE_OFFLOAD_GRO : 0u);
}

unsigned settings_lan(const struct settings *settings)
{
	return (is_off(settings, SETTING_LAN) ? 0u : DATAPLANE_LAN_DISCOVERY) |
	       (is_off(settings, SETTING_MDNS) ? 0u : DATAPLANE_LAN_MDNS) |
	       (is_off(settings, SETTING_SSDP) ? 0u : DATAPLANE_LAN_SSDP);
}
