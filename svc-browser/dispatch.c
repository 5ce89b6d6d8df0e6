/* dispatch.c - what may be asked of svc-browser, by whom, and which function answers. */
#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"
#include "svc-browser/service.h"

static void on_list(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	const struct browser *browser = data;
	struct browser_servers servers = {0};
	struct browser_filter filter;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (browser_filter_decode(&filter, body, length) < 0) {
		bus_reply_error(call, -EBADMSG, "the filter is malformed");
		return;
	}
	n = registry_list(&browser->registry, &filter, clock_now_us(), &servers);
	if (n == 0)
		n = browser_servers_encode(&servers, &bytes);
	browser_servers_clear(&servers);
	if (n < 0)
		bus_reply_error(call, (int)n, "out of memory");
	else
		bus_reply(call, bytes, (size_t)n);
	free(bytes);
}

static void on_register(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_server server;

	if (browser_server_decode(&server, body, length) < 0)
		bus_reply_error(call, -EBADMSG, "the server's description is malformed");
	else if (registry_put(&browser->registry, &server, clock_now_us(),
			      clock_wall_us() / CLOCK_SECOND) < 0)
		bus_reply_error(call, -ENOSPC, "too many servers are registered; remove one first");
	else
		bus_reply(call, NULL, 0);
}

static void on_remove(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_server server;

	if (browser_server_decode(&server, body, length) < 0)
		bus_reply_error(call, -EBADMSG, "the request is malformed");
	else if (registry_remove(&browser->registry, server.id) < 0)
		bus_reply_error(call, -ENOENT, "no server has that id");
	else
		bus_reply(call, NULL, 0);
}

const struct bus_method browser_methods[] = {
	{BROWSER_LIST, BUS_FROM(SERVICE_API), on_list},
	{BROWSER_REGISTER, BUS_FROM(SERVICE_API), on_register},
	{BROWSER_REMOVE, BUS_FROM(SERVICE_API), on_remove},
	{0, 0, NULL},
};
