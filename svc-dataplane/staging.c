#include "svc-dataplane/staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int staging_init(struct staging *staging)
{
	staging->packets = calloc(STAGING_PACKETS, sizeof(*staging->packets));
	if (!staging->packets)
		return -ENOMEM;
	for (uint16_t i = 0; i < STAGING_PACKETS; i++)
		staging->packets[i].next =
			i + 1 < STAGING_PACKETS ? (uint16_t)(i + 1) : STAGING_NONE;
	staging->free = 0;
	return 0;
}

void staging_deinit(struct staging *staging)
{
	free(staging->packets);
	staging->packets = NULL;
}

void staging_queue_init(struct staging_queue *queue)
{
	*queue = (struct staging_queue){STAGING_NONE, STAGING_NONE, 0};
}

struct staging_packet *staging_take(struct staging *staging, struct staging_queue *queue)
{
	struct staging_packet *packet;

	if (queue->count == 0)
		return NULL;
	packet = &staging->packets[queue->first];
	queue->first = packet->next;
	if (--queue->count == 0)
		staging_queue_init(queue);
	return packet;
}

void staging_release(struct staging *staging, struct staging_packet *packet)
{
	packet->next = staging->free;
	staging->free = (uint16_t)(packet - staging->packets);
}

void staging_put(struct staging *staging, struct staging_queue *queue, const uint8_t *bytes,
		 size_t length)
{
	struct staging_packet *packet;
	uint16_t at;

	if (length > ENGINE_MTU)
		return;
	if (queue->count == STAGING_PER_PEER || staging->free == STAGING_NONE) {
		packet = staging_take(staging, queue);
		if (!packet)
			return;
		staging_release(staging, packet);
	}
	at = staging->free;
	packet = &staging->packets[at];
	staging->free = packet->next;
	packet->next = STAGING_NONE;
	packet->length = (uint16_t)length;
	memcpy(packet->bytes, bytes, length);
	if (queue->count++ == 0)
		queue->first = at;
	else
		staging->packets[queue->last].next = at;
	queue->last = at;
}

void staging_drop(struct staging *staging, struct staging_queue *queue)
{
	struct staging_packet *packet;

	while ((packet = staging_take(staging, queue)))
		staging_release(staging, packet);
}
