/* whose.h - which user's program is at the other end of a connection within this machine.
 *
 * Out of the kernel's table of TCP sockets (proc(5), /proc/net/tcp), where the other end is one
 * too, with its owner. It takes a walk through all of them, so it is for rare moments.
 */
#ifndef LANRAGE_API_WHOSE_H
#define LANRAGE_API_WHOSE_H

#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"

#define WHOSE_UNKNOWN UINT32_MAX /* nobody's number: not found, or not to be had */

/* from: the other end, IPv4; port: where it is connected to. */
uint32_t whose_connection(const struct addr *from, uint16_t port);
/* The same of any text. Pure. */
uint32_t whose_in(FILE *table, const struct addr *from, uint16_t port);

#endif
