/* login.h - the client's half of the rendezvous handshake: the server's Challenge in, Login out.
 *
 * Pure. The signer may be another process (svc-control's key holder), so the text to be signed is
 * handed out first and the signature put in afterwards. login_sign() does both at once for whoever
 * holds its key itself (the relay, tests).
 */
#ifndef LANRAGE_CONTROL_LOGIN_H
#define LANRAGE_CONTROL_LOGIN_H

#include <stddef.h>
#include <stdint.h>

#include "svc-control/rendezvous_codec.h"

struct login {
	struct rendezvous_client_frame frame;	 /* RENDEZVOUS_LOGIN; its signature comes last */
	uint8_t text[RENDEZVOUS_LOGIN_TEXT_MAX]; /* to be signed by the identity */
	size_t text_length;
};

/* server_address: websocket_url.authority. client_nonce: fresh and random. The frame gets
 * request_id. -EINVAL: the address is empty or too long. */
int login_prepare(struct login *login, uint64_t request_id, const char *server_address,
		  const uint8_t identity[RENDEZVOUS_KEY_SIZE],
		  const uint8_t server_nonce[RENDEZVOUS_NONCE_SIZE],
		  const uint8_t client_nonce[RENDEZVOUS_NONCE_SIZE]);
void login_set_signature(struct login *login, const uint8_t signature[RENDEZVOUS_SIGNATURE_SIZE]);
/* secret_key: Ed25519, libsodium form; its public half must be the identity. */
void login_sign(struct login *login, const uint8_t secret_key[64]);

#endif
