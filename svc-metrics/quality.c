#include "svc-metrics/quality.h"

#include "common/clock.h"

#define MINUTE_US (60 * CLOCK_SECOND)

static double cut(double term)
{
	return term < 0 ? 0 : term > 100 ? 100 : term;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

/* Of what is not negative. */
static uint32_t rounded(double term)
{
	return (uint32_t)(term + 0.5);
}

struct metrics_quality quality_of(uint32_t rtt_us, uint32_t loss_permille, uint32_t jitter_us)
{
	struct metrics_quality quality = metrics_quality_unknown;
	double latency = cut(100 - rtt_us / 1000.0 / 1.5);
	double loss = cut(100 - 20 * (loss_permille / 10.0));
	double jitter = cut(100 - 2 * (jitter_us / 1000.0));
	double weighted = 0.40 * latency + 0.35 * loss + 0.25 * jitter;

	if (rtt_us != DATAPLANE_UNKNOWN)
		quality.latency = rounded(latency);
	if (loss_permille != DATAPLANE_UNKNOWN)
		quality.loss = rounded(loss);
	if (jitter_us != DATAPLANE_UNKNOWN)
		quality.jitter = rounded(jitter);
	if (rtt_us != DATAPLANE_UNKNOWN && loss_permille != DATAPLANE_UNKNOWN &&
	    jitter_us != DATAPLANE_UNKNOWN)
		quality.score = rounded(0.5 * weighted + 0.5 * least(latency, least(loss, jitter)));
	return quality;
}

/* Of the samples that are from_us to to_us old. False: too few have a score. */
static bool mean_score(const struct series *recent, uint64_t now_us, uint64_t from_us,
		       uint64_t to_us, double *mean)
{
	double sum = 0;
	size_t n = 0;

	for (size_t i = series_since(recent, now_us, to_us); i < recent->n; i++) {
		const struct metrics_sample *sample = series_sample(recent, i);
		const struct metrics_measures *measures = &sample->measures;
		uint32_t score;

		if (now_us - series_time_us(recent, i) < from_us)
			break;
		score = quality_of(measures->rtt_us, measures->loss_permille, measures->jitter_us)
				.score;
		if (score == METRICS_UNKNOWN_SCORE)
			continue;
		sum += score;
		n++;
	}
	*mean = n ? sum / (double)n : 0;
	return n >= QUALITY_TREND_LEAST;
}

enum metrics_trend quality_trend(const struct series *recent, uint64_t now_us)
{
	double last, before;

	if (!mean_score(recent, now_us, 0, MINUTE_US - 1, &last) ||
	    !mean_score(recent, now_us, MINUTE_US, 2 * MINUTE_US - 1, &before))
		return METRICS_TREND_UNKNOWN;
	if (last > before + QUALITY_TREND_APART)
		return METRICS_TREND_BETTER;
	return last < before - QUALITY_TREND_APART ? METRICS_TREND_WORSE : METRICS_TREND_STEADY;
}

const char *quality_grade(uint32_t score)
{
	if (score == METRICS_UNKNOWN_SCORE)
		return NULL;
	if (score >= 80)
		return "excellent";
	if (score >= 60)
		return "good";
	return score >= 40 ? "fair" : "poor";
}

uint32_t quality_of_network(const struct metrics_peers *peers, const struct metrics_peer **worst)
{
	double sum = 0;
	size_t n = 0;

	*worst = NULL;
	for (size_t i = 0; i < peers->n_peers; i++) {
		const struct metrics_peer *peer = &peers->peers[i];

		if (peer->now.state != METRICS_PEER_CONNECTED ||
		    peer->quality.score == METRICS_UNKNOWN_SCORE)
			continue;
		sum += peer->quality.score;
		n++;
		if (!*worst || peer->quality.score < (*worst)->quality.score)
			*worst = peer;
	}
	return n ? rounded(sum / (double)n) : METRICS_UNKNOWN_SCORE;
}
