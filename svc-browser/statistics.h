/* statistics.h - what the game servers of a list come to together. Pure. */
#ifndef LANRAGE_BROWSER_STATISTICS_H
#define LANRAGE_BROWSER_STATISTICS_H

#include "svc-browser/codec.h"

/* Counts servers. Free with browser_statistics_clear(). -ENOMEM. */
int statistics_count(struct browser_statistics *statistics, const struct browser_servers *servers);

#endif
