/* handle_metrics.c - what svc-metrics measured: this machine and the peers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/member.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

static struct gather_ask question(uint32_t type)
{
	return (struct gather_ask){.to = SERVICE_METRICS,
				   .type = type,
				   .timeout_ms = SNAPSHOT_TIMEOUT_MS,
				   .repeatable = true};
}

/* False with the reply made. */
static bool take_seconds(const struct request *request, struct metrics_wish *wish,
			 struct reply *reply)
{
	unsigned long seconds = METRICS_HISTORY_S;

	if (target_number(request->target, "seconds", METRICS_HISTORY_S, &seconds) < 0) {
		reply_error(reply, 400, "bad_value", "seconds: must be a number from 0 to %d",
			    METRICS_HISTORY_S);
		return false;
	}
	wish->seconds = (uint32_t)seconds;
	return true;
}

/* ---- this machine */

void handle_system(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_SYSTEM);
	struct metrics_system system;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return;
	if (metrics_system_decode(&system, ask.answer, ask.answer_length) == 0)
		reply_json(reply, 200, view_system(&system, clock_wall_us()));
	else
		ask_malformed(&ask, reply);
	free(ask.answer);
}

void handle_system_history(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_SYSTEM_HISTORY);
	struct metrics_wish wish = {.seconds = 0};
	struct metrics_system_history history;
	uint8_t *bytes = NULL;
	ssize_t length;

	if (!take_seconds(request, &wish, reply))
		return;
	length = metrics_wish_encode(&wish, &bytes);
	if (!ask_one(request, reply, &ask, bytes, length))
		return;
	if (metrics_system_history_decode(&history, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_system_history(&history, clock_wall_us()));
		metrics_system_history_clear(&history);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* ---- LAN discovery */

/* The data plane counts, and nobody keeps a history of it. */
void handle_metrics_lan(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(DATAPLANE_GET_STATE);
	struct dataplane_state state;

	ask.to = SERVICE_DATAPLANE;
	if (!ask_one(request, reply, &ask, NULL, 0))
		return;
	if (dataplane_state_decode(&state, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_lan(&state));
		dataplane_state_clear(&state);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

/* ---- the peers */

/* False with the reply made. */
static bool ask_peers(const struct request *request, struct metrics_peers *peers,
		      struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_PEERS);
	bool good;

	if (!ask_one(request, reply, &ask, NULL, 0))
		return false;
	good = metrics_peers_decode(peers, ask.answer, ask.answer_length) == 0;
	free(ask.answer);
	if (!good)
		ask_malformed(&ask, reply);
	return good;
}

void handle_metrics_peers(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));
	struct metrics_peers peers;

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return;
	}
	if (ask_peers(request, &peers, reply)) {
		snapshot_take(snapshot, request->api->gather, request->api->service->run,
			      BUS_FROM(SERVICE_CONTROL));
		reply_json(reply, 200,
			   view_metrics_peers(&peers, snapshot->control, clock_wall_us()));
		snapshot_clear(snapshot);
		metrics_peers_clear(&peers);
	}
	free(snapshot);
}

/* One that was never measured is a member all the same: all is unknown. */
static bool ask_peer(const struct request *request, const struct metrics_wish *wish,
		     struct metrics_peer_history *history, struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_PEER);
	uint8_t *bytes = NULL;
	ssize_t length = metrics_wish_encode(wish, &bytes);
	bool good;

	if (!ask_one(request, reply, &ask, bytes, length)) {
		if (ask.error.code != -ENOENT)
			return false;
		*history = (struct metrics_peer_history){.peer.now = metrics_sample_unknown};
		memcpy(history->peer.public_key, wish->public_key, DATAPLANE_KEY_SIZE);
		return true;
	}
	good = metrics_peer_history_decode(history, ask.answer, ask.answer_length) == 0;
	free(ask.answer);
	if (!good)
		ask_malformed(&ask, reply);
	return good;
}

/* One that has left is found by the key that the list shows. */
static bool find_by_key(const struct request *request, uint8_t key[DATAPLANE_KEY_SIZE], bool *found,
			struct reply *reply)
{
	struct metrics_peers peers;
	char id[TEXT_ID_SIZE];

	*found = false;
	if (!ask_peers(request, &peers, reply))
		return false;
	for (size_t i = 0; i < peers.n_peers && !*found; i++) {
		*found = strcmp(text_id(peers.peers[i].public_key, id), request->parameter) == 0;
		memcpy(key, peers.peers[i].public_key, DATAPLANE_KEY_SIZE);
	}
	metrics_peers_clear(&peers);
	return true;
}

static void answer_peer(const struct request *request, const struct snapshot *snapshot,
			struct metrics_wish *wish, struct reply *reply)
{
	const struct control_member *member = NULL;
	struct metrics_peer_history history;
	bool found;

	if (!find_by_key(request, wish->public_key, &found, reply))
		return;
	if (found) {
		member = member_of_key(snapshot->control, wish->public_key);
	} else {
		member = member_find(snapshot->control, request->parameter, reply);
		if (!member)
			return;
		memcpy(wish->public_key, member->wireguard_key, DATAPLANE_KEY_SIZE);
	}
	if (!ask_peer(request, wish, &history, reply))
		return;
	reply_json(reply, 200, view_metrics_peer(&history, member, snapshot, clock_wall_us()));
	metrics_peer_history_clear(&history);
}

void handle_metrics_peer(const struct request *request, struct reply *reply)
{
	struct metrics_wish wish = {.seconds = 0};
	struct snapshot *snapshot;

	if (!take_seconds(request, &wish, reply))
		return;
	snapshot = member_snapshot(request, SNAPSHOT_PEERS, reply);
	if (!snapshot)
		return;
	answer_peer(request, snapshot, &wish, reply);
	snapshot_clear(snapshot);
	free(snapshot);
}
