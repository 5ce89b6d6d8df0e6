#include "svc-browser/shared_codec.h"

#include <errno.h>
#include <string.h>

#include "browser.pb-c.h"
#include "common/pb.h"
#include "common/text.h"

#define BUDGET (64u << 10)

bool browser_id_is_own(const char *id)
{
	return text_is_name(id, BROWSER_OWN_ID_MAX) && !strchr(id, '@');
}

struct server_message {
	Lanrage__Browser__SharedServer server;
	char *tags[BROWSER_TAGS_MAX];
};

static void server_view(const struct browser_shared_server *shared, struct server_message *message)
{
	const struct browser_server *server = &shared->server;
	Lanrage__Browser__SharedServer *m = &message->server;

	lanrage__browser__shared_server__init(m);
	m->id = pb_view_text(server->id);
	m->name = pb_view_text(server->name);
	m->game = pb_view_text(server->game);
	m->port = server->address.port;
	m->players = server->players;
	m->max_players = server->max_players;
	m->map = pb_view_text(server->map);
	m->mode = pb_view_text(server->mode);
	m->password = server->password;
	m->n_tags = server->n_tags;
	m->tags = message->tags;
	for (size_t i = 0; i < server->n_tags; i++)
		message->tags[i] = pb_view_text(server->tags[i]);
	m->age_s = shared->age_s;
	m->heartbeat_age_s = server->heartbeat_age_s;
}

ssize_t browser_shared_encode(const struct browser_shared *shared, uint8_t **bytes)
{
	Lanrage__Browser__Shared message = LANRAGE__BROWSER__SHARED__INIT;
	struct server_message items[BROWSER_OWN_MAX];
	Lanrage__Browser__SharedServer *servers[BROWSER_OWN_MAX];

	for (size_t i = 0; i < shared->n_servers; i++) {
		server_view(&shared->servers[i], &items[i]);
		servers[i] = &items[i].server;
	}
	message.edition = shared->edition;
	message.n_servers = shared->n_servers;
	message.servers = servers;
	return pb_pack(&message.base, bytes);
}

static bool take_texts(const Lanrage__Browser__SharedServer *m, struct browser_server *server)
{
	if (!browser_id_is_own(m->id) || !text_is_name(m->name, sizeof(server->name)) ||
	    !text_is_name(m->game, sizeof(server->game)) || m->n_tags > BROWSER_TAGS_MAX)
		return false;
	for (size_t i = 0; i < m->n_tags; i++)
		if (!text_is_name(m->tags[i], BROWSER_WORD_MAX) ||
		    !pb_take_text(m->tags[i], server->tags[i], BROWSER_WORD_MAX))
			return false;
	server->n_tags = m->n_tags;
	return pb_take_text(m->id, server->id, sizeof(server->id)) &&
	       pb_take_text(m->name, server->name, sizeof(server->name)) &&
	       pb_take_text(m->game, server->game, sizeof(server->game)) &&
	       pb_take_text(m->map, server->map, sizeof(server->map)) &&
	       pb_take_text(m->mode, server->mode, sizeof(server->mode));
}

static bool take_server(const Lanrage__Browser__SharedServer *m,
			struct browser_shared_server *shared)
{
	struct browser_server *server = &shared->server;

	if (m->port == 0 || m->port > UINT16_MAX || !browser_players_are_possible(m->players) ||
	    !browser_players_are_possible(m->max_players))
		return false;
	server->address.port = (uint16_t)m->port;
	server->players = m->players;
	server->max_players = m->max_players;
	server->password = m->password;
	server->heartbeat_age_s = m->heartbeat_age_s;
	shared->age_s = m->age_s;
	return take_texts(m, server);
}

static bool has_twins(const struct browser_shared *shared)
{
	for (size_t i = 0; i < shared->n_servers; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(shared->servers[i].server.id, shared->servers[k].server.id) == 0)
				return true;
	return false;
}

static bool take_shared(const Lanrage__Browser__Shared *m, struct browser_shared *shared)
{
	if (m->n_servers > BROWSER_OWN_MAX)
		return false;
	for (size_t i = 0; i < m->n_servers; i++)
		if (!take_server(m->servers[i], &shared->servers[i]))
			return false;
	shared->edition = m->edition;
	shared->n_servers = m->n_servers;
	return !has_twins(shared);
}

int browser_shared_decode(struct browser_shared *shared, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Shared *message =
		pb_unpack(&memory, BUDGET, &lanrage__browser__shared__descriptor, bytes, length);
	bool good;

	memset(shared, 0, sizeof(*shared));
	good = message && take_shared(message, shared);
	pb_free(&memory);
	if (!good)
		memset(shared, 0, sizeof(*shared));
	return good ? 0 : -EBADMSG;
}
