/* RUN/services.json, as the API and the command line read it. */
#include <stdlib.h>
#include <string.h>

#include "svc-api/cli/place.h"
#include "svc-api/supervision.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct supervision supervision;
	struct place place = {0};
	json_t *json = json_loadb((const char *)bytes, length, 0, NULL);

	supervision_parse(&supervision, (const char *)bytes, length);
	for (int id = 0; id < SERVICE_COUNT; id++)
		if (strlen(supervision.services[id].state) >=
		    sizeof(supervision.services[id].state))
			abort();
	/* What it says goes into the address that is asked. */
	if (place_take_api(&place, json) == 0 && strpbrk(place.api, "/@?#\\ \r\n"))
		abort();
	json_decref(json);
	return 0;
}
