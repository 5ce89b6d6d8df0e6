#include "svc-metrics/service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define SAMPLE_FIRST_MS 1000 /* rates are known soon after the start */
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

static void metrics_sample(void *data)
{
	struct metrics *metrics = data;
	bool first = metrics->sampler.sampled_us == 0;
	char *stat = read_proc("/proc/stat");
	char *meminfo = read_proc("/proc/meminfo");
	char *net_dev = read_proc("/proc/net/dev");

	if (!stat || !meminfo || !net_dev ||
	    sampler_take(&metrics->sampler, stat, meminfo, net_dev, clock_now_us(),
			 clock_wall_us()) < 0)
		log_warning("system: /proc could not be read; its values stay as they were");
	free(stat);
	free(meminfo);
	free(net_dev);
	loop_timer_start(&metrics->loop, &metrics->timer, first ? SAMPLE_FIRST_MS : SAMPLE_MS, 0,
			 metrics_sample, metrics);
}

static int metrics_start(struct metrics *metrics, const struct service *service,
			 struct error *error)
{
	int r = loop_init(&metrics->loop);

	if (r == 0)
		r = bus_new(&metrics->bus, &metrics->loop, service);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	metrics_sample(metrics);
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
	loop_deinit(&metrics.loop);
	return EXIT_SUCCESS;
}
