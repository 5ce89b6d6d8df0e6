/* view_servers.c - game servers. */
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "svc-api/view.h"

static json_t *time_of(uint64_t seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	return seconds ? json_string(clock_rfc3339(seconds * CLOCK_SECOND, text)) : json_null();
}

static json_t *number_of(uint32_t number)
{
	return number == BROWSER_UNKNOWN ? json_null() : json_integer((json_int_t)number);
}

static json_t *full_of(const struct browser_server *server)
{
	if (server->players == BROWSER_UNKNOWN || server->max_players == BROWSER_UNKNOWN)
		return json_null();
	return json_boolean(browser_server_is_full(server));
}

static json_t *host_of(const struct browser_server *server)
{
	static const uint8_t unknown[sizeof(server->host)];
	char id[TEXT_ID_SIZE];
	json_t *name = view_text(server->host_name);

	if (memcmp(server->host, unknown, sizeof(unknown)) == 0)
		return json_pack("{s:n, s:o}", "id", "name", name);
	return json_pack("{s:s, s:o}", "id", text_id(server->host, id), "name", name);
}

static json_t *tags_of(const struct browser_server *server)
{
	json_t *tags = json_array();

	for (size_t i = 0; i < server->n_tags; i++)
		json_array_append_new(tags, view_text(server->tags[i]));
	return tags;
}

static void set_latency(json_t *json, const struct browser_latency *latency)
{
	static const char *const trends[BROWSER_TRENDS] = {"", "steady", "rising", "falling"};
	bool known = latency->measurements > 0;

	json_object_set_new(json, "latency_ms", view_ms(known ? latency->us : DATAPLANE_UNKNOWN));
	json_object_set_new(json, "latency_ema_ms",
			    view_ms(known ? latency->ema_us : DATAPLANE_UNKNOWN));
	json_object_set_new(json, "latency_trend", view_text(known ? trends[latency->trend] : ""));
}

/* Unknown where it was registered, by this clock, in the future. */
static json_t *age_of(const struct browser_server *server, uint64_t wall_us)
{
	uint64_t now_s = wall_us / CLOCK_SECOND;

	if (server->created_s == 0 || server->created_s > now_s)
		return json_null();
	return json_integer((json_int_t)(now_s - server->created_s));
}

json_t *view_server(const struct browser_server *server, uint64_t wall_us)
{
	json_t *json = json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "id",
		view_text(server->id), "name", view_text(server->name), "game",
		view_text(server->game), "host", host_of(server), "address",
		view_endpoint(&server->address), "port", (int)server->address.port, "players",
		number_of(server->players), "max_players", number_of(server->max_players), "full",
		full_of(server), "map", view_text(server->map), "mode", view_text(server->mode),
		"password", (int)server->password, "tags", tags_of(server));

	json_object_set_new(json, "created_at", time_of(server->created_s));
	json_object_set_new(json, "age_s", age_of(server, wall_us));
	json_object_set_new(json, "heartbeat_age_s",
			    json_integer((json_int_t)server->heartbeat_age_s));
	json_object_set_new(json, "own", json_boolean(server->own));
	json_object_set_new(json, "favourite", json_boolean(server->favourite));
	set_latency(json, &server->latency);
	json_object_set_new(json, "latency_age_s",
			    server->latency.measurements
				    ? json_integer((json_int_t)server->latency.age_s)
				    : json_null());
	return json;
}

json_t *view_servers(const struct browser_servers *servers, uint64_t wall_us)
{
	json_t *json = json_array();

	for (size_t i = 0; i < servers->n_servers; i++)
		json_array_append_new(json, view_server(&servers->servers[i], wall_us));
	return json;
}

static const struct browser_server *find(const struct browser_servers *servers, const char *id)
{
	for (size_t i = 0; i < servers->n_servers; i++)
		if (strcmp(servers->servers[i].id, id) == 0)
			return &servers->servers[i];
	return NULL;
}

json_t *view_favourites(const struct browser_favourites *favourites, uint64_t wall_us)
{
	json_t *json = json_array();

	for (size_t i = 0; i < favourites->n_ids; i++) {
		const struct browser_server *server =
			find(&favourites->servers, favourites->ids[i]);

		json_array_append_new(
			json, json_pack("{s:o, s:b, s:o}", "id", view_text(favourites->ids[i]),
					"present", server != NULL, "server",
					server ? view_server(server, wall_us) : json_null()));
	}
	return json;
}

static json_t *view_game(const struct browser_game *game)
{
	return json_pack("{s:I, s:o}", "servers", (json_int_t)game->servers, "players",
			 number_of(game->players));
}

json_t *view_statistics(const struct browser_statistics *statistics)
{
	json_t *games = json_object();

	for (size_t i = 0; i < statistics->n_games; i++)
		json_object_set_new(games, statistics->games[i].name,
				    view_game(&statistics->games[i]));
	return json_pack("{s:I, s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I}", "total_servers",
			 (json_int_t)statistics->servers, "total_players",
			 number_of(statistics->players), "max_players",
			 number_of(statistics->max_players), "unique_games",
			 (json_int_t)statistics->n_games, "games", games, "favourites",
			 (json_int_t)statistics->favourites, "full", (json_int_t)statistics->full,
			 "empty", (json_int_t)statistics->empty, "with_password",
			 (json_int_t)statistics->with_password);
}

json_t *view_games(const struct browser_statistics *statistics)
{
	json_t *json = json_array();

	for (size_t i = 0; i < statistics->n_games; i++) {
		json_t *game = json_pack("{s:o}", "game", view_text(statistics->games[i].name));

		json_object_update_new(game, view_game(&statistics->games[i]));
		json_array_append_new(json, game);
	}
	return json;
}

json_t *view_measurement(const char *id, const struct browser_measurement *measurement)
{
	json_t *json = json_pack("{s:o}", "id", view_text(id));

	set_latency(json, &measurement->latency);
	json_object_set_new(json, "answers", json_integer((json_int_t)measurement->answers));
	json_object_set_new(json, "sent", json_integer((json_int_t)measurement->sent));
	return json;
}

json_t *view_join(const struct browser_server *server, const struct control_member *member)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "id", view_text(server->id),
			 "name", view_text(server->name), "game", view_text(server->game),
			 "address", view_endpoint(&server->address), "password",
			 (int)server->password, "own", (int)server->own, "host", host_of(server),
			 "online", member ? json_boolean(member->online) : json_null());
}
