#include "svc-api/auth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int auth_set_token(char token[AUTH_TOKEN_MAX], const char *text)
{
	size_t length = strcspn(text, "\r\n");

	if (length < AUTH_TOKEN_MIN || length >= AUTH_TOKEN_MAX)
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -EINVAL;
	memcpy(token, text, length);
	token[length] = '\0';
	return 0;
}

void auth_init(struct auth *auth)
{
	login_init(&auth->login, auth->token);
}

/* The name without its port, or NULL unless the port is ours. Browsers leave out port 80. */
static const char *name_before_port(const char *host, uint16_t port, char name[64])
{
	char wanted[8];
	const char *colon = strrchr(host, ':');
	size_t length = colon ? (size_t)(colon - host) : strlen(host);

	(void)snprintf(wanted, sizeof(wanted), ":%u", (unsigned int)port);
	if (colon ? strcmp(colon, wanted) != 0 : port != 80)
		return NULL;
	if (length >= 64)
		return NULL;
	memcpy(name, host, length);
	name[length] = '\0';
	return name;
}

static bool host_is_ours(const char *host, uint16_t port)
{
	struct in_addr address;
	char buffer[64];
	const char *name = name_before_port(host, port, buffer);

	if (!name)
		return false;
	if (strcasecmp(name, "localhost") == 0)
		return true;
	return inet_pton(AF_INET, name, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

static bool origin_is_ours(const char *origin, uint16_t port)
{
	static const char scheme[] = "http://";

	return strncasecmp(origin, scheme, sizeof(scheme) - 1) == 0 &&
	       host_is_ours(origin + sizeof(scheme) - 1, port);
}

enum auth_verdict auth_check_source(const struct auth *auth, const struct auth_headers *headers)
{
	if (!headers->host || !host_is_ours(headers->host, auth->port))
		return AUTH_FOREIGN_HOST;
	if (headers->origin && !origin_is_ours(headers->origin, auth->port))
		return AUTH_FOREIGN_ORIGIN;
	return AUTH_OK;
}

static const char *given_token(const struct auth_headers *headers)
{
	static const char scheme[] = "Bearer ";

	if (headers->token)
		return headers->token;
	if (!headers->authorization ||
	    strncasecmp(headers->authorization, scheme, sizeof(scheme) - 1) != 0)
		return NULL;
	return headers->authorization + sizeof(scheme) - 1;
}

/* ---- sessions */

/* Cookies are for all ports of a host, so the name has ours. */
static int cookie_name(const struct auth *auth, char name[32])
{
	return snprintf(name, 32, "lanrage_%u=", (unsigned int)auth->port);
}

char *auth_set_cookie(const struct auth *auth, uint64_t wall_s, char header[AUTH_COOKIE_SIZE])
{
	char name[32], value[LOGIN_COOKIE_SIZE];

	(void)cookie_name(auth, name);
	login_make_cookie(&auth->login, wall_s, value);
	(void)snprintf(header, AUTH_COOKIE_SIZE,
		       "Set-Cookie: %s%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Strict\r\n", name,
		       value, LOGIN_SESSION_S);
	return header;
}

/* RFC 6265 section 4.2.1: `a=b; c=d`. */
static bool has_session(const struct auth *auth, const char *cookies, uint64_t wall_s)
{
	char name[32], value[LOGIN_COOKIE_SIZE];
	size_t name_length = (size_t)cookie_name(auth, name);

	for (const char *at = cookies; at && *at;) {
		size_t length = strcspn(at, ";");

		if (length > name_length && length - name_length < sizeof(value) &&
		    strncmp(at, name, name_length) == 0) {
			(void)snprintf(value, sizeof(value), "%.*s", (int)(length - name_length),
				       at + name_length);
			return login_check_cookie(&auth->login, value, wall_s);
		}
		at += length;
		at += strspn(at, "; ");
	}
	return false;
}

/* The length is no secret: every token the launcher makes has the same. */
static bool is_token(const char *given, const char *token)
{
	size_t length = strlen(token);

	return length > 0 && strlen(given) == length && sodium_memcmp(given, token, length) == 0;
}

enum auth_verdict auth_check_token(const struct auth *auth, const struct auth_headers *headers,
				   enum auth_need need, uint64_t wall_s)
{
	const char *given = given_token(headers);

	if (!given && has_session(auth, headers->cookie, wall_s))
		return need == AUTH_CHANGE && !headers->origin ? AUTH_FOREIGN_ORIGIN : AUTH_OK;
	if (!given)
		return AUTH_NO_TOKEN;
	if (is_token(given, auth->token) ||
	    (need == AUTH_SCRAPE && is_token(given, auth->scrape_token)))
		return AUTH_OK;
	return AUTH_WRONG_TOKEN;
}
