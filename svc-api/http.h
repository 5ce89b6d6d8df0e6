/* http.h - the web server: civetweb with every option said, so that nothing is on by default.
 *
 * It serves the API (routes.h), the live events (live.h), the page (webfiles.h) and the one-time
 * links of `lanrage ui` (login.h), and never looks up a file. Bodies have at most BODY_MAX bytes.
 *
 * A connection costs civetweb a thread from its first byte on, also where no request follows; the
 * doorman sees to it that there is always one for the next request. Who has the token may ask
 * HTTP_RATE times a second, all others together HTTP_STRANGERS times, and is told to wait (429)
 * beyond that: guessing a token or a link is hopeless, and holds up nobody who has one.
 */
#ifndef LANRAGE_API_HTTP_H
#define LANRAGE_API_HTTP_H

#include "common/addr.h"
#include "common/error.h"
#include "svc-api/service.h"

#define HTTP_RATE	2000
#define HTTP_STRANGERS	50
#define HTTP_REQUEST_MS "2000" /* for each read and write */

struct mg_connection;
struct mg_context;

/* Parses [api] listen. Anything but an IPv4 loopback address with a port is refused, with words. */
int http_parse_listen(const char *text, struct addr *listen, struct error *error);
/* api is borrowed, and used from other threads until http_stop() returns. */
int http_start(struct mg_context **context, struct api *api, const struct addr *listen,
	       struct error *error);
/* Whom a connection comes from. */
struct addr http_other_end(const struct mg_connection *connection);
/* Waits for the requests in progress. NULL is allowed. */
void http_stop(struct mg_context *context);

#endif
