/* dispatch.c - what may be asked of svc-browser, by whom, and which function answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "svc-browser/order.h"
#include "svc-browser/service.h"
#include "svc-browser/statistics.h"

#define OWN_STATUS_MS 300 /* the API waits 700 ms */

static const char no_such_server[] = "no server has that id; `lanrage servers --json` shows them";

static int get_server(const struct browser *browser, const char *id, struct browser_server *server)
{
	uint64_t now_us = clock_now_us();
	int r = registry_get(&browser->registry, &browser->favourites, id, now_us, server);

	if (r == 0)
		server->latency = latency_of(&browser->pinger.latency, server->host, now_us);
	return r;
}

/* Free with browser_servers_clear(). -ENOMEM. */
static int list_servers(const struct browser *browser, const struct browser_filter *filter,
			struct browser_servers *servers)
{
	uint64_t now_us = clock_now_us();
	int r = registry_list(&browser->registry, &browser->favourites, filter, now_us, servers);

	if (r < 0)
		return r;
	for (size_t i = 0; i < servers->n_servers; i++)
		servers->servers[i].latency =
			latency_of(&browser->pinger.latency, servers->servers[i].host, now_us);
	order_servers(servers, filter->sort);
	return 0;
}

static void reply_server(const struct browser *browser, struct bus_call *call, const char *id)
{
	struct browser_server server;
	uint8_t *bytes = NULL;
	ssize_t n;

	if (get_server(browser, id, &server) < 0) {
		bus_reply_error(call, -ENOENT, no_such_server);
		return;
	}
	n = browser_server_encode(&server, &bytes);
	bus_reply_encoded(call, n, bytes);
}

/* The words for what an own server cannot do; 0 is not among them. */
static void refuse(const struct browser *browser, struct bus_call *call, int code)
{
	char address[ADDR_TEXT_SIZE], text[ERROR_TEXT_MAX];

	switch (code) {
	case -EPERM:
		bus_reply_error(call, code,
				"the server runs on another member's machine; only that one can "
				"change it");
		break;
	case -EINVAL:
		bus_reply_error(call, code,
				"id, name, game and tags must not be blank, the id not have an "
				"`@`, and the port be 1 to 65535");
		break;
	case -EADDRNOTAVAIL:
		(void)snprintf(text, sizeof(text),
			       "address: the others reach this machine at %s; leave the address "
			       "out and name the port alone",
			       addr_format_ip(&browser->registry.self.address, address));
		bus_reply_error(call, -EINVAL, text);
		break;
	case -ENOSPC:
		bus_reply_error(call, code,
				"too many servers run on this machine already; remove one first");
		break;
	case -EMSGSIZE:
		bus_reply_error(call, -ENOSPC,
				"this machine's servers together are described at too great length "
				"to be told to the others; use shorter texts and fewer tags, or "
				"remove one");
		break;
	default: bus_reply_error(call, code, code == -ENOENT ? no_such_server : strerror(-code));
	}
}

/* result: of the registry, not negative. */
static void answer_news(struct browser *browser, struct bus_call *call, int result, const char *id)
{
	if (result == REGISTRY_SAME)
		browser_note_heartbeat(browser);
	else
		browser_note_change(browser);
	reply_server(browser, call, id);
}

static bool decode_wish(struct bus_call *call, struct browser_wish *wish, const uint8_t *body,
			size_t length)
{
	if (browser_wish_decode(wish, body, length) == 0)
		return true;
	bus_reply_error(call, -EBADMSG, "the request is malformed");
	return false;
}

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
	n = list_servers(browser, &filter, &servers);
	if (n == 0)
		n = browser_servers_encode(&servers, &bytes);
	browser_servers_clear(&servers);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_favourites(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	static const struct browser_filter filter = {.favourites = true};
	const struct browser *browser = data;
	struct browser_favourites favourites = {.n_ids = browser->favourites.n};
	uint8_t *bytes = NULL;
	ssize_t n = list_servers(browser, &filter, &favourites.servers);

	(void)body;
	(void)length;
	memcpy(favourites.ids, browser->favourites.ids, sizeof(favourites.ids));
	if (n == 0)
		n = browser_favourites_encode(&favourites, &bytes);
	browser_favourites_clear(&favourites);
	bus_reply_encoded(call, n, bytes);
}

static void on_get_statistics(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	static const struct browser_filter all;
	struct browser_statistics statistics = {0};
	struct browser_servers servers = {0};
	uint8_t *bytes = NULL;
	ssize_t n = list_servers(data, &all, &servers);

	(void)body;
	(void)length;
	if (n == 0)
		n = statistics_count(&statistics, &servers);
	if (n == 0)
		n = browser_statistics_encode(&statistics, &bytes);
	browser_statistics_clear(&statistics);
	browser_servers_clear(&servers);
	bus_reply_encoded(call, n, bytes);
}

static void on_measure(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_server server;
	struct browser_wish wish;

	if (!decode_wish(call, &wish, body, length))
		return;
	if (get_server(browser, wish.id, &server) < 0)
		bus_reply_error(call, -ENOENT, no_such_server);
	else if (server.own)
		bus_reply_error(call, -ELOOP,
				"the server runs on this machine, so there is no way to measure");
	else
		pinger_measure(&browser->pinger, server.host, call);
}

static void on_get(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser_wish wish;

	if (decode_wish(call, &wish, body, length))
		reply_server(data, call, wish.id);
}

static void register_server(struct browser *browser, struct bus_call *call,
			    struct browser_server *server)
{
	char plain[BROWSER_ID_MAX];
	int r;

	registry_plain_id(&browser->registry, server->id, plain);
	memcpy(server->id, plain, sizeof(server->id));
	r = sharing_check_room(&browser->registry, server);
	if (r == 0)
		r = registry_register(&browser->registry, server, clock_now_us(),
				      clock_wall_us() / CLOCK_SECOND);
	if (r < 0)
		refuse(browser, call, r);
	else
		answer_news(browser, call, r, server->id);
}

struct registration {
	struct browser *browser;
	struct bus_call *call;
	struct browser_server server;
};

static void on_own_status(void *data, const struct error *error, const uint8_t *body, size_t length)
{
	struct registration *registration = data;
	struct control_status status;

	if (!error && control_status_decode(&status, body, length) == 0) {
		browser_learn_self(registration->browser, &status);
		control_status_clear(&status);
	}
	if (!error || error->code != -ECANCELED)
		register_server(registration->browser, registration->call, &registration->server);
	free(registration);
}

/* The answer has the address, so svc-control is asked for it first: the event that tells of a party
 * may still be on its way. Where it is silent, what was known before has to do. */
static void on_register(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct registration *registration = calloc(1, sizeof(*registration));
	struct browser *browser = data;

	if (!registration) {
		bus_reply_error(call, -ENOMEM, strerror(ENOMEM));
		return;
	}
	registration->browser = browser;
	registration->call = call;
	if (browser_server_decode(&registration->server, body, length) < 0) {
		free(registration);
		bus_reply_error(call, -EBADMSG, "the server's description is malformed");
		return;
	}
	bus_request(browser->bus, SERVICE_CONTROL, CONTROL_GET_STATUS, NULL, 0, OWN_STATUS_MS,
		    on_own_status, registration);
}

static void on_remove(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_wish wish;
	int r;

	if (!decode_wish(call, &wish, body, length))
		return;
	r = registry_remove(&browser->registry, wish.id, clock_now_us());
	if (r < 0) {
		refuse(browser, call, r);
		return;
	}
	browser_note_change(browser);
	bus_reply(call, NULL, 0);
}

static void on_heartbeat(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_wish wish;
	int r;

	if (!decode_wish(call, &wish, body, length))
		return;
	r = registry_heartbeat(&browser->registry, wish.id, clock_now_us());
	if (r < 0) {
		refuse(browser, call, r);
		return;
	}
	browser_note_heartbeat(browser);
	reply_server(browser, call, wish.id);
}

static void on_set_players(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_wish wish;
	int r;

	if (!decode_wish(call, &wish, body, length))
		return;
	r = registry_set_players(&browser->registry, wish.id, wish.players, wish.max_players,
				 clock_now_us());
	if (r < 0) {
		refuse(browser, call, r);
		return;
	}
	answer_news(browser, call, r, wish.id);
}

static int set_favourite(struct browser *browser, const char *id, bool favourite)
{
	struct browser_server server;

	if (!favourite) {
		favourites_remove(&browser->favourites, id);
		return 0;
	}
	if (get_server(browser, id, &server) < 0)
		return -ENOENT;
	return favourites_add(&browser->favourites, id);
}

static void on_set_favourite(void *data, struct bus_call *call, const uint8_t *body, size_t length)
{
	struct browser *browser = data;
	struct browser_wish wish;
	char plain[BROWSER_ID_MAX];
	int r;

	if (!decode_wish(call, &wish, body, length))
		return;
	registry_plain_id(&browser->registry, wish.id, plain);
	r = set_favourite(browser, plain, wish.favourite);
	if (r == -ENOSPC)
		bus_reply_error(call, r, "there are too many favourites; take one away first");
	else if (r < 0)
		refuse(browser, call, r);
	else if (browser_save(browser) < 0)
		bus_reply_error(call, -EIO,
				"it would not outlive a restart, as nothing can be written; is the "
				"disk full?");
	else
		bus_reply(call, NULL, 0);
}

const struct bus_method browser_methods[] = {
	{BROWSER_LIST, BUS_FROM(SERVICE_API), on_list},
	{BROWSER_GET, BUS_FROM(SERVICE_API), on_get},
	{BROWSER_REGISTER, BUS_FROM(SERVICE_API), on_register},
	{BROWSER_REMOVE, BUS_FROM(SERVICE_API), on_remove},
	{BROWSER_HEARTBEAT, BUS_FROM(SERVICE_API), on_heartbeat},
	{BROWSER_SET_PLAYERS, BUS_FROM(SERVICE_API), on_set_players},
	{BROWSER_SET_FAVOURITE, BUS_FROM(SERVICE_API), on_set_favourite},
	{BROWSER_GET_FAVOURITES, BUS_FROM(SERVICE_API), on_get_favourites},
	{BROWSER_GET_STATISTICS, BUS_FROM(SERVICE_API), on_get_statistics},
	{BROWSER_MEASURE, BUS_FROM(SERVICE_API), on_measure},
	{0, 0, NULL},
};
