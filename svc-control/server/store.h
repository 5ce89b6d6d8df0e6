/* store.h - what the server must not forget: parties, members with their leases, invites.
 *
 * An interface with one backend today (store_sqlite.h) and one in mind that several servers share
 * (NATS JetStream KV). So each function is one whole change as the protocol knows it, atomic and
 * durable when it returns; there are no transactions to hold open and no cursors to keep.
 *
 * Every change of a party gets the next number of that party, from the store; the member it touched
 * carries that number. Each change touches exactly one member, so "what is new since N" is the
 * members with larger numbers, in order. Being online is part of it, although it ends with the
 * process: opening the store marks everybody offline, as changes.
 *
 * Functions return 0 or a negative errno: -ENOENT no such party, member or invite; -EEXIST; -ENOSPC
 * the party has no address or number left; -EINVAL a record that does not follow; -EDQUOT the
 * identity is in too many parties, or the
 * party has too many invites; -EIO, with words in the log, when the backend failed (a full disk).
 */
#ifndef LANRAGE_SERVER_STORE_H
#define LANRAGE_SERVER_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "svc-control/rendezvous_codec.h"

#define STORE_MEMBERSHIPS_MAX 16	   /* parties an identity is in */
#define STORE_INVITES_MAX     64	   /* of a party, that have not expired */
#define STORE_PARTY_IDLE_S    (30 * 86400) /* a party that everybody left is kept so long */

struct server_party;

struct store_party {
	uint8_t id[RENDEZVOUS_PARTY_ID_SIZE];
	uint8_t host[RENDEZVOUS_KEY_SIZE];
	struct addr_prefix prefix;
	uint32_t generation;
	uint64_t change; /* the latest */
};

struct store_invite {
	uint8_t lookup_id[RENDEZVOUS_LOOKUP_SIZE];
	uint8_t party_id[RENDEZVOUS_PARTY_ID_SIZE];
	uint8_t invite_key[RENDEZVOUS_KEY_SIZE];
	struct rendezvous_bytes sealed; /* owned by whoever got it */
	uint64_t expires_s;
	uint32_t uses; /* 0: any number */
};

/* Which part of a party's members to read: those with a change above `after`, but of those that
 * left only the ones whose change is above `left_after`. */
struct store_range {
	uint64_t after;
	uint64_t left_after;
};

struct store;
struct store_operations {
	void (*close)(struct store *store);

	int (*get_party)(struct store *store, const uint8_t *party_id, struct store_party *party);
	/* member->sealed is the caller's to free. Also one that left. */
	int (*get_member)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			  struct rendezvous_member *member);
	/* In the order of their changes, at most `room`; their sealed is the caller's to free. */
	int (*get_members)(struct store *store, const uint8_t *party_id,
			   const struct store_range *range, struct rendezvous_member *members,
			   size_t room, size_t *n);
	/* Parties the identity is in and has not left. ids has room for STORE_MEMBERSHIPS_MAX. */
	int (*get_memberships)(struct store *store, const uint8_t *identity,
			       uint8_t (*ids)[RENDEZVOUS_PARTY_ID_SIZE], size_t *n);

	/* The host becomes member and lease 1, online. The same again by the same host brings it
	 * back; -EEXIST when the party is another host's or has another prefix. party->change is
	 * ignored. */
	int (*create_party)(struct store *store, const struct store_party *party,
			    const uint8_t *wireguard_key, uint64_t now_s);
	/* The identity comes (back) online, with this key. invite_key NULL: it must be a member
	 * that has not left (-EACCES). Else the invite must be good (-ENOENT) and one use of it is
	 * spent, unless the identity is a member by this very invite. */
	int (*join)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		    const uint8_t *wireguard_key, const uint8_t *invite_key, uint64_t now_s);
	int (*leave)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
		     uint64_t now_s);
	int (*announce)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			const struct rendezvous_bytes *sealed);
	/* 1: changed; 0: it was so already. */
	int (*set_online)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			  bool online);

	/* The same lookup id again replaces the party's own invite; -EEXIST for another party's. */
	int (*put_invite)(struct store *store, const struct store_invite *invite, uint64_t now_s);
	/* Good ones only: -ENOENT for one that expired or is used up. */
	int (*get_invite)(struct store *store, const uint8_t *lookup_id, uint64_t now_s,
			  struct store_invite *invite);
	int (*revoke_invite)(struct store *store, const uint8_t *party_id,
			     const uint8_t *lookup_id);
	/* Keeps the shares of a generation, the current one or the next, for members by number. */
	int (*put_shares)(struct store *store, const uint8_t *party_id, uint32_t generation,
			  const struct rendezvous_share *shares, size_t n);
	/* Begins the generation of a record whose signature holds: the host is the record's, who is
	 * removed has left, invites and older shares are gone, the removed member's tickets are
	 * revoked. 1: begun; 0: it is the current one already; -EINVAL: not the next one; -EEXIST:
	 * another record has this number. */
	int (*renew)(struct store *store, const uint8_t *party_id,
		     const struct rendezvous_generation *record, uint64_t now_s);
	/* Those with a number above `after`, in order, at most `room`. */
	int (*get_records)(struct store *store, const uint8_t *party_id, uint32_t after,
			   struct rendezvous_generation *records, size_t room, size_t *n);
	/* -ENOENT: there is none for this member. */
	int (*get_share)(struct store *store, const uint8_t *party_id, uint32_t generation,
			 uint16_t number, uint8_t box[RENDEZVOUS_SHARE_SIZE]);
	/* Those still in force, from the offset-th on. */
	int (*get_revocations)(struct store *store, uint64_t now_s, size_t offset,
			       struct rendezvous_revocation *revocations, size_t room, size_t *n);
	/* Another address and lease for a member; its number stays. */
	int (*move_lease)(struct store *store, const uint8_t *party_id, const uint8_t *identity,
			  uint64_t now_s);
	/* A whole party from elsewhere, with its leases; 0 also when it is known already. -EINVAL:
	 * leases that contradict each other. */
	int (*adopt)(struct store *store, const struct server_party *party);
	/* Forgets expired invites and parties that everybody left long ago. */
	int (*sweep)(struct store *store, uint64_t now_s);
};

/* A backend's own struct begins with this one. */
struct store {
	const struct store_operations *operations;
};

#endif
