/* handle_status.c - how things are. */
#include "common/clock.h"
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

void handle_status(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_snapshot(request, SNAPSHOT_STATUS, reply);

	if (!snapshot)
		return;
	if (ask_is_early(request->api, snapshot->now_us))
		reply_error(reply, 503, "starting",
			    "LANrage is starting; try again in a few seconds");
	else
		reply_json(reply, 200, view_status(snapshot));
	ask_done(snapshot);
}

void handle_network(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_snapshot(request, SNAPSHOT_MEMBERS, reply);

	if (snapshot)
		reply_json(reply, 200, view_network(snapshot));
	ask_done(snapshot);
}
