#include "svc-control/login.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

int login_prepare(struct login *login, uint64_t request_id, const char *server_address,
		  const uint8_t identity[RENDEZVOUS_KEY_SIZE],
		  const uint8_t server_nonce[RENDEZVOUS_NONCE_SIZE],
		  const uint8_t client_nonce[RENDEZVOUS_NONCE_SIZE])
{
	size_t length = strlen(server_address);
	struct rendezvous_client_frame *frame = &login->frame;

	if (length == 0 || length >= RENDEZVOUS_ADDRESS_MAX)
		return -EINVAL;
	memset(login, 0, sizeof(*login));
	frame->request_id = request_id;
	frame->type = RENDEZVOUS_LOGIN;
	frame->login.protocol = RENDEZVOUS_PROTOCOL;
	memcpy(frame->login.identity, identity, RENDEZVOUS_KEY_SIZE);
	memcpy(frame->login.server_address, server_address, length + 1);
	memcpy(frame->login.client_nonce, client_nonce, RENDEZVOUS_NONCE_SIZE);
	login->text_length =
		rendezvous_login_text(server_address, server_nonce, client_nonce, login->text);
	return 0;
}

void login_set_signature(struct login *login, const uint8_t signature[RENDEZVOUS_SIGNATURE_SIZE])
{
	memcpy(login->frame.login.signature, signature, RENDEZVOUS_SIGNATURE_SIZE);
}

void login_sign(struct login *login, const uint8_t secret_key[64])
{
	crypto_sign_detached(login->frame.login.signature, NULL, login->text, login->text_length,
			     secret_key);
}
