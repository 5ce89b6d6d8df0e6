#include "svc-metrics/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

/* Each wait is twice the last, so that rates are known soon after the start. */
#define SAMPLE_FIRST_MS 1000
#define SAMPLE_MS	10000
#define PROC_MAX	65536

/* At most PROC_MAX bytes from the beginning: the first lines of /proc/stat are all that is wanted,
 * and with many processors and interrupts the rest is longer than that. */
static char *read_proc(const char *path)
{
	char *text = malloc(PROC_MAX + 1);
	FILE *file = fopen(path, "re");
	size_t length = 0;

	if (text && file)
		length = fread(text, 1, PROC_MAX, file);
	if (file)
		fclose(file);
	if (length == 0) {
		free(text);
		return NULL;
	}
	text[length] = 0;
	return text;
}

static void sample_system(struct metrics *metrics)
{
	uint64_t now_us = clock_now_us();
	char *stat = read_proc("/proc/stat");
	char *meminfo = read_proc("/proc/meminfo");
	char *net_dev = read_proc("/proc/net/dev");

	if (!stat || !meminfo || !net_dev ||
	    sampler_take(&metrics->sampler, stat, meminfo, net_dev, now_us) < 0)
		log_warning("system: /proc could not be read; its values stay as they were");
	else if (series_add(&metrics->system, &metrics->sampler.current, now_us) < 0)
		log_warning("system: out of memory; a sample is lost");
	free(stat);
	free(meminfo);
	free(net_dev);
}

static void sample(void *data)
{
	struct metrics *metrics = data;

	sample_system(metrics);
	neighbour_ask(&metrics->neighbour);
	loop_timer_start(&metrics->loop, &metrics->timer, metrics->interval_ms, 0, sample, metrics);
	metrics->interval_ms *= 2;
	if (metrics->interval_ms > SAMPLE_MS)
		metrics->interval_ms = SAMPLE_MS;
}

static void on_data_plane(void *data, const struct dataplane_state *state)
{
	static struct log_limit failures;
	struct metrics *metrics = data;
	uint64_t now_us = clock_now_us();
	int r = state ? peers_take(&metrics->peers, state, now_us)
		      : peers_miss(&metrics->peers, now_us);

	if (r < 0 && log_limit_pass(&failures, now_us, 60 * CLOCK_SECOND))
		log_warning("peers: some have no sample: %s", strerror(-r));
	if (metrics->peers.left_out && log_limit_pass(&failures, now_us, 60 * CLOCK_SECOND))
		log_warning("peers: %zu more than the %d that are measured",
			    metrics->peers.left_out, METRICS_PEERS_MAX);
}

static int metrics_start(struct metrics *metrics, const struct service *service,
			 struct error *error)
{
	int r = loop_init(&metrics->loop);

	if (r == 0)
		r = bus_new(&metrics->bus, &metrics->loop, service);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	series_init(&metrics->system, sizeof(struct metrics_system));
	metrics->interval_ms = SAMPLE_FIRST_MS;
	neighbour_start(&metrics->neighbour, &metrics->loop, metrics->bus, on_data_plane, metrics);
	sample(metrics);
	return bus_serve(metrics->bus, metrics_methods, metrics, error);
}

int metrics_run(const struct service *service)
{
	static struct metrics metrics;
	struct error error;

	if (metrics_start(&metrics, service, &error) < 0) {
		log_err("metrics: %s", error.text);
		return EXIT_FAILURE;
	}
	loop_run(&metrics.loop);
	loop_timer_stop(&metrics.timer);
	bus_free(metrics.bus);
	neighbour_stop(&metrics.neighbour);
	loop_deinit(&metrics.loop);
	peers_deinit(&metrics.peers);
	series_deinit(&metrics.system);
	return EXIT_SUCCESS;
}
