#include "svc-api/live.h"

#include <civetweb.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-api/doorman.h"
#include "svc-api/events.h"
#include "svc-api/handlers.h"
#include "svc-api/http.h"
#include "svc-api/routes.h"

#define SILENT_S 5

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

#define PARTS (sizeof(parts) / sizeof(parts[0]))

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

/* NULL: it cannot be had. */
static json_t *ask_for(struct api *api, size_t i, int *status)
{
	static const struct target nothing;
	json_t *body = json_object(), *part = NULL;
	struct request request = {.api = api, .target = &nothing, .body = body};
	struct reply reply = {0};

	parts[i].handler(&request, &reply);
	*status = reply.status;
	if (reply.status == 200)
		part = parts[i].id ? by_id(reply.json, parts[i].id) : json_incref(reply.json);
	reply_clear(&reply);
	json_decref(body);
	return part;
}

/* A service that is silent is waited for now and then only: what the others say would be late. */
static json_t *look(void *data)
{
	static uint64_t silent_until_us[PARTS];
	json_t *state = json_object();

	for (size_t i = 0; i < PARTS; i++) {
		uint64_t now_us = clock_now_us();
		json_t *part = NULL;
		int status = 0;

		if (now_us >= silent_until_us[i])
			part = ask_for(data, i, &status);
		if (status == 504)
			silent_until_us[i] = now_us + SILENT_S * CLOCK_SECOND;
		(void)json_object_set_new(state, parts[i].name, part ? part : json_null());
	}
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
