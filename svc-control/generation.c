#include "svc-control/generation.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

_Static_assert(RENDEZVOUS_SHARE_SIZE == KEYHOLDER_BOX_SIZE &&
		       KEYHOLDER_OPEN_SIZE == 32 + GENERATION_VOUCHER_SIZE &&
		       KEYHOLDER_BOX_SIZE == KEYHOLDER_OPEN_SIZE + crypto_box_SEALBYTES,
	       "a share is a sealed key and voucher");

#define VOUCHER_TEXT_SIZE (17 + CONTROL_PARTY_ID_SIZE + 4 + 32)
static void voucher_text(const uint8_t *party_id, uint32_t number, const uint8_t identity[32],
			 uint8_t text[VOUCHER_TEXT_SIZE])
{
	uint8_t *at = text + 17 + CONTROL_PARTY_ID_SIZE;

	memcpy(text, "lanrage voucher 1", 17);
	memcpy(text + 17, party_id, CONTROL_PARTY_ID_SIZE);
	for (size_t i = 0; i < 4; i++)
		at[i] = (uint8_t)(number >> (24 - 8 * i));
	memcpy(at + 4, identity, 32);
}

static void key_id(const uint8_t key[32], uint8_t id[32])
{
	static const uint8_t use[] = "lanrage key id";

	crypto_generichash(id, 32, use, sizeof(use) - 1, key, 32);
}

int generation_make(struct rendezvous_generation *record, uint8_t key[32],
		    const struct announcement_trust *trust, const uint8_t *removed,
		    const uint8_t host[32], const struct keyholder *keyholder)
{
	uint8_t text[RENDEZVOUS_GENERATION_TEXT_SIZE];

	memset(record, 0, sizeof(*record));
	record->number = trust->generation + 1;
	if (removed)
		memcpy(record->removed, removed, 32);
	memcpy(record->host, host, 32);
	randombytes_buf(key, 32);
	key_id(key, record->key_id);
	rendezvous_generation_text(trust->party_id, record, text);
	return keyholder_sign(keyholder, text, sizeof(text), record->signature);
}

int generation_check(const struct rendezvous_generation *record,
		     const struct announcement_trust *trust)
{
	uint8_t text[RENDEZVOUS_GENERATION_TEXT_SIZE];

	if (record->number <= trust->generation)
		return -EALREADY;
	if (record->number != trust->generation + 1)
		return -ENOENT;
	rendezvous_generation_text(trust->party_id, record, text);
	if (crypto_sign_verify_detached(record->signature, text, sizeof(text), trust->host) != 0)
		return -EKEYREJECTED;
	return 0;
}

bool generation_removes(const struct rendezvous_generation *record, const uint8_t identity[32])
{
	return memcmp(record->removed, identity, 32) == 0;
}

bool generation_key_fits(const uint8_t key[32], const uint8_t id[32])
{
	uint8_t expected[32];

	key_id(key, expected);
	return sodium_memcmp(expected, id, 32) == 0;
}

int generation_vouch(uint8_t voucher[GENERATION_VOUCHER_SIZE],
		     const uint8_t party_id[CONTROL_PARTY_ID_SIZE], uint32_t number,
		     const uint8_t identity[32], const struct keyholder *keyholder)
{
	uint8_t text[VOUCHER_TEXT_SIZE];

	voucher_text(party_id, number, identity, text);
	return keyholder_sign(keyholder, text, sizeof(text), voucher);
}

bool generation_voucher_holds(const uint8_t voucher[GENERATION_VOUCHER_SIZE],
			      const struct announcement_trust *trust, const uint8_t identity[32])
{
	uint8_t text[VOUCHER_TEXT_SIZE];

	voucher_text(trust->party_id, trust->generation, identity, text);
	return crypto_sign_verify_detached(voucher, text, sizeof(text), trust->signer) == 0;
}

int generation_seal_share(uint8_t box[RENDEZVOUS_SHARE_SIZE], const uint8_t key[32],
			  const uint8_t voucher[GENERATION_VOUCHER_SIZE],
			  const uint8_t identity[32])
{
	uint8_t plain[KEYHOLDER_OPEN_SIZE], box_public[32];
	int r;

	if (crypto_sign_ed25519_pk_to_curve25519(box_public, identity) != 0)
		return -EKEYREJECTED;
	memcpy(plain, key, 32);
	memcpy(plain + 32, voucher, GENERATION_VOUCHER_SIZE);
	r = crypto_box_seal(box, plain, sizeof(plain), box_public);
	sodium_memzero(plain, sizeof(plain));
	return r == 0 ? 0 : -EKEYREJECTED;
}

int generation_open_share(uint8_t key[32], uint8_t voucher[GENERATION_VOUCHER_SIZE],
			  const uint8_t box[RENDEZVOUS_SHARE_SIZE],
			  const struct keyholder *keyholder)
{
	uint8_t plain[KEYHOLDER_OPEN_SIZE];
	int r = keyholder_open(keyholder, box, plain);

	if (r == 0) {
		memcpy(key, plain, 32);
		memcpy(voucher, plain + 32, GENERATION_VOUCHER_SIZE);
	}
	sodium_memzero(plain, sizeof(plain));
	return r;
}
