/* RUN/services.json, as the API and the command line read it. */
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "svc-api/cli/complete.h"
#include "svc-api/cli/place.h"
#include "svc-api/supervision.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* A shell offers them: whole words, one a line, none that is an option. */
static void try_words(const json_t *json)
{
	char *text = NULL;
	size_t length = 0;
	FILE *out = open_memstream(&text, &length);

	complete_list(COMPLETES_SERVICES, json, out);
	complete_list(COMPLETES_PEERS, json, out);
	complete_list(COMPLETES_SERVERS, json, out);
	complete_list(COMPLETES_SESSIONS, json, out);
	complete_list(COMPLETES_RUNNING, json, out);
	(void)fclose(out);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (*line == '-' || !text_is_clean(line))
			abort();
	free(text);
}

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
	try_words(json);
	json_decref(json);
	return 0;
}
