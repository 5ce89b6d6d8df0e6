/* lanrage-api: REST and the page, on this machine only. */
#include <stdlib.h>

#include "common/log.h"
#include "svc-api/service.h"

int main(int argc, char **argv)
{
	static struct service service;
	struct error error;
	int status;

	if (service_init(&service, SERVICE_API, argc, argv, &error) < 0) {
		log_err("api: %s", error.text);
		return EXIT_FAILURE;
	}
	status = api_run(&service);
	service_deinit(&service);
	return status;
}
