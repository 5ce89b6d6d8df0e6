/* dispatch.c - what may be asked of svc-metrics, by whom, and which function answers. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-metrics/service.h"

static bool decode_wish(struct bus_call *call, struct metrics_wish *wish, const uint8_t *body,
			size_t length)
{
	if (metrics_wish_decode(wish, body, length) == 0)
		return true;
	bus_reply_error(call, -EBADMSG, "the request is malformed");
	return false;
}

static void take_system(const struct series *series, size_t i, uint64_t now_us,
			struct metrics_system *system)
{
	memcpy(system, series_sample(series, i), sizeof(*system));
	system->age_us = now_us - series_time_us(series, i);
}

static void on_get_system(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct series *series = &((const struct metrics *)data)->system;
	struct metrics_system system;
	uint8_t *bytes = NULL;
	ssize_t n;

	(void)body;
	(void)length;
	if (series->n == 0) {
		bus_reply_error(call, -EAGAIN, "nothing measured yet; ask again in a second");
		return;
	}
	take_system(series, series->n - 1, clock_now_us(), &system);
	n = metrics_system_encode(&system, &bytes);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_system_history(void *data, struct bus_call *call, const uint8_t *body,
				  size_t length)
{
	const struct series *series = &((const struct metrics *)data)->system;
	struct metrics_system_history history = {0};
	uint64_t now_us = clock_now_us();
	struct metrics_wish wish;
	uint8_t *bytes = NULL;
	ssize_t n = -ENOMEM;

	if (!decode_wish(call, &wish, body, length))
		return;
	history.samples = calloc(series->n + 1, sizeof(*history.samples));
	if (history.samples) {
		for (size_t i = series_since(series, now_us, wish.seconds * CLOCK_SECOND);
		     i < series->n; i++)
			take_system(series, i, now_us, &history.samples[history.n_samples++]);
		n = metrics_system_history_encode(&history, &bytes);
	}
	metrics_system_history_clear(&history);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_peers(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	struct metrics_peers peers;
	uint8_t *bytes = NULL;
	ssize_t n = peers_list(&metrics->peers, clock_now_us(), &peers);

	(void)body;
	(void)length;
	if (n == 0)
		n = metrics_peers_encode(&peers, &bytes);
	metrics_peers_clear(&peers);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_peer(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct metrics *metrics = data;
	struct metrics_peer_history history;
	struct metrics_wish wish;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (!decode_wish(call, &wish, body, length))
		return;
	n = peers_get(&metrics->peers, &wish, clock_now_us(), &history);
	if (n == -ENOENT) {
		bus_reply_error(call, -ENOENT, "this peer was not measured in the last hour");
		return;
	}
	if (n == 0)
		n = metrics_peer_history_encode(&history, &bytes);
	metrics_peer_history_clear(&history);
	bus_reply_encoded(call, n, bytes);
}

#define API BUS_FROM(SERVICE_API)

const struct bus_method metrics_methods[] = {
	{METRICS_GET_SYSTEM, API, on_get_system},
	{METRICS_GET_SYSTEM_HISTORY, API, on_get_system_history},
	{METRICS_GET_PEERS, API, on_get_peers},
	{METRICS_GET_PEER, API, on_get_peer},
	{0, 0, NULL},
};
