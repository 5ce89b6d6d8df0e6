/* What the kernel may say of addresses and links: the first byte is how long the first datagram is,
 * in words of 16 bytes; the rest is the second one. */
#include <stdlib.h>
#include <string.h>

#include "svc-nat/dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void read_part(struct dump *dump, const uint8_t *bytes, size_t length)
{
	void *copy = malloc(length + 1); /* aligned, and no longer than it says */

	memcpy(copy, bytes, length);
	if (dump_read(dump, copy, length, 1, 0) > 1 || dump->n > DUMP_ADDRESSES_MAX)
		abort();
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct dump dump;
	size_t first;

	if (length == 0)
		return 0;
	first = 16 * (size_t)bytes[0] < length - 1 ? 16 * (size_t)bytes[0] : length - 1;
	dump_init(&dump);
	read_part(&dump, bytes + 1, first);
	read_part(&dump, bytes + 1 + first, length - 1 - first);
	for (size_t i = 0; i < dump.n; i++)
		if (!memchr(dump.list[i].interface, 0, sizeof(dump.list[i].interface)))
			abort();
	return 0;
}
