/* registry.h - the game servers that are known, and for how long.
 *
 * Pure: the time comes in, as two clocks. now_us only grows and decides who is still there; wall_s
 * may jump and is only for showing. A server that is not registered again within REGISTRY_EXPIRY_S
 * is gone: it is listed no longer, and its place is given away.
 */
#ifndef LANRAGE_BROWSER_REGISTRY_H
#define LANRAGE_BROWSER_REGISTRY_H

#include "svc-browser/codec.h"

#define REGISTRY_EXPIRY_S 90

struct registry_entry {
	struct browser_server server;
	uint64_t heard_us;
};

struct registry {
	size_t n_entries;
	struct registry_entry entries[BROWSER_SERVERS_MAX];
};

/* A new server, or news of a known one. -ENOSPC. */
int registry_put(struct registry *registry, const struct browser_server *server, uint64_t now_us,
		 uint64_t wall_s);
/* -ENOENT. */
int registry_remove(struct registry *registry, const char *id);
/* Drops what has expired; returns how many. */
size_t registry_expire(struct registry *registry, uint64_t now_us);
/* The ones that match; free with browser_servers_clear(). -ENOMEM. */
int registry_list(const struct registry *registry, const struct browser_filter *filter,
		  uint64_t now_us, struct browser_servers *servers);

#endif
