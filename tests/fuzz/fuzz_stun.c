/* STUN: what parses can be written and parses again to the same; answers stay small. */
#include <stdlib.h>
#include <string.h>

#include "svc-nat/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct stun_message message, again;
	static uint8_t out[1 << 17];
	bool other;
	struct addr from = addr_ipv4(0xc0000201, 1);
	size_t answered =
		stun_answer(bytes, length, &from, length % 2 ? &other : NULL, out, sizeof(out));
	int written;

	if (answered > length + 56)
		abort();
	if (stun_parse(&message, bytes, length) < 0)
		return 0;
	/* unknown attributes of other classes and codes beside an error are not said again */
	if (message.class != STUN_ERROR)
		message.n_unknown = 0;
	memset(message.unknown + message.n_unknown, 0,
	       sizeof(message.unknown) - message.n_unknown * sizeof(message.unknown[0]));
	written = stun_write(&message, out, sizeof(out));
	if (written <= 0 || stun_parse(&again, out, (size_t)written) < 0 ||
	    memcmp(&message, &again, sizeof(message)) != 0)
		abort();
	return 0;
}
