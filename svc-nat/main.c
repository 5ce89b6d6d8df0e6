/* lanrage-nat: where this machine can be reached, and where the others may be. */
#include <stdlib.h>

#include "common/log.h"
#include "svc-nat/service.h"

int main(int argc, char **argv)
{
	static struct service service;
	struct error error = {0};
	int status;

	if (service_init(&service, SERVICE_NAT, argc, argv, &error) < 0) {
		log_err("nat: cannot start: %s", error.text);
		return EXIT_FAILURE;
	}
	status = service_run(&service);
	service_deinit(&service);
	return status;
}
