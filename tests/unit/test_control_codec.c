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
		char *bad = pb_view_text(bad_texts[i]);
		char **fields[] = {&create.name,	&create.own_name, &join.code,
				   &join.own_name,	&invite.code,	  &invite.link,
				   &setting.key,	&setting.value,	  &setting.fallback,
				   &setting.description};

		for (size_t k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
			char *good = *fields[k];

			*fields[k] = bad;
			if (k < 2)
				REFUSED(create, create);
			else if (k < 4)
				REFUSED(join, join);
			else if (k < 6)
				REFUSED(invite, invite);
			else
				REFUSED(setting, setting);
			*fields[k] = good;
		}
	}
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
	struct control_setting setting;
	struct control_settings settings;

	(void)state;
	assert_int_equal(control_create_decode(&create, garbage, 3), -EBADMSG);
	assert_int_equal(control_join_decode(&join, garbage, 3), -EBADMSG);
	assert_int_equal(control_invite_wish_decode(&wish, garbage, 3), -EBADMSG);
	assert_int_equal(control_invite_decode(&invite, garbage, 3), -EBADMSG);
	assert_int_equal(control_up_decode(&up, garbage, 3), -EBADMSG);
	assert_int_equal(control_status_decode(&status, garbage, 3), -EBADMSG);
	assert_int_equal(control_setting_decode(&setting, garbage, 3), -EBADMSG);
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
	struct control_setting items[CONTROL_SETTINGS_MAX + 1] = {{{0}, {0}, {0}, {0}}};
	struct control_settings in = {0, items}, out;
	uint8_t *bytes;
	ssize_t n;

	(void)state;
	for (size_t i = 0; i <= CONTROL_SETTINGS_MAX; i++) {
		snprintf(items[i].key, sizeof(items[i].key), "key%zu", i);
		memset(items[i].value, 'v', sizeof(items[i].value) - 1);
		memset(items[i].fallback, 'f', sizeof(items[i].fallback) - 1);
		memset(items[i].description, 'd', sizeof(items[i].description) - 1);
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
	n = control_setting_encode(&items[3], &bytes);
	assert_int_equal(control_setting_decode(&items[0], bytes, (size_t)n), 0);
	assert_memory_equal(&items[0], &items[3], sizeof(items[0]));
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_requests),
		cmocka_unit_test(test_texts_are_refused),
		cmocka_unit_test(test_garbage_is_refused),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_too_many_members),
		cmocka_unit_test(test_each_field_of_the_status),
		cmocka_unit_test(test_settings),
	};

	memset(long_text, 'x', sizeof(long_text) - 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
