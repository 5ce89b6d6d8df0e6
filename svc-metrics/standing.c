#include "svc-metrics/standing.h"

#include <errno.h>
#include <string.h>

#include "svc-metrics/quality.h"

#define HEAD_SIZE  85
#define COUNT_SIZE 5

void standing_init(struct standing *standing, const uint8_t public_key[DATAPLANE_KEY_SIZE])
{
	memset(standing, 0, sizeof(*standing));
	memcpy(standing->public_key, public_key, DATAPLANE_KEY_SIZE);
	standing->rtt_p95_us = SPAN_UNKNOWN;
}

static void add(struct tally_mean *mean, uint32_t value)
{
	if (value == DATAPLANE_UNKNOWN)
		return;
	mean->sum += value;
	mean->weight++;
}

void standing_add(struct standing *standing, const struct metrics_sample *look)
{
	const struct metrics_measures *measures = &look->measures;

	if (look->state != METRICS_PEER_CONNECTED)
		return;
	standing->looks++;
	if (measures->rtt_us != DATAPLANE_UNKNOWN) {
		if (standing->rtt.weight == 0 || measures->rtt_us < standing->rtt_min_us)
			standing->rtt_min_us = measures->rtt_us;
		if (standing->rtt.weight == 0 || measures->rtt_us > standing->rtt_max_us)
			standing->rtt_max_us = measures->rtt_us;
		histogram_add(&standing->histogram, measures->rtt_us);
	}
	add(&standing->rtt, measures->rtt_us);
	add(&standing->jitter, measures->jitter_us);
	add(&standing->loss, measures->loss_permille);
}

/* The middle of a bucket may lie beyond all that was seen. */
static uint32_t p95_of(const struct standing *standing)
{
	uint32_t us = histogram_percentile(&standing->histogram, 95);

	if (us == UINT32_MAX)
		return standing->rtt_p95_us;
	if (us > standing->rtt_max_us)
		return standing->rtt_max_us;
	return us < standing->rtt_min_us ? standing->rtt_min_us : us;
}

void standing_end(struct standing *standing)
{
	standing->rtt_p95_us = p95_of(standing);
	memset(&standing->histogram, 0, sizeof(standing->histogram));
}

static uint32_t mean_of(const struct tally_mean *mean)
{
	if (mean->weight == 0)
		return DATAPLANE_UNKNOWN;
	return (uint32_t)((mean->sum + mean->weight / 2) / mean->weight);
}

struct metrics_session_peer standing_result(const struct standing *standing)
{
	bool known = standing->rtt.weight > 0;
	struct metrics_session_peer peer = {
		.samples = standing->looks,
		.rtt_us = mean_of(&standing->rtt),
		.rtt_min_us = known ? standing->rtt_min_us : DATAPLANE_UNKNOWN,
		.rtt_max_us = known ? standing->rtt_max_us : DATAPLANE_UNKNOWN,
		.rtt_p95_us = known ? p95_of(standing) : DATAPLANE_UNKNOWN,
		.jitter_us = mean_of(&standing->jitter),
		.loss_permille = mean_of(&standing->loss),
	};

	memcpy(peer.public_key, standing->public_key, DATAPLANE_KEY_SIZE);
	peer.quality = quality_of(peer.rtt_us, peer.loss_permille, peer.jitter_us).score;
	return peer;
}

/* ---- bytes: key, looks, least, most, three sums with their weights, p95, how many counts follow;
 * each is a bucket's number and its count. Little endian. */

static uint8_t *put(uint8_t *at, uint64_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*at++ = (uint8_t)(value >> (8 * i));
	return at;
}

static uint64_t get(const uint8_t **at, size_t size)
{
	uint64_t value = 0;

	for (size_t i = 0; i < size; i++)
		value |= (uint64_t) * (*at)++ << (8 * i);
	return value;
}

static uint8_t *put_mean(uint8_t *at, const struct tally_mean *mean)
{
	return put(put(at, mean->sum, 8), mean->weight, 4);
}

static bool get_mean(const uint8_t **at, struct tally_mean *mean, uint64_t most)
{
	mean->sum = get(at, 8);
	mean->weight = get(at, 4);
	return mean->sum <= mean->weight * most;
}

size_t standing_pack(const struct standing *standing, uint8_t bytes[STANDING_BYTES_MAX])
{
	uint8_t *at = bytes, *n;

	memcpy(at, standing->public_key, DATAPLANE_KEY_SIZE);
	at = put(at + DATAPLANE_KEY_SIZE, standing->looks, 4);
	at = put(at, standing->rtt_min_us, 4);
	at = put(at, standing->rtt_max_us, 4);
	at = put_mean(at, &standing->rtt);
	at = put_mean(at, &standing->jitter);
	at = put_mean(at, &standing->loss);
	at = put(at, standing->rtt_p95_us, 4);
	n = at;
	at = put(at, 0, 1);
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (standing->histogram.counts[i]) {
			at = put(put(at, i, 1), standing->histogram.counts[i], 4);
			++*n;
		}
	return (size_t)(at - bytes);
}

static bool get_counts(const uint8_t **at, size_t n, struct histogram *histogram)
{
	for (; n > 0; n--) {
		size_t bucket = get(at, 1);

		if (bucket >= HISTOGRAM_BUCKETS)
			return false;
		histogram->counts[bucket] = (uint32_t)get(at, 4);
	}
	return true;
}

ssize_t standing_unpack(struct standing *standing, const uint8_t *bytes, size_t length)
{
	const uint8_t *at = bytes;
	size_t n;

	if (length < HEAD_SIZE)
		return -EBADMSG;
	standing_init(standing, at);
	at += DATAPLANE_KEY_SIZE;
	standing->looks = (uint32_t)get(&at, 4);
	standing->rtt_min_us = (uint32_t)get(&at, 4);
	standing->rtt_max_us = (uint32_t)get(&at, 4);
	/* the largest of 32 bits is the unknown */
	if (!get_mean(&at, &standing->rtt, UINT32_MAX - 1) ||
	    !get_mean(&at, &standing->jitter, UINT32_MAX - 1) ||
	    !get_mean(&at, &standing->loss, 1000))
		return -EBADMSG;
	standing->rtt_p95_us = (uint32_t)get(&at, 4);
	n = get(&at, 1);
	if (n * COUNT_SIZE > length - HEAD_SIZE || !get_counts(&at, n, &standing->histogram))
		return -EBADMSG;
	return at - bytes;
}
