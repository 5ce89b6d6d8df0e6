/* dispatch.c - who may ask for what. Whatever is not in the table is refused by the bus. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/service.h"

static void reply_code(struct bus_call *call, int code, const char *what)
{
	struct error error;

	if (code == 0) {
		bus_reply(call, NULL, 0);
		return;
	}
	error_set(&error, code, "%s: %s", what,
		  code == -ESTALE ? "a newer revision is in force" : strerror(-code));
	bus_reply_error(call, code, error.text);
}

static void get_key(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_key key;
	uint8_t *answer;
	ssize_t n;

	(void)body;
	(void)length;
	service_key(data, &key);
	n = dataplane_key_encode(&key, &answer);
	if (n < 0)
		reply_code(call, (int)n, "key");
	else
		bus_reply(call, answer, (size_t)n);
	free(answer);
}

static void set_party(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_party party;
	int result = dataplane_party_decode(&party, body, length);

	if (result == 0) {
		result = service_set_party(data, &party, body, length);
		dataplane_party_clear(&party);
	}
	reply_code(call, result, "party");
}

static void set_plan(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_plan plan;
	int result = dataplane_plan_decode(&plan, body, length);

	if (result == 0) {
		result = service_set_plan(data, &plan, body, length);
		dataplane_plan_clear(&plan);
	}
	reply_code(call, result, "plan");
}

/* A large party with all its paths is more than a message holds: what works is worth most. */
static void keep_working_paths(struct dataplane_state *state)
{
	for (size_t i = 0; i < state->n_peers; i++) {
		struct dataplane_peer *peer = &state->peers[i];
		ssize_t active = -1;
		size_t n = 0;

		for (size_t k = 0; k < peer->n_paths; k++) {
			if (peer->active_path == (ssize_t)k)
				active = (ssize_t)n;
			else if (peer->paths[k].state != DATAPLANE_PATH_WORKING)
				continue;
			peer->paths[n++] = peer->paths[k];
		}
		peer->n_paths = n;
		peer->active_path = active;
	}
}

static void get_state(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_state state;
	uint8_t *answer = NULL;
	ssize_t n = service_state(data, &state);

	(void)body;
	(void)length;
	if (n == 0) {
		n = dataplane_state_encode(&state, &answer);
		if (n == -EMSGSIZE) {
			keep_working_paths(&state);
			n = dataplane_state_encode(&state, &answer);
		}
		dataplane_state_clear(&state);
	}
	if (n < 0)
		reply_code(call, (int)n, "state");
	else
		bus_reply(call, answer, (size_t)n);
	free(answer);
}

static void probe(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_key key;
	int result = dataplane_key_decode(&key, body, length);

	if (result < 0)
		reply_code(call, result, "probe");
	else
		service_probe(data, call, &key);
}

static void send_note(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_note note;
	int result = dataplane_note_decode(&note, body, length);

	if (result == 0)
		result = service_send_note(data, &note);
	if (result < 0)
		reply_code(call, result, "note");
	else
		bus_reply(call, NULL, 0);
	explicit_bzero(&note, sizeof(note));
}

static void take_notes(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct dataplane_take_notes wish;
	struct dataplane_notes notes = {0};
	uint8_t *answer = NULL;
	ssize_t n = dataplane_take_notes_decode(&wish, body, length);

	if (n == 0)
		n = service_take_notes(data, &wish, &notes);
	if (n == 0)
		n = dataplane_notes_encode(&notes, &answer);
	dataplane_notes_clear(&notes);
	if (n < 0)
		reply_code(call, (int)n, "notes");
	else
		bus_reply(call, answer, (size_t)n);
	if (n > 0)
		explicit_bzero(answer, (size_t)n);
	free(answer);
}

static void moved(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)body;
	(void)length;
	service_moved(data);
	bus_reply(call, NULL, 0);
}

static void check_lan(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	(void)body;
	(void)length;
	lanservice_check(data, call);
}

#define CONTROL BUS_FROM(SERVICE_CONTROL)
#define NAT	BUS_FROM(SERVICE_NAT)
#define METRICS BUS_FROM(SERVICE_METRICS)
#define BROWSER BUS_FROM(SERVICE_BROWSER)
#define API	BUS_FROM(SERVICE_API)

const struct bus_method dispatch_methods[] = {
	{DATAPLANE_GET_KEY, CONTROL, get_key},
	{DATAPLANE_SET_PARTY, CONTROL, set_party},
	{DATAPLANE_SET_PLAN, NAT, set_plan},
	{DATAPLANE_GET_STATE, NAT | CONTROL | METRICS | API, get_state},
	{DATAPLANE_SEND_NOTE, CONTROL, send_note},
	{DATAPLANE_TAKE_NOTES, CONTROL, take_notes},
	{DATAPLANE_MOVED, NAT, moved},
	{DATAPLANE_CHECK_LAN, API, check_lan},
	{DATAPLANE_PROBE, API | METRICS | BROWSER | CONTROL, probe},
	{0, 0, NULL},
};
