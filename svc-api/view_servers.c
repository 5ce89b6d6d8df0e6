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

json_t *view_server(const struct browser_server *server)
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
	json_object_set_new(json, "heartbeat_age_s",
			    json_integer((json_int_t)server->heartbeat_age_s));
	json_object_set_new(json, "own", json_boolean(server->own));
	json_object_set_new(json, "favourite", json_boolean(server->favourite));
	return json;
}

json_t *view_servers(const struct browser_servers *servers)
{
	json_t *json = json_array();

	for (size_t i = 0; i < servers->n_servers; i++)
		json_array_append_new(json, view_server(&servers->servers[i]));
	return json;
}
