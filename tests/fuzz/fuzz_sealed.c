/* What members seal for each other, after the seal: a member that turned bad writes it. The first
 * byte chooses the kind. What unpacks must pack, and to something that unpacks again. */
#include <sodium.h>
#include <stdlib.h>

#include "svc-control/sealed_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static uint8_t packed[2 * ANNOUNCEMENT_SEALED_MAX];

static void try_secret(const uint8_t *bytes, size_t length)
{
	struct invite_secret value, again;
	ssize_t n;

	if (sealed_secret_unpack(&value, bytes, length) < 0)
		return;
	n = sealed_secret_pack(&value, packed, sizeof(packed));
	if (n < 0 || sealed_secret_unpack(&again, packed, (size_t)n) < 0)
		abort();
}

static void try_announcement(const uint8_t *bytes, size_t length)
{
	struct announcement value, again;
	ssize_t n;

	if (sealed_announcement_unpack(&value, bytes, length) < 0)
		return;
	n = sealed_announcement_pack(&value, packed, sizeof(packed));
	if (n < 0 || sealed_announcement_unpack(&again, packed, (size_t)n) < 0)
		abort();
}

static void try_signed(const uint8_t *bytes, size_t length)
{
	uint8_t payload[1024], signature[64];
	size_t n;

	if (sealed_signed_unpack(payload, sizeof(payload), &n, signature, bytes, length) == 0 &&
	    sealed_signed_pack(payload, n, signature, packed, sizeof(packed)) < 0)
		abort();
}

static void try_proof(const uint8_t *bytes, size_t length)
{
	struct invite_proof value, again;
	ssize_t n;

	if (sealed_proof_unpack(&value, bytes, length) < 0)
		return;
	n = sealed_proof_pack(&value, packed, sizeof(packed));
	if (n < 0 || sealed_proof_unpack(&again, packed, (size_t)n) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0 || length > ANNOUNCEMENT_SEALED_MAX || sodium_init() < 0)
		return 0;
	switch (bytes[0] % 4) {
	case 0: try_secret(bytes + 1, length - 1); break;
	case 1: try_announcement(bytes + 1, length - 1); break;
	case 2: try_signed(bytes + 1, length - 1); break;
	default: try_proof(bytes + 1, length - 1); break;
	}
	return 0;
}
