#include "svc-metrics/sampler.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"
#include "svc-metrics/rate.h"

#define LINE_MAX_SIZE 512

/* `cpu  user nice system idle iowait irq softirq steal …`: idle and iowait are not busy. */
static int parse_stat(const char *text, uint64_t *busy, uint64_t *total)
{
	uint64_t ticks[8] = {0};

	if (strncmp(text, "cpu ", 4) != 0 ||
	    sscanf(text,
		   "cpu %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNu64 " %" SCNu64,
		   &ticks[0], &ticks[1], &ticks[2], &ticks[3], &ticks[4], &ticks[5], &ticks[6],
		   &ticks[7]) < 4)
		return -EBADMSG;
	*total = 0;
	for (size_t i = 0; i < 8; i++)
		*total += ticks[i];
	*busy = *total - ticks[3] - ticks[4];
	return 0;
}

/* The number after `name` at the beginning of a line. */
static int parse_meminfo_line(const char *text, const char *name, uint64_t *bytes)
{
	size_t length = strlen(name);
	uint64_t kib;

	while (strncmp(text, name, length) != 0) {
		text = strchr(text, '\n');
		if (!text)
			return -EBADMSG;
		text++;
	}
	if (sscanf(text + length, " %" SCNu64 " kB", &kib) != 1 || kib > UINT64_MAX / 1024)
		return -EBADMSG;
	*bytes = kib * 1024;
	return 0;
}

/* `  eth0: rx_bytes 7 more numbers tx_bytes …`. The kernel lets a name be any bytes; one that
 * cannot be shown is left out. */
static bool parse_net_dev_line(const char *line, struct metrics_interface *interface)
{
	return sscanf(line, " %15[^: \n]: %" SCNu64 " %*u %*u %*u %*u %*u %*u %*u %" SCNu64,
		      interface->name, &interface->rx_bytes, &interface->tx_bytes) == 3 &&
	       text_is_clean(interface->name);
}

/* The two lines of headings fit as little as a line that was cut off. */
static void parse_net_dev(const char *text, struct metrics_system *system)
{
	while (*text && system->n_interfaces < METRICS_INTERFACES_MAX) {
		struct metrics_interface found = {0};
		size_t length = strcspn(text, "\n");
		char line[LINE_MAX_SIZE];

		snprintf(line, sizeof(line), "%.*s", (int)(length < sizeof(line) ? length : 0),
			 text);
		if (parse_net_dev_line(line, &found))
			system->interfaces[system->n_interfaces++] = found;
		text += length + (text[length] == '\n');
	}
}

static const struct metrics_interface *find_interface(const struct metrics_system *system,
						      const char *name)
{
	for (size_t i = 0; i < system->n_interfaces; i++)
		if (strcmp(system->interfaces[i].name, name) == 0)
			return &system->interfaces[i];
	return NULL;
}

/* The count of iowait may go back (proc(5)); then the rest is more than the whole. */
static uint32_t permille(uint64_t part, uint64_t whole)
{
	if (part >= whole)
		return 1000;
	return (uint32_t)((double)part * 1000 / (double)whole);
}

static void set_rates(struct metrics_system *system, const struct metrics_system *last,
		      uint64_t elapsed_us)
{
	for (size_t i = 0; i < system->n_interfaces; i++) {
		struct metrics_interface *interface = &system->interfaces[i];
		const struct metrics_interface *before = find_interface(last, interface->name);

		interface->rx_bytes_per_s = METRICS_UNKNOWN;
		interface->tx_bytes_per_s = METRICS_UNKNOWN;
		if (!before)
			continue;
		interface->rx_bytes_per_s =
			rate_per_s(before->rx_bytes, interface->rx_bytes, elapsed_us);
		interface->tx_bytes_per_s =
			rate_per_s(before->tx_bytes, interface->tx_bytes, elapsed_us);
	}
}

int sampler_take(struct sampler *sampler, const char *stat, const char *meminfo,
		 const char *net_dev, uint64_t now_us)
{
	struct metrics_system next = {.cpu_permille = METRICS_UNKNOWN_PERMILLE};
	uint64_t busy, total, elapsed_us = now_us - sampler->sampled_us;

	if (parse_stat(stat, &busy, &total) < 0 ||
	    parse_meminfo_line(meminfo, "MemTotal:", &next.memory_total) < 0 ||
	    parse_meminfo_line(meminfo, "MemAvailable:", &next.memory_available) < 0)
		return -EBADMSG;
	parse_net_dev(net_dev, &next);
	set_rates(&next, &sampler->current, elapsed_us);
	if (sampler->sampled_us && elapsed_us <= RATE_APART_MAX_US && total > sampler->total &&
	    busy >= sampler->busy)
		next.cpu_permille = permille(busy - sampler->busy, total - sampler->total);
	sampler->busy = busy;
	sampler->total = total;
	sampler->sampled_us = now_us;
	sampler->current = next;
	return 0;
}
