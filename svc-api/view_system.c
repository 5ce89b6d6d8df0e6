/* view_system.c - this machine: processors, memory, network interfaces. */
#include "common/clock.h"
#include "svc-api/view.h"

static json_t *view_traffic(const struct metrics_interface *interface)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", view_text(interface->name),
			 "rx_bytes", view_count(interface->rx_bytes), "tx_bytes",
			 view_count(interface->tx_bytes), "rx_bytes_per_s",
			 view_count(interface->rx_bytes_per_s), "tx_bytes_per_s",
			 view_count(interface->tx_bytes_per_s));
}

json_t *view_system(const struct metrics_system *system)
{
	json_t *interfaces = json_array();
	json_t *cpu = json_null();
	char sampled[CLOCK_RFC3339_SIZE];

	for (size_t i = 0; i < system->n_interfaces; i++)
		json_array_append_new(interfaces, view_traffic(&system->interfaces[i]));
	if (system->cpu_permille != METRICS_UNKNOWN_PERMILLE)
		cpu = json_real(system->cpu_permille / 10.0);
	return json_pack("{s:s, s:o, s:o, s:o, s:o}", "sampled_at",
			 clock_rfc3339(system->sampled_wall_us, sampled), "cpu_pct", cpu,
			 "memory_total_bytes", view_count(system->memory_total),
			 "memory_available_bytes", view_count(system->memory_available),
			 "interfaces", interfaces);
}
