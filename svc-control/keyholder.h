/* keyholder.h - the machine's Ed25519 identity, held by a process that never sees the network.
 *
 * keyholder_start() reads (or, at the very first start, makes) the seed in STATE/control/identity
 * and forks, before any thread or connection exists; the parent then wipes the seed, and the child
 * closes everything but its socketpair, where it answers: what is the public key; sign this text;
 * open this box. It signs only texts that begin with one of the contexts named here, so whoever
 * takes over the parent cannot have a text of its own signed under a foreign meaning; and it opens
 * only boxes of the one size that a party's new key travels in (generation.h). The child ends when
 * the parent does.
 *
 *   request   u8 type (1 public key, 2 sign, 3 open), u16 length (host order), text or box
 *   answer    u8 status (0, 1 refused), 32 bytes of key, 64 of signature, or 96 of the box
 */
#ifndef LANRAGE_CONTROL_KEYHOLDER_H
#define LANRAGE_CONTROL_KEYHOLDER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

#define KEYHOLDER_TEXT_MAX  8192
#define KEYHOLDER_BOX_SIZE  144 /* crypto_box_seal to the identity as a Curve25519 key */
#define KEYHOLDER_OPEN_SIZE 96

struct keyholder {
	int fd;
	pid_t pid;
	uint8_t identity[32];
};

/* path: the seed's file; it is made, 0600, where there is none and `may_create` says that nothing
 * else of this machine's state exists yet. A file of the wrong size is refused with words, never
 * replaced: another identity would be another member. */
int keyholder_start(struct keyholder *keyholder, const char *path, int may_create,
		    struct error *error);
void keyholder_stop(struct keyholder *keyholder);
/* Blocks for the moment it takes (tens of microseconds). -EPERM: not a text it signs; -EPIPE: the
 * key holder is gone, end the service (keyholder.fd becomes readable then, and only then). */
int keyholder_sign(const struct keyholder *keyholder, const uint8_t *text, size_t length,
		   uint8_t signature[64]);
/* Likewise. -EPERM: sealed to somebody else, or damaged. */
int keyholder_open(const struct keyholder *keyholder, const uint8_t box[KEYHOLDER_BOX_SIZE],
		   uint8_t plain[KEYHOLDER_OPEN_SIZE]);

#endif
