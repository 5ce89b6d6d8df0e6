#include "svc-control/server/invites.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static uint64_t now_s(void)
{
	return clock_wall_us() / CLOCK_SECOND;
}

void invites_put(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct store *store = session->server->store;
	struct store_invite invite = {.sealed = frame->put_invite.sealed, /* borrowed */
				      .expires_s = frame->put_invite.expires_s,
				      .uses = frame->put_invite.uses};
	struct store_party party;
	int result;

	if (!session_is_host(session, frame, &party))
		return;
	if (invite.expires_s <= now_s() || invite.expires_s > INT64_MAX) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_MALFORMED,
				   "the code would have expired already; check the clock");
		return;
	}
	memcpy(invite.party_id, frame->party_id, sizeof(invite.party_id));
	memcpy(invite.lookup_id, frame->put_invite.lookup_id, sizeof(invite.lookup_id));
	memcpy(invite.invite_key, frame->put_invite.invite_key, sizeof(invite.invite_key));
	result = store->operations->put_invite(store, &invite, now_s());
	if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}

static void send_invite(struct session *session, uint64_t request_id,
			const struct store_invite *invite)
{
	struct rendezvous_server_frame frame = {.request_id = request_id,
						.type = RENDEZVOUS_INVITE};

	memcpy(frame.invite.party_id, invite->party_id, RENDEZVOUS_PARTY_ID_SIZE);
	memcpy(frame.invite.invite_key, invite->invite_key, RENDEZVOUS_KEY_SIZE);
	frame.invite.sealed = invite->sealed;
	frame.invite.expires_s = invite->expires_s;
	session_send(session, &frame);
}

void invites_get(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	const struct addr *source = connection_source(session->connection);
	uint64_t now_us = clock_now_us();
	uint64_t wait = limits_take(server->limits, LIMITS_GUESS, source, now_us);
	struct store_invite invite;
	int result;

	if (wait) {
		session_send_wait(session, frame->request_id, wait);
		return;
	}
	result = server->store->operations->get_invite(server->store, frame->get_invite.lookup_id,
						       now_s(), &invite);
	/* only a guess that found nothing counts: friends behind one NAT share an address */
	if (result != -ENOENT)
		limits_give_back(server->limits, LIMITS_GUESS, source, now_us);
	if (result == -ENOENT)
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_NO_SUCH_INVITE,
				   NULL);
	else if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		send_invite(session, frame->request_id, &invite);
	free(invite.sealed.bytes);
}

void invites_revoke(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct store *store = session->server->store;
	struct store_party party;
	int result;

	if (!session_is_host(session, frame, &party))
		return;
	result = store->operations->revoke_invite(store, frame->party_id,
						  frame->revoke_invite.lookup_id);
	if (result == -ENOENT)
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_NO_SUCH_INVITE,
				   NULL);
	else if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}
