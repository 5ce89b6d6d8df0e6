#include "svc-metrics/span.h"

#include <string.h>

static const struct span gap = {
	.permille = SPAN_UNKNOWN_PERMILLE,
	.value = SPAN_UNKNOWN,
	.low = SPAN_UNKNOWN,
	.high = SPAN_UNKNOWN,
	.second = SPAN_UNKNOWN,
	.rx = SPAN_UNKNOWN,
	.tx = SPAN_UNKNOWN,
};

/* METRICS_UNKNOWN stays unknown; what is too large is as large as can be. */
static uint32_t narrow(uint64_t value)
{
	if (value == METRICS_UNKNOWN)
		return SPAN_UNKNOWN;
	return value < SPAN_UNKNOWN ? (uint32_t)value : SPAN_UNKNOWN - 1;
}

static uint16_t narrow_permille(uint32_t permille)
{
	return permille <= 1000 ? (uint16_t)permille : SPAN_UNKNOWN_PERMILLE;
}

struct span span_of_sample(const struct metrics_sample *sample)
{
	const struct metrics_measures *measures = &sample->measures;
	struct span span = gap;

	if (sample->state == METRICS_PEER_UNKNOWN || sample->state == METRICS_PEER_GONE)
		return span;
	span.looks = 1;
	span.state = (uint8_t)sample->state;
	span.path = (uint8_t)sample->path;
	span.permille = narrow_permille(measures->loss_permille);
	span.value = span.low = span.high = measures->rtt_us;
	span.second = measures->jitter_us;
	span.rx = narrow(measures->rx_bytes_per_s);
	span.tx = narrow(measures->tx_bytes_per_s);
	return span;
}

static void add_known(uint64_t *sum, uint64_t rate)
{
	if (rate != METRICS_UNKNOWN)
		*sum = *sum == METRICS_UNKNOWN ? rate : *sum + rate;
}

struct span span_of_system(const struct metrics_system *system, const char *own)
{
	uint64_t rx = METRICS_UNKNOWN, tx = METRICS_UNKNOWN;
	struct span span = gap;

	for (size_t i = 0; i < system->n_interfaces; i++) {
		const struct metrics_interface *interface = &system->interfaces[i];

		if (strcmp(interface->name, "lo") == 0 || strcmp(interface->name, own) == 0)
			continue;
		add_known(&rx, interface->rx_bytes_per_s);
		add_known(&tx, interface->tx_bytes_per_s);
	}
	span.looks = 1;
	span.permille = narrow_permille(system->cpu_permille);
	span.value = span.low = span.high = narrow(system->memory_available / 1024);
	span.second = narrow(system->memory_total / 1024);
	span.rx = narrow(rx);
	span.tx = narrow(tx);
	return span;
}

/* ---- sums */

static void add(struct tally_mean *mean, uint32_t value, uint32_t unknown, uint8_t looks)
{
	if (value == unknown)
		return;
	mean->sum += (uint64_t)value * looks;
	mean->weight += looks;
}

void tally_add(struct tally *tally, const struct span *span)
{
	if (span->looks == 0)
		return;
	if (span->value != SPAN_UNKNOWN) {
		if (tally->value.weight == 0 || span->low < tally->low)
			tally->low = span->low;
		if (tally->value.weight == 0 || span->high > tally->high)
			tally->high = span->high;
	}
	tally->looks += span->looks;
	tally->states[span->state] += span->looks;
	tally->paths[span->path] += span->looks;
	add(&tally->permille, span->permille, SPAN_UNKNOWN_PERMILLE, span->looks);
	add(&tally->value, span->value, SPAN_UNKNOWN, span->looks);
	add(&tally->second, span->second, SPAN_UNKNOWN, span->looks);
	add(&tally->rx, span->rx, SPAN_UNKNOWN, span->looks);
	add(&tally->tx, span->tx, SPAN_UNKNOWN, span->looks);
}

static uint32_t mean_of(const struct tally_mean *mean, uint32_t unknown)
{
	if (mean->weight == 0)
		return unknown;
	return (uint32_t)((mean->sum + mean->weight / 2) / mean->weight);
}

static uint8_t most_of(const uint64_t *looks, size_t n)
{
	size_t most = 0;

	for (size_t i = 1; i < n; i++)
		if (looks[i] > looks[most])
			most = i;
	return (uint8_t)most;
}

struct span tally_span(const struct tally *tally)
{
	struct span span = gap;

	if (tally->looks == 0)
		return span;
	span.looks = (uint8_t)(tally->looks < SPAN_LOOKS_MAX ? tally->looks : SPAN_LOOKS_MAX);
	span.state = most_of(tally->states, METRICS_PEER_STATES);
	span.path = most_of(tally->paths, METRICS_PATH_KINDS);
	span.permille = (uint16_t)mean_of(&tally->permille, SPAN_UNKNOWN_PERMILLE);
	span.value = mean_of(&tally->value, SPAN_UNKNOWN);
	span.low = tally->value.weight ? tally->low : SPAN_UNKNOWN;
	span.high = tally->value.weight ? tally->high : SPAN_UNKNOWN;
	span.second = mean_of(&tally->second, SPAN_UNKNOWN);
	span.rx = mean_of(&tally->rx, SPAN_UNKNOWN);
	span.tx = mean_of(&tally->tx, SPAN_UNKNOWN);
	return span;
}
