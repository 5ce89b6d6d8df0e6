#include "svc-api/range.h"

#include <errno.h>
#include <stdbool.h>

/* Any time that can be written; beyond it nothing happens. */
#define TIME_MAX_S 253402300799ul /* the end of the year 9999 */

static int take(const struct target *target, const char *name, unsigned long max,
		unsigned long *number, struct error *error)
{
	if (target_number(target, name, max, number) == 0)
		return 0;
	return error_set(error, -EINVAL, "%s: must be a whole number from 0 to %lu", name, max);
}

int range_take(const struct target *target, uint64_t now_s, struct metrics_wish *wish,
	       struct error *error)
{
	bool has_from = target_parameter(target, "from", NULL) != NULL;
	bool has_seconds = target_parameter(target, "seconds", NULL) != NULL;
	unsigned long from = 0, to = now_s, seconds = RANGE_SECONDS_DEFAULT;
	unsigned long points = RANGE_POINTS_DEFAULT;

	if (take(target, "from", TIME_MAX_S, &from, error) < 0 ||
	    take(target, "to", TIME_MAX_S, &to, error) < 0 ||
	    take(target, "seconds", METRICS_KEPT_S, &seconds, error) < 0)
		return -EINVAL;
	if (target_number(target, "points", METRICS_POINTS_MAX, &points) < 0 ||
	    points < METRICS_POINTS_MIN)
		return error_set(error, -EINVAL, "points: must be a whole number from %d to %d",
				 METRICS_POINTS_MIN, METRICS_POINTS_MAX);
	if (has_from && has_seconds)
		return error_set(error, -EINVAL,
				 "seconds: says the same as from; give one of the two");
	if (!has_from)
		from = to > seconds ? to - seconds : 0;
	if (from > to)
		return error_set(error, -EINVAL, "from: is later than to");
	wish->from_s = from;
	wish->to_s = to;
	wish->points = (uint32_t)points;
	return 0;
}
