/* Inner control frames: whatever parses must write back to the same meaning. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "svc-dataplane/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t first[FRAME_MAX], second[FRAME_MAX];
	struct frame frame, again;
	int length;

	if (frame_parse(&frame, data, size) < 0)
		return 0;
	length = frame_write(&frame, 0, first, sizeof(first));
	if (length < 0)
		return 0; /* a ticket larger than frames may be */
	if (frame_parse(&again, first, (size_t)length) < 0 ||
	    frame_write(&again, 0, second, sizeof(second)) != length ||
	    memcmp(first, second, (size_t)length) != 0)
		abort();
	return 0;
}
