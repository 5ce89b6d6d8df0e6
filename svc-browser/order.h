/* order.h - in which order game servers are listed. Pure. */
#ifndef LANRAGE_BROWSER_ORDER_H
#define LANRAGE_BROWSER_ORDER_H

#include "svc-browser/codec.h"

/* By name or game, without case; by players, most first; by the EMA of the latency, least first.
 * What is unknown comes last, equals by id. BROWSER_SORT_NONE leaves them as they are. */
void order_servers(struct browser_servers *servers, enum browser_sort sort);

#endif
