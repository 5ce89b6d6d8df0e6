/* webfiles.h - the page: its few files, built into the program.
 *
 * So it needs no path that its user could read, and there is nothing to be tricked into reading.
 */
#ifndef LANRAGE_API_WEBFILES_H
#define LANRAGE_API_WEBFILES_H

struct webfile {
	const char *path; /* of the URL */
	const char *type;
	const char *bytes;
	const char *end;
};

/* NULL where the path is none of the page's. */
const struct webfile *webfiles_find(const char *path);

#endif
