/* live.h - the live events as a WebSocket (RFC 6455) at LIVE_PATH, and the state they tell of.
 *
 * The state is {"status", "network", "peers", "servers", "metrics", "system", "quality"}: what the
 * GETs of those names answer, lists of what has an id as objects by it; null what cannot be had at
 * the moment. Readers only read: whoever sends more than control frames is cut.
 */
#ifndef LANRAGE_API_LIVE_H
#define LANRAGE_API_LIVE_H

#include "svc-api/service.h"

#define LIVE_PATH "/api/v1/events"

struct mg_context;
struct mg_connection;

/* api is borrowed, and its events are made; its doorman and gather are there already. */
int live_start(struct api *api);
/* The web server then takes WebSockets there; who may open one, http.c has checked by then. */
void live_serve(struct mg_context *context, struct api *api);

#endif
