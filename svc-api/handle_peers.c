/* handle_peers.c - the other members, and one probe to one of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "svc-api/ask.h"
#include "svc-api/clean.h"
#include "svc-api/explain.h"
#include "svc-api/handlers.h"
#include "svc-api/member.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

/* The dataplane itself waits for 1 s. */
#define PROBE_MS 1500

void handle_peers(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = member_snapshot(request, SNAPSHOT_MEMBERS, reply);

	if (!snapshot)
		return;
	reply_json(reply, 200, view_peers(snapshot));
	ask_done(snapshot);
}

/* Where nobody goes by the name there may be a reason for that, too. */
static void reply_why_absent(const struct request *request, const struct snapshot *snapshot,
			     struct reply *reply)
{
	enum nat_cause cause = explain_absence(snapshot);

	if (cause == NAT_CAUSE_NONE)
		return;
	reply_clear(reply);
	reply_json(reply, 200, view_why_absent(request->parameter, cause));
}

void handle_why(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = member_snapshot(request, SNAPSHOT_MEMBERS, reply);
	const struct control_member *member;

	if (!snapshot)
		return;
	member = member_find(snapshot->control, request->parameter, reply);
	if (!member && reply->status == 404)
		reply_why_absent(request, snapshot, reply);
	else if (member && (!snapshot->nat || !snapshot->dataplane))
		reply_error(reply, 504, "silent",
			    "the %s service does not answer, so it is not known how the peer is "
			    "reached; see `lanrage doctor`",
			    service_names[snapshot->nat ? SERVICE_DATAPLANE : SERVICE_NAT]);
	else if (member)
		reply_json(reply, 200, view_why(snapshot, member));
	ask_done(snapshot);
}

static void say_why_not(const struct control_member *member, const struct error *error,
			struct reply *reply)
{
	char name[CONTROL_NAME_MAX];

	clean_name(*member->name ? member->name : "the peer", name, sizeof(name));

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
	struct snapshot *snapshot = member_snapshot(request, SNAPSHOT_MEMBERS, reply);
	const struct control_member *member;

	if (!snapshot)
		return;
	member = member_find(snapshot->control, request->parameter, reply);
	if (member)
		probe(request, snapshot, member, reply);
	ask_done(snapshot);
}
