/* Handshake messages from the underlay: checked in the order of what each check costs, so that a
 * stranger makes us do as little as possible (whitepaper 5.3). */
#include <string.h>

#include "svc-dataplane/engine_private.h"

/* Who sends from an address that is known to be a peer's or a relay's needs no cookie, up to a
 * rate: others can write that address, too. (To us all members behind a relay have one address, and
 * the relay limits each of them.) What nobody has proven counts for all of them together: a made-up
 * address must not use up what its owner may ask for. */
static bool admit(struct engine *engine, uint64_t now_us, const struct addr *from,
		  const uint8_t *bytes, size_t length)
{
	struct context *context = &engine->context;
	enum cookie_verdict verdict =
		cookie_check(&context->checker, now_us, bytes, length, from, sizeof(*from));
	struct message_cookie reply;

	if (verdict == COOKIE_REFUSED)
		return false;
	if (context_good_is(context, from) &&
	    sources_take(context->sources, now_us, from, CONTEXT_SOURCE_KNOWN))
		return true;
	if (verdict == COOKIE_MAC2)
		return sources_take(context->sources, now_us, from, CONTEXT_SOURCE_PROVEN) &&
		       bucket_take(&context->handshakes_proven, CONTEXT_HANDSHAKES_PROVEN, now_us);
	if (bucket_take(&context->handshakes, CONTEXT_HANDSHAKES, now_us))
		return true;
	cookie_reply_create(&context->checker, now_us, bytes, length, from, sizeof(*from), NULL,
			    &reply);
	context_send(context, from, 0, (const uint8_t *)&reply, sizeof(reply));
	return false;
}

static void receive_initiation(struct engine *engine, uint64_t now_us, const struct addr *from,
			       const struct message_initiation *message)
{
	struct context *context = &engine->context;
	struct noise_initiation opened;
	struct peer *peer;

	if (!admit(engine, now_us, from, (const uint8_t *)message, sizeof(*message)) ||
	    mac1_seen_insert(&context->seen, now_us, message->macs.mac1))
		return;
	if (noise_initiation_open(&opened, &context->identity, message) == 0) {
		peer = peertable_find(&engine->peers, opened.public_key);
		if (peer)
			peer_initiation(peer, now_us, from, &opened, message);
	}
	noise_wipe(&opened, sizeof(opened));
}

/* The index is a secret shared with whom we wrote to, so it is looked up before the load counts. */
static void receive_response(struct engine *engine, uint64_t now_us, const struct addr *from,
			     const struct message_response *message)
{
	struct tunnel *tunnel =
		index_find(&engine->context.indices, message_le32(message->receiver));

	if (!tunnel || !mac1_check(&engine->context.checker.keys, message, sizeof(*message)))
		return;
	if (tunnel->kind == TUNNEL_PEER)
		peer_response((struct peer *)tunnel, now_us, from, message);
	else
		relaylink_response((struct relaylink *)tunnel, now_us, from, message);
}

static void receive_cookie(struct engine *engine, uint64_t now_us, const struct addr *from,
			   const struct message_cookie *message)
{
	struct tunnel *tunnel =
		index_find(&engine->context.indices, message_le32(message->receiver));

	if (tunnel && tunnel->kind == TUNNEL_PEER)
		peer_cookie((struct peer *)tunnel, now_us, from, message);
	else if (tunnel)
		relaylink_cookie((struct relaylink *)tunnel, now_us, from, message);
}

void handshake_receive(struct engine *engine, uint64_t now_us, const struct addr *from,
		       const uint8_t *bytes, enum message_type type)
{
	struct message_initiation initiation;
	struct message_response response;
	struct message_cookie cookie;

	switch (type) {
	case MESSAGE_INITIATION:
		memcpy(&initiation, bytes, sizeof(initiation));
		receive_initiation(engine, now_us, from, &initiation);
		break;
	case MESSAGE_RESPONSE:
		memcpy(&response, bytes, sizeof(response));
		receive_response(engine, now_us, from, &response);
		break;
	case MESSAGE_COOKIE:
		memcpy(&cookie, bytes, sizeof(cookie));
		receive_cookie(engine, now_us, from, &cookie);
		break;
	default: break;
	}
}
