#include "svc-control/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/pb.h"
#include "control.pb-c.h"

#define SMALL_BUDGET	(64u << 10)
#define STATUS_BUDGET	(4u << 20) /* of a party of DATAPLANE_MEMBERS_MAX */
#define SETTINGS_BUDGET (1u << 20)

ssize_t control_create_encode(const struct control_create *create, uint8_t **bytes)
{
	Lanrage__Control__CreateParty message = LANRAGE__CONTROL__CREATE_PARTY__INIT;

	message.name = pb_view_text(create->name);
	message.own_name = pb_view_text(create->own_name);
	message.local = create->local;
	return pb_pack(&message.base, bytes);
}

int control_create_decode(struct control_create *create, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__CreateParty *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__create_party__descriptor, bytes, length);
	bool good;

	memset(create, 0, sizeof(*create));
	good = message && pb_take_text(message->name, create->name, sizeof(create->name)) &&
	       pb_take_text(message->own_name, create->own_name, sizeof(create->own_name));
	if (good)
		create->local = message->local;
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_join_encode(const struct control_join *join, uint8_t **bytes)
{
	Lanrage__Control__JoinParty message = LANRAGE__CONTROL__JOIN_PARTY__INIT;

	message.code = pb_view_text(join->code);
	message.own_name = pb_view_text(join->own_name);
	return pb_pack(&message.base, bytes);
}

int control_join_decode(struct control_join *join, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__JoinParty *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__join_party__descriptor, bytes, length);
	bool good;

	memset(join, 0, sizeof(*join));
	good = message && pb_take_text(message->code, join->code, sizeof(join->code)) &&
	       pb_take_text(message->own_name, join->own_name, sizeof(join->own_name));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_invite_wish_encode(const struct control_invite_wish *wish, uint8_t **bytes)
{
	Lanrage__Control__MakeInvite message = LANRAGE__CONTROL__MAKE_INVITE__INIT;

	message.once = wish->once;
	message.ttl_s = wish->ttl_s;
	return pb_pack(&message.base, bytes);
}

int control_invite_wish_decode(struct control_invite_wish *wish, const uint8_t *bytes,
			       size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__MakeInvite *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__make_invite__descriptor, bytes, length);

	memset(wish, 0, sizeof(*wish));
	if (message) {
		wish->once = message->once;
		wish->ttl_s = message->ttl_s;
	}
	pb_free(&memory);
	return message ? 0 : -EBADMSG;
}

ssize_t control_invite_encode(const struct control_invite *invite, uint8_t **bytes)
{
	Lanrage__Control__MadeInvite message = LANRAGE__CONTROL__MADE_INVITE__INIT;

	message.code = pb_view_text(invite->code);
	message.link = pb_view_text(invite->link);
	message.expires_s = invite->expires_s;
	return pb_pack(&message.base, bytes);
}

int control_invite_decode(struct control_invite *invite, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__MadeInvite *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__made_invite__descriptor, bytes, length);
	bool good;

	memset(invite, 0, sizeof(*invite));
	good = message && pb_take_text(message->code, invite->code, sizeof(invite->code)) &&
	       pb_take_text(message->link, invite->link, sizeof(invite->link));
	if (good)
		invite->expires_s = message->expires_s;
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_code_encode(const struct control_code *code, uint8_t **bytes)
{
	Lanrage__Control__RevokeInvite message = LANRAGE__CONTROL__REVOKE_INVITE__INIT;

	message.code = pb_view_text(code->code);
	return pb_pack(&message.base, bytes);
}

int control_code_decode(struct control_code *code, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__RevokeInvite *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__revoke_invite__descriptor, bytes, length);
	bool good;

	memset(code, 0, sizeof(*code));
	good = message && pb_take_text(message->code, code->code, sizeof(code->code));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_kick_encode(const struct control_kick *kick, uint8_t **bytes)
{
	Lanrage__Control__Kick message = LANRAGE__CONTROL__KICK__INIT;

	message.identity = pb_view(kick->identity, sizeof(kick->identity));
	return pb_pack(&message.base, bytes);
}

int control_kick_decode(struct control_kick *kick, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Kick *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__kick__descriptor, bytes, length);
	bool good;

	memset(kick, 0, sizeof(*kick));
	good = message && pb_take(&message->identity, kick->identity, sizeof(kick->identity));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

static void shared_view(const struct control_shared *shared, Lanrage__Control__Shared *message)
{
	lanrage__control__shared__init(message);
	message->identity = pb_view(shared->identity, sizeof(shared->identity));
	message->bytes = pb_view(shared->bytes, shared->length);
}

static bool take_shared(const Lanrage__Control__Shared *message, struct control_shared *shared)
{
	if (message->bytes.len > sizeof(shared->bytes))
		return false;
	shared->length = message->bytes.len;
	return pb_take(&message->identity, shared->identity, sizeof(shared->identity)) &&
	       pb_take(&message->bytes, shared->bytes, shared->length);
}

ssize_t control_shared_encode(const struct control_shared *shared, uint8_t **bytes)
{
	Lanrage__Control__Shared message;

	shared_view(shared, &message);
	return pb_pack(&message.base, bytes);
}

int control_shared_decode(struct control_shared *shared, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Shared *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__shared__descriptor, bytes, length);
	bool good;

	memset(shared, 0, sizeof(*shared));
	good = message && take_shared(message, shared);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_shared_list_encode(const struct control_shared_list *list, uint8_t **bytes)
{
	Lanrage__Control__SharedList message = LANRAGE__CONTROL__SHARED_LIST__INIT;
	Lanrage__Control__Shared *members = calloc(list->n_members + 1, sizeof(*members));
	Lanrage__Control__Shared **pointers = calloc(list->n_members + 1, sizeof(*pointers));
	ssize_t n = -ENOMEM;

	if (!members || !pointers)
		goto out;
	for (size_t i = 0; i < list->n_members; i++) {
		shared_view(&list->members[i], &members[i]);
		pointers[i] = &members[i];
	}
	message.n_members = list->n_members;
	message.members = pointers;
	n = pb_pack(&message.base, bytes);
out:
	free(members);
	free(pointers);
	return n;
}

int control_shared_list_decode(struct control_shared_list *list, const uint8_t *bytes,
			       size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__SharedList *message = pb_unpack(
		&memory, STATUS_BUDGET, &lanrage__control__shared_list__descriptor, bytes, length);
	bool good;

	memset(list, 0, sizeof(*list));
	good = message && message->n_members <= DATAPLANE_MEMBERS_MAX;
	if (good)
		list->members = calloc(message->n_members + 1, sizeof(*list->members));
	good = good && list->members;
	for (size_t i = 0; good && i < message->n_members; i++)
		good = take_shared(message->members[i], &list->members[i]);
	if (good)
		list->n_members = message->n_members;
	pb_free(&memory);
	if (!good)
		control_shared_list_clear(list);
	return good ? 0 : -EBADMSG;
}

void control_shared_list_clear(struct control_shared_list *list)
{
	free(list->members);
	memset(list, 0, sizeof(*list));
}

ssize_t control_up_encode(const struct control_up *up, uint8_t **bytes)
{
	Lanrage__Control__SetUp message = LANRAGE__CONTROL__SET_UP__INIT;

	message.up = up->up;
	return pb_pack(&message.base, bytes);
}

int control_up_decode(struct control_up *up, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__SetUp *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__set_up__descriptor, bytes, length);

	memset(up, 0, sizeof(*up));
	if (message)
		up->up = message->up;
	pb_free(&memory);
	return message ? 0 : -EBADMSG;
}

static void address_view(const struct addr *addr, Lanrage__Ipc__Address *message)
{
	lanrage__ipc__address__init(message);
	message->ip = pb_view(addr->ip, addr_ip_length(addr));
}

/* An absent or empty address is none. */
static bool take_address(const Lanrage__Ipc__Address *message, struct addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (!message || message->ip.len == 0)
		return true;
	return addr_from_bytes(addr, message->ip.data, message->ip.len, 0) == 0;
}

struct member_message {
	Lanrage__Control__Member member;
	Lanrage__Ipc__Address address;
};

static void member_view(const struct control_member *member, struct member_message *message)
{
	Lanrage__Control__Member *m = &message->member;

	lanrage__control__member__init(m);
	address_view(&member->address, &message->address);
	m->identity = pb_view(member->identity, DATAPLANE_KEY_SIZE);
	m->wireguard_key = pb_view(member->wireguard_key, DATAPLANE_KEY_SIZE);
	m->name = pb_view_text(member->name);
	m->address = &message->address;
	m->online = member->online;
	m->host = member->host;
	m->self = member->self;
	m->announced = member->announced;
	m->backend = member->backend;
	m->mapping = member->mapping;
	m->filtering = member->filtering;
	m->lease = member->lease;
	m->clock_wrong = member->clock_wrong;
}

ssize_t control_status_encode(const struct control_status *status, uint8_t **bytes)
{
	Lanrage__Control__Status message = LANRAGE__CONTROL__STATUS__INIT;
	struct member_message *members = calloc(status->n_members + 1, sizeof(*members));
	Lanrage__Control__Member **list = calloc(status->n_members + 1, sizeof(*list));
	Lanrage__Ipc__Address address;
	ssize_t n = -ENOMEM;

	if (!members || !list)
		goto out;
	for (size_t i = 0; i < status->n_members; i++) {
		member_view(&status->members[i], &members[i]);
		list[i] = &members[i].member;
	}
	address_view(&status->address, &address);
	message.in_party = status->in_party;
	message.party_id = pb_view(status->party_id, sizeof(status->party_id));
	message.party_name = pb_view_text(status->party_name);
	message.up = status->up;
	message.local = status->local;
	message.identity = pb_view(status->identity, DATAPLANE_KEY_SIZE);
	message.own_name = pb_view_text(status->own_name);
	message.address = &address;
	message.prefix_length = status->prefix_length;
	message.server_url = pb_view_text(status->server_url);
	message.server_state = status->server_state;
	message.server_reason = pb_view_text(status->server_reason);
	message.server_trouble = status->server_trouble;
	message.clock_ahead_s = status->clock_ahead_s;
	message.removed = status->removed;
	message.notice = pb_view_text(status->notice);
	message.generation = status->generation;
	message.n_members = status->n_members;
	message.members = list;
	n = pb_pack(&message.base, bytes);
out:
	free(members);
	free(list);
	return n;
}

static bool take_member(const Lanrage__Control__Member *message, struct control_member *member)
{
	if (message->backend >= DATAPLANE_BACKEND_COUNT || message->mapping >= NAT_BEHAVIOURS ||
	    message->filtering >= NAT_BEHAVIOURS)
		return false;
	member->online = message->online;
	member->host = message->host;
	member->self = message->self;
	member->announced = message->announced;
	member->backend = (enum dataplane_backend)message->backend;
	member->mapping = (enum nat_behaviour)message->mapping;
	member->filtering = (enum nat_behaviour)message->filtering;
	member->lease = message->lease;
	member->clock_wrong = message->clock_wrong;
	return pb_take(&message->identity, member->identity, DATAPLANE_KEY_SIZE) &&
	       pb_take(&message->wireguard_key, member->wireguard_key, DATAPLANE_KEY_SIZE) &&
	       pb_take_text(message->name, member->name, sizeof(member->name)) &&
	       take_address(message->address, &member->address);
}

static bool take_members(const Lanrage__Control__Status *message, struct control_status *status)
{
	if (message->n_members > DATAPLANE_MEMBERS_MAX)
		return false;
	status->members = calloc(message->n_members + 1, sizeof(*status->members));
	if (!status->members)
		return false;
	status->n_members = message->n_members;
	for (size_t i = 0; i < message->n_members; i++)
		if (!take_member(message->members[i], &status->members[i]))
			return false;
	return true;
}

static bool take_status(const Lanrage__Control__Status *message, struct control_status *status)
{
	if (message->server_state >= CONTROL_SERVER_STATES ||
	    message->server_trouble >= CONTROL_TROUBLES || message->prefix_length > 32)
		return false;
	status->in_party = message->in_party;
	status->up = message->up;
	status->local = message->local;
	status->prefix_length = (uint8_t)message->prefix_length;
	status->generation = message->generation;
	status->server_state = (enum control_server_state)message->server_state;
	status->server_trouble = (enum control_server_trouble)message->server_trouble;
	status->clock_ahead_s = message->clock_ahead_s;
	status->removed = message->removed;
	return pb_take(&message->party_id, status->party_id, sizeof(status->party_id)) &&
	       pb_take_text(message->party_name, status->party_name, sizeof(status->party_name)) &&
	       pb_take(&message->identity, status->identity, DATAPLANE_KEY_SIZE) &&
	       pb_take_text(message->own_name, status->own_name, sizeof(status->own_name)) &&
	       take_address(message->address, &status->address) &&
	       pb_take_text(message->server_url, status->server_url, sizeof(status->server_url)) &&
	       pb_take_text(message->server_reason, status->server_reason,
			    sizeof(status->server_reason)) &&
	       pb_take_text(message->notice, status->notice, sizeof(status->notice)) &&
	       take_members(message, status);
}

int control_status_decode(struct control_status *status, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Status *message = pb_unpack(
		&memory, STATUS_BUDGET, &lanrage__control__status__descriptor, bytes, length);
	bool good;

	memset(status, 0, sizeof(*status));
	good = message && take_status(message, status);
	pb_free(&memory);
	if (!good)
		control_status_clear(status);
	return good ? 0 : -EBADMSG;
}

void control_status_clear(struct control_status *status)
{
	free(status->members);
	memset(status, 0, sizeof(*status));
}

/* The views that point at a setting's choices. */
struct setting_pointers {
	char *choices[CONTROL_CHOICES_MAX];
};

static void setting_view(const struct control_setting *setting, struct setting_pointers *pointers,
			 Lanrage__Control__Setting *message)
{
	lanrage__control__setting__init(message);
	message->key = pb_view_text(setting->key);
	message->group = pb_view_text(setting->group);
	message->type = pb_view_text(setting->type);
	message->value = pb_view_text(setting->value);
	message->fallback = pb_view_text(setting->fallback);
	message->description = pb_view_text(setting->description);
	for (size_t i = 0; i < setting->n_choices; i++)
		pointers->choices[i] = pb_view_text(setting->choices[i]);
	message->n_choices = setting->n_choices;
	message->choices = pointers->choices;
	message->bounded = setting->bounded;
	message->min = setting->min;
	message->max = setting->max;
	message->unit = pb_view_text(setting->unit);
	message->applies = pb_view_text(setting->applies);
	message->secret = setting->secret;
	message->set = setting->set;
}

static bool take_choices(const Lanrage__Control__Setting *message, struct control_setting *setting)
{
	if (message->n_choices > CONTROL_CHOICES_MAX)
		return false;
	for (size_t i = 0; i < message->n_choices; i++)
		if (!pb_take_text(message->choices[i], setting->choices[i],
				  sizeof(setting->choices[i])))
			return false;
	setting->n_choices = message->n_choices;
	return true;
}

static bool take_setting(const Lanrage__Control__Setting *message, struct control_setting *setting)
{
	setting->bounded = message->bounded;
	setting->min = message->min;
	setting->max = message->max;
	setting->secret = message->secret;
	setting->set = message->set;
	return pb_take_text(message->key, setting->key, sizeof(setting->key)) &&
	       pb_take_text(message->group, setting->group, sizeof(setting->group)) &&
	       pb_take_text(message->type, setting->type, sizeof(setting->type)) &&
	       pb_take_text(message->value, setting->value, sizeof(setting->value)) &&
	       pb_take_text(message->fallback, setting->fallback, sizeof(setting->fallback)) &&
	       pb_take_text(message->description, setting->description,
			    sizeof(setting->description)) &&
	       pb_take_text(message->unit, setting->unit, sizeof(setting->unit)) &&
	       pb_take_text(message->applies, setting->applies, sizeof(setting->applies)) &&
	       take_choices(message, setting);
}

ssize_t control_settings_encode(const struct control_settings *settings, uint8_t **bytes)
{
	Lanrage__Control__Settings message = LANRAGE__CONTROL__SETTINGS__INIT;
	Lanrage__Control__Setting items[CONTROL_SETTINGS_MAX], *list[CONTROL_SETTINGS_MAX];
	struct setting_pointers pointers[CONTROL_SETTINGS_MAX];

	if (settings->n_settings > CONTROL_SETTINGS_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < settings->n_settings; i++) {
		setting_view(&settings->settings[i], &pointers[i], &items[i]);
		list[i] = &items[i];
	}
	message.n_settings = settings->n_settings;
	message.settings = list;
	return pb_pack(&message.base, bytes);
}

int control_settings_decode(struct control_settings *settings, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Settings *message = pb_unpack(
		&memory, SETTINGS_BUDGET, &lanrage__control__settings__descriptor, bytes, length);
	bool good;

	memset(settings, 0, sizeof(*settings));
	good = message && message->n_settings <= CONTROL_SETTINGS_MAX;
	if (good)
		settings->settings = calloc(message->n_settings + 1, sizeof(*settings->settings));
	good = good && settings->settings;
	for (size_t i = 0; good && i < message->n_settings; i++)
		good = take_setting(message->settings[i], &settings->settings[i]);
	if (good)
		settings->n_settings = message->n_settings;
	pb_free(&memory);
	if (!good)
		control_settings_clear(settings);
	return good ? 0 : -EBADMSG;
}

const struct control_setting *control_settings_find(const struct control_settings *settings,
						    const char *key)
{
	for (size_t i = 0; i < settings->n_settings; i++)
		if (strcmp(settings->settings[i].key, key) == 0)
			return &settings->settings[i];
	return NULL;
}

void control_settings_clear(struct control_settings *settings)
{
	free(settings->settings);
	memset(settings, 0, sizeof(*settings));
}

/* ---- changes, and configurations, which are made of them */

static bool take_changes(size_t n, Lanrage__Control__Change *const *messages,
			 struct control_changes *changes)
{
	if (n > CONTROL_SETTINGS_MAX)
		return false;
	changes->changes = calloc(n + 1, sizeof(*changes->changes));
	if (!changes->changes)
		return false;
	changes->n_changes = n;
	for (size_t i = 0; i < n; i++) {
		struct control_change *to = &changes->changes[i];

		if (!pb_take_text(messages[i]->key, to->key, sizeof(to->key)) ||
		    !pb_take_text(messages[i]->value, to->value, sizeof(to->value)) ||
		    messages[i]->kind >= CONTROL_KINDS)
			return false;
		to->kind = (enum control_kind)messages[i]->kind;
	}
	return true;
}

static void changes_view(const struct control_changes *changes, Lanrage__Control__Change *items,
			 Lanrage__Control__Change **list)
{
	for (size_t i = 0; i < changes->n_changes; i++) {
		lanrage__control__change__init(&items[i]);
		items[i].key = pb_view_text(changes->changes[i].key);
		items[i].value = pb_view_text(changes->changes[i].value);
		items[i].kind = changes->changes[i].kind;
		list[i] = &items[i];
	}
}

ssize_t control_changes_encode(const struct control_changes *changes, uint8_t **bytes)
{
	Lanrage__Control__Changes message = LANRAGE__CONTROL__CHANGES__INIT;
	Lanrage__Control__Change items[CONTROL_SETTINGS_MAX], *list[CONTROL_SETTINGS_MAX];

	if (changes->n_changes > CONTROL_SETTINGS_MAX)
		return -EMSGSIZE;
	changes_view(changes, items, list);
	message.rest = changes->rest;
	message.n_changes = changes->n_changes;
	message.changes = list;
	return pb_pack(&message.base, bytes);
}

int control_changes_decode(struct control_changes *changes, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Changes *message = pb_unpack(
		&memory, SETTINGS_BUDGET, &lanrage__control__changes__descriptor, bytes, length);
	bool good;

	memset(changes, 0, sizeof(*changes));
	good = message && message->rest < CONTROL_RESTS &&
	       take_changes(message->n_changes, message->changes, changes);
	if (good)
		changes->rest = (enum control_rest)message->rest;
	pb_free(&memory);
	if (!good)
		control_changes_clear(changes);
	return good ? 0 : -EBADMSG;
}

void control_changes_clear(struct control_changes *changes)
{
	if (changes->changes)
		explicit_bzero(changes->changes, changes->n_changes * sizeof(*changes->changes));
	free(changes->changes);
	memset(changes, 0, sizeof(*changes));
}

ssize_t control_title_encode(const struct control_title *title, uint8_t **bytes)
{
	Lanrage__Control__ConfigurationName message = LANRAGE__CONTROL__CONFIGURATION_NAME__INIT;

	message.name = pb_view_text(title->name);
	return pb_pack(&message.base, bytes);
}

int control_title_decode(struct control_title *title, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__ConfigurationName *message =
		pb_unpack(&memory, SMALL_BUDGET, &lanrage__control__configuration_name__descriptor,
			  bytes, length);
	bool good;

	memset(title, 0, sizeof(*title));
	good = message && pb_take_text(message->name, title->name, sizeof(title->name));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t control_secret_encode(const struct control_secret *secret, uint8_t **bytes)
{
	Lanrage__Control__Secret message = LANRAGE__CONTROL__SECRET__INIT;

	message.value = pb_view_text(secret->value);
	return pb_pack(&message.base, bytes);
}

int control_secret_decode(struct control_secret *secret, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Secret *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__control__secret__descriptor, bytes, length);
	bool good;

	memset(secret, 0, sizeof(*secret));
	good = message && pb_take_text(message->value, secret->value, sizeof(secret->value));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

struct configuration_views {
	Lanrage__Control__Configuration messages[CONTROL_SAVED_MAX];
	Lanrage__Control__Configuration *list[CONTROL_SAVED_MAX];
	Lanrage__Control__Change changes[CONTROL_SAVED_MAX][CONTROL_SETTINGS_MAX];
	Lanrage__Control__Change *pointers[CONTROL_SAVED_MAX][CONTROL_SETTINGS_MAX];
};

static void configuration_view(const struct control_configuration *from,
			       struct configuration_views *views, size_t at)
{
	Lanrage__Control__Configuration *message = &views->messages[at];

	lanrage__control__configuration__init(message);
	message->name = pb_view_text(from->name);
	message->saved_s = from->saved_s;
	message->active = from->active;
	changes_view(&from->settings, views->changes[at], views->pointers[at]);
	message->n_settings = from->settings.n_changes;
	message->settings = views->pointers[at];
	views->list[at] = message;
}

ssize_t control_configurations_encode(const struct control_configurations *list, uint8_t **bytes)
{
	Lanrage__Control__Configurations message = LANRAGE__CONTROL__CONFIGURATIONS__INIT;
	struct configuration_views *views;
	ssize_t n;

	if (list->n_configurations > CONTROL_SAVED_MAX)
		return -EMSGSIZE;
	for (size_t i = 0; i < list->n_configurations; i++)
		if (list->configurations[i].settings.n_changes > CONTROL_SETTINGS_MAX)
			return -EMSGSIZE;
	views = malloc(sizeof(*views));
	if (!views)
		return -ENOMEM;
	for (size_t i = 0; i < list->n_configurations; i++)
		configuration_view(&list->configurations[i], views, i);
	message.n_configurations = list->n_configurations;
	message.configurations = views->list;
	n = pb_pack(&message.base, bytes);
	free(views);
	return n;
}

static bool take_configuration(const Lanrage__Control__Configuration *message,
			       struct control_configuration *to)
{
	to->saved_s = message->saved_s;
	to->active = message->active;
	return pb_take_text(message->name, to->name, sizeof(to->name)) &&
	       take_changes(message->n_settings, message->settings, &to->settings);
}

int control_configurations_decode(struct control_configurations *list, const uint8_t *bytes,
				  size_t length)
{
	struct pb_memory memory;
	const Lanrage__Control__Configurations *message =
		pb_unpack(&memory, SETTINGS_BUDGET, &lanrage__control__configurations__descriptor,
			  bytes, length);
	bool good;

	memset(list, 0, sizeof(*list));
	good = message && message->n_configurations <= CONTROL_SAVED_MAX;
	if (good)
		list->configurations =
			calloc(message->n_configurations + 1, sizeof(*list->configurations));
	good = good && list->configurations;
	if (good)
		list->n_configurations = message->n_configurations;
	for (size_t i = 0; good && i < message->n_configurations; i++)
		good = take_configuration(message->configurations[i], &list->configurations[i]);
	pb_free(&memory);
	if (!good)
		control_configurations_clear(list);
	return good ? 0 : -EBADMSG;
}

void control_configurations_clear(struct control_configurations *list)
{
	for (size_t i = 0; i < list->n_configurations; i++)
		control_changes_clear(&list->configurations[i].settings);
	free(list->configurations);
	memset(list, 0, sizeof(*list));
}
