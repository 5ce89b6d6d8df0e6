/* http.h - the web server: civetweb with every option said, so that nothing is on by default.
 *
 * It serves the API (routes.h) and the page (webfiles.h) and never looks up a file. At most
 * HTTP_THREADS requests at a time, bodies of at most BODY_MAX bytes, one request per connection.
 *
 * A connection costs civetweb a thread from its first byte on, also where no request follows. So
 * there are many threads, which cost little more than their stacks, none is kept open idle, and who
 * does not bring a request to its end within HTTP_REQUEST_MS gives the place up: before the next
 * one is served, a hundred that say nothing hold it up for that long, not for minutes.
 */
#ifndef LANRAGE_API_HTTP_H
#define LANRAGE_API_HTTP_H

#include "common/addr.h"
#include "common/error.h"
#include "svc-api/service.h"

#define HTTP_THREADS	"64"
#define HTTP_REQUEST_MS "2000"

struct mg_context;

/* Parses [api] listen. Anything but an IPv4 loopback address with a port is refused, with words. */
int http_parse_listen(const char *text, struct addr *listen, struct error *error);
/* api is borrowed, and used from other threads until http_stop() returns. */
int http_start(struct mg_context **context, struct api *api, const struct addr *listen,
	       struct error *error);
/* Waits for the requests in progress. NULL is allowed. */
void http_stop(struct mg_context *context);

#endif
