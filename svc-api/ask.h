/* ask.h - a handler's questions to the other services; whatever goes wrong becomes the reply. */
#ifndef LANRAGE_API_ASK_H
#define LANRAGE_API_ASK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "svc-api/gather.h"
#include "svc-api/snapshot.h"

struct api;
struct request;
struct reply;

/* ask says whom, what and how; bytes and length are what the codec's encode function gave (NULL, 0:
 * no body), and bytes are taken over. True with the answer in *ask, to be freed; else the reply is
 * made. */
bool ask_one(const struct request *request, struct reply *reply, struct gather_ask *ask,
	     uint8_t *bytes, ssize_t length);
/* The reply for an answer that does not decode. */
void ask_malformed(const struct gather_ask *ask, struct reply *reply);

/* What several services say about now (SNAPSHOT_OF(...) | ...), whoever of them answers. To be
 * given to ask_done(). NULL with the reply made. */
struct snapshot *ask_snapshot(const struct request *request, uint32_t sources, struct reply *reply);
/* Gives the snapshot back where that source, which was asked, has answered; else NULL with the
 * reply made. NULL stays NULL. */
struct snapshot *ask_need(struct snapshot *snapshot, enum snapshot_source source,
			  struct reply *reply);
/* NULL is allowed. */
void ask_done(struct snapshot *snapshot);

/* Not every service has been heard of since this one started, a moment ago: what is missing may
 * only be late. */
bool ask_is_early(const struct api *api, uint64_t now_us);

#endif
