#include "svc-browser/service.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define SWEEP_MS 5000

static void browser_sweep(void *data)
{
	struct browser *browser = data;
	size_t dropped = registry_expire(&browser->registry, clock_now_us());

	if (dropped)
		log_info("servers: %zu not heard of for %d s, removed", dropped, REGISTRY_EXPIRY_S);
}

static int browser_start(struct browser *browser, const struct service *service,
			 struct error *error)
{
	int r = loop_init(&browser->loop);

	if (r == 0)
		r = bus_new(&browser->bus, &browser->loop, service);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	loop_timer_start(&browser->loop, &browser->sweep, SWEEP_MS, SWEEP_MS, browser_sweep,
			 browser);
	return bus_serve(browser->bus, browser_methods, browser, error);
}

int browser_run(const struct service *service)
{
	static struct browser browser;
	struct error error;

	if (browser_start(&browser, service, &error) < 0) {
		log_err("browser: %s", error.text);
		return EXIT_FAILURE;
	}
	loop_run(&browser.loop);
	loop_timer_stop(&browser.sweep);
	bus_free(browser.bus);
	loop_deinit(&browser.loop);
	return EXIT_SUCCESS;
}
