/* handle_prometheus.c - everything there is to tell Prometheus, asked now. */
#include "svc-api/ask.h"
#include "svc-api/handlers.h"
#include "svc-api/routes.h"
#include "svc-api/snapshot.h"
#include "svc-api/view_prometheus.h"

/* Whatever answers is told. */
void handle_prometheus(const struct request *request, struct reply *reply)
{
	struct snapshot *snapshot = ask_snapshot(request, SNAPSHOT_LIVE, reply);

	if (snapshot)
		reply_text(reply, PROMETHEUS_CONTENT_TYPE, view_prometheus(snapshot));
	ask_done(snapshot);
}
