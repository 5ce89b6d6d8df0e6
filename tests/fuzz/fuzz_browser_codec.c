/* Bodies of svc-browser's requests and answers, its file's, and what other members tell; the first
 * byte chooses the kind. What decodes must encode, and to something that decodes again. */
#include <stdlib.h>

#include "svc-browser/codec.h"
#include "svc-browser/shared_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define TRY(kind)                                                                     \
	static void try_##kind(const uint8_t *bytes, size_t length)                   \
	{                                                                             \
		static struct browser_##kind value, again;                            \
		uint8_t *encoded;                                                     \
		ssize_t n;                                                            \
                                                                                      \
		if (browser_##kind##_decode(&value, bytes, length) < 0)               \
			return;                                                       \
		n = browser_##kind##_encode(&value, &encoded);                        \
		if (n < 0 || browser_##kind##_decode(&again, encoded, (size_t)n) < 0) \
			abort();                                                      \
		free(encoded);                                                        \
	}

TRY(filter)
TRY(server)
TRY(wish)
TRY(kept)
TRY(shared)
TRY(measurement)

/* Those that hold memory. */
#define TRY_CLEARED(kind)                                                             \
	static void try_##kind(const uint8_t *bytes, size_t length)                   \
	{                                                                             \
		static struct browser_##kind value, again;                            \
		uint8_t *encoded;                                                     \
		ssize_t n;                                                            \
                                                                                      \
		if (browser_##kind##_decode(&value, bytes, length) < 0)               \
			return;                                                       \
		n = browser_##kind##_encode(&value, &encoded);                        \
		if (n < 0 || browser_##kind##_decode(&again, encoded, (size_t)n) < 0) \
			abort();                                                      \
		free(encoded);                                                        \
		browser_##kind##_clear(&value);                                       \
		browser_##kind##_clear(&again);                                       \
	}

TRY_CLEARED(servers)
TRY_CLEARED(favourites)
TRY_CLEARED(statistics)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	switch (bytes[0] % 9) {
	case 0: try_filter(bytes + 1, length - 1); break;
	case 1: try_server(bytes + 1, length - 1); break;
	case 2: try_servers(bytes + 1, length - 1); break;
	case 3: try_wish(bytes + 1, length - 1); break;
	case 4: try_kept(bytes + 1, length - 1); break;
	case 5: try_shared(bytes + 1, length - 1); break;
	case 6: try_measurement(bytes + 1, length - 1); break;
	case 7: try_favourites(bytes + 1, length - 1); break;
	default: try_statistics(bytes + 1, length - 1); break;
	}
	return 0;
}
