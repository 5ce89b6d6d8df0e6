/* statefile.h - what a relay keeps in its state directory.
 *
 *     lock           held while the relay runs
 *     wireguard.key  its private key as a WireGuard peer, 32 bytes; made at first start
 *     identity.key   the Ed25519 seed it logs in with, 32 bytes; made at first start
 *     ticket.key     the public key of the server whose tickets it accepts, pinned at first contact
 *     bindings       who was bound where (forward.h): no keys but public ones
 *
 * Every file is written whole or not at all, readable by its owner only.
 */
#ifndef LANRAGE_NAT_RELAY_STATEFILE_H
#define LANRAGE_NAT_RELAY_STATEFILE_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "svc-nat/relay/forward.h"

#define STATEFILE_KEY_SIZE 32

struct statefile {
	char directory[PATH_MAX];
	int lock_fd;
};

/* Makes the directory if it is missing, and takes the lock. Errors have words. */
int statefile_open(struct statefile *state, const char *directory, struct error *error);
void statefile_close(struct statefile *state);

int statefile_wireguard_key(const struct statefile *state, uint8_t key[STATEFILE_KEY_SIZE],
			    struct error *error);
int statefile_identity(const struct statefile *state, uint8_t seed[STATEFILE_KEY_SIZE],
		       struct error *error);
/* -ENOENT without words: no server met yet. Else with words: a damaged one is not taken for none,
 * or whoever comes next would be trusted. */
int statefile_ticket_key(const struct statefile *state, uint8_t key[STATEFILE_KEY_SIZE],
			 struct error *error);
int statefile_pin_ticket_key(const struct statefile *state, const uint8_t key[STATEFILE_KEY_SIZE]);

int statefile_save_bindings(const struct statefile *state, uint64_t wall_s,
			    const struct forward_saved *saved);
/* *age_s: how long ago it was saved. -ENOENT, -ESTALE when that is 180 s or more or lies ahead,
 * -EBADMSG. */
int statefile_load_bindings(const struct statefile *state, uint64_t wall_s,
			    struct forward_saved *saved, uint64_t *age_s);

/* The bindings file as bytes. encode: malloc'd, returns the length or -ENOMEM. */
ptrdiff_t statefile_encode(const struct forward_saved *saved, uint64_t wall_s, uint8_t **bytes);
int statefile_decode(struct forward_saved *saved, uint64_t *saved_s, const uint8_t *bytes,
		     size_t length);

#endif
