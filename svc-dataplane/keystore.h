/* keystore.h - what svc-dataplane keeps in STATE/dataplane/ so that it can be killed at any moment.
 *
 *   private.key   the WireGuard private key; made at the first start
 *   timestamp     TAI64N seconds up to which initiations may be stamped
 *   party, plan   the last desired state, as the encoded bodies it came in
 *   paths         where peers were last reached, as an encoded plan
 *
 * All are 0600, written whole or not at all, and carry a kind and a checksum. A file that is
 * damaged or of another kind is said so in the log and taken as missing, except the key: then
 * starting is refused, for a new key would be a new member whom nobody in the party knows.
 */
#ifndef LANRAGE_DATAPLANE_KEYSTORE_H
#define LANRAGE_DATAPLANE_KEYSTORE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-dataplane/codec.h"

enum keystore_body {
	KEYSTORE_PARTY,
	KEYSTORE_PLAN,
	KEYSTORE_PATHS,
	KEYSTORE_BODIES,
};

/* Written in the file's head. */
enum keystore_kind {
	KEYSTORE_FILE_KEY = 1,
	KEYSTORE_FILE_TIMESTAMP,
	KEYSTORE_FILE_PARTY,
	KEYSTORE_FILE_PLAN,
	KEYSTORE_FILE_PATHS,
};

struct keystore {
	char directory[PATH_MAX];
};

void keystore_init(struct keystore *keystore, const char *directory);

/* Reads the private key, or makes one where there is none. Negative errno with words. */
int keystore_private_key(const struct keystore *keystore, uint8_t key[DATAPLANE_KEY_SIZE],
			 struct error *error);

/* The stored mark, 0 when there is none. */
uint64_t keystore_reserved(const struct keystore *keystore);
int keystore_reserve(const struct keystore *keystore, uint64_t until_s);

int keystore_save(const struct keystore *keystore, enum keystore_body which, const uint8_t *body,
		  size_t length);
/* Allocates *body (free() it). -ENOENT when there is none or it was no good. */
int keystore_load(const struct keystore *keystore, enum keystore_body which, uint8_t **body,
		  size_t *length);
/* A file's bytes, whichever they are: *body is borrowed from them. Pure. -EBADMSG. */
int keystore_parse(enum keystore_kind kind, const uint8_t *bytes, size_t length,
		   const uint8_t **body, size_t *body_length);

#endif
