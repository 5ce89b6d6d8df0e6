/* store_sqlite.h - the store in one SQLite file, STATE/server.db.
 *
 * WAL, fully synchronous: what was answered survives a kill and a power cut (being online, which
 * ends with the process anyway, survives a kill only). The file is this server's alone: it is
 * locked exclusively. A file that is damaged, belongs to another program or was written by a later
 * version is refused, and left as it is.
 */
#ifndef LANRAGE_SERVER_STORE_SQLITE_H
#define LANRAGE_SERVER_STORE_SQLITE_H

#include "svc-control/server/store.h"

/* Creates the file when missing (0600), checks every party's leases, marks everybody offline. */
int store_sqlite_open(struct store **store, const char *path, struct error *error);

#endif
