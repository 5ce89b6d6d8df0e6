/* handle_metrics.c - what svc-metrics measured of the peers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/text.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/member.h"
#include "svc-api/range.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

static struct gather_ask question(uint32_t type)
{
	return (struct gather_ask){.to = SERVICE_METRICS,
				   .type = type,
				   .timeout_ms = SNAPSHOT_TIMEOUT_MS,
				   .repeatable = true};
}

/* ---- all of them */

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

/* view is given the members, or NULL where control does not answer. */
static void answer_peers(const struct request *request, struct reply *reply,
			 json_t *(*view)(const struct metrics_peers *peers,
					 const struct control_status *control))
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
		reply_json(reply, 200, view(&peers, snapshot->control));
		snapshot_clear(snapshot);
		metrics_peers_clear(&peers);
	}
	free(snapshot);
}

static json_t *view_peers_now(const struct metrics_peers *peers,
			      const struct control_status *control)
{
	return view_metrics_peers(peers, control, clock_wall_us());
}

void handle_metrics_peers(const struct request *request, struct reply *reply)
{
	answer_peers(request, reply, view_peers_now);
}

void handle_quality(const struct request *request, struct reply *reply)
{
	answer_peers(request, reply, view_quality);
}

/* The machine's part is unknown where it does not come. */
void handle_summary(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_SYSTEM);
	struct metrics_system system;
	struct metrics_peers peers;
	bool measured;

	if (!ask_peers(request, &peers, reply))
		return;
	gather_run(request->api->gather, &ask, 1);
	measured = ask.error.code == 0 &&
		   metrics_system_decode(&system, ask.answer, ask.answer_length) == 0;
	free(ask.answer);
	reply_json(reply, 200, view_summary(&peers, measured ? &system : NULL));
	metrics_peers_clear(&peers);
}

/* ---- one of them */

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

/* The key of whom the path names; *member NULL: none of the party's now. False with the reply
 * made. */
static bool find_peer(const struct request *request, const struct snapshot *snapshot,
		      uint8_t key[DATAPLANE_KEY_SIZE], const struct control_member **member,
		      struct reply *reply)
{
	bool found;

	if (!find_by_key(request, key, &found, reply))
		return false;
	if (found) {
		*member = member_of_key(snapshot->control, key);
		return true;
	}
	*member = member_find(snapshot->control, request->parameter, reply);
	if (*member)
		memcpy(key, (*member)->wireguard_key, DATAPLANE_KEY_SIZE);
	return *member != NULL;
}

/* One that was never measured is a member all the same: all is unknown. */
static bool ask_peer(const struct request *request, const struct metrics_key *key,
		     struct metrics_peer_detail *detail, struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_PEER);
	uint8_t *bytes = NULL;
	ssize_t length = metrics_key_encode(key, &bytes);
	bool good;

	if (!ask_one(request, reply, &ask, bytes, length)) {
		if (ask.error.code != -ENOENT)
			return false;
		*detail = (struct metrics_peer_detail){.peer.now = metrics_sample_unknown,
						       .peer.quality = metrics_quality_unknown};
		memcpy(detail->peer.public_key, key->public_key, DATAPLANE_KEY_SIZE);
		return true;
	}
	good = metrics_peer_detail_decode(detail, ask.answer, ask.answer_length) == 0;
	free(ask.answer);
	if (!good)
		ask_malformed(&ask, reply);
	return good;
}

void handle_metrics_peer(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = member_snapshot(request, SNAPSHOT_PEERS, reply);
	const struct control_member *member;
	struct metrics_peer_detail detail;
	struct metrics_key key;

	if (!snapshot)
		return;
	if (find_peer(request, snapshot, key.public_key, &member, reply) &&
	    ask_peer(request, &key, &detail, reply)) {
		reply_json(reply, 200,
			   view_metrics_peer(&detail, member, snapshot, clock_wall_us()));
		metrics_peer_detail_clear(&detail);
	}
	snapshot_clear(snapshot);
	free(snapshot);
}

static void answer_history(const struct request *request, const struct metrics_wish *wish,
			   struct reply *reply)
{
	struct gather_ask ask = question(METRICS_GET_PEER_HISTORY);
	struct metrics_peer_history history;
	uint8_t *bytes = NULL;
	ssize_t length = metrics_wish_encode(wish, &bytes);

	if (!ask_one(request, reply, &ask, bytes, length))
		return;
	if (metrics_peer_history_decode(&history, ask.answer, ask.answer_length) == 0) {
		reply_json(reply, 200, view_peer_history(&history));
		metrics_peer_history_clear(&history);
	} else {
		ask_malformed(&ask, reply);
	}
	free(ask.answer);
}

void handle_peer_history(const struct request *request, struct reply *reply)
{
	const struct control_member *member;
	struct metrics_wish wish;
	struct snapshot *snapshot;
	struct error error;

	if (range_take(request->target, clock_wall_us() / CLOCK_SECOND, &wish, &error) < 0) {
		reply_error(reply, 400, "bad_value", "%s", error.text);
		return;
	}
	snapshot = member_snapshot(request, BUS_FROM(SERVICE_CONTROL), reply);
	if (!snapshot)
		return;
	if (find_peer(request, snapshot, wish.public_key, &member, reply))
		answer_history(request, &wish, reply);
	snapshot_clear(snapshot);
	free(snapshot);
}
