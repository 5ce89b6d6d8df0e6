#include "svc-control/membership.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"
#include "svc-control/service.h"

/* ---- what create and join have in common */

/* In no party any more, neither here nor, sooner or later, in the server's eyes. */
static int membership_forget(struct control *control, bool tell_server)
{
	const struct database_party *record = &control->party.record;
	bool own_server = record->local && party_is_host(&control->party);
	struct farewell_party party;
	int r;

	memcpy(party.party_id, record->trust.party_id, sizeof(party.party_id));
	memcpy(party.server_url, record->server_url, sizeof(party.server_url));
	r = party_forget(&control->party);
	if (tell_server && !own_server)
		farewell_owe(control, &party);
	tickets_forget(control);
	handover_push(control);
	renewal_forget_server(control);
	control_changed(control);
	return r;
}

static void membership_undo(struct control *control)
{
	arrival_cancel(control);
	if (control->operation.entered)
		membership_forget(control, true);
}

static bool membership_begin(struct control *control, enum operation_kind kind,
			     struct bus_call *call)
{
	char words[ERROR_TEXT_MAX];

	if (!operation_begin(control, kind, call))
		return false;
	control->operation.undo = membership_undo;
	if (!control->party.joined)
		return true;
	snprintf(words, sizeof(words),
		 "you are in the party \"%s\" already; leave it first with `lanrage leave`",
		 control->party.record.name);
	operation_fail(control, -EALREADY, words);
	return false;
}

/* The name to go by: the wish, else the setting. */
static int membership_own_name(struct control *control, const char *wish, struct error *error)
{
	struct operation *operation = &control->operation;
	char value[CONTROL_SETTING_MAX];

	snprintf(value, sizeof(value), "%s", wish);
	if (!*value)
		settings_get(&control->settings, SETTING_PEER_NAME, value);
	if (!text_is_name(value, CONTROL_NAME_MAX))
		return error_set(error, -EINVAL,
				 "a name has 1 to %d bytes and no control characters or direction "
				 "marks",
				 CONTROL_NAME_MAX - 1);
	operation->name_is_new = *wish != 0;
	memcpy(operation->record.own_name, value, CONTROL_NAME_MAX);
	return 0;
}

/* From here on the server's frames about this party count, and failing means to undo. */
static void membership_enter(struct control *control)
{
	struct operation *operation = &control->operation;

	memcpy(operation->record.server_url, operation->server_url, sizeof(operation->server_url));
	farewell_cancel(control, operation->record.trust.party_id);
	party_enter(&control->party, &operation->record);
	operation->entered = true;
}

static void membership_arrived(struct control *control, const struct error *error)
{
	if (error)
		operation_fail_error(control, error);
	else if (control->operation.kind == OPERATION_CREATE)
		hosting_answer_invite(control);
	else
		operation_answer(control, NULL, 0);
}

static void membership_keep(struct control_changes *changes, const char *key, const char *value)
{
	struct control_change *change = &changes->changes[changes->n_changes++];

	(void)snprintf(change->key, sizeof(change->key), "%s", key);
	(void)snprintf(change->value, sizeof(change->value), "%s", value);
}

/* The wishes that proved right become settings. */
static void membership_keep_settings(struct control *control)
{
	const struct operation *operation = &control->operation;
	struct control_change room[3] = {{.kind = CONTROL_KIND_TEXT}};
	struct control_changes changes = {.changes = room};

	if (operation->name_is_new)
		membership_keep(&changes, SETTING_PEER_NAME, operation->record.own_name);
	if (operation->url_is_new)
		membership_keep(&changes, SETTING_SERVER_URL, operation->server_url);
	membership_keep(&changes, SETTING_UP, "on");
	(void)settings_change(&control->settings, &changes, NULL); /* a failure was logged */
	bus_publish(control->bus, CONTROL_EVENT_SETTINGS, NULL, 0);
}

/* The server agreed: keep the party, bring the interface up, tell the others. */
static void membership_settle(struct control *control)
{
	int r;

	if (!party_self(&control->party)) {
		operation_fail(
			control, -EPROTO,
			"the server gave no usable address; try again or use another server");
		return;
	}
	r = party_settle(&control->party);
	if (r < 0) {
		operation_fail(control, r,
			       "the party could not be stored: check free disk space and the state "
			       "directory's permissions");
		return;
	}
	*control->notice = 0;
	control->removed = false;
	log_notice("party %s: in it as %s", control->party.record.name,
		   control->party.record.own_name);
	membership_keep_settings(control);
	handover_push(control);
	announce_soon(control);
	tickets_fetch(control);
	control_changed(control);
	arrival_wait(control, membership_arrived);
}

static void membership_request(struct control *control, struct rendezvous_client_frame *frame,
			       operation_step next)
{
	memcpy(frame->party_id, control->party.record.trust.party_id, sizeof(frame->party_id));
	operation_ask(control, frame, next);
}

/* ---- create */

static void membership_created(struct control *control)
{
	hosting_put_invite(control, membership_settle);
}

static void membership_send_create(struct control *control)
{
	const struct database_party *record = &control->operation.record;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_CREATE_PARTY};

	membership_enter(control);
	frame.create_party.prefix = record->prefix;
	frame.create_party.generation = record->trust.generation;
	memcpy(frame.create_party.wireguard_key, control->wireguard_key, 32);
	membership_request(control, &frame, membership_created);
}

/* The setting is checked when it is stored, but its default comes from lanraged.conf. */
static int membership_prefix(const struct control *control, struct addr_prefix *prefix,
			     struct error *error)
{
	char text[CONTROL_SETTING_MAX];

	settings_get(&control->settings, SETTING_SUBNET, text);
	if (settings_check(schema_find(SETTING_SUBNET), text, error) < 0)
		return error->code;
	return addr_prefix_parse(prefix, text);
}

/* A new party with this machine as its host. */
static int membership_make_party(struct control *control, const struct control_create *wish,
				 struct error *error)
{
	struct database_party *record = &control->operation.record;

	if (!text_is_name(wish->name, sizeof(record->name)))
		return error_set(error, -EINVAL,
				 "a party's name has 1 to %d bytes and no control characters or "
				 "direction marks",
				 CONTROL_NAME_MAX - 1);
	if (membership_own_name(control, wish->own_name, error) < 0 ||
	    membership_prefix(control, &record->prefix, error) < 0)
		return error->code;
	memcpy(record->name, wish->name, sizeof(record->name));
	record->trust.generation = 1;
	record->trust.has_key = true;
	randombytes_buf(record->trust.party_id, sizeof(record->trust.party_id));
	randombytes_buf(record->trust.party_key, sizeof(record->trust.party_key));
	randombytes_buf(record->beacon_key, sizeof(record->beacon_key));
	memcpy(record->trust.host, control->keyholder.identity, 32);
	memcpy(record->trust.signer, control->keyholder.identity, 32);
	return 0;
}

/* Where it is to meet: at the server, or, where there is none or `local` is wished, here. */
static int membership_choose_place(struct control *control, bool local, struct error *error)
{
	struct operation *operation = &control->operation;

	control_server_url(control, operation->server_url);
	operation->record.local = local || *operation->server_url == 0;
	if (operation->record.local && local_start(control, operation->server_url, error) < 0)
		return error->code;
	control_choose_server(control);
	return 0;
}

void membership_create(struct control *control, struct bus_call *call,
		       const struct control_create *wish)
{
	struct operation *operation = &control->operation;
	struct error error;

	if (!membership_begin(control, OPERATION_CREATE, call))
		return;
	if (membership_make_party(control, wish, &error) < 0 ||
	    membership_choose_place(control, wish->local, &error) < 0) {
		operation_fail_error(control, &error);
		return;
	}
	operation->ttl_s = hosting_ttl(control, 0);
	operation->once = false;
	code_make(&operation->code);
	operation_wait(control, membership_send_create);
}

/* ---- join */

#define LOOK_AROUND_MS 1500 /* for a code that the server does not know */

static void membership_send_join(struct control *control)
{
	struct operation *operation = &control->operation;
	const struct invite_secret *secret = &operation->secret;
	struct database_party *record = &operation->record;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_JOIN_PARTY};

	memcpy(record->trust.party_id, secret->party_id, sizeof(record->trust.party_id));
	memcpy(record->trust.party_key, secret->party_key, 32);
	memcpy(record->trust.host, secret->host, 32);
	memcpy(record->trust.signer, secret->host, 32); /* who did not begin it cannot invite */
	record->trust.generation = secret->proof.generation;
	record->trust.has_key = true;
	memcpy(record->name, secret->party_name, sizeof(record->name));
	memcpy(record->beacon_key, secret->beacon_key, sizeof(record->beacon_key));
	record->local = operation->searching;
	operation->searching = false;
	loop_timer_stop(&operation->timer);
	record->prefix = secret->prefix;
	record->has_proof = true;
	invite_use(&record->proof, secret, control->keyholder.identity, control->wireguard_key);
	membership_enter(control);
	local_update(control);
	frame.join_party.has_invite = true;
	memcpy(frame.join_party.invite_key, record->proof.invite_key, 32);
	memcpy(frame.join_party.signature, record->proof.invite_signature, 64);
	memcpy(frame.join_party.wireguard_key, control->wireguard_key, 32);
	membership_request(control, &frame, membership_settle);
}

static void membership_get_invite(struct control *control);

/* A host on the LAN that does not have it, or lies. */
static void membership_ask_next(struct control *control)
{
	control->operation.go_on = membership_get_invite;
	local_next(control);
}

static void membership_refuse_invite(struct control *control, int r)
{
	log_warning("server %s: its invite for a code is not one for that code; refused",
		    control->operation.server_url);
	operation_fail(control, r,
		       "the server's invite does not fit this code; ask the host for a new code, "
		       "and do not trust this server if it happens again");
}

static bool membership_clock_is_wrong(const struct control *control)
{
	int64_t ahead_s = rendezvous_clock_ahead_s(control->rendezvous);

	return ahead_s != CONTROL_CLOCK_UNKNOWN && ahead_s >= CONTROL_CLOCK_WRONG_S;
}

static void membership_open_invite(struct control *control,
				   const struct rendezvous_server_frame *frame)
{
	struct operation *operation = &control->operation;
	int r = -EBADMSG;

	if (frame->type == RENDEZVOUS_INVITE)
		r = invite_open(&operation->secret, &operation->keys,
				clock_wall_us() / CLOCK_SECOND, frame->invite.sealed.bytes,
				frame->invite.sealed.length);
	if (operation->searching && (r == -EBADMSG || r == -EKEYREJECTED))
		membership_ask_next(control);
	else if (r == -EKEYEXPIRED && membership_clock_is_wrong(control))
		operation_fail(control, r,
			       "this machine's clock is wrong, so the code looks expired; set it, "
			       "`sudo timedatectl set-ntp true`, and try again");
	else if (r == -EKEYEXPIRED)
		operation_fail(control, r, "this code has expired; ask the host for a new one");
	else if (r < 0)
		membership_refuse_invite(control, r);
	else
		membership_send_join(control);
}

static void membership_no_invite(struct control *control, const struct error *error)
{
	struct operation *operation = &control->operation;

	if (operation->searching && error->code == -ENOTCONN)
		operation->go_on = membership_get_invite; /* of whoever is next */
	else if (operation->searching)
		membership_ask_next(control);
	else if (error->code == -ENOENT && !operation->url_is_new)
		operation_search(control, membership_get_invite, LOOK_AROUND_MS);
	else if (error->code == -ENOENT)
		operation_fail(control, -ENOENT,
			       "the server of this link has no party with this code: it was "
			       "mistyped or has expired; ask the host for a new one");
	else
		operation_fail_error(control, error);
}

static void membership_got_invite(void *data, const struct error *error,
				  const struct rendezvous_server_frame *frame)
{
	if (error)
		membership_no_invite(data, error);
	else
		membership_open_invite(data, frame);
}

static void membership_get_invite(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_GET_INVITE};

	memcpy(frame.get_invite.lookup_id, control->operation.keys.lookup_id, CODE_LOOKUP_SIZE);
	rendezvous_request(control->rendezvous, &frame, membership_got_invite, control);
}

/* A code is for the server at hand; a link names its own. */
static int membership_read_code(struct control *control, const char *text, struct error *error)
{
	struct operation *operation = &control->operation;
	struct websocket_url parts;
	char url[CONTROL_URL_MAX];

	if (code_parse(&operation->code, url, text) < 0)
		return error_set(error, -EINVAL,
				 "that is no code: codes look like KQ7M-3ZT9-HX2F, links like "
				 "lanrage://HOST:PORT/CODE");
	if (!*url)
		control_server_url(control, operation->server_url);
	operation->searching = strcmp(url, CODE_LOCAL) == 0 || (!*url && !*operation->server_url);
	if (!*url || operation->searching)
		return 0;
	operation->url_is_new = true;
	memcpy(operation->server_url, url, sizeof(url));
	return websocket_url_parse(&parts, url, error);
}

void membership_join(struct control *control, struct bus_call *call,
		     const struct control_join *wish)
{
	struct error error;

	if (!membership_begin(control, OPERATION_JOIN, call))
		return;
	if (membership_read_code(control, wish->code, &error) < 0 ||
	    membership_own_name(control, wish->own_name, &error) < 0) {
		operation_fail_error(control, &error);
		return;
	}
	if (control->operation.searching) {
		operation_search(control, membership_get_invite, OPERATION_SERVER_MS);
		return;
	}
	control_choose_server(control);
	operation_wait(control, membership_get_invite);
}

/* ---- leave */

static void membership_left(void *data, const struct error *error,
			    const struct rendezvous_server_frame *frame)
{
	struct control *control = data;
	/* a refusal is as good: the server does not know us as a member */
	bool untold = error && (error->code == -ENOTCONN || error->code == -ETIMEDOUT ||
				error->code == -EBUSY || error->code == -EAGAIN);
	int r;

	(void)frame;
	log_notice("party %s: left%s%s", control->party.record.name,
		   untold ? "; the server is to be told: " : "", untold ? error->text : "");
	r = membership_forget(control, untold);
	if (r < 0) {
		operation_fail(control, r,
			       "left, but that could not be stored: check free disk "
			       "space, then restart");
		return;
	}
	operation_answer(control, NULL, 0);
	control_choose_server(control);
}

static void membership_send_leave(void *data)
{
	struct control *control = data;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_LEAVE_PARTY};

	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	rendezvous_request(control->rendezvous, &frame, membership_left, control);
}

#define LAST_WORDS_MS 150 /* for the way through the tunnel, before it is taken down */

void membership_leave(struct control *control, struct bus_call *call)
{
	if (!operation_begin(control, OPERATION_LEAVE, call))
		return;
	if (!control->party.joined) {
		operation_fail(control, -ENOENT, "you are in no party");
		return;
	}
	renewal_hand_over(control);
	announce_farewell(control);
	loop_timer_start(&control->loop, &control->operation.timer,
			 party_successor(&control->party) ? LAST_WORDS_MS : 0, 0,
			 membership_send_leave, control);
}

void membership_removed(struct control *control)
{
	if (control->operation.kind == OPERATION_LEAVE)
		return; /* one's own doing: a host that leaves removes itself */
	if (control->operation.kind != OPERATION_NONE)
		operation_fail(control, -ECANCELED, "the party's host removed you");
	if (!control->party.joined)
		return;
	control->removed = true;
	log_notice("party %s: its host removed this machine", control->party.record.name);
	snprintf(control->notice, sizeof(control->notice), "the host of %s removed you",
		 control->party.record.name);
	membership_forget(control, false);
	control_choose_server(control);
}
