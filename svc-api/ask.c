#include "svc-api/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "svc-api/routes.h"

bool ask_one(const struct request *request, struct reply *reply, struct gather_ask *ask,
	     uint8_t *bytes, ssize_t length)
{
	if (length < 0) {
		reply_json(reply, 500, NULL);
		return false;
	}
	ask->body = bytes;
	ask->length = (size_t)length;
	gather_run(request->api->gather, ask, 1);
	ask->body = NULL;
	free(bytes);
	if (ask->error.code == 0)
		return true;
	reply_failure(reply, ask->to, &ask->error);
	return false;
}

void ask_malformed(const struct gather_ask *ask, struct reply *reply)
{
	struct error error;

	error_set(&error, -EPROTO, "the answer is malformed");
	reply_failure(reply, ask->to, &error);
}

struct snapshot *ask_snapshot(const struct request *request, uint32_t sources, struct reply *reply)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot) {
		reply_json(reply, 500, NULL);
		return NULL;
	}
	snapshot_take(snapshot, request->api->gather, request->api->service->run, sources);
	atomic_fetch_or(&request->api->seen, snapshot->answered);
	return snapshot;
}

struct snapshot *ask_need(struct snapshot *snapshot, enum snapshot_source source,
			  struct reply *reply)
{
	if (!snapshot || snapshot->errors[source].code == 0)
		return snapshot;
	reply_failure(reply, snapshot_service(source), &snapshot->errors[source]);
	ask_done(snapshot);
	return NULL;
}

void ask_done(struct snapshot *snapshot)
{
	if (snapshot)
		snapshot_clear(snapshot);
	free(snapshot);
}

bool ask_is_early(const struct api *api, uint64_t now_us)
{
	return (api->seen & SNAPSHOT_SERVICES) != SNAPSHOT_SERVICES &&
	       now_us < api->started_us + API_STARTING_MS * CLOCK_MS;
}
