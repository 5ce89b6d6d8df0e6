#include "svc-api/service.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "svc-api/http.h"
#include "svc-api/live.h"
#include "svc-control/codec.h"

#define LISTEN_DEFAULT "127.0.0.1:8666"
#define SWEEP_MS       500

static const struct bus_method no_methods[] = {{0, 0, NULL}};

struct running {
	struct api api;
	struct loop loop;
	bool loop_ready;
	struct bus *bus;
	struct loop_timer sweep;
	struct mg_context *http;
};

static int read_token(const struct api *api, const char *name, char token[AUTH_TOKEN_MAX],
		      struct error *error)
{
	char path[PATH_MAX + 32], text[AUTH_TOKEN_MAX + 2] = "";
	size_t length = 0;
	int r;

	(void)snprintf(path, sizeof(path), "%s/%s", api->service->run, name);
	r = service_read_file(path, text, sizeof(text) - 1, &length);
	if (r < 0)
		return error_set(error, r,
				 "cannot read %.160s: %s; the launcher writes it, readable for the "
				 "group lanrage",
				 path, strerror(-r));
	r = auth_set_token(token, text);
	explicit_bzero(text, sizeof(text));
	if (r < 0)
		return error_set(error, r, "%.160s holds no token: %d visible characters or more",
				 path, AUTH_TOKEN_MIN);
	return 0;
}

/* ---- what the others do */

static void on_event(void *data, uint32_t type, bool resync, const uint8_t *body, size_t length)
{
	struct api *api = data;

	(void)type;
	(void)resync;
	(void)body;
	(void)length;
	events_kick(api->events);
}

static void on_control_event(void *data, uint32_t type, bool resync, const uint8_t *body,
			     size_t length)
{
	struct api *api = data;

	on_event(data, type, resync, body, length);
	if (resync || type == CONTROL_EVENT_SETTINGS)
		poster_kick(api->poster);
}

static void sweep(void *data)
{
	struct api *api = data;

	doorman_sweep(api->doorman, clock_now_us());
}

/* Without its events a change is seen by the next look. */
static void watch(struct running *running)
{
	static const struct {
		enum service_id id;
		bus_event heard;
	} telling[] = {{SERVICE_DATAPLANE, on_event},
		       {SERVICE_NAT, on_event},
		       {SERVICE_METRICS, on_event},
		       {SERVICE_CONTROL, on_control_event}};

	for (size_t i = 0; i < sizeof(telling) / sizeof(telling[0]); i++)
		if (bus_subscribe(running->bus, telling[i].id, telling[i].heard, &running->api) < 0)
			log_warning("%s: cannot subscribe to its events",
				    service_names[telling[i].id]);
	loop_timer_start(&running->loop, &running->sweep, SWEEP_MS, SWEEP_MS, sweep, &running->api);
}

/* ---- life */

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
		r = read_token(api, "token", api->auth.token, error);
	if (r < 0)
		return r;
	r = read_token(api, "scrape-token", api->auth.scrape_token, error);
	if (r < 0 && r != -ENOENT) /* under another supervisor there may be none */
		return r;
	api->auth.port = listen.port;
	auth_init(&api->auth);
	pthread_mutex_init(&api->mutex, NULL);
	json_object_seed(0); /* before there are threads */
	r = loop_init(&running->loop);
	running->loop_ready = r == 0;
	if (r == 0)
		r = bus_new(&running->bus, &running->loop, service);
	if (r == 0)
		r = gather_new(&api->gather, &running->loop, running->bus);
	if (r == 0)
		r = doorman_new(&api->doorman, listen.port);
	if (r == 0)
		r = live_start(api);
	if (r == 0)
		r = poster_new(&api->poster, api);
	if (r < 0)
		return error_set(error, r, "cannot start: %s", strerror(-r));
	r = bus_serve(running->bus, no_methods, NULL, error);
	watch(running);
	return r < 0 ? r : http_start(&running->http, api, &listen, error);
}

/* Whoever waits for the bus is woken before the bus goes, and the web server's threads end before
 * what they use. */
static void stop(struct running *running)
{
	if (running->api.gather)
		gather_close(running->api.gather);
	if (running->api.events)
		events_close(running->api.events);
	loop_timer_stop(&running->sweep);
	bus_free(running->bus);
	poster_close(running->api.poster);
	http_stop(running->http);
	poster_free(running->api.poster);
	events_free(running->api.events);
	doorman_free(running->api.doorman);
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
