/* Tickets: what has the right shape but was not signed by the key never passes. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "svc-nat/relay/ticket.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const uint8_t seed[32] = {7};
	static uint8_t public_key[32], secret_key[64];
	uint8_t again[TICKET_SIZE];
	struct ticket ticket;

	if (public_key[0] == 0 && public_key[1] == 0) {
		if (sodium_init() < 0)
			abort();
		crypto_sign_seed_keypair(public_key, secret_key, seed);
	}
	if (ticket_parse(&ticket, bytes, length) < 0)
		return 0;
	ticket_sign(&ticket, secret_key, again);
	if (ticket_verify(again, public_key) < 0)
		abort();
	/* only the bytes that this key would have signed itself may verify */
	if (ticket_verify(bytes, public_key) == 0 && memcmp(bytes, again, TICKET_SIZE) != 0)
		abort();
	return 0;
}
