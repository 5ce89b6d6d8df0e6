/* What comes in at the group of local parties: any bytes. What is taken for a beacon packs to the
 * same bytes again. */
#include <stdlib.h>
#include <string.h>

#include "svc-control/beacon.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t key[BEACON_KEY_SIZE] = {1};
	const struct addr host = addr_ipv4(0xc0a80105, 0);
	uint8_t again[BEACON_SIZE];
	struct beacon beacon;

	if (beacon_unpack(&beacon, data, size) < 0)
		return 0;
	beacon_pack(&beacon, again);
	if (memcmp(again, data, size) != 0)
		abort();
	beacon_is_from(&beacon, key, &host);
	return 0;
}
