/* Requests of `wg`: whatever comes in on the socket up to an empty line. */
#include <stdint.h>
#include <stdlib.h>

#include "svc-dataplane/uapi.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct uapi_request request;
	int result = uapi_parse(&request, (const char *)bytes, length);

	/* Every address that gets as far as the engine is within its family. */
	for (size_t i = 0; result == 0 && i < request.n_peers; i++) {
		const struct engine_peer_change *change = &request.peers[i].change;

		for (size_t k = 0; k < change->n_allowed_ips; k++) {
			const struct addr_prefix *prefix = &change->allowed_ips[k];

			if (prefix->length > 8 * addr_ip_length(&prefix->addr))
				abort();
		}
		if (change->endpoint && !addr_is_sendable(change->endpoint))
			abort();
	}
	uapi_request_clear(&request);
	return 0;
}
