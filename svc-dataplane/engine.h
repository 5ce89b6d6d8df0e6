/* engine.h - the tunnel as a pure machine: packets and the time in, packets and events out.
 *
 * An engine is one WireGuard interface: peers (peer.h), their sessions (session.h), their paths
 * (path.h), the relays it is bound to. It opens no socket and reads no clock; a program feeds it
 * and carries out what it asks through struct engine_ops. So tests run many engines against each
 * other over a made-up network with time moved by hand.
 *
 * Invariants
 * - A peer's packets go along its one active path; short ones, when doubled, along two.
 * - A pause (a stopped process, a suspended machine) is not held against any path.
 * - Nothing but an authenticated packet changes a path's state, a peer's state or an address.
 * - No allocation while packets flow; tables change only in engine_set_*.
 * - Inner packets are IPv4 or IPv6 with source inside the peer's allowed IPs, or frames (frame.h).
 * - Every call is on one thread. Callbacks are made from inside the calls and must not call back.
 * - The reserved bytes of a header carry slot and number only on the way to a relay.
 */
#ifndef LANRAGE_DATAPLANE_ENGINE_H
#define LANRAGE_DATAPLANE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "svc-dataplane/codec.h"
#include "svc-dataplane/split.h"

/* Room behind a packet that is sealed, for padding and tag. */
#define ENGINE_TAILROOM	    32
#define ENGINE_DATAGRAM_MAX 2048
/* Largest inner packet. The interface's MTU is ENGINE_MTU: 1420 leaves room for IPv6 + UDP + 32. */
#define ENGINE_MTU 1420

struct engine;

struct engine_ops {
	/* Where the next datagram may be made, ENGINE_DATAGRAM_MAX bytes, good until the next call
	 * of room or send. */
	uint8_t *(*room)(void *data);
	/* Sends one datagram, made in the room or elsewhere; bytes are borrowed until return. ecn:
	 * the two bits for its header. */
	void (*send)(void *data, const struct addr *to, uint8_t ecn, const uint8_t *bytes,
		     size_t length);
	/* Delivers one inner IP packet to the interface; it lies in what engine_receive() was
	 * given, and may be changed. */
	void (*deliver)(void *data, uint8_t *packet, size_t length);
	/* Something in engine_state() changed. key: of the peer or relay, or NULL. */
	void (*changed)(void *data, enum dataplane_event event, const uint8_t *key);
	/* An answer to engine_probe(); result NULL on failure, then error is a negative errno. */
	void (*probed)(void *data, uint64_t cookie, int error,
		       const struct dataplane_probe_result *result);
	/* A member's svc-control sent this note (note.h); borrowed until return. May be NULL. */
	void (*noted)(void *data, const uint8_t *key, const uint8_t *bytes, size_t length);
	/* Seconds since 1970 up to which timestamps may be used, to be stored BEFORE they are.
	 * Called seldom (the engine reserves 60 s at a time). */
	void (*reserve_timestamp)(void *data, uint64_t until_s);
	uint64_t (*wall_us)(void *data);
	void (*random)(void *data, void *bytes, size_t length);
	void *data;
};

/* private_key is copied. reserved_s: what was stored last, 0 if nothing. -ENOMEM. */
int engine_new(struct engine **engine, const struct engine_ops *ops,
	       const uint8_t private_key[DATAPLANE_KEY_SIZE], uint64_t reserved_s);
void engine_free(struct engine *engine);
void engine_public_key(const struct engine *engine, uint8_t key[DATAPLANE_KEY_SIZE]);

/* Desired state; reconciled at once. -ESTALE for an older revision. Sessions, paths and counters
 * of peers that stay are kept. Peers set through uapi stay too. -EEXIST, -ENOMEM, -ENOSPC (more
 * relays than fit). Call engine_poll() afterwards: new work is marked due, only part of it is sent
 * at once. */
int engine_set_party(struct engine *engine, uint64_t now_us, const struct dataplane_party *party);
int engine_set_plan(struct engine *engine, uint64_t now_us, const struct dataplane_plan *plan);

/* A datagram from the underlay, with its header's ECN bits. bytes are decrypted in place. */
void engine_receive(struct engine *engine, uint64_t now_us, const struct addr *from, uint8_t ecn,
		    uint8_t *bytes, size_t length);
/* An inner IP packet from the interface, and what it stands for (split.h). It is changed, and there
 * are ENGINE_TAILROOM bytes behind it. */
void engine_transmit(struct engine *engine, uint64_t now_us, uint8_t *packet, size_t length,
		     const struct split_offload *offload);
/* An inner IPv4 packet for everybody (lan.h): to each member that is connected, in fragments where
 * it is too long. */
void engine_transmit_all(struct engine *engine, uint64_t now_us, const uint8_t *packet,
			 size_t length);
/* Runs due timers; time never goes back inside the engine, so the clock of a whole batch will do.
 * Returns when it wants to be called next (CLOCK_NEVER: no timer). */
uint64_t engine_poll(struct engine *engine, uint64_t now_us);

/* Own addresses or routes changed: relays are told at once, every path is checked, peers are
 * warned. */
void engine_moved(struct engine *engine, uint64_t now_us);

/* One probe along the active path; ops.probed is called with this cookie within 1 s, at once where
 * the peer is removed. -ENOENT, -ENETUNREACH, -EOPNOTSUPP for a peer that is no engine, -EBUSY
 * while 8 are under way. */
int engine_probe(struct engine *engine, uint64_t now_us, const uint8_t key[DATAPLANE_KEY_SIZE],
		 uint64_t cookie);

/* A note for a member's svc-control, along the active path; never starts a handshake. -ENOENT,
 * -EOPNOTSUPP, -EHOSTUNREACH, -EMSGSIZE. */
int engine_send_note(struct engine *engine, uint64_t now_us, const uint8_t key[DATAPLANE_KEY_SIZE],
		     const uint8_t *bytes, size_t length);

/* A snapshot; fills everything but the interface and port fields. Free with
 * dataplane_state_clear(). */
int engine_state(const struct engine *engine, uint64_t now_us, struct dataplane_state *state);

/* What `wg show` and `wg set` need (uapi.h formats and parses it). */
struct engine_peer_info {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint8_t preshared_key[DATAPLANE_KEY_SIZE];
	struct addr endpoint;		 /* none: unknown */
	uint64_t last_handshake_wall_us; /* 0: never */
	uint64_t rx_bytes, tx_bytes;
	uint16_t persistent_keepalive_s;
	size_t n_allowed_ips;
	struct addr_prefix allowed_ips[64]; /* the first 64; n may be larger */
};
/* Calls each for every peer. */
void engine_each_peer(const struct engine *engine, uint64_t now_us,
		      void (*each)(void *data, const struct engine_peer_info *info), void *data);

/* Changes by `wg set`, for single peers beside the party's. Fields not named are left alone. */
struct engine_peer_change {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	bool remove;
	bool update_only;
	bool replace_allowed_ips;
	const uint8_t *preshared_key;		/* NULL: leave */
	const struct addr *endpoint;		/* NULL: leave */
	const uint16_t *persistent_keepalive_s; /* NULL: leave */
	size_t n_allowed_ips;
	const struct addr_prefix *allowed_ips;
};
int engine_change_peer(struct engine *engine, uint64_t now_us,
		       const struct engine_peer_change *change);
/* Drops all peers that were set by engine_change_peer (wg's replace_peers). */
void engine_replace_peers(struct engine *engine);
/* A new own key: all sessions end. */
int engine_set_private_key(struct engine *engine, const uint8_t private_key[DATAPLANE_KEY_SIZE]);

#endif
