/* handle_logs.c - the ends of the logs. */
#include <errno.h>
#include <stdlib.h>

#include "svc-api/handlers.h"
#include "svc-api/logtail.h"
#include "svc-api/routes.h"
#include "svc-api/view.h"

void handle_logs(const struct request *request, struct reply *reply)
{
	unsigned long lines = LOGTAIL_LINES;
	struct logtail tail;
	struct error error;
	json_t *list;

	if (target_number(request->target, "lines", LOGTAIL_LINES_MAX, &lines) < 0) {
		reply_error(reply, 400, "bad_value", "lines: must be a number from 0 to %d",
			    LOGTAIL_LINES_MAX);
		return;
	}
	if (logtail_read(&tail, request->api->service->run, request->parameter, lines, &error) <
	    0) {
		reply_failure(reply, SERVICE_API, &error);
		return;
	}
	list = json_array();
	for (size_t i = 0; i < tail.n; i++)
		json_array_append_new(list, json_string(tail.lines[i]));
	logtail_clear(&tail);
	reply_json(reply, 200,
		   json_pack("{s:s?, s:o}", "service", request->parameter, "lines", list));
}
