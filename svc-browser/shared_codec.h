/* shared_codec.h - what the browser of one member tells those of the others, as bytes.
 *
 * svc-control carries it in the member's sealed announcement: so it is known who says it, but not
 * that it is true, and decoding checks everything. It names no address: a server runs on the
 * member that tells of it, at the port said, and the address comes from the member's lease. Nor
 * does it name times, because clocks need not agree: ages, counted from when it was said. Taken
 * whole or not at all.
 */
#ifndef LANRAGE_BROWSER_SHARED_CODEC_H
#define LANRAGE_BROWSER_SHARED_CODEC_H

#include "svc-browser/codec.h"

struct browser_shared_server {
	/* Of which id (as it was chosen), name, game, port, players, max_players, map, mode,
	 * password, tags and heartbeat_age_s count. */
	struct browser_server server;
	uint64_t age_s; /* since it was registered */
};

struct browser_shared {
	uint64_t edition; /* another one each time, so that what is the same is a repetition */
	size_t n_servers;
	struct browser_shared_server servers[BROWSER_OWN_MAX];
};

/* Into malloc'd *bytes. Returns the length, which may be above CONTROL_SHARED_MAX, or -ENOMEM. */
ssize_t browser_shared_encode(const struct browser_shared *shared, uint8_t **bytes);
/* -EBADMSG. */
int browser_shared_decode(struct browser_shared *shared, const uint8_t *bytes, size_t length);

/* A valid id as one may be chosen: a name without `@`. */
bool browser_id_is_own(const char *id);

#endif
