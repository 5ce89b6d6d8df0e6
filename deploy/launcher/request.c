#include "deploy/launcher/request.h"

#include <errno.h>
#include <string.h>

#include "deploy/launcher/roster.h"

int launcher_request_parse(struct request *request, const uint8_t *bytes, size_t length,
			   struct error *error)
{
	static const char verb[] = "restart ";
	const size_t verb_length = sizeof(verb) - 1;

	if (length > REQUEST_MAX)
		return error_set(error, -EINVAL, "the request is too long");
	if (length > 0 && bytes[length - 1] == '\n')
		length--;
	if (length < verb_length || memcmp(bytes, verb, verb_length) != 0)
		return error_set(error, -EINVAL, "unknown request; known is: restart SERVICE");
	int id = roster_find((const char *)bytes + verb_length, length - verb_length);
	if (id < 0)
		return error_set(error, -EINVAL,
				 "unknown service; known are dataplane, nat, control, metrics, "
				 "browser and api");
	request->verb = REQUEST_RESTART;
	request->service = (enum service_id)id;
	return 0;
}
