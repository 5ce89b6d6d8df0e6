#include "svc-browser/favourites.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static size_t find(const struct favourites *favourites, const char *id)
{
	size_t i = 0;

	while (i < favourites->n && strcmp(favourites->ids[i], id) != 0)
		i++;
	return i;
}

bool favourites_has(const struct favourites *favourites, const char *id)
{
	return find(favourites, id) < favourites->n;
}

int favourites_add(struct favourites *favourites, const char *id)
{
	if (favourites_has(favourites, id))
		return 0;
	if (favourites->n == BROWSER_FAVOURITES_MAX)
		return -ENOSPC;
	(void)snprintf(favourites->ids[favourites->n++], BROWSER_ID_MAX, "%s", id);
	return 0;
}

void favourites_remove(struct favourites *favourites, const char *id)
{
	size_t i = find(favourites, id);

	if (i == favourites->n)
		return;
	favourites->n--;
	memmove(favourites->ids[i], favourites->ids[i + 1],
		(favourites->n - i) * sizeof(favourites->ids[0]));
}
