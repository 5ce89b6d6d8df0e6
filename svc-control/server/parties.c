#include "svc-control/server/parties.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/lease.h"
#include "svc-control/server/renewals.h"

#define PICTURE_QUEUE (128 * 1024) /* unsent bytes, above which a picture waits */

static const struct bucket_limit announce_rate = {30, CLOCK_SECOND / 2};
static const struct bucket_limit picture_rate = {20, CLOCK_SECOND};

static uint64_t now_s(void)
{
	return clock_wall_us() / CLOCK_SECOND;
}

static const struct store_operations *stored(const struct server *server)
{
	return server->store->operations;
}

static void party_head(struct rendezvous_party *out, const struct store_party *party)
{
	memcpy(out->party_id, party->id, RENDEZVOUS_PARTY_ID_SIZE);
	memcpy(out->host, party->host, RENDEZVOUS_KEY_SIZE);
	out->prefix = party->prefix;
	out->generation = party->generation;
	out->change = party->change;
}

/* ---- pictures */

/* -errno, 0: done, 1: more to come. */
static int send_picture_frame(struct session *session)
{
	struct rendezvous_server_frame frame = {.request_id = session->picture.request_id,
						.type = RENDEZVOUS_PARTY};
	struct picture *picture = &session->picture;
	struct server *server = session->server;
	struct store_party party;
	size_t n;
	int result = stored(server)->get_party(server->store, picture->party_id, &party);

	if (result < 0)
		return result;
	result = stored(server)->get_members(server->store, picture->party_id, &picture->range,
					     frame.party.members, RENDEZVOUS_MEMBERS_PER_FRAME, &n);
	frame.party.n_members = n;
	if (result == 0) {
		party_head(&frame.party, &party);
		frame.party.whole = picture->whole && picture->first;
		frame.party.more = n == RENDEZVOUS_MEMBERS_PER_FRAME;
		if (frame.party.more) {
			/* as far as this frame goes: resuming from here loses nothing */
			frame.party.change = frame.party.members[n - 1].change;
			picture->range.after = frame.party.change;
		}
		picture->first = false;
		result = frame.party.more;
		session_send(session, &frame);
	}
	rendezvous_server_clear(&frame);
	return result;
}

void parties_continue(struct session *session)
{
	int result = 1;

	while (session->picture.active && result > 0 &&
	       connection_queued(session->connection) < PICTURE_QUEUE) {
		result = send_picture_frame(session);
		session->picture.active = result > 0;
	}
	if (result < 0)
		session_send_failure(session, session->picture.request_id, result);
}

/* Subscribes and answers with what changed after `change`. */
static void start_picture(struct session *session, uint64_t request_id,
			  const struct store_party *party, uint64_t change)
{
	struct picture *picture = &session->picture;
	int result = presence_subscribe(session->server->presence, &session->presence, party->id);

	if (result < 0) {
		session_send_failure(session, request_id, -EDQUOT);
		return;
	}
	memset(picture, 0, sizeof(*picture));
	picture->active = true;
	picture->first = true;
	picture->request_id = request_id;
	memcpy(picture->party_id, party->id, RENDEZVOUS_PARTY_ID_SIZE);
	/* a number from the future: the store was restored from a backup */
	picture->whole = change == 0 || change > party->change;
	picture->range.after = picture->whole ? 0 : change;
	/* a whole picture leaves out who had left when it began */
	picture->range.left_after = picture->whole ? party->change : change;
	parties_continue(session);
}

/* One at a time, and not too many: each reads the whole party. */
static bool picture_is_allowed(struct session *session, uint64_t request_id)
{
	uint64_t wait = bucket_ask(&session->pictures, picture_rate, clock_now_us(), 1);

	if (!wait && session->picture.active)
		wait = CLOCK_SECOND;
	if (wait)
		session_send_wait(session, request_id, wait);
	return wait == 0;
}

/* ---- news */

struct news {
	const struct session *except;
	const uint8_t *party_id;
	const uint8_t *bytes;
	size_t length;
};

static void send_news(void *data, struct presence_entry *entry)
{
	struct session *session = (struct session *)entry;
	const struct news *news = data;

	if (session == news->except)
		return;
	if (session->picture.active &&
	    memcmp(session->picture.party_id, news->party_id, RENDEZVOUS_PARTY_ID_SIZE) == 0)
		return;
	connection_send(session->connection, news->bytes, news->length);
}

/* Tells the party's subscribers how the member is now. */
static int publish(struct server *server, const uint8_t *party_id, const uint8_t *identity,
		   const struct session *except)
{
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_PARTY};
	struct news news = {.except = except, .party_id = party_id};
	struct store_party party;
	uint8_t *bytes = NULL;
	ssize_t length;
	int result = stored(server)->get_party(server->store, party_id, &party);

	if (result == 0)
		result = stored(server)->get_member(server->store, party_id, identity,
						    &frame.party.members[0]);
	if (result < 0)
		return result;
	frame.party.n_members = 1;
	party_head(&frame.party, &party);
	length = rendezvous_server_encode(&frame, &bytes);
	rendezvous_server_clear(&frame);
	if (length < 0)
		return (int)length;
	news.bytes = bytes;
	news.length = (size_t)length;
	presence_each(server->presence, party_id, send_news, &news);
	free(bytes);
	return 0;
}

int parties_publish(struct server *server, const uint8_t *party_id, const uint8_t *identity)
{
	return publish(server, party_id, identity, NULL);
}

void parties_set_online(struct server *server, const uint8_t identity[RENDEZVOUS_KEY_SIZE],
			bool online)
{
	uint8_t ids[STORE_MEMBERSHIPS_MAX][RENDEZVOUS_PARTY_ID_SIZE];
	size_t n = 0;

	/* failures are logged by the store; the next login puts it right */
	stored(server)->get_memberships(server->store, identity, ids, &n);
	for (size_t i = 0; i < n; i++)
		if (stored(server)->set_online(server->store, ids[i], identity, online) == 1)
			publish(server, ids[i], identity, NULL);
}

/* ---- requests */

/* After a change that the session's own member made: the news, and a whole picture in answer. */
static void answer_with_party(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	struct store_party party;
	int result = publish(server, frame->party_id, session->identity, session);

	if (result == 0)
		result = stored(server)->get_party(server->store, frame->party_id, &party);
	if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		start_picture(session, frame->request_id, &party, 0);
}

void parties_create(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	struct store_party party = {.prefix = frame->create_party.prefix,
				    .generation = frame->create_party.generation};
	char name[SESSION_NAME_SIZE];
	int result;

	if (!lease_prefix_is_valid(&party.prefix) || party.generation == 0) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_MALFORMED,
				   "a party's prefix is a private one of /8 to /24");
		return;
	}
	if (!picture_is_allowed(session, frame->request_id) ||
	    !session_source_is_allowed(session, LIMITS_CREATE, frame->request_id))
		return;
	memcpy(party.id, frame->party_id, sizeof(party.id));
	memcpy(party.host, session->identity, sizeof(party.host));
	result = stored(server)->create_party(server->store, &party,
					      frame->create_party.wireguard_key, now_s());
	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	log_info("%s: created a party", session_name(session, name));
	answer_with_party(session, frame);
}

static bool join_signature_is_good(const struct session *session,
				   const struct rendezvous_client_frame *frame)
{
	uint8_t text[RENDEZVOUS_JOIN_TEXT_SIZE];

	rendezvous_join_text(frame->party_id, session->identity, frame->join_party.wireguard_key,
			     text);
	return crypto_sign_verify_detached(frame->join_party.signature, text, sizeof(text),
					   frame->join_party.invite_key) == 0;
}

void parties_join(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	const uint8_t *invite_key =
		frame->join_party.has_invite ? frame->join_party.invite_key : NULL;
	char name[SESSION_NAME_SIZE];
	int result;

	if (!picture_is_allowed(session, frame->request_id) ||
	    !session_source_is_allowed(session, LIMITS_JOIN, frame->request_id))
		return;
	if (invite_key && !join_signature_is_good(session, frame)) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_BAD_SIGNATURE,
				   NULL);
		return;
	}
	result = stored(server)->join(server->store, frame->party_id, session->identity,
				      frame->join_party.wireguard_key, invite_key, now_s());
	if (result == -ENOENT && invite_key) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_NO_SUCH_INVITE,
				   NULL);
		return;
	}
	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	log_info("%s: joined a party", session_name(session, name));
	answer_with_party(session, frame);
}

/* -ENOENT where there is no such party, -EACCES where there is one but not for this identity. */
static int not_there(struct server *server, const uint8_t *party_id)
{
	struct store_party party;
	int result = stored(server)->get_party(server->store, party_id, &party);

	return result < 0 ? result : -EACCES;
}

void parties_leave(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	char name[SESSION_NAME_SIZE];
	int result =
		stored(server)->leave(server->store, frame->party_id, session->identity, now_s());

	if (result == -ENOENT)
		result = not_there(server, frame->party_id);
	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	log_info("%s: left a party", session_name(session, name));
	publish(server, frame->party_id, session->identity, NULL);
	presence_unsubscribe(server->presence, &session->presence, frame->party_id);
	if (memcmp(session->picture.party_id, frame->party_id, RENDEZVOUS_PARTY_ID_SIZE) == 0)
		session->picture.active = false;
	session_send_done(session, frame->request_id);
}

void parties_announce(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	uint64_t wait = bucket_ask(&session->announces, announce_rate, clock_now_us(), 1);
	int result;

	if (wait) {
		session_send_wait(session, frame->request_id, wait);
		return;
	}
	result = stored(server)->announce(server->store, frame->party_id, session->identity,
					  &frame->announce.sealed);
	if (result == -ENOENT)
		result = not_there(server, frame->party_id);
	if (result == 0)
		result = publish(server, frame->party_id, session->identity, NULL);
	if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}

void parties_resume(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	struct rendezvous_member member;
	struct store_party party;
	int result;

	if (!picture_is_allowed(session, frame->request_id))
		return;
	result = stored(server)->get_party(server->store, frame->party_id, &party);
	if (result == 0) {
		result = stored(server)->get_member(server->store, frame->party_id,
						    session->identity, &member);
		if (result == -ENOENT)
			result = -EACCES;
	}
	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	free(member.sealed.bytes);
	/* one that was removed learns it from the host's own word */
	renewals_send(session, &party, &member, frame->resume.generation, frame->resume.want_share);
	if (member.left)
		session_send_failure(session, frame->request_id, -EACCES);
	else
		start_picture(session, frame->request_id, &party, frame->resume.change);
}
