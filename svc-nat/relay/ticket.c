#include "svc-nat/relay/ticket.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define TICKET_VERSION	 1
#define TICKET_SIGNED	 112 /* the bytes the signature covers */
#define TICKET_CONTEXT	 "lanrage ticket 1"
#define TICKET_TEXT_SIZE (sizeof(TICKET_CONTEXT) - 1 + TICKET_SIGNED)

enum offset {
	VERSION = 0,
	FLAGS = 1,
	NUMBER = 2,
	GENERATION = 4,
	EXPIRES = 8,
	SCOPE = 16,
	RELAY_KEY = 32,
	MEMBER_KEY = 64,
	SIGNING_ID = 96,
	ZERO = 104,
	SIGNATURE = 112,
};

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	while (bytes-- > 0) {
		at[bytes] = (uint8_t)value;
		value >>= 8;
	}
}

static uint64_t get(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return value;
}

void ticket_scope(const uint8_t *party_id, size_t length, uint8_t scope[TICKET_SCOPE_SIZE])
{
	static const char context[] = "lanrage relay scope";
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, NULL, 0, TICKET_SCOPE_SIZE);
	crypto_generichash_update(&hash, (const uint8_t *)context, sizeof(context) - 1);
	crypto_generichash_update(&hash, party_id, length);
	crypto_generichash_final(&hash, scope, TICKET_SCOPE_SIZE);
}

static void signed_text(const uint8_t *bytes, uint8_t text[TICKET_TEXT_SIZE])
{
	memcpy(text, TICKET_CONTEXT, sizeof(TICKET_CONTEXT) - 1);
	memcpy(text + sizeof(TICKET_CONTEXT) - 1, bytes, TICKET_SIGNED);
}

void ticket_sign(const struct ticket *ticket, const uint8_t secret_key[64],
		 uint8_t bytes[TICKET_SIZE])
{
	uint8_t text[TICKET_TEXT_SIZE];

	memset(bytes, 0, TICKET_SIZE);
	bytes[VERSION] = TICKET_VERSION;
	put(bytes + NUMBER, ticket->number, 2);
	put(bytes + GENERATION, ticket->generation, 4);
	put(bytes + EXPIRES, ticket->expires_s, 8);
	memcpy(bytes + SCOPE, ticket->scope, TICKET_SCOPE_SIZE);
	memcpy(bytes + RELAY_KEY, ticket->relay_key, 32);
	memcpy(bytes + MEMBER_KEY, ticket->member_key, 32);
	/* libsodium's secret key ends with the public one */
	memcpy(bytes + SIGNING_ID, secret_key + 32, TICKET_SIGNING_ID_SIZE);
	signed_text(bytes, text);
	crypto_sign_detached(bytes + SIGNATURE, NULL, text, sizeof(text), secret_key);
}

int ticket_parse(struct ticket *ticket, const uint8_t *bytes, size_t length)
{
	if (length != TICKET_SIZE || bytes[VERSION] != TICKET_VERSION || bytes[FLAGS] != 0 ||
	    get(bytes + NUMBER, 2) == 0 || get(bytes + ZERO, 8) != 0)
		return -EBADMSG;
	ticket->number = (uint16_t)get(bytes + NUMBER, 2);
	ticket->generation = (uint32_t)get(bytes + GENERATION, 4);
	ticket->expires_s = get(bytes + EXPIRES, 8);
	memcpy(ticket->scope, bytes + SCOPE, TICKET_SCOPE_SIZE);
	memcpy(ticket->relay_key, bytes + RELAY_KEY, 32);
	memcpy(ticket->member_key, bytes + MEMBER_KEY, 32);
	memcpy(ticket->signing_id, bytes + SIGNING_ID, TICKET_SIGNING_ID_SIZE);
	return 0;
}

int ticket_verify(const uint8_t bytes[TICKET_SIZE], const uint8_t public_key[32])
{
	uint8_t text[TICKET_TEXT_SIZE];

	/* The id of the signing key must be the key that is checked, or a relay with several keys
	 * would file the ticket under the wrong one. */
	if (memcmp(bytes + SIGNING_ID, public_key, TICKET_SIGNING_ID_SIZE) != 0)
		return -EBADMSG;
	signed_text(bytes, text);
	if (crypto_sign_verify_detached(bytes + SIGNATURE, text, sizeof(text), public_key) != 0)
		return -EBADMSG;
	return 0;
}
