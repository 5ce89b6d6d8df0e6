/* view_servers.c - game servers. */
#include "common/clock.h"
#include "svc-api/view.h"

static json_t *time_of(uint64_t seconds)
{
	char text[CLOCK_RFC3339_SIZE];

	return seconds ? json_string(clock_rfc3339(seconds * CLOCK_SECOND, text)) : json_null();
}

json_t *view_server(const struct browser_server *server)
{
	json_t *tags = json_array();
	json_t *json;

	for (size_t i = 0; i < server->n_tags; i++)
		json_array_append_new(tags, view_text(server->tags[i]));
	json = json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:o}", "id",
			 view_text(server->id), "name", view_text(server->name), "game",
			 view_text(server->game), "address", view_endpoint(&server->address),
			 "players", (json_int_t)server->players, "max_players",
			 (json_int_t)server->max_players, "map", view_text(server->map), "mode",
			 view_text(server->mode), "password", (int)server->password, "tags", tags);
	json_object_set_new(json, "created_at", time_of(server->created_s));
	json_object_set_new(json, "last_heartbeat_at", time_of(server->last_heartbeat_s));
	return json;
}

json_t *view_servers(const struct browser_servers *servers)
{
	json_t *json = json_array();

	for (size_t i = 0; i < servers->n_servers; i++)
		json_array_append_new(json, view_server(&servers->servers[i]));
	return json;
}
