#include "svc-api/ask.h"

#include <errno.h>
#include <stdlib.h>

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
