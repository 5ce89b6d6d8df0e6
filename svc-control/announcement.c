#include "svc-control/announcement.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "svc-control/generation.h"
#include "svc-control/sealed_codec.h"

#define NONCE_SIZE crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_SIZE   crypto_aead_xchacha20poly1305_ietf_ABYTES
/* Names and candidates of different lengths look alike from outside. */
#define PADDING	  256
#define PLAIN_MAX (ANNOUNCEMENT_SAID_MAX + 1)

_Static_assert(PLAIN_MAX % PADDING == 0 &&
		       PLAIN_MAX + NONCE_SIZE + TAG_SIZE <= ANNOUNCEMENT_SEALED_MAX,
	       "the longest said fits, padded, what a server takes");

static const char context[] = "lanrage announcement 1";
#define CONTEXT_LENGTH (sizeof(context) - 1)

#define AD_SIZE (16 + CONTROL_PARTY_ID_SIZE + 4)
static void announcement_ad(const struct announcement_trust *trust, uint8_t ad[AD_SIZE])
{
	memcpy(ad, "lanrage sealed 1", 16);
	memcpy(ad + 16, trust->party_id, CONTROL_PARTY_ID_SIZE);
	for (size_t i = 0; i < 4; i++)
		ad[16 + CONTROL_PARTY_ID_SIZE + i] = (uint8_t)(trust->generation >> (24 - 8 * i));
}

static void announcement_key(const struct announcement_trust *trust, uint8_t key[32])
{
	static const uint8_t use[] = "lanrage announcement key";

	crypto_generichash(key, 32, use, sizeof(use) - 1, trust->party_key,
			   sizeof(trust->party_key));
}

ssize_t announcement_say(const struct announcement *announcement, const struct keyholder *keyholder,
			 uint8_t said[ANNOUNCEMENT_SAID_MAX])
{
	uint8_t text[CONTEXT_LENGTH + ANNOUNCEMENT_SAID_MAX];
	uint8_t signature[64];
	ssize_t n;
	int r;

	memcpy(text, context, CONTEXT_LENGTH);
	n = sealed_announcement_pack(announcement, text + CONTEXT_LENGTH, ANNOUNCEMENT_SAID_MAX);
	if (n < 0)
		return n;
	r = keyholder_sign(keyholder, text, CONTEXT_LENGTH + (size_t)n, signature);
	if (r < 0)
		return r;
	return sealed_signed_pack(text + CONTEXT_LENGTH, (size_t)n, signature, said,
				  ANNOUNCEMENT_SAID_MAX);
}

size_t announcement_seal(const struct announcement_trust *trust, const uint8_t *said, size_t length,
			 uint8_t sealed[ANNOUNCEMENT_SEALED_MAX])
{
	uint8_t plain[PLAIN_MAX], key[32], ad[AD_SIZE];
	unsigned long long sealed_length;
	size_t padded;

	memcpy(plain, said, length);
	sodium_pad(&padded, plain, length, PADDING, sizeof(plain));
	announcement_key(trust, key);
	announcement_ad(trust, ad);
	randombytes_buf(sealed, NONCE_SIZE);
	crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + NONCE_SIZE, &sealed_length, plain,
						   padded, ad, sizeof(ad), NULL, sealed, key);
	sodium_memzero(key, sizeof(key));
	return NONCE_SIZE + (size_t)sealed_length;
}

int announcement_unseal(const struct announcement_trust *trust, const uint8_t *sealed,
			size_t length, uint8_t said[ANNOUNCEMENT_SAID_MAX], size_t *said_length)
{
	uint8_t plain[PLAIN_MAX], key[32], ad[AD_SIZE];
	unsigned long long n;
	int r;

	if (!trust->has_key)
		return -ENOKEY;
	if (length < NONCE_SIZE + TAG_SIZE || length > PLAIN_MAX + NONCE_SIZE + TAG_SIZE)
		return -EBADMSG;
	announcement_key(trust, key);
	announcement_ad(trust, ad);
	r = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &n, NULL, sealed + NONCE_SIZE,
						       length - NONCE_SIZE, ad, sizeof(ad), sealed,
						       key);
	sodium_memzero(key, sizeof(key));
	if (r != 0 || sodium_unpad(said_length, plain, (size_t)n, PADDING) != 0)
		return -EBADMSG;
	memcpy(said, plain, *said_length);
	return 0;
}

/* The signature, and that all of it is well-formed. */
static enum announcement_verdict announcement_read(struct announcement *announcement,
						   const uint8_t *said, size_t length)
{
	uint8_t text[CONTEXT_LENGTH + ANNOUNCEMENT_SAID_MAX];
	uint8_t signature[64];
	size_t n;

	memcpy(text, context, CONTEXT_LENGTH);
	if (length > ANNOUNCEMENT_SAID_MAX ||
	    sealed_signed_unpack(text + CONTEXT_LENGTH, ANNOUNCEMENT_SAID_MAX, &n, signature, said,
				 length) < 0 ||
	    sealed_announcement_unpack(announcement, text + CONTEXT_LENGTH, n) < 0)
		return ANNOUNCEMENT_MALFORMED;
	if (crypto_sign_verify_detached(signature, text, CONTEXT_LENGTH + n,
					announcement->identity) != 0)
		return ANNOUNCEMENT_BAD_SIGNATURE;
	return ANNOUNCEMENT_GOOD;
}

/* The chain to the host. */
static enum announcement_verdict announcement_belongs(const struct announcement *announcement,
						      const struct announcement_trust *trust,
						      uint64_t now_s, bool known)
{
	if (memcmp(announcement->identity, trust->host, 32) == 0)
		return ANNOUNCEMENT_GOOD;
	if (announcement->has_voucher)
		return generation_voucher_holds(announcement->voucher, trust,
						announcement->identity)
			       ? ANNOUNCEMENT_GOOD
			       : ANNOUNCEMENT_NOT_INVITED;
	if (!announcement->has_proof ||
	    invite_check(&announcement->proof, trust->party_id, trust->generation, trust->host,
			 announcement->identity, announcement->wireguard_key) < 0)
		return ANNOUNCEMENT_NOT_INVITED;
	if (!known && announcement->proof.expires_s <= now_s)
		return ANNOUNCEMENT_INVITE_EXPIRED;
	return ANNOUNCEMENT_GOOD;
}

enum announcement_verdict announcement_judge(struct announcement *announcement,
					     const struct announcement_trust *trust, uint64_t now_s,
					     const uint8_t *said, size_t length,
					     announcement_history history, void *data)
{
	enum announcement_verdict verdict = announcement_read(announcement, said, length);
	uint64_t last = 0;
	bool known;

	if (verdict != ANNOUNCEMENT_GOOD)
		return verdict;
	if (memcmp(announcement->party_id, trust->party_id, sizeof(trust->party_id)) != 0 ||
	    announcement->generation != trust->generation)
		return ANNOUNCEMENT_WRONG_PARTY;
	if (announcement->expires_s <= now_s)
		return ANNOUNCEMENT_EXPIRED;
	known = history(data, announcement->identity, &last);
	verdict = announcement_belongs(announcement, trust, now_s, known);
	if (verdict == ANNOUNCEMENT_GOOD && announcement->sequence <= last)
		return ANNOUNCEMENT_OLD;
	return verdict;
}

enum announcement_verdict announcement_recall(struct announcement *announcement,
					      const struct announcement_trust *trust,
					      uint64_t now_s, const uint8_t *said, size_t length)
{
	enum announcement_verdict verdict = announcement_read(announcement, said, length);

	if (verdict != ANNOUNCEMENT_GOOD)
		return verdict;
	if (memcmp(announcement->party_id, trust->party_id, sizeof(trust->party_id)) != 0 ||
	    announcement->generation > trust->generation)
		return ANNOUNCEMENT_WRONG_PARTY;
	return announcement->expires_s <= now_s ? ANNOUNCEMENT_EXPIRED : ANNOUNCEMENT_GOOD;
}

const char *announcement_verdict_text(enum announcement_verdict verdict)
{
	static const char *const texts[ANNOUNCEMENT_VERDICTS] = {
		[ANNOUNCEMENT_GOOD] = "good",
		[ANNOUNCEMENT_NOT_OURS] = "not sealed with this party's key",
		[ANNOUNCEMENT_MALFORMED] = "malformed",
		[ANNOUNCEMENT_BAD_SIGNATURE] = "not signed by the identity it names",
		[ANNOUNCEMENT_WRONG_PARTY] = "for another party or another generation",
		[ANNOUNCEMENT_EXPIRED] = "expired",
		[ANNOUNCEMENT_NOT_INVITED] = "its sender was never invited by the host",
		[ANNOUNCEMENT_INVITE_EXPIRED] = "its invite had expired before it first came",
		[ANNOUNCEMENT_OLD] = "not newer than the last one",
	};

	return verdict < ANNOUNCEMENT_VERDICTS ? texts[verdict] : "unknown verdict";
}
