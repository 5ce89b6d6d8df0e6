#include "svc-api/auth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int auth_set_token(struct auth *auth, const char *text)
{
	size_t length = strcspn(text, "\r\n");

	if (length < AUTH_TOKEN_MIN || length >= sizeof(auth->token))
		return -EINVAL;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return -EINVAL;
	memcpy(auth->token, text, length);
	auth->token[length] = '\0';
	return 0;
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

enum auth_verdict auth_check_token(const struct auth *auth, const struct auth_headers *headers)
{
	const char *given = given_token(headers);
	size_t length = strlen(auth->token);

	if (!given)
		return AUTH_NO_TOKEN;
	/* The length is no secret: every token the launcher makes has the same. */
	if (length == 0 || strlen(given) != length ||
	    sodium_memcmp(given, auth->token, length) != 0)
		return AUTH_WRONG_TOKEN;
	return AUTH_OK;
}
