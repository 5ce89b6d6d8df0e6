/* stunport.h - answers STUN on the UDP port of the server's number.
 *
 * So a member learns its public address without a third party. On the loop's thread, in batches: at
 * most one batch a turn, so that a flood of requests cannot starve the WebSocket side. Each source
 * address is limited (LIMITS_STUN); the answer leaves from the address the request came to, and
 * from another port of it where the request asks for that (CHANGE-REQUEST, RFC 5780): so members
 * learn what their NAT lets in. Long requests (PADDING) measure the path; their answers are short.
 */
#ifndef LANRAGE_SERVER_STUNPORT_H
#define LANRAGE_SERVER_STUNPORT_H

#include <stddef.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/loop.h"
#include "svc-control/server/limits.h"

struct stunport;

/* limits is borrowed. One socket per address. -EADDRINUSE and others, with words. */
int stunport_new(struct stunport **stunport, struct loop *loop, const struct addr *addresses,
		 size_t n, struct limits *limits, struct error *error);
void stunport_free(struct stunport *stunport);

#endif
