/* favourites.h - the ids of the game servers that the user likes, in order of choice. Pure.
 *
 * A favourite is an id, so it stays one while its server is away and is known again when it comes
 * back: ids have their member in them.
 */
#ifndef LANRAGE_BROWSER_FAVOURITES_H
#define LANRAGE_BROWSER_FAVOURITES_H

#include "svc-browser/codec.h"

struct favourites {
	size_t n;
	char ids[BROWSER_FAVOURITES_MAX][BROWSER_ID_MAX];
};

bool favourites_has(const struct favourites *favourites, const char *id);
/* To add what is there or remove what is not is no error. -ENOSPC. */
int favourites_add(struct favourites *favourites, const char *id);
void favourites_remove(struct favourites *favourites, const char *id);

#endif
