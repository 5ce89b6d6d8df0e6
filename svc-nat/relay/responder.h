/* responder.h - the relay's own end of its members' WireGuard responder (svc-dataplane/session.h).
 *
 * The relay only answers: it never initiates. Handshakes are met in order of cost: mac1, the
 * source's rate, a cookie under load, the memory of copies, then Diffie-Hellman. Whoever completes
 * one gets a binding; what may be done with it is forward.c's affair.
 *
 * A binding's address moves when a packet under its keys was authenticated, never because of a
 * handshake message alone: an initiation can be a copy.
 */
#ifndef LANRAGE_NAT_RELAY_RESPONDER_H
#define LANRAGE_NAT_RELAY_RESPONDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/messages.h"
#include "svc-nat/relay/binding.h"
#include "svc-nat/relay/quota.h"

/* More new handshakes than this and cookies are asked for. One costs about 0.2 ms. */
#define RESPONDER_HANDSHAKES BUCKET_PER_SECOND(250, 500)
#define RESPONDER_PACKET_MAX 128 /* plaintext that the relay itself sends */

enum responder_result {
	RESPONDER_NOT_OURS, /* not for the relay: bytes are as they were */
	RESPONDER_DROPPED,
	RESPONDER_REPLY,  /* send reply to where the message came from */
	RESPONDER_PACKET, /* an authenticated packet for the relay */
};

struct responder_reply {
	size_t length;
	union {
		struct message_response response;
		struct message_cookie cookie;
	};
};

struct responder_packet {
	struct binding *binding;
	const uint8_t *bytes; /* inside the message */
	size_t length;	      /* 0: a keepalive */
	bool moved;	      /* the binding's address is now another one */
};

struct responder;
int responder_new(struct responder **responder, const uint8_t private_key[NOISE_KEY_SIZE],
		  uint32_t members, uint32_t newcomers);
void responder_free(struct responder *responder);
const uint8_t *responder_public_key(const struct responder *responder);
struct bindings *responder_bindings(struct responder *responder);

/* A message without a tag, of any type. reply is filled on RESPONDER_REPLY, packet on
 * RESPONDER_PACKET; data are decrypted in place. */
enum responder_result responder_receive(struct responder *responder, struct sources *sources,
					uint64_t now_us, const struct addr *from, uint8_t *message,
					size_t length, struct responder_reply *reply,
					struct responder_packet *packet);

/* Seals a packet (0 bytes: a keepalive) for a binding. Returns the message's length, 0 when there
 * are no keys. */
#define RESPONDER_MESSAGE_MAX (MESSAGE_DATA_OVERHEAD + RESPONDER_PACKET_MAX + MESSAGE_PADDING)
size_t responder_seal(struct binding *binding, uint64_t now_us, const uint8_t *packet,
		      size_t length, uint8_t message[RESPONDER_MESSAGE_MAX]);
/* Runs the session's timers; true when a keepalive is to be sent. */
bool responder_poll(struct binding *binding, uint64_t now_us);

#endif
