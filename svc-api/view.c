#include "svc-api/view.h"

#include <stdio.h>
#include <string.h>

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

json_t *view_count(uint64_t count)
{
	return count == UINT64_MAX ? json_null() : json_integer((json_int_t)count);
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

char *view_id(const uint8_t *bytes, char text[VIEW_ID_SIZE])
{
	for (size_t i = 0; i < 8; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}
