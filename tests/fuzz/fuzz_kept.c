/* The file of own game servers and favourites: as it is, and with a checksum that fits, so that the
 * body behind it is read too. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "svc-browser/kept.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define CHECKSUM_AT   8
#define CHECKSUM_SIZE 16
#define HEAD_SIZE     (CHECKSUM_AT + CHECKSUM_SIZE)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct browser_kept kept;
	uint8_t *copy = malloc(length + 1);

	(void)kept_parse(&kept, bytes, length);
	memcpy(copy, bytes, length);
	if (length >= HEAD_SIZE) {
		crypto_generichash(copy + CHECKSUM_AT, CHECKSUM_SIZE, copy + HEAD_SIZE,
				   length - HEAD_SIZE, NULL, 0);
		if (kept_parse(&kept, copy, length) == 0 &&
		    kept.n_favourites > BROWSER_FAVOURITES_MAX)
			abort();
	}
	free(copy);
	return 0;
}
