/* lanrage-control: identity, party, members, leases and invites, settings, the server's session. */
#include <stdlib.h>

#include "common/log.h"
#include "svc-control/service.h"

int main(int argc, char **argv)
{
	static struct service service;
	struct error error;
	int status;

	if (service_init(&service, SERVICE_CONTROL, argc, argv, &error) < 0) {
		log_err("control: %s", error.text);
		return EXIT_FAILURE;
	}
	status = control_run(&service);
	service_deinit(&service);
	return status;
}
