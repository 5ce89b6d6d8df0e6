#include "svc-control/server/renewals.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/parties.h"

static const struct store_operations *stored(const struct session *session)
{
	return session->server->store->operations;
}

static uint64_t now_s(void)
{
	return clock_wall_us() / CLOCK_SECOND;
}

void renewals_send(struct session *session, const struct store_party *party,
		   const struct rendezvous_member *member, uint32_t after, bool want_share)
{
	struct store *store = session->server->store;
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_GENERATIONS};
	struct rendezvous_generations *out = &frame.generations;

	memcpy(out->party_id, party->id, sizeof(out->party_id));
	do {
		if (stored(session)->get_records(store, party->id, after, out->records,
						 RENDEZVOUS_RECORDS_PER_FRAME, &out->n_records) < 0)
			return; /* logged; the next session asks again */
		if (out->n_records)
			after = out->records[out->n_records - 1].number;
		out->more = out->n_records > 0 && after < party->generation;
		if (!out->more && !member->left && (out->n_records || want_share))
			out->has_share =
				stored(session)->get_share(store, party->id, party->generation,
							   member->number, out->share) == 0;
		if (out->n_records || out->has_share)
			session_send(session, &frame);
	} while (out->more);
}

/* ---- PutShares */

void renewals_put_shares(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct store *store = session->server->store;
	struct store_party party;
	int result;

	if (!session_is_host(session, frame, &party))
		return;
	if (frame->put_shares.generation != party.generation &&
	    frame->put_shares.generation != party.generation + 1) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_MALFORMED,
				   "the shares are of another generation");
		return;
	}
	result = stored(session)->put_shares(store, frame->party_id, frame->put_shares.generation,
					     frame->put_shares.shares, frame->put_shares.n_shares);
	if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}

/* ---- Renew */

struct spread {
	const struct store_party *party;
	const struct rendezvous_generation *record;
};

/* To one subscriber; the one that is removed hears it, too, and nothing after it. */
static void spread_to(void *data, struct presence_entry *entry)
{
	struct session *session = (struct session *)entry;
	const struct spread *spread = data;
	struct rendezvous_member member;

	if (stored(session)->get_member(session->server->store, spread->party->id,
					session->identity, &member) < 0)
		return;
	free(member.sealed.bytes);
	renewals_send(session, spread->party, &member, spread->record->number - 1, false);
}

static void unsubscribe(struct server *server, const struct store_party *party,
			const uint8_t identity[RENDEZVOUS_KEY_SIZE])
{
	struct presence_entry *entry = presence_find(server->presence, identity);

	if (entry)
		presence_unsubscribe(server->presence, entry, party->id);
}

static void renewed(struct session *session, const struct rendezvous_generation *record,
		    const uint8_t *party_id)
{
	struct server *server = session->server;
	struct spread spread = {.record = record};
	struct store_party party;
	char name[SESSION_NAME_SIZE];

	if (stored(session)->get_party(server->store, party_id, &party) < 0)
		return;
	spread.party = &party;
	log_info("%s: began generation %u of a party", session_name(session, name), record->number);
	presence_each(server->presence, party_id, spread_to, &spread);
	if (sodium_is_zero(record->removed, sizeof(record->removed)))
		return;
	unsubscribe(server, &party, record->removed);
	parties_publish(server, party_id, record->removed);
	relays_revoke(server->relays);
}

static bool signature_holds(const struct store_party *party,
			    const struct rendezvous_generation *record)
{
	uint8_t text[RENDEZVOUS_GENERATION_TEXT_SIZE];

	rendezvous_generation_text(party->id, record, text);
	return crypto_sign_verify_detached(record->signature, text, sizeof(text), party->host) == 0;
}

void renewals_renew(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct store *store = session->server->store;
	struct rendezvous_member member;
	struct store_party party;
	int result = stored(session)->get_party(store, frame->party_id, &party);

	if (result == 0)
		result = stored(session)->get_member(store, frame->party_id, session->identity,
						     &member);
	if (result == 0)
		free(member.sealed.bytes);
	/* an older one is known or refused; the next one must be signed by the host of now */
	if (result == 0 && frame->renew.number > party.generation &&
	    !signature_holds(&party, &frame->renew)) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_BAD_SIGNATURE,
				   NULL);
		return;
	}
	if (result == 0)
		result = stored(session)->renew(store, frame->party_id, &frame->renew, now_s());
	if (result == 1)
		renewed(session, &frame->renew, frame->party_id);
	if (result == -EINVAL)
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_MALFORMED,
				   "a generation in between is missing");
	else if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}

/* ---- MoveLease */

void renewals_move_lease(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct server *server = session->server;
	int result;

	if (!session_source_is_allowed(session, LIMITS_JOIN, frame->request_id))
		return;
	result = stored(session)->move_lease(server->store, frame->party_id, session->identity,
					     now_s());
	if (result == -ENOENT)
		result = -EACCES;
	if (result == 0)
		result = parties_publish(server, frame->party_id, session->identity);
	if (result < 0)
		session_send_failure(session, frame->request_id, result);
	else
		session_send_done(session, frame->request_id);
}
