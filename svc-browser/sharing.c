#include "svc-browser/sharing.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/text.h"

/* ---- outwards */

void sharing_note_change(struct sharing *sharing)
{
	sharing->changed = true;
}

void sharing_note_heartbeat(struct sharing *sharing)
{
	sharing->alive = true;
}

uint64_t sharing_due_us(const struct sharing *sharing)
{
	if (!sharing->pushed)
		return 0;
	if (sharing->changed)
		return sharing->pushed_us + SHARING_GAP_S * CLOCK_SECOND;
	if (sharing->alive)
		return sharing->pushed_us + SHARING_ALIVE_S * CLOCK_SECOND;
	return CLOCK_NEVER;
}

static void add(struct browser_shared *shared, const struct browser_server *server,
		uint64_t heartbeat_age_us, uint64_t wall_s)
{
	struct browser_shared_server *to = &shared->servers[shared->n_servers++];

	to->server = *server;
	to->server.heartbeat_age_s = (uint32_t)(heartbeat_age_us / CLOCK_SECOND);
	to->age_s = wall_s > server->created_s ? wall_s - server->created_s : 0;
}

/* One that was registered outside the party may be at another address. */
static bool is_here(const struct registry *registry, const struct browser_server *server)
{
	return addr_is_none(&server->address) ||
	       addr_equal_ip(&server->address, &registry->self.address);
}

int sharing_pack(struct sharing *sharing, const struct registry *registry, uint64_t now_us,
		 uint64_t wall_s, uint64_t edition, struct control_shared *out)
{
	struct browser_shared shared = {.edition = edition};
	uint8_t *bytes;
	ssize_t n;

	memset(out, 0, sizeof(*out));
	for (size_t i = 0; i < registry->n_own; i++)
		if (is_here(registry, &registry->own[i].server))
			add(&shared, &registry->own[i].server, now_us - registry->own[i].heard_us,
			    wall_s);
	sharing->pushed = true;
	sharing->changed = sharing->alive = false;
	sharing->pushed_us = now_us;
	if (shared.n_servers == 0)
		return 0;
	n = browser_shared_encode(&shared, &bytes);
	if (n < 0)
		return (int)n;
	if (n <= CONTROL_SHARED_MAX)
		memcpy(out->bytes, bytes, out->length = (size_t)n);
	free(bytes);
	return n > CONTROL_SHARED_MAX ? -EMSGSIZE : 0;
}

/* With every number as long as it can get. */
static void add_widest(struct browser_shared *shared, const struct browser_server *server)
{
	struct browser_shared_server *to = &shared->servers[shared->n_servers++];

	*to = (struct browser_shared_server){.server = *server, .age_s = UINT32_MAX};
	to->server.players = to->server.max_players = BROWSER_UNKNOWN;
	to->server.heartbeat_age_s = REGISTRY_EXPIRY_S;
}

int sharing_check_room(const struct registry *registry, const struct browser_server *server)
{
	struct browser_shared shared = {.edition = UINT64_MAX};
	uint8_t *bytes;
	ssize_t n;

	add_widest(&shared, server);
	for (size_t i = 0; i < registry->n_own && shared.n_servers < BROWSER_OWN_MAX; i++)
		if (strcmp(registry->own[i].server.id, server->id) != 0)
			add_widest(&shared, &registry->own[i].server);
	n = browser_shared_encode(&shared, &bytes);
	if (n < 0)
		return (int)n;
	free(bytes);
	return n > CONTROL_SHARED_MAX ? -EMSGSIZE : 0;
}

/* ---- inwards */

static const struct control_member *find_member(const struct control_status *status,
						const uint8_t identity[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < status->n_members; i++) {
		const struct control_member *member = &status->members[i];

		if (memcmp(member->identity, identity, DATAPLANE_KEY_SIZE) == 0)
			return member->self || addr_is_none(&member->address) ? NULL : member;
	}
	return NULL;
}

static struct sharing_member *find_known(struct sharing *sharing,
					 const uint8_t identity[DATAPLANE_KEY_SIZE])
{
	for (size_t i = 0; i < sharing->n_members; i++)
		if (memcmp(sharing->members[i].identity, identity, DATAPLANE_KEY_SIZE) == 0)
			return &sharing->members[i];
	return NULL;
}

/* True when the bytes are others than before. */
static bool note(struct sharing_member *known, bool is_new, const struct control_shared *shared,
		 bool online, uint64_t now_us, uint64_t wall_s)
{
	uint8_t digest[SHARING_DIGEST_SIZE];

	crypto_generichash(digest, sizeof(digest), shared->bytes, shared->length, NULL, 0);
	if (!is_new && memcmp(known->digest, digest, sizeof(digest)) == 0)
		return false;
	memcpy(known->identity, shared->identity, sizeof(known->identity));
	memcpy(known->digest, digest, sizeof(digest));
	known->heard = !is_new || online;
	known->seen_us = now_us;
	known->seen_wall_s = wall_s;
	return true;
}

static void list_one(struct registry *registry, const struct control_member *member,
		     const struct sharing_member *known, const struct browser_shared_server *from)
{
	struct browser_server server = from->server;
	char id[TEXT_ID_SIZE];

	(void)snprintf(server.id, sizeof(server.id), "%s@%s", from->server.id,
		       text_id(member->identity, id));
	memcpy(server.host, member->identity, sizeof(server.host));
	memcpy(server.host_name, member->name, sizeof(server.host_name));
	server.address = member->address;
	server.address.port = from->server.address.port;
	server.created_s = from->age_s < known->seen_wall_s ? known->seen_wall_s - from->age_s : 0;
	if (registry_add_other(registry, &server,
			       known->seen_us - server.heartbeat_age_s * CLOCK_SECOND) == -ENOSPC) {
		static struct log_limit limit;

		if (log_limit_pass(&limit, known->seen_us, 60 * CLOCK_SECOND))
			log_warning("servers: more than %d in the party, the rest is not listed",
				    REGISTRY_OTHERS_MAX);
	}
}

static void take_member(struct registry *registry, const struct control_member *member,
			const struct sharing_member *known, const struct control_shared *from,
			bool is_news)
{
	struct browser_shared shared;

	if (browser_shared_decode(&shared, from->bytes, from->length) < 0) {
		if (is_news)
			log_warning("member %s: what its browser tells is malformed: ignored",
				    member->name);
		return;
	}
	for (size_t i = 0; known->heard && i < shared.n_servers; i++)
		list_one(registry, member, known, &shared.servers[i]);
}

/* Forgets members that are in the list no longer. */
static void forget(struct sharing *sharing, const struct control_shared_list *list)
{
	size_t n = 0;

	for (size_t i = 0; i < sharing->n_members; i++)
		for (size_t k = 0; k < list->n_members; k++)
			if (memcmp(sharing->members[i].identity, list->members[k].identity,
				   DATAPLANE_KEY_SIZE) == 0) {
				sharing->members[n++] = sharing->members[i];
				break;
			}
	sharing->n_members = n;
}

void sharing_take(struct sharing *sharing, struct registry *registry,
		  const struct control_status *status, const struct control_shared_list *list,
		  uint64_t now_us, uint64_t wall_s)
{
	registry_clear_others(registry);
	forget(sharing, list);
	for (size_t i = 0; i < list->n_members; i++) {
		const struct control_shared *shared = &list->members[i];
		const struct control_member *member = find_member(status, shared->identity);
		struct sharing_member *known = find_known(sharing, shared->identity);
		bool is_new = !known, is_news;

		if (!member || (is_new && sharing->n_members == DATAPLANE_MEMBERS_MAX))
			continue;
		if (is_new)
			known = &sharing->members[sharing->n_members++];
		is_news = note(known, is_new, shared, member->online, now_us, wall_s);
		take_member(registry, member, known, shared, is_news);
	}
}
