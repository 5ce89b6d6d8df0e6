#include "svc-control/server/dispatch.h"

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/admission.h"
#include "svc-control/server/invites.h"
#include "svc-control/server/parties.h"
#include "svc-control/server/relays.h"
#include "svc-control/server/renewals.h"

/* Of one connection, whatever it asks. */
static const struct bucket_limit request_rate = {200, CLOCK_SECOND / 50};

static void ping(struct session *session, const struct rendezvous_client_frame *frame)
{
	session_send_done(session, frame->request_id);
}

static const struct {
	bool before_login;
	void (*handler)(struct session *session, const struct rendezvous_client_frame *frame);
} table[] = {
	[RENDEZVOUS_LOGIN] = {true, admission_login},
	[RENDEZVOUS_CREATE_PARTY] = {false, parties_create},
	[RENDEZVOUS_PUT_INVITE] = {false, invites_put},
	[RENDEZVOUS_GET_INVITE] = {false, invites_get},
	[RENDEZVOUS_REVOKE_INVITE] = {false, invites_revoke},
	[RENDEZVOUS_JOIN_PARTY] = {false, parties_join},
	[RENDEZVOUS_LEAVE_PARTY] = {false, parties_leave},
	[RENDEZVOUS_ANNOUNCE] = {false, parties_announce},
	[RENDEZVOUS_RESUME] = {false, parties_resume},
	[RENDEZVOUS_GET_TICKETS] = {false, relays_get_tickets},
	[RENDEZVOUS_RELAY_REGISTER] = {false, relays_register},
	[RENDEZVOUS_PING] = {false, ping},
	[RENDEZVOUS_PUT_SHARES] = {false, renewals_put_shares},
	[RENDEZVOUS_RENEW] = {false, renewals_renew},
	[RENDEZVOUS_MOVE_LEASE] = {false, renewals_move_lease},
};

static void malformed(struct session *session)
{
	char source[ADDR_TEXT_SIZE];

	log_notice("connection %s: malformed message",
		   addr_format(connection_source(session->connection), source));
	session_send_error(session, 0, RENDEZVOUS_ERROR_MALFORMED, NULL);
	connection_close(session->connection, "malformed message");
}

void dispatch_message(void *data, struct connection *connection, const uint8_t *bytes,
		      size_t length)
{
	struct session *session = connection_data(connection);
	struct rendezvous_client_frame frame;
	uint64_t wait;

	(void)data;
	if (!session)
		return;
	if (rendezvous_client_decode(&frame, bytes, length) < 0) {
		malformed(session);
		return;
	}
	wait = bucket_ask(&session->requests, request_rate, clock_now_us(), 1);
	if (wait)
		session_send_wait(session, frame.request_id, wait);
	else if (!session->logged_in && !table[frame.type].before_login)
		session_send_error(session, frame.request_id, RENDEZVOUS_ERROR_NOT_LOGGED_IN, NULL);
	else
		table[frame.type].handler(session, &frame);
	rendezvous_client_clear(&frame);
}
