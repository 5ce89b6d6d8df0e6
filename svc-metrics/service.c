#include "svc-metrics/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

/* With peers a look every second. Without, so that an idle machine is not woken, each wait is twice
 * the last up to ten seconds; rates are known soon after the start all the same. */
#define LOOK_FIRST_MS 1000
#define LOOK_IDLE_MS  10000
#define LOOK_QUICK_MS 1000
#define PROC_MAX      65536

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

static uint64_t wall_s(void)
{
	return clock_wall_us() / CLOCK_SECOND;
}

static void keep_system(struct metrics *metrics, uint64_t now_us)
{
	struct span look = span_of_system(&metrics->sampler.current, metrics->own);

	if (series_add(&metrics->system, &look, now_us) < 0)
		log_warning("system: out of memory; a sample is lost");
	recorder_add_system(&metrics->recorder, &look, wall_s());
}

static void look_at_system(struct metrics *metrics)
{
	uint64_t now_us = clock_now_us();
	char *stat = read_proc("/proc/stat");
	char *meminfo = read_proc("/proc/meminfo");
	char *net_dev = read_proc("/proc/net/dev");

	if (!stat || !meminfo || !net_dev ||
	    sampler_take(&metrics->sampler, stat, meminfo, net_dev, now_us) < 0)
		log_warning("system: /proc could not be read; its values stay as they were");
	else
		keep_system(metrics, now_us);
	free(stat);
	free(meminfo);
	free(net_dev);
}

/* Until the middle of a second of the wall clock, so that each second has its look. */
static uint64_t until_next_second(void)
{
	uint64_t wait_ms =
		LOOK_QUICK_MS - (clock_wall_us() / CLOCK_MS + LOOK_QUICK_MS / 2) % LOOK_QUICK_MS;

	return wait_ms < LOOK_QUICK_MS / 2 ? wait_ms + LOOK_QUICK_MS : wait_ms;
}

static void look(void *data)
{
	struct metrics *metrics = data;

	recorder_turn(&metrics->recorder, wall_s());
	look_at_system(metrics);
	neighbour_ask(&metrics->neighbour);
	loop_timer_start(&metrics->loop, &metrics->timer,
			 metrics->quick ? until_next_second() : metrics->interval_ms, 0, look,
			 metrics);
	metrics->interval_ms *= 2;
	if (metrics->interval_ms > LOOK_IDLE_MS)
		metrics->interval_ms = LOOK_IDLE_MS;
}

/* The first peer ends a long wait. */
static void set_pace(struct metrics *metrics)
{
	bool quick = metrics->peers.present > 0;

	if (quick && !metrics->quick)
		loop_timer_start(&metrics->loop, &metrics->timer, until_next_second(), 0, look,
				 metrics);
	metrics->quick = quick;
}

static int take_state(struct metrics *metrics, const struct dataplane_state *state, uint64_t now_us)
{
	int r = peers_take(&metrics->peers, state, now_us);

	if (*state->interface)
		(void)snprintf(metrics->own, sizeof(metrics->own), "%s", state->interface);
	recorder_turn(&metrics->recorder, wall_s());
	recorder_add_peers(&metrics->recorder, now_us, wall_s());
	games_add_peers(&metrics->games, &metrics->peers, now_us, wall_s());
	set_pace(metrics);
	return r;
}

static void on_data_plane(void *data, const struct dataplane_state *state)
{
	static struct log_limit failures;
	struct metrics *metrics = data;
	uint64_t now_us = clock_now_us();
	int r = state ? take_state(metrics, state, now_us) : peers_miss(&metrics->peers, now_us);

	if (r < 0 && log_limit_pass(&failures, now_us, 60 * CLOCK_SECOND))
		log_warning("peers: some have no sample: %s", strerror(-r));
	if (metrics->peers.left_out && log_limit_pass(&failures, now_us, 60 * CLOCK_SECOND))
		log_warning("peers: %zu more than the %d that are measured",
			    metrics->peers.left_out, METRICS_PEERS_MAX);
	bus_publish(metrics->bus, METRICS_EVENT_SAMPLED, NULL, 0);
}

static int open_history(struct metrics *metrics, const struct service *service)
{
	char path[PATH_MAX + 16];
	int r;

	(void)snprintf(path, sizeof(path), "%s/history.db", service->own_state);
	r = archive_open(&metrics->archive, path, ARCHIVE_BYTES_MAX);
	if (r < 0)
		return r;
	games_init(&metrics->games, metrics->archive);
	recorder_init(&metrics->recorder, metrics->archive, &metrics->peers, &metrics->games,
		      wall_s());
	return 0;
}

static int metrics_start(struct metrics *metrics, const struct service *service,
			 struct error *error)
{
	int r = loop_init(&metrics->loop);

	if (r == 0)
		r = bus_new(&metrics->bus, &metrics->loop, service);
	if (r == 0)
		r = open_history(metrics, service);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	series_init(&metrics->system, sizeof(struct span));
	(void)snprintf(metrics->own, sizeof(metrics->own), "%s",
		       config_get(service->config, "dataplane", "interface", "lanrage0"));
	metrics->interval_ms = LOOK_FIRST_MS;
	neighbour_start(&metrics->neighbour, &metrics->loop, metrics->bus, on_data_plane, metrics);
	look(metrics);
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
	(void)recorder_flush(&metrics.recorder, wall_s());
	games_deinit(&metrics.games);
	archive_close(metrics.archive);
	peers_deinit(&metrics.peers);
	series_deinit(&metrics.system);
	return EXIT_SUCCESS;
}
