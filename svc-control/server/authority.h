/* authority.h - whether a login was meant for this server.
 *
 * The client signs the "host:port" it dialled. The same appears in its HTTP Host header, so a login
 * that was made for another server and passed on to this one shows: either the header names the
 * other server, or it does not match what was signed. Where the configuration lists the server's
 * names, the host must be among them as well, which holds even against somebody who can choose the
 * header.
 */
#ifndef LANRAGE_SERVER_AUTHORITY_H
#define LANRAGE_SERVER_AUTHORITY_H

#include <stdbool.h>

/* header: the Host header as received; a missing port stands for 80 or 443 (a proxy may have taken
 * TLS away). signed_for: Login's server_address, always with port. names: comma-separated `host`
 * or `host:port`, NULL or empty: any. Case and one final dot of the host do not matter. */
bool authority_matches(const char *header, const char *signed_for, const char *names);

#endif
