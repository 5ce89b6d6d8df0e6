#include "svc-metrics/series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST 8

void series_init(struct series *series, size_t sample_size)
{
	*series = (struct series){.sample_size = sample_size};
}

void series_deinit(struct series *series)
{
	free(series->times_us);
	free(series->samples);
	series_init(series, series->sample_size);
}

static size_t slot(const struct series *series, size_t i)
{
	return (series->first + i) % series->room;
}

const void *series_sample(const struct series *series, size_t i)
{
	return series->samples + slot(series, i) * series->sample_size;
}

uint64_t series_time_us(const struct series *series, size_t i)
{
	return series->times_us[slot(series, i)];
}

const void *series_last(const struct series *series)
{
	return series->n ? series_sample(series, series->n - 1) : NULL;
}

/* Twice the room, with the samples in order at its begin. */
static int grow(struct series *series)
{
	struct series next = {.sample_size = series->sample_size, .n = series->n};

	next.room = series->room ? series->room * 2 : ROOM_FIRST;
	if (next.room > SERIES_MAX)
		next.room = SERIES_MAX;
	next.times_us = malloc(next.room * sizeof(*next.times_us));
	next.samples = malloc(next.room * next.sample_size);
	if (!next.times_us || !next.samples) {
		series_deinit(&next);
		return -ENOMEM;
	}
	for (size_t i = 0; i < series->n; i++) {
		next.times_us[i] = series_time_us(series, i);
		memcpy(next.samples + i * next.sample_size, series_sample(series, i),
		       next.sample_size);
	}
	series_deinit(series);
	*series = next;
	return 0;
}

static void drop_first(struct series *series)
{
	series->first = slot(series, 1);
	series->n--;
}

void series_expire(struct series *series, uint64_t now_us)
{
	while (series->n && now_us > series_time_us(series, 0) + SERIES_AGE_US)
		drop_first(series);
}

int series_add(struct series *series, const void *sample, uint64_t now_us)
{
	size_t at;

	if (series->n && now_us <= series_time_us(series, series->n - 1))
		return -ESTALE;
	series_expire(series, now_us);
	if (series->n == series->room && series->room < SERIES_MAX && grow(series) < 0)
		return -ENOMEM;
	if (series->n == SERIES_MAX)
		drop_first(series);
	at = slot(series, series->n++);
	series->times_us[at] = now_us;
	memcpy(series->samples + at * series->sample_size, sample, series->sample_size);
	return 0;
}

size_t series_since(const struct series *series, uint64_t now_us, uint64_t age_us)
{
	size_t i = 0;

	while (i < series->n && now_us - series_time_us(series, i) > age_us)
		i++;
	return i;
}
