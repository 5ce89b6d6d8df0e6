/* The headers of a request that decide who may ask, apart by NUL: Host, Origin, Authorization,
 * X-LANrage-Token, Cookie. Who does not bring the token is never let in, and no foreign page is. */
#include <stdlib.h>
#include <string.h>

#include "svc-api/auth.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define TOKEN "0123456789abcdef0123456789abcdef"

static void check(const struct auth *auth, const struct auth_headers *headers)
{
	bool brought = (headers->token && strcmp(headers->token, TOKEN) == 0) ||
		       (headers->authorization && strstr(headers->authorization, TOKEN));

	for (enum auth_need need = AUTH_READ; need <= AUTH_SCRAPE; need++)
		if (auth_check_token(auth, headers, need, 1) == AUTH_OK && !brought)
			abort();
	if (auth_check_source(auth, headers) == AUTH_OK &&
	    (!headers->host || !strstr(headers->host, "8666") ||
	     (headers->origin && !strstr(headers->origin, "://"))))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *copy = malloc(length + 1);
	const char *texts[5] = {NULL};
	struct auth auth = {.port = 8666}, other = {0};
	size_t at = 0;

	memcpy(copy, bytes, length);
	copy[length] = 0;
	for (size_t i = 0; i < 5 && at < length; i++, at += strlen(copy + at) + 1)
		texts[i] = copy[at] ? copy + at : NULL;
	if (auth_set_token(auth.token, TOKEN) < 0)
		abort();
	auth_init(&auth);
	(void)auth_set_token(other.token, copy);
	check(&auth, &(struct auth_headers){texts[0], texts[1], texts[2], texts[3], texts[4]});
	free(copy);
	return 0;
}
