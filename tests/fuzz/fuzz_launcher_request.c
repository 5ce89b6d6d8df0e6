/* The requests on RUN/launcher.sock: any bytes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "deploy/launcher/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct request request;
	struct error error = {0};

	int r = launcher_request_parse(&request, bytes, length, &error);
	if (r == 0 && (request.verb != REQUEST_RESTART || request.service >= SERVICE_COUNT))
		abort();
	if (r != 0 && (error.code != r || error.text[0] == '\0'))
		abort();
	return 0;
}
