/* binding.h - who is at the relay: one binding per WireGuard key, with its session and its address.
 *
 * The table is fixed at start. A binding is a number, its place in the table (never 0); it carries
 *   newcomer  a key nobody knows, since its handshake: goes after 10 s unless it shows a ticket;
 *             there are at most limit of them, and when one more comes the oldest goes
 *   member    a key with a ticket
 *
 * Invariants
 * - An address belongs to one binding at most, and only authenticated packets give it one:
 *   binding_heard() is called after nothing else.
 * - An address that another member holds is taken over only by whoever has proved that it receives
 *   there (the first packet under keys whose handshake response went to that very address). So a
 *   member that forges its source cannot push another one out.
 * - A receiver index of ours holds the binding's number in its low 16 bits, chance in the others;
 *   finding the session takes no table and cannot collide between bindings.
 */
#ifndef LANRAGE_NAT_RELAY_BINDING_H
#define LANRAGE_NAT_RELAY_BINDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/bucket.h"
#include "common/clock.h"
#include "svc-dataplane/session.h"
#include "svc-nat/relay/quota.h"

#define BINDING_NONE	    0u
#define BINDING_MAX	    65000u /* members and newcomers together */
#define BINDING_NEWCOMER_US (10 * CLOCK_SECOND)
#define BINDING_SILENCE_US  (180 * CLOCK_SECOND)

enum binding_state {
	BINDING_FREE = 0,
	BINDING_NEWCOMER,
	BINDING_MEMBER,
};

/* The cold half: touched by handshakes and by packets for the relay itself. */
struct binding_tunnel {
	struct session session;
	uint64_t replay[SESSION_REPLAY_WORDS(REPLAY_WINDOW_RELAY)];
	struct cookie_jar jar;
	struct addr response_to; /* where the last handshake response went */
};

struct binding {
	struct addr addr; /* none: not known */
	uint32_t id;
	enum binding_state state;
	uint64_t heard_us; /* last authenticated packet */
	uint64_t newcomer_until_us;
	struct quota quota;
	struct bucket initiations; /* forwarded for it */
	struct bucket searches;	   /* of a party for a mac1 */
	struct bucket unbound, tickets, probes;
	uint32_t last_match; /* who fitted its last untagged initiation */
	bool guest;	     /* its ticket was shown by another member: it cannot show it again */
	struct binding_tunnel *tunnel;

	uint32_t next_by_addr, next_by_key;
	uint32_t newer, older; /* newcomers by age; free ones: newer is the next free */
};

struct bindings;

/* Room for so many of each, together at most BINDING_MAX. identity is borrowed. */
int bindings_new(struct bindings **bindings, const struct noise_identity *identity,
		 uint32_t members, uint32_t newcomers);
void bindings_free(struct bindings *bindings);

/* Each returns NULL when there is none. */
struct binding *bindings_get(struct bindings *bindings, uint32_t id);
struct binding *bindings_by_key(struct bindings *bindings, const uint8_t key[NOISE_KEY_SIZE]);
struct binding *bindings_by_addr(struct bindings *bindings, const struct addr *addr);
/* The binding that an index of ours would belong to; its session says whether it is live. */
struct binding *bindings_by_index(struct bindings *bindings, uint32_t index);
/* Numbers run from 1 to this. */
uint32_t bindings_limit(const struct bindings *bindings);
uint32_t bindings_members(const struct bindings *bindings);
uint32_t bindings_newcomers(const struct bindings *bindings);
bool bindings_newcomers_exceeded(const struct bindings *bindings);
struct binding *bindings_oldest_newcomer(struct bindings *bindings);

/* A newcomer. One more than permitted may exist until the caller has dropped the oldest (it knows
 * first whether the handshake is worth that). -EINVAL for a bad key, -ENOBUFS. */
int bindings_add(struct bindings *bindings, uint64_t now_us, const uint8_t key[NOISE_KEY_SIZE],
		 struct binding **binding);
/* Ends sessions, forgets the address, frees the number. */
void bindings_drop(struct bindings *bindings, struct binding *binding);
/* newcomer -> member. -ENOBUFS when there are as many as may be. */
int binding_promote(struct bindings *bindings, struct binding *binding);
/* member -> newcomer: its last ticket ended. */
void binding_demote(struct bindings *bindings, struct binding *binding, uint64_t now_us);

/* An authenticated packet came from this address. proven: it shows that this binding receives
 * there. True when the binding's address is now another one. */
bool binding_heard(struct bindings *bindings, struct binding *binding, uint64_t now_us,
		   const struct addr *from, bool proven);
/* The address as it was before a restart; not taken when it has another holder. */
void binding_restore_addr(struct bindings *bindings, struct binding *binding,
			  const struct addr *addr);
/* A guest that went silent: keeps its ticket, loses address and keys. */
void binding_forget_addr(struct bindings *bindings, struct binding *binding);

/* A fresh receiver index for this binding. */
uint32_t binding_index(const struct binding *binding);
/* Whether one of its keypairs has this index. */
bool binding_owns_index(const struct binding *binding, uint32_t index);

#endif
