#include "svc-api/live.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/doorman.h"
#include "svc-api/events.h"
#include "svc-api/handlers.h"
#include "svc-api/http.h"
#include "svc-api/routes.h"

/* ---- the state */

static const struct {
	const char *name;
	void (*handler)(const struct request *request, struct reply *reply);
	const char *id; /* lists become objects by this member; NULL: as it is */
} parts[] = {
	{"status", handle_status, NULL},
	{"network", handle_network, NULL},
	{"peers", handle_peers, "id"},
	{"servers", handle_servers, "id"},
	{"metrics", handle_metrics_peers, "key"},
	{"system", handle_system, NULL},
	{"quality", handle_quality, NULL},
};

static json_t *by_id(const json_t *list, const char *id)
{
	json_t *object = json_object(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, id));

		if (name)
			(void)json_object_set(object, name, item);
	}
	return object;
}

static json_t *look(void *data)
{
	static const struct target nothing;
	struct api *api = data;
	json_t *state = json_object(), *body = json_object();

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		struct request request = {.api = api, .target = &nothing, .body = body};
		struct reply reply = {0};
		json_t *part;

		parts[i].handler(&request, &reply);
		if (reply.status != 200)
			part = json_null();
		else if (parts[i].id)
			part = by_id(reply.json, parts[i].id);
		else
			part = json_incref(reply.json);
		(void)json_object_set_new(state, parts[i].name, part);
		reply_clear(&reply);
	}
	json_decref(body);
	return state;
}

static void seen(void *data, const json_t *state)
{
	struct api *api = data;

	poster_see(api->poster, state);
}

/* ---- the readers */

static bool write_text(void *connection, const char *text, size_t length)
{
	return mg_websocket_write(connection, MG_WEBSOCKET_OPCODE_TEXT, text, length) ==
	       (int)length;
}

static void cut(void *connection)
{
	struct api *api = mg_get_user_context_data(connection);
	struct addr from = http_other_end(connection);

	doorman_cut(api->doorman, &from);
}

static void on_ready(struct mg_connection *connection, void *data)
{
	struct api *api = data;

	mg_set_user_connection_data(connection, events_join(api->events, connection));
}

static int on_data(struct mg_connection *connection, int bits, char *bytes, size_t length,
		   void *data)
{
	int opcode = bits & 0xf;

	(void)connection;
	(void)bytes;
	(void)length;
	(void)data;
	return opcode == MG_WEBSOCKET_OPCODE_PING || opcode == MG_WEBSOCKET_OPCODE_PONG;
}

static void on_close(const struct mg_connection *connection, void *data)
{
	(void)data;
	events_leave(mg_get_user_connection_data(connection));
}

int live_start(struct api *api)
{
	const struct events_ops ops = {
		.look = look, .write = write_text, .cut = cut, .seen = seen, .data = api};

	return events_new(&api->events, &ops);
}

void live_serve(struct mg_context *context, struct api *api)
{
	mg_set_websocket_handler(context, LIVE_PATH, NULL, on_ready, on_data, on_close, api);
}
