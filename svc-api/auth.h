/* auth.h - who may ask: pure checks of a request's headers.
 *
 * The page and the API are for programs of this machine that hold the token. Three things keep
 * other web pages in the user's browser out, each alone:
 * - Host must be localhost or a loopback address with our own port, so that a foreign name that
 *   resolves to 127.0.0.1 (DNS rebinding) gets nothing;
 * - Origin, where a browser sends one, must be our own page's;
 * - the token, compared in constant time, comes in a header that no foreign page can set unasked;
 *   or a session's cookie (login.h), which browsers do not send for foreign pages, and with which
 *   nothing is changed and no WebSocket opened unless Origin is there.
 * A second token, for reading the metrics text and nothing else, may be given to a scraper.
 */
#ifndef LANRAGE_API_AUTH_H
#define LANRAGE_API_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "svc-api/login.h"

#define AUTH_TOKEN_MAX 129 /* with the NUL */
#define AUTH_TOKEN_MIN 32  /* characters */

struct auth {
	char token[AUTH_TOKEN_MAX];
	char scrape_token[AUTH_TOKEN_MAX]; /* "": none */
	uint16_t port;
	struct login login;
};

/* Header values, borrowed; NULL where absent. */
struct auth_headers {
	const char *host;
	const char *origin;
	const char *authorization; /* `Bearer TOKEN` */
	const char *token;	   /* X-LANrage-Token: TOKEN */
	const char *cookie;
};

enum auth_verdict {
	AUTH_OK = 0,
	AUTH_FOREIGN_HOST,
	AUTH_FOREIGN_ORIGIN,
	AUTH_NO_TOKEN,
	AUTH_WRONG_TOKEN,
};

/* What is asked for. */
enum auth_need {
	AUTH_READ,   /* anything that changes nothing */
	AUTH_CHANGE, /* anything else, and live events */
	AUTH_SCRAPE, /* the metrics text */
};

/* Into token: the first line of text, which must be AUTH_TOKEN_MIN or more visible ASCII
 * characters. -EINVAL. */
int auth_set_token(char token[AUTH_TOKEN_MAX], const char *text);
/* Makes ready for logins; token and port are set. */
void auth_init(struct auth *auth);
/* Host and Origin; needed for everything. */
enum auth_verdict auth_check_source(const struct auth *auth, const struct auth_headers *headers);
/* The token, or a session; needed for all but static files. wall_s: seconds since 1970. */
enum auth_verdict auth_check_token(const struct auth *auth, const struct auth_headers *headers,
				   enum auth_need need, uint64_t wall_s);
/* The header that begins a session in the browser, `Set-Cookie: …` with CRLF. */
#define AUTH_COOKIE_SIZE 256
char *auth_set_cookie(const struct auth *auth, uint64_t wall_s, char header[AUTH_COOKIE_SIZE]);

#endif
