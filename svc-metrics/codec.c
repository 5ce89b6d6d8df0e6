#include "svc-metrics/codec.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/pb.h"
#include "metrics.pb-c.h"

#define BUDGET (64u << 10)

ssize_t metrics_system_encode(const struct metrics_system *system, uint8_t **bytes)
{
	Lanrage__Metrics__System message = LANRAGE__METRICS__SYSTEM__INIT;
	Lanrage__Metrics__Interface items[METRICS_INTERFACES_MAX], *list[METRICS_INTERFACES_MAX];

	for (size_t i = 0; i < system->n_interfaces; i++) {
		const struct metrics_interface *from = &system->interfaces[i];

		lanrage__metrics__interface__init(&items[i]);
		items[i].name = pb_view_text(from->name);
		items[i].rx_bytes = from->rx_bytes;
		items[i].tx_bytes = from->tx_bytes;
		items[i].rx_bytes_per_s = from->rx_bytes_per_s;
		items[i].tx_bytes_per_s = from->tx_bytes_per_s;
		list[i] = &items[i];
	}
	message.sampled_wall_us = system->sampled_wall_us;
	message.cpu_permille = system->cpu_permille;
	message.memory_total = system->memory_total;
	message.memory_available = system->memory_available;
	message.n_interfaces = system->n_interfaces;
	message.interfaces = list;
	return pb_pack(&message.base, bytes);
}

static bool take_interface(const Lanrage__Metrics__Interface *message,
			   struct metrics_interface *interface)
{
	interface->rx_bytes = message->rx_bytes;
	interface->tx_bytes = message->tx_bytes;
	interface->rx_bytes_per_s = message->rx_bytes_per_s;
	interface->tx_bytes_per_s = message->tx_bytes_per_s;
	return *message->name &&
	       pb_take_text(message->name, interface->name, sizeof(interface->name));
}

static bool take_system(const Lanrage__Metrics__System *message, struct metrics_system *system)
{
	system->sampled_wall_us = message->sampled_wall_us;
	system->cpu_permille = message->cpu_permille;
	system->memory_total = message->memory_total;
	system->memory_available = message->memory_available;
	if (message->n_interfaces > METRICS_INTERFACES_MAX ||
	    (message->cpu_permille > 1000 && message->cpu_permille != METRICS_UNKNOWN_PERMILLE))
		return false;
	for (size_t i = 0; i < message->n_interfaces; i++)
		if (!take_interface(message->interfaces[i],
				    &system->interfaces[system->n_interfaces++]))
			return false;
	return true;
}

int metrics_system_decode(struct metrics_system *system, const uint8_t *bytes, size_t length)
{
	struct pb_memory memory;
	const Lanrage__Metrics__System *message =
		pb_unpack(&memory, BUDGET, &lanrage__metrics__system__descriptor, bytes, length);
	bool good;

	memset(system, 0, sizeof(*system));
	good = message && take_system(message, system);
	pb_free(&memory);
	return good ? 0 : -EBADMSG;
}
