/* svc-control's interface: what goes in comes out, and nothing else is let in. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/pb.h"
#include "control.pb-c.h"
#include "svc-control/codec.h"

static char long_text[CONTROL_SETTING_MAX + 1]; /* fits nowhere */

static void test_small_requests(void **state)
{
	struct control_create create = {.name = "friday", .own_name = "kira", .local = true}, c;
	struct control_join join = {.code = "KQ7M-3ZT9-HX2F", .own_name = "leo"}, j;
	/* static: the padding is compared, too */
	static struct control_invite_wish wish = {.once = true, .ttl_s = UINT32_MAX}, w;
	struct control_invite invite = {"KQ7M-3ZT9-HX2F", "lanrage://h:1/KQ7M-3ZT9-HX2F",
					UINT64_MAX};
	struct control_invite i;
	struct control_up up = {.up = true}, u;
	uint8_t *bytes;

	(void)state;
#define ROUND_TRIP(kind, in, out)                                                       \
	do {                                                                            \
		ssize_t n = control_##kind##_encode(&(in), &bytes);                     \
		assert_true(n >= 0);                                                    \
		assert_int_equal(control_##kind##_decode(&(out), bytes, (size_t)n), 0); \
		assert_memory_equal(&(in), &(out), sizeof(in));                         \
		free(bytes);                                                            \
	} while (0)
	ROUND_TRIP(create, create, c);
	ROUND_TRIP(join, join, j);
	ROUND_TRIP(invite_wish, wish, w);
	ROUND_TRIP(invite, invite, i);
	ROUND_TRIP(up, up, u);
	up.up = false; /* no bytes at all */
	ROUND_TRIP(up, up, u);
	memset(&create, 0, sizeof(create));
	ROUND_TRIP(create, create, c);
}

static const char *const bad_texts[] = {long_text, "a\nb", "\xff", "\xe2\x80\xae"};
#define BAD_TEXTS (sizeof(bad_texts) / sizeof(bad_texts[0]))

#define REFUSED(kind, message)                                                               \
	do {                                                                                 \
		struct control_##kind out;                                                   \
		uint8_t *bytes;                                                              \
		ssize_t n = pb_pack(&(message).base, &bytes);                                \
		assert_int_equal(control_##kind##_decode(&out, bytes, (size_t)n), -EBADMSG); \
		free(bytes);                                                                 \
	} while (0)

static void test_texts_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < BAD_TEXTS; i++) {
		Lanrage__Control__CreateParty create = LANRAGE__CONTROL__CREATE_PARTY__INIT;
		Lanrage__Control__JoinParty join = LANRAGE__CONTROL__JOIN_PARTY__INIT;
		Lanrage__Control__MadeInvite invite = LANRAGE__CONTROL__MADE_INVITE__INIT;
		Lanrage__Control__Setting setting = LANRAGE__CONTROL__SETTING__INIT;
		Lanrage__Control__Setting *list[] = {&setting};
		Lanrage__Control__Settings settings = LANRAGE__CONTROL__SETTINGS__INIT;
		Lanrage__Control__Change change = LANRAGE__CONTROL__CHANGE__INIT;
		Lanrage__Control__Change *change_list[] = {&change};
		Lanrage__Control__Changes changes = LANRAGE__CONTROL__CHANGES__INIT;
		Lanrage__Control__ConfigurationName title =
			LANRAGE__CONTROL__CONFIGURATION_NAME__INIT;
		char *bad = pb_view_text(bad_texts[i]);
		char **fields[] = {&create.name,	 &create.own_name, &join.code,
				   &join.own_name,	 &invite.code,	   &invite.link,
				   &setting.key,	 &setting.value,   &setting.fallback,
				   &setting.description, &setting.group,   &setting.type,
				   &setting.unit,	 &setting.applies, &change.key,
				   &change.value,	 &title.name};

		settings.n_settings = changes.n_changes = 1;
		settings.settings = list;
		changes.changes = change_list;
		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
			char *good = *fields[k];

			*fields[k] = bad;
			if (k < 2)
				REFUSED(create, create);
			else if (k < 4)
				REFUSED(join, join);
			else if (k < 6)
				REFUSED(invite, invite);
			else if (k < 14)
				REFUSED(settings, settings);
			else if (k < 16)
				REFUSED(changes, changes);
			else
				REFUSED(title, title);
			*fields[k] = good;
		}
	}
}

static void test_a_secret(void **state)
{
	struct control_secret in = {.value = "https://discord.com/api/webhooks/1/x"}, out;
	uint8_t *bytes;
	ssize_t n = control_secret_encode(&in, &bytes);

	(void)state;
	assert_true(n > 0);
	assert_int_equal(control_secret_decode(&out, bytes, (size_t)n), 0);
	assert_string_equal(out.value, in.value);
	free(bytes);
	assert_int_equal(control_secret_decode(&out, NULL, 0), 0); /* not set */
	assert_string_equal(out.value, "");
}

static void test_garbage_is_refused(void **state)
{
	static const uint8_t garbage[] = {0xff, 0xff, 0xff};
	struct control_create create;
	struct control_join join;
	struct control_invite_wish wish;
	struct control_invite invite;
	struct control_up up;
	struct control_status status;
	struct control_settings settings;
	struct control_changes changes;
	struct control_title title;
	struct control_secret secret;
	struct control_configurations configurations;

	(void)state;
	assert_int_equal(control_create_decode(&create, garbage, 3), -EBADMSG);
	assert_int_equal(control_join_decode(&join, garbage, 3), -EBADMSG);
	assert_int_equal(control_invite_wish_decode(&wish, garbage, 3), -EBADMSG);
	assert_int_equal(control_invite_decode(&invite, garbage, 3), -EBADMSG);
	assert_int_equal(control_up_decode(&up, garbage, 3), -EBADMSG);
	assert_int_equal(control_status_decode(&status, garbage, 3), -EBADMSG);
	assert_int_equal(control_changes_decode(&changes, garbage, 3), -EBADMSG);
	assert_int_equal(control_title_decode(&title, garbage, 3), -EBADMSG);
	assert_int_equal(control_secret_decode(&secret, garbage, 3), -EBADMSG);
	assert_int_equal(control_configurations_decode(&configurations, garbage, 3), -EBADMSG);
	assert_int_equal(control_settings_decode(&settings, garbage, 3), -EBADMSG);
}

/* ---- the status */

static struct control_status sample_status(size_t n_members)
{
	struct control_status status = {
		.in_party = true,
		.party_name = "friday",
		.up = true,
		.local = true,
		.own_name = "kira",
		.address = addr_ipv4(0x0a420001, 0),
		.prefix_length = 16,
		.server_url = "ws://198.51.100.7:8667",
		.server_state = CONTROL_SERVER_AWAY,
		.server_reason = "connection refused",
		.server_trouble = CONTROL_TROUBLE_NAME,
		.clock_ahead_s = CONTROL_CLOCK_UNKNOWN,
		.removed = true,
		.n_members = n_members,
		.members = calloc(n_members + 1, sizeof(struct control_member))};

	memset(status.party_id, 1, sizeof(status.party_id));
	memset(status.identity, 2, sizeof(status.identity));
	for (size_t i = 0; i < n_members; i++) {
		struct control_member *member = &status.members[i];

		memset(member->identity, (int)i, DATAPLANE_KEY_SIZE);
		memset(member->wireguard_key, (int)i + 1, DATAPLANE_KEY_SIZE);
		snprintf(member->name, sizeof(member->name), "m%zu", i);
		member->address = addr_ipv4(0x0a420001u + (uint32_t)i, 0);
		member->online = i % 2;
		member->host = i == 0;
		member->self = i == 1;
		member->announced = i % 3;
		member->clock_wrong = i % 5 == 0;
		member->backend = (enum dataplane_backend)(i % DATAPLANE_BACKEND_COUNT);
		member->mapping = (enum nat_behaviour)(i % NAT_BEHAVIOURS);
		member->filtering = (enum nat_behaviour)((i + 1) % NAT_BEHAVIOURS);
	}
	return status;
}

static void test_status(void **state)
{
	static const size_t counts[] = {0, 1, 2, 300, DATAPLANE_MEMBERS_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct control_status in = sample_status(counts[i]), out;
		struct control_member *members;
		uint8_t *bytes;
		ssize_t n;

		if (i == 1)
			memset(&in.address, 0, sizeof(in.address)); /* no lease yet */
		n = control_status_encode(&in, &bytes);
		assert_true(n > 0);
		assert_int_equal(control_status_decode(&out, bytes, (size_t)n), 0);
		assert_memory_equal(in.members, out.members,
				    counts[i] * sizeof(struct control_member));
		members = out.members;
		out.members = in.members;
		assert_memory_equal(&in, &out, sizeof(in));
		out.members = members;
		free(bytes);
		control_status_clear(&in);
		control_status_clear(&out);
		assert_null(out.members);
	}
}

static void test_too_many_members(void **state)
{
	struct control_status in = sample_status(DATAPLANE_MEMBERS_MAX + 1), out;
	uint8_t *bytes;
	ssize_t n = control_status_encode(&in, &bytes);

	(void)state;
	assert_int_equal(control_status_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.members);
	free(bytes);
	control_status_clear(&in);
}

/* One member, and one thing wrong at a time. */
struct sample_message {
	Lanrage__Control__Status status;
	Lanrage__Control__Member member;
	Lanrage__Control__Member *list[1];
	Lanrage__Ipc__Address address;
};

static uint8_t zeros[64];

static void sample_message(struct sample_message *m)
{
	lanrage__control__status__init(&m->status);
	lanrage__control__member__init(&m->member);
	lanrage__ipc__address__init(&m->address);
	m->address.ip = pb_view((const uint8_t *)"\x0a\x42\x00\x01", 4);
	m->status.party_id = pb_view(zeros, CONTROL_PARTY_ID_SIZE);
	m->status.identity = pb_view(zeros, 32);
	m->status.address = &m->address;
	m->member.identity = pb_view(zeros, 32);
	m->member.wireguard_key = pb_view(zeros, 32);
	m->member.address = &m->address;
	m->list[0] = &m->member;
	m->status.members = m->list;
	m->status.n_members = 1;
}

static void assert_status_refused(const ProtobufCMessage *message)
{
	struct control_status out;
	uint8_t *bytes;
	ssize_t n = pb_pack(message, &bytes);

	assert_int_equal(control_status_decode(&out, bytes, (size_t)n), -EBADMSG);
	assert_null(out.members);
	free(bytes);
}

static void test_each_field_of_the_status(void **state)
{
	struct sample_message m;
	struct control_status out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	sample_message(&m);
	n = pb_pack(&m.status.base, &bytes);
	assert_int_equal(control_status_decode(&out, bytes, (size_t)n), 0);
	control_status_clear(&out);
	free(bytes);
#define WRONG(field, value)                            \
	do {                                           \
		sample_message(&m);                    \
		m.field = value;                       \
		assert_status_refused(&m.status.base); \
	} while (0)
	WRONG(status.server_trouble, CONTROL_TROUBLES);
	WRONG(status.server_state, CONTROL_SERVER_STATES);
	WRONG(status.prefix_length, 33);
	WRONG(status.party_id.len, 15);
	WRONG(status.party_id.len, 0);
	WRONG(status.identity.len, 31);
	WRONG(address.ip.len, 3);
	WRONG(member.identity.len, 33);
	WRONG(member.wireguard_key.len, 0);
	WRONG(member.backend, DATAPLANE_BACKEND_COUNT);
	WRONG(member.mapping, NAT_BEHAVIOURS);
	WRONG(member.filtering, NAT_BEHAVIOURS);
	for (size_t i = 0; i < BAD_TEXTS; i++) {
		WRONG(status.party_name, pb_view_text(bad_texts[i]));
		WRONG(status.own_name, pb_view_text(bad_texts[i]));
		WRONG(status.server_url, pb_view_text(bad_texts[i]));
		WRONG(status.server_reason, pb_view_text(bad_texts[i]));
		WRONG(member.name, pb_view_text(bad_texts[i]));
	}
}

static void test_settings(void **state)
{
	static struct control_setting items[CONTROL_SETTINGS_MAX + 1]; /* padding is compared */
	struct control_settings in = {0, items}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i <= CONTROL_SETTINGS_MAX; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key%zu", i);
		memset(items[i].value, 'v', sizeof(items[i].value) - 1);
		memset(items[i].fallback, 'f', sizeof(items[i].fallback) - 1);
		memset(items[i].description, 'd', sizeof(items[i].description) - 1);
		memset(items[i].group, 'g', sizeof(items[i].group) - 1);
		memset(items[i].type, 't', sizeof(items[i].type) - 1);
		memset(items[i].unit, 'u', sizeof(items[i].unit) - 1);
		memset(items[i].applies, 'a', sizeof(items[i].applies) - 1);
		items[i].n_choices = i % (CONTROL_CHOICES_MAX + 1);
		for (size_t k = 0; k < items[i].n_choices; k++)
			memset(items[i].choices[k], 'c', sizeof(items[i].choices[k]) - 1);
		items[i].bounded = i % 2;
		items[i].min = i % 3 ? INT64_MIN : 1;
		items[i].max = INT64_MAX;
		items[i].secret = i % 5 == 0;
		items[i].set = i % 7 == 0;
	}
	for (in.n_settings = 0; in.n_settings <= CONTROL_SETTINGS_MAX; in.n_settings += 16) {
		n = control_settings_encode(&in, &bytes);
		assert_true(n >= 0);
		assert_int_equal(control_settings_decode(&out, bytes, (size_t)n), 0);
		assert_int_equal(out.n_settings, in.n_settings);
		assert_memory_equal(out.settings, items, in.n_settings * sizeof(items[0]));
		free(bytes);
		control_settings_clear(&out);
	}
	in.n_settings = CONTROL_SETTINGS_MAX + 1;
	assert_int_equal(control_settings_encode(&in, &bytes), -EMSGSIZE);
}

static void test_too_many_choices(void **state)
{
	Lanrage__Control__Setting setting = LANRAGE__CONTROL__SETTING__INIT;
	Lanrage__Control__Setting *list[] = {&setting};
	Lanrage__Control__Settings settings = LANRAGE__CONTROL__SETTINGS__INIT;
	char *choices[CONTROL_CHOICES_MAX + 1];

	(void)state;
	for (size_t i = 0; i <= CONTROL_CHOICES_MAX; i++)
		choices[i] = pb_view_text("on");
	setting.choices = choices;
	setting.n_choices = CONTROL_CHOICES_MAX + 1;
	settings.n_settings = 1;
	settings.settings = list;
	REFUSED(settings, settings);
}

static void fill_changes(struct control_change *items, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key%zu", i);
		memset(items[i].value, 'v', i % sizeof(items[i].value));
		items[i].kind = (enum control_kind)(i % CONTROL_KINDS);
	}
}

static void test_changes(void **state)
{
	static struct control_change items[CONTROL_SETTINGS_MAX + 1];
	struct control_changes in = {.changes = items}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	fill_changes(items, CONTROL_SETTINGS_MAX + 1);
	for (int rest = 0; rest < CONTROL_RESTS; rest++) {
		in.rest = (enum control_rest)rest;
		in.n_changes = rest == 0 ? 0 : CONTROL_SETTINGS_MAX;
		n = control_changes_encode(&in, &bytes);
		assert_true(n >= 0);
		assert_int_equal(control_changes_decode(&out, bytes, (size_t)n), 0);
		assert_int_equal(out.rest, in.rest);
		assert_int_equal(out.n_changes, in.n_changes);
		assert_memory_equal(out.changes, items, in.n_changes * sizeof(items[0]));
		free(bytes);
		control_changes_clear(&out);
	}
	in.n_changes = CONTROL_SETTINGS_MAX + 1;
	assert_int_equal(control_changes_encode(&in, &bytes), -EMSGSIZE);
}

static void test_changes_of_no_kind(void **state)
{
	Lanrage__Control__Changes wrong = LANRAGE__CONTROL__CHANGES__INIT;
	Lanrage__Control__Change change = LANRAGE__CONTROL__CHANGE__INIT, *list[] = {&change};

	(void)state;
	wrong.rest = CONTROL_RESTS;
	REFUSED(changes, wrong);
	wrong.rest = 0;
	wrong.n_changes = 1;
	wrong.changes = list;
	change.kind = CONTROL_KINDS;
	REFUSED(changes, wrong);
}

static void test_configurations(void **state)
{
	static struct control_change items[CONTROL_SETTINGS_MAX];
	static struct control_configuration saved[CONTROL_SAVED_MAX + 1];
	struct control_configurations in = {0, saved}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	fill_changes(items, CONTROL_SETTINGS_MAX);
	for (size_t i = 0; i <= CONTROL_SAVED_MAX; i++) {
		memset(saved[i].name, 'n', sizeof(saved[i].name) - 1);
		saved[i].saved_s = UINT64_MAX - i;
		saved[i].active = i % 2;
		saved[i].settings.n_changes = i;
		saved[i].settings.changes = items;
	}
	for (in.n_configurations = 0; in.n_configurations <= CONTROL_SAVED_MAX;
	     in.n_configurations += 8) {
		n = control_configurations_encode(&in, &bytes);
		assert_true(n >= 0);
		assert_int_equal(control_configurations_decode(&out, bytes, (size_t)n), 0);
		assert_int_equal(out.n_configurations, in.n_configurations);
		for (size_t i = 0; i < out.n_configurations; i++) {
			const struct control_configuration *to = &out.configurations[i];

			assert_string_equal(to->name, saved[i].name);
			assert_true(to->saved_s == saved[i].saved_s);
			assert_int_equal(to->active, saved[i].active);
			assert_int_equal(to->settings.n_changes, i);
			assert_memory_equal(to->settings.changes, items, i * sizeof(items[0]));
		}
		free(bytes);
		control_configurations_clear(&out);
	}
	in.n_configurations = CONTROL_SAVED_MAX + 1;
	assert_int_equal(control_configurations_encode(&in, &bytes), -EMSGSIZE);
	in.n_configurations = 1;
	saved[0].settings.n_changes = CONTROL_SETTINGS_MAX + 1;
	assert_int_equal(control_configurations_encode(&in, &bytes), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_requests),
		cmocka_unit_test(test_texts_are_refused),
		cmocka_unit_test(test_a_secret),
		cmocka_unit_test(test_garbage_is_refused),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_too_many_members),
		cmocka_unit_test(test_each_field_of_the_status),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_too_many_choices),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_changes_of_no_kind),
		cmocka_unit_test(test_configurations),
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
