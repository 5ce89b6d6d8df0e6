/* handle_servers.c - game servers: list, register, keep, remove, favour. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

static bool ask_browser(const struct request *request, struct reply *reply, uint32_t type,
			uint8_t *bytes, ssize_t length, struct gather_ask *ask)
{
	*ask = (struct gather_ask){.to = SERVICE_BROWSER,
				   .type = type,
				   .timeout_ms = BUS_TIMEOUT_MS,
				   .repeatable = true}; /* even to register: by id */
	return ask_one(request, reply, ask, bytes, length);
}

/* ---- the list */

static bool take_text(const struct target_parameter *from, char out[BROWSER_WORD_MAX],
		      struct reply *reply)
{
	if (strlen(from->value) < BROWSER_WORD_MAX) {
		(void)snprintf(out, BROWSER_WORD_MAX, "%s", from->value);
		return true;
	}
	reply_error(reply, 400, "bad_value", "%s: at most %d bytes", from->name,
		    BROWSER_WORD_MAX - 1);
	return false;
}

static bool take_flag(const struct target_parameter *from, bool *flag, struct reply *reply)
{
	*flag = strcmp(from->value, "1") == 0 || strcmp(from->value, "true") == 0;
	if (*flag || strcmp(from->value, "0") == 0 || strcmp(from->value, "false") == 0)
		return true;
	reply_error(reply, 400, "bad_value", "%s: must be true or false", from->name);
	return false;
}

/* One or several with commas between. */
static bool take_tags(const struct target_parameter *from, struct browser_filter *filter,
		      struct reply *reply)
{
	for (const char *at = from->value; *at;) {
		size_t length = strcspn(at, ",");

		if (length >= BROWSER_WORD_MAX || filter->n_tags == BROWSER_TAGS_MAX) {
			reply_error(reply, 400, "bad_value", "tag: at most %d, of %d bytes each",
				    BROWSER_TAGS_MAX, BROWSER_WORD_MAX - 1);
			return false;
		}
		if (length)
			(void)snprintf(filter->tags[filter->n_tags++], BROWSER_WORD_MAX, "%.*s",
				       (int)length, at);
		at += length;
		at += *at == ',';
	}
	return true;
}

static bool take_parameter(const struct target_parameter *from, struct browser_filter *filter,
			   struct reply *reply)
{
	if (strcmp(from->name, "game") == 0)
		return take_text(from, filter->game, reply);
	if (strcmp(from->name, "search") == 0)
		return take_text(from, filter->search, reply);
	if (strcmp(from->name, "tag") == 0)
		return take_tags(from, filter, reply);
	if (strcmp(from->name, "hide_full") == 0)
		return take_flag(from, &filter->hide_full, reply);
	if (strcmp(from->name, "hide_empty") == 0)
		return take_flag(from, &filter->hide_empty, reply);
	if (strcmp(from->name, "hide_password") == 0)
		return take_flag(from, &filter->hide_password, reply);
	return take_flag(from, &filter->favourites, reply);
}

void handle_servers(const struct request *request, struct reply *reply)
{
	const struct target *target = request->target;
	struct browser_filter filter = {.game = ""};
	struct browser_servers servers;
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	for (size_t i = 0; i < target->n_parameters; i++)
		if (!take_parameter(&target->parameters[i], &filter, reply))
			return;
	length = browser_filter_encode(&filter, &bytes);
	if (!ask_browser(request, reply, BROWSER_LIST, bytes, length, &ask))
		return;
	if (browser_servers_decode(&servers, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_servers(&servers));
		browser_servers_clear(&servers);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* ---- registering */

/* Takes the encoded question over; the answer is a server. */
static void ask_for_server(const struct request *request, struct reply *reply, uint32_t type,
			   uint8_t *bytes, ssize_t length, int status)
{
	struct browser_server server;
	struct gather_ask ask;

	if (!ask_browser(request, reply, type, bytes, length, &ask))
		return;
	if (browser_server_decode(&server, ask.answer, ask.answer_length) == 0)
		reply_json(reply, status, view_server(&server));
	else
		ask_malformed(&ask, reply);
	free(ask.answer);
}

static void copy_tags(const json_t *body, struct browser_server *server)
{
	const json_t *tags = json_object_get(body, "tags");

	for (size_t i = 0; i < json_array_size(tags) && i < BROWSER_TAGS_MAX; i++)
		(void)snprintf(server->tags[server->n_tags++], BROWSER_WORD_MAX, "%s",
			       json_string_value(json_array_get(tags, i)));
}

static uint32_t players_of(const json_t *body, const char *name)
{
	return json_is_integer(json_object_get(body, name)) ? (uint32_t)body_number(body, name)
							    : BROWSER_UNKNOWN;
}

/* False with the reply made. */
static bool take_address(const json_t *body, struct addr *address, struct reply *reply)
{
	const char *text = body_text(body, "address");
	uint16_t port = (uint16_t)body_number(body, "port");

	*address = (struct addr){.port = port};
	if (*text && (addr_parse(address, text) < 0 || !addr_is_sendable(address))) {
		reply_error(reply, 400, "bad_value",
			    "address: must be ADDRESS:PORT in numbers, for example "
			    "10.66.0.2:27015; or give the port alone");
		return false;
	}
	if (address->port == 0)
		address->port = port;
	if (address->port != 0 && (port == 0 || port == address->port))
		return true;
	reply_error(reply, 400, "bad_value",
		    address->port == 0 ? "port: missing, as it is in "
					 "neither port nor address"
				       : "port: not the address's");
	return false;
}

/* A server without an id gets a random one. */
static void take_description(const json_t *body, struct browser_server *server)
{
	body_copy(body, "id", server->id, BROWSER_OWN_ID_MAX);
	if (!*server->id)
		(void)snprintf(server->id, sizeof(server->id), "%08x%08x", randombytes_random(),
			       randombytes_random());
	body_copy(body, "name", server->name, sizeof(server->name));
	body_copy(body, "game", server->game, sizeof(server->game));
	body_copy(body, "map", server->map, sizeof(server->map));
	body_copy(body, "mode", server->mode, sizeof(server->mode));
	server->players = players_of(body, "players");
	server->max_players = players_of(body, "max_players");
	server->password = body_bool(body, "password");
	copy_tags(body, server);
}

void handle_add_server(const struct request *request, struct reply *reply)
{
	struct browser_server server = {0};
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_address(request->body, &server.address, reply))
		return;
	take_description(request->body, &server);
	length = browser_server_encode(&server, &bytes);
	ask_for_server(request, reply, BROWSER_REGISTER, bytes, length, 201);
}

/* ---- one server, by the id in the path */

/* An id that is too long is nobody's. */
static bool take_id(const struct request *request, struct browser_wish *wish, struct reply *reply)
{
	if (strlen(request->parameter) >= sizeof(wish->id)) {
		reply_error(reply, 404, "not_found", "no server has that id");
		return false;
	}
	(void)snprintf(wish->id, sizeof(wish->id), "%s", request->parameter);
	return true;
}

static void ask_wish(const struct request *request, struct reply *reply, uint32_t type,
		     struct browser_wish *wish)
{
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, wish, reply))
		return;
	length = browser_wish_encode(wish, &bytes);
	ask_for_server(request, reply, type, bytes, length, 200);
}

void handle_server(const struct request *request, struct reply *reply)
{
	ask_wish(request, reply, BROWSER_GET, &(struct browser_wish){.id = ""});
}

void handle_heartbeat(const struct request *request, struct reply *reply)
{
	ask_wish(request, reply, BROWSER_HEARTBEAT, &(struct browser_wish){.id = ""});
}

void handle_players(const struct request *request, struct reply *reply)
{
	struct browser_wish wish = {.players = players_of(request->body, "players"),
				    .max_players = players_of(request->body, "max_players")};

	ask_wish(request, reply, BROWSER_SET_PLAYERS, &wish);
}

/* True when it was done; else the reply is made. */
static bool do_wish(const struct request *request, struct reply *reply, uint32_t type,
		    struct browser_wish *wish)
{
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, wish, reply))
		return false;
	length = browser_wish_encode(wish, &bytes);
	if (!ask_browser(request, reply, type, bytes, length, &ask))
		return false;
	free(ask.answer);
	return true;
}

void handle_remove_server(const struct request *request, struct reply *reply)
{
	struct browser_wish wish = {.id = ""};

	if (do_wish(request, reply, BROWSER_REMOVE, &wish))
		reply_json(reply, 200, json_pack("{s:s}", "id", wish.id));
}

static void set_favourite(const struct request *request, struct reply *reply, bool favourite)
{
	struct browser_wish wish = {.favourite = favourite};

	if (do_wish(request, reply, BROWSER_SET_FAVOURITE, &wish))
		reply_json(reply, 200,
			   json_pack("{s:s, s:b}", "id", wish.id, "favourite", (int)favourite));
}

void handle_add_favourite(const struct request *request, struct reply *reply)
{
	set_favourite(request, reply, true);
}

void handle_remove_favourite(const struct request *request, struct reply *reply)
{
	set_favourite(request, reply, false);
}
