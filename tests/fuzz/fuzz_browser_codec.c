/* Bodies of svc-browser's requests and answers; the first byte chooses the kind. What decodes must
 * encode, and to something that decodes again. */
#include <stdlib.h>

#include "svc-browser/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void try_filter(const uint8_t *bytes, size_t length)
{
	struct browser_filter value, again;
	uint8_t *encoded;
	ssize_t n;

	if (browser_filter_decode(&value, bytes, length) < 0)
		return;
	n = browser_filter_encode(&value, &encoded);
	if (n < 0 || browser_filter_decode(&again, encoded, (size_t)n) < 0)
		abort();
	free(encoded);
}

static void try_server(const uint8_t *bytes, size_t length)
{
	struct browser_server value, again;
	uint8_t *encoded;
	ssize_t n;

	if (browser_server_decode(&value, bytes, length) < 0)
		return;
	n = browser_server_encode(&value, &encoded);
	if (n < 0 || browser_server_decode(&again, encoded, (size_t)n) < 0)
		abort();
	free(encoded);
}

static void try_servers(const uint8_t *bytes, size_t length)
{
	struct browser_servers value, again;
	uint8_t *encoded;
	ssize_t n;

	if (browser_servers_decode(&value, bytes, length) < 0)
		return;
	n = browser_servers_encode(&value, &encoded);
	if (n < 0 || browser_servers_decode(&again, encoded, (size_t)n) < 0)
		abort();
	free(encoded);
	browser_servers_clear(&value);
	browser_servers_clear(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	switch (bytes[0] % 3) {
	case 0: try_filter(bytes + 1, length - 1); break;
	case 1: try_server(bytes + 1, length - 1); break;
	default: try_servers(bytes + 1, length - 1); break;
	}
	return 0;
}
