/* Bodies of svc-nat's request and answers; the first byte chooses. What decodes must encode, and to
 * something that decodes again. */
#include <stdint.h>
#include <stdlib.h>

#include "svc-nat/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void again(int result)
{
	if (result < 0)
		abort();
}

static void try_desired(const uint8_t *bytes, size_t length)
{
	struct nat_desired desired, second;
	uint8_t *encoded = NULL;

	if (nat_desired_decode(&desired, bytes, length) == 0) {
		ssize_t n = nat_desired_encode(&desired, &encoded);

		again(n < 0 ? -1 : nat_desired_decode(&second, encoded, (size_t)n));
		nat_desired_clear(&second);
	}
	nat_desired_clear(&desired);
	free(encoded);
}

static void try_state(const uint8_t *bytes, size_t length)
{
	struct nat_state state, second;
	uint8_t *encoded = NULL;

	if (nat_state_decode(&state, bytes, length) == 0) {
		ssize_t n = nat_state_encode(&state, &encoded);

		again(n < 0 ? -1 : nat_state_decode(&second, encoded, (size_t)n));
		nat_state_clear(&second);
	}
	nat_state_clear(&state);
	free(encoded);
}

static void try_check(const uint8_t *bytes, size_t length)
{
	static struct nat_netcheck check, second;
	uint8_t *encoded = NULL;

	if (nat_netcheck_decode(&check, bytes, length) == 0) {
		ssize_t n = nat_netcheck_encode(&check, &encoded);

		again(n < 0 ? -1 : nat_netcheck_decode(&second, encoded, (size_t)n));
	}
	free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	if (length == 0)
		return 0;
	if (bytes[0] % 4 == 2)
		try_check(bytes + 1, length - 1);
	else if (bytes[0] % 2)
		try_state(bytes + 1, length - 1);
	else
		try_desired(bytes + 1, length - 1);
	return 0;
}
