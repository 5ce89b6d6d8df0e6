/* auth.h - who may ask: pure checks of a request's headers.
 *
 * The page and the API are for programs of this machine that hold the token. Three things keep
 * other web pages in the user's browser out, each alone:
 * - Host must be localhost or a loopback address with our own port, so that a foreign name that
 *   resolves to 127.0.0.1 (DNS rebinding) gets nothing;
 * - Origin, where a browser sends one, must be our own page's;
 * - the token, compared in constant time, comes in a header that no foreign page can set unasked.
 */
#ifndef LANRAGE_API_AUTH_H
#define LANRAGE_API_AUTH_H

#include <stdbool.h>
#include <stdint.h>

#define AUTH_TOKEN_MAX 129 /* with the NUL */
#define AUTH_TOKEN_MIN 32  /* characters */

struct auth {
	char token[AUTH_TOKEN_MAX];
	uint16_t port;
};

/* Header values, borrowed; NULL where absent. */
struct auth_headers {
	const char *host;
	const char *origin;
	const char *authorization; /* `Bearer TOKEN` */
	const char *token;	   /* X-LANrage-Token: TOKEN */
};

enum auth_verdict {
	AUTH_OK = 0,
	AUTH_FOREIGN_HOST,
	AUTH_FOREIGN_ORIGIN,
	AUTH_NO_TOKEN,
	AUTH_WRONG_TOKEN,
};

/* The first line of text, which must be AUTH_TOKEN_MIN or more visible ASCII characters. -EINVAL.
 */
int auth_set_token(struct auth *auth, const char *text);
/* Host and Origin; needed for everything. */
enum auth_verdict auth_check_source(const struct auth *auth, const struct auth_headers *headers);
/* The token; needed for all but static files. */
enum auth_verdict auth_check_token(const struct auth *auth, const struct auth_headers *headers);

#endif
