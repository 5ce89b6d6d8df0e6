/* range.h - which time of a history a request means, out of its query. Pure.
 *
 * `from` and `to` are seconds since 1970, `seconds` counts back from now (3600 where nothing is
 * said), `points` is how many buckets there may be at most.
 */
#ifndef LANRAGE_API_RANGE_H
#define LANRAGE_API_RANGE_H

#include "common/error.h"
#include "svc-api/target.h"
#include "svc-metrics/codec.h"

#define RANGE_SECONDS_DEFAULT 3600
#define RANGE_POINTS_DEFAULT  300

/* Sets all of wish but the key; now_s: of the wall clock. -EINVAL with words. */
int range_take(const struct target *target, uint64_t now_s, struct metrics_wish *wish,
	       struct error *error);

#endif
