/* codec.h - the interface of svc-metrics: its requests as checked plain structs.
 *
 * Same rules as svc-dataplane/codec.h. Ages are of the moment of the answer and by a clock that
 * never jumps. What was not measured is METRICS_UNKNOWN, in 32 bits DATAPLANE_UNKNOWN.
 */
#ifndef LANRAGE_METRICS_CODEC_H
#define LANRAGE_METRICS_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "svc-dataplane/codec.h"

#define METRICS_INTERFACES_MAX	   32
#define METRICS_INTERFACE_NAME_MAX 16 /* IFNAMSIZ */
#define METRICS_UNKNOWN		   UINT64_MAX
#define METRICS_UNKNOWN_PERMILLE   UINT32_MAX

#define METRICS_HISTORY_S   3600
#define METRICS_SAMPLES_MAX 360
#define METRICS_PEERS_MAX   DATAPLANE_MEMBERS_MAX
#define METRICS_PATHS_MAX   DATAPLANE_PATHS_MAX

enum metrics_request {
	METRICS_GET_SYSTEM = 1, /* () -> struct metrics_system; by api. -EAGAIN: no sample yet */
	METRICS_GET_SYSTEM_HISTORY, /* struct metrics_wish -> struct metrics_system_history; by api
				     */
	METRICS_GET_PEERS,	    /* () -> struct metrics_peers; by api */
	METRICS_GET_PEER,	    /* struct metrics_wish -> struct metrics_peer_history; by api.
				     * -ENOENT: no sample of this peer in the last hour */
};

struct metrics_wish {
	uint8_t public_key[DATAPLANE_KEY_SIZE]; /* of the peer; zero where it is of the system */
	uint32_t seconds;			/* how far back; 0 to METRICS_HISTORY_S */
};

struct metrics_interface {
	char name[METRICS_INTERFACE_NAME_MAX];
	uint64_t rx_bytes, tx_bytes;
	uint64_t rx_bytes_per_s, tx_bytes_per_s; /* since the sample before */
};

struct metrics_system {
	uint64_t age_us;
	uint32_t cpu_permille;			 /* of all processors, since the sample before; or
						  * METRICS_UNKNOWN_PERMILLE */
	uint64_t memory_total, memory_available; /* bytes */
	size_t n_interfaces;
	struct metrics_interface interfaces[METRICS_INTERFACES_MAX];
};

struct metrics_system_history {
	size_t n_samples;
	struct metrics_system *samples; /* oldest first */
};

enum metrics_peer_state {
	METRICS_PEER_UNKNOWN = 0, /* the data plane did not answer */
	METRICS_PEER_GONE,	  /* it answered, and has no such peer any more */
	METRICS_PEER_CONNECTING,  /* these as in dataplane_peer_state */
	METRICS_PEER_CONNECTED,
	METRICS_PEER_FAILED,
	METRICS_PEER_STATES,
};

enum metrics_peer_path {
	METRICS_PATH_UNKNOWN = 0, /* as the state, or gone */
	METRICS_PATH_NONE,	  /* not connected */
	METRICS_PATH_DIRECT,
	METRICS_PATH_RELAY,
	METRICS_PATH_KINDS,
};

struct metrics_measures {
	uint32_t rtt_us, jitter_us, loss_permille;
	uint64_t rx_bytes, tx_bytes;		 /* as the data plane counts */
	uint64_t rx_bytes_per_s, tx_bytes_per_s; /* since the sample before */
};

/* One look at one peer. In the states unknown and gone it is the begin of a gap, and all else is
 * unknown. */
struct metrics_sample {
	uint64_t age_us;
	enum metrics_peer_state state;
	enum metrics_peer_path path;	  /* the active one */
	struct metrics_measures measures; /* of that; bytes are of inner packets on all paths */
};

/* What is known of a peer nobody looked at. */
extern const struct metrics_sample metrics_sample_unknown;

struct metrics_peer {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	struct metrics_sample now; /* the latest */
};

struct metrics_peers {
	size_t n_peers;
	struct metrics_peer *peers; /* by key */
};

/* Of one path, at the latest look. */
struct metrics_path {
	bool active;
	enum dataplane_path_kind kind;
	enum dataplane_path_state state;
	struct addr endpoint;
	uint8_t relay[DATAPLANE_KEY_SIZE]; /* relay paths only, else zero */
	struct metrics_measures measures;  /* bytes are of UDP payload */
};

struct metrics_peer_history {
	struct metrics_peer peer;
	size_t n_paths;
	struct metrics_path *paths; /* none in the states unknown and gone */
	size_t n_samples;
	struct metrics_sample *samples; /* oldest first */
};

ssize_t metrics_wish_encode(const struct metrics_wish *wish, uint8_t **bytes);
int metrics_wish_decode(struct metrics_wish *wish, const uint8_t *bytes, size_t length);

ssize_t metrics_system_encode(const struct metrics_system *system, uint8_t **bytes);
int metrics_system_decode(struct metrics_system *system, const uint8_t *bytes, size_t length);

ssize_t metrics_system_history_encode(const struct metrics_system_history *history,
				      uint8_t **bytes);
int metrics_system_history_decode(struct metrics_system_history *history, const uint8_t *bytes,
				  size_t length);
void metrics_system_history_clear(struct metrics_system_history *history);

ssize_t metrics_peers_encode(const struct metrics_peers *peers, uint8_t **bytes);
int metrics_peers_decode(struct metrics_peers *peers, const uint8_t *bytes, size_t length);
void metrics_peers_clear(struct metrics_peers *peers);

ssize_t metrics_peer_history_encode(const struct metrics_peer_history *history, uint8_t **bytes);
int metrics_peer_history_decode(struct metrics_peer_history *history, const uint8_t *bytes,
				size_t length);
void metrics_peer_history_clear(struct metrics_peer_history *history);

#endif
