/* path.h - one way to a peer, what is known about it, and which of several to use.
 *
 * A path is a direct address or a relay. Its state is moved by path_set_state() alone, on evidence
 * from authenticated packets. Whether to send along it, how often to probe it and which of a peer's
 * paths should carry data are decided here, as pure functions of the paths and the time; peer.c
 * carries the decisions out.
 *
 * Death. A path is dead when probes in a row are missed, when data goes out and nothing at all
 * comes back, or when the peer says by another way that it hears nothing of a stream that was
 * steady (path_reported_silent). After an alarm (an address changed, here or there) one missed
 * probe does.
 *
 * Relays. Which of them is between the two ends is the plan's to say: it names the best first, and
 * both ends agree on it. That one is taken unless it measures clearly worse than the one in use;
 * one that the plan names no more (it drains, or is gone for others) is left for any other, and
 * none is left for it.
 *
 * Holes. A path may pass probes and lose long packets. Each probe brings how many packets of each
 * class of length arrived; where some were sent and none came, the path has a hole and does not
 * count as working until a probe of that length is answered.
 *
 * Proof. An answer to our own probe proves both directions. An authenticated packet from an
 * address proves only that it can send to us; until proven, an address gets PATH_UNPROVEN packets
 * a second at most, so nobody can point our traffic at a third party.
 */
#ifndef LANRAGE_DATAPLANE_PATH_H
#define LANRAGE_DATAPLANE_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/bucket.h"
#include "common/clock.h"
#include "svc-dataplane/codec.h"
#include "svc-dataplane/cookie.h"
#include "svc-dataplane/frame.h"
#include "svc-dataplane/probe.h"

#define PATH_NONE (-1)

#define PATH_DEAD_PROBES     3u			/* missed in a row: the path is dead */
#define PATH_SILENCE_US	     (500 * CLOCK_MS)	/* sending data, and nothing back for this + RTT */
#define PATH_GIVE_UP_US	     (5 * CLOCK_SECOND) /* never answered: dead, tried seldom */
#define PATH_OPTIMISE_US     (30 * CLOCK_SECOND)
#define PATH_UPGRADE_ANSWERS 2u
#define PATH_PROOF_US	     (60 * CLOCK_SECOND) /* a proof older than this is none */

#define PATH_ALARM_US (1 * CLOCK_SECOND)

struct relaylink;

/* What was sent along a path and what the peer says arrived, by class of length (frame.h). */
struct path_audit {
	bool open;	   /* a probe with these counts is under way */
	uint32_t sequence; /* of that probe */
	uint32_t sent[FRAME_CLASSES];
	uint32_t settled_sent[FRAME_CLASSES], settled_arrived[FRAME_CLASSES];
};

struct path {
	uint32_t id; /* in our probes; unique within the peer */
	enum dataplane_path_kind kind;
	enum dataplane_path_origin origin;
	enum dataplane_path_state state;
	struct addr endpoint;	 /* direct only */
	struct relaylink *relay; /* relay only; borrowed */
	bool planned;		 /* the plan in force names it */
	bool first;		 /* relay: as the first of the peer's relays */
	bool usable;		 /* direct: always; relay: bound there, and so is the peer */
	bool heard;		 /* an authenticated packet came this way since it last died */
	uint64_t proven_us;	 /* last proof of both directions; 0: none */
	uint64_t tried_us;	 /* when this round of trying began */
	uint64_t died_us;	 /* 0: never */
	uint32_t deaths;	 /* of late; each makes coming back harder */
	uint32_t streak;	 /* probes answered in a row */
	uint64_t hold_until_us;	 /* left for a better one: not taken again before */
	uint32_t hold_s;
	uint64_t receive_us;	   /* last authenticated packet; 0: none */
	uint64_t unanswered_us;	   /* first data sent since then; 0: none */
	uint32_t gap_us;	   /* smoothed time between packets received; 0: unknown */
	uint64_t probe_us;	   /* last probe sent; 0: none */
	uint64_t blocked_until_us; /* relay: it said the peer is not bound */
	uint32_t block_us;	   /* how long the last block was */
	bool owed;		   /* relay: the initiation under way has not gone there yet */
	uint32_t peer_id;	   /* the peer's id of this path; 0: unknown */
	uint64_t data_us;	   /* last inner packet sent along it; 0: none */
	bool peer_active;	   /* the peer's data goes along it, by its last probe */
	uint64_t reported_us;	   /* last told the peer that nothing comes along it */
	bool reported;		   /* it died because the peer said so */
	uint32_t tx_data[FRAME_CLASSES], rx_data[FRAME_CLASSES]; /* inner packets */
	struct path_audit audit;
	uint8_t hole;		/* class of length whose packets are lost; 0: none */
	uint32_t hole_from;	/* probes from this sequence on have that length */
	struct bucket unproven; /* PATH_UNPROVEN */
	struct bucket replies;	/* PATH_REPLIES */
	struct cookie_jar jar;
	uint64_t rx_bytes;
	uint64_t tx_bytes;
	struct probe_window probes;
};

#define PATH_UNPROVEN BUCKET_PER_SECOND(20, 10)
#define PATH_REPLIES  BUCKET_PER_SECOND(20, 20)

/* What a peer is doing, as far as probing depends on it. */
struct path_pace {
	bool playing;	     /* data flowed in the last 10 s */
	bool alarm;	     /* addresses changed a moment ago */
	uint64_t changed_us; /* when the set of paths or the active path last changed */
};

enum path_reason {
	PATH_KEEP = 0,
	PATH_FIRST,   /* there was none */
	PATH_LOST,    /* the active one is dead, or has a hole */
	PATH_FOLLOW,  /* the peer sent from there (single-path peers) */
	PATH_UPGRADE, /* direct instead of a relay */
	PATH_HEALED,  /* back to one that had died */
	PATH_BETTER,  /* clearly better measured */
	PATH_PLANNED, /* the plan prefers this relay, or names the active one no more */
	PATH_REASONS,
};
struct path_choice {
	ptrdiff_t path; /* index, or PATH_NONE */
	enum path_reason reason;
};

void path_init(struct path *path, uint32_t id, enum dataplane_path_kind kind,
	       enum dataplane_path_origin origin);
/* The one transition; true if the state changed. */
bool path_set_state(struct path *path, enum dataplane_path_state state, uint64_t now_us);

/* Evidence. An authenticated packet came this way. */
void path_received(struct path *path, size_t bytes, uint64_t now_us);
/* Something of ours was answered this way: proof of both directions. */
void path_prove(struct path *path, uint64_t now_us);
/* False when the answer fits no probe of ours, or one already answered. */
bool path_probe_answered(struct path *path, uint32_t sequence, uint64_t now_us);
/* An inner packet came in a message of this length. */
void path_delivered(struct path *path, size_t length);
/* A probe with this sequence goes out: remembers what was sent until now. */
void path_audit_begin(struct path *path, uint32_t sequence);
/* Its answer says what arrived. True when that shows a hole. */
bool path_audit_end(struct path *path, uint32_t sequence, const uint32_t arrived[FRAME_CLASSES]);
/* Zero bytes that the next probe carries. */
size_t path_probe_padding(const struct path *path);
/* Marks what is overdue; true when the path died of it. */
bool path_judge(struct path *path, bool active, const struct path_pace *pace, uint64_t now_us);
/* Packets came steadily and have stopped. */
bool path_is_suspect(const struct path *path, uint64_t now_us);
/* The peer's steady stream along this path has stopped, and a probe was missed. */
bool path_is_quiet(const struct path *path, uint64_t now_us);
/* The peer hears nothing of ours. True when the path died of it. */
bool path_reported_silent(struct path *path, uint64_t now_us);
/* What is on its way may have been lost while this process did not run: nothing is held against
 * the path. */
void path_excuse(struct path *path, uint64_t now_us);
/* Relay: it said that the peer is not bound there. */
void path_block(struct path *path, uint64_t now_us);
/* Sending; data: an inner packet, which calls for something back. */
void path_sent(struct path *path, size_t bytes, bool data, uint64_t now_us);
/* May a packet go this way now? Takes a token where the address is unproven. */
bool path_admit(struct path *path, uint64_t now_us);
/* Usable, alive, without a hole. */
bool path_works(const struct path *path);
bool path_is_proven(const struct path *path, uint64_t now_us);
bool path_is_blocked(const struct path *path, uint64_t now_us);
/* It was left because another measures better: each time for longer. */
void path_hold(struct path *path, uint64_t now_us);
/* Begins a new round of trying: fast probes again. */
void path_retry(struct path *path, uint64_t now_us);

/* When this path wants its next probe. */
uint64_t path_probe_due_us(const struct path *path, bool active, const struct path_pace *pace,
			   uint64_t now_us);
/* When path_judge() may next have something to say. */
uint64_t path_judge_due_us(const struct path *path, bool active, uint64_t now_us);
/* Cost in microseconds, for comparing: round trip + jitter + loss. */
uint64_t path_score(const struct path *path);
/* Which path should carry data. active: index or PATH_NONE. */
struct path_choice path_choose(const struct path *paths, size_t count, ptrdiff_t active,
			       uint64_t optimised_us, uint64_t now_us);
const char *path_reason_text(enum path_reason reason);

#endif
