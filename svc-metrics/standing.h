/* standing.h - what one peer was like in a game session, summed up look by look. Pure.
 *
 * Only looks at which it was connected count. While the session runs, the histogram of its round
 * trips is kept; when it ends, only what is read from it stays. Packed bytes come back from the
 * disk and are taken for hostile.
 */
#ifndef LANRAGE_METRICS_STANDING_H
#define LANRAGE_METRICS_STANDING_H

#include <sys/types.h>

#include "svc-metrics/codec.h"
#include "svc-metrics/histogram.h"
#include "svc-metrics/span.h"

struct standing {
	uint8_t public_key[DATAPLANE_KEY_SIZE];
	uint32_t looks;
	uint32_t rtt_min_us, rtt_max_us; /* where rtt has a weight */
	struct tally_mean rtt, jitter, loss;
	uint32_t rtt_p95_us; /* once it has ended; else SPAN_UNKNOWN */
	struct histogram histogram;
};

void standing_init(struct standing *standing, const uint8_t public_key[DATAPLANE_KEY_SIZE]);
void standing_add(struct standing *standing, const struct metrics_sample *look);
void standing_end(struct standing *standing);
struct metrics_session_peer standing_result(const struct standing *standing);

#define STANDING_BYTES_MAX (85 + 5 * HISTOGRAM_BUCKETS)
/* The length. */
size_t standing_pack(const struct standing *standing, uint8_t bytes[STANDING_BYTES_MAX]);
/* One out of any bytes: how many it took, or -EBADMSG. */
ssize_t standing_unpack(struct standing *standing, const uint8_t *bytes, size_t length);

#endif
