#include "svc-control/server/admission.h"

#include <sodium.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/authority.h"
#include "svc-control/server/parties.h"

static void refuse(struct session *session, const struct rendezvous_client_frame *frame,
		   enum rendezvous_error code, const char *text)
{
	char source[ADDR_TEXT_SIZE];

	log_notice("connection %s: login refused: %s",
		   addr_format(connection_source(session->connection), source), text);
	session_send_error(session, frame->request_id, code, text);
	connection_close(session->connection, text);
}

static bool signature_is_good(const struct session *session,
			      const struct rendezvous_client_frame *frame)
{
	uint8_t text[RENDEZVOUS_LOGIN_TEXT_MAX];
	size_t length = rendezvous_login_text(frame->login.server_address, session->nonce,
					      frame->login.client_nonce, text);

	return crypto_sign_verify_detached(frame->login.signature, text, length,
					   frame->login.identity) == 0;
}

static void welcome(struct session *session, uint64_t request_id)
{
	struct rendezvous_server_frame frame = {.request_id = request_id,
						.type = RENDEZVOUS_WELCOME};

	memcpy(frame.welcome.ticket_key, session->server->signing.public_key, RENDEZVOUS_KEY_SIZE);
	frame.welcome.observed = *connection_source(session->connection);
	frame.welcome.stun_port = session->server->stun_port;
	frame.welcome.time_s = clock_wall_us() / CLOCK_SECOND;
	session_send(session, &frame);
}

static void take_place(struct session *session)
{
	struct presence_entry *replaced;
	char name[SESSION_NAME_SIZE];

	presence_enter(session->server->presence, &session->presence, session->identity, &replaced);
	if (replaced) {
		struct session *earlier = (struct session *)replaced;

		log_info("%s: online again, by another connection", session_name(session, name));
		earlier->picture.active = false;
		connection_close(earlier->connection, "logged in by another connection");
		return;
	}
	log_info("%s: online", session_name(session, name));
	parties_set_online(session->server, session->identity, true);
}

void admission_login(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	uint64_t wait = limits_take(server->limits, LIMITS_LOGIN,
				    connection_source(session->connection), clock_now_us());

	if (session->logged_in) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_EXISTS,
				   "logged in already");
		return;
	}
	if (wait) {
		session_send_wait(session, frame->request_id, wait);
		connection_close(session->connection, "too many logins from this address");
		return;
	}
	if (frame->login.protocol != RENDEZVOUS_PROTOCOL) {
		refuse(session, frame, RENDEZVOUS_ERROR_MALFORMED,
		       "this server speaks protocol 1; update the older side");
		return;
	}
	if (!authority_matches(connection_host(session->connection), frame->login.server_address,
			       server->names)) {
		refuse(session, frame, RENDEZVOUS_ERROR_BAD_SIGNATURE,
		       "the login was made for another server address");
		return;
	}
	if (!signature_is_good(session, frame)) {
		refuse(session, frame, RENDEZVOUS_ERROR_BAD_SIGNATURE,
		       rendezvous_error_text(RENDEZVOUS_ERROR_BAD_SIGNATURE));
		return;
	}
	session->logged_in = true;
	memcpy(session->identity, frame->login.identity, RENDEZVOUS_KEY_SIZE);
	loop_timer_stop(&session->login_deadline);
	welcome(session, frame->request_id);
	take_place(session);
}
