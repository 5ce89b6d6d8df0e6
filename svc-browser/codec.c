#include "svc-browser/codec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "browser.pb-c.h"
#include "common/pb.h"

#define SMALL_BUDGET (64u << 10)
#define LIST_BUDGET  (4u << 20) /* of BROWSER_SERVERS_MAX */

bool browser_players_are_possible(uint32_t players)
{
	return players <= BROWSER_PLAYERS_MAX || players == BROWSER_UNKNOWN;
}

bool browser_server_is_full(const struct browser_server *server)
{
	return server->players != BROWSER_UNKNOWN && server->max_players != BROWSER_UNKNOWN &&
	       server->players >= server->max_players;
}

static void view_tags(const char (*tags)[BROWSER_WORD_MAX], size_t n, char **out)
{
	for (size_t i = 0; i < n; i++)
		out[i] = pb_view_text(tags[i]);
}

static bool take_tags(char *const *from, size_t n, char (*tags)[BROWSER_WORD_MAX], size_t *n_tags)
{
	if (n > BROWSER_TAGS_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!pb_take_text(from[i], tags[i], BROWSER_WORD_MAX))
			return false;
	*n_tags = n;
	return true;
}

ssize_t browser_filter_encode(const struct browser_filter *filter, uint8_t **bytes)
{
	Lanrage__Browser__Filter message = LANRAGE__BROWSER__FILTER__INIT;
	char *tags[BROWSER_TAGS_MAX];

	message.game = pb_view_text(filter->game);
	message.search = pb_view_text(filter->search);
	message.n_tags = filter->n_tags;
	message.tags = tags;
	view_tags(filter->tags, filter->n_tags, tags);
	message.hide_full = filter->hide_full;
	message.hide_empty = filter->hide_empty;
	message.hide_password = filter->hide_password;
	message.favourites = filter->favourites;
	return pb_pack(&message.base, bytes);
}

int browser_filter_decode(struct browser_filter *filter, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Filter *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__browser__filter__descriptor, bytes, length);
	bool good;

	memset(filter, 0, sizeof(*filter));
	good = message && pb_take_text(message->game, filter->game, sizeof(filter->game)) &&
	       pb_take_text(message->search, filter->search, sizeof(filter->search)) &&
	       take_tags(message->tags, message->n_tags, filter->tags, &filter->n_tags);
	if (good) {
		filter->hide_full = message->hide_full;
		filter->hide_empty = message->hide_empty;
		filter->hide_password = message->hide_password;
		filter->favourites = message->favourites;
	}
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
	m->host = pb_view(server->host, sizeof(server->host));
	m->host_name = pb_view_text(server->host_name);
	m->ip = pb_view(server->address.ip, addr_ip_length(&server->address));
	m->port = server->address.port;
	m->players = server->players;
	m->max_players = server->max_players;
	m->map = pb_view_text(server->map);
	m->mode = pb_view_text(server->mode);
	m->password = server->password;
	m->n_tags = server->n_tags;
	m->tags = message->tags;
	view_tags(server->tags, server->n_tags, message->tags);
	m->created_s = server->created_s;
	m->heartbeat_age_s = server->heartbeat_age_s;
	m->own = server->own;
	m->favourite = server->favourite;
}

/* A port without an address is fine: the address is not known yet, or for the browser to fill in.
 */
static bool take_address(const Lanrage__Browser__Server *m, struct addr *address)
{
	if (m->port > UINT16_MAX)
		return false;
	address->port = (uint16_t)m->port;
	return m->ip.len == 0 ||
	       addr_from_bytes(address, m->ip.data, m->ip.len, (uint16_t)m->port) == 0;
}

static bool take_players(const Lanrage__Browser__Server *m, struct browser_server *server)
{
	server->players = m->players;
	server->max_players = m->max_players;
	return browser_players_are_possible(m->players) &&
	       browser_players_are_possible(m->max_players);
}

static bool take_server(const Lanrage__Browser__Server *m, struct browser_server *server)
{
	server->password = m->password;
	server->created_s = m->created_s;
	server->heartbeat_age_s = m->heartbeat_age_s;
	server->own = m->own;
	server->favourite = m->favourite;
	return *m->id && pb_take_text(m->id, server->id, sizeof(server->id)) &&
	       pb_take_text(m->name, server->name, sizeof(server->name)) &&
	       pb_take_text(m->game, server->game, sizeof(server->game)) &&
	       pb_take(&m->host, server->host, sizeof(server->host)) &&
	       pb_take_text(m->host_name, server->host_name, sizeof(server->host_name)) &&
	       pb_take_text(m->map, server->map, sizeof(server->map)) &&
	       pb_take_text(m->mode, server->mode, sizeof(server->mode)) &&
	       take_address(m, &server->address) && take_players(m, server) &&
	       take_tags(m->tags, m->n_tags, server->tags, &server->n_tags);
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

ssize_t browser_wish_encode(const struct browser_wish *wish, uint8_t **bytes)
{
	Lanrage__Browser__Wish message = LANRAGE__BROWSER__WISH__INIT;

	message.id = pb_view_text(wish->id);
	message.players = wish->players;
	message.max_players = wish->max_players;
	message.favourite = wish->favourite;
	return pb_pack(&message.base, bytes);
}

int browser_wish_decode(struct browser_wish *wish, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Wish *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__browser__wish__descriptor, bytes, length);
	bool good;

	memset(wish, 0, sizeof(*wish));
	good = message && *message->id && pb_take_text(message->id, wish->id, sizeof(wish->id)) &&
	       browser_players_are_possible(message->players) &&
	       browser_players_are_possible(message->max_players);
	if (good) {
		wish->players = message->players;
		wish->max_players = message->max_players;
		wish->favourite = message->favourite;
	}
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

ssize_t browser_kept_encode(const struct browser_kept *kept, uint8_t **bytes)
{
	Lanrage__Browser__Kept message = LANRAGE__BROWSER__KEPT__INIT;
	struct server_message items[BROWSER_OWN_MAX];
	Lanrage__Browser__Server *servers[BROWSER_OWN_MAX];
	char *favourites[BROWSER_FAVOURITES_MAX];

	for (size_t i = 0; i < kept->n_servers; i++) {
		server_view(&kept->servers[i], &items[i]);
		servers[i] = &items[i].server;
	}
	for (size_t i = 0; i < kept->n_favourites; i++)
		favourites[i] = pb_view_text(kept->favourites[i]);
	message.saved_s = kept->saved_s;
	message.n_servers = kept->n_servers;
	message.servers = servers;
	message.n_favourites = kept->n_favourites;
	message.favourites = favourites;
	return pb_pack(&message.base, bytes);
}

static bool take_kept(const Lanrage__Browser__Kept *m, struct browser_kept *kept)
{
	if (m->n_servers > BROWSER_OWN_MAX || m->n_favourites > BROWSER_FAVOURITES_MAX)
		return false;
	for (size_t i = 0; i < m->n_servers; i++)
		if (!take_server(m->servers[i], &kept->servers[i]))
			return false;
	for (size_t i = 0; i < m->n_favourites; i++)
		if (!pb_take_text(m->favourites[i], kept->favourites[i], BROWSER_ID_MAX))
			return false;
	kept->saved_s = m->saved_s;
	kept->n_servers = m->n_servers;
	kept->n_favourites = m->n_favourites;
	return true;
}

int browser_kept_decode(struct browser_kept *kept, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Kept *message =
		pb_unpack(&memory, LIST_BUDGET, &lanrage__browser__kept__descriptor, bytes, length);
	bool good;

	memset(kept, 0, sizeof(*kept));
	good = message && take_kept(message, kept);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}
