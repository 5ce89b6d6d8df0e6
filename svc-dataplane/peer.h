/* peer.h - one remote member (or one peer of `wg set`): its session, its packets, its state.
 *
 * peer.c ties the session to the paths: handshakes out and in, data out and in, waiting packets.
 * reach.h is the other half: finding, probing and choosing the peer's paths.
 *
 * There are two ways to treat a peer. One that runs the engine may use several paths at once and
 * understands frames. Any other (kernel, stock, set by wg) follows the last authenticated packet
 * and so do we: it gets one path at a time and never a frame.
 */
#ifndef LANRAGE_DATAPLANE_PEER_H
#define LANRAGE_DATAPLANE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/frame.h"
#include "svc-dataplane/note.h"
#include "svc-dataplane/path.h"
#include "svc-dataplane/relaylink.h"
#include "svc-dataplane/split.h"
#include "svc-dataplane/tunnel.h"

#define PEER_PINGS	 8
#define PEER_SPARE_PATHS 8 /* room for addresses the plan does not name */

struct peer_ping {
	uint64_t cookie;
	uint64_t sent_us; /* 0: free */
	uint32_t path, sequence;
};

struct peer {
	struct tunnel tunnel; /* first */
	char name[DATAPLANE_NAME_MAX];
	struct addr address; /* inside the party; none: not a member */
	uint16_t number;     /* at relays; 0: not a member */
	enum dataplane_backend backend;
	bool member;				/* control wants it */
	bool uapi;				/* `wg set` wants it; both may be */
	const struct dataplane_peer_plan *plan; /* borrowed from the plan in force, or NULL */

	struct path *paths; /* owned; room for max_paths */
	size_t n_paths, max_paths;
	ptrdiff_t active; /* index or PATH_NONE */
	uint32_t next_path_id;
	uint32_t answered_path; /* id of the path our last response went by; 0: none */
	uint32_t path_changes;
	uint64_t paths_changed_us; /* path_pace */
	uint64_t optimised_us;
	uint64_t better_us; /* since when another path measures better than the active one; 0: none
			     */
	ptrdiff_t second;   /* where doubled packets go as well; PATH_NONE: nowhere */
	struct bucket doubles;	 /* REACH_DOUBLES */
	uint64_t alarm_until_us; /* addresses changed; path.h */
	uint64_t excused_us;	 /* reports before this are of a time when we did not run */
	uint32_t latest_index;	 /* keypair and counter of the packet that the endpoint follows */
	uint64_t latest_counter;
	uint32_t probe_credit; /* probes allowed beyond the rate, for new candidates */
	struct bucket probe_bucket;
	size_t probe_turn; /* where the round of probing goes on */

	enum dataplane_peer_state state;
	uint64_t trying_us; /* since when it is not connected */
	uint64_t data_us;   /* last inner packet either way; 0: none */
	uint64_t rest_us;   /* given up for now, until then; 0: not */
	uint64_t rx_bytes, tx_bytes;
	struct staging_queue waiting;
	struct peer_ping pings[PEER_PINGS];

	uint32_t note_id;	    /* of the last one sent */
	struct note_assembly *note; /* owned; NULL until the first part comes */
	struct bucket note_bucket;  /* of parts taken */
};

int peer_new(struct peer **peer, struct context *context, const uint8_t *public_key,
	     const uint8_t *preshared_key, uint64_t now_us);
void peer_free(struct peer *peer);
/* Control's wishes; the caller keeps the allowed IPs. */
void peer_set_member(struct peer *peer, uint64_t now_us, const struct dataplane_member *member);
/* Asks for a handshake now, whatever was given up before. */
void peer_connect(struct peer *peer, uint64_t now_us);
/* Our own key has changed: everything starts anew. */
void peer_restart(struct peer *peer, uint64_t now_us);
/* True for a peer that takes several paths and frames. */
bool peer_is_engine(const struct peer *peer);
/* For log lines: its name, or the start of its address. */
const char *peer_label(const struct peer *peer);

/* An inner packet for it, or several; tailroom behind. */
void peer_transmit(struct peer *peer, uint64_t now_us, struct split *split);
/* Messages for it. The initiation is opened and known to be this peer's. */
void peer_initiation(struct peer *peer, uint64_t now_us, const struct addr *from,
		     struct noise_initiation *opened, const struct message_initiation *message);
void peer_response(struct peer *peer, uint64_t now_us, const struct addr *from,
		   const struct message_response *message);
void peer_cookie(struct peer *peer, uint64_t now_us, const struct addr *from,
		 const struct message_cookie *message);
void peer_data(struct peer *peer, uint64_t now_us, const struct addr *from, uint8_t ecn,
	       uint8_t *message, size_t length);
void peer_poll(struct peer *peer, uint64_t now_us);
/* -ENETUNREACH without a path or session, -EOPNOTSUPP for peers without frames, -EBUSY. */
int peer_ping(struct peer *peer, uint64_t now_us, uint64_t cookie);
/* Answers those that wait, as the peer goes. */
void peer_end_pings(struct peer *peer);

/* As engine_send_note(). */
int peer_send_note(struct peer *peer, uint64_t now_us, const uint8_t *bytes, size_t length);

/* For reach.c. A part of a note came. */
void peer_note(struct peer *peer, uint64_t now_us, const struct frame_note *part);
/* Carries out what the session asked for. */
void peer_handle(struct peer *peer, uint64_t now_us, const struct session_events *events);
/* frame NULL: a keepalive. padding: as for frame_write(). False when it could not be sent. */
bool peer_send_frame(struct peer *peer, uint64_t now_us, struct path *path,
		     const struct frame *frame, size_t padding);

#endif
