/* handle_server.c - one game server: register, look, keep, remove, favour, measure, join. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/member.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* Everything here may be asked twice, even to register: by id. */
static bool ask_browser(const struct request *request, struct reply *reply, uint32_t type,
			uint8_t *bytes, ssize_t length, struct gather_ask *ask)
{
	*ask = (struct gather_ask){.to = SERVICE_BROWSER,
				   .type = type,
				   .timeout_ms = type == BROWSER_MEASURE ? BROWSER_MEASURE_MS
									 : BUS_TIMEOUT_MS,
				   .repeatable = true};
	return ask_one(request, reply, ask, bytes, length);
}

/* ---- registering */

/* Takes the encoded question over. False with the reply made. */
static bool ask_for_server(const struct request *request, struct reply *reply, uint32_t type,
			   uint8_t *bytes, ssize_t length, struct browser_server *server)
{
	struct gather_ask ask;
	bool good;

	if (!ask_browser(request, reply, type, bytes, length, &ask))
		return false;
	good = browser_server_decode(server, ask.answer, ask.answer_length) == 0;
	if (!good)
		ask_malformed(&ask, reply);
	free(ask.answer);
	return good;
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
	if (ask_for_server(request, reply, BROWSER_REGISTER, bytes, length, &server))
		reply_json(reply, 201, view_server(&server, clock_wall_us()));
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
	struct browser_server server;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, wish, reply))
		return;
	length = browser_wish_encode(wish, &bytes);
	if (ask_for_server(request, reply, type, bytes, length, &server))
		reply_json(reply, 200, view_server(&server, clock_wall_us()));
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

/* ---- the way to it */

void handle_measure(const struct request *request, struct reply *reply)
{
	struct browser_measurement measurement;
	struct browser_wish wish = {.id = ""};
	struct gather_ask ask;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, &wish, reply))
		return;
	length = browser_wish_encode(&wish, &bytes);
	if (!ask_browser(request, reply, BROWSER_MEASURE, bytes, length, &ask))
		return;
	if (browser_measurement_decode(&measurement, ask.answer, ask.answer_length) == 0)
		reply_json(reply, 200, view_measurement(wish.id, &measurement));
	else
		ask_malformed(&ask, reply);
	free(ask.answer);
}

static const struct control_member *member_of(const struct control_status *control,
					      const struct browser_server *server)
{
	for (size_t i = 0; i < control->n_members; i++)
		if (memcmp(control->members[i].identity, server->host, sizeof(server->host)) == 0)
			return &control->members[i];
	return NULL;
}

/* The tunnel decides who can be joined: what the rendezvous server says of a member may be late. */
static void join(const struct snapshot *snapshot, const struct browser_server *server,
		 struct reply *reply)
{
	const struct control_member *member = member_of(snapshot->control, server);
	bool connected =
		member && snapshot_active_path(snapshot_peer(snapshot, member->wireguard_key));

	if (addr_is_none(&server->address))
		reply_error(reply, 409, "no_address",
			    "the server has no address, as this machine is in no party; join one "
			    "first");
	else if (server->own || connected)
		reply_json(reply, 200, view_join(server, member));
	else if (!snapshot->dataplane)
		reply_error(reply, 504, "silent",
			    "the dataplane service does not answer, so it is not known whether the "
			    "server can be reached; see `lanrage doctor`");
	else
		reply_error(reply, 409, "no_path",
			    "the member that runs the server is not connected now; see `lanrage "
			    "why %s`",
			    server->host_name);
}

void handle_join_server(const struct request *request, struct reply *reply)
{
	struct browser_wish wish = {.id = ""};
	struct browser_server server;
	struct snapshot *snapshot;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_id(request, &wish, reply))
		return;
	length = browser_wish_encode(&wish, &bytes);
	if (!ask_for_server(request, reply, BROWSER_GET, bytes, length, &server))
		return;
	snapshot = member_snapshot(request, SNAPSHOT_MEMBERS, reply);
	if (!snapshot)
		return;
	join(snapshot, &server, reply);
	ask_done(snapshot);
}
