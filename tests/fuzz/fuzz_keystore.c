/* The data plane's files: the first byte is the kind asked for, the rest the file. As it is, and
 * with a head that fits, so that a stored party or plan is read too. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/keystore.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define HEAD_SIZE     32 /* magic, kind, length, checksum */
#define CHECKSUM_SIZE 16

static void read_file(enum keystore_kind kind, const uint8_t *bytes, size_t length)
{
	static struct dataplane_party party;
	static struct dataplane_plan plan;
	const uint8_t *body;
	size_t n;

	if (keystore_parse(kind, bytes, length, &body, &n) < 0)
		return;
	if (n != length - HEAD_SIZE)
		abort();
	if (kind == KEYSTORE_FILE_PARTY && dataplane_party_decode(&party, body, n) == 0)
		dataplane_party_clear(&party);
	else if (kind >= KEYSTORE_FILE_PLAN && dataplane_plan_decode(&plan, body, n) == 0)
		dataplane_plan_clear(&plan);
}

/* keystore.c draws the layout. */
static void make_head(uint8_t *file, uint32_t kind, size_t length)
{
	uint32_t body_length = (uint32_t)(length - HEAD_SIZE);
	crypto_generichash_state state;

	memcpy(file, "lanrage", 8);
	memcpy(file + 8, &kind, sizeof(kind));
	memcpy(file + 12, &body_length, sizeof(body_length));
	crypto_generichash_init(&state, NULL, 0, CHECKSUM_SIZE);
	crypto_generichash_update(&state, file + 8, 8);
	crypto_generichash_update(&state, file + HEAD_SIZE, body_length);
	crypto_generichash_final(&state, file + 16, CHECKSUM_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	enum keystore_kind kind;
	uint8_t *copy;

	if (length == 0)
		return 0;
	kind = (enum keystore_kind)(1 + bytes[0] % KEYSTORE_FILE_PATHS);
	bytes++;
	length--;
	read_file(kind, bytes, length);
	if (length < HEAD_SIZE)
		return 0;
	copy = malloc(length);
	memcpy(copy, bytes, length);
	make_head(copy, kind, length);
	read_file(kind, copy, length);
	free(copy);
	return 0;
}
