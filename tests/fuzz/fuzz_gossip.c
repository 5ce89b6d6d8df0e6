/* Notes of other members' svc-controls: whatever unpacks must pack, to the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "svc-control/gossip_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct gossip_note note, again;
	static uint8_t packed[DATAPLANE_NOTE_MAX];
	ssize_t n;

	if (length > DATAPLANE_NOTE_MAX || gossip_unpack(&note, bytes, length) < 0)
		return 0;
	n = gossip_pack(&note, packed);
	if (n < 0 || gossip_unpack(&again, packed, (size_t)n) < 0 ||
	    memcmp(&note, &again, sizeof(note)) != 0)
		abort();
	return 0;
}
