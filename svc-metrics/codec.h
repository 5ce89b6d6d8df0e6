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

#define METRICS_UNKNOWN_SCORE UINT32_MAX

#define METRICS_RECENT_S   300		 /* of samples of a second in memory */
#define METRICS_KEPT_S	   (31u * 86400) /* how far back a history goes */
#define METRICS_GONE_S	   3600		 /* how long a peer that has left is listed */
#define METRICS_POINTS_MIN 10
#define METRICS_POINTS_MAX 1000
#define METRICS_PEERS_MAX  DATAPLANE_MEMBERS_MAX
#define METRICS_PATHS_MAX  DATAPLANE_PATHS_MAX

#define METRICS_GAME_MAX	     64	  /* bytes of a game's or server's name with the NUL */
#define METRICS_SESSIONS_MAX	     1000 /* that are kept */
#define METRICS_SESSIONS_RUNNING_MAX 8
#define METRICS_SESSION_PEERS_MAX    64 /* that are measured in one */
#define METRICS_SESSION_S_MAX	     86400u

enum metrics_request {
	METRICS_GET_SYSTEM = 1, /* () -> struct metrics_system; by api. -EAGAIN: no sample yet */
	METRICS_GET_SYSTEM_HISTORY, /* struct metrics_wish -> struct metrics_system_history; by api
				     */
	METRICS_GET_PEERS,	    /* () -> struct metrics_peers; by api */
	METRICS_GET_PEER,	    /* struct metrics_key -> struct metrics_peer_detail; by api.
				     * -ENOENT: no sample of this peer in the last hour */
	METRICS_GET_PEER_HISTORY,   /* struct metrics_wish -> struct metrics_peer_history; by api. A
				     * peer nobody knows has an empty one */
	METRICS_START_SESSION, /* struct metrics_game -> struct metrics_session; by api. -EBUSY:
				* as many are running as may; -ENOSPC: the disk is full */
	METRICS_END_SESSION,   /* struct metrics_id -> struct metrics_session; by api. -ENOENT;
				* one that has ended stays as it is */
	METRICS_GET_SESSION,   /* struct metrics_id -> struct metrics_session; by api. -ENOENT */
	METRICS_GET_SESSIONS,  /* struct metrics_page -> struct metrics_sessions; by api */
};

enum metrics_event {
	METRICS_EVENT_SAMPLED = 1, /* (): the peers and this machine were looked at */
};

struct metrics_key {
	uint8_t public_key[DATAPLANE_KEY_SIZE]; /* of the peer */
};

/* Which time, in seconds since 1970 of the wall clock (to_s is not in it), and in how many buckets
 * at most. What lies further back than METRICS_KEPT_S is not looked for. */
struct metrics_wish {
	uint8_t public_key[DATAPLANE_KEY_SIZE]; /* of the peer; zero where it is of the system */
	uint64_t from_s, to_s;			/* from_s <= to_s */
	uint32_t points;			/* METRICS_POINTS_MIN to METRICS_POINTS_MAX */
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

/* Means over the looks of some seconds; there is no bucket where nobody looked. */
struct metrics_system_bucket {
	uint64_t at_s; /* wall clock */
	uint32_t seconds;
	uint32_t cpu_permille;
	uint64_t memory_total, memory_available; /* bytes */
	uint64_t rx_bytes_per_s, tx_bytes_per_s; /* of all interfaces but `lo` and the party's */
};

struct metrics_system_history {
	size_t n_buckets;
	struct metrics_system_bucket *buckets; /* oldest first */
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

enum metrics_trend {
	METRICS_TREND_UNKNOWN = 0,
	METRICS_TREND_STEADY,
	METRICS_TREND_BETTER,
	METRICS_TREND_WORSE,
	METRICS_TRENDS,
};

/* quality.h says how; 0 to 100, or METRICS_UNKNOWN_SCORE. */
struct metrics_quality {
	uint32_t score;
	uint32_t latency, loss, jitter; /* its terms */
	enum metrics_trend trend;
};

extern const struct metrics_quality metrics_quality_unknown;

struct metrics_peer {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	struct metrics_sample now; /* the latest */
	struct metrics_quality quality;
};

struct metrics_peers {
	size_t n_peers;
	struct metrics_peer *peers; /* by key */
	uint32_t sessions_running;
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

struct metrics_peer_detail {
	struct metrics_peer peer;
	size_t n_paths;
	struct metrics_path *paths; /* none in the states unknown and gone */
};

/* As in struct metrics_system_bucket, along the active path. */
struct metrics_bucket {
	uint64_t at_s;
	uint32_t seconds;
	enum metrics_peer_state state; /* the one of most looks, and the path too */
	enum metrics_peer_path path;
	uint32_t rtt_us, rtt_min_us, rtt_max_us, jitter_us, loss_permille;
	uint64_t rx_bytes_per_s, tx_bytes_per_s;
	uint32_t quality; /* of these means */
};

struct metrics_peer_history {
	size_t n_buckets;
	struct metrics_bucket *buckets; /* oldest first */
};

/* ---- game sessions: somebody plays something, and the ways to all peers are measured meanwhile */

struct metrics_game {
	char game[METRICS_GAME_MAX];   /* a name (text.h) */
	char server[METRICS_GAME_MAX]; /* clean; empty: none was said */
};

struct metrics_id {
	uint64_t id; /* never 0 */
};

struct metrics_page {
	uint32_t limit; /* METRICS_SESSIONS_MAX at most */
	uint32_t offset;
};

/* What one peer was like; means over its looks. */
struct metrics_session_peer {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint32_t samples; /* looks at which it was connected */
	uint32_t rtt_us, rtt_min_us, rtt_max_us, rtt_p95_us, jitter_us, loss_permille;
	uint32_t quality; /* of these means */
};

struct metrics_session {
	uint64_t id;
	struct metrics_game game;
	uint64_t started_s;
	uint64_t ended_s;    /* METRICS_UNKNOWN: it is running */
	uint64_t duration_s; /* until now where it is running */
	size_t n_peers;
	struct metrics_session_peer *peers; /* by key; none in a list */
};

struct metrics_sessions {
	uint32_t total; /* of all that are kept */
	size_t n_sessions;
	struct metrics_session *sessions; /* a page of them, newest first */
};

ssize_t metrics_key_encode(const struct metrics_key *key, uint8_t **bytes);
int metrics_key_decode(struct metrics_key *key, const uint8_t *bytes, size_t length);

ssize_t metrics_wish_encode(const struct metrics_wish *wish, uint8_t **bytes);
int metrics_wish_decode(struct metrics_wish *wish, const uint8_t *bytes, size_t length);

ssize_t metrics_system_encode(const struct metrics_system *system, uint8_t **bytes);
int metrics_system_decode(struct metrics_system *system, const uint8_t *bytes, size_t length);

ssize_t metrics_system_history_encode(const struct metrics_system_history *system_history,
				      uint8_t **bytes);
int metrics_system_history_decode(struct metrics_system_history *system_history,
				  const uint8_t *bytes, size_t length);
void metrics_system_history_clear(struct metrics_system_history *system_history);

ssize_t metrics_peers_encode(const struct metrics_peers *peers, uint8_t **bytes);
int metrics_peers_decode(struct metrics_peers *peers, const uint8_t *bytes, size_t length);
void metrics_peers_clear(struct metrics_peers *peers);

ssize_t metrics_peer_detail_encode(const struct metrics_peer_detail *peer_detail, uint8_t **bytes);
int metrics_peer_detail_decode(struct metrics_peer_detail *peer_detail, const uint8_t *bytes,
			       size_t length);
void metrics_peer_detail_clear(struct metrics_peer_detail *peer_detail);

ssize_t metrics_peer_history_encode(const struct metrics_peer_history *peer_history,
				    uint8_t **bytes);
int metrics_peer_history_decode(struct metrics_peer_history *peer_history, const uint8_t *bytes,
				size_t length);
void metrics_peer_history_clear(struct metrics_peer_history *peer_history);

ssize_t metrics_game_encode(const struct metrics_game *game, uint8_t **bytes);
int metrics_game_decode(struct metrics_game *game, const uint8_t *bytes, size_t length);

ssize_t metrics_id_encode(const struct metrics_id *id, uint8_t **bytes);
int metrics_id_decode(struct metrics_id *id, const uint8_t *bytes, size_t length);

ssize_t metrics_page_encode(const struct metrics_page *page, uint8_t **bytes);
int metrics_page_decode(struct metrics_page *page, const uint8_t *bytes, size_t length);

ssize_t metrics_session_encode(const struct metrics_session *session, uint8_t **bytes);
int metrics_session_decode(struct metrics_session *session, const uint8_t *bytes, size_t length);
void metrics_session_clear(struct metrics_session *session);

ssize_t metrics_sessions_encode(const struct metrics_sessions *sessions, uint8_t **bytes);
int metrics_sessions_decode(struct metrics_sessions *sessions, const uint8_t *bytes, size_t length);
void metrics_sessions_clear(struct metrics_sessions *sessions);

#endif
