/* The texts of /proc, one after the other with a NUL between: two samples of three texts each. What
 * is measured can be sent and is understood at the other end. */
#include <stdlib.h>
#include <string.h>

#include "svc-metrics/sampler.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define TEXTS 6

static void check(const struct metrics_system *system)
{
	struct metrics_system again;
	uint8_t *encoded;
	ssize_t n = metrics_system_encode(system, &encoded);

	if (n < 0 || metrics_system_decode(&again, encoded, (size_t)n) < 0 ||
	    again.n_interfaces != system->n_interfaces)
		abort();
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *copy = malloc(length + 1);
	const char *texts[TEXTS];
	struct sampler sampler = {0};
	size_t at = 0;

	memcpy(copy, bytes, length);
	copy[length] = 0;
	for (size_t i = 0; i < TEXTS; i++) {
		texts[i] = copy + at;
		at += strlen(copy + at);
		at += at < length;
	}
	for (size_t i = 0; i < TEXTS; i += 3)
		if (sampler_take(&sampler, texts[i], texts[i + 1], texts[i + 2],
				 (i + 1) * 1000000) == 0)
			check(&sampler.current);
	free(copy);
	return 0;
}
