/* Bodies of svc-control's requests and answers; the first byte chooses the kind. What decodes must
 * encode, and to something that decodes again. */
#include <stdlib.h>

#include "svc-control/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void nothing(const void *value)
{
	(void)value;
}
#define control_create_clear	  nothing
#define control_join_clear	  nothing
#define control_invite_wish_clear nothing
#define control_invite_clear	  nothing
#define control_up_clear	  nothing
#define control_title_clear	  nothing
#define control_code_clear	  nothing
#define control_kick_clear	  nothing
#define control_shared_clear	  nothing
#define control_secret_clear	  nothing

#define TRY(kind)                                                                     \
	static void try_##kind(const uint8_t *bytes, size_t length)                   \
	{                                                                             \
		struct control_##kind value, again;                                   \
		uint8_t *encoded;                                                     \
		ssize_t n;                                                            \
                                                                                      \
		if (control_##kind##_decode(&value, bytes, length) < 0)               \
			return;                                                       \
		n = control_##kind##_encode(&value, &encoded);                        \
		if (n < 0 || control_##kind##_decode(&again, encoded, (size_t)n) < 0) \
			abort();                                                      \
		free(encoded);                                                        \
		control_##kind##_clear(&value);                                       \
		control_##kind##_clear(&again);                                       \
	}

TRY(create)
TRY(join)
TRY(invite_wish)
TRY(invite)
TRY(up)
TRY(status)
TRY(title)
TRY(settings)
TRY(code)
TRY(kick)
TRY(shared)
TRY(shared_list)
TRY(changes)
TRY(configurations)
TRY(secret)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static void (*const tries[])(const uint8_t *, size_t) = {
		try_create, try_join,	     try_invite_wish, try_invite,	  try_up,
		try_status, try_title,	     try_settings,    try_code,		  try_kick,
		try_shared, try_shared_list, try_changes,     try_configurations, try_secret};

	if (length > 0)
		tries[bytes[0] % 15](bytes + 1, length - 1);
	return 0;
}
