/* kept.h - what svc-browser keeps in STATE/browser/servers: own servers and favourites.
 *
 * Written whole or not at all, 0600, with a checksum. One that is damaged or not ours is set aside
 * as `servers.bad`, and said so in the log: nothing of value is lost with it that cannot be
 * registered or marked again.
 */
#ifndef LANRAGE_BROWSER_KEPT_H
#define LANRAGE_BROWSER_KEPT_H

#include "svc-browser/codec.h"

/* directory: the service's own. Negative errno. */
int kept_save(const char *directory, const struct browser_kept *kept);
/* -ENOENT: none, or none that is any good; *kept is then empty. */
int kept_load(const char *directory, struct browser_kept *kept);
/* The file's bytes, whichever they are. Pure. -EBADMSG. */
int kept_parse(struct browser_kept *kept, const uint8_t *bytes, size_t length);

#endif
