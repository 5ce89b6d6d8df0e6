#include "svc-api/service.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-api/http.h"

#define LISTEN_DEFAULT "127.0.0.1:8666"

static const struct bus_method no_methods[] = {{0, 0, NULL}};

struct running {
	struct api api;
	struct loop loop;
	bool loop_ready;
	struct bus *bus;
	struct mg_context *http;
};

static int read_token(struct api *api, struct error *error)
{
	char path[PATH_MAX + 8], text[AUTH_TOKEN_MAX + 2] = "";
	size_t length = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/token", api->service->run);
	r = service_read_file(path, text, sizeof(text) - 1, &length);
	if (r < 0)
		return error_set(error, r,
				 "cannot read %.160s: %s; the launcher writes it, readable for the "
				 "group lanrage",
				 path, strerror(-r));
	r = auth_set_token(&api->auth, text);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return error_set(error, r, "%.160s holds no token: %d visible characters or more",
				 path, AUTH_TOKEN_MIN);
	return 0;
}

static int start(struct running *running, const struct service *service, struct error *error)
{
	struct api *api = &running->api;
	struct addr listen;
	int r;

	api->service = service;
	api->started_us = clock_now_us();
	r = http_parse_listen(config_get(service->config, "api", "listen", LISTEN_DEFAULT), &listen,
			      error);
	if (r == 0)
		r = read_token(api, error);
	if (r < 0)
		return r;
	api->auth.port = listen.port;
	json_object_seed(0); /* before there are threads */
	r = loop_init(&running->loop);
	running->loop_ready = r == 0;
	if (r == 0)
		r = bus_new(&running->bus, &running->loop, service);
	if (r == 0)
		r = gather_new(&api->gather, &running->loop, running->bus);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	r = bus_serve(running->bus, no_methods, NULL, error);
	return r < 0 ? r : http_start(&running->http, api, &listen, error);
}

/* Whoever waits for the bus is woken before the bus goes, and the web server's threads end before
 * what they use. */
static void stop(struct running *running)
{
	if (running->api.gather)
		gather_close(running->api.gather);
	bus_free(running->bus);
	http_stop(running->http);
	gather_free(running->api.gather);
	if (running->loop_ready)
		loop_deinit(&running->loop);
	explicit_bzero(&running->api.auth, sizeof(running->api.auth));
}

int api_run(const struct service *service)
{
	static struct running running;
	struct error error;
	int r = start(&running, service, &error);

	if (r < 0)
		log_err("api: %s", error.text);
	else
		loop_run(&running.loop);
	stop(&running);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
