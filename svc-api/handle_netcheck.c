/* handle_netcheck.c - the network, asked anew. */
#include <stdlib.h>

#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

#define CHECK_MS (NAT_CHECK_MS + 300)

static struct control_status *ask_control(const struct request *request)
{
	struct gather_ask ask = {.to = SERVICE_CONTROL,
				 .type = CONTROL_GET_STATUS,
				 .timeout_ms = SNAPSHOT_TIMEOUT_MS,
				 .repeatable = true};
	struct control_status *status = malloc(sizeof(*status));

	gather_run(request->api->gather, &ask, 1);
	if (status && (ask.error.code != 0 ||
		       control_status_decode(status, ask.answer, ask.answer_length) < 0)) {
		free(status);
		status = NULL;
	}
	free(ask.answer);
	return status;
}

void handle_netcheck(const struct request *request, struct reply *reply)
{
	struct gather_ask ask = {.to = SERVICE_NAT, .type = NAT_CHECK, .timeout_ms = CHECK_MS};
	struct nat_netcheck *check = malloc(sizeof(*check));
	struct control_status *control;

	if (!check) {
		reply_json(reply, 500, NULL);
		return;
	}
	if (ask_one(request, reply, &ask, NULL, 0)) {
		if (nat_netcheck_decode(check, ask.answer, ask.answer_length) < 0) {
			ask_malformed(&ask, reply);
		} else {
			control = ask_control(request);
			reply_json(reply, 200, view_netcheck(check, control));
			if (control)
				control_status_clear(control);
			free(control);
		}
		free(ask.answer);
	}
	free(check);
}
