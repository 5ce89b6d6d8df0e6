/* Bodies of svc-metrics' requests and answers; the first byte chooses the kind. What decodes must
 * encode, and to something that decodes again. */
#include <stdlib.h>

#include "svc-metrics/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define CLEAR_NOTHING(kind)                                              \
	static void metrics_##kind##_clear(struct metrics_##kind *value) \
	{                                                                \
		(void)value;                                             \
	}

CLEAR_NOTHING(wish)
CLEAR_NOTHING(system)
CLEAR_NOTHING(key)
CLEAR_NOTHING(game)
CLEAR_NOTHING(id)
CLEAR_NOTHING(page)

#define TRY(kind)                                                                     \
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
		metrics_##kind##_clear(&value);                                       \
		metrics_##kind##_clear(&again);                                       \
	}

TRY(wish)
TRY(system)
TRY(system_history)
TRY(peers)
TRY(peer_history)
TRY(peer_detail)
TRY(key)
TRY(game)
TRY(id)
TRY(page)
TRY(session)
TRY(sessions)

static void (*const tries[])(const uint8_t *bytes, size_t length) = {
	try_wish,	 try_system,   try_system_history, try_peers, try_peer_history,
	try_peer_detail, try_key,      try_game,	   try_id,    try_page,
	try_session,	 try_sessions,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length > 0)
		tries[bytes[0] % (sizeof(tries) / sizeof(tries[0]))](bytes + 1, length - 1);
	return 0;
}
