/* lanrage-browser: the game servers of the party. */
#include <stdlib.h>

#include "common/log.h"
#include "svc-browser/service.h"

int main(int argc, char **argv)
{
	static struct service service;
	struct error error;
	int status;

	if (service_init(&service, SERVICE_BROWSER, argc, argv, &error) < 0) {
		log_err("browser: %s", error.text);
		return EXIT_FAILURE;
	}
	status = browser_run(&service);
	service_deinit(&service);
	return status;
}
