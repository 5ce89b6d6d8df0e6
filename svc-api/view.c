#include "svc-api/view.h"

#include <string.h>

#include "common/clock.h"
#include "svc-api/clean.h"

json_t *view_text(const char *text)
{
	char cleaned[1100]; /* the longest text of any codec is a setting's, 1024 */

	if (!*text)
		return json_null();
	return json_string(clean_text(text, strlen(text), cleaned, sizeof(cleaned)));
}

json_t *view_endpoint(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return addr_is_none(addr) ? json_null() : json_string(addr_format(addr, text));
}

json_t *view_ip(const struct addr *addr)
{
	char text[ADDR_TEXT_SIZE];

	return addr_is_none(addr) ? json_null() : json_string(addr_format_ip(addr, text));
}

json_t *view_ms(uint32_t us)
{
	return us == DATAPLANE_UNKNOWN ? json_null() : json_real(us / 1000.0);
}

json_t *view_percent(uint32_t permille)
{
	return permille == UINT32_MAX ? json_null() : json_real(permille / 10.0);
}

json_t *view_seconds(uint64_t us)
{
	return us == UINT64_MAX ? json_null() : json_real((double)(us / CLOCK_MS) / 1000.0);
}

json_t *view_count(uint64_t count)
{
	return count == UINT64_MAX ? json_null() : json_integer((json_int_t)count);
}

void view_sampled(json_t *json, uint64_t age_us, uint64_t wall_us)
{
	char text[CLOCK_RFC3339_SIZE];

	json_object_set_new(json, "sampled_at",
			    age_us > wall_us ? json_null()
					     : json_string(clock_rfc3339(wall_us - age_us, text)));
	json_object_set_new(json, "age_s", view_seconds(age_us));
}

json_t *view_behaviour(enum nat_behaviour behaviour)
{
	return behaviour == NAT_UNKNOWN ? json_null() : json_string(nat_behaviour_text(behaviour));
}

const char *view_relay_state(enum dataplane_relay_state state)
{
	switch (state) {
	case DATAPLANE_RELAY_CONNECTING: return "connecting";
	case DATAPLANE_RELAY_BOUND: return "connected";
	case DATAPLANE_RELAY_REFUSED: return "refused";
	case DATAPLANE_RELAY_SILENT: return "silent";
	case DATAPLANE_RELAY_STATES: break;
	}
	return "silent";
}

json_t *view_relay(const struct snapshot *snapshot, enum dataplane_path_kind kind,
		   const uint8_t key[DATAPLANE_KEY_SIZE])
{
	const char *name = kind == DATAPLANE_PATH_RELAY ? snapshot_relay_name(snapshot, key) : NULL;

	return view_text(name ? name : "");
}

json_t *view_path_endpoint(const struct snapshot *snapshot, enum dataplane_path_kind kind,
			   const uint8_t key[DATAPLANE_KEY_SIZE], const struct addr *endpoint)
{
	const struct nat_state *nat = snapshot->nat;

	for (size_t i = 0; nat && kind == DATAPLANE_PATH_RELAY && i < nat->n_relays; i++)
		if (nat->relays[i].by_tcp &&
		    memcmp(nat->relays[i].public_key, key, DATAPLANE_KEY_SIZE) == 0)
			endpoint = &nat->relays[i].endpoint;
	return view_endpoint(endpoint);
}
