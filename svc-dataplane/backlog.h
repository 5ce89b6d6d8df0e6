/* backlog.h - large packets from the device, waiting while small ones pass.
 *
 * A download puts megabytes into the device's queue at once, and a game's packet that comes after
 * them would wait for all. So everything is taken out of the device as soon as it is there. Small
 * packets go on at once; large ones (with segmentation offload) wait here, in order, and are sent a
 * few at a time. A small packet of a flow that has large ones waiting lines up behind them, so no
 * flow is reordered.
 *
 * The room is bounded: when it is full, a packet that would have to wait is dropped, and the sender
 * slows down.
 */
#ifndef LANRAGE_DATAPLANE_BACKLOG_H
#define LANRAGE_DATAPLANE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/split.h"

#define BACKLOG_PACKETS	 32
#define BACKLOG_FLOWS	 256   /* of different flows with one number the small ones may wait, too */
#define BACKLOG_LENGTH	 65535 /* of a packet */
#define BACKLOG_TAILROOM 32

struct backlog_packet {
	size_t length;
	struct split_offload offload;
	uint8_t flow;
	uint8_t bytes[BACKLOG_LENGTH + BACKLOG_TAILROOM];
};

struct backlog {
	unsigned n, n_free;
	unsigned first; /* of order */
	uint64_t dropped;
	struct backlog_packet *order[BACKLOG_PACKETS]; /* a ring: those that wait */
	struct backlog_packet *free[BACKLOG_PACKETS + 1];
	uint8_t waiting[BACKLOG_FLOWS];
	struct backlog_packet packets[BACKLOG_PACKETS + 1]; /* one to read into */
};

/* Touches no memory of packets that are never needed: backlog must be all zeros. */
void backlog_init(struct backlog *backlog);
/* The packet to read into; the same until backlog_wait() keeps it. */
struct backlog_packet *backlog_place(struct backlog *backlog);
/* Its length and offload are set. True: it waits now, or was dropped. False: send it, now. */
bool backlog_wait(struct backlog *backlog);
/* The next one to send, NULL when none waits. It stays until backlog_done(). */
struct backlog_packet *backlog_first(struct backlog *backlog);
void backlog_done(struct backlog *backlog);

#endif
