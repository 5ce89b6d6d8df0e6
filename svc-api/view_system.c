/* view_system.c - this machine: processors, memory, network interfaces, packets to everybody. */
#include <string.h>

#include "svc-api/view.h"

static json_t *view_traffic(const struct metrics_interface *interface)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "name", view_text(interface->name),
			 "rx_bytes", view_count(interface->rx_bytes), "tx_bytes",
			 view_count(interface->tx_bytes), "rx_bytes_per_s",
			 view_count(interface->rx_bytes_per_s), "tx_bytes_per_s",
			 view_count(interface->tx_bytes_per_s));
}

json_t *view_system(const struct metrics_system *system, uint64_t wall_us)
{
	json_t *json = json_object(), *interfaces = json_array();

	view_sampled(json, system->age_us, wall_us);
	for (size_t i = 0; i < system->n_interfaces; i++)
		json_array_append_new(interfaces, view_traffic(&system->interfaces[i]));
	json_object_set_new(json, "cpu_pct", view_percent(system->cpu_permille));
	json_object_set_new(json, "memory_total_bytes", view_count(system->memory_total));
	json_object_set_new(json, "memory_available_bytes", view_count(system->memory_available));
	json_object_set_new(json, "interfaces", interfaces);
	return json;
}

json_t *view_system_history(const struct metrics_system_history *history)
{
	json_t *json = json_array();

	for (size_t i = 0; i < history->n_buckets; i++) {
		const struct metrics_system_bucket *bucket = &history->buckets[i];

		json_array_append_new(
			json,
			json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "at",
				  view_count(bucket->at_s), "seconds", view_count(bucket->seconds),
				  "cpu_pct", view_percent(bucket->cpu_permille),
				  "memory_total_bytes", view_count(bucket->memory_total),
				  "memory_available_bytes", view_count(bucket->memory_available),
				  "rx_bytes_per_s", view_count(bucket->rx_bytes_per_s),
				  "tx_bytes_per_s", view_count(bucket->tx_bytes_per_s)));
	}
	return json;
}

json_t *view_lan(const struct dataplane_state *state)
{
	const struct dataplane_lan_counters *counters = &state->lan_counters;

	return json_pack("{s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "discovery",
			 (state->lan & DATAPLANE_LAN_DISCOVERY) != 0, "mdns",
			 (state->lan & DATAPLANE_LAN_MDNS) != 0, "ssdp",
			 (state->lan & DATAPLANE_LAN_SSDP) != 0, "sent", view_count(counters->sent),
			 "same", view_count(counters->same), "refused",
			 view_count(counters->refused), "capped", view_count(counters->capped),
			 "received", view_count(counters->received), "refused_received",
			 view_count(counters->refused_received), "capped_received",
			 view_count(counters->capped_received));
}

json_t *view_lan_check(const struct dataplane_lan_check *check)
{
	if (!check)
		return json_pack("{s:b, s:n, s:n, s:n, s:n}", "discovery", 0, "members", "heard",
				 "first_ms", "error");
	return json_pack("{s:b, s:o, s:o, s:o, s:o}", "discovery", 1, "members",
			 view_count(check->n_members), "heard", view_count(check->n_heard),
			 "first_ms", view_ms(check->first_us), "error",
			 check->error ? view_text(strerror((int)check->error)) : json_null());
}
