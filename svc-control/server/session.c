#include "svc-control/server/session.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/parties.h"

const char *session_name(const struct session *session, char name[SESSION_NAME_SIZE])
{
	const uint8_t *id = session->identity;

	snprintf(name, SESSION_NAME_SIZE, "member %02x%02x%02x%02x", id[0], id[1], id[2], id[3]);
	return name;
}

static void login_took_too_long(void *data)
{
	struct session *session = data;

	connection_close(session->connection, "no login within 10 s");
}

void session_opened(void *data, struct connection *connection)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_CHALLENGE};
	struct server *server = data;
	struct session *session = calloc(1, sizeof(*session));

	connection_set_data(connection, session);
	if (!session) {
		connection_close(connection, "the server is out of memory");
		return;
	}
	session->server = server;
	session->connection = connection;
	randombytes_buf(session->nonce, sizeof(session->nonce));
	memcpy(frame.challenge.server_nonce, session->nonce, sizeof(session->nonce));
	loop_timer_start(server->loop, &session->login_deadline, SESSION_LOGIN_MS, 0,
			 login_took_too_long, session);
	session_send(session, &frame);
}

void session_closed(void *data, struct connection *connection)
{
	struct session *session = connection_data(connection);
	char name[SESSION_NAME_SIZE];

	(void)data;
	if (!session)
		return;
	connection_set_data(connection, NULL);
	loop_timer_stop(&session->login_deadline);
	/* a server that stops tells nobody: whoever is back first would only hear of the others */
	if (presence_leave(session->server->presence, &session->presence) &&
	    !session->server->stopping) {
		log_info("%s: offline", session_name(session, name));
		parties_set_online(session->server, session->identity, false);
	}
	free(session);
}

void session_send(struct session *session, const struct rendezvous_server_frame *frame)
{
	uint8_t *bytes;
	ssize_t length = rendezvous_server_encode(frame, &bytes);

	if (length < 0) {
		log_err("server: cannot encode an answer: %s", strerror((int)-length));
		connection_close(session->connection, "the server failed; see its log");
		return;
	}
	/* a full queue closes the connection by itself */
	connection_send(session->connection, bytes, (size_t)length);
	free(bytes);
}

void session_send_done(struct session *session, uint64_t request_id)
{
	struct rendezvous_server_frame frame = {.request_id = request_id, .type = RENDEZVOUS_DONE};

	session_send(session, &frame);
}

static void send_error(struct session *session, uint64_t request_id, enum rendezvous_error code,
		       const char *text, uint32_t retry_after_s)
{
	struct rendezvous_server_frame frame = {.request_id = request_id, .type = RENDEZVOUS_ERROR};

	frame.error.code = code;
	frame.error.retry_after_s = retry_after_s;
	snprintf(frame.error.text, sizeof(frame.error.text), "%s",
		 text ? text : rendezvous_error_text(code));
	session_send(session, &frame);
}

void session_send_error(struct session *session, uint64_t request_id, enum rendezvous_error code,
			const char *text)
{
	send_error(session, request_id, code, text, 0);
}

void session_send_wait(struct session *session, uint64_t request_id, uint64_t wait_us)
{
	send_error(session, request_id, RENDEZVOUS_ERROR_TOO_MANY, NULL,
		   (uint32_t)((wait_us + 999999) / 1000000));
}

void session_send_failure(struct session *session, uint64_t request_id, int result)
{
	enum rendezvous_error code = RENDEZVOUS_ERROR_INTERNAL;
	const char *text = NULL;

	switch (result) {
	case -ENOENT: code = RENDEZVOUS_ERROR_NO_SUCH_PARTY; break;
	case -EEXIST: code = RENDEZVOUS_ERROR_EXISTS; break;
	case -EACCES: code = RENDEZVOUS_ERROR_NOT_A_MEMBER; break;
	case -ENOSPC:
		code = RENDEZVOUS_ERROR_FULL;
		text = "the party has no address left";
		break;
	case -EDQUOT:
		code = RENDEZVOUS_ERROR_FULL;
		text = "too many at once; leave a party or revoke a code first";
		break;
	default: break;
	}
	session_send_error(session, request_id, code, text);
}

bool session_source_is_allowed(struct session *session, enum limits_kind kind, uint64_t request_id)
{
	uint64_t wait = limits_take(session->server->limits, kind,
				    connection_source(session->connection), clock_now_us());

	if (wait)
		session_send_wait(session, request_id, wait);
	return wait == 0;
}

bool session_is_host(struct session *session, const struct rendezvous_client_frame *frame,
		     struct store_party *party)
{
	struct store *store = session->server->store;
	int result = store->operations->get_party(store, frame->party_id, party);

	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return false;
	}
	if (memcmp(party->host, session->identity, sizeof(party->host)) == 0)
		return true;
	session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_NOT_THE_HOST, NULL);
	return false;
}
