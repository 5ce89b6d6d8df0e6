/* The relay's file of who is bound where: what decodes encodes, to something that decodes again. */
#include <stdlib.h>
#include <string.h>

#include "svc-nat/relay/statefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct forward_saved saved, again;
	uint64_t saved_s, again_s;
	uint8_t *encoded;
	ptrdiff_t n;

	if (statefile_decode(&saved, &saved_s, bytes, length) < 0)
		return 0;
	n = statefile_encode(&saved, saved_s, &encoded);
	if (n < 0 || statefile_decode(&again, &again_s, encoded, (size_t)n) < 0 ||
	    again_s != saved_s || again.n_members != saved.n_members ||
	    again.n_routes != saved.n_routes)
		abort();
	forward_saved_clear(&again);
	forward_saved_clear(&saved);
	free(encoded);
	return 0;
}
