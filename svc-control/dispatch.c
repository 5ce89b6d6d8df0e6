/* dispatch.c - what may be asked of svc-control, by whom, and which function answers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "svc-control/configurations.h"
#include "svc-control/service.h"

static void reply_malformed(struct bus_call *call)
{
	bus_reply_error(call, -EBADMSG,
			"a value is malformed: texts are UTF-8 without control characters, names "
			"at most 63 bytes");
}

static void on_get_status(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_status status = {.up = control_is_up(control)};
	char name[CONTROL_SETTING_MAX];
	uint8_t *bytes = NULL;
	ssize_t n;

	(void)body;
	(void)length;
	n = party_fill_status(&control->party, clock_wall_us() / CLOCK_SECOND, &status);
	memcpy(status.identity, control->keyholder.identity, sizeof(status.identity));
	if (control->party.joined) {
		memcpy(status.own_name, control->party.record.own_name, sizeof(status.own_name));
	} else {
		settings_get(&control->settings, SETTING_PEER_NAME, name);
		snprintf(status.own_name, sizeof(status.own_name), "%.*s", CONTROL_NAME_MAX - 1,
			 name);
	}
	memcpy(status.notice, control->notice, sizeof(status.notice));
	control_server_url(control, status.server_url);
	status.server_state = rendezvous_state(control->rendezvous);
	snprintf(status.server_reason, sizeof(status.server_reason), "%s",
		 rendezvous_reason(control->rendezvous));
	status.server_trouble = rendezvous_trouble(control->rendezvous);
	status.clock_ahead_s = rendezvous_clock_ahead_s(control->rendezvous);
	status.removed = control->removed && !control->party.joined;
	if (n == 0)
		n = control_status_encode(&status, &bytes);
	control_status_clear(&status);
	bus_reply_encoded(call, n, bytes);
}

static void on_create(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_create wish;

	if (control_create_decode(&wish, body, length) < 0)
		reply_malformed(call);
	else
		membership_create(data, call, &wish);
}

static void on_join(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_join wish;

	if (control_join_decode(&wish, body, length) < 0)
		reply_malformed(call);
	else
		membership_join(data, call, &wish);
}

static void on_leave(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)body;
	(void)length;
	membership_leave(data, call);
}

static void on_invite(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_invite_wish wish;

	if (control_invite_wish_decode(&wish, body, length) < 0)
		reply_malformed(call);
	else
		hosting_invite(data, call, &wish);
}

static void on_revoke(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_code wish;

	if (control_code_decode(&wish, body, length) < 0)
		reply_malformed(call);
	else
		hosting_revoke(data, call, &wish);
}

static void on_kick(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_kick wish;

	if (control_kick_decode(&wish, body, length) < 0)
		reply_malformed(call);
	else
		renewal_kick(data, call, &wish);
}

static void on_set_shared(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_shared shared;

	if (control_shared_decode(&shared, body, length) < 0) {
		reply_malformed(call);
		return;
	}
	announce_share(data, &shared);
	bus_reply(call, NULL, 0);
}

static void on_get_shared(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_shared_list list = {0};
	uint8_t *bytes = NULL;
	ssize_t n = party_fill_shared(&control->party, &list);

	(void)body;
	(void)length;
	if (n == 0)
		n = control_shared_list_encode(&list, &bytes);
	control_shared_list_clear(&list);
	bus_reply_encoded(call, n, bytes);
}

/* A setting may decide which server is used, or whether any is. */
static void control_apply_settings(struct control *control)
{
	control_choose_server(control);
	handover_push(control);
	bus_publish(control->bus, CONTROL_EVENT_SETTINGS, NULL, 0);
	control_changed(control);
}

static void on_set_up(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_up wish;
	struct error error;

	if (control_up_decode(&wish, body, length) < 0) {
		reply_malformed(call);
		return;
	}
	if (settings_set(&control->settings, SETTING_UP, wish.up ? "on" : "off", &error) < 0) {
		bus_reply_error(call, error.code, error.text);
		return;
	}
	control_apply_settings(control);
	bus_reply(call, NULL, 0);
}

static void on_get_settings(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_settings settings = {0};
	uint8_t *bytes = NULL;
	ssize_t n = settings_list(&control->settings, &settings);

	(void)body;
	(void)length;
	if (n == 0)
		n = control_settings_encode(&settings, &bytes);
	control_settings_clear(&settings);
	bus_reply_encoded(call, n, bytes);
}

/* Stores, lets it take effect, and answers with what has changed. */
static void change_settings(struct control *control, struct bus_call *call,
			    const struct control_changes *changes)
{
	struct control_settings before = {0}, after = {0};
	struct error error = {0};
	uint8_t *bytes = NULL;
	ssize_t n = settings_list(&control->settings, &before);

	if (n == 0)
		n = settings_change(&control->settings, changes, &error);
	if (n == 0) {
		control_apply_settings(control);
		n = settings_list(&control->settings, &after);
	}
	if (n == 0) {
		settings_keep_changed(&after, &before, changes);
		n = control_settings_encode(&after, &bytes);
	}
	control_settings_clear(&before);
	control_settings_clear(&after);
	if (error.code < 0)
		bus_reply_error(call, error.code, error.text);
	else
		bus_reply_encoded(call, n, bytes);
}

static void on_set_settings(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control_changes changes;

	if (control_changes_decode(&changes, body, length) < 0) {
		reply_malformed(call);
		return;
	}
	change_settings(data, call, &changes);
	control_changes_clear(&changes);
}

static void on_get_saved(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_configurations list = {0};
	uint8_t *bytes = NULL;
	ssize_t n = configurations_list(&control->settings, &list);

	(void)body;
	(void)length;
	if (n == 0)
		n = control_configurations_encode(&list, &bytes);
	control_configurations_clear(&list);
	bus_reply_encoded(call, n, bytes);
}

static void on_save(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_title title;
	struct error error;

	if (control_title_decode(&title, body, length) < 0)
		reply_malformed(call);
	else if (configurations_save(&control->settings, title.name, clock_wall_us() / CLOCK_SECOND,
				     &error) < 0)
		bus_reply_error(call, error.code, error.text);
	else
		bus_reply(call, NULL, 0);
}

static void on_use_saved(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_changes changes = {0};
	struct control_title title;
	struct error error;

	if (control_title_decode(&title, body, length) < 0) {
		reply_malformed(call);
		return;
	}
	if (configurations_read(&control->settings, title.name, &changes, &error) < 0)
		bus_reply_error(call, error.code, error.text);
	else
		change_settings(control, call, &changes);
	control_changes_clear(&changes);
}

static void on_forget_saved(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	struct control_title title;
	struct error error;

	if (control_title_decode(&title, body, length) < 0)
		reply_malformed(call);
	else if (configurations_forget(&control->settings, title.name, &error) < 0)
		bus_reply_error(call, error.code, error.text);
	else
		bus_reply(call, NULL, 0);
}

static void on_get_secret(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct control *control = data;
	const struct schema_setting *setting;
	struct control_secret secret = {0};
	struct control_title title;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (control_title_decode(&title, body, length) < 0) {
		reply_malformed(call);
		return;
	}
	setting = schema_find(title.name);
	if (!setting || !setting->secret) {
		bus_reply_error(call, -ENOENT, "there is no secret setting of that name");
		return;
	}
	n = settings_get(&control->settings, setting->key, secret.value);
	if (n == 0)
		n = control_secret_encode(&secret, &bytes);
	explicit_bzero(&secret, sizeof(secret));
	bus_reply_encoded(call, n, bytes);
}

#define READERS (BUS_FROM(SERVICE_API) | BUS_FROM(SERVICE_METRICS) | BUS_FROM(SERVICE_BROWSER))

const struct bus_method control_methods[] = {
	{CONTROL_GET_STATUS, READERS, on_get_status},
	{CONTROL_CREATE_PARTY, BUS_FROM(SERVICE_API), on_create},
	{CONTROL_JOIN_PARTY, BUS_FROM(SERVICE_API), on_join},
	{CONTROL_LEAVE_PARTY, BUS_FROM(SERVICE_API), on_leave},
	{CONTROL_MAKE_INVITE, BUS_FROM(SERVICE_API), on_invite},
	{CONTROL_SET_UP, BUS_FROM(SERVICE_API), on_set_up},
	{CONTROL_GET_SETTINGS, READERS, on_get_settings},
	{CONTROL_SET_SETTINGS, BUS_FROM(SERVICE_API), on_set_settings},
	{CONTROL_REVOKE_INVITE, BUS_FROM(SERVICE_API), on_revoke},
	{CONTROL_KICK, BUS_FROM(SERVICE_API), on_kick},
	{CONTROL_SET_SHARED, BUS_FROM(SERVICE_BROWSER), on_set_shared},
	{CONTROL_GET_SHARED, BUS_FROM(SERVICE_BROWSER), on_get_shared},
	{CONTROL_GET_SAVED, BUS_FROM(SERVICE_API), on_get_saved},
	{CONTROL_SAVE, BUS_FROM(SERVICE_API), on_save},
	{CONTROL_USE_SAVED, BUS_FROM(SERVICE_API), on_use_saved},
	{CONTROL_FORGET_SAVED, BUS_FROM(SERVICE_API), on_forget_saved},
	{CONTROL_GET_SECRET, BUS_FROM(SERVICE_API), on_get_secret},
	{0, 0, NULL},
};
