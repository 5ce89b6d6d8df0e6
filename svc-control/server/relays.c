#include "svc-control/server/relays.h"

#include <ctype.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-control/server/session.h"
#include "svc-nat/relay/ticket.h"

#define TELL_MS 1000

struct entry {
	bool used;
	uint8_t identity[RENDEZVOUS_KEY_SIZE];
	struct addr source;
	struct rendezvous_relay relay; /* without ticket */
	uint64_t expires_us;
};

struct relays {
	struct server *server;
	struct entry entries[RELAYS_MAX];
	struct loop_timer expiry, tell;
};

static void expire(void *data);

/* ---- telling of changes */

static void tell_one(void *data, struct presence_entry *entry, const uint8_t *party_id)
{
	const struct relays *relays = data;
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_TICKETS};

	memcpy(frame.tickets.party_id, party_id, RENDEZVOUS_PARTY_ID_SIZE);
	for (size_t i = 0; i < RELAYS_MAX && frame.tickets.n_relays < RENDEZVOUS_RELAYS_MAX; i++)
		if (relays->entries[i].used)
			frame.tickets.relays[frame.tickets.n_relays++] = relays->entries[i].relay;
	session_send((struct session *)entry, &frame);
}

static void tell(void *data)
{
	struct relays *relays = data;

	presence_each_subscription(relays->server->presence, tell_one, relays);
}

static void changed(struct relays *relays)
{
	if (!loop_timer_active(&relays->tell))
		loop_timer_start(relays->server->loop, &relays->tell, TELL_MS, 0, tell, relays);
}

/* ---- the list */

int relays_new(struct relays **relays, struct server *server)
{
	*relays = calloc(1, sizeof(**relays));
	if (!*relays)
		return -ENOMEM;
	(*relays)->server = server;
	loop_timer_start(server->loop, &(*relays)->expiry, 1000, 1000, expire, *relays);
	return 0;
}

void relays_free(struct relays *relays)
{
	if (!relays)
		return;
	loop_timer_stop(&relays->expiry);
	loop_timer_stop(&relays->tell);
	free(relays);
}

static void log_relay(const struct entry *entry, const char *what)
{
	const uint8_t *id = entry->identity;
	char endpoint[ADDR_TEXT_SIZE];

	log_notice("relay %02x%02x%02x%02x: %s: %s", id[0], id[1], id[2], id[3],
		   addr_format(&entry->relay.endpoints[0], endpoint), what);
}

static void drop(struct relays *relays, struct entry *entry, const char *why)
{
	log_relay(entry, why);
	entry->used = false;
	changed(relays);
}

static void expire(void *data)
{
	struct relays *relays = data;
	uint64_t now_us = clock_now_us();

	for (size_t i = 0; i < RELAYS_MAX; i++)
		if (relays->entries[i].used && relays->entries[i].expires_us <= now_us)
			drop(relays, &relays->entries[i], "gone: not heard of for 90 s");
}

/* The relay's own entry, or a free one; NULL when there is none to have. */
static struct entry *find_entry(struct relays *relays, const struct session *session)
{
	struct addr source = limits_source(connection_source(session->connection));
	struct entry *unused = NULL;
	size_t from_source = 0;

	for (size_t i = 0; i < RELAYS_MAX; i++) {
		struct entry *entry = &relays->entries[i];

		if (!entry->used) {
			unused = unused ? unused : entry;
			continue;
		}
		if (memcmp(entry->identity, session->identity, RENDEZVOUS_KEY_SIZE) == 0)
			return entry;
		from_source += addr_equal(&entry->source, &source);
	}
	return from_source < RELAYS_PER_SOURCE ? unused : NULL;
}

static void describe(const struct session *session, const struct rendezvous_client_frame *frame,
		     struct rendezvous_relay *relay)
{
	memset(relay, 0, sizeof(*relay));
	memcpy(relay->relay_key, frame->relay_register.relay_key, RENDEZVOUS_KEY_SIZE);
	relay->load_permille = frame->relay_register.load_permille;
	memcpy(relay->region, frame->relay_register.region, sizeof(relay->region));
	relay->n_endpoints = frame->relay_register.n_endpoints;
	memcpy(relay->endpoints, frame->relay_register.endpoints, sizeof(relay->endpoints));
	if (relay->n_endpoints == 0) {
		relay->n_endpoints = 1;
		relay->endpoints[0] = *connection_source(session->connection);
		relay->endpoints[0].scope = 0;
		relay->endpoints[0].port = frame->relay_register.port;
	}
}

/* Load does not count: it changes all the time. */
static bool is_same(const struct rendezvous_relay *a, const struct rendezvous_relay *b)
{
	if (a->n_endpoints != b->n_endpoints || strcmp(a->region, b->region) != 0 ||
	    memcmp(a->relay_key, b->relay_key, RENDEZVOUS_KEY_SIZE) != 0)
		return false;
	for (size_t i = 0; i < a->n_endpoints; i++)
		if (!addr_equal(&a->endpoints[i], &b->endpoints[i]))
			return false;
	return true;
}

static bool may_register(const struct session *session)
{
	const char *list = session->server->relay_identities;
	char hex[2 * RENDEZVOUS_KEY_SIZE + 1];

	if (!list || !*list)
		return true;
	sodium_bin2hex(hex, sizeof(hex), session->identity, RENDEZVOUS_KEY_SIZE);
	for (; *list; list += strcspn(list, ", "), list += strspn(list, ", "))
		if (strncasecmp(list, hex, sizeof(hex) - 1) == 0)
			return true;
	return false;
}

static void enter(struct relays *relays, struct entry *entry, const struct session *session,
		  const struct rendezvous_relay *relay)
{
	bool news = !entry->used || !is_same(&entry->relay, relay);

	entry->used = true;
	memcpy(entry->identity, session->identity, RENDEZVOUS_KEY_SIZE);
	entry->source = limits_source(connection_source(session->connection));
	entry->relay = *relay;
	entry->expires_us = clock_now_us() + RELAYS_LIFE_MS * CLOCK_MS;
	if (!news)
		return;
	log_relay(entry, "registered");
	changed(relays);
}

/* ---- revocations */

static void send_revocations(struct session *session)
{
	struct store *store = session->server->store;
	struct rendezvous_revocation revocations[RENDEZVOUS_REVOKED_PER_FRAME];
	struct rendezvous_server_frame frame = {.type = RENDEZVOUS_REVOKED};
	size_t offset = 0;

	frame.revoked.revocations = revocations;
	do {
		if (store->operations->get_revocations(
			    store, clock_wall_us() / CLOCK_SECOND, offset, revocations,
			    RENDEZVOUS_REVOKED_PER_FRAME, &frame.revoked.n_revocations) < 0)
			return; /* logged; sent again at the next change */
		if (frame.revoked.n_revocations)
			session_send(session, &frame);
		offset += frame.revoked.n_revocations;
	} while (frame.revoked.n_revocations == RENDEZVOUS_REVOKED_PER_FRAME);
}

void relays_revoke(struct relays *relays)
{
	for (size_t i = 0; i < RELAYS_MAX; i++) {
		struct presence_entry *entry = relays->entries[i].used
						       ? presence_find(relays->server->presence,
								       relays->entries[i].identity)
						       : NULL;

		if (entry)
			send_revocations((struct session *)entry);
	}
}

/* ---- registering */

void relays_register(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct relays *relays = session->server->relays;
	struct entry *entry = find_entry(relays, session);
	struct rendezvous_relay relay;

	if (!may_register(session)) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_NOT_A_MEMBER,
				   "this server does not know the relay; add its identity to "
				   "[relays] identities");
		return;
	}
	if (!entry) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_FULL,
				   "too many relays");
		return;
	}
	describe(session, frame, &relay);
	if (!addr_is_sendable(&relay.endpoints[0])) {
		session_send_error(session, frame->request_id, RENDEZVOUS_ERROR_MALFORMED,
				   "the relay has no usable address; start it with --public");
		return;
	}
	if (!frame->relay_register.draining)
		enter(relays, entry, session, &relay);
	else if (entry->used)
		drop(relays, entry, "draining");
	session_send_done(session, frame->request_id);
	send_revocations(session);
}

/* ---- tickets */

static int by_load(const void *a, const void *b)
{
	const struct rendezvous_relay *left = a, *right = b;

	return (left->load_permille > right->load_permille) -
	       (left->load_permille < right->load_permille);
}

/* Puts the least loaded first; returns how many a member gets. */
static size_t choose(const struct relays *relays, struct rendezvous_relay chosen[RELAYS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < RELAYS_MAX; i++)
		if (relays->entries[i].used)
			chosen[n++] = relays->entries[i].relay;
	qsort(chosen, n, sizeof(*chosen), by_load);
	return n < RENDEZVOUS_RELAYS_MAX ? n : RENDEZVOUS_RELAYS_MAX;
}

static void sign_tickets(const struct session *session, const struct store_party *party,
			 const struct rendezvous_member *member,
			 struct rendezvous_server_frame *frame)
{
	struct rendezvous_relay chosen[RELAYS_MAX];
	struct ticket ticket = {.number = member->number,
				.generation = party->generation,
				.expires_s = clock_wall_us() / CLOCK_SECOND + TICKET_LIFETIME_S};

	memcpy(ticket.member_key, member->wireguard_key, sizeof(ticket.member_key));
	ticket_scope(party->id, sizeof(party->id), ticket.scope);
	frame->tickets.n_relays = choose(session->server->relays, chosen);
	for (size_t i = 0; i < frame->tickets.n_relays; i++) {
		struct rendezvous_relay *relay = &frame->tickets.relays[i];

		*relay = chosen[i];
		memcpy(ticket.relay_key, relay->relay_key, sizeof(ticket.relay_key));
		ticket_sign(&ticket, session->server->signing.secret_key, relay->ticket);
		relay->ticket_length = TICKET_SIZE;
	}
}

void relays_get_tickets(struct session *session, const struct rendezvous_client_frame *frame)
{
	struct rendezvous_server_frame answer = {.request_id = frame->request_id,
						 .type = RENDEZVOUS_TICKETS};
	struct store *store = session->server->store;
	struct rendezvous_member member;
	struct store_party party;
	int result = store->operations->get_party(store, frame->party_id, &party);

	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	result = store->operations->get_member(store, frame->party_id, session->identity, &member);
	free(member.sealed.bytes);
	if (result == -ENOENT || (result == 0 && member.left))
		result = -EACCES;
	if (result < 0) {
		session_send_failure(session, frame->request_id, result);
		return;
	}
	memcpy(answer.tickets.party_id, party.id, sizeof(party.id));
	sign_tickets(session, &party, &member, &answer);
	session_send(session, &answer);
}
