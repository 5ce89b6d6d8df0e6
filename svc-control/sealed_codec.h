/* sealed_codec.h - the plaintexts that members seal for each other, to and from bytes.
 *
 * The only file besides codec.c and rendezvous_codec.c that sees generated types. Unpacking checks
 * every size and range; what the fields mean is in announcement.h and invite.h. pack returns the
 * length or -EMSGSIZE; unpack returns 0 or -EBADMSG and leaves no memory behind.
 */
#ifndef LANRAGE_CONTROL_SEALED_CODEC_H
#define LANRAGE_CONTROL_SEALED_CODEC_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "svc-control/announcement.h"
#include "svc-control/invite.h"

ssize_t sealed_secret_pack(const struct invite_secret *secret, uint8_t *bytes, size_t size);
int sealed_secret_unpack(struct invite_secret *secret, const uint8_t *bytes, size_t length);

ssize_t sealed_announcement_pack(const struct announcement *announcement, uint8_t *bytes,
				 size_t size);
int sealed_announcement_unpack(struct announcement *announcement, const uint8_t *bytes,
			       size_t length);

/* For the store: a proof on its own. */
#define SEALED_PROOF_MAX 256
ssize_t sealed_proof_pack(const struct invite_proof *proof, uint8_t *bytes, size_t size);
int sealed_proof_unpack(struct invite_proof *proof, const uint8_t *bytes, size_t length);

/* payload and its signature. */
ssize_t sealed_signed_pack(const uint8_t *payload, size_t payload_length,
			   const uint8_t signature[64], uint8_t *bytes, size_t size);
/* Copies the payload out; on failure *payload_length is 0. */
int sealed_signed_unpack(uint8_t *payload, size_t size, size_t *payload_length,
			 uint8_t signature[64], const uint8_t *bytes, size_t length);

#endif
