/* Bodies of the dataplane's requests and answers; the first byte chooses the kind. What decodes
 * must encode, and to something that decodes again. */
#include <stdint.h>
#include <stdlib.h>

#include "svc-dataplane/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void again(int result)
{
	if (result < 0)
		abort();
}

static void try_party(const uint8_t *bytes, size_t length)
{
	struct dataplane_party party, second;
	uint8_t *encoded = NULL;

	if (dataplane_party_decode(&party, bytes, length) == 0) {
		ssize_t n = dataplane_party_encode(&party, &encoded);

		again(n < 0 ? -1 : dataplane_party_decode(&second, encoded, (size_t)n));
		dataplane_party_clear(&second);
	}
	dataplane_party_clear(&party);
	free(encoded);
}

static void try_plan(const uint8_t *bytes, size_t length)
{
	struct dataplane_plan plan, second;
	uint8_t *encoded = NULL;

	if (dataplane_plan_decode(&plan, bytes, length) == 0) {
		ssize_t n = dataplane_plan_encode(&plan, &encoded);

		again(n < 0 ? -1 : dataplane_plan_decode(&second, encoded, (size_t)n));
		dataplane_plan_clear(&second);
	}
	dataplane_plan_clear(&plan);
	free(encoded);
}

static void try_state(const uint8_t *bytes, size_t length)
{
	struct dataplane_state state, second;
	uint8_t *encoded = NULL;

	if (dataplane_state_decode(&state, bytes, length) == 0) {
		ssize_t n = dataplane_state_encode(&state, &encoded);

		again(n < 0 ? -1 : dataplane_state_decode(&second, encoded, (size_t)n));
		dataplane_state_clear(&second);
	}
	dataplane_state_clear(&state);
	free(encoded);
}

static void try_notes(const uint8_t *bytes, size_t length)
{
	struct dataplane_notes notes, second;
	uint8_t *encoded = NULL;

	if (dataplane_notes_decode(&notes, bytes, length) == 0) {
		ssize_t n = dataplane_notes_encode(&notes, &encoded);

		again(n < 0 ? -1 : dataplane_notes_decode(&second, encoded, (size_t)n));
		dataplane_notes_clear(&second);
	}
	dataplane_notes_clear(&notes);
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static struct dataplane_note note;
	struct dataplane_take_notes wish;
	struct dataplane_probe_result result;
	struct dataplane_key key;

	if (length == 0)
		return 0;
	switch (bytes[0] % 8) {
	case 0: try_party(bytes + 1, length - 1); break;
	case 1: try_plan(bytes + 1, length - 1); break;
	case 2: try_state(bytes + 1, length - 1); break;
	case 3: (void)dataplane_key_decode(&key, bytes + 1, length - 1); break;
	case 5: try_notes(bytes + 1, length - 1); break;
	case 6: (void)dataplane_note_decode(&note, bytes + 1, length - 1); break;
	case 7: (void)dataplane_take_notes_decode(&wish, bytes + 1, length - 1); break;
	default: (void)dataplane_probe_result_decode(&result, bytes + 1, length - 1); break;
	}
	return 0;
}
