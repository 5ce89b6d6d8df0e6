/* Both directions of the rendezvous protocol: whatever is accepted can be said again, unchanged. */
#include <stdlib.h>

#include "svc-control/rendezvous_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void client(const uint8_t *bytes, size_t length)
{
	struct rendezvous_client_frame frame, again;
	uint8_t *encoded;
	ssize_t encoded_length;

	if (rendezvous_client_decode(&frame, bytes, length) < 0)
		return;
	encoded_length = rendezvous_client_encode(&frame, &encoded);
	if (encoded_length <= 0 ||
	    rendezvous_client_decode(&again, encoded, (size_t)encoded_length) < 0)
		abort();
	free(encoded);
	rendezvous_client_clear(&again);
	rendezvous_client_clear(&frame);
}

static void server(const uint8_t *bytes, size_t length)
{
	struct rendezvous_server_frame frame, again;
	uint8_t *encoded;
	ssize_t encoded_length;

	if (rendezvous_server_decode(&frame, bytes, length) < 0)
		return;
	encoded_length = rendezvous_server_encode(&frame, &encoded);
	if (encoded_length <= 0 ||
	    rendezvous_server_decode(&again, encoded, (size_t)encoded_length) < 0)
		abort();
	free(encoded);
	rendezvous_server_clear(&again);
	rendezvous_server_clear(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	client(bytes, length);
	server(bytes, length);
	return 0;
}
