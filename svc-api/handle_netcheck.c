/* handle_netcheck.c - the network and LAN discovery, tried now. */
#include <errno.h>
#include <stdlib.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

#define CHECK_MS     (NAT_CHECK_MS + 300)
#define LAN_CHECK_MS 1500

void handle_netcheck(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_NAT, .type = NAT_CHECK, .timeout_ms = CHECK_MS};
	struct nat_netcheck *check = malloc(sizeof(*check));
	struct snapshot *snapshot;

	if (!check) {
		reply_json(reply, 500, NULL);
		return;
	}
	if (ask_one(request, reply, &ask, NULL, 0)) {
		if (nat_netcheck_decode(check, ask.answer, ask.answer_length) < 0) {
			ask_malformed(&ask, reply);
		} else {
			snapshot = ask_snapshot(request, SNAPSHOT_OF(SNAPSHOT_CONTROL), reply);
			if (snapshot)
				reply_json(reply, 200, view_netcheck(check, snapshot->control));
			ask_done(snapshot);
		}
		free(ask.answer);
	}
	free(check);
}

/* Switched off it is no failure, but what there is to say. */
void handle_lan_check(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = {
		.to = SERVICE_DATAPLANE, .type = DATAPLANE_CHECK_LAN, .timeout_ms = LAN_CHECK_MS};
	struct dataplane_lan_check check;

	if (!ask_one(request, reply, &ask, NULL, 0)) {
		if (ask.error.code == -EOPNOTSUPP)
			reply_json(reply, 200, view_lan_check(NULL));
		return;
	}
	if (dataplane_lan_check_decode(&check, ask.answer, ask.answer_length) == 0)
		reply_json(reply, 200, view_lan_check(&check));
	else
		ask_malformed(&ask, reply);
	free(ask.answer);
}
