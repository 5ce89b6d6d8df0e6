/* lanrage-dataplane: the tunnel. */
#include "common/log.h"
#include "svc-dataplane/service.h"

int main(int argc, char **argv)
{
	static struct dataplane dataplane;
	struct error error = {0};

	if (service_start(&dataplane, argc, argv, &error) < 0) {
		log_err("dataplane: cannot start: %s", error.text);
		return 1;
	}
	service_run(&dataplane);
	service_stop(&dataplane);
	return 0;
}
