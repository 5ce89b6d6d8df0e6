/* The bus's envelope: the first byte chooses the message. */
#include <stdlib.h>
#include <string.h>

#include "common/bus.h"
#include "common/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static int (*const decoders[])(struct envelope *, const uint8_t *, size_t) = {
		envelope_decode_request,
		envelope_decode_reply,
		envelope_decode_event,
	};
	struct envelope envelope;

	if (length == 0 || decoders[bytes[0] % 3](&envelope, bytes + 1, length - 1) < 0)
		return 0;
	if (envelope.length > BUS_BODY_MAX || envelope.length > length || !envelope.body ||
	    envelope.error.code > 0 || strlen(envelope.error.text) >= ERROR_TEXT_MAX)
		abort();
	envelope_free(&envelope);
	return 0;
}
