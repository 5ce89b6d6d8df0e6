/* sources.h - how much each address on the internet may ask for, before anybody is authenticated.
 *
 * Each source has one token bucket for every use. IPv6 counts by /64, since a host has all of one.
 * The table is fixed; whoever was not heard for longest in a set gives way, and a keyed hash
 * chooses the set, so nobody can choose whom to displace.
 */
#ifndef LANRAGE_DATAPLANE_SOURCES_H
#define LANRAGE_DATAPLANE_SOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/bucket.h"

#define SOURCES_USES 2 /* at most */

struct sources;

/* limits: one for each use, borrowed. -ENOMEM. */
int sources_new(struct sources **sources, const struct bucket_limit *limits, unsigned uses);
void sources_free(struct sources *sources);
/* Whether this address may have one more; counts it if so. use: index into limits. */
bool sources_take(struct sources *sources, uint64_t now_us, const struct addr *from, unsigned use);

#endif
