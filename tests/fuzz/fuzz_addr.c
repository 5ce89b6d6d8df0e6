/* Addresses and prefixes as somebody wrote them: what is read is written so that it is read again.
 */
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *copy = malloc(length + 1), text[ADDR_TEXT_SIZE];
	struct addr_prefix prefix;
	struct addr addr, again;

	memcpy(copy, bytes, length);
	copy[length] = 0;
	if (addr_parse(&addr, copy) == 0 &&
	    (addr_parse(&again, addr_format(&addr, text)) < 0 || !addr_equal(&addr, &again)))
		abort();
	if (addr_prefix_parse(&prefix, copy) == 0 && !addr_prefix_contains(&prefix, &prefix.addr))
		abort();
	free(copy);
	return 0;
}
