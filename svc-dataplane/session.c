#include "svc-dataplane/session.h"

#include "svc-dataplane/aead.h"
#include "svc-dataplane/tai64n.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

static void events_clear(struct session_events *events)
{
	events->flags = 0;
	events->retired_count = 0;
}

static void retire(struct session_events *events, uint32_t index)
{
	events->retired[events->retired_count++] = index;
}

/* --- keypairs --- */

/* Empties one of the roles. */
static void keypair_drop(struct session_keypair **role, struct session_events *events)
{
	struct session_keypair *keypair = *role;

	if (!keypair)
		return;
	retire(events, keypair->local_index);
	noise_wipe(&keypair->keys, sizeof(keypair->keys));
	keypair->live = false;
	*role = NULL;
}

static void next_drop(struct session *session, struct session_events *events)
{
	keypair_drop(&session->next, events);
	session->held_us = 0;
}

/* Takes a free slot; the caller has left one free and gives it a role. */
static struct session_keypair *keypair_new(struct session *session, uint64_t now_us,
					   const struct noise_keys *keys, uint32_t local_index,
					   uint32_t remote_index, bool initiator)
{
	struct session_keypair *keypair = session->keypairs;

	while (keypair->live)
		keypair++;
	keypair->keys = *keys;
	keypair->send_counter = 0;
	keypair->born_us = now_us;
	keypair->local_index = local_index;
	keypair->remote_index = remote_index;
	keypair->live = true;
	keypair->initiator = initiator;
	keypair->received_us = 0;
	keypair->renewal_asked = false;
	replay_reset(&keypair->replay);
	return keypair;
}

/* Its place in keypairs, or -1. */
static int keypair_find(const struct session *session, uint32_t local_index)
{
	for (int i = 0; i < SESSION_KEYPAIRS; i++)
		if (session->keypairs[i].live && session->keypairs[i].local_index == local_index)
			return i;
	return -1;
}

/* Section 6.2: refused once REJECT_AFTER_TIME old. */
static bool keypair_in_time(const struct session_keypair *keypair, uint64_t now_us)
{
	return now_us - keypair->born_us < REJECT_AFTER_TIME_US;
}

static bool keypair_can_send(const struct session_keypair *keypair, uint64_t now_us, uint32_t count)
{
	return keypair && keypair_in_time(keypair, now_us) &&
	       keypair->send_counter <= REJECT_AFTER_MESSAGES - count;
}

static void pending_drop(struct session *session, struct session_events *events)
{
	if (!session->pending)
		return;
	retire(events, session->pending_index);
	noise_wipe(&session->initiator, sizeof(session->initiator));
	session->pending = false;
}

static void drop_all(struct session *session, struct session_events *events)
{
	pending_drop(session, events);
	keypair_drop(&session->current, events);
	keypair_drop(&session->previous, events);
	next_drop(session, events);
}

/* current moves to previous and makes room. */
static void current_step_down(struct session *session, struct session_events *events)
{
	keypair_drop(&session->previous, events);
	session->previous = session->current;
	session->current = NULL;
}

/* Before a new keypair is made: one that was held back is either what the peer uses by now, and
 * becomes current, or is of no more use. */
static void next_settle(struct session *session, struct session_events *events)
{
	struct session_keypair *next = session->next;

	if (!session->held_us)
		return;
	if (next->received_us > session->current->received_us) {
		current_step_down(session, events);
		session->current = next;
		session->next = NULL;
	}
	next_drop(session, events);
}

static void handshake_done(struct session *session, uint64_t now_us, struct session_events *events)
{
	timers_handshake_done(&session->timers);
	session->ready_us = now_us;
	events->flags |= SESSION_READY;
}

/* --- life --- */

int session_init(struct session *session, const struct noise_identity *identity,
		 const uint8_t public_key[NOISE_KEY_SIZE], const uint8_t *preshared_key,
		 uint64_t *replay_words, size_t replay_word_count, uint64_t seed)
{
	size_t each = replay_word_count / SESSION_KEYPAIRS;
	int result;

	memset(session, 0, sizeof(*session));
	result = noise_remote_init(&session->remote, identity, public_key, preshared_key);
	if (result != 0)
		return result;
	session->identity = identity;
	mac_keys_init(&session->remote_macs, public_key);
	timers_init(&session->timers, seed);
	for (size_t i = 0; i < SESSION_KEYPAIRS; i++)
		replay_init(&session->keypairs[i].replay, replay_words + i * each, each);
	return 0;
}

void session_reset(struct session *session, struct session_events *events)
{
	events_clear(events);
	drop_all(session, events);
	timers_stop(&session->timers);
}

void session_deinit(struct session *session, struct session_events *events)
{
	session_reset(session, events);
	noise_wipe(session, sizeof(*session));
}

/* --- our initiations --- */

static void want(struct session *session, uint64_t now_us, struct session_events *events)
{
	if (timers_handshake_want(&session->timers, now_us))
		events->flags |= SESSION_INITIATE;
}

void session_want(struct session *session, uint64_t now_us, struct session_events *events)
{
	events_clear(events);
	want(session, now_us, events);
}

void session_set_preshared_key(struct session *session, uint64_t now_us,
			       const uint8_t *preshared_key, struct session_events *events)
{
	static const uint8_t none[NOISE_KEY_SIZE];
	bool in_use = session->pending || session->current || session->next;

	events_clear(events);
	if (!preshared_key)
		preshared_key = none;
	if (sodium_memcmp(session->remote.preshared_key, preshared_key, NOISE_KEY_SIZE) == 0)
		return;
	memcpy(session->remote.preshared_key, preshared_key, NOISE_KEY_SIZE);
	/* A response to it would be made with either key, and be refused with the other. */
	pending_drop(session, events);
	timers_handshake_done(&session->timers);
	if (in_use)
		want(session, now_us, events);
}

void session_set_persistent_keepalive(struct session *session, uint64_t now_us,
				      uint64_t interval_us)
{
	timers_set_persistent(&session->timers, now_us, interval_us);
}

int session_initiate(struct session *session, uint64_t now_us, uint32_t local_index,
		     const uint8_t timestamp[NOISE_TIMESTAMP_SIZE],
		     struct message_initiation *message, struct session_events *events)
{
	const struct timers *timers = &session->timers;
	int result;

	events_clear(events);
	if (timers->initiation_us && now_us - timers->initiation_us < TIMERS_INITIATION_GAP_US)
		return -EAGAIN;
	pending_drop(session, events);
	result = noise_initiation_create(&session->initiator, message, session->identity,
					 &session->remote, local_index, timestamp, NULL);
	if (result != 0)
		return result;
	mac1_write(&session->remote_macs, message, sizeof(*message));
	session->initiation = *message;
	session->pending = true;
	session->pending_index = local_index;
	timers_initiation_sent(&session->timers, now_us);
	return 0;
}

const struct message_initiation *session_initiation(const struct session *session)
{
	return session->pending ? &session->initiation : NULL;
}

/* Makes room for the keypair of our own handshake, as current. */
static void make_way_for_own(struct session *session, uint64_t now_us,
			     struct session_events *events)
{
	next_settle(session, events);
	current_step_down(session, events);
	if (session->next)
		session->held_us = now_us;
}

int session_accept_response(struct session *session, uint64_t now_us,
			    const struct message_response *message, struct session_events *events)
{
	struct noise_keys keys;
	int result;

	events_clear(events);
	if (!session->pending || message_le32(message->receiver) != session->pending_index)
		return -ENOENT;
	result = noise_response_open(&session->initiator, message, &keys, session->identity,
				     &session->remote);
	if (result != 0)
		return result;
	make_way_for_own(session, now_us, events);
	session->current = keypair_new(session, now_us, &keys, session->pending_index,
				       message_le32(message->sender), true);
	session->pending = false;
	noise_wipe(&session->initiator, sizeof(session->initiator));
	noise_wipe(&keys, sizeof(keys));

	timers_received(&session->timers, now_us, false);
	timers_keys_derived(&session->timers, now_us);
	handshake_done(session, now_us, events);
	events->flags |= SESSION_KEEPALIVE;
	return 0;
}

/* --- theirs --- */

/* Proves who sent it and that it is new. */
static int check_initiation(const struct session *session, uint64_t now_us,
			    struct noise_initiation *opened,
			    const struct message_initiation *message)
{
	if (memcmp(opened->public_key, session->remote.public_key, NOISE_KEY_SIZE) != 0)
		return -EBADMSG;
	if (session->initiation_seen &&
	    now_us - session->initiation_us < INITIATION_INTERVAL_MIN_US)
		return -EBUSY;
	if (noise_initiation_verify(opened, &session->remote, message) != 0)
		return -EBADMSG;
	if (session->initiation_seen && tai64n_compare(opened->timestamp, session->timestamp) <= 0)
		return -ESTALE;
	return 0;
}

int session_accept_initiation(struct session *session, uint64_t now_us,
			      struct noise_initiation *opened,
			      const struct message_initiation *message, uint32_t local_index,
			      struct message_response *response, struct session_events *events)
{
	struct noise_keys keys;
	int result;

	events_clear(events);
	result = check_initiation(session, now_us, opened, message);
	if (result != 0)
		return result;
	result =
		noise_response_create(opened, response, &keys, &session->remote, local_index, NULL);
	if (result != 0)
		return result;
	mac1_write(&session->remote_macs, response, sizeof(*response));

	memcpy(session->timestamp, opened->timestamp, sizeof(session->timestamp));
	session->initiation_us = now_us;
	session->initiation_seen = true;
	next_settle(session, events);
	next_drop(session, events);
	session->next = keypair_new(session, now_us, &keys, local_index, opened->sender, false);
	/* On a path that reorders, their half of a crossing may come in after our own completed. */
	if (session->current && session->current->initiator &&
	    now_us - session->current->born_us < SESSION_REORDER_US)
		session->held_us = now_us;
	noise_wipe(&keys, sizeof(keys));

	timers_received(&session->timers, now_us, false);
	timers_sent(&session->timers, now_us, false);
	timers_keys_derived(&session->timers, now_us);
	return 0;
}

/* --- sending --- */

bool session_can_send(const struct session *session, uint64_t now_us)
{
	return keypair_can_send(session->current, now_us, 1);
}

/* Section 6.2: only the initiator renews by time, so that the two ends do not collide. */
static bool renewal_due_on_send(const struct session_keypair *keypair, uint64_t now_us)
{
	return keypair->send_counter >= REKEY_AFTER_MESSAGES ||
	       (keypair->initiator && now_us - keypair->born_us >= REKEY_AFTER_TIME_US);
}

int session_seal_begin(struct session *session, uint64_t now_us, uint32_t count, bool data,
		       struct session_grant *grant, struct session_events *events)
{
	struct session_keypair *keypair = session->current;

	events_clear(events);
	if (!keypair_can_send(keypair, now_us, count)) {
		want(session, now_us, events);
		return -ENOKEY;
	}
	memcpy(grant->key, keypair->keys.send, sizeof(grant->key));
	grant->counter = keypair->send_counter;
	grant->remote_index = keypair->remote_index;
	grant->count = count;
	keypair->send_counter += count;
	timers_sent(&session->timers, now_us, data);
	if (renewal_due_on_send(keypair, now_us))
		want(session, now_us, events);
	return 0;
}

/* Section 5.4.6, but never beyond the limit: a full packet padded would not fit the path. */
static size_t padded_length(size_t length, size_t limit)
{
	size_t padded = (length + MESSAGE_PADDING - 1) / MESSAGE_PADDING * MESSAGE_PADDING;

	if (padded > limit)
		padded = limit;
	return padded > length ? padded : length;
}

size_t session_seal_packet(const struct session_grant *grant, uint32_t n, uint8_t *message,
			   uint8_t *packet, size_t length, size_t pad_limit)
{
	struct message_data *header = (void *)message;
	uint8_t *text = message + MESSAGE_DATA_HEADROOM;
	size_t padded = padded_length(length, pad_limit);
	uint8_t behind[MESSAGE_PADDING];

	header->header = (struct message_header){.type = MESSAGE_DATA};
	message_le32_set(header->receiver, grant->remote_index);
	message_le64_set(header->counter, grant->counter + n);
	memcpy(behind, packet + length, padded - length);
	memset(packet + length, 0, padded - length);
	aead_seal_packet(grant->key, grant->counter + n, text, packet, padded);
	if (packet != text)
		memcpy(packet + length, behind, padded - length);
	return padded + MESSAGE_DATA_OVERHEAD;
}

ptrdiff_t session_seal(struct session *session, uint64_t now_us, uint8_t *message, size_t length,
		       size_t pad_limit, struct session_events *events)
{
	struct session_grant grant;
	int result = session_seal_begin(session, now_us, 1, length > 0, &grant, events);
	size_t sealed;

	if (result != 0)
		return result;
	sealed = session_seal_packet(&grant, 0, message, message + MESSAGE_DATA_HEADROOM, length,
				     pad_limit);
	noise_wipe(&grant, sizeof(grant));
	return (ptrdiff_t)sealed;
}

/* --- receiving --- */

int session_open_begin(const struct session *session, uint64_t now_us, const uint8_t *message,
		       size_t length, struct session_claim *claim)
{
	const struct message_data *header = (const void *)message;
	const struct session_keypair *keypair;
	int found;

	if (message_type(message, length) != MESSAGE_DATA)
		return -EBADMSG;
	claim->local_index = message_le32(header->receiver);
	claim->counter = message_le64(header->counter);
	found = keypair_find(session, claim->local_index);
	if (found < 0)
		return -ENOENT;
	keypair = &session->keypairs[found];
	if (!keypair_in_time(keypair, now_us) || claim->counter >= REJECT_AFTER_MESSAGES)
		return -ESTALE;
	if (!replay_check(&keypair->replay, claim->counter))
		return -EALREADY;
	memcpy(claim->key, keypair->keys.receive, sizeof(claim->key));
	return 0;
}

ptrdiff_t session_open_packet(const struct session_claim *claim, uint8_t *message, size_t length)
{
	if (length < MESSAGE_DATA_MIN)
		return -EBADMSG;
	if (aead_open_packet(claim->key, claim->counter, message + MESSAGE_DATA_HEADROOM,
			     length - MESSAGE_DATA_HEADROOM) != 0)
		return -EBADMSG;
	return (ptrdiff_t)(length - MESSAGE_DATA_OVERHEAD);
}

/* Whether next, rather than current, is what both ends settle on: by any rule that both compute
 * alike. */
static bool next_is_preferred(const struct session *session)
{
	bool own_key_lower = memcmp(session->identity->public_key, session->remote.public_key,
				    NOISE_KEY_SIZE) < 0;

	return session->next->initiator == own_key_lower;
}

/* An authenticated packet came under next. */
static void next_in_use(struct session *session, uint64_t now_us, struct session_events *events)
{
	struct session_keypair *next = session->next;

	if (!session->held_us) {
		current_step_down(session, events);
		session->current = next;
		session->next = NULL;
		/* With a fresh key in use there is nothing left to ask for. */
		pending_drop(session, events);
		handshake_done(session, now_us, events);
		return;
	}
	if (!next_is_preferred(session) && now_us - session->held_us < SESSION_HOLD_US)
		return;
	session->next = session->current;
	session->current = next;
	session->held_us = now_us;
	events->flags |= SESSION_READY;
}

/* Section 6.2: the initiator that only receives renews in time for its answers. */
static void renew_on_receive(struct session *session, uint64_t now_us,
			     struct session_events *events)
{
	struct session_keypair *current = session->current;

	if (!current || !current->initiator || current->renewal_asked ||
	    now_us - current->born_us < REKEY_ON_RECEIVE_US)
		return;
	current->renewal_asked = true;
	want(session, now_us, events);
}

int session_open_commit(struct session *session, uint64_t now_us, const struct session_claim *claim,
			size_t length, struct session_opened *opened, struct session_events *events)
{
	int found = keypair_find(session, claim->local_index);
	struct session_keypair *keypair;

	events_clear(events);
	if (found < 0)
		return -ENOENT;
	keypair = &session->keypairs[found];
	if (!replay_accept(&keypair->replay, claim->counter))
		return -EALREADY;
	opened->length = length;
	opened->counter = claim->counter;
	opened->local_index = claim->local_index;
	opened->keepalive = length == 0;
	opened->first = !keypair->initiator && !keypair->received_us;
	keypair->received_us = now_us;

	timers_received(&session->timers, now_us, length > 0);
	if (keypair == session->next)
		next_in_use(session, now_us, events);
	renew_on_receive(session, now_us, events);
	return 0;
}

int session_open(struct session *session, uint64_t now_us, uint8_t *message, size_t length,
		 struct session_opened *opened, struct session_events *events)
{
	struct session_claim claim;
	ptrdiff_t packet_length;
	int result;

	events_clear(events);
	result = session_open_begin(session, now_us, message, length, &claim);
	if (result != 0)
		return result;
	packet_length = session_open_packet(&claim, message, length);
	noise_wipe(claim.key, sizeof(claim.key));
	if (packet_length < 0)
		return (int)packet_length;
	opened->packet = message + MESSAGE_DATA_HEADROOM;
	return session_open_commit(session, now_us, &claim, (size_t)packet_length, opened, events);
}

/* --- time --- */

uint64_t session_deadline(const struct session *session)
{
	return timers_deadline(&session->timers);
}

void session_poll(struct session *session, uint64_t now_us, struct session_events *events)
{
	unsigned actions = timers_poll(&session->timers, now_us);

	events_clear(events);
	if (actions & TIMERS_GIVE_UP) {
		pending_drop(session, events);
		events->flags |= SESSION_FAILED;
	}
	if (actions & TIMERS_WIPE) {
		drop_all(session, events);
		events->flags |= SESSION_WIPED;
	}
	if (actions & TIMERS_INITIATE)
		events->flags |= SESSION_INITIATE;
	if (actions & TIMERS_KEEPALIVE) {
		if (session_can_send(session, now_us))
			events->flags |= SESSION_KEEPALIVE;
		else
			want(session, now_us, events);
	}
}
