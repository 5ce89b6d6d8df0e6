/* handle_servers.c - game servers: list, register, remove. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* Takes the encoded question over. True with the answer in *ask; else the reply is made. */
static bool ask_browser(const struct request *request, struct reply *reply, uint32_t type,
			uint8_t *bytes, ssize_t length, struct gather_ask *ask)
{
	*ask = (struct gather_ask){.to = SERVICE_BROWSER,
				   .type = type,
				   .body = bytes,
				   .length = length > 0 ? (size_t)length : 0,
				   .timeout_ms = BUS_TIMEOUT_MS,
				   .repeatable = true}; /* even to register: by id */
	if (length < 0) {
		reply_json(reply, 500, NULL);
		return false;
	}
	gather_run(request->api->gather, ask, 1);
	free(bytes);
	if (ask->error.code == 0)
		return true;
	reply_failure(reply, SERVICE_BROWSER, &ask->error);
	return false;
}

void handle_servers(const struct request *request, struct reply *reply)
{
	const char *game = target_parameter(request->target, "game", "");
	struct browser_filter filter = {.game = ""};
	struct browser_servers servers;
	struct gather_ask ask;
	struct error error;
	uint8_t *bytes = NULL;

	if (strlen(game) >= sizeof(filter.game)) {
		reply_error(reply, 400, "bad_value", "game: at most %zu bytes",
			    sizeof(filter.game) - 1);
		return;
	}
	(void)snprintf(filter.game, sizeof(filter.game), "%s", game);
	ssize_t length = browser_filter_encode(&filter, &bytes);
	if (!ask_browser(request, reply, BROWSER_LIST, bytes, length, &ask))
		return;
	if (browser_servers_decode(&servers, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_servers(&servers));
		browser_servers_clear(&servers);
	} else {
		error_set(&error, -EPROTO, "the answer is malformed");
		reply_failure(reply, SERVICE_BROWSER, &error);
	}
	free(ask.answer);
}

static void copy_tags(const json_t *body, struct browser_server *server)
{
	const json_t *tags = json_object_get(body, "tags");

	for (size_t i = 0; i < json_array_size(tags) && i < BROWSER_TAGS_MAX; i++)
		(void)snprintf(server->tags[server->n_tags++], BROWSER_WORD_MAX, "%s",
			       json_string_value(json_array_get(tags, i)));
}

/* A server without an id gets a random one. */
static int from_body(const json_t *body, struct browser_server *server)
{
	memset(server, 0, sizeof(*server));
	body_copy(body, "id", server->id, sizeof(server->id));
	if (!*server->id)
		(void)snprintf(server->id, sizeof(server->id), "%08x%08x", randombytes_random(),
			       randombytes_random());
	body_copy(body, "name", server->name, sizeof(server->name));
	body_copy(body, "game", server->game, sizeof(server->game));
	body_copy(body, "map", server->map, sizeof(server->map));
	body_copy(body, "mode", server->mode, sizeof(server->mode));
	server->players = (uint32_t)body_number(body, "players");
	server->max_players = (uint32_t)body_number(body, "max_players");
	server->password = body_bool(body, "password");
	copy_tags(body, server);
	if (addr_parse(&server->address, body_text(body, "address")) < 0 ||
	    server->address.port == 0 || !addr_is_sendable(&server->address))
		return -EINVAL;
	return 0;
}

void handle_add_server(const struct request *request, struct reply *reply)
{
	struct browser_server server;
	struct gather_ask ask;
	uint8_t *bytes = NULL;

	if (from_body(request->body, &server) < 0) {
		reply_error(
			reply, 400, "bad_value",
			"address: must be ADDRESS:PORT in numbers, for example 10.66.0.2:27015");
		return;
	}
	ssize_t length = browser_server_encode(&server, &bytes);
	if (!ask_browser(request, reply, BROWSER_REGISTER, bytes, length, &ask))
		return;
	free(ask.answer);
	reply_json(reply, 201, view_server(&server));
}

void handle_remove_server(const struct request *request, struct reply *reply)
{
	struct browser_server server = {0};
	struct gather_ask ask;
	uint8_t *bytes = NULL;

	if (strlen(request->parameter) >= sizeof(server.id)) {
		reply_error(reply, 404, "not_found", "no server has that id");
		return;
	}
	(void)snprintf(server.id, sizeof(server.id), "%s", request->parameter);
	ssize_t length = browser_server_encode(&server, &bytes);
	if (!ask_browser(request, reply, BROWSER_REMOVE, bytes, length, &ask))
		return;
	free(ask.answer);
	reply_json(reply, 200, json_pack("{s:s}", "id", server.id));
}
