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

/* What was measured, and another source, whether that answers or not. */
static struct snapshot *ask_measured(const struct request *request, enum snapshot_source other,
				     struct reply *reply)
{
	return ask_need(
		ask_snapshot(request, SNAPSHOT_OF(SNAPSHOT_PEERS) | SNAPSHOT_OF(other), reply),
		SNAPSHOT_PEERS, reply);
}

void handle_metrics_peers(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_measured(request, SNAPSHOT_CONTROL, reply);

	if (snapshot)
		reply_json(reply, 200,
			   view_metrics_peers(snapshot->peers, snapshot->control, clock_wall_us()));
	ask_done(snapshot);
}

void handle_quality(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_measured(request, SNAPSHOT_CONTROL, reply);

	if (snapshot)
		reply_json(reply, 200, view_quality(snapshot->peers, snapshot->control));
	ask_done(snapshot);
}

/* The machine's part is unknown where it does not come. */
void handle_summary(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_measured(request, SNAPSHOT_SYSTEM, reply);

	if (snapshot)
		reply_json(reply, 200, view_summary(snapshot->peers, snapshot->system));
	ask_done(snapshot);
}

/* ---- one of them */

/* One that has left is found by the key that the list shows. */
static bool find_by_key(const struct metrics_peers *peers, const char *name,
			uint8_t key[DATAPLANE_KEY_SIZE])
{
	char id[TEXT_ID_SIZE];

	for (size_t i = 0; i < peers->n_peers; i++) {
		memcpy(key, peers->peers[i].public_key, DATAPLANE_KEY_SIZE);
		if (strcmp(text_id(key, id), name) == 0)
			return true;
	}
	return false;
}

/* The key of whom the path names; *member NULL: none of the party's now. False with the reply
 * made. */
static bool find_peer(const struct request *request, const struct snapshot *snapshot,
		      uint8_t key[DATAPLANE_KEY_SIZE], const struct control_member **member,
		      struct reply *reply)
{
	if (find_by_key(snapshot->peers, request->parameter, key)) {
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
	struct snapshot *snapshot = ask_need(
		member_snapshot(request, SNAPSHOT_MEMBERS | SNAPSHOT_OF(SNAPSHOT_PEERS), reply),
		SNAPSHOT_PEERS, reply);
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
	ask_done(snapshot);
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
	snapshot = ask_need(
		member_snapshot(request,
				SNAPSHOT_OF(SNAPSHOT_CONTROL) | SNAPSHOT_OF(SNAPSHOT_PEERS), reply),
		SNAPSHOT_PEERS, reply);
	if (!snapshot)
		return;
	if (find_peer(request, snapshot, wish.public_key, &member, reply))
		answer_history(request, &wish, reply);
	ask_done(snapshot);
}
