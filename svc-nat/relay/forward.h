/* forward.h - the relay as a pure machine: datagrams, their sources and the time in, datagrams out.
 *
 * Parts: responder.h (the relay's own WireGuard end) over binding.h (who is here, at which
 * address), route.h (parties, slots, numbers), stock.h (packets without a tag), quota.h (how much).
 *
 * What becomes of a datagram:
 *
 *     not WireGuard                     answered if it is a STUN request, else dropped
 *     tag, source bound                 (binding, slot) -> party, number -> member: zeros into the
 *                                       tag, and out. Nobody there: FRAME_UNBOUND to the sender
 *     tag, source not bound             dropped
 *     no tag, for the relay itself      handshake, keepalive, frames (svc-dataplane/frame.h)
 *     no tag, source bound              by mac1 or receiver index to a member of the same party
 *     no tag, source not bound          dropped
 *
 * Invariants
 * - A forwarded datagram has the length and the bytes it came with, but for the tag, now zeros.
 * - It goes only from a member to a member of a party both hold a ticket for.
 * - Nothing unauthenticated makes a member, moves an address or is answered by more bytes than it
 *   has (STUN answers are bounded by a rate per source instead).
 * - Memory is fixed at forward_new(); nothing is allocated while packets flow.
 * - One thread at a time. ops are called from inside forward_receive() and forward_poll().
 */
#ifndef LANRAGE_NAT_RELAY_FORWARD_H
#define LANRAGE_NAT_RELAY_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-nat/relay/quota.h"
#include "svc-nat/relay/revocation.h"
#include "svc-nat/relay/route.h"

#define FORWARD_KEY_SIZE 32

struct forward;

struct forward_ops {
	/* Sends one datagram. bytes lie in what was given to forward_receive() and stay valid as
	 * long as that, or are the machine's own and must be copied before returning. */
	void (*send)(void *data, const struct addr *to, const uint8_t *bytes, size_t length);
	/* Likewise from another port of the same address, where STUN asks for that. NULL: there is
	 * none. */
	void (*send_other)(void *data, const struct addr *to, const uint8_t *bytes, size_t length);
	/* Seconds since 1970, for tickets. */
	uint64_t (*wall_s)(void *data);
	void *data;
};

struct forward_limits {
	uint32_t members;
	uint32_t newcomers;
	struct quota_limit member; /* of what one member sends */
};

#define FORWARD_MEMBERS	  4096
#define FORWARD_NEWCOMERS 1024
#define FORWARD_MBIT	  100
#define FORWARD_PACKETS	  20000

/* Counted since start. */
struct forward_stats {
	uint64_t forwarded, forwarded_bytes;
	uint64_t unbound;    /* tagged for nobody */
	uint64_t over_quota; /* of members */
	uint64_t unroutable; /* without a tag, for nobody we know */
	uint64_t strangers;  /* from addresses that are not bound */
	uint64_t handshakes, stun;
	uint64_t tickets, tickets_refused;
	uint64_t changes; /* to what forward_save() saves */
	uint32_t members, newcomers;
};

/* -EINVAL for a bad key or limits, -ENOMEM. */
int forward_new(struct forward **forward, const struct forward_ops *ops,
		const uint8_t private_key[FORWARD_KEY_SIZE], const struct forward_limits *limits);
void forward_free(struct forward *forward);
void forward_public_key(const struct forward *forward, uint8_t key[FORWARD_KEY_SIZE]);
/* Tickets signed by this key are good. Until it is called none is. */
void forward_trust(struct forward *forward, const uint8_t key[FORWARD_KEY_SIZE]);

/* This member's tickets of earlier generations are no longer good: what it has by one ends now. */
void forward_revoke(struct forward *forward, uint64_t now_us, const struct revocation *revocation);

/* bytes are changed. */
void forward_receive(struct forward *forward, uint64_t now_us, const struct addr *from,
		     uint8_t *bytes, size_t length);
/* Timers and expiry; returns when it wants to be called next. */
uint64_t forward_poll(struct forward *forward, uint64_t now_us);
/* Whether a member or a newcomer is bound at this address. */
bool forward_is_bound(const struct forward *forward, const struct addr *address);
void forward_stats(const struct forward *forward, struct forward_stats *stats);

/* What outlives a restart: who was bound where, in which parties, and what was learned about
 * packets without a tag. No keys but the members' public ones. */
struct forward_saved_member {
	uint8_t key[FORWARD_KEY_SIZE];
	struct addr addr;
	bool guest;
	uint8_t n_slots;
	struct route_slot slots[ROUTE_SLOTS];
};
struct forward_saved_route {
	uint32_t from, to; /* places in members */
	uint32_t receiver;
	uint32_t left_s;
};
struct forward_saved {
	struct forward_saved_member *members;
	size_t n_members;
	struct forward_saved_route *routes;
	size_t n_routes;
};
/* Fills *saved; -ENOMEM. Free with forward_saved_clear(). */
int forward_save(const struct forward *forward, uint64_t now_us, struct forward_saved *saved);
void forward_saved_clear(struct forward_saved *saved);
/* Into a fresh machine: members are bound where they were heard age_us ago, until they are heard
 * again (which makes the address theirs anew) or have been silent for 180 s in all. Tickets that
 * have ended, and what does not fit, are left out. */
void forward_restore(struct forward *forward, uint64_t now_us, uint64_t age_us,
		     const struct forward_saved *saved);

#endif
