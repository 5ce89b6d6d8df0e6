/* Bodies of svc-metrics' requests and answers; the first byte chooses the kind. What decodes must
 * encode, and to something that decodes again. */
#include <stdlib.h>

#include "svc-metrics/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void clear_wish(struct metrics_wish *wish)
{
	(void)wish;
}

static void clear_system(struct metrics_system *system)
{
	(void)system;
}

#define TRY(kind, clear)                                                              \
	static void try_##kind(const uint8_t *bytes, size_t length)                   \
	{                                                                             \
		static struct metrics_##kind value, again;                            \
		uint8_t *encoded;                                                     \
		ssize_t n;                                                            \
                                                                                      \
		if (metrics_##kind##_decode(&value, bytes, length) < 0)               \
			return;                                                       \
		n = metrics_##kind##_encode(&value, &encoded);                        \
		if (n < 0 || metrics_##kind##_decode(&again, encoded, (size_t)n) < 0) \
			abort();                                                      \
		free(encoded);                                                        \
		clear(&value);                                                        \
		clear(&again);                                                        \
	}

TRY(wish, clear_wish)
TRY(system, clear_system)
TRY(system_history, metrics_system_history_clear)
TRY(peers, metrics_peers_clear)
TRY(peer_history, metrics_peer_history_clear)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	switch (bytes[0] % 5) {
	case 0: try_wish(bytes + 1, length - 1); break;
	case 1: try_system(bytes + 1, length - 1); break;
	case 2: try_system_history(bytes + 1, length - 1); break;
	case 3: try_peers(bytes + 1, length - 1); break;
	default: try_peer_history(bytes + 1, length - 1); break;
	}
	return 0;
}
