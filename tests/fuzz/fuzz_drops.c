/* The kernel's counters, as any text: what /proc/net/snmp and snmp6 say is taken apart by hand. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "svc-nat/drops.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = malloc(length + 1);

	if (!text)
		return 0;
	memcpy(text, bytes, length);
	text[length] = '\0';
	(void)drops_count(text, text);
	free(text);
	return 0;
}
