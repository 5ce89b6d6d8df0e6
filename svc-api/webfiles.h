/* webfiles.h - the page and the API's description (openapi.json): a few files, built into the
 * program.
 *
 * So it needs no path that its user could read, and there is nothing to be tricked into reading.
 * Nothing in them is secret: they are served without a token.
 */
#ifndef LANRAGE_API_WEBFILES_H
#define LANRAGE_API_WEBFILES_H

struct webfile {
	const char *path; /* of the URL */
	const char *type;
	const char *bytes;
	const char *end;
};

/* NULL where the path is none of theirs. */
const struct webfile *webfiles_find(const char *path);

#endif
