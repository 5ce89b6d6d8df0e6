#include "svc-browser/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/text.h"
#include "svc-browser/shared_codec.h"

static bool entry_is_expired(const struct registry_entry *entry, uint64_t now_us)
{
	return now_us - entry->heard_us >= REGISTRY_EXPIRY_S * CLOCK_SECOND;
}

static const struct registry_entry *find(const struct registry_entry *entries, size_t n,
					 const char *id, uint64_t now_us)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(entries[i].server.id, id) == 0 && !entry_is_expired(&entries[i], now_us))
			return &entries[i];
	return NULL;
}

void registry_plain_id(const struct registry *registry, const char *id, char plain[BROWSER_ID_MAX])
{
	char member[TEXT_ID_SIZE];
	const char *at = strchr(id, '@');
	size_t length = strlen(id);

	if (at && strcmp(at + 1, text_id(registry->self.identity, member)) == 0)
		length = (size_t)(at - id);
	(void)snprintf(plain, BROWSER_ID_MAX, "%.*s", (int)length, id);
}

/* ---- the own ones */

static int find_own(struct registry *registry, const char *id, uint64_t now_us,
		    struct registry_entry **own)
{
	char plain[BROWSER_ID_MAX];

	registry_plain_id(registry, id, plain);
	*own = (struct registry_entry *)find(registry->own, registry->n_own, plain, now_us);
	if (*own)
		return 0;
	return find(registry->others, registry->n_others, plain, now_us) ? -EPERM : -ENOENT;
}

static bool is_well_described(const struct browser_server *server)
{
	for (size_t i = 0; i < server->n_tags; i++)
		if (!text_is_name(server->tags[i], BROWSER_WORD_MAX))
			return false;
	return browser_id_is_own(server->id) && text_is_name(server->name, BROWSER_NAME_MAX) &&
	       text_is_name(server->game, BROWSER_WORD_MAX) && server->address.port != 0;
}

/* Outside a party there is nobody to mislead. */
static bool is_here(const struct registry *registry, const struct addr *address)
{
	return addr_is_none(address) || addr_is_none(&registry->self.address) ||
	       addr_equal_ip(address, &registry->self.address);
}

static bool is_same(const struct browser_server *a, const struct browser_server *b)
{
	bool same = strcmp(a->name, b->name) == 0 && strcmp(a->game, b->game) == 0 &&
		    strcmp(a->map, b->map) == 0 && strcmp(a->mode, b->mode) == 0 &&
		    addr_equal(&a->address, &b->address) && a->players == b->players &&
		    a->max_players == b->max_players && a->password == b->password &&
		    a->n_tags == b->n_tags;

	for (size_t i = 0; same && i < a->n_tags; i++)
		same = strcmp(a->tags[i], b->tags[i]) == 0;
	return same;
}

int registry_register(struct registry *registry, const struct browser_server *server,
		      uint64_t now_us, uint64_t wall_s)
{
	struct browser_server new = *server;
	struct registry_entry *own;

	if (!is_well_described(server))
		return -EINVAL;
	if (!is_here(registry, &server->address))
		return -EADDRNOTAVAIL;
	registry_expire(registry, now_us);
	new.created_s = wall_s;
	if (find_own(registry, server->id, now_us, &own) == 0) {
		new.created_s = own->server.created_s;
		own->heard_us = now_us;
		if (is_same(&own->server, &new))
			return REGISTRY_SAME;
	} else if (registry->n_own < BROWSER_OWN_MAX) {
		own = &registry->own[registry->n_own++];
	} else {
		return -ENOSPC;
	}
	*own = (struct registry_entry){.server = new, .heard_us = now_us};
	return 0;
}

int registry_restore(struct registry *registry, const struct browser_server *server,
		     uint64_t now_us)
{
	if (registry->n_own == BROWSER_OWN_MAX)
		return -ENOSPC;
	registry->own[registry->n_own++] = (struct registry_entry){
		.server = *server, .heard_us = now_us - server->heartbeat_age_s * CLOCK_SECOND};
	return 0;
}

int registry_heartbeat(struct registry *registry, const char *id, uint64_t now_us)
{
	struct registry_entry *own;
	int r = find_own(registry, id, now_us, &own);

	if (r == 0)
		own->heard_us = now_us;
	return r;
}

int registry_set_players(struct registry *registry, const char *id, uint32_t players,
			 uint32_t max_players, uint64_t now_us)
{
	struct registry_entry *own;
	int r = find_own(registry, id, now_us, &own);

	if (r < 0)
		return r;
	own->heard_us = now_us;
	if (max_players == BROWSER_UNKNOWN)
		max_players = own->server.max_players;
	if (own->server.players == players && own->server.max_players == max_players)
		return REGISTRY_SAME;
	own->server.players = players;
	own->server.max_players = max_players;
	return 0;
}

/* Keeps the order. */
static void drop(struct registry_entry *entries, size_t *n, size_t i)
{
	(*n)--;
	memmove(&entries[i], &entries[i + 1], (*n - i) * sizeof(*entries));
}

int registry_remove(struct registry *registry, const char *id, uint64_t now_us)
{
	struct registry_entry *own;
	int r = find_own(registry, id, now_us, &own);

	if (r == 0)
		drop(registry->own, &registry->n_own, (size_t)(own - registry->own));
	return r;
}

/* ---- the others' */

int registry_add_other(struct registry *registry, const struct browser_server *server,
		       uint64_t heard_us)
{
	if (registry->n_others == REGISTRY_OTHERS_MAX)
		return -ENOSPC;
	for (size_t i = 0; i < registry->n_others; i++)
		if (strcmp(registry->others[i].server.id, server->id) == 0)
			return -EEXIST;
	registry->others[registry->n_others++] =
		(struct registry_entry){.server = *server, .heard_us = heard_us};
	return 0;
}

void registry_clear_others(struct registry *registry)
{
	registry->n_others = 0;
}

/* ---- time */

static size_t expire(struct registry_entry *entries, size_t *n, uint64_t now_us)
{
	size_t before = *n;

	for (size_t i = *n; i-- > 0;)
		if (entry_is_expired(&entries[i], now_us))
			drop(entries, n, i);
	return before - *n;
}

size_t registry_expire(struct registry *registry, uint64_t now_us)
{
	expire(registry->others, &registry->n_others, now_us);
	return expire(registry->own, &registry->n_own, now_us);
}

/* ---- looking */

static void show(const struct registry *registry, const struct favourites *favourites,
		 const struct registry_entry *entry, bool own, uint64_t now_us,
		 struct browser_server *server)
{
	const struct registry_self *self = &registry->self;

	*server = entry->server;
	server->heartbeat_age_s = (uint32_t)((now_us - entry->heard_us) / CLOCK_SECOND);
	server->own = own;
	server->favourite = favourites_has(favourites, server->id);
	if (!own)
		return;
	memcpy(server->host, self->identity, sizeof(server->host));
	memcpy(server->host_name, self->name, sizeof(server->host_name));
	if (addr_is_none(&server->address) && !addr_is_none(&self->address)) {
		uint16_t port = server->address.port;

		server->address = self->address;
		server->address.port = port;
	}
}

static bool has_any_tag(const struct browser_server *server, const struct browser_filter *filter)
{
	for (size_t i = 0; i < server->n_tags; i++)
		for (size_t k = 0; k < filter->n_tags; k++)
			if (strcasecmp(server->tags[i], filter->tags[k]) == 0)
				return true;
	return filter->n_tags == 0;
}

static bool is_found(const struct browser_server *server, const char *search)
{
	return strcasestr(server->name, search) || strcasestr(server->game, search) ||
	       strcasestr(server->map, search) || strcasestr(server->host_name, search);
}

static bool matches(const struct browser_server *server, const struct browser_filter *filter)
{
	return (!*filter->game || strcasecmp(filter->game, server->game) == 0) &&
	       is_found(server, filter->search) && has_any_tag(server, filter) &&
	       !(filter->hide_full && browser_server_is_full(server)) &&
	       !(filter->hide_empty && server->players == 0) &&
	       !(filter->hide_password && server->password) &&
	       !(filter->favourites && !server->favourite);
}

int registry_get(const struct registry *registry, const struct favourites *favourites,
		 const char *id, uint64_t now_us, struct browser_server *server)
{
	const struct registry_entry *entry;
	char plain[BROWSER_ID_MAX];
	bool own;

	registry_plain_id(registry, id, plain);
	entry = find(registry->own, registry->n_own, plain, now_us);
	own = entry != NULL;
	if (!entry)
		entry = find(registry->others, registry->n_others, plain, now_us);
	if (!entry)
		return -ENOENT;
	show(registry, favourites, entry, own, now_us, server);
	return 0;
}

bool registry_has_of(const struct registry *registry, const uint8_t identity[DATAPLANE_KEY_SIZE],
		     uint64_t now_us)
{
	for (size_t i = 0; i < registry->n_others; i++) {
		const struct registry_entry *entry = &registry->others[i];

		if (memcmp(entry->server.host, identity, DATAPLANE_KEY_SIZE) == 0 &&
		    !entry_is_expired(entry, now_us))
			return true;
	}
	return false;
}

int registry_list(const struct registry *registry, const struct favourites *favourites,
		  const struct browser_filter *filter, uint64_t now_us,
		  struct browser_servers *servers)
{
	size_t n = registry->n_own + registry->n_others;

	servers->n_servers = 0;
	servers->servers = calloc(n + 1, sizeof(*servers->servers));
	if (!servers->servers)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		struct browser_server *server = &servers->servers[servers->n_servers];
		bool own = i < registry->n_own;
		const struct registry_entry *entry =
			own ? &registry->own[i] : &registry->others[i - registry->n_own];

		show(registry, favourites, entry, own, now_us, server);
		if (!entry_is_expired(entry, now_us) && matches(server, filter))
			servers->n_servers++;
	}
	return 0;
}
