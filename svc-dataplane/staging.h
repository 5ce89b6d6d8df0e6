/* staging.h - inner packets that wait for a session.
 *
 * One pool of buffers for all peers, taken at the start, so that waiting allocates nothing. Each
 * peer has a queue in order of arrival; when it is full, or the pool is, its oldest packet gives
 * way: for a game the newest is worth most.
 */
#ifndef LANRAGE_DATAPLANE_STAGING_H
#define LANRAGE_DATAPLANE_STAGING_H

#include <stddef.h>
#include <stdint.h>

#include "svc-dataplane/engine.h"

#define STAGING_PACKETS	 256
#define STAGING_PER_PEER 64
#define STAGING_NONE	 UINT16_MAX

struct staging_packet {
	uint16_t next;
	uint16_t length;
	uint8_t bytes[ENGINE_MTU + ENGINE_TAILROOM];
};

struct staging {
	struct staging_packet *packets;
	uint16_t free; /* the first free one */
};

struct staging_queue {
	uint16_t first, last;
	uint16_t count;
};

int staging_init(struct staging *staging);
void staging_deinit(struct staging *staging);
void staging_queue_init(struct staging_queue *queue);
/* Copies the packet in; longer ones than ENGINE_MTU are dropped. */
void staging_put(struct staging *staging, struct staging_queue *queue, const uint8_t *packet,
		 size_t length);
/* Takes the oldest out, NULL if there is none. Give it back with staging_release(). */
struct staging_packet *staging_take(struct staging *staging, struct staging_queue *queue);
void staging_release(struct staging *staging, struct staging_packet *packet);
void staging_drop(struct staging *staging, struct staging_queue *queue);

#endif
