#include "svc-api/live.h"

#include <civetweb.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-api/ask.h"
#include "svc-api/doorman.h"
#include "svc-api/events.h"
#include "svc-api/http.h"
#include "svc-api/routes.h"
#include "svc-api/snapshot.h"
#include "svc-api/view.h"

#define SILENT_S 5

/* ---- the state */

/* A list as an object, by a member of its items. list is taken over. */
static json_t *by_id(json_t *list, const char *id)
{
	json_t *object = json_object(), *item;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *name = json_string_value(json_object_get(item, id));

		if (name)
			(void)json_object_set(object, name, item);
	}
	json_decref(list);
	return object;
}

static json_t *view_live(const struct api *api, const struct snapshot *snapshot)
{
	uint64_t wall_us = clock_wall_us();
	const struct control_status *control = snapshot->control;
	const struct metrics_peers *peers = snapshot->peers;

	return json_pack(
		"{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "status",
		ask_is_early(api, snapshot->now_us) ? json_null() : view_status(snapshot),
		"network", view_network(snapshot), "peers",
		control ? by_id(view_peers(snapshot), "id") : json_null(), "servers",
		snapshot->servers ? by_id(view_servers(snapshot->servers, wall_us), "id")
				  : json_null(),
		"metrics",
		peers ? by_id(view_metrics_peers(peers, control, wall_us), "key") : json_null(),
		"system", snapshot->system ? view_system(snapshot->system, wall_us) : json_null(),
		"quality", peers ? view_quality(peers, control) : json_null());
}

/* What to ask for: a service that is silent is asked now and then only, as what the others say
 * would be late. */
static uint32_t worth_asking(const uint64_t silent_until_us[SERVICE_COUNT], uint64_t now_us)
{
	uint32_t sources = 0;

	for (enum snapshot_source i = 0; i < SNAPSHOT_SOURCES; i++)
		if (now_us >= silent_until_us[snapshot_service(i)])
			sources |= SNAPSHOT_OF(i);
	return sources & SNAPSHOT_LIVE;
}

static void note_silent(uint64_t silent_until_us[SERVICE_COUNT], const struct snapshot *snapshot)
{
	for (enum snapshot_source i = 0; i < SNAPSHOT_SOURCES; i++)
		if (snapshot->errors[i].code == -ETIMEDOUT)
			silent_until_us[snapshot_service(i)] =
				snapshot->now_us + SILENT_S * CLOCK_SECOND;
}

static json_t *look(void *data)
{
	static uint64_t silent_until_us[SERVICE_COUNT];
	struct api *api = data;
	struct snapshot *snapshot = malloc(sizeof(*snapshot));
	json_t *state = NULL;

	if (!snapshot)
		return NULL;
	snapshot_take(snapshot, api->gather, api->service->run,
		      worth_asking(silent_until_us, clock_now_us()));
	note_silent(silent_until_us, snapshot);
	snapshot->asked = SNAPSHOT_SERVICES; /* one that was left out is silent still */
	atomic_fetch_or(&api->seen, snapshot->answered);
	state = view_live(api, snapshot);
	snapshot_clear(snapshot);
	free(snapshot);
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
