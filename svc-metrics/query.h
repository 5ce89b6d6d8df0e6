/* query.h - a range of one subject's history as a few buckets.
 *
 * The finest samples that reach back to the begin of the range are taken: of a second in memory,
 * of ten seconds or a minute from the archive, with what is not written yet. They are summed up
 * into buckets of equal length, a whole multiple of the samples', at whole multiples of it on the
 * wall clock, as few as the wish allows. Where nothing was measured there is no bucket.
 */
#ifndef LANRAGE_METRICS_QUERY_H
#define LANRAGE_METRICS_QUERY_H

#include "svc-metrics/archive.h"
#include "svc-metrics/series.h"
#include "svc-metrics/track.h"

struct query_source {
	struct archive *archive;
	const uint8_t *key;	     /* NULL: this machine */
	const struct track *track;   /* NULL: none */
	const struct series *recent; /* NULL: none */
	/* A sample of the series as a span; NULL where recent is. */
	struct span (*span_of)(const void *sample);
	uint64_t since_s; /* recent has all that this process has seen, which began then */
};

struct query_bucket {
	uint64_t at_s;
	uint32_t seconds;
	struct span span;
};

/* At most wish->points, oldest first, into *buckets, which is the caller's to free. The number, or
 * a negative errno. */
ssize_t query_run(const struct query_source *source, const struct metrics_wish *wish,
		  uint64_t now_us, uint64_t wall_us, struct query_bucket **buckets);

/* The buckets as answers. */
struct metrics_bucket query_bucket_of_peer(const struct query_bucket *bucket);
struct metrics_system_bucket query_bucket_of_system(const struct query_bucket *bucket);

#endif
