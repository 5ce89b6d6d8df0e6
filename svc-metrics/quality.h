/* quality.h - how good the way to a peer is for a game, as one number from 0 to 100. Pure.
 *
 * Three terms, each cut to 0 to 100:
 *
 *     latency = 100 - rtt_ms / 1.5
 *     loss    = 100 - 20 * loss_pct
 *     jitter  = 100 - 2 * jitter_ms
 *
 *     weighted = 0.40 * latency + 0.35 * loss + 0.25 * jitter
 *     score    = round(0.5 * weighted + 0.5 * the least of the three)
 *
 * The least counts for half, so that a bad term cannot hide behind two good ones.
 *
 *     20 ms, 0.5 %, 0.3 ms: terms 86.7, 90, 99.4, weighted 91.0, score 89: excellent
 *     15 ms, 10 %, 1 ms:    terms 90, 0, 98, weighted 60.5, score 30: poor
 *
 * Whoever has no round trip, no loss or no jitter measured has no score. From 80 on it is
 * excellent, from 60 good, from 40 fair, below poor.
 */
#ifndef LANRAGE_METRICS_QUALITY_H
#define LANRAGE_METRICS_QUALITY_H

#include "svc-metrics/codec.h"
#include "svc-metrics/series.h"

/* Each of the three may be DATAPLANE_UNKNOWN. Terms that are known are set in any case, rounded;
 * the trend is unknown. */
struct metrics_quality quality_of(uint32_t rtt_us, uint32_t loss_permille, uint32_t jitter_us);

/* Of the two minutes before now, in a series of struct metrics_sample: the mean score of the last
 * minute against that of the one before. Unknown where either has fewer than QUALITY_TREND_LEAST
 * scores; steady up to QUALITY_TREND_APART points of difference. */
#define QUALITY_TREND_LEAST 10
#define QUALITY_TREND_APART 5
enum metrics_trend quality_trend(const struct series *recent, uint64_t now_us);

/* "excellent", "good", "fair", "poor"; NULL for METRICS_UNKNOWN_SCORE. */
const char *quality_grade(uint32_t score);

/* The mean of every connected peer's score, and who has the least; METRICS_UNKNOWN_SCORE and NULL
 * where nobody has one. *worst is borrowed from peers. */
uint32_t quality_of_network(const struct metrics_peers *peers, const struct metrics_peer **worst);

#endif
