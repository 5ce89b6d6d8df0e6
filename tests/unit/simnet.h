/* simnet.h - a made-up network for engines: time moved by hand, delay, loss, NATs, a relay.
 *
 * Nodes are engines with one outer address each (a NAT may stand before it). Packets take the
 * network's delay and may be dropped by a hook. Streams send numbered inner packets at a steady
 * rate and note at the other end what arrived, how often and with what gaps. The relay speaks real
 * sessions but believes every ticket: its two bytes are the member's number.
 */
#ifndef LANRAGE_TESTS_SIMNET_H
#define LANRAGE_TESTS_SIMNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/clock.h"
#include "svc-dataplane/engine.h"
#include "svc-dataplane/session.h"

#define SIM_NODES	  128
#define SIM_RELAYS	  2
#define SIM_RELAY_MEMBERS 8
#define SIM_STREAMS	  8
#define SIM_PERMITS	  32
#define SIM_INNER_MIN	  32 /* header, stream, number */
#define SIM_START_US	  (1000 * CLOCK_SECOND)
#define SIM_WALL_US	  (1700000000ull * CLOCK_SECOND)

struct simnet;

struct sim_node {
	uint8_t room[ENGINE_DATAGRAM_MAX]; /* where the engine makes its datagrams */
	struct simnet *net;
	struct engine *engine;
	struct addr address; /* outer, as others see it; changing it moves the node */
	bool nat;	     /* port-restricted: only who was written to may write back */
	struct {
		struct addr to;
		uint64_t until_us;
	} permits[SIM_PERMITS];
	uint8_t private_key[32], key[32];
	uint16_t number; /* inner address 10.66.n.n and number at relays */
	uint64_t due_us;
	uint64_t sent, received, delivered; /* datagrams, datagrams, inner packets */
	uint64_t changes[8];		    /* by enum dataplane_event */
	uint64_t reserved_s;
	uint64_t revision;
	enum dataplane_doubling doubling; /* for sim_party() */
	struct {
		uint64_t cookie;
		int error;
		struct dataplane_probe_result result;
		unsigned count;
	} ping;
};

struct sim_relay_member {
	bool used, bound;
	uint16_t number;
	struct addr address;
	uint8_t key[32];
	uint32_t next_index;
	struct session session;
	uint64_t replay[SESSION_REPLAY_WORDS(2048)];
};

struct sim_relay {
	struct simnet *net;
	struct addr address;
	uint8_t key[32];
	struct noise_identity identity;
	struct sim_relay_member members[SIM_RELAY_MEMBERS];
	uint64_t forwarded, unbound;
	bool off;
	int refuse; /* enum frame_ticket_status to answer with */
};

struct sim_stream {
	bool on;
	struct sim_node *from, *to;
	uint64_t interval_us, next_us, until_us;
	size_t size; /* of an inner packet, from SIM_INNER_MIN to ENGINE_MTU */
	uint32_t sent, arrived, duplicates;
	uint8_t *seen; /* by number */
	uint32_t room;
	uint64_t last_us, longest_gap_us;
};

struct sim_packet;

struct simnet {
	uint64_t now_us;
	uint64_t delay_us; /* one way, unless the hook says otherwise */
	/* Return CLOCK_NEVER to drop, else the delay. May be NULL. */
	uint64_t (*hook)(struct simnet *net, const struct addr *from, const struct addr *to,
			 const uint8_t *bytes, size_t length);
	/* Sees every datagram that is sent. May be NULL. */
	void (*watch)(struct simnet *net, const struct addr *from, const struct addr *to,
		      const uint8_t *bytes, size_t length);
	void *data;
	uint64_t random;
	struct sim_packet **queue;
	size_t n_queue, queue_room;
	uint64_t order;
	struct sim_node *nodes[SIM_NODES];
	size_t n_nodes;
	struct sim_relay *relays[SIM_RELAYS];
	size_t n_relays;
	struct sim_stream streams[SIM_STREAMS];
};

void sim_init(struct simnet *net);
void sim_deinit(struct simnet *net);
/* address: "203.0.113.1:1000" */
struct sim_node *sim_node_new(struct simnet *net, uint16_t number, const char *address);
struct sim_relay *sim_relay_new(struct simnet *net, const char *address);
/* A process that ends and a new one with the same key and address. */
void sim_node_restart(struct sim_node *node);
/* Runs everything up to this time. */
void sim_run_until(struct simnet *net, uint64_t until_us);
void sim_run(struct simnet *net, uint64_t for_us);
double sim_random(struct simnet *net); /* [0, 1) */

struct sim_peer {
	const struct sim_node *node;
	enum dataplane_backend backend;
	const uint8_t *psk;
};
void sim_party(struct sim_node *node, const struct sim_peer *peers, size_t count);
/* candidates: texts; relays: the net's when with_relays, of them (all when NULL) "21": the second,
 * then the first. */
struct sim_plan {
	const struct sim_node *node;
	const char *candidates[4];
	bool with_relays;
	const char *relays;
};
void sim_plan(struct sim_node *node, const struct sim_plan *plans, size_t count);
/* Both know each other, each with the other's present address as the one candidate. */
void sim_meet(struct sim_node *a, struct sim_node *b, bool direct, bool relays);

struct sim_stream *sim_stream_start(struct sim_node *from, struct sim_node *to,
				    uint64_t interval_us, uint64_t for_us);
void sim_inject(struct simnet *net, const struct addr *from, const struct addr *to,
		const uint8_t *bytes, size_t length);

/* What the engine says of its only (or the given) peer. */
struct sim_view {
	enum dataplane_peer_state state;
	bool has_path;
	struct dataplane_path path; /* the active one */
	uint32_t path_changes;
	uint64_t handshake_age_us;
	size_t n_paths;
};
struct sim_view sim_look(struct sim_node *node, const struct sim_node *peer);

#endif
