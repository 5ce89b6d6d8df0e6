/* handle_party.c - create, join, leave, invite, revoke, kick, up and down. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/member.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* Control waits for the server and the interface; it has its own deadline, a little earlier. */
#define SLOW_MS CONTROL_SLOW_TIMEOUT_MS

/* A service that is not there is found out before the long wait. */
static void find_control(const struct request *request, struct error *error)
{
	struct gather_ask ask = {.to = SERVICE_CONTROL,
				 .type = BUS_REQUEST_PING,
				 .timeout_ms = BUS_TIMEOUT_MS,
				 .repeatable = true};

	gather_run(request->api->gather, &ask, 1);
	free(ask.answer);
	*error = ask.error;
}

/* Takes the encoded question over. False with the reply made; else *ask holds the answer. */
static bool ask_control(const struct request *request, struct reply *reply, uint32_t type,
			uint32_t timeout_ms, uint8_t *bytes, ssize_t length, struct gather_ask *ask)
{
	*ask = (struct gather_ask){.to = SERVICE_CONTROL,
				   .type = type,
				   .body = bytes,
				   .length = length > 0 ? (size_t)length : 0,
				   .timeout_ms = timeout_ms};
	if (length < 0)
		error_set(&ask->error, (int)length, "the question could not be made");
	else
		find_control(request, &ask->error);
	if (ask->error.code == 0)
		gather_run(request->api->gather, ask, 1);
	if (length > 0)
		explicit_bzero(bytes, (size_t)length); /* may hold a code */
	if (length >= 0)
		free(bytes);
	if (ask->error.code == 0)
		return true;
	reply_failure(reply, SERVICE_CONTROL, &ask->error);
	return false;
}

static void reply_invite(const struct gather_ask *ask, struct reply *reply)
{
	struct control_invite invite;

	if (control_invite_decode(&invite, ask->answer, ask->answer_length) < 0) {
		ask_malformed(ask, reply);
	} else {
		reply_json(reply, 201, view_invite(&invite));
		explicit_bzero(&invite, sizeof(invite));
	}
}

void handle_create(const struct request *request, struct reply *reply)
{
	struct control_create create = {.local = body_bool(request->body, "local")};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	body_copy(request->body, "name", create.name, sizeof(create.name));
	body_copy(request->body, "own_name", create.own_name, sizeof(create.own_name));
	length = control_create_encode(&create, &bytes);
	if (ask_control(request, reply, CONTROL_CREATE_PARTY, SLOW_MS, bytes, length, &ask))
		reply_invite(&ask, reply);
	free(ask.answer);
}

void handle_invite(const struct request *request, struct reply *reply)
{
	struct control_invite_wish wish = {.once = body_bool(request->body, "once"),
					   .ttl_s = (uint32_t)body_number(request->body, "ttl_s")};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length = control_invite_wish_encode(&wish, &bytes);

	if (ask_control(request, reply, CONTROL_MAKE_INVITE, SLOW_MS, bytes, length, &ask))
		reply_invite(&ask, reply);
	free(ask.answer);
}

void handle_join(const struct request *request, struct reply *reply)
{
	struct control_join join = {0};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	body_copy(request->body, "code", join.code, sizeof(join.code));
	body_copy(request->body, "name", join.own_name, sizeof(join.own_name));
	length = control_join_encode(&join, &bytes);
	explicit_bzero(join.code, sizeof(join.code));
	if (ask_control(request, reply, CONTROL_JOIN_PARTY, SLOW_MS, bytes, length, &ask))
		handle_status(request, reply);
	free(ask.answer);
}

void handle_leave(const struct request *request, struct reply *reply)
{
	struct gather_ask ask;

	if (ask_control(request, reply, CONTROL_LEAVE_PARTY, SLOW_MS, NULL, 0, &ask))
		handle_status(request, reply);
	free(ask.answer);
}

void handle_revoke(const struct request *request, struct reply *reply)
{
	struct control_code code = {0};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	body_copy(request->body, "code", code.code, sizeof(code.code));
	length = control_code_encode(&code, &bytes);
	explicit_bzero(&code, sizeof(code));
	if (ask_control(request, reply, CONTROL_REVOKE_INVITE, SLOW_MS, bytes, length, &ask))
		reply_json(reply, 200, json_object());
	free(ask.answer);
}

void handle_kick(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = member_snapshot(request, SNAPSHOT_OF(SNAPSHOT_CONTROL), reply);
	const struct control_member *member;
	char name[CONTROL_NAME_MAX];
	struct control_kick kick;
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!snapshot)
		return;
	body_copy(request->body, "member", name, sizeof(name));
	member = member_find(snapshot->control, name, reply);
	if (member)
		memcpy(kick.identity, member->identity, sizeof(kick.identity));
	ask_done(snapshot);
	if (!member)
		return;
	length = control_kick_encode(&kick, &bytes);
	poster_removing(request->api->poster, kick.identity);
	if (ask_control(request, reply, CONTROL_KICK, SLOW_MS, bytes, length, &ask))
		handle_status(request, reply);
	else
		poster_removing(request->api->poster, NULL);
	free(ask.answer);
}

static void set_up(const struct request *request, struct reply *reply, bool up)
{
	struct control_up wish = {.up = up};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length = control_up_encode(&wish, &bytes);

	if (ask_control(request, reply, CONTROL_SET_UP, BUS_TIMEOUT_MS, bytes, length, &ask))
		handle_status(request, reply);
	free(ask.answer);
}

void handle_up(const struct request *request, struct reply *reply)
{
	set_up(request, reply, true);
}

void handle_down(const struct request *request, struct reply *reply)
{
	set_up(request, reply, false);
}
