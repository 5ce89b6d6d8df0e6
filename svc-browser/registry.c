#include "svc-browser/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"

static struct registry_entry *registry_find(struct registry *registry, const char *id)
{
	for (size_t i = 0; i < registry->n_entries; i++)
		if (strcmp(registry->entries[i].server.id, id) == 0)
			return &registry->entries[i];
	return NULL;
}

static bool entry_is_expired(const struct registry_entry *entry, uint64_t now_us)
{
	return now_us - entry->heard_us >= REGISTRY_EXPIRY_S * CLOCK_SECOND;
}

/* Order does not matter: the last one takes the place. */
static void registry_drop(struct registry *registry, struct registry_entry *entry)
{
	const struct registry_entry *last = &registry->entries[--registry->n_entries];

	if (entry != last)
		*entry = *last;
}

int registry_put(struct registry *registry, const struct browser_server *server, uint64_t now_us,
		 uint64_t wall_s)
{
	struct registry_entry *known;
	uint64_t created_s = wall_s;

	registry_expire(registry, now_us);
	known = registry_find(registry, server->id);
	if (known) {
		created_s = known->server.created_s;
	} else {
		if (registry->n_entries == BROWSER_SERVERS_MAX)
			return -ENOSPC;
		known = &registry->entries[registry->n_entries++];
	}
	known->server = *server;
	known->server.created_s = created_s;
	known->server.last_heartbeat_s = wall_s;
	known->heard_us = now_us;
	return 0;
}

int registry_remove(struct registry *registry, const char *id)
{
	struct registry_entry *known = registry_find(registry, id);

	if (!known)
		return -ENOENT;
	registry_drop(registry, known);
	return 0;
}

size_t registry_expire(struct registry *registry, uint64_t now_us)
{
	size_t dropped = 0;

	for (size_t i = 0; i < registry->n_entries;) {
		if (!entry_is_expired(&registry->entries[i], now_us)) {
			i++;
			continue;
		}
		registry_drop(registry, &registry->entries[i]);
		dropped++;
	}
	return dropped;
}

int registry_list(const struct registry *registry, const struct browser_filter *filter,
		  uint64_t now_us, struct browser_servers *servers)
{
	servers->n_servers = 0;
	servers->servers = calloc(registry->n_entries + 1, sizeof(*servers->servers));
	if (!servers->servers)
		return -ENOMEM;
	for (size_t i = 0; i < registry->n_entries; i++) {
		const struct registry_entry *entry = &registry->entries[i];

		if (!entry_is_expired(entry, now_us) &&
		    (!*filter->game || strcasecmp(filter->game, entry->server.game) == 0))
			servers->servers[servers->n_servers++] = entry->server;
	}
	return 0;
}
