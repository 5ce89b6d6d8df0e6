#include "svc-dataplane/reflexive.h"

#include <string.h>

#include "common/clock.h"

#define FRESH_US (60 * CLOCK_SECOND)

/* The first count entries move down by one, over the one at count. */
static void put_first(struct reflexive *reflexive, size_t count, struct addr address,
		      uint64_t now_us)
{
	memmove(reflexive->addresses + 1, reflexive->addresses,
		count * sizeof(reflexive->addresses[0]));
	memmove(reflexive->seen_us + 1, reflexive->seen_us, count * sizeof(reflexive->seen_us[0]));
	reflexive->addresses[0] = address;
	reflexive->seen_us[0] = now_us;
}

bool reflexive_note(struct reflexive *reflexive, const struct addr *address, uint64_t now_us)
{
	size_t at = 0;

	if (!addr_is_sendable(address) || address->port == 0)
		return false;
	while (at < reflexive->count && !addr_equal(&reflexive->addresses[at], address))
		at++;
	if (at < reflexive->count) {
		put_first(reflexive, at, *address, now_us);
		return false;
	}
	if (reflexive->count == DATAPLANE_REFLEXIVE_MAX) {
		if (now_us - reflexive->seen_us[DATAPLANE_REFLEXIVE_MAX - 1] < FRESH_US)
			return false;
		reflexive->count--;
	}
	put_first(reflexive, reflexive->count++, *address, now_us);
	return true;
}
