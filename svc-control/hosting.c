#include "svc-control/hosting.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/duration.h"
#include "svc-control/service.h"

uint32_t hosting_ttl(struct control *control, uint32_t wish_s)
{
	char value[CONTROL_SETTING_MAX];
	uint32_t ttl_s = wish_s;

	if (ttl_s == 0 && (settings_get(&control->settings, SETTING_INVITE_TTL, value) < 0 ||
			   duration_parse(value, &ttl_s) < 0))
		ttl_s = INVITE_TTL_DEFAULT_S;
	return ttl_s >= INVITE_TTL_MIN_S && ttl_s <= INVITE_TTL_MAX_S ? ttl_s : 0;
}

/* Signs and seals; returns the length or a negative errno. */
static ssize_t hosting_seal_invite(struct control *control, uint8_t sealed[RENDEZVOUS_INVITE_MAX])
{
	struct operation *operation = &control->operation;
	const struct database_party *record = &control->party.record;
	struct invite_secret *secret = &operation->secret;
	int r;

	memcpy(secret->party_id, record->trust.party_id, sizeof(secret->party_id));
	memcpy(secret->party_name, record->name, sizeof(secret->party_name));
	memcpy(secret->party_key, record->trust.party_key, 32);
	memcpy(secret->host, record->trust.host, 32);
	memcpy(secret->beacon_key, record->beacon_key, sizeof(secret->beacon_key));
	secret->prefix = record->prefix;
	secret->proof.generation = record->trust.generation;
	r = invite_sign_prefix(secret, &control->keyholder);
	if (r == 0)
		r = invite_make(secret, &control->keyholder,
				clock_wall_us() / CLOCK_SECOND + operation->ttl_s, operation->once);
	return r < 0 ? r : invite_seal(secret, &operation->keys, sealed);
}

void hosting_put_invite(struct control *control, operation_step next)
{
	struct operation *operation = &control->operation;
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_PUT_INVITE};
	uint8_t sealed[RENDEZVOUS_INVITE_MAX];
	ssize_t length = hosting_seal_invite(control, sealed);

	if (length < 0) {
		operation_fail(control, (int)length, "the invite could not be signed");
		return;
	}
	memcpy(frame.party_id, operation->secret.party_id, sizeof(frame.party_id));
	memcpy(frame.put_invite.lookup_id, operation->keys.lookup_id, CODE_LOOKUP_SIZE);
	memcpy(frame.put_invite.invite_key, operation->secret.proof.invite_key, 32);
	frame.put_invite.sealed.bytes = sealed;
	frame.put_invite.sealed.length = (size_t)length;
	frame.put_invite.expires_s = operation->secret.proof.expires_s;
	frame.put_invite.uses = operation->secret.proof.uses;
	operation_ask(control, &frame, next);
}

void hosting_answer_invite(struct control *control)
{
	struct operation *operation = &control->operation;
	struct control_invite invite = {.expires_s = operation->secret.proof.expires_s};
	uint8_t *bytes;
	ssize_t length;

	snprintf(invite.code, sizeof(invite.code), "%s", operation->code.text);
	code_link(&operation->code,
		  control->party.record.local ? CODE_LOCAL : control->party.record.server_url,
		  invite.link);
	length = control_invite_encode(&invite, &bytes);
	sodium_memzero(&invite, sizeof(invite));
	if (length < 0) {
		operation_fail(control, (int)length, "out of memory");
		return;
	}
	operation_answer(control, bytes, (size_t)length);
	sodium_memzero(bytes, (size_t)length);
	free(bytes);
}

/* Only a host that began the current generation can bring somebody into it. */
static bool hosting_may_invite(struct control *control)
{
	const struct announcement_trust *trust = &control->party.record.trust;

	if (!control->party.joined)
		operation_fail(control, -ENOENT,
			       "you are in no party: make one with `lanrage party create NAME`");
	else if (!party_is_host(&control->party))
		operation_fail(control, -EPERM, "only the party's host can do that; ask the host");
	else if (memcmp(trust->signer, trust->host, 32) != 0)
		operation_fail(control, -EAGAIN,
			       "you are just becoming the host; try again in a second");
	else
		return true;
	return false;
}

static void hosting_invite_go_on(struct control *control)
{
	hosting_put_invite(control, hosting_answer_invite);
}

void hosting_invite(struct control *control, struct bus_call *call,
		    const struct control_invite_wish *wish)
{
	struct operation *operation = &control->operation;

	if (!operation_begin(control, OPERATION_INVITE, call))
		return;
	operation->ttl_s = hosting_ttl(control, wish->ttl_s);
	operation->once = wish->once;
	if (!hosting_may_invite(control))
		return;
	if (operation->ttl_s == 0) {
		operation_fail(control, -EINVAL,
			       "a code is good for 1 minute to 30 days, for example --ttl 2h");
		return;
	}
	code_make(&operation->code);
	operation_wait(control, hosting_invite_go_on);
}

static void hosting_revoked(void *data, const struct error *error,
			    const struct rendezvous_server_frame *frame)
{
	struct control *control = data;

	(void)frame;
	if (error && error->code == -ENOENT)
		operation_fail(control, -ENOENT,
			       "this party has no such open code: it was mistyped, has expired, or "
			       "was used up");
	else if (error)
		operation_fail_error(control, error);
	else
		operation_answer(control, NULL, 0);
}

static void hosting_revoke_go_on(struct control *control)
{
	struct rendezvous_client_frame frame = {.type = RENDEZVOUS_REVOKE_INVITE};

	memcpy(frame.party_id, control->party.record.trust.party_id, sizeof(frame.party_id));
	memcpy(frame.revoke_invite.lookup_id, control->operation.keys.lookup_id, CODE_LOOKUP_SIZE);
	rendezvous_request(control->rendezvous, &frame, hosting_revoked, control);
}

void hosting_revoke(struct control *control, struct bus_call *call, const struct control_code *wish)
{
	if (!operation_begin(control, OPERATION_REVOKE, call) || !hosting_may_invite(control))
		return;
	if (code_parse(&control->operation.code, NULL, wish->code) < 0)
		operation_fail(control, -EINVAL, "that is no code: codes look like KQ7M-3ZT9-HX2F");
	else
		operation_wait(control, hosting_revoke_go_on);
}
