/* handle_peers.c - the other members, and one probe to one of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* The dataplane itself waits for 1 s. */
#define PROBE_MS 1500

/* The caller's to clear and free. NULL with the reply made. */
static struct snapshot *take(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return NULL;
	}
	snapshot_take(snapshot, request->api->gather, request->api->service->run, SNAPSHOT_PEERS);
	atomic_fetch_or(&request->api->seen, snapshot->answered);
	if (snapshot->control)
		return snapshot;
	reply_failure(reply, SERVICE_CONTROL, &snapshot->control_error);
	snapshot_clear(snapshot);
	free(snapshot);
	return NULL;
}

void handle_peers(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = take(request, reply);

	if (!snapshot)
		return;
	reply_json(reply, 200, view_peers(snapshot));
	snapshot_clear(snapshot);
	free(snapshot);
}

/* By id, else by name. NULL with the reply made. */
static const struct control_member *find_member(const struct control_status *control,
						const char *name, struct reply *reply)
{
	const struct control_member *found = NULL;
	char id[VIEW_ID_SIZE];
	size_t n = 0;

	for (size_t i = 0; i < control->n_members; i++) {
		const struct control_member *member = &control->members[i];

		if (strcmp(view_id(member->identity, id), name) == 0) {
			found = member;
			n = 1;
			break;
		}
		if (strcmp(member->name, name) == 0) {
			found = member;
			n++;
		}
	}
	if (n == 0)
		reply_error(reply, 404, "not_found",
			    "%s: nobody in the party has this name or id; `lanrage peers` lists "
			    "them",
			    name);
	else if (n > 1)
		reply_error(reply, 409, "ambiguous",
			    "%s: %zu members have this name; use the id that `lanrage peers "
			    "--json` shows",
			    name, n);
	else if (found->self)
		reply_error(reply, 400, "bad_value", "%s: that is this machine itself", name);
	return n == 1 && !found->self ? found : NULL;
}

static void say_why_not(const struct control_member *member, const struct error *error,
			struct reply *reply)
{
	const char *name = *member->name ? member->name : "the peer";

	switch (error->code) {
	case -ETIMEDOUT:
		reply_error(reply, 504, "no_answer", "%s: no answer within a second", name);
		break;
	case -ENETUNREACH:
	case -ENOENT:
		reply_error(reply, 409, "no_path",
			    "%s: no path yet; `lanrage peers` shows the reason", name);
		break;
	default: reply_failure(reply, SERVICE_DATAPLANE, error);
	}
}

static void probe(const struct request *request, const struct snapshot *snapshot,
		  const struct control_member *member, struct reply *reply)
{
	struct gather_ask ask = {
		.to = SERVICE_DATAPLANE, .type = DATAPLANE_PROBE, .timeout_ms = PROBE_MS};
	struct dataplane_probe_result result;
	struct dataplane_key key;
	uint8_t *bytes = NULL;
	ssize_t length;

	memcpy(key.public_key, member->wireguard_key, sizeof(key.public_key));
	length = dataplane_key_encode(&key, &bytes);
	if (length < 0) {
		reply_json(reply, 500, NULL);
		return;
	}
	ask.body = bytes;
	ask.length = (size_t)length;
	gather_run(request->api->gather, &ask, 1);
	free(bytes);
	if (ask.error.code == 0 &&
	    dataplane_probe_result_decode(&result, ask.answer, ask.answer_length) < 0)
		error_set(&ask.error, -EPROTO, "the answer is malformed");
	if (ask.error.code != 0)
		say_why_not(member, &ask.error, reply);
	else
		reply_json(reply, 200, view_probe(&result, snapshot));
	free(ask.answer);
}

void handle_ping(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = take(request, reply);
	const struct control_member *member;

	if (!snapshot)
		return;
	member = find_member(snapshot->control, request->parameter, reply);
	if (member)
		probe(request, snapshot, member, reply);
	snapshot_clear(snapshot);
	free(snapshot);
}
