#include "svc-nat/relay/responder.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct responder {
	struct noise_identity identity;
	struct cookie_checker checker;
	struct mac1_seen seen;
	struct bucket handshakes;
	struct bindings *bindings;
};

int responder_new(struct responder **out, const uint8_t private_key[NOISE_KEY_SIZE],
		  uint32_t members, uint32_t newcomers)
{
	struct responder *responder = calloc(1, sizeof(*responder));
	int error;

	if (!responder)
		return -ENOMEM;
	error = noise_identity_init(&responder->identity, private_key);
	if (!error)
		error = bindings_new(&responder->bindings, &responder->identity, members,
				     newcomers);
	if (error) {
		responder_free(responder);
		return error;
	}
	cookie_checker_init(&responder->checker, responder->identity.public_key);
	*out = responder;
	return 0;
}

void responder_free(struct responder *responder)
{
	if (!responder)
		return;
	bindings_free(responder->bindings);
	sodium_memzero(responder, sizeof(*responder));
	free(responder);
}

const uint8_t *responder_public_key(const struct responder *responder)
{
	return responder->identity.public_key;
}

struct bindings *responder_bindings(struct responder *responder)
{
	return responder->bindings;
}

/* --- handshakes --- */

/* Whether a handshake may cost a Diffie-Hellman; if not, result says what happens instead. */
static bool handshake_admitted(struct responder *responder, struct sources *sources,
			       uint64_t now_us, const struct addr *from,
			       const struct message_initiation *message,
			       struct responder_reply *reply, enum responder_result *result)
{
	enum cookie_verdict verdict = cookie_check(&responder->checker, now_us, message,
						   sizeof(*message), from, sizeof(*from));

	*result = RESPONDER_NOT_OURS;
	if (verdict == COOKIE_REFUSED)
		return false;
	*result = RESPONDER_DROPPED;
	if (!sources_take(sources, now_us, from, SOURCE_HANDSHAKE))
		return false;
	/* Whoever proved its address is held back by its source's rate alone. */
	if (!bucket_take(&responder->handshakes, RESPONDER_HANDSHAKES, now_us) &&
	    verdict != COOKIE_MAC2) {
		cookie_reply_create(&responder->checker, now_us, message, sizeof(*message), from,
				    sizeof(*from), NULL, &reply->cookie);
		reply->length = sizeof(reply->cookie);
		*result = RESPONDER_REPLY;
		return false;
	}
	return !mac1_seen_insert(&responder->seen, now_us, message->macs.mac1);
}

static bool handshake_answer(struct binding *binding, uint64_t now_us, const struct addr *from,
			     struct noise_initiation *opened,
			     const struct message_initiation *message,
			     struct responder_reply *reply)
{
	struct binding_tunnel *tunnel = binding->tunnel;
	struct session_events events;

	if (session_accept_initiation(&tunnel->session, now_us, opened, message,
				      binding_index(binding), &reply->response, &events) != 0)
		return false;
	tunnel->response_to = *from;
	cookie_jar_stamp(&tunnel->jar, now_us, &reply->response, sizeof(reply->response));
	reply->length = sizeof(reply->response);
	return true;
}

/* A key that is not in the table: it gets a place once its handshake has proved to be its own. */
static bool handshake_answer_unknown(struct responder *responder, uint64_t now_us,
				     const struct addr *from, struct noise_initiation *opened,
				     const struct message_initiation *message,
				     struct responder_reply *reply)
{
	struct bindings *bindings = responder->bindings;
	struct binding *binding;

	if (bindings_add(bindings, now_us, opened->public_key, &binding) != 0)
		return false;
	if (!handshake_answer(binding, now_us, from, opened, message, reply)) {
		bindings_drop(bindings, binding);
		return false;
	}
	if (bindings_newcomers_exceeded(bindings))
		bindings_drop(bindings, bindings_oldest_newcomer(bindings));
	return true;
}

static enum responder_result receive_initiation(struct responder *responder,
						struct sources *sources, uint64_t now_us,
						const struct addr *from,
						const struct message_initiation *message,
						struct responder_reply *reply)
{
	struct noise_initiation opened;
	struct binding *binding;
	enum responder_result result;
	bool answered = false;

	if (!handshake_admitted(responder, sources, now_us, from, message, reply, &result))
		return result;
	if (noise_initiation_open(&opened, &responder->identity, message) == 0) {
		binding = bindings_by_key(responder->bindings, opened.public_key);
		answered =
			binding ? handshake_answer(binding, now_us, from, &opened, message, reply)
				: handshake_answer_unknown(responder, now_us, from, &opened,
							   message, reply);
	}
	noise_wipe(&opened, sizeof(opened));
	return answered ? RESPONDER_REPLY : RESPONDER_DROPPED;
}

/* The member is under load and wants our responses to prove where we are. */
static enum responder_result receive_cookie(struct responder *responder, uint64_t now_us,
					    const struct message_cookie *message)
{
	struct binding *binding =
		bindings_by_index(responder->bindings, message_le32(message->receiver));

	if (!binding || !binding_owns_index(binding, message_le32(message->receiver)))
		return RESPONDER_NOT_OURS;
	cookie_jar_accept(&binding->tunnel->jar, now_us, &binding->tunnel->session.remote_macs,
			  message);
	return RESPONDER_DROPPED;
}

/* --- data --- */

static enum responder_result receive_data(struct responder *responder, uint64_t now_us,
					  const struct addr *from, uint8_t *message, size_t length,
					  struct responder_packet *packet)
{
	uint32_t index = message_le32(((const struct message_data *)message)->receiver);
	struct binding *binding = bindings_by_index(responder->bindings, index);
	struct session_opened opened;
	struct session_events events;
	bool proven;

	if (!binding || !binding_owns_index(binding, index))
		return RESPONDER_NOT_OURS;
	if (session_open(&binding->tunnel->session, now_us, message, length, &opened, &events) != 0)
		return RESPONDER_DROPPED;
	proven = opened.first && addr_equal(from, &binding->tunnel->response_to);
	*packet = (struct responder_packet){
		.binding = binding,
		.bytes = opened.packet,
		.length = opened.length,
		.moved = binding_heard(responder->bindings, binding, now_us, from, proven),
	};
	return RESPONDER_PACKET;
}

enum responder_result responder_receive(struct responder *responder, struct sources *sources,
					uint64_t now_us, const struct addr *from, uint8_t *message,
					size_t length, struct responder_reply *reply,
					struct responder_packet *packet)
{
	switch (message_type(message, length)) {
	case MESSAGE_INITIATION:
		return receive_initiation(responder, sources, now_us, from, (const void *)message,
					  reply);
	case MESSAGE_COOKIE: return receive_cookie(responder, now_us, (const void *)message);
	case MESSAGE_DATA: return receive_data(responder, now_us, from, message, length, packet);
	case MESSAGE_RESPONSE: /* we never ask */
	case MESSAGE_NONE: break;
	}
	return RESPONDER_NOT_OURS;
}

size_t responder_seal(struct binding *binding, uint64_t now_us, const uint8_t *packet,
		      size_t length, uint8_t message[RESPONDER_MESSAGE_MAX])
{
	struct session_events events;
	ptrdiff_t sealed;

	if (length > RESPONDER_PACKET_MAX)
		return 0;
	if (length > 0)
		memcpy(message + MESSAGE_DATA_HEADROOM, packet, length);
	sealed = session_seal(&binding->tunnel->session, now_us, message, length,
			      RESPONDER_PACKET_MAX + MESSAGE_PADDING, &events);
	return sealed > 0 ? (size_t)sealed : 0;
}

bool responder_poll(struct binding *binding, uint64_t now_us)
{
	struct session *session = &binding->tunnel->session;
	struct session_events events;

	if (session_deadline(session) > now_us)
		return false;
	/* It may also want to initiate; members do that. */
	session_poll(session, now_us, &events);
	return (events.flags & SESSION_KEEPALIVE) != 0;
}
