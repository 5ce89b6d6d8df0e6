/* reach.h - a peer's paths at work: which there are, how they are probed, which one carries data.
 *
 * path.h judges; this carries out: adds a path when an authenticated packet shows one, sends the
 * probes that are due, answers the peer's, moves the active path and says so in the log.
 *
 * Doubling. Short packets to an engine may go along two paths: always (on), never (off), or (auto)
 * while the active path loses packets, is suspected, or an address has just changed.
 *
 * Rate. A peer's probes are limited to REACH_PROBES a second in all, the active path first. New
 * candidates bring a credit of REACH_CREDIT probes each beyond that, because a hole must be punched
 * from both sides at the same time and one address at a time would miss it.
 */
#ifndef LANRAGE_DATAPLANE_REACH_H
#define LANRAGE_DATAPLANE_REACH_H

#include "svc-dataplane/peer.h"

#define REACH_PROBES	 BUCKET_PER_SECOND(10, 5)
#define REACH_DOUBLES	 BUCKET_PER_SECOND(200, 20)
#define REACH_DOUBLE_MAX 300 /* bytes of an inner packet */
#define REACH_CREDIT	 6
#define REACH_CREDIT_MAX 200

/* The path by which a packet from this address came, NULL if it is not known. */
struct path *reach_find(struct peer *peer, const struct addr *from);
/* Likewise after authentication: a new address becomes a path; NULL only when there is no room. */
struct path *reach_source(struct peer *peer, uint64_t now_us, const struct addr *from);
struct path *reach_active(struct peer *peer);

/* The paths of the plan. Room for what it names is made; paths that are in use stay. -ENOMEM. */
int reach_set_plan(struct peer *peer, uint64_t now_us, const struct dataplane_peer_plan *plan);
/* `wg set`: the one endpoint. */
int reach_set_endpoint(struct peer *peer, uint64_t now_us, const struct addr *endpoint);
/* Removes the paths through a relay that goes away. */
void reach_drop_relay(struct peer *peer, const struct relaylink *relay);
/* A relay's binding began or ended. */
void reach_relay_changed(struct peer *peer, uint64_t now_us, struct relaylink *relay);
/* A relay says the peer is not bound there. */
void reach_unbound(struct peer *peer, uint64_t now_us, const struct relaylink *relay);
/* Data goes along it, ours or the peer's. */
bool reach_uses_relay(const struct peer *peer, const struct relaylink *relay);
/* The peer is back: whatever does not work is to be tried again, quickly. */
void reach_retry(struct peer *peer, uint64_t now_us);
/* Nothing that was known counts any more (a new own key). */
void reach_reset(struct peer *peer, uint64_t now_us);

/* A finished message; its reserved bytes are written on the way. */
struct outgoing {
	uint8_t *message;
	size_t length;
	bool data;   /* an inner packet */
	uint8_t ecn; /* its two bits */
};

/* Sends it along a path; false when it may not go. */
bool reach_send(struct peer *peer, uint64_t now_us, struct path *path,
		const struct outgoing *outgoing);
/* After an inner packet's message went along the active path: sends the same bytes along a second
 * one, if that is wanted, it is short, and the rate allows. The receiver's replay window drops
 * whichever comes later. */
void reach_double(struct peer *peer, uint64_t now_us, const struct outgoing *outgoing);
/* Own addresses changed: what worked may not, and the peer cannot know. */
void reach_moved(struct peer *peer, uint64_t now_us);
/* This process did not run for a while. */
void reach_excuse(struct peer *peer, uint64_t now_us);
/* Sends an initiation where it makes sense: along the active path, or everywhere. */
void reach_initiate(struct peer *peer, uint64_t now_us, const struct message_initiation *message);
/* The initiation under way along one more path. */
void reach_initiate_path(struct peer *peer, uint64_t now_us, struct path *path);

/* Probes the path now; returns the probe's sequence number. */
uint32_t reach_probe(struct peer *peer, uint64_t now_us, struct path *path);
/* An authenticated packet came along this path. proof: it answers something of ours that went by
 * this path. */
void reach_heard(struct peer *peer, uint64_t now_us, struct path *path, size_t length, bool proof);
/* Makes it the active one if it is another (single-path peers, after authentication). */
void reach_follow(struct peer *peer, uint64_t now_us, struct path *path);
void reach_frame(struct peer *peer, uint64_t now_us, struct path *path, const uint8_t *packet,
		 size_t length);
/* Judges, chooses, probes. Returns when it wants to be called next. */
uint64_t reach_poll(struct peer *peer, uint64_t now_us);

#endif
