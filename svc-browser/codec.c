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
	message.sort = filter->sort;
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
	       take_tags(message->tags, message->n_tags, filter->tags, &filter->n_tags) &&
	       message->sort < BROWSER_SORTS;
	if (good) {
		filter->hide_full = message->hide_full;
		filter->hide_empty = message->hide_empty;
		filter->hide_password = message->hide_password;
		filter->favourites = message->favourites;
		filter->sort = message->sort;
	}
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

/* NULL for unknown. */
static Lanrage__Browser__Latency *latency_view(const struct browser_latency *latency,
					       Lanrage__Browser__Latency *m)
{
	lanrage__browser__latency__init(m);
	m->measurements = latency->measurements;
	m->us = latency->us;
	m->ema_us = latency->ema_us;
	m->trend = latency->trend;
	m->age_s = latency->age_s;
	return latency->measurements ? m : NULL;
}

static bool take_latency(const Lanrage__Browser__Latency *m, struct browser_latency *latency)
{
	*latency = (struct browser_latency){0};
	if (!m)
		return true;
	if (m->measurements == 0 || m->trend >= BROWSER_TRENDS)
		return false;
	*latency = (struct browser_latency){.measurements = m->measurements,
					    .us = m->us,
					    .ema_us = m->ema_us,
					    .age_s = m->age_s,
					    .trend = m->trend};
	return true;
}

struct server_message {
	Lanrage__Browser__Server server;
	Lanrage__Browser__Latency latency;
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
	m->latency = latency_view(&server->latency, &message->latency);
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
	       take_latency(m->latency, &server->latency) &&
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

struct list_message {
	struct server_message *items;
	Lanrage__Browser__Server **list;
};

/* To be cleared in any case. */
static bool list_view(const struct browser_servers *servers, struct list_message *message)
{
	message->items = calloc(servers->n_servers + 1, sizeof(*message->items));
	message->list = calloc(servers->n_servers + 1, sizeof(*message->list));
	if (!message->items || !message->list)
		return false;
	for (size_t i = 0; i < servers->n_servers; i++) {
		server_view(&servers->servers[i], &message->items[i]);
		message->list[i] = &message->items[i].server;
	}
	return true;
}

static void list_clear(struct list_message *message)
{
	free(message->items);
	free(message->list);
}

ssize_t browser_servers_encode(const struct browser_servers *servers, uint8_t **bytes)
{
	Lanrage__Browser__Servers message = LANRAGE__BROWSER__SERVERS__INIT;
	struct list_message list;
	ssize_t n = -ENOMEM;

	if (list_view(servers, &list)) {
		message.n_servers = servers->n_servers;
		message.servers = list.list;
		n = pb_pack(&message.base, bytes);
	}
	list_clear(&list);
	return n;
}

/* False with nothing to clear. */
static bool take_servers(Lanrage__Browser__Server *const *from, size_t n,
			 struct browser_servers *servers)
{
	bool good = n <= BROWSER_SERVERS_MAX;

	servers->n_servers = 0;
	servers->servers = good ? calloc(n + 1, sizeof(*servers->servers)) : NULL;
	good = servers->servers != NULL;
	for (size_t i = 0; good && i < n; i++)
		good = take_server(from[i], &servers->servers[i]);
	if (good)
		servers->n_servers = n;
	else
		browser_servers_clear(servers);
	return good;
}

int browser_servers_decode(struct browser_servers *servers, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Servers *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__browser__servers__descriptor, bytes, length);
	bool good;

	memset(servers, 0, sizeof(*servers));
	good = message && take_servers(message->servers, message->n_servers, servers);
	pb_free(&memory);
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

ssize_t browser_measurement_encode(const struct browser_measurement *measurement, uint8_t **bytes)
{
	Lanrage__Browser__Measurement message = LANRAGE__BROWSER__MEASUREMENT__INIT;
	Lanrage__Browser__Latency latency;

	message.latency = latency_view(&measurement->latency, &latency);
	message.sent = measurement->sent;
	message.answers = measurement->answers;
	return pb_pack(&message.base, bytes);
}

int browser_measurement_decode(struct browser_measurement *measurement, const uint8_t *bytes,
			       size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Measurement *message = pb_unpack(
		&memory, SMALL_BUDGET, &lanrage__browser__measurement__descriptor, bytes, length);
	bool good;

	memset(measurement, 0, sizeof(*measurement));
	good = message && message->answers <= message->sent &&
	       take_latency(message->latency, &measurement->latency);
	if (good) {
		measurement->sent = message->sent;
		measurement->answers = message->answers;
	}
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

static bool take_ids(char *const *from, size_t n, char (*ids)[BROWSER_ID_MAX], size_t *n_ids)
{
	if (n > BROWSER_FAVOURITES_MAX)
		return false;
	for (size_t i = 0; i < n; i++)
		if (!pb_take_text(from[i], ids[i], BROWSER_ID_MAX))
			return false;
	*n_ids = n;
	return true;
}

ssize_t browser_favourites_encode(const struct browser_favourites *favourites, uint8_t **bytes)
{
	Lanrage__Browser__Favourites message = LANRAGE__BROWSER__FAVOURITES__INIT;
	char *ids[BROWSER_FAVOURITES_MAX];
	struct list_message list;
	ssize_t n = -ENOMEM;

	for (size_t i = 0; i < favourites->n_ids; i++)
		ids[i] = pb_view_text(favourites->ids[i]);
	message.n_ids = favourites->n_ids;
	message.ids = ids;
	if (list_view(&favourites->servers, &list)) {
		message.n_servers = favourites->servers.n_servers;
		message.servers = list.list;
		n = pb_pack(&message.base, bytes);
	}
	list_clear(&list);
	return n;
}

int browser_favourites_decode(struct browser_favourites *favourites, const uint8_t *bytes,
			      size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Favourites *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__browser__favourites__descriptor, bytes, length);
	bool good;

	memset(favourites, 0, sizeof(*favourites));
	good = message &&
	       take_ids(message->ids, message->n_ids, favourites->ids, &favourites->n_ids) &&
	       take_servers(message->servers, message->n_servers, &favourites->servers);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}

void browser_favourites_clear(struct browser_favourites *favourites)
{
	browser_servers_clear(&favourites->servers);
	favourites->n_ids = 0;
}

ssize_t browser_statistics_encode(const struct browser_statistics *statistics, uint8_t **bytes)
{
	Lanrage__Browser__Statistics message = LANRAGE__BROWSER__STATISTICS__INIT;
	Lanrage__Browser__Game items[BROWSER_SERVERS_MAX], *games[BROWSER_SERVERS_MAX];

	for (size_t i = 0; i < statistics->n_games; i++) {
		const struct browser_game *game = &statistics->games[i];

		lanrage__browser__game__init(games[i] = &items[i]);
		items[i].name = pb_view_text(game->name);
		items[i].servers = game->servers;
		items[i].players = game->players;
	}
	message.servers = statistics->servers;
	message.players = statistics->players;
	message.max_players = statistics->max_players;
	message.favourites = statistics->favourites;
	message.full = statistics->full;
	message.empty = statistics->empty;
	message.with_password = statistics->with_password;
	message.n_games = statistics->n_games;
	message.games = games;
	return pb_pack(&message.base, bytes);
}

static bool take_games(const Lanrage__Browser__Statistics *m, struct browser_statistics *statistics)
{
	if (m->n_games > BROWSER_SERVERS_MAX)
		return false;
	statistics->games = calloc(m->n_games + 1, sizeof(*statistics->games));
	if (!statistics->games)
		return false;
	for (size_t i = 0; i < m->n_games; i++) {
		struct browser_game *game = &statistics->games[i];

		if (!pb_take_text(m->games[i]->name, game->name, sizeof(game->name)))
			return false;
		game->servers = m->games[i]->servers;
		game->players = m->games[i]->players;
	}
	statistics->n_games = m->n_games;
	return true;
}

int browser_statistics_decode(struct browser_statistics *statistics, const uint8_t *bytes,
			      size_t length)
{
	struct pb_memory memory;
	const Lanrage__Browser__Statistics *message = pb_unpack(
		&memory, LIST_BUDGET, &lanrage__browser__statistics__descriptor, bytes, length);
	bool good;

	memset(statistics, 0, sizeof(*statistics));
	good = message && take_games(message, statistics);
	if (good) {
		statistics->servers = message->servers;
		statistics->players = message->players;
		statistics->max_players = message->max_players;
		statistics->favourites = message->favourites;
		statistics->full = message->full;
		statistics->empty = message->empty;
		statistics->with_password = message->with_password;
	}
	pb_free(&memory);
	if (!good)
		browser_statistics_clear(statistics);
	return good ? 0 : -EBADMSG;
}

void browser_statistics_clear(struct browser_statistics *statistics)
{
	free(statistics->games);
	memset(statistics, 0, sizeof(*statistics));
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
	if (m->n_servers > BROWSER_OWN_MAX)
		return false;
	for (size_t i = 0; i < m->n_servers; i++)
		if (!take_server(m->servers[i], &kept->servers[i]))
			return false;
	kept->saved_s = m->saved_s;
	kept->n_servers = m->n_servers;
	return take_ids(m->favourites, m->n_favourites, kept->favourites, &kept->n_favourites);
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
