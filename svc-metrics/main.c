/* lanrage-metrics: what this machine and its peers do, measured. */
#include <stdlib.h>

#include "common/log.h"
#include "svc-metrics/service.h"

int main(int argc, char **argv)
{
	static struct service service;
	struct error error;
	int status;

	if (service_init(&service, SERVICE_METRICS, argc, argv, &error) < 0) {
		log_err("metrics: %s", error.text);
		return EXIT_FAILURE;
	}
	status = metrics_run(&service);
	service_deinit(&service);
	return status;
}
