#include "svc-control/server/authority.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

struct authority {
	const char *host; /* borrowed, with brackets where there are any */
	size_t length;
	unsigned int port; /* 0: none given */
};

/* From first up to last. */
static bool split(struct authority *out, const char *first, const char *last)
{
	const char *colon = NULL;

	while (first < last && *first == ' ')
		first++;
	while (last > first && last[-1] == ' ')
		last--;
	for (const char *c = first; c < last; c++) {
		if (*c == ':')
			colon = c;
		else if (*c == ']')
			colon = NULL; /* what came before is inside the brackets */
	}
	out->port = 0;
	for (const char *c = colon ? colon + 1 : last; c < last; c++) {
		if (!isdigit((unsigned char)*c) || out->port > 65535)
			return false;
		out->port = out->port * 10 + (unsigned int)(*c - '0');
	}
	out->host = first;
	out->length = (size_t)((colon ? colon : last) - first);
	if (out->length > 1 && first[out->length - 1] == '.')
		out->length--;
	return out->length > 0 && out->port <= 65535;
}

static bool same_host(const struct authority *a, const struct authority *b)
{
	return a->length == b->length && strncasecmp(a->host, b->host, a->length) == 0;
}

static bool is_listed(const struct authority *claimed, const char *names)
{
	while (*names) {
		const char *end = names + strcspn(names, ",");
		struct authority name;

		if (split(&name, names, end) && same_host(&name, claimed) &&
		    (name.port == 0 || name.port == claimed->port))
			return true;
		names = *end ? end + 1 : end;
	}
	return false;
}

bool authority_matches(const char *header, const char *signed_for, const char *names)
{
	struct authority dialled, claimed;

	if (!split(&dialled, header, header + strlen(header)) ||
	    !split(&claimed, signed_for, signed_for + strlen(signed_for)) || claimed.port == 0 ||
	    !same_host(&dialled, &claimed))
		return false;
	if (dialled.port ? dialled.port != claimed.port : claimed.port != 80 && claimed.port != 443)
		return false;
	return !names || !*names || is_listed(&claimed, names);
}
