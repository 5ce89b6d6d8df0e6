#include "svc-browser/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "browser.pb-c.h"
#include "common/pb.h"

#define SMALL_BUDGET (64u << 10)
#define LIST_BUDGET  (1u << 20)

ssize_t browser_filter_encode(const struct browser_filter *filter, uint8_t **bytes)
{
	Lanrage__Browser__Filter message = LANRAGE__BROWSER__FILTER__INIT;

	message.game = pb_view_text(filter->game);
	return pb_pack(&message.base, bytes);
}

int browser_filter_decode(struct browser_filter *filter, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Filter *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__browser__filter__descriptor, bytes, length);
	bool good;

	memset(filter, 0, sizeof(*filter));
	good = message && pb_take_text(message->game, filter->game, sizeof(filter->game));
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

struct server_message {
	Lanrage__Browser__Server server;
	char *tags[BROWSER_TAGS_MAX];
};

static void server_view(const struct browser_server *server, struct server_message *message)
{
	Lanrage__Browser__Server *m = &message->server;

	lanrage__browser__server__init(m);
	m->id = pb_view_text(server->id);
	m->name = pb_view_text(server->name);
	m->game = pb_view_text(server->game);
	m->ip = pb_view(server->address.ip, addr_ip_length(&server->address));
	m->port = server->address.port;
	m->players = server->players;
	m->max_players = server->max_players;
	m->map = pb_view_text(server->map);
	m->mode = pb_view_text(server->mode);
	m->password = server->password;
	m->created_s = server->created_s;
	m->last_heartbeat_s = server->last_heartbeat_s;
	m->n_tags = server->n_tags;
	m->tags = message->tags;
	for (size_t i = 0; i < server->n_tags; i++)
		message->tags[i] = pb_view_text(server->tags[i]);
}

/* No address at all is fine: a removal names only the id. */
static bool take_address(const Lanrage__Browser__Server *m, struct addr *address)
{
	if (m->ip.len == 0)
		return m->port == 0;
	return m->port <= UINT16_MAX &&
	       addr_from_bytes(address, m->ip.data, m->ip.len, (uint16_t)m->port) == 0;
}

static bool take_tags(const Lanrage__Browser__Server *m, struct browser_server *server)
{
	if (m->n_tags > BROWSER_TAGS_MAX)
		return false;
	for (size_t i = 0; i < m->n_tags; i++)
		if (!pb_take_text(m->tags[i], server->tags[i], BROWSER_WORD_MAX))
			return false;
	server->n_tags = m->n_tags;
	return true;
}

static bool take_server(const Lanrage__Browser__Server *m, struct browser_server *server)
{
	server->players = m->players;
	server->max_players = m->max_players;
	server->password = m->password;
	server->created_s = m->created_s;
	server->last_heartbeat_s = m->last_heartbeat_s;
	return *m->id && pb_take_text(m->id, server->id, sizeof(server->id)) &&
	       pb_take_text(m->name, server->name, sizeof(server->name)) &&
	       pb_take_text(m->game, server->game, sizeof(server->game)) &&
	       pb_take_text(m->map, server->map, sizeof(server->map)) &&
	       pb_take_text(m->mode, server->mode, sizeof(server->mode)) &&
	       take_address(m, &server->address) && take_tags(m, server);
}

ssize_t browser_server_encode(const struct browser_server *server, uint8_t **bytes)
{
	struct server_message message;

	server_view(server, &message);
	return pb_pack(&message.server.base, bytes);
}

int browser_server_decode(struct browser_server *server, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Server *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__browser__server__descriptor, bytes, length);
	bool good;

	memset(server, 0, sizeof(*server));
	good = message && take_server(message, server);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t browser_servers_encode(const struct browser_servers *servers, uint8_t **bytes)
{
	Lanrage__Browser__Servers message = LANRAGE__BROWSER__SERVERS__INIT;
	struct server_message *items = calloc(servers->n_servers + 1, sizeof(*items));
	Lanrage__Browser__Server **list = calloc(servers->n_servers + 1, sizeof(*list));
	ssize_t n = -ENOMEM;

	if (items && list) {
		for (size_t i = 0; i < servers->n_servers; i++) {
			server_view(&servers->servers[i], &items[i]);
			list[i] = &items[i].server;
		}
		message.n_servers = servers->n_servers;
		message.servers = list;
		n = pb_pack(&message.base, bytes);
	}
	free(items);
	free(list);
	return n;
}

int browser_servers_decode(struct browser_servers *servers, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Servers *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__browser__servers__descriptor, bytes, length);
	bool good;

	memset(servers, 0, sizeof(*servers));
	good = message && message->n_servers <= BROWSER_SERVERS_MAX;
	if (good)
		servers->servers = calloc(message->n_servers + 1, sizeof(*servers->servers));
	good = good && servers->servers;
	for (size_t i = 0; good && i < message->n_servers; i++)
		good = take_server(message->servers[i], &servers->servers[i]);
	if (good)
		servers->n_servers = message->n_servers;
	pb_free(&memory);
	if (!good)
		browser_servers_clear(servers);
	return good ? 0 : -EBADMSG;
}

void browser_servers_clear(struct browser_servers *servers)
{
	free(servers->servers);
	memset(servers, 0, sizeof(*servers));
}
